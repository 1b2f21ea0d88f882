//! MODP groups, key exchange methods 14 to 18. RFC 3526.
//!
//! All primes are safe: p = 2q + 1 with q prime, so what passes 1 < y < p-1 has order q or 2q.

mod primes;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd, Resize};
use std::sync::LazyLock;
use zeroize::{Zeroize, Zeroizing};

use super::KexError;
use crate::rng::Rng;
use crate::secret::Secret;
use crate::transform::KeId;

/// Of all groups.
const GENERATOR: u8 = 2;

/// One group. What computing modulo its prime takes is made at first use.
struct Group {
    id: KeId,
    /// Length of prime, public value and shared secret in bytes.
    len: usize,
    /// Length of our private values in bytes: more than twice the highest estimate of the group's strength in
    /// RFC 3526 §8, at a fraction of the cost of a full-length exponent.
    private_len: usize,
    modulus: LazyLock<BoxedMontyParams>,
}

#[rustfmt::skip]
static GROUPS: [Group; 5] = [
    Group { id: KeId::MODP_2048, len: 256,  private_len: 64, modulus: LazyLock::new(|| modulus(primes::PRIME_2048)) },
    Group { id: KeId::MODP_3072, len: 384,  private_len: 64, modulus: LazyLock::new(|| modulus(primes::PRIME_3072)) },
    Group { id: KeId::MODP_4096, len: 512,  private_len: 64, modulus: LazyLock::new(|| modulus(primes::PRIME_4096)) },
    Group { id: KeId::MODP_6144, len: 768,  private_len: 80, modulus: LazyLock::new(|| modulus(primes::PRIME_6144)) },
    Group { id: KeId::MODP_8192, len: 1024, private_len: 80, modulus: LazyLock::new(|| modulus(primes::PRIME_8192)) },
];

/// Bits of a hexadecimal digit.
const DIGIT_BITS: u32 = 4;

fn modulus(prime: &str) -> BoxedMontyParams {
    let digits = u32::try_from(prime.len()).expect("a few thousand digits");
    let prime = BoxedUint::from_be_hex(prime, DIGIT_BITS * digits).expect("hexadecimal digits");
    BoxedMontyParams::new(Odd::new(prime).expect("a prime above two is odd"))
}

impl Group {
    fn find(id: KeId) -> Result<&'static Self, KexError> {
        GROUPS.iter().find(|group| group.id == id).ok_or(KexError::Unsupported(id))
    }

    fn prime(&self) -> &BoxedUint {
        self.modulus.modulus().as_ref()
    }

    fn bits(&self) -> u32 {
        self.modulus.bits_precision()
    }
}

/// Prime, big-endian, and generator of a MODP group: for those who check them. `None` for any other method.
#[must_use]
pub fn modp_group(id: KeId) -> Option<(Vec<u8>, u8)> {
    Group::find(id).ok().map(|group| (group.prime().to_be_bytes().into_vec(), GENERATOR))
}

pub(super) struct Private {
    group: &'static Group,
    exponent: BoxedUint,
}

impl Private {
    pub(super) fn generate(id: KeId, rng: &mut Rng) -> Result<Self, KexError> {
        let mut bytes = Zeroizing::new(vec![0; Group::find(id)?.private_len]);
        rng.fill(&mut bytes);
        // The top bit is set so that the exponent is never small; its bit length is public anyway.
        bytes[0] |= 0x80;
        Self::from_bytes(id, &bytes)
    }

    pub(super) fn from_bytes(id: KeId, bytes: &[u8]) -> Result<Self, KexError> {
        let group = Group::find(id)?;
        let length = KexError::Length { expected: group.private_len, got: bytes.len() };
        let bits = 8 * u32::try_from(group.private_len).map_err(|_| length)?;
        let private = Self { group, exponent: BoxedUint::from_be_slice(bytes, bits).map_err(|_| length)? };
        if private.exponent <= BoxedUint::one() { Err(KexError::OutOfRange) } else { Ok(private) }
    }

    pub(super) fn method(&self) -> KeId {
        self.group.id
    }

    pub(super) fn public(&self) -> Vec<u8> {
        self.raise(BoxedUint::from(GENERATOR)).to_vec()
    }

    /// Only 1 < y < p-1 passes. In a group of a safe prime that leaves no element of small order
    /// (RFC 6989 §2.1).
    pub(super) fn agree(&self, peer: &[u8]) -> Result<Secret, KexError> {
        let length = KexError::Length { expected: self.group.len, got: peer.len() };
        if peer.len() != self.group.len {
            return Err(length);
        }
        let peer = BoxedUint::from_be_slice(peer, self.group.bits()).map_err(|_| length)?;
        let one = BoxedUint::one();
        if peer <= one || peer >= self.group.prime().wrapping_sub(&one) {
            return Err(KexError::OutOfRange);
        }
        Ok(Secret::from_slice(&self.raise(peer)))
    }

    /// `base` to the private power, big-endian with its leading zeros, in time that does not depend on the
    /// exponent.
    fn raise(&self, base: BoxedUint) -> Zeroizing<Box<[u8]>> {
        let base = BoxedMontyForm::new(base.resize(self.group.bits()), &self.group.modulus);
        let mut power = base.pow(&self.exponent);
        let mut number = power.retrieve();
        let bytes = Zeroizing::new(number.to_be_bytes());
        power.zeroize();
        number.zeroize();
        bytes
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        self.exponent.zeroize();
    }
}
