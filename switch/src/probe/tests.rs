use super::*;
use crate::ids::BridgeId;
use message::{emit_frame, parse_frame};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

fn port(n: usize) -> PortId {
    PortId::new(n).expect("below the limit")
}

fn address(n: u64) -> MacAddr {
    MacAddr::from_u64(0x0200_0000_0000 + n)
}

/// A prober with `tunnels` tunnel ports up since `now`.
fn prober(now: Instant, tunnels: usize) -> Prober {
    let mut prober = Prober::new(now, address(5), [9; 32]);
    for n in 0..tunnels {
        prober.add_port(now, port(n), true, true);
        prober.set_carrier(now, port(n), true);
    }
    prober
}

fn run(prober: &mut Prober, to: Instant) -> Vec<(Instant, usize, Probe)> {
    let mut all = Vec::new();
    while let Some(at) = prober.poll_timeout().filter(|at| *at <= to) {
        prober.handle_timeout(at);
        prober.take_relearn(at);
        assert!(prober.poll_timeout().is_none_or(|next| next > at), "what is due stays due");
        all.extend(
            std::iter::from_fn(|| prober.poll_transmit()).map(|(port, probe)| (at, port.index(), probe)),
        );
    }
    all
}

fn hear(prober: &mut Prober, now: Instant, n: usize, probe: &Probe) {
    let mut frame = Vec::new();
    emit_frame(probe, address(0xff), &mut frame);
    prober.handle_frame(now, port(n), &frame).expect("valid");
}

fn neighbour(n: u64, nonce: u64, echo: u64) -> Probe {
    Probe {
        origin: BridgeId { priority: 0x8000, address: address(n) },
        port: port(0),
        nonce,
        echo,
        hop_limit: HOP_LIMIT,
        hops: 0,
        relay: BridgeId { priority: 0x8000, address: address(n) },
        leaf: false,
        generation: Generation::default(),
        candidate: None,
    }
}

#[test]
fn each_tunnel_port_sends_one_probe_a_second_in_three_copies_and_is_released_in_time() {
    let start = crate::tests::start();
    let mut prober = prober(start, 2);
    let sent = run(&mut prober, start + hold::RELEASE_AFTER - Duration::from_nanos(1));
    for n in 0..2 {
        let nonces: Vec<u64> =
            sent.iter().filter(|(_, port, _)| *port == n).map(|(.., probe)| probe.nonce).collect();
        assert_eq!(nonces.len(), 18);
        let distinct: std::collections::BTreeSet<_> = nonces.iter().collect();
        assert_eq!(distinct.len(), 6);
        assert_eq!(prober.held(port(n)), Some(HeldReason::Waiting));
    }
    run(&mut prober, start + hold::RELEASE_AFTER);
    assert_eq!([prober.held(port(0)), prober.held(port(1))], [None, None]);
}

#[test]
fn sleep_is_not_silence() {
    let start = crate::tests::start();
    let mut prober = prober(start, 2);
    prober.handle_timeout(start);
    let awake = start + 60 * SECOND;
    prober.handle_timeout(awake);
    assert!(prober.held(port(0)).is_some(), "one probe was sent, and nobody listened since");
    let released = awake + Duration::from_millis(4500);
    run(&mut prober, released - Duration::from_nanos(1));
    assert!(prober.held(port(0)).is_some());
    run(&mut prober, released);
    assert_eq!(prober.held(port(0)), None, "after six probes");
}

#[test]
fn of_two_ports_of_a_loop_the_higher_settles_whichever_probe_comes_home_first() {
    let start = crate::tests::start();
    let settled = Some(HeldReason::Loop { other: port(0), hops: 0, via: None });
    for (first, lower) in [(0, HeldReason::Waiting), (1, HeldReason::Contended)] {
        let mut prober = prober(start, 2);
        let sent = run(&mut prober, start);
        for leaving in [first, 1 - first] {
            let (.., probe) = sent.iter().find(|(_, n, _)| *n == leaving).expect("sent");
            hear(&mut prober, start, 1 - leaving, probe);
        }
        assert_eq!([prober.held(port(0)), prober.held(port(1))], [Some(lower), settled]);
        let (.., probe) = sent.iter().find(|(_, n, _)| *n == 0).expect("sent");
        let relents = start + hold::RELENT_AFTER;
        run(&mut prober, relents - Duration::from_nanos(1));
        assert_eq!(prober.passage(port(1)), Passage::Closed);
        run(&mut prober, relents);
        assert!(prober.passage(port(1)) != Passage::Closed, "silence: shown as pending again");
        hear(&mut prober, relents, 1, probe);
        assert_eq!(prober.passage(port(1)), Passage::Closed);
    }
}

#[test]
fn a_port_in_service_is_held_only_if_no_other_of_the_loop_is_better_to_hold() {
    let start = crate::tests::start();
    let pending = |bridge| Candidate {
        pending: true,
        bridge: BridgeId { priority: 0x8000, address: address(bridge) },
        port: port(3),
    };
    for (candidate, held) in [
        (Some(pending(9)), false),
        (Some(Candidate { pending: false, ..pending(1) }), false),
        (Some(Candidate { pending: false, ..pending(9) }), true),
        (None, true),
    ] {
        let mut prober = prober(start, 2);
        let now = start + 6 * SECOND;
        let sent = run(&mut prober, now);
        let (.., last) = sent.iter().rev().find(|(_, n, _)| *n == 0).expect("sent");
        let home = Probe { hops: 2, candidate, ..*last };
        hear(&mut prober, now, 1, &home);
        assert_eq!(prober.held(port(1)).is_some(), held, "{candidate:?}");
        assert_eq!(prober.held(port(0)), None);
    }
}

#[test]
fn forged_and_old_probes_of_our_own_hold_nothing() {
    let start = crate::tests::start();
    let mut prober = prober(start, 2);
    let sent = run(&mut prober, start + 6 * SECOND);
    let now = start + 6 * SECOND + NONCE_LIFE;
    let (_, _, first) = sent[0];
    run(&mut prober, now);
    hear(&mut prober, now, 1, &first);
    hear(&mut prober, now, 1, &Probe { nonce: first.nonce ^ 1, ..first });
    hear(&mut prober, now, 1, &Probe { port: port(200), ..first });
    assert_eq!([prober.held(port(0)), prober.held(port(1))], [None, None]);
    assert_eq!((prober.counters.probe_errors, prober.counters.loops_seen), (3, 0));
}

#[test]
fn a_neighbour_counts_when_it_echoes_and_its_silence_of_three_seconds_is_link_down() {
    let start = crate::tests::start();
    let mut prober = prober(start, 1);
    let now = start + 6 * SECOND;
    let sent = run(&mut prober, now);
    hear(&mut prober, now, 0, &neighbour(7, 1, 0));
    run(&mut prober, now + 4 * SECOND);
    assert!(!prober.is_silent(port(0)), "one probe of a stranger proves nothing");
    let now = now + 4 * SECOND;
    let echo = sent.last().expect("sent").2.nonce;
    hear(&mut prober, now, 0, &neighbour(7, 2, echo));
    assert!(prober.take_met(port(0)) && prober.held(port(0)).is_some(), "starts anew when they meet");
    run(&mut prober, now + 3 * SECOND - Duration::from_nanos(1));
    assert!(!prober.is_silent(port(0)));
    let sent = run(&mut prober, now + 3 * SECOND);
    assert!(prober.is_silent(port(0)));
    let healed = now + 4 * SECOND;
    hear(&mut prober, healed, 0, &neighbour(7, 3, 0));
    assert!(prober.is_silent(port(0)), "heard, but does it hear us?");
    let echo = run(&mut prober, healed).last().or(sent.last()).expect("sent").2.nonce;
    hear(&mut prober, healed, 0, &neighbour(7, 4, echo));
    assert!(!prober.is_silent(port(0)));
    assert_eq!(prober.held(port(0)), Some(HeldReason::Waiting), "by way of being held");
}

#[test]
fn a_new_generation_asks_once_to_learn_anew_and_our_own_is_told_at_once() {
    let start = crate::tests::start();
    let mut prober = prober(start, 2);
    let quiet = start + 6 * SECOND;
    run(&mut prober, quiet);
    assert!(!prober.take_relearn(quiet));
    let at = |start, count| Probe { generation: Generation { start, count }, ..neighbour(7, 1, 0) };
    for (second, probe, wanted) in [
        (0, at(1, 4), true),
        (2, at(1, 4), false),
        (4, at(1, 5), true),
        (6, at(1, 4), false),
        (8, Probe { hops: 3, ..at(9, 0) }, true),
    ] {
        let now = quiet + second * SECOND;
        hear(&mut prober, now, 0, &probe);
        assert_eq!(prober.take_relearn(now), wanted, "{second}");
    }
    let now = quiet + 10 * SECOND;
    let before = run(&mut prober, now).last().expect("sent").2.generation;
    prober.tell_of_change(now + EARLIEST);
    let told = run(&mut prober, now + EARLIEST * 2);
    assert!(told.iter().any(|(.., probe)| probe.generation.follows(before)));
}

#[test]
fn a_neighbour_is_not_gone_because_we_slept() {
    let start = crate::tests::start();
    let mut prober = prober(start, 1);
    let echo = run(&mut prober, start).last().expect("sent").2.nonce;
    hear(&mut prober, start, 0, &neighbour(7, 1, echo));
    run(&mut prober, start + 2 * SECOND);
    let awake = start + 30 * SECOND;
    prober.handle_timeout(awake);
    assert!(!prober.is_silent(port(0)));
    run(&mut prober, awake + 3 * SECOND);
    assert!(prober.is_silent(port(0)), "but when it stays silent");
}

#[test]
fn each_nonce_is_passed_on_once_with_what_was_learned_on_the_way() {
    let start = crate::tests::start();
    let mut prober = prober(start, 3);
    run(&mut prober, start);
    hear(&mut prober, start, 1, &neighbour(8, 1, 0));
    hear(&mut prober, start, 2, &Probe { leaf: true, ..neighbour(9, 2, 0) });
    while prober.poll_transmit().is_some() {}
    let far = Probe { hops: 3, hop_limit: 5, ..neighbour(7, 77, 0) };
    hear(&mut prober, start, 0, &far);
    hear(&mut prober, start, 0, &far);
    hear(&mut prober, start, 1, &far);
    let (to, passed) = prober.poll_transmit().expect("passed on");
    assert_eq!((to, prober.poll_transmit()), (port(1), None), "not to a leaf, not twice, not back");
    assert_eq!((passed.hops, passed.hop_limit, passed.nonce), (4, 4, 77));
    let own = BridgeId { priority: 0x8000, address: address(5) };
    assert_eq!(passed.relay, own);
    assert_eq!(passed.candidate, Some(Candidate { pending: true, bridge: own, port: port(1) }));
    hear(&mut prober, start, 0, &Probe { nonce: 78, hop_limit: 1, ..far });
    assert_eq!(prober.poll_transmit(), None);
}

#[test]
fn a_flood_takes_the_budget_of_its_own_port_and_memory_stays_bounded() {
    let start = crate::tests::start();
    let mut prober = prober(start, 2);
    run(&mut prober, start);
    hear(&mut prober, start, 1, &neighbour(8, 1, 0));
    for nonce in 0..50_000 {
        hear(&mut prober, start, 0, &Probe { hops: 1, ..neighbour(nonce % 100 + 10, nonce + 2, 0) });
        hear(&mut prober, start, 0, &neighbour(nonce + 1_000_000, nonce, 0));
    }
    let passed = prober.counters.probes_relayed;
    assert_eq!(passed, 3 * u64::from(seen::RATE));
    assert!(prober.counters.probes_over_limit > 40_000);
    assert!(prober.neighbours(port(0)) <= 32 && prober.later.len() <= QUEUE_LIMIT);
    hear(&mut prober, start, 1, &Probe { hops: 1, ..neighbour(3, 5_000_000, 0) });
    assert_eq!(prober.counters.probes_relayed, passed + 3, "the other port's are passed on");
    assert!(!prober.is_silent(port(0)) && prober.held(port(1)) == Some(HeldReason::Waiting));
}

#[test]
fn a_port_of_the_spanning_tree_is_never_held_and_passes_probes_as_its_state_says() {
    let start = crate::tests::start();
    let mut prober = prober(start, 2);
    prober.set_stp(start, port(1), Some(PortState::Listening));
    assert_eq!((prober.held(port(1)), prober.passage(port(1))), (None, Passage::Open(None)));
    for state in [PortState::Blocking, PortState::Disabled] {
        prober.set_stp(start, port(1), Some(state));
        assert_eq!(prober.passage(port(1)), Passage::Closed);
    }
    prober.set_stp(start, port(1), None);
    assert_eq!(prober.held(port(1)), Some(HeldReason::Waiting), "when the tree goes it starts anew");
}

#[test]
fn a_loop_closed_by_a_port_that_sends_no_probes_holds_the_tunnel() {
    let start = crate::tests::start();
    let mut prober = prober(start, 1);
    prober.add_port(start, port(1), false, true);
    prober.set_carrier(start, port(1), true);
    for second in 0..20 {
        let now = start + SECOND * second;
        for (_, n, probe) in run(&mut prober, now) {
            assert_eq!(n, 0);
            assert_eq!(probe.hop_limit, HOP_LIMIT, "nobody else looks for this loop");
            hear(&mut prober, now, 1, &Probe { hops: 1, ..probe });
        }
        let reason = prober.held(port(0));
        assert!(
            matches!(reason, Some(HeldReason::Loop { other, hops: 1, .. }) if other == port(1)),
            "{reason:?}"
        );
    }
    assert_eq!(prober.held(port(1)), None);
}

proptest! {
    /// Whatever arrives wherever: no panic, bounded queues, and what comes in
    /// on one port of strangers' making holds no other.
    #[test]
    fn strangers_hold_nothing_but_their_own_port(
        frames in prop::collection::vec((any::<[u8; 8]>(), any::<u64>(), any::<u64>(), 1u8..40, 0u8..40, any::<bool>(), 0u64..700), 0..200),
    ) {
        let mut now = crate::tests::start();
        let mut prober = prober(now, 3);
        now += 6 * SECOND;
        let sent = run(&mut prober, now);
        for (origin, nonce, echo, hop_limit, hops, ours, wait) in frames {
            now += Duration::from_millis(wait);
            run(&mut prober, now);
            // A stranger behind port 0 hears what leaves there, and may return it as it likes.
            let base = sent.iter().find(|(_, n, _)| *n == 0).expect("sent").2;
            let origin = if ours { base.origin } else { BridgeId::from_bytes(origin) };
            let nonce = if nonce % 3 == 0 { base.nonce } else { nonce };
            hear(&mut prober, now, 0, &Probe { origin, nonce, echo, hop_limit, hops, relay: origin, ..base });
            prop_assert!(prober.held(port(1)).is_none() && prober.held(port(2)).is_none());
            prop_assert!(!prober.is_silent(port(1)) && !prober.is_silent(port(2)));
            prop_assert!(prober.later.len() + prober.ready.len() <= QUEUE_LIMIT);
        }
    }

    #[test]
    fn any_bytes_are_counted(bytes in prop::collection::vec(any::<u8>(), 0..90)) {
        let now = crate::tests::start();
        let mut prober = prober(now, 1);
        let bad = prober.handle_frame(now, port(0), &bytes).is_err();
        prop_assert_eq!(bad, parse_frame(&bytes).is_err());
        prop_assert_eq!(prober.counters.probe_errors, u64::from(bad));
    }
}
