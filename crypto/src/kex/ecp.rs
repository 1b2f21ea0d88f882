//! ECP-256, ECP-384, ECP-521 (NIST P-256, P-384, P-521), key exchange methods 19, 20, 21. RFC 5903.
//!
//! The public value is x then y, each as long as the field, without the 04 in front of SEC 1; the secret is x
//! alone (RFC 5903 §7, §9).

use p256::elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use p256::elliptic_curve::{AffinePoint, CurveArithmetic, FieldBytesSize, PublicKey, SecretKey};
use zeroize::Zeroizing;

use super::KexError;
use crate::rng::Rng;
use crate::secret::Secret;

/// SEC 1 §2.3.3: an uncompressed point follows.
const UNCOMPRESSED: u8 = 4;

/// Longest field element in bytes: that of P-521.
const MAX_FIELD_LEN: usize = 66;

/// A curve of prime order, so that a point on it is of no small order.
pub(super) trait Curve: CurveArithmetic {
    /// Length of a coordinate and of a private value, in bytes.
    const FIELD_LEN: usize;
    /// What may be set in the first byte of a private value.
    const FIRST_BYTE: u8;
}

impl Curve for p256::NistP256 {
    const FIELD_LEN: usize = 32;
    const FIRST_BYTE: u8 = 0xff;
}

impl Curve for p384::NistP384 {
    const FIELD_LEN: usize = 48;
    const FIRST_BYTE: u8 = 0xff;
}

impl Curve for p521::NistP521 {
    const FIELD_LEN: usize = 66;
    const FIRST_BYTE: u8 = 0x01;
}

pub(super) struct Private<C: Curve>(SecretKey<C>);

impl<C> Private<C>
where
    C: Curve,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    pub(super) fn generate(rng: &mut Rng) -> Self {
        let mut candidate = Zeroizing::new([0; MAX_FIELD_LEN]);
        let candidate = &mut candidate[..C::FIELD_LEN];
        loop {
            rng.fill(candidate);
            candidate[0] &= C::FIRST_BYTE;
            // Refused when not in 1..n, which happens less than once in 2^32.
            if let Ok(private) = Self::from_bytes(candidate) {
                return private;
            }
        }
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, KexError> {
        if bytes.len() != C::FIELD_LEN {
            return Err(KexError::Length { expected: C::FIELD_LEN, got: bytes.len() });
        }
        SecretKey::from_slice(bytes).map(Self).map_err(|_| KexError::OutOfRange)
    }

    pub(super) fn public(&self) -> Vec<u8> {
        self.0.public_key().to_sec1_point(false).as_bytes()[1..].to_vec()
    }

    /// `PublicKey` exists only for points on the curve (RFC 6989 §2.3).
    pub(super) fn agree(&self, peer: &[u8]) -> Result<Secret, KexError> {
        let expected = 2 * C::FIELD_LEN;
        if peer.len() != expected {
            return Err(KexError::Length { expected, got: peer.len() });
        }
        let point = [&[UNCOMPRESSED], peer].concat();
        let peer = PublicKey::<C>::from_sec1_bytes(&point).map_err(|_| KexError::NotOnCurve)?;
        Ok(Secret::from_slice(self.0.diffie_hellman(&peer).raw_secret_bytes()))
    }
}
