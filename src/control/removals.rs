//! Removals of SAs that the data plane has not confirmed: it is asked again until it has.
//!
//! An SA that nobody knows any more would go on taking packets. A queue that is full, or a worker that does
//! not answer in time, must not lead there.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::dataplane::{RequestError, SaId};

/// How long after a removal that was not confirmed it is asked for again.
const AGAIN: Duration = Duration::from_secs(1);

/// What the data plane owes us.
#[derive(Debug, Default)]
pub struct Removals {
    owed: BTreeSet<SaId>,
    again_at: Option<Instant>,
}

impl Removals {
    /// Has an SA removed, now or as soon as the data plane is able to.
    pub fn remove(&mut self, now: Instant, sa: SaId, ask: impl FnOnce(SaId) -> Result<(), RequestError>) {
        if !is_gone(ask(sa)) {
            self.owed.insert(sa);
            self.again_at.get_or_insert(now + AGAIN);
        }
    }

    /// An SA of this name was installed, so an earlier one of the name is gone.
    pub fn installed(&mut self, sa: SaId) {
        self.owed.remove(&sa);
    }

    /// When to call [`Removals::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.again_at
    }

    /// Asks again. A worker that does not answer costs seconds, so after the first time the rest waits.
    pub fn handle_timeout(&mut self, now: Instant, mut ask: impl FnMut(SaId) -> Result<(), RequestError>) {
        if self.again_at.is_none_or(|at| at > now) {
            return;
        }
        while let Some(sa) = self.owed.first().copied() {
            if !is_gone(ask(sa)) {
                self.again_at = Some(now + AGAIN);
                return;
            }
            self.owed.remove(&sa);
        }
        self.again_at = None;
    }
}

/// A worker that has ended has wiped its SAs.
fn is_gone(answer: Result<(), RequestError>) -> bool {
    match answer {
        Ok(()) | Err(RequestError::Unknown(_) | RequestError::Stopped) => true,
        Err(error) => {
            tracing::warn!(%error, "an SA is not removed yet");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adit_esp::Spi;

    fn inbound(spi: u32) -> SaId {
        SaId::Inbound { spi: Spi(spi) }
    }

    #[test]
    fn what_is_not_confirmed_is_asked_for_again_until_it_is() {
        let (mut removals, start) = (Removals::default(), Instant::now());
        removals.remove(start, inbound(1), |_| Ok(()));
        removals.remove(start, inbound(2), |_| Err(RequestError::Unknown(Spi(2))));
        removals.remove(start, inbound(3), |_| Err(RequestError::Stopped));
        assert_eq!(removals.poll_timeout(), None);

        removals.remove(start, inbound(4), |_| Err(RequestError::QueueFull));
        removals.remove(start, inbound(5), |_| Err(RequestError::Unanswered));
        assert_eq!(removals.poll_timeout(), Some(start + AGAIN));
        removals.handle_timeout(start, |_| panic!("too early"));

        // Still stuck: one question, and all is owed still.
        let (mut now, mut asked) = (start + AGAIN, Vec::new());
        removals.handle_timeout(now, |sa| {
            asked.push(sa);
            Err(RequestError::Unanswered)
        });
        assert_eq!(asked, [inbound(4)]);
        now = removals.poll_timeout().unwrap();
        assert_eq!(now, start + 2 * AGAIN);

        // It answers again. What it had carried out late it does not know any more.
        asked.clear();
        removals.handle_timeout(now, |sa| {
            asked.push(sa);
            if sa == inbound(4) { Err(RequestError::Unknown(Spi(4))) } else { Ok(()) }
        });
        assert_eq!(asked, [inbound(4), inbound(5)]);
        assert_eq!(removals.poll_timeout(), None);
    }

    #[test]
    fn a_new_sa_of_an_old_name_is_left_alone() {
        let (mut removals, start) = (Removals::default(), Instant::now());
        removals.remove(start, inbound(1), |_| Err(RequestError::Unanswered));
        removals.installed(inbound(1));
        removals.handle_timeout(start + AGAIN, |sa| panic!("asked for {sa:?}"));
        assert_eq!(removals.poll_timeout(), None);
    }
}
