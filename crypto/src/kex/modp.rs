//! MODP-2048, key exchange method 14. RFC 3526 §3.

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Odd, U512, U2048};
use std::sync::LazyLock;
use zeroize::{Zeroize, Zeroizing};

use super::{KexError, exactly};
use crate::rng::Rng;
use crate::secret::Secret;

pub(super) const PUBLIC_LEN: usize = 256;

/// Private values have 512 bits: more than three times the strength of the group, which RFC 3526 §8 puts at
/// 110 to 160 bits, at a quarter of the cost of a full-length exponent.
const PRIVATE_LEN: usize = 64;

const GENERATOR: u8 = 2;

/// 2^2048 - 2^1984 - 1 + 2^64 * { [2^1918 pi] + 124476 }: a safe prime.
const PRIME: U2048 = U2048::from_be_hex(
    "\
     FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74\
     020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437\
     4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
     EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05\
     98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB\
     9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B\
     E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718\
     3995497CEA956AE515D2261898FA051015728E5A8AACAA68FFFFFFFFFFFFFFFF",
);

static GROUP: LazyLock<FixedMontyParams<{ U2048::LIMBS }>> =
    LazyLock::new(|| FixedMontyParams::new(Odd::new(PRIME).expect("the prime is odd")));

/// Prime and generator of MODP-2048, big-endian: for those who check them.
#[must_use]
pub fn modp_2048() -> ([u8; PUBLIC_LEN], u8) {
    let mut prime = [0; PUBLIC_LEN];
    prime.copy_from_slice(PRIME.to_be_bytes().as_ref());
    (prime, GENERATOR)
}

pub(super) struct Private(U512);

impl Private {
    pub(super) fn generate(rng: &mut Rng) -> Self {
        let bytes = Zeroizing::new(rng.bytes::<PRIVATE_LEN>());
        // The top bit is set so that the exponent is never small; its bit length is public anyway.
        Self(U512::from_be_slice(&bytes[..]) | (U512::ONE << 511))
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, KexError> {
        let Some(leading) = PRIVATE_LEN.checked_sub(bytes.len()) else {
            return Err(KexError::Length { expected: PRIVATE_LEN, got: bytes.len() });
        };
        let mut padded = Zeroizing::new([0; PRIVATE_LEN]);
        padded[leading..].copy_from_slice(bytes);
        let private = U512::from_be_slice(&padded[..]);
        if private <= U512::ONE { Err(KexError::OutOfRange) } else { Ok(Self(private)) }
    }

    pub(super) fn public(&self) -> Vec<u8> {
        self.raise(&U2048::from_u8(GENERATOR)).to_be_bytes().as_ref().to_vec()
    }

    /// Only 1 < y < p-1 passes. In this group of a safe prime that leaves no element of small order
    /// (RFC 6989 §2.1).
    pub(super) fn agree(&self, peer: &[u8]) -> Result<Secret, KexError> {
        let peer: &[u8; PUBLIC_LEN] = exactly(peer)?;
        let peer = U2048::from_be_slice(peer);
        if peer <= U2048::ONE || peer >= PRIME.wrapping_sub(&U2048::ONE) {
            return Err(KexError::OutOfRange);
        }
        let mut shared = self.raise(&peer);
        let secret = Secret::from_slice(shared.to_be_bytes().as_ref());
        shared.zeroize();
        Ok(secret)
    }

    /// `base` to the private power, in time that does not depend on the exponent.
    fn raise(&self, base: &U2048) -> U2048 {
        FixedMontyForm::new(base, &GROUP).pow(&self.0).retrieve()
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
