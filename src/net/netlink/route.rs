//! Routes, and the way the kernel would take towards an address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures_util::TryStreamExt;
use ipnet::IpNet;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteMetric, RouteProtocol, RouteScope,
};
use rtnetlink::RouteMessageBuilder;

use super::{Error, Netlink, has_errno, refused};

/// The routing table of `ip route` without further words.
pub const MAIN_TABLE: u8 = 254;

/// A route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// The routing table it stands in.
    pub table: u8,
    /// Where to; `0.0.0.0/0` and `::/0` are default routes.
    pub destination: IpNet,
    /// Index of the device; 0 where the kernel tells of none or of several.
    pub index: u32,
    /// Next hop, or `None` when the destination is on the link.
    pub gateway: Option<IpAddr>,
    /// Source address for packets that have none yet.
    pub source: Option<IpAddr>,
    /// Who set it (`rtm_protocol`; `ip route show proto …`).
    pub protocol: u8,
}

/// The way the kernel would take now towards an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// Index of the device.
    pub index: u32,
    /// Source address the kernel would choose.
    pub source: IpAddr,
    /// Next hop, or `None` when the address is on the link.
    pub gateway: Option<IpAddr>,
    /// Largest IP packet towards it, in bytes: the path's MTU where one was
    /// learned or configured, else the device's.
    pub mtu: u32,
}

fn to_ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some(IpAddr::V4(*ip)),
        RouteAddress::Inet6(ip) => Some(IpAddr::V6(*ip)),
        _ => None,
    }
}

impl Route {
    fn message(&self) -> RouteMessage {
        let mut message = match self.destination {
            IpNet::V4(net) => RouteMessageBuilder::<Ipv4Addr>::new()
                .destination_prefix(net.network(), net.prefix_len())
                .output_interface(self.index)
                .build(),
            IpNet::V6(net) => RouteMessageBuilder::<Ipv6Addr>::new()
                .destination_prefix(net.network(), net.prefix_len())
                .output_interface(self.index)
                .build(),
        };
        message.header.table = self.table;
        message.header.protocol = RouteProtocol::from(self.protocol);
        match self.gateway {
            Some(ip) => message.attributes.push(RouteAttribute::Gateway(ip.into())),
            None => message.header.scope = RouteScope::Link,
        }
        if let Some(ip) = self.source {
            message.attributes.push(RouteAttribute::PrefSource(ip.into()));
        }
        message
    }

    fn from_message(message: &RouteMessage) -> Option<Self> {
        let header = &message.header;
        let default: IpAddr = match header.address_family {
            AddressFamily::Inet => Ipv4Addr::UNSPECIFIED.into(),
            AddressFamily::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
            _ => return None,
        };
        let (mut destination, mut index, mut gateway, mut source) = (default, 0, None, None);
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Destination(ip) => destination = to_ip(ip)?,
                RouteAttribute::Oif(oif) => index = *oif,
                RouteAttribute::Gateway(ip) => gateway = to_ip(ip),
                RouteAttribute::PrefSource(ip) => source = to_ip(ip),
                _ => {}
            }
        }
        let destination = IpNet::new(destination, header.destination_prefix_length).ok()?;
        let (table, protocol) = (header.table, header.protocol.into());
        Some(Self { table, destination, index, gateway, source, protocol })
    }
}

impl Netlink {
    /// Adds a route. One that is there already with the same destination, table and metric,
    /// whoever set it, is left as it is: [`Error::Refused`] with `EEXIST`.
    pub async fn add_route(&self, route: &Route) -> Result<(), Error> {
        let request = self.handle.route().add(route.message());
        request.execute().await.map_err(refused(|| format!("add a route to {}", route.destination)))
    }

    /// All routes of that protocol, in whatever table.
    pub async fn routes_of(&self, protocol: u8) -> Result<Vec<Route>, Error> {
        let mut found = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            found.extend(self.dump_routes(family, 0, protocol).await?);
        }
        Ok(found)
    }

    /// The routes to exactly that destination in a table, by rising metric.
    pub async fn routes_to(&self, destination: IpNet, table: u8) -> Result<Vec<Route>, Error> {
        let family = if destination.addr().is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let mut found = self.dump_routes(family, table, 0).await?;
        found.retain(|route| route.destination == destination);
        Ok(found)
    }

    /// Zero is any table, any protocol. The kernel picks: its tables may be those of a whole Internet.
    async fn dump_routes(&self, family: AddressFamily, table: u8, protocol: u8) -> Result<Vec<Route>, Error> {
        let mut message = RouteMessage::default();
        message.header.address_family = family;
        message.header.table = table;
        message.header.protocol = RouteProtocol::from(protocol);
        let found: Result<Vec<RouteMessage>, _> =
            self.strict.route().get(message).execute().try_collect().await;
        match found {
            Ok(found) => Ok(found.iter().filter_map(Route::from_message).collect()),
            // A table without routes is none.
            Err(error) if has_errno(&error, libc::ENOENT) => Ok(Vec::new()),
            Err(error) => Err(refused(|| "list routes".into())(error)),
        }
    }

    /// Deletes a route, if it is there just as it was added.
    pub async fn delete_route(&self, route: &Route) -> Result<(), Error> {
        let request = self.handle.route().del(route.message());
        request.execute().await.map_err(refused(|| format!("delete the route to {}", route.destination)))
    }

    /// The way towards `destination`, from `source` where the sender has
    /// bound one. No route is [`Error::Refused`] with `ENETUNREACH`.
    pub async fn path_to(&self, destination: IpAddr, source: Option<IpAddr>) -> Result<Path, Error> {
        let action = || format!("no way to {destination}");
        let mut message = match destination {
            IpAddr::V4(ip) => RouteMessageBuilder::<Ipv4Addr>::new().destination_prefix(ip, 32).build(),
            IpAddr::V6(ip) => RouteMessageBuilder::<Ipv6Addr>::new().destination_prefix(ip, 128).build(),
        };
        match source {
            Some(source @ IpAddr::V4(_)) => {
                message.header.source_prefix_length = 32;
                message.attributes.push(RouteAttribute::Source(source.into()));
            }
            Some(source @ IpAddr::V6(_)) => {
                message.header.source_prefix_length = 128;
                message.attributes.push(RouteAttribute::Source(source.into()));
            }
            None => {}
        }
        let mut answers = std::pin::pin!(self.handle.route().get(message).execute());
        let answer = answers.try_next().await.map_err(refused(action))?;
        let answer = answer.ok_or_else(|| unreachable_error(action()))?;
        self.path_from(answer, source).await.and_then(|path| path.ok_or_else(|| unreachable_error(action())))
    }

    async fn path_from(&self, answer: RouteMessage, bound: Option<IpAddr>) -> Result<Option<Path>, Error> {
        let (mut index, mut source, mut gateway, mut mtu) = (None, bound, None, None);
        for attribute in &answer.attributes {
            match attribute {
                RouteAttribute::Oif(oif) => index = Some(*oif),
                RouteAttribute::PrefSource(ip) => source = bound.or_else(|| to_ip(ip)),
                RouteAttribute::Gateway(ip) => gateway = to_ip(ip),
                RouteAttribute::Metrics(metrics) => {
                    mtu = metrics.iter().find_map(|metric| match metric {
                        RouteMetric::Mtu(mtu) if *mtu > 0 => Some(*mtu),
                        _ => None,
                    });
                }
                _ => {}
            }
        }
        let (Some(index), Some(source)) = (index, source) else { return Ok(None) };
        let mtu = match (mtu, self.find_link_index(index).await?) {
            (Some(mtu), _) => mtu,
            (None, Some(link)) => link.mtu,
            (None, None) => return Err(Error::NoSuchLink(index.to_string())),
        };
        Ok(Some(Path { index, source, gateway, mtu }))
    }
}

fn unreachable_error(action: String) -> Error {
    Error::Refused { action, source: std::io::Error::from_raw_os_error(libc::ENETUNREACH) }
}
