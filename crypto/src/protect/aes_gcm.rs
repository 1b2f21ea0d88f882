//! AES-GCM with a 16-byte ICV. RFC 4106, RFC 5282, RFC 8750; NIST SP 800-38D.

use aes_gcm::aead::array::typenum::U12;
use aes_gcm::aes::Aes192;
use aes_gcm::{Aes128Gcm, Aes256Gcm, KeyInit};
#[cfg(feature = "aws-lc")]
use aws_lc_rs::aead::{AES_128_GCM, AES_192_GCM, AES_256_GCM, LessSafeKey, UnboundKey};

use super::{OpenError, SealError, aead};
use crate::backend::Backend;

type Aes192Gcm = aes_gcm::AesGcm<Aes192, U12>;

pub(super) enum AesGcm {
    #[cfg(feature = "aws-lc")]
    Fast(LessSafeKey),
    Pure128(Aes128Gcm),
    Pure192(Aes192Gcm),
    Pure256(Aes256Gcm),
}

impl AesGcm {
    /// `None` for a key of other than 16, 24 or 32 bytes.
    pub(super) fn new(key: &[u8], backend: Backend) -> Option<Self> {
        match (backend, key.len()) {
            #[cfg(feature = "aws-lc")]
            (Backend::Fast, 16) => {
                UnboundKey::new(&AES_128_GCM, key).ok().map(LessSafeKey::new).map(Self::Fast)
            }
            #[cfg(feature = "aws-lc")]
            (Backend::Fast, 24) => {
                UnboundKey::new(&AES_192_GCM, key).ok().map(LessSafeKey::new).map(Self::Fast)
            }
            #[cfg(feature = "aws-lc")]
            (Backend::Fast, 32) => {
                UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new).map(Self::Fast)
            }
            (_, 16) => Aes128Gcm::new_from_slice(key).ok().map(Self::Pure128),
            (_, 24) => Aes192Gcm::new_from_slice(key).ok().map(Self::Pure192),
            (_, 32) => Aes256Gcm::new_from_slice(key).ok().map(Self::Pure256),
            _ => None,
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
            Self::Pure128(key) => aead::seal_pure(key, nonce, aad, text, icv),
            Self::Pure192(key) => aead::seal_pure(key, nonce, aad, text, icv),
            Self::Pure256(key) => aead::seal_pure(key, nonce, aad, text, icv),
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
            Self::Pure128(key) => aead::open_pure(key, nonce, aad, text, icv),
            Self::Pure192(key) => aead::open_pure(key, nonce, aad, text, icv),
            Self::Pure256(key) => aead::open_pure(key, nonce, aad, text, icv),
        }
    }
}
