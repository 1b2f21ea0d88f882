//! What an eavesdropper would have to see, and does not.

use crate::conversations::pair;
use crate::network::{Network, PEER, seconds};
use adit_ike::Command;

fn rekeyed() -> Network {
    let mut network = pair(2);
    network.settle(seconds(3)).unwrap();
    for host in [0, 1] {
        for command in [Command::RekeyChildren(PEER), Command::RekeyIke(PEER)] {
            let now = network.now();
            network.node(host).command(now, command);
            network.run(seconds(5));
        }
    }
    network.settle(seconds(5)).unwrap();
    network
}

#[test]
fn keys_are_fresh_agreed_upon_and_on_no_wire() {
    let mut network = rekeyed();
    assert_eq!(network.wrong_keys(), Vec::<String>::new());
    // Two children, made and twice rekeyed, in two directions; a key exchange for all but the first.
    for host in 0..2 {
        let node = network.node(host);
        assert_eq!((node.keys.len(), node.shared.len()), (12, 1 + 1 + 4 + 2), "host {host}");
    }
}

#[test]
fn wrong_keys_are_noticed() {
    let mut network = rekeyed();
    let key = network.node(0).keys.iter().find(|key| key.inbound).unwrap().key.clone();
    network.node(1).sent.push([b"some packet", &key[3..12], b"more"].concat());
    assert_eq!(network.wrong_keys().len(), 1);

    let mut network = rekeyed();
    let secret = network.node(0).shared[0].clone();
    network.node(0).sent.push(secret);
    assert_eq!(network.wrong_keys().len(), 1);

    let mut network = rekeyed();
    let keys = &mut network.node(0).keys;
    let (first, last) = (keys[0].key[..9].to_vec(), keys.len() - 1);
    keys[last].key[..9].copy_from_slice(&first);
    assert!(!network.wrong_keys().is_empty());

    let mut network = rekeyed();
    let keys = &mut network.node(0).keys;
    let spi = keys.iter().find(|key| key.inbound).unwrap().spi;
    let last = keys.iter().rposition(|key| key.inbound).unwrap();
    keys[last].spi = spi;
    assert!(network.wrong_keys().iter().any(|wrong| wrong.contains("served twice")));
}
