//! HMAC as an integrity algorithm: the MAC of SHA-2 cut to half its length (RFC 4868 §2), of SHA-1 to 12 bytes
//! (RFC 2404).

#[cfg(feature = "aws-lc")]
use aws_lc_rs::hmac as fast;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use crate::backend::Backend;
use crate::suite::integ_lengths;
use crate::transform::IntegId;

/// Longest MAC before it is cut, in bytes.
pub const MAX_ICV: usize = 64;

/// Why there is no keyed MAC.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IntegError {
    /// The algorithm is not built in.
    #[error("{0} is not supported")]
    Unsupported(IntegId),
    /// As an integrity algorithm HMAC takes a key of exactly its output's length (RFC 4868 §2.1.1, RFC 2404 §3).
    #[error("key of {got} bytes instead of {expected}")]
    KeyLength {
        /// What the algorithm takes.
        expected: usize,
        /// What was given.
        got: usize,
    },
}

/// A keyed integrity algorithm.
pub struct Integ {
    id: IntegId,
    icv: usize,
    keyed: Keyed,
}

#[expect(clippy::large_enum_variant, reason = "one per SA, behind a Box of its owner")]
enum Keyed {
    #[cfg(feature = "aws-lc")]
    Fast(fast::Key),
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    Sha512(Hmac<Sha512>),
}

impl Integ {
    /// Keys the algorithm.
    ///
    /// # Errors
    /// Any [`IntegError`].
    pub fn new(id: IntegId, key: &[u8], backend: Backend) -> Result<Self, IntegError> {
        let (expected, icv) = integ_lengths(id).ok_or(IntegError::Unsupported(id))?;
        if key.len() != expected {
            return Err(IntegError::KeyLength { expected, got: key.len() });
        }
        let keyed = Keyed::new(id, key, backend).ok_or(IntegError::Unsupported(id))?;
        Ok(Self { id, icv, keyed })
    }

    /// Length of the integrity check value in bytes.
    #[must_use]
    pub fn icv_len(&self) -> usize {
        self.icv
    }

    /// The check value over the joined parts: the front of `full`, which afterwards holds the whole MAC.
    pub fn mac<'f>(&self, parts: &[&[u8]], full: &'f mut [u8; MAX_ICV]) -> &'f [u8] {
        match &self.keyed {
            #[cfg(feature = "aws-lc")]
            Keyed::Fast(key) => {
                let mut context = fast::Context::with_key(key);
                for part in parts {
                    context.update(part);
                }
                let tag = context.sign();
                full[..tag.as_ref().len()].copy_from_slice(tag.as_ref());
            }
            Keyed::Sha1(keyed) => mac_pure(keyed, parts, full),
            Keyed::Sha256(keyed) => mac_pure(keyed, parts, full),
            Keyed::Sha384(keyed) => mac_pure(keyed, parts, full),
            Keyed::Sha512(keyed) => mac_pure(keyed, parts, full),
        }
        &full[..self.icv]
    }
}

impl std::fmt::Debug for Integ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Integ({})", self.id)
    }
}

impl Keyed {
    fn new(id: IntegId, key: &[u8], backend: Backend) -> Option<Self> {
        match (backend, id) {
            #[cfg(feature = "aws-lc")]
            (Backend::Fast, IntegId::HMAC_SHA1_96) => {
                Some(Self::Fast(fast::Key::new(fast::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key)))
            }
            #[cfg(feature = "aws-lc")]
            (Backend::Fast, IntegId::HMAC_SHA2_256_128) => {
                Some(Self::Fast(fast::Key::new(fast::HMAC_SHA256, key)))
            }
            #[cfg(feature = "aws-lc")]
            (Backend::Fast, IntegId::HMAC_SHA2_384_192) => {
                Some(Self::Fast(fast::Key::new(fast::HMAC_SHA384, key)))
            }
            #[cfg(feature = "aws-lc")]
            (Backend::Fast, IntegId::HMAC_SHA2_512_256) => {
                Some(Self::Fast(fast::Key::new(fast::HMAC_SHA512, key)))
            }
            (_, IntegId::HMAC_SHA1_96) => Hmac::new_from_slice(key).ok().map(Self::Sha1),
            (_, IntegId::HMAC_SHA2_256_128) => Hmac::new_from_slice(key).ok().map(Self::Sha256),
            (_, IntegId::HMAC_SHA2_384_192) => Hmac::new_from_slice(key).ok().map(Self::Sha384),
            (_, IntegId::HMAC_SHA2_512_256) => Hmac::new_from_slice(key).ok().map(Self::Sha512),
            _ => None,
        }
    }
}

fn mac_pure<M: Mac + Clone>(keyed: &M, parts: &[&[u8]], full: &mut [u8; MAX_ICV]) {
    let mut mac = keyed.clone();
    for part in parts {
        mac.update(part);
    }
    let out = mac.finalize().into_bytes();
    full[..out.len()].copy_from_slice(&out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_has_the_length_of_the_hash() {
        let new =
            |len: usize| Integ::new(IntegId::HMAC_SHA2_256_128, &vec![1; len], Backend::Fast).map(|_| ());
        assert_eq!(new(32), Ok(()));
        assert_eq!(new(31), Err(IntegError::KeyLength { expected: 32, got: 31 }));
        let refused = Integ::new(IntegId::HMAC_MD5_96, &[0; 16], Backend::Pure).map(|_| ());
        assert_eq!(refused, Err(IntegError::Unsupported(IntegId::HMAC_MD5_96)));
    }

    #[test]
    fn both_backends_agree_however_the_data_is_cut() {
        let data: Vec<u8> = (0..=255).collect();
        for (id, len, icv) in [
            (IntegId::HMAC_SHA1_96, 20, 12),
            (IntegId::HMAC_SHA2_256_128, 32, 16),
            (IntegId::HMAC_SHA2_384_192, 48, 24),
            (IntegId::HMAC_SHA2_512_256, 64, 32),
        ] {
            let key = &data[..len];
            let (mut a, mut b) = ([0; MAX_ICV], [0; MAX_ICV]);
            let fast = Integ::new(id, key, Backend::Fast).expect("built in");
            let pure = Integ::new(id, key, Backend::Pure).expect("built in");
            assert_eq!(fast.mac(&[&data], &mut a), pure.mac(&[&data[..100], &[], &data[100..]], &mut b));
            assert_eq!(a, b, "the whole MAC too");
            assert_eq!(fast.icv_len(), icv);
        }
    }
}
