//! Which probes of others were passed on already, and how many more a port may bring.

use crate::ids::BridgeId;
use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// How long a nonce is remembered; longer than any probe is under way.
const REMEMBER: Duration = Duration::from_secs(8);
/// Nonces remembered at most, whichever ports they came in on.
pub(crate) const MOST: usize = 65_536;
/// New probes a port may bring in a second, and at once.
pub(crate) const RATE: u32 = 256;

/// Probes seen within the last seconds.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    known: BTreeSet<(BridgeId, u64)>,
    order: VecDeque<(Instant, (BridgeId, u64))>,
}

impl Seen {
    pub(crate) fn contains(&self, origin: BridgeId, nonce: u64) -> bool {
        self.known.contains(&(origin, nonce))
    }

    /// Remembers; false if there is no room.
    pub(crate) fn insert(&mut self, now: Instant, origin: BridgeId, nonce: u64) -> bool {
        self.forget(now);
        if self.known.len() >= MOST {
            return false;
        }
        if self.known.insert((origin, nonce)) {
            self.order.push_back((now, (origin, nonce)));
        }
        true
    }

    fn forget(&mut self, now: Instant) {
        while let Some((since, key)) = self.order.front() {
            if now.saturating_duration_since(*since) < REMEMBER {
                break;
            }
            self.known.remove(key);
            self.order.pop_front();
        }
    }
}

/// How many more new probes a port may bring now: [`RATE`] a second, saved up to one second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    left: u32,
    filled: Instant,
}

impl Budget {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { left: RATE, filled: now }
    }

    /// Takes one; false if there is none.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let step = Duration::from_secs(1) / RATE;
        let steps = now.saturating_duration_since(self.filled).as_nanos() / step.as_nanos();
        let steps = u32::try_from(steps).unwrap_or(RATE).min(RATE);
        if self.left + steps >= RATE {
            (self.left, self.filled) = (RATE, now);
        } else {
            (self.left, self.filled) = (self.left + steps, self.filled + step * steps);
        }
        let taken = self.left > 0;
        self.left = self.left.saturating_sub(1);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_fades() {
        let start = crate::tests::start();
        let mut seen = Seen::default();
        let id = BridgeId::from_bytes([1; 8]);
        let fits = (0..MOST as u64 + 10).filter(|nonce| seen.insert(start, id, *nonce)).count();
        assert_eq!(fits, MOST);
        assert!(seen.contains(id, 5) && !seen.contains(id, MOST as u64));
        let later = start + REMEMBER;
        assert!(seen.insert(later, id, 5_000_000));
        assert_eq!((seen.known.len(), seen.order.len()), (1, 1));
    }

    #[test]
    fn a_budget_is_a_second_deep_and_refills_evenly() {
        let start = crate::tests::start();
        let mut budget = Budget::new(start);
        assert_eq!((0..1000).filter(|_| budget.take(start)).count(), RATE as usize);
        let later = start + Duration::from_millis(500);
        assert_eq!((0..1000).filter(|_| budget.take(later)).count(), RATE as usize / 2);
        let much_later = start + Duration::from_secs(1_000_000);
        assert_eq!((0..1000).filter(|_| budget.take(much_later)).count(), RATE as usize);
    }
}
