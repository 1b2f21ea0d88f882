//! ChaCha20-Poly1305. RFC 7634, RFC 8439, RFC 8750.

#[cfg(feature = "aws-lc")]
use aws_lc_rs::aead::{CHACHA20_POLY1305, LessSafeKey, UnboundKey};
use chacha20poly1305::KeyInit;

use super::{OpenError, SealError, aead};
use crate::backend::Backend;

pub(super) enum ChaCha20Poly1305 {
    #[cfg(feature = "aws-lc")]
    Fast(LessSafeKey),
    Pure(chacha20poly1305::ChaCha20Poly1305),
}

impl ChaCha20Poly1305 {
    /// `None` for a key of other than 32 bytes.
    pub(super) fn new(key: &[u8], backend: Backend) -> Option<Self> {
        match backend {
            #[cfg(feature = "aws-lc")]
            Backend::Fast => {
                UnboundKey::new(&CHACHA20_POLY1305, key).ok().map(LessSafeKey::new).map(Self::Fast)
            }
            #[cfg(not(feature = "aws-lc"))]
            Backend::Fast => Self::new(key, Backend::Pure),
            Backend::Pure => chacha20poly1305::ChaCha20Poly1305::new_from_slice(key).ok().map(Self::Pure),
        }
    }

    pub(super) fn seal(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        text: &mut [u8],
        icv: &mut [u8],
    ) -> Result<(), SealError> {
        match self {
            #[cfg(feature = "aws-lc")]
            Self::Fast(key) => aead::seal_fast(key, nonce, aad, text, icv),
            Self::Pure(key) => aead::seal_pure(key, nonce, aad, text, icv),
        }
    }

    pub(super) fn open(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        text: &mut [u8],
        icv: &[u8],
    ) -> Result<(), OpenError> {
        match self {
            #[cfg(feature = "aws-lc")]
            Self::Fast(key) => aead::open_fast(key, nonce, aad, text, icv),
            Self::Pure(key) => aead::open_pure(key, nonce, aad, text, icv),
        }
    }
}
