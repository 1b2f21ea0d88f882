//! Sealing and opening: one face for an AEAD and for a cipher with a MAC, in place, without allocation.
//!
//! The body is what ESP and the SK payload of IKE have in common:
//!
//! ```text
//!          body
//! ┌──────┬──────────────────────┬─────┐
//! │  IV  │ text, padded         │ ICV │
//! └──────┴──────────────────────┴─────┘
//!          encrypted in place
//! ```
//!
//! The caller writes the text at its place; [`Sealer::seal`] writes the IV in front of it and the ICV behind.
//! Padding is the protocol's business: for AES-CBC the text must come in whole blocks.

mod aead;
mod aes_cbc_hmac;
mod aes_gcm;
mod chacha20_poly1305;
mod null_hmac;

use std::ops::Range;

use crate::secret::Secret;
use crate::suite::{Geometry, Kind, Suite};
use crate::transform::EncrId;

pub use crate::backend::Backend;

use aead::Aead;
use aes_cbc_hmac::AesCbcHmac;
use null_hmac::NullHmac;

/// The initialization vector of one message.
#[derive(Clone, Copy, Debug)]
pub enum Iv<'a> {
    /// A number, 8 bytes on the wire. Must never come twice under one key; the sealer insists that it rises.
    /// For AES-GCM (RFC 4106 §3.1) and ChaCha20-Poly1305 (RFC 7634 §2); with an implicit IV it is the message's
    /// sequence number and takes no bytes (RFC 8750 §4).
    Counter(u64),
    /// A block that nobody can predict. For AES-CBC (RFC 3602 §3).
    Block(&'a [u8; 16]),
    /// Nothing. For NULL encryption (RFC 2410 §2.3).
    Absent,
}

/// What is authenticated but not encrypted.
#[derive(Clone, Copy, Debug)]
pub struct Aad<'a> {
    head: &'a [u8],
    tail: &'a [u8],
}

impl<'a> Aad<'a> {
    /// Bytes in front of the IV.
    #[must_use]
    pub fn new(head: &'a [u8]) -> Self {
        Self { head, tail: &[] }
    }

    /// Bytes in front of the IV and bytes that count as if they followed the ciphertext, though they are not
    /// sent: the high half of an extended sequence number under a MAC (RFC 4303 §2.2.1). An AEAD takes none.
    #[must_use]
    pub fn with_tail(head: &'a [u8], tail: &'a [u8]) -> Self {
        Self { head, tail }
    }
}

/// Why there is no sealer or opener.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// The suite is not built in.
    #[error("{0} is not supported")]
    Unsupported(Suite),
    /// The key material, salt and integrity key included, has the wrong length in bytes.
    #[error("{suite} takes {expected} bytes of key material, not {got}")]
    Length {
        /// The suite.
        suite: Suite,
        /// What it takes.
        expected: usize,
        /// What was given.
        got: usize,
    },
}

/// Why nothing was sealed. Each is a mistake of the caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SealError {
    /// No room for IV and ICV, or not whole blocks, or beyond what the algorithm can encrypt.
    #[error("the body has no length this suite can seal")]
    Length,
    /// The IV is of the wrong kind for the suite, or a counter did not rise.
    #[error("the IV does not fit the suite or was used before")]
    Iv,
    /// An AEAD has no place for a tail.
    #[error("an AEAD takes no tail")]
    Tail,
}

/// Why nothing was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpenError {
    /// No room for IV and ICV, or not whole blocks.
    #[error("the body has no length this suite could have sealed")]
    Length,
    /// Not sealed with this key, or changed since.
    #[error("the integrity check value is wrong")]
    BadIcv,
    /// An AEAD has no place for a tail: a mistake of the caller.
    #[error("an AEAD takes no tail")]
    Tail,
    /// With an implicit IV only [`Opener::open_numbered`] opens: a mistake of the caller.
    #[error("an implicit IV needs the message's number")]
    Number,
}

/// Seals messages under one key.
pub struct Sealer {
    protection: Protection,
    /// The smallest counter not yet used; `None` after the last.
    next_counter: Option<u64>,
}

/// Opens messages under one key.
pub struct Opener {
    protection: Protection,
}

impl Sealer {
    /// Takes key, salt and integrity key joined in this order (RFC 7296 §2.17).
    ///
    /// # Errors
    /// Any [`KeyError`].
    pub fn new(suite: Suite, key: &Secret, backend: Backend) -> Result<Self, KeyError> {
        Ok(Self { protection: Protection::new(suite, key, backend)?, next_counter: Some(0) })
    }

    /// What the suite costs.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.protection.geometry
    }

    /// Seals the text in `body`, which lies between room for IV and ICV.
    ///
    /// # Errors
    /// Any [`SealError`]; the body is then not sealed and must not be sent.
    pub fn seal(&mut self, iv: Iv<'_>, aad: Aad<'_>, body: &mut [u8]) -> Result<(), SealError> {
        let (iv_room, text, icv) = self.protection.divide(body).ok_or(SealError::Length)?;
        match (&self.protection.algorithm, iv) {
            (Algorithm::Aead(aead), Iv::Counter(counter)) => {
                let salt = self.protection.salt;
                let nonce = use_counter(&mut self.next_counter, salt, counter, iv_room, aad)?;
                aead.seal(&nonce, aad.head, text, icv)
            }
            (Algorithm::AesCbcHmac(cipher), Iv::Block(iv)) => {
                iv_room.copy_from_slice(iv);
                cipher.seal(iv, aad.head, text, aad.tail, icv)
            }
            (Algorithm::NullHmac(mac), Iv::Absent) => {
                mac.seal(aad.head, text, aad.tail, icv);
                Ok(())
            }
            (Algorithm::Aead(_), Iv::Block(_) | Iv::Absent)
            | (Algorithm::AesCbcHmac(_), Iv::Counter(_) | Iv::Absent)
            | (Algorithm::NullHmac(_), Iv::Counter(_) | Iv::Block(_)) => Err(SealError::Iv),
        }
    }
}

impl Opener {
    /// Takes key, salt and integrity key joined in this order (RFC 7296 §2.17).
    ///
    /// # Errors
    /// Any [`KeyError`].
    pub fn new(suite: Suite, key: &Secret, backend: Backend) -> Result<Self, KeyError> {
        Ok(Self { protection: Protection::new(suite, key, backend)? })
    }

    /// What the suite costs.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.protection.geometry
    }

    /// Authenticates and decrypts in place; gives the place of the text in `body`.
    ///
    /// # Errors
    /// Any [`OpenError`]; the content of the body is then unspecified, and never the text.
    pub fn open(&self, aad: Aad<'_>, body: &mut [u8]) -> Result<Range<usize>, OpenError> {
        if self.protection.has_implicit_iv() {
            Err(OpenError::Number)
        } else {
            self.open_numbered(0, aad, body)
        }
    }

    /// As [`Opener::open`], for a message whose number is known without being authenticated yet: where the IV is
    /// implicit the nonce is made from it (RFC 8750 §4), elsewhere it plays no part.
    ///
    /// # Errors
    /// As [`Opener::open`].
    pub fn open_numbered(
        &self,
        number: u64,
        aad: Aad<'_>,
        body: &mut [u8],
    ) -> Result<Range<usize>, OpenError> {
        let (iv, text, icv) = self.protection.divide(body).ok_or(OpenError::Length)?;
        let place = iv.len()..iv.len() + text.len();
        let number = number.to_be_bytes();
        let iv = if self.protection.has_implicit_iv() { &number[..] } else { iv };
        match &self.protection.algorithm {
            Algorithm::Aead(_) if !aad.tail.is_empty() => return Err(OpenError::Tail),
            Algorithm::Aead(aead) => aead.open(&nonce(self.protection.salt, iv), aad.head, text, icv)?,
            Algorithm::AesCbcHmac(cipher) => cipher.open(iv, aad.head, text, aad.tail, icv)?,
            Algorithm::NullHmac(mac) => mac.open(aad.head, text, aad.tail, icv)?,
        }
        Ok(place)
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer({})", self.protection.suite)
    }
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Opener({})", self.protection.suite)
    }
}

/// A keyed suite, which sealer and opener share.
struct Protection {
    suite: Suite,
    geometry: Geometry,
    /// Zero where the suite has none.
    salt: [u8; 4],
    algorithm: Algorithm,
}

enum Algorithm {
    Aead(Box<Aead>),
    AesCbcHmac(Box<AesCbcHmac>),
    NullHmac(Box<NullHmac>),
}

impl Protection {
    fn new(suite: Suite, key: &Secret, backend: Backend) -> Result<Self, KeyError> {
        let unsupported = KeyError::Unsupported(suite);
        let geometry = suite.geometry().ok_or(unsupported)?;
        if key.len() != geometry.key_len() {
            return Err(KeyError::Length { suite, expected: geometry.key_len(), got: key.len() });
        }
        let (encr_key, rest) = key.expose().split_at(geometry.encr_key);
        let (salt, integ_key) = rest.split_at(geometry.salt);
        let algorithm = match (suite.encr, suite.integ) {
            (EncrId::AES_GCM_16 | EncrId::AES_GCM_16_IIV, None) => {
                aes_gcm::new(encr_key, backend).map(Box::new).map(Algorithm::Aead)
            }
            (EncrId::CHACHA20_POLY1305 | EncrId::CHACHA20_POLY1305_IIV, None) => {
                chacha20_poly1305::new(encr_key, backend).map(Box::new).map(Algorithm::Aead)
            }
            (EncrId::AES_CBC, Some(integ)) => {
                AesCbcHmac::new(encr_key, integ, integ_key, backend).map(Box::new).map(Algorithm::AesCbcHmac)
            }
            (EncrId::NULL, Some(integ)) => {
                NullHmac::new(integ, integ_key, backend).map(Box::new).map(Algorithm::NullHmac)
            }
            _ => None,
        };
        let salt = salt.try_into().unwrap_or_default();
        Ok(Self { suite, geometry, salt, algorithm: algorithm.ok_or(unsupported)? })
    }

    /// Whether the nonce is made from a number that is not in the body.
    fn has_implicit_iv(&self) -> bool {
        self.geometry.kind == Kind::Aead && self.geometry.iv == 0
    }

    /// IV, text and ICV; `None` when there is no room for them or the text is not in whole blocks.
    fn divide<'b>(&self, body: &'b mut [u8]) -> Option<(&'b mut [u8], &'b mut [u8], &'b mut [u8])> {
        let (iv, rest) = body.split_at_mut_checked(self.geometry.iv)?;
        let (text, icv) = rest.split_at_mut_checked(rest.len().checked_sub(self.geometry.icv)?)?;
        text.len().is_multiple_of(self.geometry.block).then_some((iv, text, icv))
    }
}

/// Salt, then IV (RFC 4106 §4, RFC 7634 §2).
fn nonce(salt: [u8; 4], iv: &[u8]) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[..4].copy_from_slice(&salt);
    nonce[4..].copy_from_slice(iv);
    nonce
}

/// Spends a counter: refuses one that is not above all before it, writes it as IV, makes the nonce.
fn use_counter(
    next_counter: &mut Option<u64>,
    salt: [u8; 4],
    counter: u64,
    iv_room: &mut [u8],
    aad: Aad<'_>,
) -> Result<[u8; 12], SealError> {
    if !aad.tail.is_empty() {
        return Err(SealError::Tail);
    }
    if next_counter.is_none_or(|next| counter < next) {
        return Err(SealError::Iv);
    }
    *next_counter = counter.checked_add(1);
    let counter = counter.to_be_bytes();
    // No room: the IV is implicit.
    if !iv_room.is_empty() {
        iv_room.copy_from_slice(&counter);
    }
    Ok(nonce(salt, &counter))
}

#[cfg(test)]
mod tests;
