//! The two paths, for real: TAP devices in two namespaces, every tunnel kind over
//! both address families, ping and TCP through them.

use crate::hosts::{EspBy, Pair, Way, as_root, without_allocations};
use adit::dataplane::DropReason;

/// Ping and TCP in both families, nothing dropped, nothing allocated for a packet.
fn carries(way: Way, v6: bool) {
    let pair = Pair::new(way, v6);
    pair.ping();
    without_allocations([&pair.one.handle, &pair.two.handle], || both_families(&pair, v6));
    for host in [&pair.one, &pair.two] {
        assert_eq!(host.tunnel.drops.get(DropReason::TooBig), 0, "MSS and MTU fit");
    }
}

fn both_families(pair: &Pair, v6: bool) {
    let way = pair.way;
    for to in ["10.0.0.2", "fd00::2"] {
        let rate = pair.tcp(1, to);
        eprintln!("{way:?} v6={v6} {to}: {:.2} Gbit/s", rate / 1e9);
        for host in [&pair.one, &pair.two] {
            let (local, tunnel) = (&host.local, &host.tunnel);
            eprintln!(
                "  host {}: local rx {} tx {}, tunnel rx {} tx {}, drops {:?}",
                host.number,
                local.rx_packets.get(),
                local.tx_packets.get(),
                tunnel.rx_packets.get(),
                tunnel.tx_packets.get(),
                host.drops()
            );
        }
        assert!(rate > 2e6, "{rate} bit/s is no working TCP");
    }
}

#[test]
fn gre() {
    if as_root("tunnels::gre") {
        carries(Way::Gre, false);
    }
}

#[test]
fn gre_over_ipv6() {
    if as_root("tunnels::gre_over_ipv6") {
        carries(Way::Gre, true);
    }
}

#[test]
fn vxlan() {
    if as_root("tunnels::vxlan") {
        carries(Way::Vxlan, false);
    }
}

#[test]
fn vxlan_over_ipv6() {
    if as_root("tunnels::vxlan_over_ipv6") {
        carries(Way::Vxlan, true);
    }
}

#[test]
fn geneve() {
    if as_root("tunnels::geneve") {
        carries(Way::Geneve, false);
    }
}

#[test]
fn geneve_over_ipv6() {
    if as_root("tunnels::geneve_over_ipv6") {
        carries(Way::Geneve, true);
    }
}

#[test]
fn protected_geneve() {
    if as_root("tunnels::protected_geneve") {
        carries(Way::ProtectedGeneve(EspBy::Protocol50), false);
    }
}

#[test]
fn protected_gre() {
    if as_root("tunnels::protected_gre") {
        carries(Way::ProtectedGre(EspBy::Protocol50), false);
    }
}

#[test]
fn protected_gre_over_ipv6() {
    if as_root("tunnels::protected_gre_over_ipv6") {
        carries(Way::ProtectedGre(EspBy::Protocol50), true);
    }
}

#[test]
fn protected_gre_in_udp() {
    if as_root("tunnels::protected_gre_in_udp") {
        carries(Way::ProtectedGre(EspBy::Udp4500), false);
    }
}

#[test]
fn protected_vxlan_in_udp_over_ipv6() {
    if as_root("tunnels::protected_vxlan_in_udp_over_ipv6") {
        carries(Way::ProtectedVxlan(EspBy::Udp4500), true);
    }
}

#[test]
fn protected_vxlan() {
    if as_root("tunnels::protected_vxlan") {
        carries(Way::ProtectedVxlan(EspBy::Protocol50), false);
    }
}

#[test]
fn routed() {
    if as_root("tunnels::routed") {
        carries(Way::Routed(EspBy::Protocol50), false);
    }
}

#[test]
fn routed_in_udp() {
    if as_root("tunnels::routed_in_udp") {
        carries(Way::Routed(EspBy::Udp4500), false);
    }
}
