//! ECP-256 (NIST P-256), key exchange method 19. RFC 5903.
//!
//! The public value is x then y, 32 bytes each, without the 04 in front of SEC 1; the secret is x alone
//! (RFC 5903 §7, §9).

use p256::{PublicKey, SecretKey};
use zeroize::Zeroizing;

use super::{KexError, exactly};
use crate::rng::Rng;
use crate::secret::Secret;

pub(super) const PUBLIC_LEN: usize = 64;

/// SEC 1 §2.3.3: an uncompressed point follows.
const UNCOMPRESSED: u8 = 4;

pub(super) struct Private(SecretKey);

impl Private {
    pub(super) fn generate(rng: &mut Rng) -> Self {
        loop {
            // Refused when not in 1..n, which happens less than once in 2^32.
            let candidate = Zeroizing::new(rng.bytes::<32>());
            if let Ok(private) = Self::from_bytes(&candidate[..]) {
                return private;
            }
        }
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, KexError> {
        let bytes: &[u8; 32] = exactly(bytes)?;
        SecretKey::from_bytes(bytes.into()).map(Self).map_err(|_| KexError::OutOfRange)
    }

    pub(super) fn public(&self) -> Vec<u8> {
        self.0.public_key().to_sec1_bytes()[1..].to_vec()
    }

    /// `PublicKey` exists only for points on the curve (RFC 6989 §2.3); P-256 has no small subgroups.
    pub(super) fn agree(&self, peer: &[u8]) -> Result<Secret, KexError> {
        let peer: &[u8; PUBLIC_LEN] = exactly(peer)?;
        let mut point = [UNCOMPRESSED; 1 + PUBLIC_LEN];
        point[1..].copy_from_slice(peer);
        let peer = PublicKey::from_sec1_bytes(&point).map_err(|_| KexError::NotOnCurve)?;
        Ok(Secret::from_slice(self.0.diffie_hellman(&peer).raw_secret_bytes()))
    }
}
