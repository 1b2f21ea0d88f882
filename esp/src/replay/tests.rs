use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Every number ever received, and no cleverness.
struct Naive {
    size: u64,
    top: u64,
    received: BTreeSet<u64>,
}

impl Naive {
    fn new(size: u32) -> Self {
        Self { size: size.into(), top: 0, received: BTreeSet::from([0]) }
    }

    fn receive(&mut self, sequence: u64) -> Result<(), OpenError> {
        if sequence <= self.top && self.top - sequence >= self.size {
            return Err(OpenError::TooOld);
        }
        self.top = self.top.max(sequence);
        if self.received.insert(sequence) { Ok(()) } else { Err(OpenError::Replayed) }
    }
}

fn receive(window: &mut ReplayWindow, sequence: u64) -> Result<(), OpenError> {
    window.check(sequence)?;
    window.mark(sequence);
    Ok(())
}

#[test]
fn sizes_are_powers_of_two_within_bounds() {
    for (wanted, size) in [(0, 64), (64, 64), (65, 128), (4096, 4096), (5000, 8192), (u32::MAX, 65_536)] {
        assert_eq!(ReplayWindow::new(wanted).size(), size);
    }
}

#[test]
fn zero_never_passes() {
    assert_eq!(ReplayWindow::new(64).check(0), Err(OpenError::Replayed));
}

#[test]
fn the_edges_of_the_window_are_exact() {
    let mut window = ReplayWindow::new(4096);
    receive(&mut window, 10_000).expect("the first");
    assert_eq!(window.check(10_000), Err(OpenError::Replayed));
    assert_eq!(window.check(10_000 - 4095), Ok(()), "the bottom");
    assert_eq!(window.check(10_000 - 4096), Err(OpenError::TooOld), "one below");
    assert_eq!(window.check(10_001), Ok(()));
}

#[test]
fn a_check_marks_nothing() {
    let window = ReplayWindow::new(64);
    assert_eq!(window.check(7), Ok(()));
    assert_eq!(window.check(7), Ok(()));
    assert_eq!(window.top(), 0);
}

#[test]
fn marking_below_the_window_changes_nothing() {
    let mut window = ReplayWindow::new(64);
    window.mark(1000);
    window.mark(1000 - 128);
    assert!((1000 - 63..1000).all(|sequence| window.check(sequence).is_ok()));
}

#[test]
fn a_jump_beyond_the_ring_forgets_everything() {
    let mut window = ReplayWindow::new(4096);
    for sequence in 1..=4096 {
        receive(&mut window, sequence).expect("new");
    }
    receive(&mut window, 1 << 40).expect("far ahead");
    assert!(((1 << 40) - 4095..1 << 40).all(|sequence| window.check(sequence).is_ok()));
    receive(&mut window, u64::MAX).expect("the last there is");
    assert_eq!(window.check(u64::MAX), Err(OpenError::Replayed));
    assert_eq!(window.check(u64::MAX - 1), Ok(()));
}

#[test]
fn in_order_each_passes_once() {
    let mut window = ReplayWindow::new(4096);
    for sequence in 1..20_000 {
        assert_eq!(receive(&mut window, sequence), Ok(()));
        assert_eq!(receive(&mut window, sequence), Err(OpenError::Replayed));
    }
}

/// Steps of every scale: replays, reordering inside the window, small gaps, whole turns of the ring.
fn steps() -> impl Strategy<Value = Vec<i64>> {
    let step = prop_oneof![
        4 => -200_i64..200,
        3 => -9000_i64..9000,
        1 => -100_000_i64..200_000,
        1 => Just(0),
        1 => prop::sample::select(vec![63, 64, 65, 4095, 4096, 4097, 8191, 8192, 8193, -63, -64, -4095, -4096]),
        1 => (20_u32..50).prop_map(|log| 1_i64 << log),
    ];
    prop::collection::vec(step, 1..600)
}

proptest! {
    #[test]
    fn the_ring_says_what_a_set_says(
        start in prop_oneof![Just(0), 0_u64..10_000, (1_u64 << 32) - 9000..(1 << 32) + 9000],
        size in prop::sample::select(vec![64, 128, 1024, 4096, 65_536]),
        steps in steps(),
    ) {
        let mut window = ReplayWindow::new(size);
        let mut naive = Naive::new(size);
        let mut sequence = start;
        for step in steps {
            sequence = sequence.saturating_add_signed(step);
            prop_assert_eq!(receive(&mut window, sequence), naive.receive(sequence), "at {}", sequence);
            prop_assert_eq!(window.top(), naive.top);
        }
    }
}
