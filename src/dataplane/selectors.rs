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

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(protocol: u8, local: &str, remote: &str, ports: Option<(u16, u16)>) -> Traffic {
        let address = |text: &str| Some(text.parse().expect("an address"));
        Traffic {
            protocol,
            local: address(local),
            remote: address(remote),
            local_port: ports.map(|p| p.0),
            remote_port: ports.map(|p| p.1),
        }
    }

    fn selectors() -> Selectors {
        let range =
            |from: &str, to: &str| from.parse().expect("an address")..=to.parse().expect("an address");
        Selectors {
            local: vec![Selector {
                protocol: 17,
                ports: 0..=65535,
                addresses: range("10.0.0.0", "10.0.0.255"),
            }],
            remote: vec![Selector {
                protocol: 17,
                ports: 4789..=4789,
                addresses: range("10.1.0.1", "10.1.0.1"),
            }],
        }
    }

    #[test]
    fn inside_and_outside() {
        let s = selectors();
        assert!(s.cover(&traffic(17, "10.0.0.7", "10.1.0.1", Some((5, 4789)))));
        assert!(!s.cover(&traffic(6, "10.0.0.7", "10.1.0.1", Some((5, 4789)))), "protocol");
        assert!(!s.cover(&traffic(17, "10.0.1.0", "10.1.0.1", Some((5, 4789)))), "local address");
        assert!(!s.cover(&traffic(17, "10.0.0.7", "10.1.0.2", Some((5, 4789)))), "remote address");
        assert!(!s.cover(&traffic(17, "10.0.0.7", "10.1.0.1", Some((5, 4790)))), "port");
        assert!(!s.cover(&traffic(17, "fd00::1", "10.1.0.1", Some((5, 4789)))), "family");
    }

    #[test]
    fn without_ports_only_any_port_covers() {
        let s = selectors();
        assert!(!s.cover(&traffic(17, "10.0.0.7", "10.1.0.1", None)), "a later fragment");
        let any = Selectors { local: s.local.clone(), remote: s.local };
        assert!(any.cover(&traffic(17, "10.0.0.7", "10.0.0.8", None)));
    }

    #[test]
    fn transport_mode_has_no_addresses_to_check() {
        let t =
            Traffic { protocol: 17, local: None, remote: None, local_port: Some(1), remote_port: Some(4789) };
        assert!(selectors().cover(&t));
    }

    #[test]
    fn no_selector_covers_nothing() {
        assert!(!Selectors::default().cover(&traffic(17, "10.0.0.7", "10.1.0.1", Some((5, 4789)))));
    }
}
