//! Without a spanning tree: probes alone, from the first instant.

use crate::net::{Net, SHORT, check_met};
use crate::topology::{populate, random_wires};
use adit_switch::{HeldReason, PortState};
use std::collections::BTreeMap;
use std::time::Duration;

const SETTLE: Duration = Duration::from_secs(20);

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Random things happen to a net for a while; broadcasts all the time.
fn disturb(net: &mut Net, rounds: u64) {
    for _ in 0..rounds {
        let pause = net.chance.below(3500);
        net.run_for(millis(pause));
        let wire = net.chance.below(net.wires.len() as u64) as usize;
        let adits = net.adits();
        let node = adits[net.chance.below(adits.len() as u64) as usize];
        match net.chance.below(6) {
            // What happens to a wire of a plain switch may go unheard; that is another test.
            0..3 if net.wires[wire].ends.iter().all(|end| adits.contains(&end.0)) => {
                let cut = net.wires[wire].cut;
                net.set_cut(wire, !cut);
            }
            3 => net.restart_where_safe(node),
            _ => {
                net.broadcast(node);
            }
        }
    }
    for wire in 0..net.wires.len() {
        net.set_cut(wire, false);
    }
}

fn check_at_rest(net: &mut Net) {
    net.check_exactly_enough();
    net.check_broadcasts();
    assert!(!net.circulated, "a frame circulated");
    assert!(net.frames.values().all(|(_, got)| got.iter().all(|count| *count <= 1)), "a frame came twice");
}

/// Rings and random graphs, ports added at once or one by one, links that come
/// and go, restarts, plain switches in between, a tenth of the probes lost.
#[test]
fn exactly_one_port_per_loop_is_held_and_nothing_ever_circulates() {
    let mut met = BTreeMap::new();
    for seed in 0..200 {
        let mut net = Net::new(seed, if seed % 3 == 0 { 100 } else { 0 });
        let nodes = 2 + net.chance.below(11) as usize;
        let plain = (net.chance.below(4) as usize).min(nodes / 3);
        populate(&mut net, nodes, plain, None);
        let at_once = net.chance.happens(500);
        for (a, b) in random_wires(&mut net, nodes, plain, 6) {
            net.join(a, b);
            if !at_once {
                let pause = net.chance.below(2000);
                net.run_for(millis(pause));
            }
        }
        net.run_for(SETTLE);
        check_at_rest(&mut net);
        disturb(&mut net, 12);
        net.run_for(SETTLE);
        check_at_rest(&mut net);
        met.append(&mut net.met);
    }
    let wanted = ["Held Waiting", "Held Contended", "Held Loop", "Released", "LinkDown Silent", "LinkUp"];
    check_met(&met, &wanted);
}

#[test]
fn a_ring_of_twelve_with_lost_probes_is_never_closed() {
    for seed in 0..40 {
        let mut net = Net::new(seed, 100);
        populate(&mut net, 12, 0, None);
        (0..12).for_each(|node| {
            net.join(node, (node + 1) % 12);
        });
        net.run_for(Duration::from_secs(60));
        check_at_rest(&mut net);
    }
}

/// The lab of the issue: the ring is closed before the tree is there.
#[test]
fn the_tree_takes_over_and_gives_back_while_the_ring_is_closed() {
    for seed in 0..60 {
        let mut net = Net::new(seed, if seed % 2 == 0 { 100 } else { 0 });
        populate(&mut net, 3, 0, None);
        (0..3).for_each(|node| {
            net.join(node, (node + 1) % 3);
        });
        let early = net.chance.below(8000);
        net.run_for(millis(early));
        for stp in [Some(SHORT), None, Some(SHORT)] {
            for node in 0..3 {
                net.set_stp(node, stp);
                let pause = net.chance.below(if seed % 4 < 2 { 100 } else { 12_000 });
                net.run_for(millis(pause));
                net.broadcast(node);
            }
            net.run_for(Duration::from_secs(25));
            check_at_rest(&mut net);
            let held =
                (0..3).flat_map(|node| net.adit(node).bridge.ports()).filter(|port| port.held.is_some());
            assert_eq!(held.count(), usize::from(stp.is_none()), "seed {seed}");
        }
    }
}

/// Bridges with and without a tree in one net, for as long as somebody likes.
#[test]
fn a_tree_on_some_bridges_only_closes_no_ring() {
    for seed in 0..100 {
        let mut net = Net::new(seed, 0);
        let nodes = 3 + net.chance.below(6) as usize;
        populate(&mut net, nodes, 0, None);
        for (a, b) in random_wires(&mut net, nodes, 0, 4) {
            net.join(a, b);
        }
        let early = net.chance.below(9000);
        net.run_for(millis(early));
        for _ in 0..8 {
            let node = net.chance.below(nodes as u64) as usize;
            let on = net.chance.happens(600);
            net.set_stp(node, on.then_some(SHORT));
            net.broadcast(node);
            let pause = net.chance.below(15_000);
            net.run_for(millis(pause));
        }
        net.run_for(Duration::from_secs(40));
        net.check_broadcasts();
        assert!(!net.circulated);
    }
}

#[test]
fn a_second_tunnel_to_the_same_neighbour_stays_held_and_says_why() {
    let mut net = Net::new(1, 0);
    populate(&mut net, 2, 0, None);
    net.join(0, 1);
    net.run_for(millis(5499));
    assert!(!net.passes((0, 0)), "five and a half seconds of silence");
    net.run_for(millis(1));
    assert!(net.passes((0, 0)) && net.passes((1, 0)));
    net.join(0, 1);
    for _ in 0..100 {
        net.run_for(millis(500));
        assert!(net.passes((0, 0)) && net.passes((1, 0)), "the first is not disturbed");
    }
    let held: Vec<_> = [0, 1]
        .into_iter()
        .flat_map(|node| net.adit(node).bridge.ports().into_iter().map(move |port| (node, port)))
        .filter(|(_, port)| port.held.is_some())
        .collect();
    let [(node, port)] = held.as_slice() else { panic!("one port of the loop: {held:?}") };
    assert_eq!(port.state, PortState::Blocking);
    assert!(matches!(port.held, Some(HeldReason::Loop { hops: 1, .. })), "{port:?}");
    let text = net.adit(*node).bridge.held_text(port.port, |p| format!("gre{}", p.index() - 1));
    let text = text.expect("held");
    assert!(text.starts_with("loop: probes sent on gre0 come back here by way of the bridge "), "{text}");
}

#[test]
fn a_tunnel_that_leads_back_to_its_own_port_is_held() {
    let mut net = Net::new(2, 0);
    populate(&mut net, 1, 0, None);
    net.join(0, 0);
    net.run_for(Duration::from_secs(20));
    assert_eq!([net.passes((0, 0)), net.passes((0, 1))], [true, false]);
}

/// What was learned on a way that is not used any more must not swallow frames
/// for long, whoever was restarted or cut off.
#[test]
fn addresses_follow_when_another_port_of_the_loop_is_held() {
    for seed in 0..100 {
        let mut net = Net::new(seed, 0);
        let nodes = 3 + net.chance.below(5) as usize;
        populate(&mut net, nodes, 0, None);
        (0..nodes).for_each(|node| {
            net.join(node, (node + 1) % nodes);
        });
        for (a, b) in random_wires(&mut net, nodes, 0, 2).into_iter().skip(nodes - 1) {
            net.join(a, b);
        }
        net.run_for(SETTLE);
        net.check_broadcasts();
        let pick = net.chance.below(nodes as u64) as usize;
        if seed % 3 == 0 {
            let wire = net.chance.below(net.wires.len() as u64) as usize;
            net.set_cut(wire, true);
        } else {
            net.restart(pick);
        }
        // As soon as the ports have settled, and without a word from the hosts.
        net.run_for(millis(9000));
        let other = (pick + 1 + net.chance.below(nodes as u64 - 1) as usize) % nodes;
        for (from, to) in [(other, pick), (pick, other)] {
            let id = net.unicast(from, to);
            net.run_for(millis(500));
            assert_eq!(net.frames[&id].1[to], 1, "seed {seed}: from {from} to {to}");
        }
    }
}

/// A loop by way of a switch that is no adit heals where nobody hears it: the
/// next probe ends it.
#[test]
fn a_loop_closed_unheard_lives_no_longer_than_the_next_probe() {
    for seed in 0..20 {
        let mut net = Net::new(seed, 0);
        populate(&mut net, 2, 1, None);
        let wires = [net.join(1, 0), net.join(1, 0)];
        net.run_for(SETTLE);
        net.check_exactly_enough();
        net.set_cut_unheard(wires[seed as usize % 2], true);
        net.run_for(SETTLE);
        assert!(net.passes((1, 0)) && net.passes((1, 1)), "seed {seed}: both in service");
        net.set_cut_unheard(wires[seed as usize % 2], false);
        net.run_for(millis(1100));
        net.check_exactly_enough();
        net.check_broadcasts();
    }
}

#[test]
fn when_the_loop_is_opened_the_held_port_takes_over_within_seconds() {
    for seed in 0..20 {
        let mut net = Net::new(seed, 0);
        populate(&mut net, 3, 0, None);
        let wires: Vec<usize> = (0..3).map(|node| net.join(node, (node + 1) % 3)).collect();
        net.run_for(SETTLE);
        let open = |net: &Net, wire: usize| net.wires[wire].ends.iter().all(|end| net.passes(*end));
        let active = wires.iter().copied().find(|wire| open(&net, *wire)).expect("two of three");
        net.set_cut(active, true);
        net.run_for(millis(6600));
        assert!(wires.iter().all(|wire| *wire == active || open(&net, *wire)), "seed {seed}");
        net.check_broadcasts();
        net.set_cut(active, false);
        net.run_for(SETTLE);
        check_at_rest(&mut net);
    }
}
