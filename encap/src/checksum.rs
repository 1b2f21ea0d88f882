//! The Internet checksum (RFC 1071), its incremental update (RFC 1624), and a
//! copy that sums on its way.
//!
//! A sum is kept as a [`Sum`]: order of additions does not matter, so a header,
//! a pseudo header and a payload may be summed apart and joined, as long as
//! every part but the last has an even length.

use std::net::IpAddr;

/// A running one's complement sum, not yet folded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum(u64);

impl Sum {
    /// Nothing summed.
    pub const ZERO: Self = Self(0);

    /// The sum of `bytes`; an odd last byte counts as its high half (RFC 1071 §1).
    pub fn of(bytes: &[u8]) -> Self {
        let mut chunks = bytes.chunks_exact(32);
        // Four independent adders of 32-bit words: no carry can be lost within 2^32 of them.
        let mut lanes = [0_u64; 4];
        for chunk in &mut chunks {
            for (lane, pair) in lanes.iter_mut().zip(chunk.chunks_exact(8)) {
                let word = u64::from_be_bytes([
                    pair[0], pair[1], pair[2], pair[3], pair[4], pair[5], pair[6], pair[7],
                ]);
                *lane += (word >> 32) + (word & 0xffff_ffff);
            }
        }
        let mut sum: u64 = lanes.iter().map(|lane| fold64(*lane)).sum();
        let mut pairs = chunks.remainder().chunks_exact(2);
        for pair in &mut pairs {
            sum += u64::from(u16::from_be_bytes([pair[0], pair[1]]));
        }
        if let [last] = pairs.remainder() {
            sum += u64::from(*last) << 8;
        }
        Self(sum)
    }

    /// The TCP, UDP or ICMPv6 pseudo header (RFC 9293 §3.1, RFC 8200 §8.1). Mixed families sum to what they are.
    pub fn pseudo_header(source: IpAddr, destination: IpAddr, protocol: u8, length: usize) -> Self {
        let address = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => Self::of(&ip.octets()),
            IpAddr::V6(ip) => Self::of(&ip.octets()),
        };
        address(source) + address(destination) + Self(u64::from(protocol)) + Self(length as u64)
    }

    /// One more 16-bit word.
    #[must_use]
    pub fn add_word(self, word: u16) -> Self {
        Self(fold64(self.0) + u64::from(word))
    }

    /// The sum as 16 bits, not inverted: what a partial checksum (virtio NEEDS_CSUM) holds.
    pub fn folded(self) -> u16 {
        fold64(self.0) as u16
    }

    /// The checksum field: inverted.
    pub fn checksum(self) -> u16 {
        !self.folded()
    }

    /// The checksum field of UDP, where 0 would mean "none" (RFC 768).
    pub fn udp_checksum(self) -> u16 {
        match self.checksum() {
            0 => 0xffff,
            sum => sum,
        }
    }

    /// Whether bytes that include their own checksum sum to "all ones".
    pub fn is_valid(self) -> bool {
        self.folded() == 0xffff
    }
}

impl std::ops::Add for Sum {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(fold64(self.0) + fold64(other.0))
    }
}

fn fold64(mut sum: u64) -> u64 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum
}

/// The checksum after one 16-bit word changed from `old` to `new` (RFC 1624 eqn. 3).
pub fn update(checksum: u16, old: u16, new: u16) -> u16 {
    let sum = u64::from(!checksum) + u64::from(!old) + u64::from(new);
    !(fold64(sum) as u16)
}

/// Copies `from` to the equally long `to` and sums it, in blocks that stay in the first-level cache.
///
/// # Panics
/// When the lengths differ.
pub fn copy_and_sum(to: &mut [u8], from: &[u8]) -> Sum {
    const BLOCK: usize = 2048; // even, so that block sums may be added
    assert_eq!(to.len(), from.len(), "one copy, one length");
    let mut sum = Sum::ZERO;
    for (to, from) in to.chunks_mut(BLOCK).zip(from.chunks(BLOCK)) {
        to.copy_from_slice(from);
        sum = sum + Sum::of(to);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 1071 §4.1, literally.
    fn naive(bytes: &[u8]) -> u16 {
        let mut sum = 0_u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    #[test]
    fn the_example_of_rfc_1071_section_3() {
        let sum = Sum::of(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.folded(), 0xddf2);
        assert_eq!(sum.checksum(), 0x220d);
    }

    #[test]
    fn the_example_of_rfc_1624_section_4() {
        assert_eq!(update(0xdd2f, 0x5555, 0x3285), 0x0000);
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
            prop_assert_eq!(Sum::of(&bytes).checksum(), naive(&bytes));
            let mut copy = vec![0; bytes.len()];
            prop_assert_eq!(copy_and_sum(&mut copy, &bytes).checksum(), naive(&bytes));
            prop_assert_eq!(copy, bytes);
        }

        #[test]
        fn parts_may_be_summed_apart(bytes in proptest::collection::vec(any::<u8>(), 2..400), cut in 0_usize..200) {
            let (a, b) = bytes.split_at((cut * 2).min(bytes.len() / 2 * 2));
            prop_assert_eq!((Sum::of(a) + Sum::of(b)).checksum(), naive(&bytes));
        }

        #[test]
        fn updating_is_summing_again(mut words in proptest::collection::vec(any::<u16>(), 2..40), at: prop::sample::Index, new: u16) {
            let bytes = |words: &[u16]| words.iter().flat_map(|w| w.to_be_bytes()).collect::<Vec<_>>();
            let before = naive(&bytes(&words));
            let at = at.index(words.len());
            let old = std::mem::replace(&mut words[at], new);
            let after = Sum::of(&bytes(&words));
            let updated = Sum(u64::from(!update(before, old, new)));
            // Equal as one's complement numbers: all zeros and all ones are the same.
            let value = |sum: Sum| sum.folded() % 0xffff;
            prop_assert_eq!(value(updated), value(after));
        }
    }
}
