//! Routes through `[ipsec]` interfaces: those of the kernel made to agree with those wanted.
//!
//! What adit set bears its number, which outlives it (`ip route show proto 97`). So a restart
//! finds its own, and nobody else's is ever touched: not the host's, and not what the user
//! routes through an interface of ours by hand.
//!
//! A default route cannot stand beside the host's, and the peer itself must stay outside. It gets
//! a table of its own, and rules (`ip rule`) behind all others but those of the kernel:
//!
//! ```text
//! 32762  to PEER  main            the peer, by the host's own routes
//! 32763  to PEER  unreachable     or not at all: never into the tunnel to itself
//! 32764  main, but default routes
//! 32765  table 97                 where the main table would use its default route
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::devices::Host;
use crate::config::desired::{DeviceName, IpsecInterface};
use crate::net::netlink::{Error, MAIN_TABLE, Netlink, Route, Rule};

/// Our `rtm_protocol`: one that rt_protos of iproute2 gives to nobody.
const PROTOCOL: u8 = 97;
/// The table of default routes.
const TABLE: u8 = 97;
/// Preferences of the rules: the last ones before the main table.
const PEER: u32 = 32762;
const NO_PEER: u32 = 32763;
const NARROWER: u32 = 32764;
const DEFAULT: u32 = 32765;

/// An interface whose device is there.
#[derive(Debug, Clone, Copy)]
pub struct Through<'w> {
    /// Its name.
    pub name: &'w DeviceName,
    /// Index of its device.
    pub index: u32,
    /// What is wanted of it.
    pub settings: &'w IpsecInterface,
}

#[derive(Default)]
struct Errors(BTreeMap<DeviceName, Vec<String>>);

impl Errors {
    fn note(&mut self, of: &Through<'_>, error: impl ToString) {
        self.0.entry(of.name.clone()).or_default().push(error.to_string());
    }
}

/// Deletes what is ours and wanted no more, and adds what is missing. Returns a line for
/// every interface whose routes are not as they shall be.
pub async fn settle(
    netlink: &Netlink,
    host: &Host,
    interfaces: &[Through<'_>],
) -> BTreeMap<DeviceName, String> {
    let mut errors = Errors::default();
    // A way to the peer comes before what would lead it astray, and goes after it.
    add_rules(netlink, interfaces, &mut errors).await;
    if !interfaces.is_empty() {
        settle_routes(netlink, host, interfaces, &mut errors).await;
    }
    remove_rules(netlink, interfaces).await;
    errors.0.into_iter().map(|(name, errors)| (name, errors.join("; "))).collect()
}

async fn settle_routes(netlink: &Netlink, host: &Host, interfaces: &[Through<'_>], errors: &mut Errors) {
    let there = match netlink.routes_of(PROTOCOL).await {
        Ok(there) => there,
        Err(error) => return interfaces.iter().for_each(|of| errors.note(of, &error)),
    };
    let wanted: BTreeSet<Route> = interfaces.iter().flat_map(wanted_routes).collect();
    for stale in there.iter().filter(|route| !wanted.contains(route)) {
        // The number alone does not make it ours: it must lead through a device of ours.
        let Some(of) = interfaces.iter().find(|of| of.index == stale.index) else { continue };
        match netlink.delete_route(stale).await {
            // It went by itself: with its source address, say.
            Err(error) if error.errno() != Some(libc::ESRCH) => errors.note(of, error),
            _ => {}
        }
    }
    for of in interfaces {
        // Repeating what is there would wake everybody who watches routes, us too.
        for missing in wanted_routes(of).filter(|route| !there.contains(route)) {
            if let Err(error) = add_route(netlink, host, &missing).await {
                errors.note(of, error);
            }
        }
    }
}

fn wanted_routes<'w>(of: &Through<'w>) -> impl Iterator<Item = Route> + use<'w> {
    let (index, settings) = (of.index, of.settings);
    settings.routes.iter().map(move |destination| {
        let source: Option<IpAddr> =
            settings.inside.iter().find(|net| same_family(net, destination)).map(IpNet::addr);
        let table = if destination.prefix_len() == 0 { TABLE } else { MAIN_TABLE };
        Route { table, destination: *destination, index, gateway: None, source, protocol: PROTOCOL }
    })
}

fn same_family(a: &IpNet, b: &IpNet) -> bool {
    a.addr().is_ipv4() == b.addr().is_ipv4()
}

async fn add_route(netlink: &Netlink, host: &Host, route: &Route) -> Result<(), String> {
    let destination = route.destination;
    let error = match netlink.add_route(route).await {
        Ok(()) => return Ok(()),
        Err(error) if error.errno() == Some(libc::EEXIST) => error,
        Err(error) => return Err(error.to_string()),
    };
    let text = |error: Error| format!("cannot tell whose route to {destination} is there: {error}");
    let there = netlink.routes_to(destination, route.table).await.map_err(text)?;
    let Some(other) = there.first() else { return Err(error.to_string()) };
    // Somebody routed it through this very device: that is what is wanted, and stays theirs.
    if other.index == route.index {
        return Ok(());
    }
    let via = other.gateway.map_or_else(String::new, |gateway| format!(" via {gateway}"));
    let device = host.links.iter().find(|link| link.index == other.index);
    let device = device.map_or_else(String::new, |link| format!(" dev {}", link.name));
    Err(format!(
        "the host has a route to {destination} already ({destination}{via}{device}), which is not adit's \
         to replace; delete it, or take {destination} out of routes"
    ))
}

/// The rules an interface needs for its default routes.
fn wanted_rules(of: &Through<'_>) -> Vec<Rule> {
    let peer = IpNet::from(of.settings.remote);
    let rule = |preference, to, table, ignored_prefix| Rule {
        preference,
        to,
        table,
        ignored_prefix,
        protocol: PROTOCOL,
    };
    let mut rules = Vec::new();
    for all in of.settings.routes.iter().filter(|route| route.prefix_len() == 0) {
        if same_family(all, &peer) {
            rules.push(rule(PEER, peer, Some(MAIN_TABLE), None));
            rules.push(rule(NO_PEER, peer, None, None));
        }
        rules.push(rule(NARROWER, *all, Some(MAIN_TABLE), Some(0)));
        rules.push(rule(DEFAULT, *all, Some(TABLE), None));
    }
    rules
}

async fn add_rules(netlink: &Netlink, interfaces: &[Through<'_>], errors: &mut Errors) {
    let wanted = || interfaces.iter().flat_map(|of| wanted_rules(of).into_iter().map(move |rule| (of, rule)));
    if wanted().next().is_none() {
        return;
    }
    let there = match netlink.rules_of(PROTOCOL).await {
        Ok(there) => there,
        Err(error) => return wanted().for_each(|(of, _)| errors.note(of, &error)),
    };
    for (of, rule) in wanted().filter(|(_, rule)| !there.contains(rule)) {
        match netlink.add_rule(&rule).await {
            // Two interfaces may need the same.
            Err(error) if error.errno() != Some(libc::EEXIST) => errors.note(of, error),
            _ => {}
        }
    }
}

async fn remove_rules(netlink: &Netlink, interfaces: &[Through<'_>]) {
    let wanted: BTreeSet<Rule> = interfaces.iter().flat_map(wanted_rules).collect();
    let ours = |rule: &&Rule| (PEER..=DEFAULT).contains(&rule.preference) && !wanted.contains(*rule);
    let there = match netlink.rules_of(PROTOCOL).await {
        Ok(there) => there,
        Err(error) => return tracing::warn!(%error, "routing rules"),
    };
    for stale in there.iter().filter(ours) {
        if let Err(error) = netlink.delete_rule(stale).await {
            tracing::warn!(%error, "routing rules");
        }
    }
}
