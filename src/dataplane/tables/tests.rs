use std::time::Instant;

use adit_encap::{Geneve, Gre, UdpHeader, Vxlan};
use adit_switch::{BridgeConfig, MacAddr, PortConfig};

use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn gre(local: Option<&str>, remote: &str, in_key: u32) -> TunnelPort {
    TunnelPort {
        encap: Tunnel::Gre(Gre::default()),
        in_key,
        udp_port: 0,
        local: local.map(address),
        remote: address(remote),
        tos: Tos::Fixed(0),
        ttl: Ttl::Fixed(64),
        mark: 0,
        underlay_mtu: 1500,
    }
}

fn vxlan(port: u16, udp: bool) -> TunnelPort {
    let udp = udp.then_some(UdpHeader { destination_port: port, checksum: None });
    TunnelPort {
        encap: Tunnel::Vxlan(Vxlan { vni: 7, udp }),
        in_key: 7,
        udp_port: port,
        ..gre(None, "10.0.0.2", 0)
    }
}

fn bridge(key: u32, links: Vec<Link>) -> Bridge {
    let now = Instant::now();
    let mut switch = adit_switch::Bridge::new(now, BridgeConfig::new(MacAddr([2; 6])), [0; 32]);
    let mut port = |link| {
        let id = switch.add_port(now, PortConfig::local()).expect("room");
        Port { id, link, counters: Arc::default() }
    };
    let ports = links.into_iter().map(&mut port).collect();
    Bridge { key: BridgeKey(key), forwarding: switch.forwarding(), ports }
}

fn at(bridge: u32, port: u32) -> Option<At> {
    Some(At { bridge, port })
}

#[test]
fn packets_find_their_port() {
    let links = vec![
        Link::Tunnel(gre(None, "10.0.0.2", 0)),
        Link::Tunnel(gre(Some("10.0.0.1"), "10.0.0.2", 0)),
        Link::Tunnel(gre(None, "10.0.0.2", 5)),
        Link::Tunnel(vxlan(4789, false)),
        Link::Tunnel(vxlan(4790, false)),
    ];
    let snapshot = Snapshot::new(vec![bridge(1, vec![]), bridge(2, links)], vec![]).expect("unambiguous");
    let demux = |protocol, port, remote: &str, local: &str, key| {
        snapshot.demux(protocol, port, address(remote), address(local), key)
    };
    let gre = |remote, local, key| demux(Protocol::Gre, 0, remote, local, key);
    assert_eq!(gre("10.0.0.2", "10.0.0.1", None), at(1, 1), "the exact local address before any");
    assert_eq!(gre("10.0.0.2", "10.0.0.9", None), at(1, 0));
    assert_eq!(gre("10.0.0.2", "10.0.0.9", Some(0)), at(1, 0), "key 0 is no key");
    assert_eq!(gre("10.0.0.2", "10.0.0.1", Some(5)), at(1, 2));
    assert_eq!(gre("10.0.0.2", "10.0.0.1", Some(6)), None);
    assert_eq!(gre("10.0.0.3", "10.0.0.1", None), None);
    assert_eq!(demux(Protocol::Vxlan, 4789, "10.0.0.2", "10.0.0.1", Some(7)), at(1, 3));
    assert_eq!(demux(Protocol::Vxlan, 4790, "10.0.0.2", "10.0.0.1", Some(7)), at(1, 4));
    let fourth = snapshot.bridges[1].ports[3].id;
    assert_eq!(snapshot.find(BridgeKey(2), fourth), at(1, 3));
    assert_eq!(snapshot.find(BridgeKey(3), fourth), None);
}

#[test]
fn what_cannot_be_told_apart_is_refused() {
    let twice = |a: TunnelPort, b: TunnelPort| {
        Snapshot::new(
            vec![bridge(1, vec![Link::Tunnel(a)]), bridge(2, vec![Link::Protected(b, PolicyId(1))])],
            vec![],
        )
    };
    let same = twice(gre(None, "10.0.0.2", 0), gre(None, "10.0.0.2", 0));
    assert!(matches!(same, Err(SnapshotError::Ambiguous(_, 1, _, 2))), "{same:?}");
    assert!(twice(gre(None, "10.0.0.2", 0), gre(None, "10.0.0.2", 1)).is_ok());
    let bridges = Snapshot::new(vec![bridge(1, vec![]), bridge(1, vec![])], vec![]);
    assert_eq!(bridges.unwrap_err(), SnapshotError::Twice(1));
}

#[test]
fn a_policy_has_one_user() {
    let links = vec![
        Link::Protected(gre(None, "10.0.0.2", 0), PolicyId(4)),
        Link::Protected(gre(None, "10.0.0.3", 0), PolicyId(4)),
    ];
    let shared = Snapshot::new(vec![bridge(1, links)], vec![]);
    assert_eq!(shared.unwrap_err(), SnapshotError::SharedPolicy(4));
}

#[test]
fn who_writes_the_udp_header_is_checked() {
    let plain = |udp| Snapshot::new(vec![bridge(1, vec![Link::Tunnel(vxlan(4789, udp))])], vec![]);
    let protected =
        |udp| Snapshot::new(vec![bridge(1, vec![Link::Protected(vxlan(4789, udp), PolicyId(1))])], vec![]);
    assert!(plain(false).is_ok() && protected(true).is_ok());
    assert!(matches!(plain(true), Err(SnapshotError::UdpHeaderPlace(..))));
    assert!(matches!(protected(false), Err(SnapshotError::UdpHeaderPlace(..))));
}

#[test]
fn a_udp_port_has_one_encapsulation() {
    let geneve = |port, remote: &str| {
        let encap = Tunnel::Geneve(Geneve { vni: 7, udp: None });
        let remote = remote.parse().expect("an address");
        Link::Tunnel(TunnelPort { encap, remote, ..vxlan(port, false) })
    };
    let beside = |link| Snapshot::new(vec![bridge(1, vec![Link::Tunnel(vxlan(4789, false)), link])], vec![]);
    assert_eq!(beside(geneve(4789, "10.0.0.3")).unwrap_err(), SnapshotError::UdpPort(4789));
    let both = beside(geneve(6081, "10.0.0.2")).expect("told apart by port");
    assert_eq!(both.udp_protocol(6081), Some(Protocol::Geneve));
    assert_eq!((both.udp_protocol(4789), both.udp_protocol(1)), (Some(Protocol::Vxlan), None));
}
