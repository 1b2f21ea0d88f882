//! The end of a connection that shall not be any more: at once here, and told to the peer.

use crate::conversations::{met, pair, pair_with, spis, standing};
use crate::host::Node;
use crate::network::{Network, PEER, child, seconds};
use adit_ike::error::{Error, Local};
use adit_ike::wire::NotifyType;
use adit_ike::{ChildConfigId, Command, Connection};
use std::time::{Duration, Instant};

fn changed(node: &mut Node, now: Instant, change: impl FnOnce(&mut Connection)) {
    let mut connection = (*node.connections[&PEER]).clone();
    change(&mut connection);
    node.connect(now, PEER, connection);
}

fn no_sas(network: &mut Network, host: usize) -> bool {
    let node = network.node(host);
    node.inbound.is_empty() && node.outbound.values().all(Vec::is_empty)
}

#[test]
fn what_shall_not_be_is_not_taken_any_more_though_the_peer_does_not_know() {
    let ends: [fn(&mut Node, Instant); 5] = [
        |node, now| node.command(now, Command::Terminate(PEER)),
        |node, now| node.command(now, Command::Shutdown),
        |node, now| node.disconnect(now, PEER),
        |node, now| changed(node, now, |connection| connection.credential_revision += 1),
        |node, now| changed(node, now, |connection| connection.remote = Some([203, 0, 113, 5].into())),
    ];
    // With and without a request on its way, and with halves that linger after a rekeying.
    for (way, busy, rekeyed) in
        (0..ends.len()).flat_map(|way| [(way, false, false), (way, true, false), (way, false, true)])
    {
        let mut network = pair(2);
        network.settle(seconds(3)).unwrap();
        if rekeyed {
            network.both(|node, now| node.command(now, Command::RekeyChildren(PEER)));
            network.run(seconds(1));
        }
        network.set_cut(true);
        if busy {
            let now = network.now();
            network.node(0).command(now, Command::RekeyChildren(PEER));
        }
        let now = network.now();
        ends[way](network.node(0), now);
        assert!(no_sas(&mut network, 0), "way {way}, busy {busy}, rekeyed {rekeyed}");
        assert!(!no_sas(&mut network, 1));
        // The Delete goes out all the same.
        network.set_cut(false);
        network.run(seconds(6));
        let told = network.node(1).failures.iter().any(|failure| failure.error == Local::ClosedByPeer.into());
        assert!(told, "way {way}, busy {busy}, rekeyed {rekeyed}");
    }
}

#[test]
fn a_child_whose_policy_changed_is_not_taken_any_more() {
    let mut network = pair(2);
    network.settle(seconds(3)).unwrap();
    network.set_cut(true);
    let now = network.now();
    changed(network.node(0), now, |connection| connection.children[0].local = child(0, 5).local);
    let left: Vec<ChildConfigId> = network.node(0).inbound.values().map(|half| half.config).collect();
    assert_eq!(left, [ChildConfigId(1)]);
    network.set_cut(false);
    network.run(seconds(2));
    let left: Vec<ChildConfigId> = network.node(1).inbound.values().map(|half| half.config).collect();
    assert_eq!(left, [ChildConfigId(1)]);
}

/// Whatever is half done when a connection is taken down, nothing of it stays at either end.
#[test]
fn taken_down_in_the_middle_of_an_exchange_it_stays_down() {
    for (command, asker) in [(Command::RekeyChildren as fn(_) -> _, 0), (Command::RekeyIke, 0)]
        .into_iter()
        .flat_map(|(command, _)| [(command, 0), (command, 1), (command, 2)])
    {
        for after in (0..90).step_by(3) {
            let mut network = pair(1);
            network.run(seconds(1));
            network.both(|node, _| node.job_delay = Duration::from_millis(30));
            let now = network.now();
            for host in (0..2).filter(|host| asker == *host || asker == 2) {
                network.node(host).command(now, command(PEER));
            }
            network.run(Duration::from_millis(after));
            let now = network.now();
            network.node(0).command(now, Command::Terminate(PEER));
            assert!(no_sas(&mut network, 0), "asker {asker}, after {after} ms");
            network.run(seconds(15));
            let stand = (standing(&mut network, 0), standing(&mut network, 1));
            assert_eq!(stand, (0, 0), "asker {asker}, after {after} ms");
            assert!(no_sas(&mut network, 0) && no_sas(&mut network, 1), "asker {asker}, after {after} ms");
            let now = network.now();
            network.node(0).command(now, Command::Initiate(PEER));
            network.settle(seconds(20)).unwrap();
        }
    }
}

#[test]
fn a_peer_is_told_that_the_connection_is_down_and_it_stays_so() {
    let mut network = pair(1);
    network.run(seconds(1));
    let now = network.now();
    network.node(1).command(now, Command::Terminate(PEER));
    network.run(seconds(40));
    let busy = |error: &Error| matches!(error, Error::PeerRefused(notify) if notify.kind == NotifyType::TEMPORARY_FAILURE);
    let failures = network.node(0).failures.clone();
    assert!(failures.iter().any(|failure| busy(&failure.error)), "{failures:?}");
    let words = network.node(1).failures.last().unwrap().to_string();
    assert!(words.contains("the peer calls, but the connection is taken down here"), "{words}");
    assert!(no_sas(&mut network, 0) && no_sas(&mut network, 1));
    assert_eq!(met(&mut network, "event Up"), 2);
    let now = network.now();
    network.node(1).command(now, Command::Initiate(PEER));
    network.settle(seconds(60)).unwrap();
}

#[test]
fn taken_down_between_the_two_exchanges_it_stays_down() {
    let mut network = pair(1);
    // IKE_AUTH is late.
    network.node(0).lose.insert(1);
    network.run(Duration::from_millis(200));
    let now = network.now();
    network.node(1).command(now, Command::Terminate(PEER));
    network.run(seconds(2));
    assert!(no_sas(&mut network, 0) && no_sas(&mut network, 1));
    let told = network.node(0).failures.first().map(ToString::to_string).unwrap_or_default();
    assert!(told.contains("TEMPORARY_FAILURE"), "{told}");
    assert_eq!(network.node(1).failures[0].error, Local::TakenDown.into());
}

#[test]
fn a_connection_taken_down_comes_back_when_it_is_stated_anew() {
    let mut network = pair_with(false, 1, |_, _| ());
    network.run(seconds(1));
    let now = network.now();
    network.node(0).command(now, Command::Terminate(PEER));
    network.run(seconds(5));
    assert!(spis(network.node(0)).is_empty());
    let now = network.now();
    changed(network.node(0), now, |connection| connection.liveness = seconds(7));
    network.settle(seconds(5)).unwrap();
}

#[test]
fn failures_of_the_peers_side_do_not_claim_to_be_ours() {
    let mut network = pair(1);
    network.run(seconds(1));
    let now = network.now();
    network.node(0).disconnect(now, PEER);
    network.run(seconds(1));
    let words = network.node(1).failures.last().unwrap().to_string();
    assert!(words.contains("the peer closed the connection") && !words.contains("refused here"), "{words}");
}
