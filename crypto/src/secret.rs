//! Key material.

use std::fmt;
use std::ops::Range;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// Bytes that must not leak: wiped when dropped, not cloneable, opaque in `Debug`, compared in constant time.
///
/// The length is not secret.
pub struct Secret(Zeroizing<Box<[u8]>>);

impl Secret {
    /// Takes over `bytes`; the vector's own storage is wiped.
    #[must_use]
    pub fn new(mut bytes: Vec<u8>) -> Self {
        let secret = Self::from_slice(&bytes);
        bytes.zeroize();
        secret
    }

    /// Copies `bytes`; wiping the original remains the caller's business.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// Joins several pieces, as in `SK_e | SK_a`.
    #[must_use]
    pub fn concat(pieces: &[&[u8]]) -> Self {
        // `concat` sizes the vector exactly, so nothing is left behind by growing.
        Self(Zeroizing::new(pieces.concat().into_boxed_slice()))
    }

    /// Cuts the secret into consecutive pieces of these lengths, in the order in which prf+ output is assigned
    /// (RFC 7296 §2.14, §2.17). `None` when there are too few bytes; a rest is wiped.
    #[must_use]
    pub fn split<const N: usize>(self, lengths: [usize; N]) -> Option<[Self; N]> {
        let total = lengths.iter().try_fold(0_usize, |sum, &length| sum.checked_add(length))?;
        if total > self.len() {
            return None;
        }
        let mut start = 0;
        Some(lengths.map(|length| {
            let piece = Self::from_slice(&self.0[start..start + length]);
            start += length;
            piece
        }))
    }

    /// Copies a part into a secret of its own; `None` when the range is outside.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Option<Self> {
        self.0.get(range).map(Self::from_slice)
    }

    /// The bytes themselves. Every call is a place to look at in a review.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_length_only() {
        assert_eq!(format!("{:?}", Secret::new(b"password".to_vec())), "Secret(8 bytes)");
    }

    #[test]
    fn equality_is_of_bytes() {
        assert_eq!(Secret::from_slice(b"abc"), Secret::new(b"abc".to_vec()));
        assert_ne!(Secret::from_slice(b"abc"), Secret::from_slice(b"abd"));
        assert_ne!(Secret::from_slice(b"abc"), Secret::from_slice(b"abcd"));
    }

    #[test]
    fn split_assigns_in_order_and_refuses_too_much() {
        let [a, b, c] =
            Secret::from_slice(&[1, 2, 3, 4, 5, 6]).split([2, 0, 3]).expect("six bytes are enough");
        assert_eq!((a.expose(), b.expose(), c.expose()), (&[1, 2][..], &[][..], &[3, 4, 5][..]));
        assert!(Secret::from_slice(&[1, 2, 3]).split([2, 2]).is_none());
        assert!(Secret::from_slice(&[1, 2, 3]).split([usize::MAX, 2]).is_none());
    }

    #[test]
    fn concat_and_part_are_inverse() {
        let joined = Secret::concat(&[b"key", b"salt"]);
        assert_eq!(joined.part(3..7), Some(Secret::from_slice(b"salt")));
        assert_eq!(joined.part(3..8), None);
    }
}
