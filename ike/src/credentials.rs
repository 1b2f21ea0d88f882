//! Secrets of the two ends, kept by the caller.

use crate::config::Identity;
use adit_crypto::Secret;

/// Where the endpoint asks for secrets. The daemon implements it, so that the
/// core stays free of files.
pub trait Credentials: Send {
    /// The pre-shared key of this pair, or `None` where there is none. Asked once
    /// for each authentication, so that a changed key serves at once.
    fn psk(&self, local: &Identity, remote: &Identity) -> Option<Secret>;
}
