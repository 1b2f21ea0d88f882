//! With a spanning tree everywhere.

use crate::net::{Net, SHORT, check_met};
use crate::topology::{populate, random_wires};
use adit_switch::{BridgeId, PortRole, PortState, StpConfig};
use std::collections::BTreeMap;
use std::time::Duration;

/// One root a component, the lowest bridge; every port forwarding or blocked.
fn check_tree(net: &Net, seed: u64) {
    let group = net.components();
    for node in net.adits() {
        let view = net.adit(node).bridge.stp(net.now).expect("runs a tree");
        let lowest: Option<BridgeId> = net
            .adits()
            .into_iter()
            .filter(|other| group[*other] == group[node])
            .filter_map(|other| net.adit(other).bridge.stp(net.now).map(|view| view.bridge_id))
            .min();
        assert_eq!(Some(view.root_id), lowest, "seed {seed}: root of {node}");
        assert_eq!(view.root_port.is_none(), view.root_id == view.bridge_id);
        for port in view.ports {
            let wanted = match port.role {
                PortRole::Root | PortRole::Designated => PortState::Forwarding,
                PortRole::Alternate => PortState::Blocking,
                PortRole::Disabled => PortState::Disabled,
            };
            assert_eq!(port.state, wanted, "seed {seed}: {node} {:?}", port.port);
        }
    }
}

fn check_at_rest(net: &mut Net, seed: u64) {
    check_tree(net, seed);
    net.check_exactly_enough();
    net.check_broadcasts();
    assert!(!net.circulated, "seed {seed}: a frame circulated");
    assert!(net.frames.values().all(|(_, got)| got.iter().all(|count| *count <= 1)), "seed {seed}");
}

#[test]
fn random_topologies_converge_to_one_tree_through_cuts_and_healing() {
    let mut met = BTreeMap::new();
    for seed in 0..110 {
        let mut net = Net::new(seed, if seed % 3 == 0 { 30 } else { 0 });
        let nodes = 2 + net.chance.below(11) as usize;
        populate(&mut net, nodes, 0, Some(SHORT));
        for (a, b) in random_wires(&mut net, nodes, 0, 8) {
            net.join(a, b);
            if seed % 2 == 0 {
                let pause = net.chance.below(1500);
                net.run_for(Duration::from_millis(pause));
            }
        }
        net.run_for(Duration::from_secs(30));
        check_at_rest(&mut net, seed);
        for _ in 0..6 {
            let wire = net.chance.below(net.wires.len() as u64) as usize;
            let cut = net.wires[wire].cut;
            net.set_cut(wire, !cut);
            if net.chance.happens(300) {
                let node = net.chance.below(nodes as u64) as usize;
                net.restart_where_safe(node);
            }
            let from = net.chance.below(nodes as u64) as usize;
            net.broadcast(from);
            let pause = net.chance.below(12_000);
            net.run_for(Duration::from_millis(pause));
        }
        net.run_for(Duration::from_secs(40));
        // A link cut in one moment and mended in the next is mended now for good.
        (0..net.wires.len()).for_each(|wire| net.set_cut(wire, false));
        net.run_for(Duration::from_secs(40));
        check_at_rest(&mut net, seed);
        met.append(&mut net.met);
    }
    let states =
        ["disabled", "blocking", "listening", "learning", "forwarding"].map(|s| format!("PortState {s}"));
    check_met(&met, &states.each_ref().map(String::as_str));
    check_met(&met, &["TopologyChange", "NewRoot", "LinkDown Silent", "LinkUp"]);
}

#[test]
fn plain_switches_in_between_are_segments_of_the_tree() {
    for seed in 0..60 {
        let mut net = Net::new(seed, 0);
        let nodes = 4 + net.chance.below(9) as usize;
        let plain = 1 + nodes / 4;
        populate(&mut net, nodes, plain, Some(SHORT));
        for (a, b) in random_wires(&mut net, nodes, plain, 6) {
            net.join(a, b);
        }
        net.run_for(Duration::from_secs(40));
        check_at_rest(&mut net, seed);
    }
}

#[test]
fn the_standard_timers_converge_too() {
    let mut net = Net::new(3, 0);
    populate(&mut net, 3, 0, Some(StpConfig::default()));
    let wires: Vec<usize> = (0..3).map(|node| net.join(node, (node + 1) % 3)).collect();
    net.run_for(Duration::from_secs(31));
    check_at_rest(&mut net, 3);
    let active = wires.into_iter().find(|w| net.wires[*w].ends.iter().all(|end| net.passes(*end)));
    net.set_cut(active.expect("two of three"), true);
    // Three seconds of silence, twice the forward delay, and a hello to hear of it.
    net.run_for(Duration::from_secs(36));
    check_at_rest(&mut net, 3);
}

#[test]
fn adding_a_port_disturbs_no_other() {
    let mut net = Net::new(4, 0);
    populate(&mut net, 5, 0, Some(SHORT));
    (0..4).for_each(|node| {
        net.join(node, (node + 1) % 4);
    });
    net.run_for(Duration::from_secs(30));
    let states = |net: &Net| -> Vec<_> {
        let views = (0..4).map(|node| net.adit(node).bridge.stp(net.now).expect("runs a tree"));
        views.flat_map(|view| view.ports.into_iter().take(2)).map(|p| (p.port_id, p.role, p.state)).collect()
    };
    let before = states(&net);
    for node in 0..4 {
        net.join(4, node);
        assert_eq!(states(&net), before, "at once");
        let new = net.adit(node).bridge.stp(net.now).expect("runs a tree").ports;
        assert_eq!(new.last().map(|port| port.state), Some(PortState::Listening));
    }
    net.run_for(Duration::from_secs(30));
    check_at_rest(&mut net, 4);
}
