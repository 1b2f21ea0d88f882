//! Conversations: one thing happens, and what comes of it.

use crate::network::{Network, PEER, connection, seconds};
use adit_ike::Command;
use adit_sim::LinkConfig;
use std::time::Duration;

fn quiet() -> LinkConfig {
    LinkConfig { delay: Duration::from_millis(10), ..LinkConfig::default() }
}

/// Two hosts, the first initiates.
fn pair(children: u32) -> Network {
    let mut network = Network::new(false, &quiet(), 1);
    let now = network.now();
    for host in 0..2 {
        let mut config = connection(host, &network, children);
        config.initiate = host == 0;
        network.node(host).connect(now, PEER, config);
    }
    network
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
    let now = network.now();
    assert_eq!(network.node(0).endpoint.ike_sas(now).len(), 1);
}

#[test]
fn rekeyed_children_and_ike_sas_leave_one_of_each() {
    let mut network = pair(2);
    network.run(seconds(1));
    for host in [0, 1] {
        for command in [Command::RekeyChildren(PEER), Command::RekeyIke(PEER)] {
            let now = network.now();
            network.node(host).command(now, command);
            network.run(seconds(30));
            network.settle(seconds(5)).unwrap();
        }
    }
}
