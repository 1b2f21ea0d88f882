//! What AES-GCM and ChaCha20-Poly1305 have in common: 12-byte nonce, 16-byte tag, in place.

use aes_gcm::aead::array::typenum::{U12, U16};
use aes_gcm::aead::{AeadCore, AeadInOut};
#[cfg(feature = "aws-lc")]
use aws_lc_rs::aead::{Aad, Algorithm, LessSafeKey, Nonce, UnboundKey};

use super::{OpenError, SealError};

/// A keyed AEAD.
pub(super) enum Aead {
    /// aws-lc.
    #[cfg(feature = "aws-lc")]
    Fast(LessSafeKey),
    /// RustCrypto.
    Pure(Box<dyn Pure>),
}

impl Aead {
    /// `None` for a key of another length.
    #[cfg(feature = "aws-lc")]
    pub(super) fn fast(algorithm: &'static Algorithm, key: &[u8]) -> Option<Self> {
        UnboundKey::new(algorithm, key).ok().map(LessSafeKey::new).map(Self::Fast)
    }

    /// `None` for a key of another length.
    pub(super) fn pure<K: aes_gcm::KeyInit + Pure + 'static>(key: &[u8]) -> Option<Self> {
        K::new_from_slice(key).ok().map(|key| Self::Pure(Box::new(key)))
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
            Self::Fast(key) => {
                let nonce = Nonce::assume_unique_for_key(*nonce);
                let tag = key
                    .seal_in_place_separate_tag(nonce, Aad::from(aad), text)
                    .map_err(|_| SealError::Length)?;
                icv.copy_from_slice(tag.as_ref());
                Ok(())
            }
            Self::Pure(key) => key.seal(nonce, aad, text, icv),
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
            Self::Fast(key) => {
                let nonce = Nonce::assume_unique_for_key(*nonce);
                key.open_in_place_separate_tag(nonce, Aad::from(aad), icv, text)
                    .map(drop)
                    .map_err(|_| OpenError::BadIcv)
            }
            Self::Pure(key) => key.open(nonce, aad, text, icv),
        }
    }
}

/// An AEAD of RustCrypto, of any key length.
pub(super) trait Pure: Send + Sync {
    fn seal(&self, nonce: &[u8; 12], aad: &[u8], text: &mut [u8], icv: &mut [u8]) -> Result<(), SealError>;
    fn open(&self, nonce: &[u8; 12], aad: &[u8], text: &mut [u8], icv: &[u8]) -> Result<(), OpenError>;
}

impl<K> Pure for K
where
    K: AeadInOut + AeadCore<NonceSize = U12, TagSize = U16> + Send + Sync,
{
    fn seal(&self, nonce: &[u8; 12], aad: &[u8], text: &mut [u8], icv: &mut [u8]) -> Result<(), SealError> {
        let tag =
            self.encrypt_inout_detached(nonce.into(), aad, text.into()).map_err(|_| SealError::Length)?;
        icv.copy_from_slice(&tag);
        Ok(())
    }

    fn open(&self, nonce: &[u8; 12], aad: &[u8], text: &mut [u8], icv: &[u8]) -> Result<(), OpenError> {
        let tag: &[u8; 16] = icv.try_into().map_err(|_| OpenError::Length)?;
        self.decrypt_inout_detached(nonce.into(), aad, text.into(), tag.into()).map_err(|_| OpenError::BadIcv)
    }
}
