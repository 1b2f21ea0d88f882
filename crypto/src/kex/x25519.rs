//! X25519, key exchange method 31. RFC 7748 §5, RFC 8031.

use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};
use zeroize::{Zeroize, Zeroizing};

use super::{KexError, exactly};
use crate::rng::Rng;
use crate::secret::Secret;

pub(super) struct Private(Zeroizing<[u8; 32]>);

impl Private {
    pub(super) fn generate(rng: &mut Rng) -> Self {
        Self(Zeroizing::new(rng.bytes()))
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, KexError> {
        Ok(Self(Zeroizing::new(*exactly(bytes)?)))
    }

    pub(super) fn public(&self) -> Vec<u8> {
        x25519(*self.0, X25519_BASEPOINT_BYTES).to_vec()
    }

    /// Non-canonical values pass, as RFC 8031 §3.2 demands; points of small order do not: RFC 7748 §6.1 allows
    /// the check and contributory behaviour needs it.
    pub(super) fn agree(&self, peer: &[u8]) -> Result<Secret, KexError> {
        let mut shared = x25519(*self.0, *exactly(peer)?);
        let secret = Secret::from_slice(&shared);
        shared.zeroize();
        if secret == Secret::from_slice(&[0; 32]) { Err(KexError::SmallOrder) } else { Ok(secret) }
    }
}
