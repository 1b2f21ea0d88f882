//! Keys: where they are read from, and what they do.

use std::fmt;

use ed25519_dalek::Signer;
use p256::ecdsa::{DerSignature as DerP256, Signature as FixedP256};
use p256::pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use p256::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePublicKey, ObjectIdentifier, PrivateKeyInfoRef};
use p384::ecdsa::{DerSignature as DerP384, Signature as FixedP384};
use p521::ecdsa::{DerSignature as DerP521, Signature as FixedP521};
use rsa::pkcs1::DecodeRsaPrivateKey;

use super::{Kind, Scheme, SignError, VerifyError, ecdsa, pem, rsa as rsa_schemes};
use crate::rng::Rng;

/// RFC 8410 §3.
const ID_ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// RFC 5480 §2.1.1.
const ID_EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ID_P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const ID_P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const ID_P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
/// RFC 8017 appendix A.1.
const ID_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// Why there is no key.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// No PEM block of the right kind, or what is between its lines is not base64.
    #[error("there is no PEM block with a key")]
    Pem,
    /// adit asks for no passwords.
    #[error(
        "the private key is encrypted; decrypt it with `openssl pkcs8 -in FILE -out NEW`, and keep NEW safe"
    )]
    Encrypted,
    /// The block is not what its label says, or its numbers do not fit each other.
    #[error("the key is malformed")]
    Malformed,
    /// A key of a kind that is not built in, by its object identifier or curve.
    #[error("keys of type {0} are not supported; use Ed25519, ECDSA P-256, P-384, P-521 or RSA")]
    Unsupported(String),
    /// An RSA key of so few bits can be broken.
    #[error("an RSA key of {0} bits is too short; make one of 3072, or use Ed25519")]
    RsaTooShort(u32),
}

/// A private key that signs. Wiped when dropped.
pub struct PrivateKey(Private);

enum Private {
    Ed25519(Box<ed25519_dalek::SigningKey>),
    P256(Box<p256::ecdsa::SigningKey>),
    P384(Box<p384::ecdsa::SigningKey>),
    P521(Box<p521::ecdsa::SigningKey>),
    Rsa(Box<rsa::PrivateKey>),
}

/// A public key that verifies.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(Public);

#[derive(Clone, PartialEq, Eq)]
enum Public {
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
    P256(Box<p256::PublicKey>),
    P384(Box<p384::PublicKey>),
    P521(Box<p521::PublicKey>),
    Rsa(Box<rsa::PublicKey>),
}

fn kind_of(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<Kind, KeyError> {
    match algorithm.oid {
        ID_ED25519 => Ok(Kind::Ed25519),
        ID_RSA => Ok(Kind::Rsa),
        ID_EC => match algorithm.parameters_oid().map_err(|_| KeyError::Malformed)? {
            ID_P256 => Ok(Kind::P256),
            ID_P384 => Ok(Kind::P384),
            ID_P521 => Ok(Kind::P521),
            curve => Err(KeyError::Unsupported(curve.to_string())),
        },
        other => Err(KeyError::Unsupported(other.to_string())),
    }
}

impl PrivateKey {
    /// Reads the first private key of a PEM text: PKCS#8 (`PRIVATE KEY`), PKCS#1 (`RSA PRIVATE KEY`) or SEC 1
    /// (`EC PRIVATE KEY`), none of them encrypted.
    ///
    /// # Errors
    /// Any [`KeyError`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let (label, der) = pem::block(text, "PRIVATE KEY")?;
        match label {
            "PRIVATE KEY" => Self::from_pkcs8(&der),
            "RSA PRIVATE KEY" => {
                rsa::PrivateKey::from_pkcs1_der(&der).map_err(|_| KeyError::Malformed).and_then(Self::rsa)
            }
            "EC PRIVATE KEY" => Self::from_sec1(&der),
            other => Err(KeyError::Unsupported(other.to_owned())),
        }
    }

    /// Reads PKCS#8 (RFC 5958) in DER.
    ///
    /// # Errors
    /// Any [`KeyError`] but `Pem` and `Encrypted`.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let info = PrivateKeyInfoRef::try_from(der).map_err(|_| KeyError::Malformed)?;
        let key = match kind_of(&info.algorithm)? {
            Kind::Ed25519 => decode(der).map(Box::new).map(Private::Ed25519)?,
            Kind::P256 => decode(der).map(Box::new).map(Private::P256)?,
            Kind::P384 => decode(der).map(Box::new).map(Private::P384)?,
            Kind::P521 => decode(der).map(Box::new).map(Private::P521)?,
            Kind::Rsa => return Self::rsa(decode(der)?),
        };
        Ok(Self(key))
    }

    /// RFC 5915 carries the curve in the key itself; each reader takes its own curve only.
    fn from_sec1(der: &[u8]) -> Result<Self, KeyError> {
        let p256 = || p256::SecretKey::from_sec1_der(der).ok().map(|key| Private::P256(Box::new(key.into())));
        let p384 = || p384::SecretKey::from_sec1_der(der).ok().map(|key| Private::P384(Box::new(key.into())));
        let p521 = || p521::SecretKey::from_sec1_der(der).ok().map(|key| Private::P521(Box::new(key.into())));
        p256().or_else(p384).or_else(p521).map(Self).ok_or(KeyError::Malformed)
    }

    fn rsa(key: rsa::PrivateKey) -> Result<Self, KeyError> {
        rsa_schemes::check(key.as_public_key())?;
        Ok(Self(Private::Rsa(Box::new(key))))
    }

    /// What kind of key it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match &self.0 {
            Private::Ed25519(_) => Kind::Ed25519,
            Private::P256(_) => Kind::P256,
            Private::P384(_) => Kind::P384,
            Private::P521(_) => Kind::P521,
            Private::Rsa(_) => Kind::Rsa,
        }
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(match &self.0 {
            Private::Ed25519(key) => Public::Ed25519(Box::new(key.verifying_key())),
            Private::P256(key) => Public::P256(Box::new(key.verifying_key().into())),
            Private::P384(key) => Public::P384(Box::new(key.verifying_key().into())),
            Private::P521(key) => Public::P521(Box::new(key.verifying_key().into())),
            Private::Rsa(key) => Public::Rsa(Box::new(key.to_public_key())),
        })
    }

    /// Signs. Takes up to milliseconds (RSA): hand it out as a job where that matters. Only RSA uses the
    /// randomness.
    ///
    /// # Errors
    /// Any [`SignError`].
    pub fn sign(&self, scheme: Scheme, message: &[u8], rng: &mut Rng) -> Result<Vec<u8>, SignError> {
        use Private::{Ed25519, P256, P384, P521, Rsa};
        let key = self.kind();
        if !key.fits(scheme) {
            return Err(SignError::WrongKind { key, scheme });
        }
        let signature = match &self.0 {
            Ed25519(key) => key.try_sign(message).ok().map(|signature| signature.to_vec()),
            P256(key) => ecdsa::sign::<DerP256, FixedP256, _>(&**key, scheme, message),
            P384(key) => ecdsa::sign::<DerP384, FixedP384, _>(&**key, scheme, message),
            P521(key) => ecdsa::sign::<DerP521, FixedP521, _>(&**key, scheme, message),
            Rsa(key) => rsa_schemes::sign(key, scheme, message, rng),
        };
        signature.ok_or(SignError::BadKey)
    }
}

fn decode<K: DecodePrivateKey>(der: &[u8]) -> Result<K, KeyError> {
    K::from_pkcs8_der(der).map_err(|_| KeyError::Malformed)
}

fn decode_public<K: DecodePublicKey>(der: &[u8]) -> Result<Box<K>, KeyError> {
    K::from_public_key_der(der).map(Box::new).map_err(|_| KeyError::Malformed)
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7) in DER.
    ///
    /// # Errors
    /// `Malformed`, `Unsupported` or `RsaTooShort`.
    pub fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        let info = SubjectPublicKeyInfoRef::try_from(der).map_err(|_| KeyError::Malformed)?;
        Ok(Self(match kind_of(&info.algorithm)? {
            Kind::Ed25519 => Public::Ed25519(decode_public(der)?),
            Kind::P256 => Public::P256(decode_public(der)?),
            Kind::P384 => Public::P384(decode_public(der)?),
            Kind::P521 => Public::P521(decode_public(der)?),
            Kind::Rsa => {
                let key = decode_public(der)?;
                rsa_schemes::check(&key)?;
                Public::Rsa(key)
            }
        }))
    }

    /// Reads the first `PUBLIC KEY` block of a PEM text.
    ///
    /// # Errors
    /// As [`PublicKey::from_spki`], and `Pem`.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let (_, der) = pem::block(text, "PUBLIC KEY")?;
        Self::from_spki(&der)
    }

    /// As a `SubjectPublicKeyInfo` in DER, which is what a raw public key is on the wire (RFC 7670 §3).
    #[must_use]
    pub fn to_spki(&self) -> Vec<u8> {
        let document = match &self.0 {
            Public::Ed25519(key) => key.to_public_key_der(),
            Public::P256(key) => key.to_public_key_der(),
            Public::P384(key) => key.to_public_key_der(),
            Public::P521(key) => key.to_public_key_der(),
            Public::Rsa(key) => key.to_public_key_der(),
        };
        document.expect("a key that was read can be written").into_vec()
    }

    /// What kind of key it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match &self.0 {
            Public::Ed25519(_) => Kind::Ed25519,
            Public::P256(_) => Kind::P256,
            Public::P384(_) => Kind::P384,
            Public::P521(_) => Kind::P521,
            Public::Rsa(_) => Kind::Rsa,
        }
    }

    /// Checks a signature. Ed25519 is checked strictly: keys and commitments of small order are refused.
    ///
    /// # Errors
    /// Any [`VerifyError`].
    pub fn verify(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
        let key = self.kind();
        if !key.fits(scheme) {
            return Err(VerifyError::WrongKind { key, scheme });
        }
        let right = match &self.0 {
            Public::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
            Public::P256(key) => {
                let key = p256::ecdsa::VerifyingKey::from(&**key);
                ecdsa::verify::<DerP256, FixedP256, _>(&key, scheme, message, signature)
            }
            Public::P384(key) => {
                let key = p384::ecdsa::VerifyingKey::from(&**key);
                ecdsa::verify::<DerP384, FixedP384, _>(&key, scheme, message, signature)
            }
            Public::P521(key) => {
                let key = p521::ecdsa::VerifyingKey::from(&**key);
                ecdsa::verify::<DerP521, FixedP521, _>(&key, scheme, message, signature)
            }
            Public::Rsa(key) => rsa_schemes::verify(key, scheme, message, signature),
        };
        if right { Ok(()) } else { Err(VerifyError::BadSignature) }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.kind())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.kind())
    }
}
