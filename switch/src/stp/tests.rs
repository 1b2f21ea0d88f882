//! Timers to the tick, and the procedures of §8.6-8.8, on one bridge and by hand.

use super::*;
use crate::bpdu::emit_frame;
use proptest::prelude::*;

const NS: Duration = Duration::from_nanos(1);
const SECOND: Duration = Duration::from_secs(1);

fn port(n: usize) -> PortId {
    PortId::new(n).expect("below the limit")
}

fn id(priority: u16, address: u64) -> BridgeId {
    BridgeId { priority, address: MacAddr::from_u64(address) }
}

/// Bridge 8000.…64 with `ports` ports up since `now`, defaults everywhere.
fn bridge(now: Instant, ports: usize) -> Stp {
    let mut stp = Stp::new(now, &StpConfig::default(), MacAddr::from_u64(0x64));
    for n in 0..ports {
        stp.add_port(now, port(n), PortIdentifier::new(128, n as u8 + 1), PathCost::TUNNEL);
        stp.enable_port(now, port(n));
    }
    sent(&mut stp);
    stp
}

/// What a neighbour says, from a root with the standard's times.
fn config(root: BridgeId, cost: u32, bridge: BridgeId, from: u16) -> Config {
    let seconds = |s| BpduTime::from_duration(Duration::from_secs(s));
    Config {
        vector: PriorityVector { root, cost, bridge, port: PortIdentifier(from) },
        topology_change: false,
        topology_change_ack: false,
        message_age: BpduTime(0),
        max_age: seconds(20),
        hello_time: seconds(2),
        forward_delay: seconds(15),
    }
}

fn hear(stp: &mut Stp, now: Instant, n: usize, bpdu: Bpdu) {
    let mut frame = Vec::new();
    emit_frame(&bpdu, MacAddr::from_u64(0x99), &mut frame);
    stp.handle_frame(now, port(n), &frame).expect("valid");
}

fn sent(stp: &mut Stp) -> Vec<(usize, Bpdu)> {
    std::iter::from_fn(|| stp.poll_transmit()).map(|(port, bpdu)| (port.index(), bpdu)).collect()
}

fn states(stp: &Stp) -> Vec<PortState> {
    stp.ports.values().map(|port| port.state).collect()
}

/// Lets time pass, doing what is due when it is due; returns what was sent and when.
fn pass(stp: &mut Stp, from: Instant, to: Instant) -> Vec<(Duration, usize, Bpdu)> {
    let mut all = Vec::new();
    while let Some(at) = stp.poll_timeout().filter(|at| *at <= to) {
        stp.handle_timeout(at);
        assert!(stp.poll_timeout().is_none_or(|next| next > at));
        all.extend(sent(stp).into_iter().map(|(port, bpdu)| (at - from, port, bpdu)));
    }
    all
}

#[test]
fn listening_and_learning_take_a_forward_delay_each_to_the_nanosecond() {
    let start = crate::tests::start();
    let mut stp = bridge(start, 1);
    let steps = [
        (Duration::ZERO, PortState::Listening),
        (15 * SECOND - NS, PortState::Listening),
        (15 * SECOND, PortState::Learning),
        (30 * SECOND - NS, PortState::Learning),
        (30 * SECOND, PortState::Forwarding),
    ];
    for (at, state) in steps {
        pass(&mut stp, start, start + at);
        stp.handle_timeout(start + at);
        assert_eq!(states(&stp), [state], "{at:?}");
    }
}

#[test]
fn the_root_says_hello_every_hello_time() {
    let start = crate::tests::start();
    let mut stp = bridge(start, 1);
    let hellos: Vec<_> = pass(&mut stp, start, start + 9 * SECOND).into_iter().map(|(at, ..)| at).collect();
    assert_eq!(hellos, [2 * SECOND, 4 * SECOND, 6 * SECOND, 8 * SECOND]);
    stp.handle_timeout(start + 10 * SECOND - NS);
    assert!(sent(&mut stp).is_empty());
}

#[test]
fn two_bpdus_are_a_hold_time_apart_and_what_was_held_back_is_sent_then() {
    let start = crate::tests::start();
    let mut stp = bridge(start, 1);
    let mut now = start + 1500 * SECOND / 1000;
    pass(&mut stp, start, now);
    let worse = config(id(0x9000, 1), 0, id(0x9000, 1), 1);
    hear(&mut stp, now, 0, Bpdu::Config(worse));
    assert_eq!(sent(&mut stp).len(), 1, "told better at once");
    let first = now;
    now += Duration::from_millis(100);
    for _ in 0..3 {
        hear(&mut stp, now, 0, Bpdu::Config(worse));
    }
    assert!(sent(&mut stp).is_empty());
    stp.handle_timeout(first + SECOND - NS);
    assert!(sent(&mut stp).is_empty());
    stp.handle_timeout(first + SECOND);
    assert_eq!(sent(&mut stp).len(), 1, "once for all three");
}

#[test]
fn hellos_of_one_second_are_passed_on_at_once_whatever_came_before() {
    let start = crate::tests::start();
    let mut stp = bridge(start, 2);
    let hello = Config { hello_time: BpduTime(256), ..config(id(0x1000, 1), 0, id(0x1000, 1), 1) };
    hear(&mut stp, start + SECOND, 0, Bpdu::Config(hello));
    // Something else made us speak in between: the next hello may wait, those after must not.
    pass(&mut stp, start, start + 1900 * SECOND / 1000);
    hear(&mut stp, start + 1900 * SECOND / 1000, 1, Bpdu::Config(config(id(0x9000, 1), 0, id(0x9000, 1), 1)));
    for second in 2..9 {
        let now = start + second * SECOND;
        pass(&mut stp, start, now);
        sent(&mut stp);
        hear(&mut stp, now, 0, Bpdu::Config(hello));
        let passed = sent(&mut stp);
        assert_eq!(passed.len(), usize::from(second > 2), "{second}: {passed:?}");
    }
}

#[test]
fn information_is_forgotten_when_its_age_reaches_max_age() {
    let start = crate::tests::start();
    let mut stp = bridge(start, 1);
    let root = id(0x1000, 1);
    let heard = Config { message_age: BpduTime(512), ..config(root, 4, id(0x8000, 2), 1) };
    hear(&mut stp, start, 0, Bpdu::Config(heard));
    assert_eq!((stp.designated_root, stp.root_path_cost, stp.root_port), (root, 6, Some(port(0))));
    stp.handle_timeout(start + 18 * SECOND - NS);
    assert_eq!(stp.designated_root, root);
    stp.handle_timeout(start + 18 * SECOND);
    assert!(stp.is_root() && stp.topology_change && stp.root_port.is_none());
    let sent = sent(&mut stp);
    assert!(
        matches!(sent.as_slice(), [(0, Bpdu::Config(own))] if own.vector.root == stp.bridge_id),
        "{sent:?}"
    );
}

#[test]
fn what_is_passed_on_has_aged_and_carries_the_roots_times() {
    let start = crate::tests::start();
    let mut stp = bridge(start, 2);
    let now = start + 3 * SECOND;
    pass(&mut stp, start, now);
    let seconds = |s| BpduTime::from_duration(Duration::from_secs(s));
    let heard = Config {
        message_age: BpduTime(100),
        max_age: seconds(30),
        hello_time: seconds(3),
        forward_delay: seconds(20),
        ..config(id(0x1000, 1), 4, id(0x8000, 2), 1)
    };
    hear(&mut stp, now, 0, Bpdu::Config(heard));
    assert_eq!(sent(&mut stp).len(), 1, "passed on at once");
    let later = now + Duration::from_millis(500);
    hear(&mut stp, later, 1, Bpdu::Config(config(id(0x9000, 1), 0, id(0x9000, 1), 1)));
    let passed = pass(&mut stp, now, now + SECOND);
    let [(at, 1, Bpdu::Config(passed))] = passed.as_slice() else { panic!("one on port 1: {passed:?}") };
    let aged = BpduTime::from_duration(heard.message_age.to_duration() + *at + MESSAGE_AGE_INCREMENT);
    assert_eq!(passed.message_age, aged);
    assert_eq!((passed.max_age, passed.hello_time), (heard.max_age, heard.hello_time));
    assert_eq!((passed.forward_delay, passed.vector.cost), (heard.forward_delay, 6));
}

#[test]
fn a_change_is_told_the_root_each_hello_time_until_it_is_acknowledged() {
    let start = crate::tests::start();
    let mut stp = bridge(start, 2);
    let root = config(id(0x1000, 1), 0, id(0x1000, 1), 1);
    hear(&mut stp, start, 0, Bpdu::Config(root));
    let keep_alive = |stp: &mut Stp, now, ack| {
        hear(stp, now, 0, Bpdu::Config(Config { topology_change_ack: ack, ..root }));
    };
    let mut now = start;
    while now < start + 28 * SECOND {
        pass(&mut stp, start, now);
        keep_alive(&mut stp, now, false);
        now += 2 * SECOND;
    }
    let notes = |all: Vec<(Duration, usize, Bpdu)>| -> Vec<_> {
        all.into_iter().filter(|(_, _, bpdu)| *bpdu == Bpdu::Tcn).map(|(at, port, _)| (at, port)).collect()
    };
    keep_alive(&mut stp, start + 29 * SECOND, false);
    sent(&mut stp);
    let told = notes(pass(&mut stp, start, start + 35 * SECOND));
    assert_eq!(told, [(30 * SECOND, 0), (32 * SECOND, 0), (34 * SECOND, 0)], "both ports forward at 30 s");
    keep_alive(&mut stp, start + 35 * SECOND, true);
    assert!(notes(pass(&mut stp, start, start + 50 * SECOND)).is_empty());
}

#[test]
fn the_root_acknowledges_and_tells_everyone_for_max_age_and_forward_delay() {
    let start = crate::tests::start();
    let mut stp = bridge(start, 2);
    let now = start + 60 * SECOND + 1500 * SECOND / 1000;
    pass(&mut stp, start, start + 66 * SECOND);
    let now = now + 10 * SECOND;
    pass(&mut stp, start, now);
    assert!(!stp.topology_change, "that of the start, 30 + 35 s, is over");
    hear(&mut stp, now, 1, Bpdu::Tcn);
    let answer = sent(&mut stp);
    let [(1, Bpdu::Config(answer))] = answer.as_slice() else {
        panic!("on the port it came in on: {answer:?}")
    };
    assert!(answer.topology_change_ack && answer.topology_change);
    for (_, _, bpdu) in pass(&mut stp, start, now + 35 * SECOND - NS) {
        let Bpdu::Config(hello) = bpdu else { panic!("the root sends no notification") };
        assert!(hello.topology_change && !hello.topology_change_ack);
    }
    assert!(stp.topology_change);
    stp.handle_timeout(now + 35 * SECOND);
    assert!(!stp.topology_change && !stp.topology_change_detected);
}

#[test]
fn a_better_way_to_the_root_blocks_the_other_at_once() {
    let start = crate::tests::start();
    let mut stp = bridge(start, 3);
    pass(&mut stp, start, start + 31 * SECOND);
    let now = start + 31 * SECOND;
    let root = id(0x1000, 1);
    hear(&mut stp, now, 0, Bpdu::Config(config(root, 8, id(0x8000, 2), 1)));
    assert_eq!((stp.root_port, stp.role(port(1))), (Some(port(0)), PortRole::Designated));
    hear(&mut stp, now, 1, Bpdu::Config(config(root, 4, id(0x8000, 3), 1)));
    assert_eq!((stp.root_port, stp.root_path_cost), (Some(port(1)), 6));
    assert_eq!(stp.role(port(0)), PortRole::Designated, "6 by us is better than 8 by bridge 2");
    hear(&mut stp, now, 0, Bpdu::Config(config(root, 6, id(0x8000, 2), 1)));
    assert_eq!((stp.role(port(0)), stp.state(port(0))), (PortRole::Alternate, Some(PortState::Blocking)));
    stp.disable_port(now, port(1));
    assert_eq!((stp.root_port, stp.state(port(0))), (Some(port(0)), Some(PortState::Listening)));
}

#[test]
fn equal_offers_are_decided_by_bridge_then_port_then_own_port() {
    let start = crate::tests::start();
    let root = id(0x1000, 1);
    let choose = |a: (u64, u16), b: (u64, u16)| {
        let mut stp = bridge(start, 2);
        hear(&mut stp, start, 0, Bpdu::Config(config(root, 4, id(0x8000, a.0), a.1)));
        hear(&mut stp, start, 1, Bpdu::Config(config(root, 4, id(0x8000, b.0), b.1)));
        stp.root_port.map(PortId::index)
    };
    assert_eq!(choose((2, 9), (3, 1)), Some(0));
    assert_eq!(choose((3, 1), (2, 9)), Some(1));
    assert_eq!(choose((2, 9), (2, 8)), Some(1));
    assert_eq!(choose((2, 8), (2, 8)), Some(0), "one segment heard on two ports");
}

#[test]
fn two_ports_on_one_segment_leave_the_lower_in_service() {
    let start = crate::tests::start();
    let mut stp = bridge(start, 2);
    let hellos = pass(&mut stp, start, start + 2 * SECOND);
    for (_, from, bpdu) in hellos {
        hear(&mut stp, start + 2 * SECOND, 1 - from, bpdu);
    }
    assert_eq!(states(&stp), [PortState::Listening, PortState::Blocking]);
    assert_eq!(stp.role(port(1)), PortRole::Alternate);
    stp.set_config(
        start + 2 * SECOND,
        &StpConfig { priority: 0xf000, ..StpConfig::default() },
        MacAddr::from_u64(0x64),
    );
    assert!(stp.is_root() && stp.root_port.is_none(), "our own old name is no better root");
}

#[test]
fn our_own_bpdu_on_its_own_port_says_nothing() {
    let start = crate::tests::start();
    let mut stp = bridge(start, 1);
    let own = pass(&mut stp, start, start + 2 * SECOND);
    let before = format!("{:?}", stp.ports[&port(0)].designated);
    hear(&mut stp, start + 2 * SECOND, 0, own[0].2);
    assert_eq!(format!("{:?}", stp.ports[&port(0)].designated), before);
    assert!(stp.ports[&port(0)].message_age.is_none());
}

#[test]
fn management_moves_what_it_must_and_nothing_else() {
    let start = crate::tests::start();
    let mut stp = bridge(start, 3);
    let root = id(0x1000, 1);
    let mut now = start;
    while now <= start + 32 * SECOND {
        pass(&mut stp, start, now);
        hear(&mut stp, now, 0, Bpdu::Config(config(root, 4, id(0x8000, 2), 1)));
        hear(&mut stp, now, 1, Bpdu::Config(config(root, 4, id(0x8000, 3), 1)));
        now += SECOND;
    }
    assert_eq!(states(&stp), [PortState::Forwarding, PortState::Blocking, PortState::Forwarding]);
    stp.set_path_cost(now, port(0), PathCost(10));
    assert_eq!((stp.root_port, stp.root_path_cost), (Some(port(1)), 6));
    assert_eq!(states(&stp), [PortState::Blocking, PortState::Listening, PortState::Forwarding]);
    stp.set_path_cost(now, port(0), PathCost::TUNNEL);
    assert_eq!(states(&stp), [PortState::Listening, PortState::Blocking, PortState::Forwarding]);
    stp.set_port_id(now, port(2), PortIdentifier::new(16, 77));
    assert_eq!(states(&stp), [PortState::Listening, PortState::Blocking, PortState::Forwarding]);
    assert_eq!(stp.ports[&port(2)].designated.port, PortIdentifier::new(16, 77));
    let before = states(&stp);
    stp.add_port(now, port(3), PortIdentifier::new(128, 4), PathCost::TUNNEL);
    stp.enable_port(now, port(3));
    assert_eq!(states(&stp), [before.as_slice(), &[PortState::Listening]].concat());
    let own = StpConfig { priority: 0, ..StpConfig::default() };
    stp.set_config(now, &own, MacAddr::from_u64(0x64));
    assert!(stp.is_root() && stp.topology_change, "best of all now");
}

#[test]
fn new_times_of_the_root_hold_at_once_and_a_strangers_are_kept_in_range() {
    let start = crate::tests::start();
    let mut stp = bridge(start, 1);
    let short = StpConfig { hello_time: 1, max_age: 6, forward_delay: 4, ..StpConfig::default() };
    stp.set_config(start, &short, MacAddr::from_u64(0x64));
    stp.handle_timeout(start + 4 * SECOND - NS);
    assert_eq!(states(&stp), [PortState::Listening]);
    stp.handle_timeout(start + 4 * SECOND);
    assert_eq!(states(&stp), [PortState::Learning]);
    let hostile = Config {
        max_age: BpduTime(u16::MAX),
        hello_time: BpduTime(0),
        forward_delay: BpduTime(0),
        ..config(id(0, 1), 0, id(0, 1), 1)
    };
    hear(&mut stp, start + 4 * SECOND, 0, Bpdu::Config(hostile));
    assert_eq!((stp.times.forward_delay, stp.times.max_age), (4 * SECOND, 40 * SECOND));
}

#[test]
fn a_disabled_port_counts_and_ignores_and_bad_bpdus_are_counted() {
    let start = crate::tests::start();
    let mut stp = bridge(start, 1);
    let mut frame = Vec::new();
    emit_frame(&Bpdu::Config(config(id(0, 1), 0, id(0, 1), 1)), MacAddr::from_u64(9), &mut frame);
    frame[20] = 2;
    assert!(stp.handle_frame(start, port(0), &frame).is_err());
    assert_eq!((stp.ports[&port(0)].received, stp.ports[&port(0)].errors), (1, 1));
    stp.disable_port(start, port(0));
    hear(&mut stp, start, 0, Bpdu::Config(config(id(0, 1), 0, id(0, 1), 1)));
    assert!(stp.is_root());
    assert_eq!((stp.ports[&port(0)].received, stp.role(port(0))), (2, PortRole::Disabled));
}

#[test]
fn a_clock_that_jumps_an_hour_is_one_late_call() {
    let start = crate::tests::start();
    let mut stp = bridge(start, 2);
    hear(&mut stp, start, 0, Bpdu::Config(config(id(0x1000, 1), 0, id(0x1000, 1), 1)));
    stp.handle_timeout(start + 3600 * SECOND);
    assert!(stp.is_root() && sent(&mut stp).len() < 10);
    assert!(stp.poll_timeout() > Some(start + 3600 * SECOND));
}

proptest! {
    /// Whatever neighbours say, whenever: no panic, no endless work, bounded
    /// queues, and a root port exactly where we are not the root.
    #[test]
    fn any_neighbours_are_survived(steps in prop::collection::vec(
        (0usize..3, 0u16..4, 0u64..200, 0u32..8, 0u64..200, 0u64..9000, 0u8..8), 0..60)
    ) {
        let mut now = crate::tests::start();
        let mut stp = bridge(now, 3);
        for (n, priority, root, cost, from, wait, what) in steps {
            now += Duration::from_millis(wait);
            stp.handle_timeout(now);
            prop_assert!(stp.poll_timeout().is_some_and(|at| at > now));
            match what {
                0 => stp.disable_port(now, port(n)),
                1 => stp.enable_port(now, port(n)),
                2 => hear(&mut stp, now, n, Bpdu::Tcn),
                3 => stp.set_path_cost(now, port(n), PathCost(cost as u16 + 1)),
                4 => stp.set_port_id(now, port(n), PortIdentifier::new(priority as u8, n as u8 + 1)),
                _ => {
                    let bridge = id(0x7fff + priority, from);
                    let root = id(0x7fff + priority, root).min(bridge);
                    hear(&mut stp, now, n, Bpdu::Config(config(root, cost, bridge, 1)));
                }
            }
            prop_assert_eq!(stp.is_root(), stp.root_port.is_none());
            prop_assert!(stp.designated_root <= stp.bridge_id);
            prop_assert!(sent(&mut stp).len() <= 12);
        }
    }
}
