//! Random connected topologies.

use crate::net::Net;
use adit_switch::StpConfig;

/// Wires of a random connected graph of `nodes` nodes with up to `extra` more
/// than a tree has; parallel ones and rings of two among them. The first
/// `plain` nodes, plain switches, are never joined with each other: a ring of
/// such alone nobody can break.
pub fn random_wires(net: &mut Net, nodes: usize, plain: usize, extra: u64) -> Vec<(usize, usize)> {
    let mut wires = Vec::new();
    // The first bridge first, so that every later node finds one to join.
    let order: Vec<usize> = (plain..nodes).chain(0..plain).collect();
    for (place, node) in order.iter().enumerate().skip(1) {
        loop {
            let other = order[net.chance.below(place as u64) as usize];
            if *node >= plain || other >= plain {
                wires.push((*node, other));
                break;
            }
        }
    }
    for _ in 0..net.chance.below(extra + 1) {
        let pick = |net: &mut Net| net.chance.below(nodes as u64) as usize;
        let (a, b) = (pick(net), pick(net));
        if a != b && (a >= plain || b >= plain) {
            wires.push((a, b));
        }
    }
    wires
}

/// Fills `net` with `plain` switches and then bridges, `nodes` in all.
pub fn populate(net: &mut Net, nodes: usize, plain: usize, stp: Option<StpConfig>) {
    for node in 0..nodes {
        if node < plain {
            net.add_plain();
        } else {
            net.add_adit(stp);
        }
    }
}
