//! Key exchange: Diffie-Hellman now, KEMs behind the same face later.
//!
//! Three steps: [`initiate`] gives what to send, [`respond`] answers it and has the shared secret at once,
//! [`Started::finish`] takes the answer. `finish` consumes, so no private value serves twice (RFC 7296 §2.12).
//! Public values of the peer are checked before use (RFC 6989, RFC 8031 §3.2).
//!
//! These take up to milliseconds (MODP): hand them out as jobs where that matters.

mod ecp;
mod modp;
mod x25519;

use crate::rng::Rng;
use crate::secret::Secret;
use crate::transform::KeId;

pub use modp::modp_2048;

/// Every method that is built in, best first.
pub const ALL: [KeId; 3] = [KeId::CURVE_25519, KeId::ECP_256, KeId::MODP_2048];

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
    /// A MODP value outside 1 < y < p-1 (RFC 6989 §2.1).
    #[error("public value out of range")]
    OutOfRange,
    /// A point that is not on the curve (RFC 6989 §2.3).
    #[error("public value is not a point on the curve")]
    NotOnCurve,
    /// A point of small order: the shared secret would be zero whatever our key is (RFC 7748 §6.1).
    #[error("public value of small order")]
    SmallOrder,
}

/// Length in bytes of the public value of a method, as carried in a KE payload; `None` if it is not built in.
#[must_use]
pub fn public_len(method: KeId) -> Option<usize> {
    match method {
        KeId::CURVE_25519 => Some(x25519::PUBLIC_LEN),
        KeId::ECP_256 => Some(ecp::PUBLIC_LEN),
        KeId::MODP_2048 => Some(modp::PUBLIC_LEN),
        _ => None,
    }
}

/// A key exchange whose answer is still to come.
pub struct Started(Private);

enum Private {
    X25519(x25519::Private),
    Ecp256(ecp::Private),
    Modp2048(Box<modp::Private>),
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
    let private = Private::generate(method, rng)?;
    let secret = private.agree(peer)?;
    Ok((private.public(), secret))
}

impl Started {
    /// Starts from a known private value in the form the standards print it: 32 bytes for X25519 and ECP-256,
    /// up to 64 for MODP. For published vectors; [`initiate`] is for everything else.
    ///
    /// # Errors
    /// [`KexError::Unsupported`]; [`KexError::Length`] or [`KexError::OutOfRange`] for no valid private value.
    pub fn from_private(method: KeId, private: &Secret) -> Result<(Self, Vec<u8>), KexError> {
        let private = match method {
            KeId::CURVE_25519 => Private::X25519(x25519::Private::from_bytes(private.expose())?),
            KeId::ECP_256 => Private::Ecp256(ecp::Private::from_bytes(private.expose())?),
            KeId::MODP_2048 => Private::Modp2048(Box::new(modp::Private::from_bytes(private.expose())?)),
            _ => return Err(KexError::Unsupported(method)),
        };
        let public = private.public();
        Ok((Self(private), public))
    }

    /// The method this exchange uses.
    #[must_use]
    pub fn method(&self) -> KeId {
        match self.0 {
            Private::X25519(_) => KeId::CURVE_25519,
            Private::Ecp256(_) => KeId::ECP_256,
            Private::Modp2048(_) => KeId::MODP_2048,
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
        match method {
            KeId::CURVE_25519 => Ok(Self::X25519(x25519::Private::generate(rng))),
            KeId::ECP_256 => Ok(Self::Ecp256(ecp::Private::generate(rng))),
            KeId::MODP_2048 => Ok(Self::Modp2048(Box::new(modp::Private::generate(rng)))),
            _ => Err(KexError::Unsupported(method)),
        }
    }

    fn public(&self) -> Vec<u8> {
        match self {
            Self::X25519(private) => private.public(),
            Self::Ecp256(private) => private.public(),
            Self::Modp2048(private) => private.public(),
        }
    }

    fn agree(&self, peer: &[u8]) -> Result<Secret, KexError> {
        match self {
            Self::X25519(private) => private.agree(peer),
            Self::Ecp256(private) => private.agree(peer),
            Self::Modp2048(private) => private.agree(peer),
        }
    }
}

/// Checks the length of a public or private value.
fn exactly<const N: usize>(bytes: &[u8]) -> Result<&[u8; N], KexError> {
    bytes.try_into().map_err(|_| KexError::Length { expected: N, got: bytes.len() })
}

#[cfg(test)]
mod tests;
