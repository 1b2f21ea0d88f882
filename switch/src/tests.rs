//! What the tests of this crate share.

use std::time::Instant;

/// Some instant to begin at. The only clock any test reads, and none cares what it says.
#[expect(clippy::disallowed_methods, reason = "an Instant cannot be made otherwise")]
pub(crate) fn start() -> Instant {
    Instant::now()
}
