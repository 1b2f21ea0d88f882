//! By which way answers go, and who follows whom through a NAT. RFC 7296 §2.11, §2.23.

use crate::conversations::{met, pair, pair_with};
use crate::host::Packet;
use crate::network::{A, B, Network, PEER, seconds};
use adit_ike::{Carrier, Command, Path};
use std::net::SocketAddr;
use std::time::Duration;

fn path(network: &mut Network, host: usize) -> Path {
    let now = network.now();
    network.node(host).endpoint.ike_sas(now)[0].path
}

fn sent(network: &mut Network, host: usize, number: usize) -> Packet {
    Packet::parse(&network.node(host).sent[number])
}

fn exchange(packet: &Packet) -> u8 {
    let marker = if packet.payload.starts_with(&[0; 4]) { 4 } else { 0 };
    packet.payload[marker + 18]
}

/// Host 0 asks whether host 1 is there; the question gets lost.
fn lost_request(network: &mut Network) -> Packet {
    let next = network.node(0).sent.len();
    network.node(0).lose.insert(next);
    let now = network.now();
    network.node(0).command(now, Command::LocalAddresses(vec![A.into()]));
    network.run(Duration::from_millis(50));
    sent(network, 0, next)
}

#[test]
fn an_answer_goes_back_by_the_way_its_request_came() {
    let elsewhere: SocketAddr = ([203, 0, 113, 9], 40_000).into();
    let here = |port| SocketAddr::from((B, port));
    let ways =
        [(500, elsewhere), (500, ([10, 0, 0, 1], 40_000).into()), (4500, ([10, 0, 0, 1], 4500).into())];
    for (to, from) in ways {
        let mut network = pair(1);
        network.run(seconds(1));
        let before = path(&mut network, 1);
        let mut request = lost_request(&mut network);
        if to == 4500 {
            request.payload.splice(..0, [0; 4]);
        }
        (request.from, request.to) = (from, here(to));
        for _ in 0..2 {
            // The second time it is answered from memory.
            let (now, next) = (network.now(), network.node(1).sent.len());
            network.node(1).handle_packet(now, request.emit());
            network.run(Duration::from_millis(5));
            let answer = sent(&mut network, 1, next);
            assert_eq!((answer.from, answer.to), (here(to), from));
            assert_eq!(answer.payload.starts_with(&[0; 4]), to == 4500);
        }
        // Where no NAT is, only the port may have changed.
        let followed = path(&mut network, 1) != before;
        assert_eq!(followed, from != elsewhere);
    }
}

#[test]
fn the_first_answer_goes_back_by_the_way_its_request_came() {
    let mut network = pair(1);
    network.set_cut(true);
    network.run(Duration::from_millis(5));
    let mut request = sent(&mut network, 0, 0);
    request.from.set_port(40_000);
    for _ in 0..2 {
        let (now, next) = (network.now(), network.node(1).sent.len());
        network.node(1).handle_packet(now, request.emit());
        network.run(Duration::from_millis(5));
        let answer = sent(&mut network, 1, next);
        assert_eq!((answer.from, answer.to), (request.to, request.from));
    }
}

/// The NAT forgets between request and answer; the peer is known to have moved before the answer is ready.
#[test]
fn an_answer_goes_where_its_request_came_from_though_the_peer_has_moved() {
    let mut network = pair_with(true, 1, |_, _| ());
    network.run(seconds(1));
    network.node(1).job_delay = Duration::from_millis(400);
    let before = path(&mut network, 1);
    let (now, first) = (network.now(), network.node(1).sent.len());
    network.node(0).command(now, Command::RekeyChildren(PEER));
    network.run(Duration::from_millis(30));
    assert_eq!(network.node(1).sent.len(), first, "the answer takes its time");
    network.rebind();
    let now = network.now();
    network.node(0).start_traffic(now, Duration::from_millis(300));
    network.run(Duration::from_millis(30));
    let after = path(&mut network, 1);
    assert!(after.remote.port() != before.remote.port(), "followed, by ESP");
    network.run(seconds(2));
    let answers: Vec<Packet> = network.node(1).sent[first..]
        .iter()
        .map(|packet| Packet::parse(packet))
        .filter(|packet| exchange(packet) == 36)
        .collect();
    assert_eq!((answers[0].from, answers[0].to), (before.local, before.remote));
    // The NAT has no way for that one. The request came again, by the new way.
    assert_eq!((answers[1].from, answers[1].to), (after.local, after.remote));
    assert_eq!(answers[0].payload, answers[1].payload);
    network.settle(seconds(5)).unwrap();
    assert_eq!(met(&mut network, "event Down"), 0);
}

/// Host 0 is behind a NAT, and finds host 1 to be behind one too.
fn both_hidden() -> Network {
    pair_with(true, 1, |host, connection| connection.force_udp = host == 1)
}

#[test]
fn behind_a_nat_nobody_is_followed() {
    for make in [both_hidden as fn() -> _, || pair_with(true, 1, |_, _| ())] {
        let mut network = make();
        network.run(seconds(1));
        let before = path(&mut network, 0);
        let next = network.node(1).sent.len();
        network.node(1).lose.insert(next);
        let now = network.now();
        network.node(1).command(now, Command::RekeyIke(PEER));
        network.run(Duration::from_millis(50));
        // Authentic and new, but from another port: whoever stands between can do that.
        let mut request = sent(&mut network, 1, next);
        request.to = before.local;
        request.from.set_port(61_000);
        let (now, first) = (network.now(), network.node(0).sent.len());
        network.node(0).handle_packet(now, request.emit());
        network.run(Duration::from_millis(5));
        assert_eq!(sent(&mut network, 0, first).to, request.from, "the answer goes back by the way it came");
        // ESP from there moves nothing either.
        let spi = *network.node(0).inbound.keys().next().unwrap();
        let now = network.now();
        network.node(0).command(now, Command::PeerMoved { spi, from: request.from });
        assert_eq!(met(&mut network, "event Moved"), 0);
        let now = network.now();
        assert!(network.node(0).endpoint.ike_sas(now).iter().all(|sa| sa.path == before));
        let carriers = network.node(0).outbound.values().flatten().map(|half| half.carrier);
        let right = Carrier::Udp { local: before.local, remote: before.remote };
        assert!(carriers.into_iter().all(|carrier| carrier == right));
        network.settle(seconds(10)).unwrap();
    }
}

/// A request seen before says nothing about where its sender is now.
#[test]
fn an_old_request_sent_again_moves_nobody() {
    let mut network = pair_with(true, 1, |_, _| ());
    network.run(seconds(1));
    let mut request = lost_request(&mut network);
    let path = path(&mut network, 1);
    (request.from, request.to) = (path.remote, path.local);
    let now = network.now();
    network.node(1).handle_packet(now, request.emit());
    network.run(Duration::from_millis(50));
    request.from = ([203, 0, 113, 9], 4500).into();
    let now = network.now();
    network.node(1).handle_packet(now, request.emit());
    network.run(Duration::from_millis(50));
    assert_eq!(self::path(&mut network, 1), path);
    assert_eq!(met(&mut network, "event Moved"), 0);
}
