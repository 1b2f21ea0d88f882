//! When addresses learned here may be elsewhere, because ports of another bridge
//! came into or went out of service: what a spanning tree tells by its topology
//! change, told by the generation in each probe.

use super::message::{Generation, Probe};
use crate::ids::BridgeId;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Bridges whose generation is remembered, at most.
const MOST: usize = 1024;
/// A bridge not heard of for so long is forgotten.
const REMEMBER: Duration = Duration::from_secs(30);
/// Least time between two calls to learn anew: strangers may ask for it.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);

/// What is known of the generations of others.
#[derive(Debug, Default)]
pub(crate) struct Relearn {
    known: BTreeMap<BridgeId, (Generation, Instant)>,
    last: Option<Instant>,
    due: Option<Instant>,
}

impl Relearn {
    /// Notes the generation a probe carries.
    pub(crate) fn heard(&mut self, now: Instant, probe: &Probe) {
        let change = match self.known.get(&probe.origin) {
            Some((old, _)) => probe.generation.follows(*old),
            None => {
                if self.known.len() >= MOST {
                    self.known.retain(|_, (_, heard)| now.saturating_duration_since(*heard) < REMEMBER);
                }
                self.known.len() < MOST
            }
        };
        if change {
            self.ask(now);
        }
        if change || self.known.get(&probe.origin).is_some_and(|(old, _)| *old == probe.generation) {
            self.known.insert(probe.origin, (probe.generation, now));
        }
    }

    /// Addresses are to be learned anew: now, or as soon as it may be.
    pub(crate) fn ask(&mut self, now: Instant) {
        let soonest = self.last.map_or(now, |last| now.max(last + PAUSE));
        self.due.get_or_insert(soonest);
    }

    /// Whether addresses are to be learned anew now; asks once.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let due = self.due.is_some_and(|due| due <= now);
        if due {
            self.due = None;
            self.last = Some(now);
        }
        due
    }

    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_follows_later_ones_and_other_starts() {
        let at = |start, count| Generation { start, count };
        assert!(at(1, 8).follows(at(1, 7)) && at(1, 0).follows(at(1, u16::MAX)));
        assert!(!at(1, 7).follows(at(1, 7)) && !at(1, 6).follows(at(1, 7)));
        assert!(at(2, 0).follows(at(1, 7)));
    }

    #[test]
    fn it_is_asked_for_at_most_once_a_second() {
        let start = crate::tests::start();
        let mut relearn = Relearn::default();
        assert!(!relearn.take(start));
        relearn.ask(start);
        assert!(relearn.take(start) && !relearn.take(start));
        relearn.ask(start + PAUSE / 2);
        relearn.ask(start + PAUSE * 3 / 4);
        assert_eq!(relearn.deadline(), Some(start + PAUSE));
        assert!(!relearn.take(start + PAUSE - Duration::from_nanos(1)));
        assert!(relearn.take(start + PAUSE) && relearn.deadline().is_none());
    }
}
