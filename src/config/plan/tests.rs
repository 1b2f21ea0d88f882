use std::io;
use std::path::Path;

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::config::raw::RawConfig;
use crate::config::validate::{PskSource, validate};

struct Nothing;

impl PskSource for Nothing {
    fn file(&self, _: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn variable(&self, _: &str) -> Option<Zeroizing<String>> {
        None
    }
}

fn desired(text: &str) -> Desired {
    validate(&RawConfig::from_toml(text).unwrap(), &Nothing).unwrap()
}

/// Takes the steps on a value, refusing any that does not fit.
fn take(mut running: Desired, plan: &Plan) -> Desired {
    for step in &plan.steps {
        match step.clone() {
            Step::RemoveIpsec(name) => assert!(running.ipsec.remove(&name).is_some()),
            Step::RemovePort(at) => {
                let bridge = running.bridges.get_mut(&at.bridge).unwrap();
                assert!(bridge.ports.remove(&at.port).is_some());
            }
            Step::RemoveBridge(name) => assert!(running.bridges.remove(&name).unwrap().ports.is_empty()),
            Step::AddBridge(name, bridge) => {
                assert!(bridge.ports.is_empty());
                assert!(running.bridges.insert(name, *bridge).is_none());
            }
            Step::SetBridge(name, mut bridge) => {
                let old = running.bridges.remove(&name).unwrap();
                bridge.ports = old.ports;
                running.bridges.insert(name, *bridge);
            }
            Step::AddPort(at, port) => {
                let taken = running.bridges.values().any(|bridge| bridge.ports.contains_key(&at.port));
                assert!(!taken, "{} is still there", at.port);
                running.bridges.get_mut(&at.bridge).unwrap().ports.insert(at.port, *port);
            }
            Step::SetPort(at, port) => {
                let ports = &mut running.bridges.get_mut(&at.bridge).unwrap().ports;
                assert!(ports.insert(at.port, *port).is_some());
            }
            Step::AddIpsec(name, interface) => {
                assert!(running.ipsec.insert(name, *interface).is_none());
            }
            Step::SetIpsec(name, interface) => {
                assert!(running.ipsec.insert(name, *interface).is_some());
            }
        }
    }
    running
}

#[test]
fn what_is_equal_is_not_touched() {
    let before = "[bridge.b]\n[bridge.b.port.g1]\ntype='gre'\nremote_ip='192.0.2.1'\npsk='k'\n";
    let after = format!("{before}[bridge.b.port.g2]\ntype='gre'\nremote_ip='192.0.2.2'\n");
    let plan = diff(&desired(before), &desired(&after));
    assert!(matches!(&plan.steps[..], [Step::AddPort(at, _)] if at.port.as_str() == "g2"), "{plan:?}");
    assert!(diff(&desired(&after), &desired(&after)).is_empty());
}

#[test]
fn a_port_with_another_peer_is_another_port_and_one_with_another_cost_is_not() {
    let port = |more: &str| desired(&format!("[bridge.b.port.g]\ntype='gre'\n{more}"));
    let now = port("remote_ip='192.0.2.1'");
    let cost = diff(&now, &port("remote_ip='192.0.2.1'\nstp_path_cost=7"));
    assert!(matches!(&cost.steps[..], [Step::SetPort(..)]), "{cost:?}");
    let peer = diff(&now, &port("remote_ip='192.0.2.2'"));
    assert!(matches!(&peer.steps[..], [Step::RemovePort(_), Step::AddPort(..)]), "{peer:?}");
    let psk = diff(&now, &port("remote_ip='192.0.2.1'\npsk='k'"));
    assert!(matches!(&psk.steps[..], [Step::RemovePort(_), Step::AddPort(..)]), "{psk:?}");
}

#[test]
fn a_port_moves_from_bridge_to_bridge() {
    let now = desired("[bridge.z.port.p]\ntype='tap'\n[bridge.a]");
    let next = desired("[bridge.a.port.p]\ntype='tap'\n[bridge.z]");
    assert_eq!(take(now.clone(), &diff(&now, &next)), next);
}

/// A valid configuration of a few names, so that two of them often share some.
fn configuration() -> impl Strategy<Value = Desired> {
    let port = (0..3usize, 0..4usize, 0..6usize, any::<bool>(), 0..3u16);
    let tunnel = (0..3usize, any::<bool>());
    let bridges = proptest::collection::btree_map(0..3usize, any::<bool>(), 1..3);
    let ports = proptest::collection::vec(port, 0..6);
    (bridges, ports, proptest::collection::vec(tunnel, 0..3)).prop_map(|(bridges, ports, tunnels)| {
        let mut raw = RawConfig::default();
        for (bridge, stp) in &bridges {
            let raw = raw.bridges.entry(format!("br{bridge}")).or_default();
            raw.settings.set("stp", *stp);
        }
        let names: Vec<_> = raw.bridges.keys().cloned().collect();
        for (bridge, port, kind, protected, cost) in ports {
            let name = format!("p{port}");
            if raw.bridges.values().any(|bridge| bridge.ports.contains_key(&name)) {
                continue;
            }
            let bridge = raw.bridges.get_mut(&names[bridge % names.len()]).unwrap();
            let table = bridge.ports.entry(name).or_default();
            table.set("stp_path_cost", i64::from(cost));
            table.set("type", ["tap", "internal", "system", "gre", "vxlan", "gre"][kind]);
            if kind >= 3 {
                table.set("remote_ip", format!("192.0.2.{}", 10 + port * 2 + usize::from(kind == 5)));
                if protected {
                    table.set("psk", "k");
                }
            }
        }
        for (tunnel, initiate) in tunnels {
            let table = raw.ipsec.entry(format!("t{tunnel}")).or_default();
            table.set("remote_ip", format!("192.0.2.{}", 100 + tunnel));
            table.set("psk", "k");
            table.set("initiate", initiate);
        }
        validate(&raw, &Nothing).unwrap()
    })
}

proptest! {
    #[test]
    fn the_difference_applied_is_what_was_wanted(now in configuration(), next in configuration()) {
        let plan = diff(&now, &next);
        prop_assert_eq!(take(now.clone(), &plan), next.clone());
        prop_assert!(diff(&next, &next).is_empty());
        prop_assert_eq!(plan.is_empty(), now == next);
    }
}
