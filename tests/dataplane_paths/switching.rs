//! What is between tunnels: existing devices as ports, frames in transit from one
//! tunnel to another, control frames, and a worker that rests.

use std::sync::Arc;
use std::time::Duration;

use adit::dataplane::io::packet::PacketPort;
use adit::dataplane::io::tap::Kind;
use adit::dataplane::{Handle, Link, Punt};

use crate::hosts::{
    EspBy, Pair, Way, as_root, begin, bridge, link, must, namespace, run, tcp, wire, without_allocations,
};

#[test]
fn an_idle_worker_sleeps() {
    if !as_root("switching::an_idle_worker_sleeps") {
        return;
    }
    let pair = Pair::new(Way::ProtectedGre(EspBy::Protocol50), false);
    pair.ping();
    std::thread::sleep(Duration::from_millis(500));
    let before = pair.one.handle.counters().wakeups.get();
    std::thread::sleep(Duration::from_secs(1));
    let woken = pair.one.handle.counters().wakeups.get() - before;
    // The kernel's own router solicitations and the like are all there is.
    assert!(woken < 20, "{woken} wake-ups in a second without traffic");
}

/// A guest on a wire, bridged to a tunnel through a `system` port: partial checksums and super-packets of
/// the wire cross, in both directions.
fn guest_through_a_system_port(way: Way) {
    let pair = Pair::new(way, false);
    let guest = namespace("dpguest");
    wire((&guest, "eth0"), (&pair.one.ns, "guest"));
    must(&guest, "ip addr add 10.0.0.9/24 brd + dev eth0");
    let packet = pair.one.ns.run(|| PacketPort::open("guest").expect("the device is there")).expect("enters");
    let links = vec![link(way, 1, false, 1500), Link::Packet(Arc::new(packet))];
    let counters = bridge(&pair.one.handle, 1, &pair.one.device, links);
    must(&guest, "ping -n -c 3 -i 0.1 -W 2 10.0.0.2");
    must(&guest, "ping -n -c 3 -i 0.1 -W 2 10.0.0.1");
    without_allocations([&pair.one.handle, &pair.two.handle], || {
        // The guest's MTU is 1500: the clamped MSS lets TCP work all the same.
        let up = tcp(&guest, &pair.two.ns, 1, "10.0.0.2");
        let down = tcp(&pair.two.ns, &guest, 1, "10.0.0.9");
        let local = tcp(&guest, &pair.one.ns, 1, "10.0.0.1");
        eprintln!("{way:?}: up {:.2}, down {:.2}, local {:.2} Gbit/s", up / 1e9, down / 1e9, local / 1e9);
        assert!(up > 2e6 && down > 2e6 && local > 2e6);
        // To all: the local port, and the tunnel or the guest.
        run(&guest, "ping -n -b -c 20 -i 0.01 -W 1 10.0.0.255");
        run(&pair.two.ns, "ping -n -b -c 20 -i 0.01 -W 1 10.0.0.255");
    });
    assert!(counters[2].rx_packets.get() > 10 && counters[2].tx_packets.get() > 10);
}

#[test]
fn a_system_port_and_gre() {
    if as_root("switching::a_system_port_and_gre") {
        guest_through_a_system_port(Way::Gre);
    }
}

#[test]
fn a_system_port_and_protected_vxlan() {
    if as_root("switching::a_system_port_and_protected_vxlan") {
        guest_through_a_system_port(Way::ProtectedVxlan(EspBy::Udp4500));
    }
}

/// A chain one - two - three: host two passes frames from a VXLAN tunnel to a protected one.
#[test]
fn frames_pass_from_tunnel_to_tunnel() {
    if !as_root("switching::frames_pass_from_tunnel_to_tunnel") {
        return;
    }
    // The pair is the protected half; host three hangs on host two by VXLAN over IPv6.
    let pair = Pair::new(Way::ProtectedGre(EspBy::Protocol50), false);
    let three = namespace("dp3");
    wire((&three, "eth0"), (&pair.two.ns, "eth1"));
    must(&three, "ip addr add fd00:100::1/64 dev eth0 nodad");
    must(&pair.two.ns, "ip addr del fd00:100::2/64 dev eth0");
    must(&pair.two.ns, "ip addr add fd00:100::2/64 dev eth1 nodad");
    let (handle, _punts, tap) = begin(&three, Kind::Tap, 3, 1416);
    bridge(&handle, 3, &tap, vec![link(Way::Vxlan, 1, true, 1500)]);
    let links = vec![link(pair.way, 2, false, 1500), link(Way::Vxlan, 2, true, 1500)];
    bridge(&pair.two.handle, 2, &pair.two.device, links);
    must(&three, "ping -n -c 3 -i 0.1 -W 2 10.0.0.1");
    must(&three, "ping -n -c 3 -i 0.1 -W 2 fd00::2");
    let stop = |handle: &Handle| handle.stop();
    without_allocations([&pair.one.handle, &pair.two.handle, &handle], || {
        assert!(tcp(&three, &pair.one.ns, 1, "10.0.0.1") > 2e6);
        assert!(tcp(&pair.one.ns, &three, 1, "10.0.0.3") > 2e6);
    });
    stop(&handle);
    let _ = tap.remove();
}

#[test]
fn probes_and_bpdus_go_to_control_with_their_port() {
    if !as_root("switching::probes_and_bpdus_go_to_control_with_their_port") {
        return;
    }
    let mut pair = Pair::new(Way::ProtectedGre(EspBy::Udp4500), false);
    // A bridge that knows its second port as a tunnel takes probes there.
    let now = std::time::Instant::now();
    let config = adit_switch::BridgeConfig::new(adit_switch::MacAddr([2, 0, 0, 0, 0, 2]));
    let mut switch = adit_switch::Bridge::new(now, config, [9; 32]);
    let id = switch.add_port(now, adit_switch::PortConfig::tunnel(false)).expect("room");
    switch.set_link(now, id, true);
    let counters = pair.two.tunnel.clone();
    let port = adit::dataplane::Port { id, link: link(pair.way, 2, false, 1500), counters };
    let table = adit::dataplane::Bridge {
        key: crate::hosts::BRIDGE,
        forwarding: switch.forwarding(),
        ports: vec![port],
    };
    let snapshot = adit::dataplane::Snapshot::new(vec![table], vec![]).expect("unambiguous");
    pair.two.handle.apply(snapshot).expect("applied");
    let mut probe = adit_switch::MacAddr::PROBE_GROUP.0.to_vec();
    probe.extend([2, 0, 0, 0, 0, 1]);
    probe.extend([0x88, 0xb5]);
    probe.extend([7; 46]);
    let from = adit_switch::PortId::new(1).expect("in range");
    pair.one.handle.send_frame(crate::hosts::BRIDGE, from, probe.clone()).expect("queued");
    let give_up = now + Duration::from_secs(10);
    loop {
        match pair.two.punts.try_recv() {
            Some(Punt::Control { bridge, port, frame }) => {
                assert_eq!((bridge, port, frame), (crate::hosts::BRIDGE, id, probe));
                break;
            }
            _ => assert!(std::time::Instant::now() < give_up, "the probe arrives"),
        }
    }
}
