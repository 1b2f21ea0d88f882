//! The call into an AEAD, per backend: 12-byte nonce, 16-byte tag, in place.

use aes_gcm::aead::array::typenum::{U12, U16};
use aes_gcm::aead::{AeadCore, AeadInOut};
#[cfg(feature = "aws-lc")]
use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce};

use super::{OpenError, SealError};

/// Seals through aws-lc.
#[cfg(feature = "aws-lc")]
pub(super) fn seal_fast(
    key: &LessSafeKey,
    nonce: &[u8; 12],
    aad: &[u8],
    text: &mut [u8],
    icv: &mut [u8],
) -> Result<(), SealError> {
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), text).map_err(|_| SealError::Length)?;
    icv.copy_from_slice(tag.as_ref());
    Ok(())
}

/// Opens through aws-lc.
#[cfg(feature = "aws-lc")]
pub(super) fn open_fast(
    key: &LessSafeKey,
    nonce: &[u8; 12],
    aad: &[u8],
    text: &mut [u8],
    icv: &[u8],
) -> Result<(), OpenError> {
    let nonce = Nonce::assume_unique_for_key(*nonce);
    key.open_in_place_separate_tag(nonce, Aad::from(aad), icv, text).map_err(|_| OpenError::BadIcv)?;
    Ok(())
}

/// Seals through RustCrypto.
pub(super) fn seal_pure<K>(
    key: &K,
    nonce: &[u8; 12],
    aad: &[u8],
    text: &mut [u8],
    icv: &mut [u8],
) -> Result<(), SealError>
where
    K: AeadInOut + AeadCore<NonceSize = U12, TagSize = U16>,
{
    let tag = key.encrypt_inout_detached(nonce.into(), aad, text.into()).map_err(|_| SealError::Length)?;
    icv.copy_from_slice(&tag);
    Ok(())
}

/// Opens through RustCrypto.
pub(super) fn open_pure<K>(
    key: &K,
    nonce: &[u8; 12],
    aad: &[u8],
    text: &mut [u8],
    icv: &[u8],
) -> Result<(), OpenError>
where
    K: AeadInOut + AeadCore<NonceSize = U12, TagSize = U16>,
{
    let tag: &[u8; 16] = icv.try_into().map_err(|_| OpenError::Length)?;
    key.decrypt_inout_detached(nonce.into(), aad, text.into(), tag.into()).map_err(|_| OpenError::BadIcv)
}
