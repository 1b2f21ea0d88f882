//! What strangers may cost.

use crate::conversations::{met, pair, pair_with, standing};
use crate::host::Packet;
use crate::network::{Network, seconds};
use adit_ike::EndpointConfig;
use adit_ike::wire::{Message, Payload};
use std::time::Duration;

/// The first message of host 0, with a public value that is none for any private value (RFC 6989 §2).
fn without_public_value() -> Packet {
    let mut network = pair(1);
    network.run(seconds(1));
    let mut packet = Packet::parse(&network.node(0).sent[0]);
    let mut message = Message::parse(&packet.payload).unwrap();
    for payload in &mut message.payloads {
        if let Payload::KeyExchange(ke) = payload {
            ke.public.fill(0);
        }
    }
    packet.payload = message.emit();
    packet
}

fn for_anyone() -> Network {
    pair_with(false, 1, |host, connection| {
        if host == 1 {
            connection.remote = None;
        }
    })
}

#[test]
fn bad_public_values_lead_to_cookies_and_are_forgotten() {
    let mut network = for_anyone();
    network.set_cut(true);
    let bad = without_public_value();
    let send = |network: &mut Network, n: u32| {
        let mut packet = Packet { payload: bad.payload.clone(), ..bad };
        packet.payload[..4].copy_from_slice(&n.to_be_bytes());
        packet.from = ([10, 9, (n % 50) as u8, 1], 500).into();
        let now = network.now();
        network.node(1).handle_packet(now, packet.emit());
    };
    let threshold = EndpointConfig::default().cookie_threshold;
    for n in 1..=1000 {
        send(&mut network, n);
    }
    let now = network.now();
    assert_eq!(network.node(1).endpoint.ike_sas(now).len(), threshold);
    let counters = network.node(1).endpoint.counters();
    assert_eq!(counters.cookies_demanded, 1000 - threshold as u64);
    // None was answered but by a cookie, and the same value again costs no arithmetic.
    assert_eq!(network.node(1).sent.len(), 0);
    (0..100).for_each(|_| send(&mut network, 1));
    assert_eq!(met(&mut network, "event Job"), threshold as u64);
    assert_eq!(network.node(1).endpoint.counters().repeated_requests, 100);
    // Who shows a cookie is served meanwhile.
    network.set_cut(false);
    network.settle(seconds(5)).unwrap();
    assert_eq!(standing(&mut network, 1), 1);
    network.run(seconds(31));
    let now = network.now();
    assert_eq!(network.node(1).endpoint.ike_sas(now).len(), 1);
}

#[test]
fn bad_public_values_of_one_address_are_bounded() {
    let mut network = for_anyone();
    let now = network.now();
    let config = EndpointConfig {
        cookie_threshold: 1000,
        max_half_open: 40,
        max_half_open_per_address: 4,
        ..EndpointConfig::default()
    };
    network.node(1).reset(now, Some(crate::network::PSK), config);
    network.set_cut(true);
    let bad = without_public_value();
    for n in 1..=1000u32 {
        let mut packet = Packet { payload: bad.payload.clone(), ..bad };
        packet.payload[..4].copy_from_slice(&n.to_be_bytes());
        packet.from = ([10, 9, (n / 100) as u8, 1], 500).into();
        network.node(1).handle_packet(now, packet.emit());
    }
    assert_eq!(network.node(1).endpoint.ike_sas(now).len(), 40);
    assert_eq!(network.node(1).endpoint.counters().half_open_refused, 960);
}

/// RFC 6989 §2.5: inside an IKE SA, it goes.
#[test]
fn a_peer_that_sends_a_bad_public_value_loses_its_ike_sa() {
    use crate::network::PEER;
    use adit_ike::Command;
    for (culprit, command) in [
        (0, Command::RekeyChildren as fn(_) -> _),
        (1, Command::RekeyChildren),
        (0, Command::RekeyIke),
        (1, Command::RekeyIke),
    ] {
        let mut network = pair(1);
        network.run(seconds(1));
        network.node(culprit).bad_values = 1;
        let now = network.now();
        network.node(0).command(now, command(PEER));
        network.run(Duration::from_millis(100));
        let victim = 1 - culprit;
        let words = network.node(victim).failures.first().map(ToString::to_string).unwrap_or_default();
        assert!(words.contains("invalid public value"), "{culprit}: {words}");
        assert_eq!(standing(&mut network, victim), 0, "culprit {culprit}");
        assert!(network.node(victim).inbound.is_empty());
        network.settle(seconds(10)).unwrap();
    }
}
