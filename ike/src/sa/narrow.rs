//! Traffic selectors: which child is meant, and how much of what is asked. RFC 7296 §2.9.

use crate::config::ChildConfig;
use crate::wire::TrafficSelector;
use crate::wire::limits::MAX_SELECTORS;

/// Selectors both ends agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Narrowed {
    pub(crate) local: Vec<TrafficSelector>,
    pub(crate) remote: Vec<TrafficSelector>,
    /// Less than was asked for: the peer hears ADDITIONAL_TS_POSSIBLE where another child could carry the rest.
    pub(crate) narrowed: bool,
}

/// Everything in common between two lists; `None` when that is nothing.
fn common(ours: &[TrafficSelector], asked: &[TrafficSelector]) -> Option<Vec<TrafficSelector>> {
    let mut both = Vec::new();
    for selector in asked.iter().flat_map(|asked| ours.iter().filter_map(|own| own.intersection(asked))) {
        if !both.iter().any(|known: &TrafficSelector| known.covers(&selector)) {
            both.push(selector);
        }
    }
    both.truncate(MAX_SELECTORS);
    (!both.is_empty()).then_some(both)
}

/// What of the peer's offer one child's policy allows.
pub(crate) fn narrow(
    config: &ChildConfig,
    local: &[TrafficSelector],
    remote: &[TrafficSelector],
) -> Option<Narrowed> {
    let (own_local, own_remote) = (common(&config.local, local)?, common(&config.remote, remote)?);
    let whole = |asked: &[TrafficSelector], got: &[TrafficSelector]| {
        asked.iter().all(|asked| got.iter().any(|got| got.covers(asked)))
    };
    let narrowed = !(whole(local, &own_local) && whole(remote, &own_remote));
    Some(Narrowed { local: own_local, remote: own_remote, narrowed })
}

/// True when an answer's selectors stay within what was offered.
pub(crate) fn within(offered: &[TrafficSelector], answered: &[TrafficSelector]) -> bool {
    !answered.is_empty() && answered.iter().all(|answer| offered.iter().any(|offer| offer.covers(answer)))
}

/// How well a child's policy fits what the peer asks for; the highest is meant.
/// The same mode counts most, then that nothing is lost, then that it is no wider.
pub(crate) fn fit(config: &ChildConfig, narrowed: &Narrowed, same_mode: bool) -> u8 {
    let exact = narrowed.local == config.local && narrowed.remote == config.remote;
    u8::from(same_mode) * 4 + u8::from(!narrowed.narrowed) * 2 + u8::from(exact)
}

#[cfg(test)]
mod tests;
