//! Signatures, as IKE authenticates with them: Ed25519, ECDSA, RSA. RFC 7427, RFC 8420, RFC 4754.
//!
//! A [`Scheme`] says how a key of some kind signs; [`algorithm`] gives its `AlgorithmIdentifier`, byte for byte.
//! [`PrivateKey`] is read from PEM or DER and signs; [`PublicKey`] is read from a `SubjectPublicKeyInfo`, as
//! certificates and raw public keys carry it (RFC 7670), and verifies.
//!
//! What is not here is refused: SHA-1, DSA, RSA below 2048 bits.

pub mod algorithm;
mod ecdsa;
mod key;
mod pem;
mod rsa;

use std::fmt;

use sha2::{Digest, Sha256, Sha384, Sha512};

pub use key::{KeyError, PrivateKey, PublicKey};

/// What a message is hashed with before it is signed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Hash {
    /// SHA2-256: 2 in the IANA registry of hash algorithms for IKEv2.
    Sha256,
    /// SHA2-384: 3.
    Sha384,
    /// SHA2-512: 4.
    Sha512,
}

impl Hash {
    /// All, shortest first.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    fn digest(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha384 => Sha384::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }
}

/// How a signature is made and coded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scheme {
    /// Pure Ed25519, without context: 64 bytes (RFC 8032 §5.1, RFC 8420).
    Ed25519,
    /// ECDSA with r and s in DER (RFC 7427 appendix A.3, RFC 3279 §2.2.3). Any curve goes with any hash.
    Ecdsa(Hash),
    /// ECDSA with r and s joined, each as long as the curve's order (RFC 4754 §7): P-256 with SHA2-256, P-384 with
    /// SHA2-384, P-521 with SHA2-512.
    EcdsaFixed(Hash),
    /// RSASSA-PSS, with MGF1 over the same hash and a salt of its length (RFC 8017 §8.1).
    RsaPss(Hash),
    /// RSASSA-PKCS1-v1_5 (RFC 8017 §8.2): for peers that know no better.
    RsaPkcs1(Hash),
}

impl Scheme {
    /// All there are.
    pub fn all() -> impl Iterator<Item = Self> {
        let with_hash = [Self::Ecdsa, Self::EcdsaFixed, Self::RsaPss, Self::RsaPkcs1];
        let with_hash = with_hash.into_iter().flat_map(|scheme| Hash::ALL.map(scheme));
        std::iter::once(Self::Ed25519).chain(with_hash)
    }
}

/// `RSASSA-PSS with SHA2-256`, for messages.
impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, hash) = match self {
            Self::Ed25519 => return f.write_str("Ed25519"),
            Self::Ecdsa(hash) => ("ECDSA", hash),
            Self::EcdsaFixed(hash) => ("ECDSA (fixed width)", hash),
            Self::RsaPss(hash) => ("RSASSA-PSS", hash),
            Self::RsaPkcs1(hash) => ("RSASSA-PKCS1-v1_5", hash),
        };
        write!(f, "{name} with {hash}")
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha256 => "SHA2-256",
            Self::Sha384 => "SHA2-384",
            Self::Sha512 => "SHA2-512",
        })
    }
}

/// What a key can be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// Ed25519.
    Ed25519,
    /// ECDSA on NIST P-256.
    P256,
    /// ECDSA on NIST P-384.
    P384,
    /// ECDSA on NIST P-521.
    P521,
    /// RSA.
    Rsa,
}

impl Kind {
    /// The schemes a key of this kind can sign with in RFC 7427, best first: for curves the hash of their strength
    /// comes first.
    #[must_use]
    pub fn schemes(self) -> Vec<Scheme> {
        use Hash::{Sha256, Sha384, Sha512};
        match self {
            Self::Ed25519 => vec![Scheme::Ed25519],
            Self::P256 => [Sha256, Sha384, Sha512].map(Scheme::Ecdsa).to_vec(),
            Self::P384 => [Sha384, Sha512, Sha256].map(Scheme::Ecdsa).to_vec(),
            Self::P521 => [Sha512, Sha384, Sha256].map(Scheme::Ecdsa).to_vec(),
            Self::Rsa => {
                let pss = [Sha256, Sha384, Sha512].map(Scheme::RsaPss);
                pss.into_iter().chain([Sha256, Sha384, Sha512].map(Scheme::RsaPkcs1)).collect()
            }
        }
    }

    /// Whether a key of this kind can make or check such a signature.
    #[must_use]
    pub fn fits(self, scheme: Scheme) -> bool {
        match scheme {
            Scheme::EcdsaFixed(hash) => self.fixed_hash() == Some(hash),
            _ => self.schemes().contains(&scheme),
        }
    }

    /// The hash that RFC 4754 §7 ties to the curve.
    #[must_use]
    pub fn fixed_hash(self) -> Option<Hash> {
        match self {
            Self::P256 => Some(Hash::Sha256),
            Self::P384 => Some(Hash::Sha384),
            Self::P521 => Some(Hash::Sha512),
            Self::Ed25519 | Self::Rsa => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ed25519 => "Ed25519",
            Self::P256 => "ECDSA P-256",
            Self::P384 => "ECDSA P-384",
            Self::P521 => "ECDSA P-521",
            Self::Rsa => "RSA",
        })
    }
}

/// Why nothing was signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignError {
    /// A mistake of the caller.
    #[error("a key of kind {key} cannot sign with {scheme}")]
    WrongKind {
        /// The key's.
        key: Kind,
        /// What was asked for.
        scheme: Scheme,
    },
    /// The key's numbers do not fit each other.
    #[error("the private key is damaged")]
    BadKey,
}

/// Why a signature does not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum VerifyError {
    /// The peer signed with something its key cannot have made.
    #[error("a key of kind {key} makes no signature of {scheme}")]
    WrongKind {
        /// The key's.
        key: Kind,
        /// What the signature says it is.
        scheme: Scheme,
    },
    /// Not made with the private half of this key over this message, or no signature at all.
    #[error("the signature is wrong")]
    BadSignature,
}

#[cfg(test)]
mod tests;
