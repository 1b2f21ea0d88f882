use super::*;
use crate::fdb::DEFAULT_AGEING;
use proptest::prelude::*;

const HOST: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const OTHER: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

fn port(n: usize) -> PortId {
    PortId::new(n).expect("below the limit")
}

fn set(ports: &[usize]) -> PortSet {
    ports.iter().map(|n| port(*n)).collect()
}

/// Ports 0 to 3 forward, 4 learns, 5 is held; 1 to 5 face bridges.
fn bridge() -> Forwarding {
    let ports = Ports {
        learning: set(&[0, 1, 2, 3, 4]),
        forwarding: set(&[0, 1, 2, 3]),
        stp: set(&[1, 2, 3, 4, 5]),
        probes: set(&[1, 2, 3, 4, 5]),
        transparent: false,
    };
    Forwarding::new(ports, Arc::new(Fdb::new(100, DEFAULT_AGEING, 7)))
}

fn frame(to: MacAddr, from: MacAddr, rest: &[u8]) -> Vec<u8> {
    [&to.0, &from.0, rest].concat()
}

const IP: &[u8] = &[0x08, 0x00, 1, 2, 3];

#[test]
fn unknown_and_group_destinations_go_everywhere_but_back() {
    let bridge = bridge();
    for to in [MacAddr::BROADCAST, MacAddr([1, 0, 0x5e, 0, 0, 1]), OTHER] {
        let verdict = bridge.forward(port(1), &frame(to, HOST, IP));
        assert_eq!(verdict, Verdict::Flood(set(&[0, 2, 3])), "{to}");
    }
}

#[test]
fn a_known_destination_gets_it_alone_and_not_through_its_own_port() {
    let bridge = bridge();
    let _ = bridge.forward(port(2), &frame(OTHER, HOST, IP));
    assert_eq!(bridge.forward(port(1), &frame(HOST, OTHER, IP)), Verdict::Unicast(port(2)));
    assert_eq!(bridge.forward(port(2), &frame(HOST, OTHER, IP)), Verdict::Drop(DropReason::SameSegment));
    let _ = bridge.forward(port(3), &frame(OTHER, HOST, IP));
    assert_eq!(bridge.forward(port(1), &frame(HOST, OTHER, IP)), Verdict::Unicast(port(3)), "it moved");
}

#[test]
fn vlans_learn_apart_and_pass_as_they_are() {
    let bridge = bridge();
    let tagged = |vid: u8| [0x81, 0, 0, vid, 8, 0];
    let _ = bridge.forward(port(2), &frame(OTHER, HOST, &tagged(5)));
    let _ = bridge.forward(port(3), &frame(OTHER, HOST, IP));
    assert_eq!(bridge.forward(port(1), &frame(HOST, OTHER, &tagged(5))), Verdict::Unicast(port(2)));
    assert_eq!(bridge.forward(port(1), &frame(HOST, OTHER, IP)), Verdict::Unicast(port(3)));
    let unknown = bridge.forward(port(1), &frame(HOST, OTHER, &tagged(6)));
    assert_eq!(unknown, Verdict::Flood(set(&[0, 2, 3])));
}

#[test]
fn a_held_port_neither_learns_nor_forwards_and_a_learning_one_learns() {
    let bridge = bridge();
    let held = bridge.decide(port(5), &frame(MacAddr::BROADCAST, HOST, IP));
    assert_eq!(held, Decision { verdict: Verdict::Drop(DropReason::PortNotForwarding), learn: None });
    let learning = bridge.decide(port(4), &frame(MacAddr::BROADCAST, HOST, IP));
    assert_eq!(learning.verdict, Verdict::Drop(DropReason::PortNotForwarding));
    bridge.learn(learning.learn.expect("learns"));
    let towards = bridge.forward(port(1), &frame(HOST, OTHER, IP));
    assert_eq!(towards, Verdict::Flood(set(&[0, 2, 3])), "known behind a port that does not forward yet");
    let unknown_port = bridge.decide(port(99), &frame(MacAddr::BROADCAST, HOST, IP));
    assert_eq!(unknown_port, held);
}

#[test]
fn bad_sources_teach_nothing_and_go_nowhere() {
    let bridge = bridge();
    for from in [MacAddr::default(), MacAddr::BROADCAST, MacAddr([1, 0, 0x5e, 0, 0, 1])] {
        let decision = bridge.decide(port(1), &frame(HOST, from, IP));
        assert_eq!(decision, Decision { verdict: Verdict::Drop(DropReason::BadSource), learn: None });
    }
    assert_eq!(bridge.forward(port(1), &[0; 13]), Verdict::Drop(DropReason::Malformed));
}

#[test]
fn control_frames_reach_control_through_ports_in_any_state_and_nobody_else() {
    let bridge = bridge();
    let bpdu = frame(MacAddr::BRIDGE_GROUP, HOST, &[0, 3, 0x42, 0x42, 3]);
    let probe = frame(MacAddr::PROBE_GROUP, HOST, &[0x88, 0xb5]);
    for n in 1..=5 {
        for control in [&bpdu, &probe] {
            let decision = bridge.decide(port(n), control);
            assert_eq!(decision, Decision { verdict: Verdict::Control, learn: None });
        }
    }
    assert_eq!(bridge.forward(port(0), &bpdu), Verdict::Drop(DropReason::ReservedGroup));
    assert_eq!(bridge.forward(port(0), &probe), Verdict::Drop(DropReason::StrayProbe));
    for last in 1..16 {
        let reserved = frame(MacAddr([0x01, 0x80, 0xc2, 0, 0, last]), HOST, IP);
        assert_eq!(bridge.forward(port(1), &reserved), Verdict::Drop(DropReason::ReservedGroup));
    }
    // Another user of the experimental type is only a frame.
    let foreign = frame(OTHER, HOST, &[0x88, 0xb5]);
    assert_eq!(bridge.forward(port(1), &foreign), Verdict::Flood(set(&[0, 2, 3])));
}

#[test]
fn forward_bpdu_makes_reserved_groups_like_others() {
    let open = bridge();
    let ports = Ports { transparent: true, stp: PortSet::EMPTY, ..*open.ports() };
    let open = Forwarding::new(ports, Arc::new(Fdb::new(100, DEFAULT_AGEING, 7)));
    let bpdu = frame(MacAddr::BRIDGE_GROUP, HOST, &[0, 3, 0x42, 0x42, 3]);
    assert_eq!(open.forward(port(1), &bpdu), Verdict::Flood(set(&[0, 2, 3])));
}

#[test]
fn a_bridge_of_one_port_has_nowhere_to_go() {
    let ports = Ports { learning: set(&[1]), forwarding: set(&[1]), ..Ports::default() };
    let lone = Forwarding::new(ports, Arc::new(Fdb::new(100, DEFAULT_AGEING, 7)));
    let verdict = lone.forward(port(1), &frame(OTHER, HOST, IP));
    assert_eq!(verdict, Verdict::Drop(DropReason::NowhereToGo));
}

#[test]
fn reasons_have_names_of_their_own() {
    let names: std::collections::BTreeSet<_> = DropReason::ALL.iter().map(|reason| reason.name()).collect();
    assert_eq!(names.len(), DropReason::ALL.len());
}

proptest! {
    #[test]
    fn nothing_panics_and_nothing_goes_back_or_to_a_held_port(
        bytes in prop::collection::vec(any::<u8>(), 0..40), from in 0usize..crate::MAX_PORTS,
    ) {
        let bridge = bridge();
        match bridge.forward(port(from), &bytes) {
            Verdict::Unicast(to) => prop_assert!(to != port(from) && to.index() < 4),
            Verdict::Flood(to) => {
                prop_assert!(!to.is_empty() && !to.contains(port(from)));
                prop_assert!(to.iter().all(|to| to.index() < 4));
            }
            Verdict::Control | Verdict::Drop(_) => {}
        }
    }
}
