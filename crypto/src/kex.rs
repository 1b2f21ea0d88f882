//! Key exchange: Diffie-Hellman and key encapsulation behind one face.
//!
//! Three steps: [`initiate`] gives what to send, [`respond`] answers it and has the shared secret at once,
//! [`Started::finish`] takes the answer. `finish` consumes, so no private value serves twice (RFC 7296 §2.12).
//! Public values of the peer are checked before use (RFC 6989, RFC 8031 §3.2, FIPS 203 §7).
//!
//! These take up to milliseconds (MODP): hand them out as jobs where that matters.

mod ecp;
mod ml_kem;
mod modp;
mod x25519;

use ::ml_kem::{MlKem768, MlKem1024};
use p256::NistP256;
use p384::NistP384;
use p521::NistP521;

use zeroize::Zeroizing;

use crate::rng::Rng;
use crate::secret::Secret;
use crate::transform::KeId;

pub use modp::modp_group;

/// One built-in method. Lengths in bytes.
struct Method {
    id: KeId,
    /// What the initiator sends.
    offer: usize,
    /// What the responder sends.
    answer: usize,
}

/// Best first.
#[rustfmt::skip]
const METHODS: [Method; 11] = [
    Method { id: KeId::CURVE_25519, offer: 32,   answer: 32 },
    Method { id: KeId::ECP_384,     offer: 96,   answer: 96 },
    Method { id: KeId::ECP_256,     offer: 64,   answer: 64 },
    Method { id: KeId::ECP_521,     offer: 132,  answer: 132 },
    Method { id: KeId::ML_KEM_768,  offer: 1184, answer: 1088 },
    Method { id: KeId::ML_KEM_1024, offer: 1568, answer: 1568 },
    Method { id: KeId::MODP_4096,   offer: 512,  answer: 512 },
    Method { id: KeId::MODP_3072,   offer: 384,  answer: 384 },
    Method { id: KeId::MODP_2048,   offer: 256,  answer: 256 },
    Method { id: KeId::MODP_6144,   offer: 768,  answer: 768 },
    Method { id: KeId::MODP_8192,   offer: 1024, answer: 1024 },
];

/// Every method that is built in, best first.
pub fn all() -> impl Iterator<Item = KeId> {
    METHODS.iter().map(|method| method.id)
}

/// Why there is no shared secret. All but [`KexError::Unsupported`] are the peer's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KexError {
    /// The method is not built in.
    #[error("{0} is not supported")]
    Unsupported(KeId),
    /// The public value has the wrong length in bytes.
    #[error("public value of {got} bytes instead of {expected}")]
    Length {
        /// What the method prescribes.
        expected: usize,
        /// What came.
        got: usize,
    },
    /// A MODP value outside 1 < y < p-1 (RFC 6989 §2.1), or an encapsulation key with a coefficient of q or
    /// above (FIPS 203 §7.2).
    #[error("public value out of range")]
    OutOfRange,
    /// A point that is not on the curve (RFC 6989 §2.3).
    #[error("public value is not a point on the curve")]
    NotOnCurve,
    /// A point of small order: the shared secret would be zero whatever our key is (RFC 7748 §6.1).
    #[error("public value of small order")]
    SmallOrder,
}

/// Length in bytes of what the initiator sends, as carried in a KE payload; `None` if the method is not built
/// in. With a KEM the answer has another length: [`answer_len`].
#[must_use]
pub fn public_len(method: KeId) -> Option<usize> {
    METHODS.iter().find(|row| row.id == method).map(|row| row.offer)
}

/// Length in bytes of what the responder sends; `None` if the method is not built in.
#[must_use]
pub fn answer_len(method: KeId) -> Option<usize> {
    METHODS.iter().find(|row| row.id == method).map(|row| row.answer)
}

/// A key exchange whose answer is still to come.
pub struct Started(Private);

/// The private value of one side: of a KEM, the initiator's.
enum Private {
    X25519(x25519::Private),
    Ecp256(ecp::Private<NistP256>),
    Ecp384(ecp::Private<NistP384>),
    Ecp521(ecp::Private<NistP521>),
    Modp(modp::Private),
    MlKem768(ml_kem::Private<MlKem768>),
    MlKem1024(ml_kem::Private<MlKem1024>),
}

impl std::fmt::Debug for Started {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Started({})", self.method())
    }
}

/// Makes a private value; returns it with the public value to send.
///
/// # Errors
/// [`KexError::Unsupported`].
pub fn initiate(method: KeId, rng: &mut Rng) -> Result<(Started, Vec<u8>), KexError> {
    let private = Private::generate(method, rng)?;
    let public = private.public();
    Ok((Started(private), public))
}

/// Answers the peer's public value: what to send back, and the shared secret.
///
/// # Errors
/// Any [`KexError`].
pub fn respond(method: KeId, peer: &[u8], rng: &mut Rng) -> Result<(Vec<u8>, Secret), KexError> {
    if is_kem(method) {
        let mut message = Zeroizing::new([0; ml_kem::MESSAGE_LEN]);
        rng.fill(&mut message[..]);
        return respond_with(method, peer, &Secret::from_slice(&message[..]));
    }
    Private::generate(method, rng)?.respond(peer)
}

/// As [`respond`], with a known private value in the form the standards print it: as for
/// [`Started::from_private`], or the 32 bytes m of FIPS 203 algorithm 17. For published vectors.
///
/// # Errors
/// Any [`KexError`].
pub fn respond_with(method: KeId, peer: &[u8], private: &Secret) -> Result<(Vec<u8>, Secret), KexError> {
    match method {
        KeId::ML_KEM_768 => ml_kem::respond::<MlKem768>(peer, private),
        KeId::ML_KEM_1024 => ml_kem::respond::<MlKem1024>(peer, private),
        _ => Private::read(method, private)?.respond(peer),
    }
}

/// Whether the two sides do different things.
fn is_kem(method: KeId) -> bool {
    matches!(method, KeId::ML_KEM_768 | KeId::ML_KEM_1024)
}

impl Started {
    /// Starts from a known private value in the form the standards print it: as long as the field for X25519 and
    /// ECP, up to 64 bytes for MODP (80 from MODP-6144 on), d and z of FIPS 203 algorithm 16 for ML-KEM. For
    /// published vectors; [`initiate`] is for everything else.
    ///
    /// # Errors
    /// [`KexError::Unsupported`]; [`KexError::Length`] or [`KexError::OutOfRange`] for no valid private value.
    pub fn from_private(method: KeId, private: &Secret) -> Result<(Self, Vec<u8>), KexError> {
        let private = Private::read(method, private)?;
        let public = private.public();
        Ok((Self(private), public))
    }

    /// The method this exchange uses.
    #[must_use]
    pub fn method(&self) -> KeId {
        match &self.0 {
            Private::X25519(_) => KeId::CURVE_25519,
            Private::Ecp256(_) => KeId::ECP_256,
            Private::Ecp384(_) => KeId::ECP_384,
            Private::Ecp521(_) => KeId::ECP_521,
            Private::Modp(private) => private.method(),
            Private::MlKem768(_) => KeId::ML_KEM_768,
            Private::MlKem1024(_) => KeId::ML_KEM_1024,
        }
    }

    /// Takes the peer's public value; gives the shared secret, leading zeros kept (RFC 7296 §2.14).
    ///
    /// # Errors
    /// Any [`KexError`] but `Unsupported`.
    pub fn finish(self, peer: &[u8]) -> Result<Secret, KexError> {
        self.0.agree(peer)
    }
}

impl Private {
    fn generate(method: KeId, rng: &mut Rng) -> Result<Self, KexError> {
        Ok(match method {
            KeId::CURVE_25519 => Self::X25519(x25519::Private::generate(rng)),
            KeId::ECP_256 => Self::Ecp256(ecp::Private::generate(rng)),
            KeId::ECP_384 => Self::Ecp384(ecp::Private::generate(rng)),
            KeId::ECP_521 => Self::Ecp521(ecp::Private::generate(rng)),
            KeId::ML_KEM_768 => Self::MlKem768(ml_kem::Private::generate(rng)),
            KeId::ML_KEM_1024 => Self::MlKem1024(ml_kem::Private::generate(rng)),
            _ => Self::Modp(modp::Private::generate(method, rng)?),
        })
    }

    fn read(method: KeId, private: &Secret) -> Result<Self, KexError> {
        let private = private.expose();
        Ok(match method {
            KeId::CURVE_25519 => Self::X25519(x25519::Private::from_bytes(private)?),
            KeId::ECP_256 => Self::Ecp256(ecp::Private::from_bytes(private)?),
            KeId::ECP_384 => Self::Ecp384(ecp::Private::from_bytes(private)?),
            KeId::ECP_521 => Self::Ecp521(ecp::Private::from_bytes(private)?),
            KeId::ML_KEM_768 => Self::MlKem768(ml_kem::Private::from_bytes(private)?),
            KeId::ML_KEM_1024 => Self::MlKem1024(ml_kem::Private::from_bytes(private)?),
            _ => Self::Modp(modp::Private::from_bytes(method, private)?),
        })
    }

    fn public(&self) -> Vec<u8> {
        match self {
            Self::X25519(private) => private.public(),
            Self::Ecp256(private) => private.public(),
            Self::Ecp384(private) => private.public(),
            Self::Ecp521(private) => private.public(),
            Self::Modp(private) => private.public(),
            Self::MlKem768(private) => private.public(),
            Self::MlKem1024(private) => private.public(),
        }
    }

    fn agree(&self, peer: &[u8]) -> Result<Secret, KexError> {
        match self {
            Self::X25519(private) => private.agree(peer),
            Self::Ecp256(private) => private.agree(peer),
            Self::Ecp384(private) => private.agree(peer),
            Self::Ecp521(private) => private.agree(peer),
            Self::Modp(private) => private.agree(peer),
            Self::MlKem768(private) => private.agree(peer),
            Self::MlKem1024(private) => private.agree(peer),
        }
    }

    /// The responder's part where both sides do the same.
    fn respond(&self, peer: &[u8]) -> Result<(Vec<u8>, Secret), KexError> {
        let secret = self.agree(peer)?;
        Ok((self.public(), secret))
    }
}

/// Checks the length of a public or private value.
fn exactly<const N: usize>(bytes: &[u8]) -> Result<&[u8; N], KexError> {
    bytes.try_into().map_err(|_| KexError::Length { expected: N, got: bytes.len() })
}

#[cfg(test)]
mod tests;
