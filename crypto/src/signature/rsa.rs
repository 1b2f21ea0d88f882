//! RSASSA-PSS and RSASSA-PKCS1-v1_5. RFC 8017 §8.

use std::convert::Infallible;

use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::traits::PublicKeyParts;
use rsa::{PrivateKey, PublicKey};
use sha2::{Sha256, Sha384, Sha512};

use super::key::KeyError;
use super::{Hash, Scheme};
use crate::rng::Rng;

/// RFC 8247 §3.1 and §4.1: shorter keys SHOULD NOT be used.
const MIN_BITS: u32 = 2048;

/// Refuses keys that are too short. The library reads none beyond 8192 bits, so that no peer can choose how much of
/// our time a signature takes.
pub(super) fn check(key: &PublicKey) -> Result<(), KeyError> {
    let bits = key.n().bit_width();
    if bits < MIN_BITS { Err(KeyError::RsaTooShort(bits)) } else { Ok(()) }
}

/// `None` when the key's numbers do not fit each other, or the scheme is none of RSA's. The randomness is for the
/// salt, and blinds the private operation.
pub(super) fn sign(key: &PrivateKey, scheme: Scheme, message: &[u8], rng: &mut Rng) -> Option<Vec<u8>> {
    let mut rng = Randomness(rng);
    match scheme {
        Scheme::RsaPss(Hash::Sha256) => key.pss_sign_with_rng::<Sha256, _>(&mut rng, message),
        Scheme::RsaPss(Hash::Sha384) => key.pss_sign_with_rng::<Sha384, _>(&mut rng, message),
        Scheme::RsaPss(Hash::Sha512) => key.pss_sign_with_rng::<Sha512, _>(&mut rng, message),
        Scheme::RsaPkcs1(Hash::Sha256) => key.pkcs1v15_sign_with_rng::<Sha256, _>(&mut rng, message),
        Scheme::RsaPkcs1(Hash::Sha384) => key.pkcs1v15_sign_with_rng::<Sha384, _>(&mut rng, message),
        Scheme::RsaPkcs1(Hash::Sha512) => key.pkcs1v15_sign_with_rng::<Sha512, _>(&mut rng, message),
        Scheme::Ed25519 | Scheme::Ecdsa(_) | Scheme::EcdsaFixed(_) => return None,
    }
    .ok()
}

/// Whether the signature is right.
pub(super) fn verify(key: &PublicKey, scheme: Scheme, message: &[u8], signature: &[u8]) -> bool {
    match scheme {
        Scheme::RsaPss(Hash::Sha256) => key.pss_verify::<Sha256>(message, signature),
        Scheme::RsaPss(Hash::Sha384) => key.pss_verify::<Sha384>(message, signature),
        Scheme::RsaPss(Hash::Sha512) => key.pss_verify::<Sha512>(message, signature),
        Scheme::RsaPkcs1(Hash::Sha256) => key.pkcs1v15_verify::<Sha256>(message, signature),
        Scheme::RsaPkcs1(Hash::Sha384) => key.pkcs1v15_verify::<Sha384>(message, signature),
        Scheme::RsaPkcs1(Hash::Sha512) => key.pkcs1v15_verify::<Sha512>(message, signature),
        Scheme::Ed25519 | Scheme::Ecdsa(_) | Scheme::EcdsaFixed(_) => return false,
    }
    .is_ok()
}

/// Our generator with the face the library wants.
struct Randomness<'r>(&'r mut Rng);

impl TryRng for Randomness<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.u64())
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for Randomness<'_> {}
