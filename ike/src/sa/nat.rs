//! Is there a NAT between? RFC 7296 §2.23.

use crate::event::{Carrier, IkeSpi, Path};
use crate::exchange::NatDetection;
use crate::wire::{AddressRange, TrafficSelector};
use adit_crypto::digest::sha1;
use std::net::{IpAddr, SocketAddr};

/// Who is behind a NAT, as far as the hashes tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Nat {
    /// Our address was rewritten on its way: we keep the mapping alive.
    pub(crate) local: bool,
    /// The peer's was: it may move without notice.
    pub(crate) peer: bool,
}

impl Nat {
    pub(crate) fn found(self) -> bool {
        self.local || self.peer
    }
}

/// The hashes of an IKE_SA_INIT message. With `force_udp` our source hash is
/// wrong on purpose, so that the peer finds a NAT.
pub(crate) fn hashes(initiator: IkeSpi, responder: IkeSpi, path: Path, force_udp: bool) -> NatDetection {
    let claimed = if force_udp { unspecified_like(path.local) } else { path.local };
    NatDetection {
        sources: vec![hash(initiator, responder, claimed)],
        destination: hash(initiator, responder, path.remote),
    }
}

/// Compares the peer's hashes with what we see. A peer that sends none cannot
/// do NAT traversal: none is found.
pub(crate) fn detect(initiator: IkeSpi, responder: IkeSpi, path: Path, peers: Option<&NatDetection>) -> Nat {
    peers.map_or_else(Nat::default, |peers| Nat {
        // Several source hashes are allowed, for hosts that do not know which address they will use.
        peer: !peers.sources.contains(&hash(initiator, responder, path.remote)),
        local: peers.destination != hash(initiator, responder, path.local),
    })
}

fn hash(initiator: IkeSpi, responder: IkeSpi, end: SocketAddr) -> [u8; 20] {
    let port = end.port().to_be_bytes();
    let (initiator, responder) = (initiator.to_bytes(), responder.to_bytes());
    match end.ip() {
        IpAddr::V4(address) => sha1(&[&initiator, &responder, &address.octets(), &port]),
        IpAddr::V6(address) => sha1(&[&initiator, &responder, &address.octets(), &port]),
    }
}

fn unspecified_like(end: SocketAddr) -> SocketAddr {
    match end {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0u16; 8], 0).into(),
    }
}

/// The same path with port 4500 at both ends: where IKE goes once a NAT is found.
pub(crate) fn floated(path: Path, natt_port: u16) -> Path {
    Path { local: (path.local.ip(), natt_port).into(), remote: (path.remote.ip(), natt_port).into() }
}

/// What ESP travels in. Where IKE already is on the NAT traversal port, ESP shares its mapping.
pub(crate) fn carrier(path: Path, udp: bool, natt_port: u16) -> Carrier {
    match (udp, path.local.port() == natt_port) {
        (false, _) => Carrier::Esp { local: path.local.ip(), remote: path.remote.ip() },
        (true, true) => Carrier::Udp { local: path.local, remote: path.remote },
        (true, false) => {
            let Path { local, remote } = floated(path, natt_port);
            Carrier::Udp { local, remote }
        }
    }
}

/// Transport mode through a NAT: the peer's selectors name addresses only it
/// knows; the ones we see take their place. RFC 7296 §2.23.1.
pub(crate) fn see_through(selectors: &[TrafficSelector], seen: IpAddr) -> Vec<TrafficSelector> {
    let replace = |selector: &TrafficSelector| match selector.addresses.single() {
        Some(address) if address.is_ipv4() == seen.is_ipv4() => {
            TrafficSelector { addresses: AddressRange::host(seen), ..*selector }
        }
        Some(_) | None => *selector,
    };
    selectors.iter().map(replace).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(local: &str, remote: &str) -> Path {
        Path { local: local.parse().unwrap(), remote: remote.parse().unwrap() }
    }

    fn seen_by_peer(sent: Path, seen: Path, force_udp: bool) -> Nat {
        let (i, r) = (IkeSpi(1), IkeSpi(0));
        detect(i, r, seen, Some(&hashes(i, r, sent, force_udp)))
    }

    #[test]
    fn a_rewritten_end_is_found_on_the_right_side() {
        let sent = path("10.0.0.1:500", "192.0.2.2:500");
        let plain = path("192.0.2.2:500", "10.0.0.1:500");
        assert_eq!(seen_by_peer(sent, plain, false), Nat::default());
        let behind = path("192.0.2.2:500", "198.51.100.7:1024");
        assert_eq!(seen_by_peer(sent, behind, false), Nat { local: false, peer: true });
        let forwarded = path("172.16.0.2:500", "10.0.0.1:500");
        assert_eq!(seen_by_peer(sent, forwarded, false), Nat { local: true, peer: false });
        assert_eq!(seen_by_peer(sent, plain, true), Nat { local: false, peer: true });
    }

    #[test]
    fn without_hashes_no_nat() {
        let here = path("192.0.2.2:500", "198.51.100.7:1024");
        assert_eq!(detect(IkeSpi(1), IkeSpi(2), here, None), Nat::default());
    }

    #[test]
    fn esp_shares_the_mapping_of_ike() {
        let mapped = path("10.0.0.1:4500", "192.0.2.2:61000");
        assert_eq!(carrier(mapped, true, 4500), Carrier::Udp { local: mapped.local, remote: mapped.remote });
        assert!(matches!(carrier(mapped, false, 4500), Carrier::Esp { .. }));
        let early = path("10.0.0.1:500", "192.0.2.2:500");
        let floated = Carrier::Udp {
            local: "10.0.0.1:4500".parse().unwrap(),
            remote: "192.0.2.2:4500".parse().unwrap(),
        };
        assert_eq!(carrier(early, true, 4500), floated);
    }

    #[test]
    fn transport_selectors_of_a_hidden_host_become_what_we_see() {
        let hidden = TrafficSelector::host("10.0.0.1".parse().unwrap(), 47);
        let seen = "198.51.100.7".parse().unwrap();
        assert_eq!(see_through(&[hidden], seen), [TrafficSelector::host(seen, 47)]);
        let range = TrafficSelector::prefix("10.0.0.0".parse().unwrap(), 24);
        assert_eq!(see_through(&[range], seen), [range]);
    }
}
