//! Which port of a loop is held, and for how long.

use crate::event::HeldReason;
use crate::ids::BridgeId;
use crate::port::PortId;
use std::cmp::Reverse;
use std::time::{Duration, Instant};

/// After a loop was last seen through a port, how long until the port is shown
/// to others again as one that may come into service.
pub(crate) const RELENT_AFTER: Duration = Duration::from_millis(1500);
/// After a loop was last seen through a port, or the port came up, how long
/// until it is released. A link of the loop may be cut for just under three
/// seconds without anybody knowing, from just before the next probe on: one
/// second until that, three until the link is back, one until a probe goes out
/// that finds it so, and half a second for it to come home.
pub(crate) const RELEASE_AFTER: Duration = Duration::from_millis(5500);
/// How long a port is shown as one that may come into service before it does.
pub(crate) const PENDING_LEAST: Duration = Duration::from_millis(2500);
/// Probes that must have been sent in vain before a release, the last of them
/// [`COMING_HOME`] ago: silence in which we ourselves slept proves nothing.
const UNANSWERED_LEAST: u32 = 6;
/// How long a probe may take round a loop.
const COMING_HOME: Duration = Duration::from_millis(500);

/// A port that may be held to break a loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// Not in service yet; holding it disturbs nobody.
    pub pending: bool,
    /// Whose port.
    pub bridge: BridgeId,
    /// Which.
    pub port: PortId,
}

impl Candidate {
    /// Of two, the one to hold: one that is not in service before one that is,
    /// then that of the lowest bridge, then its highest port.
    pub(crate) fn better(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        let rank = |c: &Self| (!c.pending, c.bridge, Reverse(c.port));
        a.into_iter().chain(b).min_by_key(rank)
    }
}

/// Why and since when a port is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hold {
    /// For people.
    pub(crate) reason: HeldReason,
    /// May come into service, since when; `None` while it is held to break a loop.
    pending_since: Option<Instant>,
    /// When a loop was last seen through it, or it came up.
    last_seen: Instant,
    /// Own probes sent since, and when the last that must be in vain has had its time.
    unanswered: u32,
    last_chance: Option<Instant>,
    /// The loop was told by this port's own probes, because the other port sends none.
    pub(crate) by_own: bool,
}

impl Hold {
    /// The port just came up.
    pub(crate) const fn new(now: Instant) -> Self {
        Self {
            reason: HeldReason::Waiting,
            pending_since: Some(now),
            last_seen: now,
            unanswered: 0,
            last_chance: None,
            by_own: false,
        }
    }

    /// A loop, and the port was in service: held from now on.
    pub(crate) const fn of_loop(now: Instant, reason: HeldReason, by_own: bool) -> Self {
        Self { reason, pending_since: None, last_seen: now, unanswered: 0, last_chance: None, by_own }
    }

    pub(crate) const fn is_pending(&self) -> bool {
        self.pending_since.is_some()
    }

    /// A loop through the port was seen; another port will be held, or this one is already.
    pub(crate) fn seen(&mut self, now: Instant) {
        self.last_seen = now;
        self.unanswered = 0;
        self.last_chance = None;
        if self.is_pending() {
            self.reason = HeldReason::Contended;
        }
    }

    /// An own probe leaves by the port.
    pub(crate) fn sent(&mut self, now: Instant) {
        self.unanswered += 1;
        if self.unanswered == UNANSWERED_LEAST {
            self.last_chance = Some(now + COMING_HOME);
        }
    }

    /// When something is due: to relent, or to be released. `None` while the
    /// next probe has to be sent first.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.pending_since {
            None => Some(self.last_seen + RELENT_AFTER),
            Some(since) => {
                Some(self.last_chance?.max(since + PENDING_LEAST).max(self.last_seen + RELEASE_AFTER))
            }
        }
    }

    /// Does what is due; false if the port is to be released.
    pub(crate) fn keep(&mut self, now: Instant) -> bool {
        if self.deadline().is_none_or(|at| at > now) {
            return true;
        }
        let keep = !self.is_pending();
        self.pending_since.get_or_insert(now);
        keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::MacAddr;
    use crate::probe::INTERVAL;

    fn candidate(pending: bool, bridge: u64, port: usize) -> Option<Candidate> {
        let bridge = BridgeId { priority: 0x8000, address: MacAddr::from_u64(bridge) };
        Some(Candidate { pending, bridge, port: PortId::new(port)? })
    }

    #[test]
    fn of_two_candidates_the_least_harmful_then_the_lowest_bridge_then_its_highest_port() {
        let best = |a, b| {
            assert_eq!(Candidate::better(a, b), Candidate::better(b, a));
            Candidate::better(a, b)
        };
        assert_eq!(best(candidate(true, 9, 1), candidate(false, 1, 1)), candidate(true, 9, 1));
        assert_eq!(best(candidate(true, 9, 1), candidate(true, 1, 1)), candidate(true, 1, 1));
        assert_eq!(best(candidate(true, 1, 1), candidate(true, 1, 2)), candidate(true, 1, 2));
        assert_eq!(best(None, candidate(false, 1, 2)), candidate(false, 1, 2));
        assert_eq!(best(None, None), None);
    }

    #[test]
    fn a_new_port_is_released_after_six_probes_in_vain_and_not_a_nanosecond_sooner() {
        let start = crate::tests::start();
        let mut hold = Hold::new(start);
        (0..5).for_each(|second| hold.sent(start + INTERVAL * second));
        assert!(hold.keep(start + RELEASE_AFTER), "five probes prove nothing");
        hold.sent(start + INTERVAL * 5);
        assert!(hold.keep(start + RELEASE_AFTER - Duration::from_nanos(1)));
        assert!(!hold.keep(start + RELEASE_AFTER));
    }

    #[test]
    fn a_loop_that_goes_silent_is_tried_again_before_the_port_is_released() {
        let start = crate::tests::start();
        let mut hold = Hold::of_loop(start, HeldReason::Waiting, false);
        (0..6).for_each(|_| hold.sent(start));
        assert!(hold.keep(start + RELENT_AFTER - Duration::from_nanos(1)) && !hold.is_pending());
        assert!(hold.keep(start + RELENT_AFTER) && hold.is_pending());
        assert!(hold.keep(start + RELEASE_AFTER - Duration::from_nanos(1)));
        assert!(!hold.keep(start + RELEASE_AFTER));
    }
}
