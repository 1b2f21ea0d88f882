use super::*;
use crate::config::StpConfig;
use crate::forwarding::Verdict;
use crate::port::PortRole;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

fn bridge(now: Instant, stp: Option<StpConfig>) -> Bridge {
    let config = BridgeConfig { stp, ..BridgeConfig::new(MacAddr([2, 0, 0, 0, 0, 1])) };
    Bridge::new(now, config, [3; 32])
}

fn up(bridge: &mut Bridge, now: Instant, config: PortConfig) -> PortId {
    let port = bridge.add_port(now, config).expect("room");
    bridge.set_link(now, port, true);
    port
}

fn run(bridge: &mut Bridge, to: Instant) {
    while let Some(due) = bridge.poll_timeout().filter(|due| due.at <= to) {
        bridge.handle_timeout(due.at);
    }
}

fn events(bridge: &mut Bridge) -> Vec<Event> {
    std::iter::from_fn(|| bridge.poll_event()).collect()
}

fn view(bridge: &Bridge, port: PortId) -> crate::view::PortView {
    bridge.ports().into_iter().find(|view| view.port == port).expect("a port of it")
}

fn broadcast(from: u8) -> Vec<u8> {
    [[0xff; 6].as_slice(), &[2, 9, 9, 9, 9, from, 8, 0, 1]].concat()
}

#[test]
fn a_tunnel_starts_held_and_local_and_wired_ports_do_not() {
    let now = crate::tests::start();
    let mut bridge = bridge(now, None);
    let local = up(&mut bridge, now, PortConfig::local());
    let wire = up(&mut bridge, now, PortConfig::external());
    let tunnel = up(&mut bridge, now, PortConfig::tunnel(false));
    assert_eq!(bridge.forwarding().forwarding_ports(), [local, wire].into_iter().collect());
    let held = view(&bridge, tunnel);
    assert_eq!((held.state, held.held, held.up), (PortState::Blocking, Some(HeldReason::Waiting), true));
    let told = events(&mut bridge);
    assert_eq!(told[0], Event::ForwardingChanged);
    assert!(told.contains(&Event::Held(tunnel, HeldReason::Waiting)));
    run(&mut bridge, now + probe::hold::RELEASE_AFTER);
    let told = events(&mut bridge);
    let released =
        [Event::ForwardingChanged, Event::Released(tunnel), Event::PortState(tunnel, PortState::Forwarding)];
    assert_eq!(told, released);
    assert!(bridge.forwarding().forwarding_ports().contains(tunnel));
}

#[test]
fn a_protected_port_is_down_until_it_has_its_sa() {
    let now = crate::tests::start();
    for stp in [None, Some(StpConfig::default())] {
        let mut bridge = bridge(now, stp);
        let port = up(&mut bridge, now, PortConfig::tunnel(true));
        let mut out = Vec::new();
        run(&mut bridge, now + 40 * SECOND);
        assert_eq!(view(&bridge, port).down, Some(DownReason::NoSa));
        assert_eq!(bridge.poll_transmit(&mut out), None, "nothing to send where nothing can be sealed");
        assert!(!bridge.forwarding().forwarding_ports().contains(port));
        let later = now + 40 * SECOND;
        bridge.set_secured(later, port, true);
        run(&mut bridge, later + 30 * SECOND);
        assert!(bridge.forwarding().forwarding_ports().contains(port));
        bridge.set_secured(later + 30 * SECOND, port, false);
        assert!(bridge.forwarding().forwarding_ports().is_empty(), "at once");
        bridge.set_secured(later + 31 * SECOND, port, true);
        assert!(bridge.forwarding().forwarding_ports().is_empty(), "not at once");
    }
}

#[test]
fn what_was_learned_on_a_port_goes_with_its_link() {
    let now = crate::tests::start();
    let mut bridge = bridge(now, None);
    let local = up(&mut bridge, now, PortConfig::local());
    let wire = up(&mut bridge, now, PortConfig::external());
    let forwarding = bridge.forwarding();
    let _ = forwarding.forward(wire, &broadcast(1));
    let _ = forwarding.forward(local, &broadcast(2));
    assert_eq!(bridge.fdb_entries().len(), 2);
    bridge.set_link(now, wire, false);
    let left = bridge.fdb_entries();
    assert_eq!(left.iter().map(|entry| entry.port).collect::<Vec<_>>(), [local]);
    bridge.remove_port(now, local);
    assert!(bridge.fdb_entries().is_empty());
}

#[test]
fn addresses_age_by_the_bridges_clock_and_fast_while_the_tree_changes() {
    let start = crate::tests::start();
    let mut bridge = bridge(start, Some(StpConfig::default()));
    let local = up(&mut bridge, start, PortConfig::local());
    let _tunnel = up(&mut bridge, start, PortConfig::tunnel(false));
    run(&mut bridge, start + 30 * SECOND);
    assert!(events(&mut bridge).contains(&Event::TopologyChange));
    assert_eq!(bridge.forwarding().fdb().ageing(), 15 * SECOND);
    let _ = bridge.forwarding().forward(local, &broadcast(1));
    run(&mut bridge, start + 44 * SECOND);
    assert_eq!(bridge.fdb_entries()[0].age, 14);
    run(&mut bridge, start + 46 * SECOND);
    assert!(bridge.fdb_entries().is_empty());
    run(&mut bridge, start + 65 * SECOND);
    assert_eq!(bridge.forwarding().fdb().ageing(), 300 * SECOND);
}

#[test]
fn silence_of_a_known_neighbour_is_link_down_for_the_tree_and_healing_goes_through_listening() {
    let start = crate::tests::start();
    let mut now = start;
    let (mut a, mut b) = (bridge(now, Some(StpConfig::default())), bridge(now, Some(StpConfig::default())));
    b.set_config(now, BridgeConfig { address: MacAddr([2, 0, 0, 0, 0, 2]), ..b.config });
    let (pa, pb) = (up(&mut a, now, PortConfig::tunnel(false)), up(&mut b, now, PortConfig::tunnel(false)));
    let exchange = |a: &mut Bridge, b: &mut Bridge, now: Instant, both: bool| {
        let mut frame = Vec::new();
        for _ in 0..4 {
            while a.poll_transmit(&mut frame).is_some() {
                b.handle_control(now, pb, &frame);
            }
            while b.poll_transmit(&mut frame).is_some() {
                if both {
                    a.handle_control(now, pa, &frame);
                }
            }
        }
    };
    let mut to = |a: &mut Bridge, b: &mut Bridge, end: Instant, both: bool| {
        while now < end {
            now += Duration::from_millis(250);
            run(a, now);
            run(b, now);
            exchange(a, b, now, both);
        }
    };
    to(&mut a, &mut b, start + 40 * SECOND, true);
    assert_eq!(view(&a, pa).state, PortState::Forwarding);
    assert_eq!((view(&b, pb).peers, b.stp(start + 40 * SECOND).expect("runs").root_port), (1, Some(pb)));
    to(&mut a, &mut b, start + 44 * SECOND, false);
    assert_eq!((view(&a, pa).down, view(&a, pa).state), (Some(DownReason::Silent), PortState::Disabled));
    assert!(events(&mut a).contains(&Event::LinkDown(pa, DownReason::Silent)));
    to(&mut a, &mut b, start + 46 * SECOND, true);
    assert_eq!((view(&a, pa).down, view(&a, pa).state), (None, PortState::Listening));
}

#[test]
fn a_bpdu_on_a_silent_link_brings_it_up() {
    let start = crate::tests::start();
    let mut bridge = bridge(start, Some(StpConfig::default()));
    let port = up(&mut bridge, start, PortConfig::tunnel(false));
    let mut out = Vec::new();
    run(&mut bridge, start + SECOND);
    let mut probe = None;
    while bridge.poll_transmit(&mut out).is_some() {
        probe = probe::message::parse_frame(&out).ok().or(probe);
    }
    let probe = probe.expect("a tunnel port probes");
    let other = BridgeId { priority: 0x8000, address: MacAddr([2, 0, 0, 0, 0, 7]) };
    let answer = probe::message::Probe { origin: other, relay: other, echo: probe.nonce, nonce: 1, ..probe };
    probe::message::emit_frame(&answer, other.address, &mut out);
    bridge.handle_control(start + SECOND, port, &out);
    run(&mut bridge, start + 5 * SECOND);
    assert_eq!(view(&bridge, port).down, Some(DownReason::Silent));
    assert_eq!(bridge.forwarding().forward(port, &bpdu_frame()), Verdict::Control);
    bridge.handle_control(start + 5 * SECOND, port, &bpdu_frame());
    assert_eq!((view(&bridge, port).down, view(&bridge, port).state), (None, PortState::Listening));
}

fn bpdu_frame() -> Vec<u8> {
    let mut frame = Vec::new();
    bpdu::emit_frame(&bpdu::Bpdu::Tcn, MacAddr([2, 0, 0, 0, 0, 7]), &mut frame);
    frame
}

#[test]
fn ports_outside_the_tree_are_not_in_it_and_keep_forwarding() {
    let now = crate::tests::start();
    let mut bridge = bridge(now, Some(StpConfig::default()));
    let local = up(&mut bridge, now, PortConfig::local());
    let apart = up(&mut bridge, now, PortConfig { stp: false, ..PortConfig::external() });
    let inside = up(&mut bridge, now, PortConfig::external());
    let tree = bridge.stp(now).expect("runs");
    assert_eq!(tree.ports.iter().map(|port| port.port).collect::<Vec<_>>(), [inside]);
    assert_eq!(
        (tree.ports[0].role, tree.ports[0].port_id.to_string().as_str()),
        (PortRole::Designated, "8001")
    );
    assert_eq!(bridge.forwarding().forwarding_ports(), [local, apart].into_iter().collect());
    assert_eq!(
        bridge.forwarding().forward(apart, &bpdu_frame()),
        Verdict::Drop(crate::DropReason::ReservedGroup)
    );
}

#[test]
fn numbers_and_priorities_are_those_asked_for() {
    let now = crate::tests::start();
    let mut bridge = bridge(now, Some(StpConfig::default()));
    let first = up(&mut bridge, now, PortConfig::tunnel(false));
    let asked =
        PortConfig { number: Some(1), priority: 16, path_cost: Some(100), ..PortConfig::tunnel(false) };
    let second = bridge.add_port(now, asked).expect("room");
    let id = |bridge: &Bridge, port| {
        let ports = bridge.stp(now).expect("runs").ports;
        ports
            .into_iter()
            .find(|view| view.port == port)
            .map(|view| (view.port_id.to_string(), view.path_cost.0))
    };
    assert_eq!(id(&bridge, second), Some(("1001".into(), 100)));
    assert_eq!(id(&bridge, first), Some(("8002".into(), 2)), "made room, undisturbed");
    assert_eq!(view(&bridge, first).state, PortState::Listening);
    assert_eq!(bridge.add_port(now, asked), Err(PortError::NumberTaken(1)));
    assert_eq!(bridge.ports().len(), 2, "a refusal changes nothing");
    let zero = PortConfig { number: Some(0), ..asked };
    assert_eq!(bridge.set_port(now, second, zero), Err(PortError::NumberTaken(0)));
    bridge.set_port(now, second, PortConfig { path_cost: Some(7), ..asked }).expect("known");
    assert_eq!(id(&bridge, second), Some(("1001".into(), 7)));
    let unknown = PortId::new(99).expect("below the limit");
    assert_eq!(bridge.set_port(now, unknown, asked), Err(PortError::Unknown));
}

#[test]
fn there_is_a_last_port_and_numbers_are_not_used_again_soon() {
    let now = crate::tests::start();
    let mut bridge = bridge(now, None);
    let first = bridge.add_port(now, PortConfig::local()).expect("room");
    bridge.remove_port(now, first);
    assert_ne!(bridge.add_port(now, PortConfig::local()), Ok(first));
    (1..MAX_PORTS).for_each(|_| assert!(bridge.add_port(now, PortConfig::local()).is_ok()));
    assert_eq!(bridge.add_port(now, PortConfig::local()), Err(PortError::TooMany));
}

#[test]
fn control_frames_do_not_leave_under_the_bridges_own_address() {
    let bridge = MacAddr([0x9e, 0x0e, 0xc7, 0xe5, 0x89, 0x4f]);
    let addresses: std::collections::BTreeSet<_> =
        (0..MAX_PORTS).filter_map(PortId::new).map(|port| control_address(bridge, port)).collect();
    assert_eq!(addresses.len(), MAX_PORTS);
    assert!(addresses.iter().all(|address| !address.is_group() && *address != bridge));
}

proptest! {
    /// Any calls in any order with any bytes: no panic, nothing due stays due,
    /// and what the data half was told is what the views say.
    #[test]
    fn any_calls_are_survived(steps in prop::collection::vec(
        (0u8..12, 0usize..6, any::<bool>(), prop::collection::vec(any::<u8>(), 0..70), 0u64..4000), 0..80)
    ) {
        let mut now = crate::tests::start();
        let mut bridge = bridge(now, None);
        let mut out = Vec::new();
        for (what, n, flag, bytes, wait) in steps {
            now += Duration::from_millis(wait);
            let port = PortId::new(n).expect("below the limit");
            let kinds = [PortConfig::local(), PortConfig::external(), PortConfig::tunnel(flag)];
            match what {
                0 | 1 => { let _ = bridge.add_port(now, kinds[n % 3]); }
                2 => bridge.remove_port(now, port),
                3 | 4 => bridge.set_link(now, port, flag),
                5 => bridge.set_secured(now, port, flag),
                6 => { let _ = bridge.set_port(now, port, PortConfig { stp: flag, ..kinds[n % 3] }); }
                7 => {
                    let stp = flag.then(StpConfig::default);
                    let mac_table_size = 10 + n;
                    bridge.set_config(now, BridgeConfig { stp, mac_table_size, ..bridge.config });
                }
                8 => bridge.handle_control(now, port, &bytes),
                9 => {
                    let group = if flag { MacAddr::BRIDGE_GROUP } else { MacAddr::PROBE_GROUP };
                    let frame = [&group.0, bytes.as_slice()].concat();
                    bridge.handle_control(now, port, &frame);
                }
                10 => {
                    // What we send comes back to us.
                    while let Some(from) = bridge.poll_transmit(&mut out) {
                        bridge.handle_control(now, if flag { from } else { port }, &out);
                    }
                }
                _ => { let _ = bridge.forwarding().forward(port, &broadcast(n as u8)); }
            }
            run(&mut bridge, now);
            prop_assert!(bridge.poll_timeout().is_none_or(|due| due.at > now));
            let wanted: crate::PortSet = bridge
                .ports().iter().filter(|view| view.state == PortState::Forwarding).map(|view| view.port).collect();
            prop_assert_eq!(bridge.forwarding().forwarding_ports(), wanted);
            prop_assert!(bridge.ports().iter().all(|view| view.held.is_none() || view.state == PortState::Blocking));
            prop_assert!(events(&mut bridge).len() <= EVENT_LIMIT + 1);
        }
    }
}
