//! AES-GCM with a 16-byte ICV. RFC 4106, RFC 5282, RFC 8750; NIST SP 800-38D.

use aes_gcm::aead::array::typenum::U12;
use aes_gcm::aes::Aes192;
use aes_gcm::{Aes128Gcm, Aes256Gcm, AesGcm};
#[cfg(feature = "aws-lc")]
use aws_lc_rs::aead::{AES_128_GCM, AES_192_GCM, AES_256_GCM};

use super::aead::Aead;
use crate::backend::Backend;

/// `None` for a key of other than 16, 24 or 32 bytes.
pub(super) fn new(key: &[u8], backend: Backend) -> Option<Aead> {
    match (backend, key.len()) {
        #[cfg(feature = "aws-lc")]
        (Backend::Fast, 16) => Aead::fast(&AES_128_GCM, key),
        #[cfg(feature = "aws-lc")]
        (Backend::Fast, 24) => Aead::fast(&AES_192_GCM, key),
        #[cfg(feature = "aws-lc")]
        (Backend::Fast, 32) => Aead::fast(&AES_256_GCM, key),
        (_, 16) => Aead::pure::<Aes128Gcm>(key),
        (_, 24) => Aead::pure::<AesGcm<Aes192, U12>>(key),
        (_, 32) => Aead::pure::<Aes256Gcm>(key),
        _ => None,
    }
}
