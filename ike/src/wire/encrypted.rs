//! Encrypted payload (RFC 7296 §3.14; RFC 5282 for AEADs).
//!
//! ```text
//! |<------------ authenticated ------------->|
//! | IKE header | clear payloads | SK generic | IV | inner payloads, padding, pad length | ICV |
//!                                            |    |<---------- encrypted ------------->|
//! ```
//!
//! With a cipher and a MAC the IV and the ciphertext are authenticated too; [`adit_crypto`] sees to both.

use adit_crypto::protect::{KeyError, SealError as CipherError};
use adit_crypto::{Aad, Backend, Iv, Opener, Rng, Sealer, Secret, Suite};

use super::header::patch_length;
use super::iana::PayloadType;
use super::limits::{MAX_MESSAGE_OCTETS, MAX_PAYLOADS};
use super::malformed::{Malformed, Rule};
use super::writer::Writer;
use super::{Envelope, Message, emit_chain, first_type, parse_inner};

/// Protects the messages one end of an IKE SA sends.
#[derive(Debug)]
pub struct SkSealer {
    sealer: Sealer,
    /// The next explicit IV of an AEAD. Requests and answers share the key and may share a message id, so
    /// the id would not do.
    next_iv: u64,
}

/// Opens the messages one end of an IKE SA receives.
#[derive(Debug)]
pub struct SkOpener {
    opener: Opener,
}

/// Why a message could not be protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// More octets than a datagram carries.
    #[error("a message of {0} octets is too long to send")]
    TooLong(usize),
    /// Every IV of the key is used up.
    #[error("the key has protected as many messages as it may")]
    Exhausted,
}

/// Why a datagram could not be opened. Only `Inner` comes from the peer for certain and may be answered;
/// anyone can cause the others, so they are counted and dropped (RFC 7296 §2.21.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// What surrounds the protected part is malformed.
    #[error("not authenticated: {0}")]
    Outer(Malformed),
    /// There is no SK payload.
    #[error("the message is not protected")]
    NotProtected,
    /// It is one fragment of a message (RFC 7383).
    #[error("the message is a fragment")]
    Fragment,
    /// Not made with this key, or changed since.
    #[error("the integrity check value is wrong")]
    BadIcv,
    /// Authentic, and malformed inside.
    #[error("authenticated: {0}")]
    Inner(Malformed),
}

impl SkSealer {
    /// Takes SK_e and SK_a of one direction, joined in this order.
    ///
    /// # Errors
    /// Any [`KeyError`]; `Unsupported` also for a suite that is for ESP alone.
    pub fn new(suite: Suite, key: &Secret) -> Result<Self, KeyError> {
        for_ike(suite)?;
        Ok(Self { sealer: Sealer::new(suite, key, Backend::Pure)?, next_iv: 0 })
    }

    /// Writes `message` with all its payloads inside SK. A second call gives other octets: what may have to
    /// be sent again is kept by the caller (RFC 7296 §2.1).
    ///
    /// # Errors
    /// `TooLong`; `Exhausted` after 2^64 messages.
    pub fn seal(&mut self, message: &Message, rng: &mut Rng) -> Result<Vec<u8>, SealError> {
        let geometry = self.sealer.geometry();
        let mut out = Writer::default();
        message.header.emit(PayloadType::SK, &mut out);
        let generic = out.len();
        out.bytes(&[first_type(&message.payloads).0, 0]);
        let body;
        {
            let mut out = out.length_from(generic);
            body = out.len();
            out.bytes(&vec![0; geometry.iv]);
            let text = out.len();
            emit_chain(&message.payloads, &mut out);
            let pad = (out.len() - text + 1).next_multiple_of(geometry.block) - (out.len() - text + 1);
            out.bytes(&vec![0; pad]);
            out.count_u8(pad);
            out.bytes(&vec![0; geometry.icv]);
        }
        let mut octets = out.into_vec();
        if octets.len() > MAX_MESSAGE_OCTETS {
            return Err(SealError::TooLong(octets.len()));
        }
        patch_length(&mut octets);
        self.protect(&mut octets, body, rng)?;
        Ok(octets)
    }

    fn protect(&mut self, octets: &mut [u8], body: usize, rng: &mut Rng) -> Result<(), SealError> {
        let (head, body) = octets.split_at_mut(body);
        let outcome = if self.sealer.geometry().block == 1 {
            let iv = Iv::Counter(self.next_iv);
            // Past the last number the counter comes round; the sealer refuses what does not rise.
            self.next_iv = self.next_iv.wrapping_add(1);
            self.sealer.seal(iv, Aad::new(head), body)
        } else {
            self.sealer.seal(Iv::Block(&rng.bytes()), Aad::new(head), body)
        };
        outcome.map_err(|error| match error {
            CipherError::Iv | CipherError::Tail => SealError::Exhausted,
            CipherError::Length => SealError::TooLong(octets.len()),
        })
    }
}

impl SkOpener {
    /// Takes SK_e and SK_a of one direction, joined in this order.
    ///
    /// # Errors
    /// As [`SkSealer::new`].
    pub fn new(suite: Suite, key: &Secret) -> Result<Self, KeyError> {
        for_ike(suite)?;
        Ok(Self { opener: Opener::new(suite, key, Backend::Pure)? })
    }

    /// Authenticates and decrypts in place, and reads what is inside. Payloads in front of SK are
    /// authenticated with it (RFC 5282 §5.1) and come first. A forged datagram is not left readable, so the
    /// caller keeps a copy of one it means to try on several keys.
    ///
    /// # Errors
    /// Any [`OpenError`].
    pub fn open(&self, datagram: &mut [u8]) -> Result<Message, OpenError> {
        let Envelope { header, clear, protected } = Envelope::parse(datagram).map_err(OpenError::Outer)?;
        let protected = protected.ok_or(OpenError::NotProtected)?;
        if protected.fragment.is_some() {
            return Err(OpenError::Fragment);
        }
        let (head, body) = datagram.split_at_mut(protected.body.start);
        let text = self.opener.open(Aad::new(head), body).map_err(|_| OpenError::BadIcv)?;
        let inner = strip_padding(body.get(text).unwrap_or_default()).map_err(OpenError::Inner)?;
        let mut payloads = clear;
        payloads.extend(parse_inner(protected.first, inner).map_err(OpenError::Inner)?);
        if payloads.len() > MAX_PAYLOADS {
            return Err(OpenError::Inner(Malformed::payload(PayloadType::SK, Rule::TooMany)));
        }
        Ok(Message { header, payloads })
    }
}

/// NULL encryption and implicit IVs are not for IKE, whatever a connection names.
fn for_ike(suite: Suite) -> Result<(), KeyError> {
    if suite.protects_ike() { Ok(()) } else { Err(KeyError::Unsupported(suite)) }
}

/// Takes off padding and pad length; what the padding holds is the sender's business.
fn strip_padding(text: &[u8]) -> Result<&[u8], Malformed> {
    let fault = Malformed::payload(PayloadType::SK, Rule::Truncated);
    let (&pad, rest) = text.split_last().ok_or(fault)?;
    let length = rest.len().checked_sub(usize::from(pad)).ok_or(fault)?;
    rest.get(..length).ok_or(fault)
}
