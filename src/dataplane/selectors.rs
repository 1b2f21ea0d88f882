//! The SPD check before seal and after open (RFC 4301 §5.1, §5.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

/// One traffic selector (RFC 7296 §3.13.1): a protocol, a range of ports, a range of addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// IP protocol; 0 is any.
    pub protocol: u8,
    /// Ports; 0..=65535 is any. For protocols without ports only the whole range matches.
    pub ports: RangeInclusive<u16>,
    /// Addresses, both ends of one family.
    pub addresses: RangeInclusive<IpAddr>,
}

impl Selector {
    /// Everything of one family.
    pub fn any_v4() -> Self {
        let all = IpAddr::V4(Ipv4Addr::UNSPECIFIED)..=IpAddr::V4(Ipv4Addr::BROADCAST);
        Selector { protocol: 0, ports: 0..=u16::MAX, addresses: all }
    }

    /// Everything of one family.
    pub fn any_v6() -> Self {
        let all = IpAddr::V6(Ipv6Addr::UNSPECIFIED)..=IpAddr::V6(Ipv6Addr::from(u128::MAX));
        Selector { protocol: 0, ports: 0..=u16::MAX, addresses: all }
    }

    fn covers(&self, protocol: u8, address: Option<IpAddr>, port: Option<u16>) -> bool {
        (self.protocol == 0 || self.protocol == protocol)
            && address.is_none_or(|a| within(&self.addresses, a))
            && match port {
                Some(port) => self.ports.contains(&port),
                None => *self.ports.start() == 0 && *self.ports.end() == u16::MAX,
            }
    }
}

/// `IpAddr` orders IPv4 before IPv6, so a range of one family never contains the other.
fn within(range: &RangeInclusive<IpAddr>, address: IpAddr) -> bool {
    range.contains(&address)
}

/// What one SA may carry: the selectors of a CHILD_SA, seen from this side.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selectors {
    /// Our side: source of what we send, destination of what we receive.
    pub local: Vec<Selector>,
    /// The peer's side.
    pub remote: Vec<Selector>,
}

/// What the check looks at. Addresses are `None` in transport mode, where the SA itself binds the
/// outer addresses (and a NAT may have changed them); ports are `None` where the protocol has none,
/// or in a fragment that does not carry them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// IP protocol of the payload.
    pub protocol: u8,
    /// Address on our side.
    pub local: Option<IpAddr>,
    /// Address on the peer's side.
    pub remote: Option<IpAddr>,
    /// Port on our side.
    pub local_port: Option<u16>,
    /// Port on the peer's side.
    pub remote_port: Option<u16>,
}

impl Selectors {
    /// Whether the traffic is inside: some local and some remote selector both cover it.
    pub fn cover(&self, traffic: &Traffic) -> bool {
        let local = |s: &Selector| s.covers(traffic.protocol, traffic.local, traffic.local_port);
        let remote = |s: &Selector| s.covers(traffic.protocol, traffic.remote, traffic.remote_port);
        self.local.iter().any(local) && self.remote.iter().any(remote)
    }
}
