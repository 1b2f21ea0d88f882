//! Rules that choose the routing table (`ip rule`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures_util::TryStreamExt;
use ipnet::IpNet;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::RouteProtocol;
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use rtnetlink::IpVersion;

use super::{Error, Netlink, has_errno, refused};

/// A rule of policy routing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// Rules are asked by rising preference until one knows a route.
    pub preference: u32,
    /// For packets to there; `0.0.0.0/0` and `::/0` are for all of their family.
    pub to: IpNet,
    /// The table to look in; `None`: there is no way, whatever later rules know.
    pub table: Option<u8>,
    /// Takes no route of the table whose prefix has this length or less.
    pub ignored_prefix: Option<u32>,
    /// Who set it (`ip rule show proto …`).
    pub protocol: u8,
}

impl Rule {
    fn message(&self) -> RuleMessage {
        let mut message = RuleMessage::default();
        message.header.family =
            if self.to.addr().is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        message.header.dst_len = self.to.prefix_len();
        message.header.table = self.table.unwrap_or(0);
        message.header.action =
            if self.table.is_some() { RuleAction::ToTable } else { RuleAction::Unreachable };
        message.attributes.push(RuleAttribute::Priority(self.preference));
        message.attributes.push(RuleAttribute::Protocol(RouteProtocol::from(self.protocol)));
        if self.to.prefix_len() > 0 {
            message.attributes.push(RuleAttribute::Destination(self.to.addr()));
        }
        if let Some(length) = self.ignored_prefix {
            message.attributes.push(RuleAttribute::SuppressPrefixLen(length));
        }
        message
    }

    fn from_message(message: &RuleMessage) -> Option<Self> {
        let mut to: IpAddr = match message.header.family {
            AddressFamily::Inet => Ipv4Addr::UNSPECIFIED.into(),
            AddressFamily::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
            _ => return None,
        };
        let (mut preference, mut ignored_prefix, mut protocol) = (0, None, 0);
        for attribute in &message.attributes {
            match attribute {
                RuleAttribute::Destination(ip) => to = *ip,
                RuleAttribute::Priority(number) => preference = *number,
                RuleAttribute::Protocol(number) => protocol = (*number).into(),
                // The kernel says -1 for none.
                RuleAttribute::SuppressPrefixLen(length) => {
                    ignored_prefix = Some(*length).filter(|length| *length != u32::MAX);
                }
                _ => {}
            }
        }
        let to = IpNet::new(to, message.header.dst_len).ok()?;
        let table = (message.header.action == RuleAction::ToTable).then_some(message.header.table);
        Some(Self { preference, to, table, ignored_prefix, protocol })
    }
}

impl Netlink {
    /// All rules of that protocol.
    pub async fn rules_of(&self, protocol: u8) -> Result<Vec<Rule>, Error> {
        let mut rules = Vec::new();
        for version in [IpVersion::V4, IpVersion::V6] {
            let found: Result<Vec<RuleMessage>, _> =
                self.handle.rule().get(version).execute().try_collect().await;
            match found {
                Ok(found) => rules.extend(found.iter().filter_map(Rule::from_message)),
                // A kernel without IPv6, or without rules.
                Err(error) if has_errno(&error, libc::EAFNOSUPPORT) => {}
                Err(error) => return Err(refused(|| "list routing rules".into())(error)),
            }
        }
        rules.retain(|rule| rule.protocol == protocol);
        Ok(rules)
    }

    /// Adds a rule; one that is there already is `EEXIST`.
    pub async fn add_rule(&self, rule: &Rule) -> Result<(), Error> {
        let mut request = self.handle.rule().add();
        *request.message_mut() = rule.message();
        request.execute().await.map_err(refused(|| format!("add a routing rule for {}", rule.to)))
    }

    /// Deletes a rule.
    pub async fn delete_rule(&self, rule: &Rule) -> Result<(), Error> {
        let request = self.handle.rule().del(rule.message());
        request.execute().await.map_err(refused(|| format!("delete the routing rule for {}", rule.to)))
    }
}
