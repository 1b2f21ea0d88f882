//! ChaCha20-Poly1305. RFC 7634, RFC 8439, RFC 8750.

#[cfg(feature = "aws-lc")]
use aws_lc_rs::aead::CHACHA20_POLY1305;
use chacha20poly1305::ChaCha20Poly1305;

use super::aead::Aead;
use crate::backend::Backend;

/// `None` for a key of other than 32 bytes.
pub(super) fn new(key: &[u8], backend: Backend) -> Option<Aead> {
    match backend {
        #[cfg(feature = "aws-lc")]
        Backend::Fast => Aead::fast(&CHACHA20_POLY1305, key),
        #[cfg(not(feature = "aws-lc"))]
        Backend::Fast => new(key, Backend::Pure),
        Backend::Pure => Aead::pure::<ChaCha20Poly1305>(key),
    }
}
