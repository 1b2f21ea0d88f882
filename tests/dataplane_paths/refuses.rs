//! What the data path must not do: send or take plaintext on a protected port,
//! carry what the selectors do not cover, take a packet twice; and what it says
//! to a sender whose packets do not fit.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::hosts::{BRIDGE, EspBy, Host, POLICY, Pair, Way, as_root, must, params, run, spi, underlay};
use adit::dataplane::io::sys::{MessageIn, Receiver, Sender, Wire};
use adit::dataplane::io::tap::{Kind, Tap, TapError};
use adit::dataplane::io::{raw, udp};
use adit::dataplane::{Carrier, DropReason, Punt, RequestError, SaId, Snapshot};
use adit::net::netns::Namespace;
use adit_esp::{NextHeader, OutboundSa};
use std::os::fd::AsFd;

/// Sends one IP packet of `protocol` from host one to host two, past adit.
fn inject(ns: &Namespace, protocol: u8, payload: &[u8]) {
    ns.run(|| {
        let socket = raw::open(udp::Family::V4, protocol).expect("a raw socket");
        let remote = SocketAddr::new(underlay(2, false), 0);
        let wire = Wire { remote, local: None, tos: 0, ttl: 64, mark: 0 };
        let message = MessageIn { bytes: 0..payload.len(), wire, segment: 0 };
        let sent = Sender::default().send(socket.as_fd(), payload, &[message]).expect("sent");
        assert_eq!(sent, 1);
    })
    .expect("enters");
}

/// Waits until `holds`.
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < give_up, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// GRE, then an Ethernet frame from host one to all.
fn gre_packet() -> Vec<u8> {
    let mut packet = vec![0, 0, 0x65, 0x58];
    packet.extend([0xff; 6]);
    packet.extend([2, 0, 0, 0, 0, 9, 0x08, 0x06]);
    packet.extend([0x5a; 46]);
    packet
}

fn sealed(number: u8, next: NextHeader, payload: &[u8]) -> Vec<u8> {
    let mut sa = OutboundSa::new(params(number)).expect("built in");
    let layout = sa.layout(payload.len());
    let mut packet = vec![0; layout.total()];
    packet[layout.payload()].copy_from_slice(payload);
    sa.seal(layout, next, &mut packet).expect("seals");
    packet
}

fn sa_drops(host: &Host, reason: DropReason) -> u64 {
    host.handle.sa_counters(host.inbound_sa()).expect("installed").drops.get(reason)
}

#[test]
fn plaintext_for_a_protected_port_is_dropped_and_counted() {
    if !as_root("refuses::plaintext_for_a_protected_port_is_dropped_and_counted") {
        return;
    }
    let pair = Pair::new(Way::ProtectedGre(EspBy::Protocol50), false);
    let before = pair.two.local.tx_packets.get();
    for _ in 0..5 {
        inject(&pair.one.ns, raw::GRE, &gre_packet());
    }
    eventually("five drops", || pair.two.tunnel.drops.get(DropReason::PlaintextOnProtected) == 5);
    assert_eq!(pair.two.local.tx_packets.get(), before, "nothing reached the host");
    // The same bytes pass where the port is not protected: it is the protection that drops them.
    let open = Pair::new(Way::Gre, false);
    inject(&open.one.ns, raw::GRE, &gre_packet());
    eventually("taken", || open.two.local.tx_packets.get() > 0);
}

#[test]
fn esp_that_is_forged_replayed_or_carries_the_wrong_thing_is_dropped_by_reason() {
    if !as_root("refuses::esp_that_is_forged_replayed_or_carries_the_wrong_thing_is_dropped_by_reason") {
        return;
    }
    let pair = Pair::new(Way::ProtectedGre(EspBy::Protocol50), false);
    // Host one's own stack is quiet on this SA until it sends: the numbers below are ahead of it.
    let good = sealed(2, NextHeader::GRE, &gre_packet());
    let mut flipped = good.clone();
    flipped[20] ^= 1;
    inject(&pair.one.ns, raw::ESP, &flipped);
    eventually("bad_icv", || sa_drops(&pair.two, DropReason::BadIcv) == 1);
    let mut stranger = good.clone();
    stranger[3] ^= 0x80;
    inject(&pair.one.ns, raw::ESP, &stranger);
    eventually("unknown_spi", || pair.two.handle.counters().drops.get(DropReason::UnknownSpi) == 1);
    inject(&pair.one.ns, raw::ESP, &[0, 0]);
    eventually("too_short", || pair.two.handle.counters().drops.get(DropReason::TooShort) == 1);
    inject(&pair.one.ns, raw::ESP, &good);
    inject(&pair.one.ns, raw::ESP, &good);
    eventually("replayed", || sa_drops(&pair.two, DropReason::Replayed) >= 1);
    // Authentic, but not what the SA is for: another protocol, another GRE key.
    let mut sa = OutboundSa::new(params(2)).expect("built in");
    let mut seal_next = |next: NextHeader, payload: &[u8]| {
        let mut packet = Vec::new();
        for _ in 0..500 {
            // Leave the numbers that the host itself has used behind.
            let layout = sa.layout(payload.len());
            packet = vec![0; layout.total()];
            packet[layout.payload()].copy_from_slice(payload);
            sa.seal(layout, next, &mut packet).expect("seals");
        }
        packet
    };
    let with_tcp = seal_next(NextHeader::TCP, &[0; 40]);
    inject(&pair.one.ns, raw::ESP, &with_tcp);
    eventually("selector_mismatch", || sa_drops(&pair.two, DropReason::SelectorMismatch) == 1);
    let mut keyed = gre_packet();
    keyed[0] = 0x20;
    keyed.splice(4..4, [0, 0, 0, 9]);
    let keyed = seal_next(NextHeader::GRE, &keyed);
    inject(&pair.one.ns, raw::ESP, &keyed);
    eventually("selector_mismatch", || sa_drops(&pair.two, DropReason::SelectorMismatch) == 2);
}

#[test]
fn tunnel_mode_carries_only_what_its_selectors_cover() {
    if !as_root("refuses::tunnel_mode_carries_only_what_its_selectors_cover") {
        return;
    }
    let pair = Pair::new(Way::Routed(EspBy::Protocol50), false);
    pair.ping();
    // Out: another destination.
    must(&pair.one.ns, "ip route add 10.9.9.0/24 dev tun0");
    assert!(!run(&pair.one.ns, "ping -n -c 1 -W 1 10.9.9.9").status.success());
    assert!(pair.one.tunnel.drops.get(DropReason::NoSelector) >= 1, "{:?}", pair.one.drops());
    // In: authentic, from an address the peer may not use.
    let mut packet = Vec::new();
    let ip = etherparse::PacketBuilder::ipv4([10, 9, 9, 9], [10, 0, 0, 2], 64);
    ip.udp(1, 2).write(&mut packet, b"hello").expect("a vector takes all");
    let mut sa = OutboundSa::new(params(2)).expect("built in");
    let mut sealed = Vec::new();
    for _ in 0..500 {
        let layout = sa.layout(packet.len());
        sealed = vec![0; layout.total()];
        sealed[layout.payload()].copy_from_slice(&packet);
        sa.seal(layout, NextHeader::IPV4, &mut sealed).expect("seals");
    }
    inject(&pair.one.ns, raw::ESP, &sealed);
    eventually("selector_mismatch", || sa_drops(&pair.two, DropReason::SelectorMismatch) == 1);
}

/// Everything that arrives at host two by a protocol, while `traffic` runs.
fn heard(host: &Host, protocol: u8, traffic: impl FnOnce()) -> Vec<Vec<u8>> {
    let (socket, mut receiver) = host
        .ns
        .run(|| (raw::open(udp::Family::V4, protocol).expect("a raw socket"), Receiver::new(64, 2000)))
        .expect("enters");
    traffic();
    std::thread::sleep(Duration::from_millis(200));
    let mut packets = Vec::new();
    while let Ok(count) = receiver.receive(socket.as_fd(), 0) {
        for i in 0..count {
            let range = receiver.range(i, receiver.received(i).length);
            packets.push(receiver.buffer()[range].to_vec());
        }
    }
    packets
}

#[test]
fn without_an_sa_nothing_leaves_and_with_one_only_esp() {
    if !as_root("refuses::without_an_sa_nothing_leaves_and_with_one_only_esp") {
        return;
    }
    let pair = Pair::new(Way::ProtectedGre(EspBy::Protocol50), false);
    let mut esp = Vec::new();
    let gre = heard(&pair.two, raw::GRE, || esp = heard(&pair.two, raw::ESP, || pair.ping()));
    assert_eq!((gre.len(), esp.is_empty()), (0, false));
    let ping_data: Vec<u8> = (0x10..0x30).collect();
    assert!(
        !esp.iter().any(|packet| packet.windows(ping_data.len()).any(|w| w == ping_data)),
        "the ping in clear"
    );

    pair.one.handle.remove(pair.one.outbound_sa()).expect("installed");
    let before = pair.one.tunnel.drops.get(DropReason::NoSa);
    let gre = heard(&pair.two, raw::GRE, || {
        esp = heard(&pair.two, raw::ESP, || {
            assert!(!run(&pair.one.ns, "ping -n -c 1 -W 1 10.0.0.2").status.success());
            // Not even the control plane's own frames.
            let frame = gre_packet()[4..].to_vec();
            let id = adit_switch::PortId::new(1).expect("in range");
            pair.one.handle.send_frame(BRIDGE, id, frame).expect("queued");
        });
    });
    assert_eq!((gre.len(), esp.len()), (0, 0), "nothing of the port leaves");
    assert!(pair.one.tunnel.drops.get(DropReason::NoSa) >= before + 2, "{:?}", pair.one.drops());
}

#[test]
fn too_long_packets_are_answered_and_tcp_works_with_wrong_mtus() {
    if !as_root("refuses::too_long_packets_are_answered_and_tcp_works_with_wrong_mtus") {
        return;
    }
    // The devices claim 1500 although the tunnel carries less: as behind a `system` port.
    let pair = Pair::with_mtu(Way::ProtectedGre(EspBy::Protocol50), false, 1500, Some(1500));
    let ping = |line: &str| String::from_utf8_lossy(&run(&pair.one.ns, line).stdout).into_owned();
    let told = ping("ping -n -M do -s 1472 -c 2 -i 0.2 -W 1 10.0.0.2");
    assert!(told.contains("mtu = 1428") || told.contains("mtu=1428"), "{told}");
    let told = ping("ping -6 -n -M do -s 1452 -c 2 -i 0.2 -W 1 fd00::2");
    assert!(told.contains("mtu = 1428") || told.contains("mtu=1428") || told.contains("too big"), "{told}");
    must(&pair.one.ns, "ip route flush cache");
    // What may be fragmented is.
    must(&pair.two.ns, "ping -n -M dont -s 3000 -c 2 -i 0.2 -W 2 10.0.0.1");
    for to in ["10.0.0.2", "fd00::2"] {
        assert!(pair.tcp(1, to) > 2e6);
    }
}

#[test]
fn requests_are_answered_and_facts_come_back() {
    if !as_root("refuses::requests_are_answered_and_facts_come_back") {
        return;
    }
    let mut pair = Pair::new(Way::ProtectedGre(EspBy::Udp4500), false);
    let way = pair.way;
    let again = pair.one.handle.install_inbound(crate::hosts::inbound(way, EspBy::Udp4500, 1, false));
    assert!(matches!(again, Err(RequestError::Duplicate(s)) if s == spi(1)));
    let unknown = SaId::Inbound { spi: adit_esp::Spi(0xdead_beef) };
    assert!(matches!(pair.one.handle.remove(unknown), Err(RequestError::Unknown(_))));
    pair.ping();
    let punt = pair.two.punts.try_recv();
    assert!(matches!(punt, Some(Punt::HeardOn { spi: s }) if s == spi(2)), "{punt:?}");
    assert!(pair.two.punts.try_recv().is_none(), "said once");
    // The peer's address changes under a running SA: a packet from there says so.
    must(&pair.one.ns, "ip addr add 192.168.100.77/24 dev eth0");
    let local: IpAddr = "192.168.100.77".parse().expect("an address");
    let moved = Carrier::Udp {
        local: SocketAddr::new(local, 4500),
        remote: SocketAddr::new(underlay(2, false), 4500),
    };
    pair.one.handle.move_outbound(POLICY, spi(2), moved).expect("installed");
    run(&pair.one.ns, "ping -n -c 1 -W 1 10.0.0.2");
    let punt = pair.two.punts.try_recv();
    let expected = SocketAddr::new(local, 4500);
    assert!(
        matches!(punt, Some(Punt::PeerMoved { spi: s, path }) if s == spi(2) && path.remote == expected),
        "{punt:?}"
    );
    // IKE crosses whole, marker and all.
    let path = |host: u8, port: u16| adit::dataplane::Path {
        local: SocketAddr::new(underlay(host, false), port),
        remote: SocketAddr::new(underlay(3 - host, false), port),
    };
    for (port, datagram) in [(500, vec![1, 2, 3]), (4500, vec![0, 0, 0, 0, 1, 2, 3])] {
        pair.one.handle.send_ike(path(1, port), datagram.clone()).expect("queued");
        let give_up = Instant::now() + Duration::from_secs(5);
        let punt = loop {
            match pair.two.punts.try_recv() {
                Some(punt) => break punt,
                None => assert!(Instant::now() < give_up, "IKE on {port}"),
            }
        };
        let Punt::Ike { path: came, datagram: got } = punt else { panic!("{punt:?}") };
        assert_eq!((came, got), (path(2, port), datagram));
    }
}

#[test]
fn a_device_of_another_is_not_taken_and_ours_is_found_again() {
    if !as_root("refuses::a_device_of_another_is_not_taken_and_ours_is_found_again") {
        return;
    }
    let ns = Namespace::create("dptap").expect("namespaces can be made");
    ns.run(|| {
        let tap = Tap::open("br0", Kind::Tap).expect("made");
        let mac = tap.mac().expect("there");
        drop(tap); // as in a crash
        let tap = Tap::open("br0", Kind::Tap).expect("found again");
        assert_eq!(tap.mac().expect("there"), mac);
        assert!(matches!(Tap::open("br0", Kind::Tun), Err(TapError::Foreign(_))), "a TAP is no TUN");
        tap.remove().expect("removed");
    })
    .expect("enters");
    assert!(!run(&ns, "ip link show br0").status.success(), "gone with its last descriptor");
    must(&ns, "ip tuntap add dev other mode tap multi_queue vnet_hdr");
    must(&ns, "ip link add wire type veth peer name end");
    for name in ["other", "wire"] {
        let error = ns.run(|| Tap::open(name, Kind::Tap).expect_err("not ours")).expect("enters");
        assert!(matches!(&error, TapError::Foreign(n) if n == name), "{error}");
        assert!(error.to_string().contains("not adit's"));
    }
    let long = ns.run(|| Tap::open("a-name-of-sixteen", Kind::Tap).expect_err("too long")).expect("enters");
    assert!(matches!(long, TapError::Create(..)), "{long}");
}

#[test]
fn a_device_deleted_under_a_worker_leaves_it_idle() {
    if !as_root("refuses::a_device_deleted_under_a_worker_leaves_it_idle") {
        return;
    }
    let pair = Pair::new(Way::Gre, false);
    pair.ping();
    must(&pair.one.ns, "ip link del br0");
    std::thread::sleep(Duration::from_millis(300));
    let before = pair.one.handle.counters().wakeups.get();
    std::thread::sleep(Duration::from_millis(700));
    let woken = pair.one.handle.counters().wakeups.get() - before;
    assert!(woken < 20, "{woken} wake-ups for a device that is gone");
}

#[test]
fn a_flood_of_strangers_takes_nothing_from_known_peers() {
    if !as_root("refuses::a_flood_of_strangers_takes_nothing_from_known_peers") {
        return;
    }
    let mut pair = Pair::new(Way::Gre, false);
    must(&pair.one.ns, "ip addr add 192.168.100.77/24 dev eth0");
    let known = SocketAddr::new(underlay(1, false), 500);
    let snapshot = Snapshot::new(vec![], vec![]).expect("unambiguous");
    pair.two.handle.apply(snapshot.with_ike_peers([known.ip()].into())).expect("applied");
    let sender = |from: &str| {
        let from: SocketAddr = from.parse().expect("an address");
        let socket = pair.one.ns.run(|| std::net::UdpSocket::bind(from).expect("free")).expect("enters");
        socket.connect(SocketAddr::new(underlay(2, false), 500)).expect("a way");
        socket
    };
    let (stranger, peer) = (sender("192.168.100.77:0"), sender("192.168.100.1:0"));
    // Nobody reads what comes to control, as if it were busy: every queue fills that a flood can fill.
    for _ in 0..20_000 {
        stranger.send(&[9; 28]).expect("sent");
    }
    eventually("drops", || pair.two.handle.counters().drops.get(DropReason::PuntOverflow) > 1000);
    peer.send(&[1; 28]).expect("sent");
    for _ in 0..1000 {
        stranger.send(&[9; 28]).expect("sent");
    }
    let give_up = Instant::now() + Duration::from_secs(5);
    let first = loop {
        match pair.two.punts.try_recv() {
            Some(Punt::Ike { datagram, .. }) => break datagram,
            _ => assert!(Instant::now() < give_up, "nothing came"),
        }
    };
    assert_eq!(first, [1; 28], "the peer passes, and before the strangers");
    assert!(matches!(pair.two.punts.try_recv(), Some(Punt::Ike { datagram, .. }) if datagram == [9; 28]));
}
