//! Conversations: one thing happens, and what comes of it.

use crate::host::{Node, Packet};
use crate::network::{A, B, Network, PEER, PSK, child, connection, seconds};
use adit_crypto::KeId;
use adit_ike::config::{IkeProposal, Mode};
use adit_ike::endpoint::IkeSaState;
use adit_ike::error::{AuthError, Error, Local, Unacceptable};
use adit_ike::event::{Spi, TimerKind};
use adit_ike::{Carrier, ChildConfigId, Command, Connection, EndpointConfig, Identity, TrafficSelector};
use adit_sim::LinkConfig;
use std::collections::BTreeSet;
use std::time::Duration;

fn quiet() -> LinkConfig {
    LinkConfig { delay: Duration::from_millis(10), ..LinkConfig::default() }
}

/// Two hosts; only the first initiates. `vary` gets each host's number and connection.
pub fn pair_with(natted: bool, children: u32, vary: impl Fn(usize, &mut Connection)) -> Network {
    let mut network = Network::new(natted, &quiet(), 1);
    let now = network.now();
    for host in 0..2 {
        let mut config = connection(host, &network, children);
        config.initiate = host == 0;
        vary(host, &mut config);
        network.node(host).connect(now, PEER, config);
    }
    network
}

pub fn pair(children: u32) -> Network {
    pair_with(false, children, |_, _| ())
}

pub fn met(network: &mut Network, what: &str) -> u64 {
    network.met().0.get(what).copied().unwrap_or(0)
}

pub fn spis(node: &Node) -> BTreeSet<Spi> {
    node.inbound.keys().copied().collect()
}

pub fn standing(network: &mut Network, host: usize) -> usize {
    let now = network.now();
    let sas = network.node(host).endpoint.ike_sas(now);
    sas.iter().filter(|sa| sa.state == IkeSaState::Established).count()
}

#[test]
fn four_messages_and_a_child_stands() {
    let mut network = pair(1);
    network.run(seconds(1));
    assert_eq!(network.disagreements(), Vec::<String>::new());
    assert_eq!(network.packets_seen(), 4);
}

#[test]
fn further_children_follow_in_the_same_ike_sa() {
    let mut network = pair(3);
    network.settle(seconds(3)).unwrap();
    assert_eq!((standing(&mut network, 0), standing(&mut network, 1)), (1, 1));
}

#[test]
fn rekeyed_children_and_ike_sas_leave_one_of_each() {
    let mut network = pair(2);
    network.run(seconds(1));
    for host in [0, 1] {
        for command in [Command::RekeyChildren(PEER), Command::RekeyIke(PEER)] {
            let before = spis(network.node(0));
            let rekeys_child = matches!(command, Command::RekeyChildren(_));
            let now = network.now();
            network.node(host).command(now, command);
            network.run(seconds(20));
            network.settle(seconds(5)).unwrap();
            assert_eq!(before.is_disjoint(&spis(network.node(0))), rekeys_child);
            assert_eq!((standing(&mut network, 0), standing(&mut network, 1)), (1, 1));
        }
    }
}

#[test]
fn traffic_never_stops_while_children_and_ike_sas_are_rekeyed() {
    let mut network = pair(1);
    network.run(seconds(1));
    let now = network.now();
    network.both(|node, _| node.start_traffic(now, Duration::from_millis(7)));
    for _ in 0..5 {
        network.both(|node, now| node.command(now, Command::RekeyChildren(PEER)));
        network.run(seconds(3));
        network.both(|node, now| node.command(now, Command::RekeyIke(PEER)));
        network.run(seconds(3));
    }
    network.both(|node, _| node.stop_traffic());
    network.run(seconds(1));
    assert_eq!(met(&mut network, "traffic dropped for want of an SA"), 0);
    assert_eq!(met(&mut network, "traffic for an unknown SPI"), 0);
    assert_eq!(met(&mut network, "traffic sent"), met(&mut network, "traffic received"));
}

#[test]
fn any_one_lost_packet_of_a_rekeying_costs_no_traffic() {
    for (host, lost) in (0..2).flat_map(|host| (0..8).map(move |lost| (host, lost))) {
        let mut network = pair(1);
        network.run(seconds(1));
        let first = network.node(host).sent.len();
        network.node(host).lose.insert(first + lost);
        let now = network.now();
        network.node(0).command(now, Command::RekeyChildren(PEER));
        network.run(seconds(2));
        let now = network.now();
        network.node(0).command(now, Command::RekeyIke(PEER));
        network.run(seconds(10));
        network.settle(seconds(5)).unwrap_or_else(|wrong| panic!("packet {lost} of host {host}: {wrong}"));
        assert_eq!(met(&mut network, "event Down"), 0);
    }
}

#[test]
fn any_one_lost_packet_of_the_handshake_is_sent_again() {
    for (host, lost) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
        let mut network = pair(1);
        network.node(host).lose.insert(lost);
        network.run(seconds(2));
        network.settle(Duration::ZERO).unwrap();
        assert_eq!(met(&mut network, "counter retransmissions"), 1);
    }
}

#[test]
fn crossing_handshakes_leave_one_ike_sa() {
    let mut network = pair_with(false, 2, |_, connection| connection.initiate = true);
    network.run(seconds(20));
    network.settle(Duration::ZERO).unwrap();
    assert_eq!((standing(&mut network, 0), standing(&mut network, 1)), (1, 1));
    assert!(met(&mut network, "counter duplicate_ike_sas") > 0);
    assert_eq!(met(&mut network, "event Down"), 0);
}

#[test]
fn crossing_rekeyings_leave_one_of_two() {
    let mut network = pair(1);
    network.run(seconds(1));
    network.both(|node, now| node.command(now, Command::RekeyChildren(PEER)));
    network.run(seconds(2));
    network.both(|node, now| node.command(now, Command::RekeyIke(PEER)));
    network.run(seconds(20));
    network.settle(Duration::ZERO).unwrap();
    assert_eq!(met(&mut network, "counter crossing_child_rekeys"), 2);
    assert_eq!(met(&mut network, "counter crossing_ike_rekeys"), 2);
    assert_eq!((standing(&mut network, 0), standing(&mut network, 1)), (1, 1));
}

#[test]
fn a_cookie_and_another_key_exchange_method_are_followed_together() {
    let p256 = || vec![IkeProposal { key_exchange: vec![KeId::ECP_256], ..IkeProposal::modern() }];
    for threshold in [0, 100] {
        let mut network = pair_with(false, 1, |host, connection| {
            if host == 1 {
                connection.proposals = p256();
            }
        });
        let now = network.now();
        network.node(1).reset(
            now,
            Some(PSK),
            EndpointConfig { cookie_threshold: threshold, ..EndpointConfig::default() },
        );
        network.run(seconds(1));
        network.settle(Duration::ZERO).unwrap();
        assert_eq!(met(&mut network, "counter cookies_demanded"), u64::from(threshold == 0));
        assert!(network.node(0).endpoint.ike_sas(now)[0].proposal.ends_with("ECP_256"));
    }
}

#[test]
fn a_wrong_key_is_refused_and_both_ends_know_why() {
    let mut network = pair(1);
    let now = network.now();
    network.node(1).reset(now, Some(b"another key"), EndpointConfig::default());
    let failures = |network: &mut Network, host: usize| network.node(host).failures.clone();
    network.run(seconds(10));
    assert!(network.node(0).inbound.is_empty() && network.node(1).inbound.is_empty());
    let left = Identity::fqdn("left.example");
    assert_eq!(failures(&mut network, 0)[0].error, AuthError::RefusedByPeer.into());
    assert_eq!(failures(&mut network, 1)[0].error, AuthError::BadProof(left).into());
    let texts = [0, 1].map(|host| failures(&mut network, host)[0].to_string());
    for (text, who) in texts.iter().zip(["the peer refused us: ", "we refused left.example: "]) {
        assert!(text.starts_with(&format!("authentication failed: {who}")), "{text}");
        assert!(
            text.ends_with("; remedy on both sides: set the same pre-shared key and matching identities")
        );
    }
    // Tried again, but less and less often.
    let tries = failures(&mut network, 0).len();
    assert!((2..=4).contains(&tries), "{tries}");
}

#[test]
fn a_wrong_identity_and_a_missing_key_are_told_apart() {
    let mut network = pair_with(false, 1, |host, connection| {
        if host == 1 {
            connection.remote_id = Identity::fqdn("somebody.example");
        }
    });
    network.run(seconds(1));
    let (expected, found) = (Identity::fqdn("somebody.example"), Identity::fqdn("left.example"));
    assert_eq!(network.node(1).failures[0].error, AuthError::WrongIdentity { expected, found }.into());

    let mut network = pair(1);
    let now = network.now();
    network.node(0).reset(now, None, EndpointConfig::default());
    network.run(seconds(1));
    assert_eq!(
        network.node(0).failures[0].error,
        AuthError::NoCredentials(Identity::fqdn("right.example")).into()
    );
}

#[test]
fn different_modes_and_selectors_fail_the_child_alone() {
    let mut network = pair_with(false, 1, |host, connection| {
        if host == 1 {
            connection.children[0].mode = Mode::Transport;
        }
    });
    network.run(seconds(1));
    assert_eq!((standing(&mut network, 0), network.node(0).inbound.len()), (1, 0));
    assert_eq!(network.node(1).failures[0].error, Unacceptable::Mode.into());

    let mut network = pair_with(false, 2, |host, connection| {
        if host == 1 {
            connection.children.remove(1);
        }
    });
    network.run(seconds(5));
    assert_eq!((network.node(0).inbound.len(), network.node(1).inbound.len()), (1, 1));
    assert!(matches!(network.node(0).failures[0].error, Error::PeerRefused(_)));
}

#[test]
fn a_restarted_host_is_believed_by_its_proof_alone() {
    let mut network = pair_with(false, 2, |_, connection| connection.initiate = true);
    network.run(seconds(20));
    let now = network.now();
    network.node(0).restart(now);
    network.run(seconds(5));
    network.settle(Duration::ZERO).unwrap();
    assert!(met(&mut network, "counter initial_contacts") > 0);
}

#[test]
fn a_peer_that_fell_silent_is_found_out_and_called_again() {
    let mut network = pair(1);
    network.run(seconds(1));
    network.set_cut(true);
    network.run(seconds(60));
    assert_eq!(
        network.node(0).failures.first().map(|failure| failure.error.clone()),
        Some(Local::Timeout.into())
    );
    assert!(network.node(0).outbound.values().all(Vec::is_empty));
    network.set_cut(false);
    network.run(seconds(90));
    network.settle(Duration::ZERO).unwrap();
}

#[test]
fn a_peer_that_is_heard_is_not_asked() {
    let mut network = pair(1);
    network.run(seconds(1));
    let now = network.now();
    network.both(|node, _| node.start_traffic(now, seconds(1)));
    network.run(seconds(60));
    assert_eq!(network.node(0).endpoint.counters().datagrams_in, 2);
    network.both(|node, _| node.stop_traffic());
    network.run(seconds(60));
    assert!(network.node(0).endpoint.counters().datagrams_in > 5);
}

#[test]
fn recorded_packets_sent_again_change_nothing() {
    let mut network = pair(2);
    network.settle(seconds(3)).unwrap();
    network.both(|node, now| node.command(now, Command::RekeyChildren(PEER)));
    network.run(seconds(20));
    let before = (spis(network.node(0)), spis(network.node(1)));
    let recorded = [network.node(0).sent.clone(), network.node(1).sent.clone()];
    for _ in 0..3 {
        for (from, packets) in recorded.iter().enumerate() {
            for packet in packets {
                let now = network.now();
                network.node(1 - from).handle_packet(now, packet.clone());
            }
        }
        network.run(seconds(2));
    }
    assert_eq!((spis(network.node(0)), spis(network.node(1))), before);
    network.settle(Duration::ZERO).unwrap();
}

#[test]
fn flipped_bits_change_nothing() {
    let mut network = pair(1);
    network.run(seconds(1));
    let now = network.now();
    network.node(0).command(now, Command::RekeyIke(PEER));
    network.run(seconds(2));
    let recorded = [network.node(0).sent.clone(), network.node(1).sent.clone()];
    let before = spis(network.node(0));
    for (from, packets) in recorded.iter().enumerate() {
        for packet in packets {
            for bit in (12 * 8..packet.len() * 8).step_by(7) {
                let mut flipped = packet.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let now = network.now();
                network.node(1 - from).handle_packet(now, flipped);
            }
        }
        network.run(seconds(1));
    }
    network.run(seconds(40));
    assert_eq!(spis(network.node(0)), before);
    network.settle(Duration::ZERO).unwrap();
}

/// An unprotected INVALID_IKE_SPI notification about the IKE SA of `like`.
fn forged_hint(like: &[u8]) -> Vec<u8> {
    let mut packet = Packet::parse(like);
    let spis = packet.payload[..16].to_vec();
    packet.payload = spis;
    // INFORMATIONAL, response, one notification: INVALID_IKE_SPI.
    packet.payload.extend([41, 0x20, 37, 0x20, 0, 0, 0, 9, 0, 0, 0, 36, 0, 0, 0, 8, 0, 0, 0, 4]);
    packet.emit()
}

#[test]
fn a_forged_error_is_a_hint_and_no_more() {
    let mut network = pair(1);
    network.run(seconds(1));
    let answer = network.node(1).sent.last().unwrap().clone();
    let before = network.node(0).sent.len();
    for _ in 0..100 {
        let now = network.now();
        network.node(0).handle_packet(now, forged_hint(&answer));
    }
    network.run(seconds(2));
    assert_eq!(network.node(0).sent.len(), before + 1, "one liveness check for a hundred hints");
    network.settle(Duration::ZERO).unwrap();
    assert_eq!(met(&mut network, "event Down"), 0);
}

#[test]
fn a_forged_refusal_does_not_end_the_handshake() {
    let mut network = pair(1);
    network.node(0).lose.insert(0);
    network.run(Duration::from_millis(100));
    let request = Packet::parse(&network.node(0).sent[0]);
    // IKE_SA_INIT response with NO_PROPOSAL_CHOSEN.
    let mut payload = request.payload[..8].to_vec();
    payload.extend([0; 8]);
    payload.extend([41, 0x20, 34, 0x20, 0, 0, 0, 0, 0, 0, 0, 36, 0, 0, 0, 8, 0, 0, 0, 14]);
    let forged = Packet { from: request.to, to: request.from, payload };
    let now = network.now();
    network.node(0).handle_packet(now, forged.emit());
    assert_eq!(met(&mut network, "event Hint"), 1);
    network.run(seconds(1));
    network.settle(Duration::ZERO).unwrap();
}

/// Somebody who sees the wire repeats IKE_AUTH from elsewhere, and is faster.
#[test]
fn an_authentication_raced_from_another_address_ends_and_moves_nothing() {
    for racer in [0, 1] {
        let mut network = pair(1);
        // The messages of IKE_AUTH, the second each host sends, are late.
        network.node(racer).lose.insert(1);
        network.run(Duration::from_millis(400));
        let mut raced = Packet::parse(&network.node(racer).sent[1]);
        raced.from.set_ip(std::net::Ipv4Addr::new(203, 0, 113, 9).into());
        let now = network.now();
        network.node(1 - racer).handle_packet(now, raced.emit());
        network.settle(seconds(5)).unwrap();
        assert_eq!(met(&mut network, "event Down"), 0, "racer {racer}");
        for host in [0, 1] {
            let sas = network.node(host).endpoint.ike_sas(now);
            let elsewhere = sas.iter().filter(|sa| sa.path.remote.ip() == raced.from.ip()).count();
            assert_eq!((sas.len(), elsewhere), (1, 0), "racer {racer}, host {host}");
        }
    }
}

#[test]
fn strangers_get_few_answers_and_no_memory() {
    let mut network = pair(1);
    network.run(seconds(1));
    let protected = network.node(0).sent[1].clone();
    let before = network.node(1).sent.len();
    for n in 0..1000u32 {
        let mut packet = Packet::parse(&protected);
        packet.payload[4..8].copy_from_slice(&n.to_be_bytes());
        packet.payload[12..16].copy_from_slice(&n.to_be_bytes());
        let now = network.now();
        network.node(1).handle_packet(now, packet.emit());
    }
    network.run(Duration::from_millis(100));
    assert_eq!(network.node(1).sent.len() - before, 20);
    assert_eq!(standing(&mut network, 1), 1);
}

#[test]
fn half_open_ike_sas_are_bounded_and_forgotten() {
    let mut network = pair(1);
    network.run(seconds(1));
    let first = network.node(0).sent[0].clone();
    for n in 1..=2000u32 {
        let mut packet = Packet::parse(&first);
        packet.payload[..4].copy_from_slice(&n.to_be_bytes());
        packet.from = ([10, 9, (n % 50) as u8, 1], 500).into();
        let now = network.now();
        network.node(1).handle_packet(now, packet.emit());
    }
    // The connection is for 10.0.0.1 alone: none of these is answered with state.
    assert_eq!(standing(&mut network, 1), 1);
    let now = network.now();
    assert_eq!(network.node(1).endpoint.ike_sas(now).len(), 1);

    let mut network = pair_with(false, 1, |host, connection| {
        if host == 1 {
            connection.remote = None;
        }
    });
    network.run(seconds(1));
    let now = network.now();
    for n in 1..=2000u32 {
        let mut packet = Packet::parse(&first);
        packet.payload[..4].copy_from_slice(&n.to_be_bytes());
        packet.from = ([10, 9, (n % 50) as u8, 1], 500).into();
        network.node(1).handle_packet(now, packet.emit());
    }
    let half_open = network.node(1).endpoint.ike_sas(now).len();
    assert_eq!(half_open, 1 + EndpointConfig::default().cookie_threshold);
    assert!(network.node(1).endpoint.counters().cookies_demanded > 1900);
    network.run(seconds(31));
    let now = network.now();
    assert_eq!(network.node(1).endpoint.ike_sas(now).len(), 1);
}

#[test]
fn behind_a_nat_esp_goes_in_udp_and_the_mapping_is_kept() {
    let mut network = pair_with(true, 1, |_, _| ());
    network.run(seconds(1));
    network.settle(Duration::ZERO).unwrap();
    for host in 0..2 {
        let half = network.node(host).inbound.values().next().unwrap();
        assert!(matches!(half.carrier, Carrier::Udp { local, .. } if local.port() == 4500));
    }
    network.run(seconds(61));
    let keepalives =
        |node: &Node| node.sent.iter().filter(|packet| Packet::parse(packet).payload == [0xff]).count();
    assert_eq!((keepalives(network.node(0)), keepalives(network.node(1))), (3, 0));
}

#[test]
fn a_new_mapping_is_followed_by_ike_or_by_esp() {
    for traffic in [false, true] {
        let mut network = pair_with(true, 1, |_, _| ());
        network.run(seconds(1));
        network.rebind();
        if traffic {
            let now = network.now();
            network.both(|node, _| node.start_traffic(now, seconds(1)));
        }
        network.run(seconds(20));
        network.settle(Duration::ZERO).unwrap();
        assert!(met(&mut network, "event Moved") > 0 && met(&mut network, "event Redirect") > 0);
        assert_eq!(met(&mut network, "event Down"), 0);
        assert_eq!(met(&mut network, "peer moved") > 0, traffic);
    }
}

#[test]
fn udp_can_be_had_without_a_nat() {
    for asks in 0..2 {
        let mut network = pair_with(false, 1, |host, connection| connection.force_udp = host == asks);
        network.run(seconds(1));
        network.settle(Duration::ZERO).unwrap();
        let wanted = Carrier::Udp { local: (A, 4500).into(), remote: (B, 4500).into() };
        assert_eq!(network.node(0).inbound.values().next().unwrap().carrier, wanted, "asked by {asks}");
    }
}

#[test]
fn transport_mode_carries_one_protocol_between_two_hosts() {
    for natted in [false, true] {
        let mut network = pair_with(natted, 1, |host, connection| {
            let (local, remote) = if host == 0 { (A, B) } else { (B, A) };
            let gre = |address: std::net::Ipv4Addr| TrafficSelector::host(address.into(), 47);
            // The outside host knows the hidden one by whatever address it shows.
            let anyone = TrafficSelector::prefix(std::net::Ipv4Addr::UNSPECIFIED.into(), 0).with_protocol(47);
            let child = &mut connection.children[0];
            child.mode = Mode::Transport;
            child.local = vec![gre(local)];
            child.remote = vec![if natted && host == 1 { anyone } else { gre(remote) }];
        });
        network.run(seconds(1));
        network.settle(Duration::ZERO).unwrap();
        let half = |network: &mut Network, host: usize| {
            let half = network.node(host).inbound.values().next().unwrap();
            (half.mode, half.local_selectors.clone(), half.remote_selectors.clone())
        };
        let gre = |address: &str| vec![TrafficSelector::host(address.parse().unwrap(), 47)];
        let seen = if natted { "198.51.100.7" } else { "10.0.0.1" };
        assert_eq!(half(&mut network, 0), (Mode::Transport, gre("10.0.0.1"), gre("192.0.2.2")));
        assert_eq!(half(&mut network, 1), (Mode::Transport, gre("192.0.2.2"), gre(seen)));
    }
}

#[test]
fn a_child_more_or_less_leaves_the_others_alone() {
    let mut network = pair(2);
    network.settle(seconds(3)).unwrap();
    let before = spis(network.node(0));
    network.both(|node, now| {
        let here = usize::from(node.address == B);
        let mut config = (*node.connections[&PEER]).clone();
        config.children.push(child(here, 2));
        node.connect(now, PEER, config);
    });
    network.settle(seconds(5)).unwrap();
    assert!(spis(network.node(0)).is_superset(&before) && spis(network.node(0)).len() == 3);
    let now = network.now();
    let mut config = (*network.node(0).connections[&PEER]).clone();
    config.children.retain(|child| child.id != ChildConfigId(0));
    network.node(0).connect(now, PEER, config);
    network.run(seconds(1));
    assert_eq!(spis(network.node(0)).len(), 2);
    assert_eq!(network.node(1).inbound.len(), 2);
    assert_eq!((standing(&mut network, 0), standing(&mut network, 1)), (1, 1));
}

#[test]
fn a_changed_key_authenticates_anew() {
    let mut network = pair(1);
    network.run(seconds(1));
    let before = spis(network.node(0));
    let now = network.now();
    let mut config = (*network.node(0).connections[&PEER]).clone();
    config.credential_revision = 1;
    network.node(0).connect(now, PEER, config);
    network.run(seconds(5));
    network.settle(Duration::ZERO).unwrap();
    assert!(before.is_disjoint(&spis(network.node(0))));
}

#[test]
fn a_connection_taken_away_is_deleted_at_the_peer() {
    let mut network = pair(2);
    network.settle(seconds(3)).unwrap();
    let now = network.now();
    network.node(0).disconnect(now, PEER);
    network.run(seconds(1));
    for host in 0..2 {
        let node = network.node(host);
        assert!(node.inbound.is_empty() && node.outbound.values().all(Vec::is_empty), "host {host}");
    }
    assert_eq!(network.node(1).failures.last().unwrap().error, Local::ClosedByPeer.into());
}

#[test]
fn shutting_down_says_goodbye() {
    let mut network = pair(2);
    network.settle(seconds(3)).unwrap();
    let now = network.now();
    network.node(0).command(now, Command::Shutdown);
    assert!(!network.node(0).endpoint.is_idle());
    network.run(seconds(1));
    assert!(network.node(0).endpoint.is_idle());
    assert!(network.node(0).inbound.is_empty() && network.node(1).inbound.is_empty());
}

#[test]
fn a_pure_responder_never_calls_but_rekeys() {
    let mut network = pair_with(false, 1, |_, connection| connection.initiate = false);
    network.run(seconds(60));
    assert_eq!(network.packets_seen(), 0);
    let now = network.now();
    network.node(1).command(now, Command::Initiate(PEER));
    network.run(seconds(1));
    network.settle(Duration::ZERO).unwrap();
    let now = network.now();
    network.node(0).command(now, Command::RekeyChildren(PEER));
    network.run(seconds(10));
    network.settle(Duration::ZERO).unwrap();
}

#[test]
fn a_soft_limit_rekeys_and_limits_reach_the_data_path() {
    let mut network = pair_with(false, 1, |_, connection| {
        connection.children[0].lifetime.packets = Some(1000);
        connection.children[0].lifetime.bytes = Some(1_000_000);
    });
    network.run(seconds(1));
    let (spi, limits) = network.node(1).inbound.iter().map(|(spi, half)| (*spi, half.limits)).next().unwrap();
    assert!((900..=1000).contains(&limits.soft_packets.unwrap()) && limits.hard_packets == Some(1250));
    assert!(
        (900_000..=1_000_000).contains(&limits.soft_bytes.unwrap()) && limits.hard_bytes == Some(1_250_000)
    );
    let now = network.now();
    network.node(1).command(now, Command::SoftLimit(spi));
    network.run(seconds(10));
    network.settle(Duration::ZERO).unwrap();
    assert!(!network.node(1).inbound.contains_key(&spi));
}

#[test]
fn what_cannot_be_installed_is_taken_down_on_both_sides() {
    for host in 0..2 {
        let mut network = pair(1);
        network.node(host).failing_installs = 1;
        network.run(seconds(1));
        assert!(network.node(0).outbound.values().all(Vec::is_empty));
        assert!(network.node(1).outbound.values().all(Vec::is_empty));
        network.run(seconds(20));
        network.settle(Duration::ZERO).unwrap();
    }
}

#[test]
fn the_responder_of_a_rekeying_waits_with_the_new_child() {
    let mut network = pair(1);
    network.run(seconds(1));
    let old = network.node(1).outbound.values().next().unwrap()[0].spi;
    // The answer arrives, the initiator's Delete does not.
    let next = network.node(0).sent.len();
    network.node(0).lose.insert(next + 1);
    let now = network.now();
    network.node(0).command(now, Command::RekeyChildren(PEER));
    network.run(Duration::from_millis(300));
    assert_eq!(network.node(1).inbound.len(), 2);
    let sending =
        |network: &mut Network| network.node(1).outbound.values().next().unwrap().last().unwrap().spi;
    assert_eq!(sending(&mut network), old);
    // Traffic on the new one says that the initiator listens.
    let now = network.now();
    network.node(0).start_traffic(now, seconds(1));
    network.run(Duration::from_millis(100));
    assert_ne!(sending(&mut network), old);
}

#[test]
fn deadlines_say_why() {
    let mut network = pair(1);
    network.run(seconds(1));
    let deadline = network.node(0).endpoint.poll_timeout().unwrap();
    assert_eq!(deadline.why, TimerKind::Liveness);
}
