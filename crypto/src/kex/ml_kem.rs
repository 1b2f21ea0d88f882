//! ML-KEM-768 and ML-KEM-1024, key exchange methods 36 and 37. FIPS 203, draft-ietf-ipsecme-ikev2-mlkem.
//!
//! The initiator sends an encapsulation key, the responder a ciphertext. A ciphertext that was not made for the
//! key gives a secret nobody else has (implicit rejection, FIPS 203 algorithm 18): that something was wrong
//! shows only when the next message cannot be opened.

use ml_kem::kem::{Decapsulate, Decapsulator, Kem, KeyExport, KeyInit, TryKeyInit};
use ml_kem::{B32, Ciphertext, MlKem768, MlKem1024, Seed};
use zeroize::Zeroize;

use super::KexError;
use crate::rng::Rng;
use crate::secret::Secret;

/// d and z of FIPS 203 algorithm 19.
const SEED_LEN: usize = 64;

/// m of FIPS 203 algorithm 20.
pub(super) const MESSAGE_LEN: usize = 32;

/// A parameter set of FIPS 203 table 2.
pub(super) trait Parameters: Kem {
    /// FIPS 203 algorithm 17, with the randomness as argument: ciphertext, then shared secret.
    fn encapsulate(key: &Self::EncapsulationKey, message: &B32) -> (Vec<u8>, B32);
}

impl Parameters for MlKem768 {
    fn encapsulate(key: &Self::EncapsulationKey, message: &B32) -> (Vec<u8>, B32) {
        let (ciphertext, shared) = key.encapsulate_deterministic(message);
        (ciphertext.to_vec(), shared)
    }
}

impl Parameters for MlKem1024 {
    fn encapsulate(key: &Self::EncapsulationKey, message: &B32) -> (Vec<u8>, B32) {
        let (ciphertext, shared) = key.encapsulate_deterministic(message);
        (ciphertext.to_vec(), shared)
    }
}

pub(super) struct Private<P: Parameters>(P::DecapsulationKey);

impl<P> Private<P>
where
    P: Parameters<SharedKeySize = ml_kem::array::sizes::U32>,
    P::DecapsulationKey: Decapsulate<Kem = P> + KeyInit<KeySize = ml_kem::array::sizes::U64>,
{
    pub(super) fn generate(rng: &mut Rng) -> Self {
        let mut seed = Seed::default();
        rng.fill(&mut seed);
        let private = Self(P::DecapsulationKey::new(&seed));
        seed.zeroize();
        private
    }

    pub(super) fn from_bytes(seed: &[u8]) -> Result<Self, KexError> {
        let length = KexError::Length { expected: SEED_LEN, got: seed.len() };
        let seed: &Seed = seed.try_into().map_err(|_| length)?;
        Ok(Self(P::DecapsulationKey::new(seed)))
    }

    /// The encapsulation key.
    pub(super) fn public(&self) -> Vec<u8> {
        self.0.encapsulation_key().to_bytes().to_vec()
    }

    /// The only check a ciphertext needs is its length (FIPS 203 §7.3).
    pub(super) fn agree(&self, ciphertext: &[u8]) -> Result<Secret, KexError> {
        let length = KexError::Length { expected: Ciphertext::<P>::default().len(), got: ciphertext.len() };
        let mut shared = self.0.decapsulate_slice(ciphertext).map_err(|_| length)?;
        let secret = Secret::from_slice(&shared);
        shared.zeroize();
        Ok(secret)
    }
}

/// Ciphertext and shared secret for the peer's encapsulation key, whose coefficients must be in range
/// (FIPS 203 §7.2). `message` is [`MESSAGE_LEN`] random bytes.
pub(super) fn respond<P: Parameters>(key: &[u8], message: &Secret) -> Result<(Vec<u8>, Secret), KexError> {
    let length = |expected, got| KexError::Length { expected, got };
    let encoded: &ml_kem::Key<P::EncapsulationKey> =
        key.try_into().map_err(|_| length(ml_kem::Key::<P::EncapsulationKey>::default().len(), key.len()))?;
    let key = P::EncapsulationKey::new(encoded).map_err(|_| KexError::OutOfRange)?;
    let message: &B32 = message.expose().try_into().map_err(|_| length(MESSAGE_LEN, message.len()))?;
    let (ciphertext, mut shared) = P::encapsulate(&key, message);
    let secret = Secret::from_slice(&shared);
    shared.zeroize();
    Ok((ciphertext, secret))
}
