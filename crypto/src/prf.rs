//! Pseudo-random functions and prf+. RFC 7296 §2.13, RFC 4868 §2.1.2; HMAC-SHA1 for peers that have no better.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use zeroize::Zeroize;

use crate::secret::Secret;
use crate::transform::PrfId;

/// prf+ numbers its blocks with one byte, starting at 1 (RFC 7296 §2.13).
const MAX_BLOCKS: usize = 255;

/// Why no output was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PrfError {
    /// The function is not built in.
    #[error("{0} is not supported")]
    Unsupported(PrfId),
    /// prf+ cannot give more than 255 blocks.
    #[error("prf+ cannot give {0} bytes")]
    TooLong(usize),
}

/// Length of a PRF's output in bytes, which is also its preferred key length; `None` if it is not built in.
#[must_use]
pub fn output_len(id: PrfId) -> Option<usize> {
    match id {
        PrfId::HMAC_SHA1 => Some(20),
        PrfId::HMAC_SHA2_256 => Some(32),
        PrfId::HMAC_SHA2_384 => Some(48),
        PrfId::HMAC_SHA2_512 => Some(64),
        _ => None,
    }
}

/// Every PRF that is built in, best first.
pub const ALL: [PrfId; 4] =
    [PrfId::HMAC_SHA2_256, PrfId::HMAC_SHA2_384, PrfId::HMAC_SHA2_512, PrfId::HMAC_SHA1];

/// `prf(key, part | part | ..)`. The key may have any length: one longer than the hash's block is hashed first
/// (RFC 2104 §2), as with long nonces and pre-shared keys.
///
/// # Errors
/// [`PrfError::Unsupported`].
pub fn prf(id: PrfId, key: &[u8], parts: &[&[u8]]) -> Result<Secret, PrfError> {
    match id {
        PrfId::HMAC_SHA1 => Ok(prf_with::<Hmac<Sha1>>(key, parts)),
        PrfId::HMAC_SHA2_256 => Ok(prf_with::<Hmac<Sha256>>(key, parts)),
        PrfId::HMAC_SHA2_384 => Ok(prf_with::<Hmac<Sha384>>(key, parts)),
        PrfId::HMAC_SHA2_512 => Ok(prf_with::<Hmac<Sha512>>(key, parts)),
        _ => Err(PrfError::Unsupported(id)),
    }
}

/// `prf+(key, part | part | ..)`, the first `len` bytes of `T1 | T2 | ..`
/// where `Tn = prf(key, Tn-1 | seed | n)`. RFC 7296 §2.13.
///
/// # Errors
/// [`PrfError::Unsupported`]; [`PrfError::TooLong`] beyond 255 blocks.
pub fn prf_plus(id: PrfId, key: &[u8], seed: &[&[u8]], len: usize) -> Result<Secret, PrfError> {
    match id {
        PrfId::HMAC_SHA1 => prf_plus_with::<Hmac<Sha1>>(key, seed, len),
        PrfId::HMAC_SHA2_256 => prf_plus_with::<Hmac<Sha256>>(key, seed, len),
        PrfId::HMAC_SHA2_384 => prf_plus_with::<Hmac<Sha384>>(key, seed, len),
        PrfId::HMAC_SHA2_512 => prf_plus_with::<Hmac<Sha512>>(key, seed, len),
        _ => Err(PrfError::Unsupported(id)),
    }
}

fn keyed<M: Mac + KeyInit>(key: &[u8]) -> M {
    <M as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length")
}

fn prf_with<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Secret {
    let mut mac: M = keyed(key);
    for part in parts {
        mac.update(part);
    }
    let mut out = mac.finalize().into_bytes();
    let secret = Secret::from_slice(&out);
    out.zeroize();
    secret
}

fn prf_plus_with<M: Mac + KeyInit + Clone>(
    key: &[u8],
    seed: &[&[u8]],
    len: usize,
) -> Result<Secret, PrfError> {
    let block_len = M::output_size();
    if len > MAX_BLOCKS * block_len {
        return Err(PrfError::TooLong(len));
    }
    let fresh: M = keyed(key);
    // Sized once, so that growing leaves no copies of key material behind.
    let mut stream = Vec::with_capacity(len.next_multiple_of(block_len));
    for number in 1..=u8::MAX {
        if stream.len() >= len {
            break;
        }
        let mut mac = fresh.clone();
        mac.update(&stream[stream.len().saturating_sub(block_len)..]);
        for part in seed {
            mac.update(part);
        }
        mac.update(&[number]);
        let mut block = mac.finalize().into_bytes();
        stream.extend_from_slice(&block);
        block.zeroize();
    }
    let out = Secret::from_slice(&stream[..len]);
    stream.zeroize();
    Ok(out)
}

#[cfg(test)]
mod tests;
