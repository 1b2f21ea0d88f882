//! Randomness as an argument.

use std::fmt;

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use zeroize::{Zeroize, Zeroizing};

/// Bytes of output made at a time.
const BUFFER_LEN: usize = 512;

/// A ChaCha20 generator started from 32 bytes: the same seed gives the same bytes, so a run can be repeated.
///
/// The key is replaced by the generator's own output whenever the buffer is refilled, and bytes handed out are
/// wiped from the buffer: whoever reads the state later learns nothing about earlier output ("fast key erasure").
/// In production the seed is 32 bytes of the system's entropy.
pub struct Rng {
    key: Zeroizing<[u8; 32]>,
    buffer: Zeroizing<[u8; BUFFER_LEN]>,
    /// First byte of the buffer not yet handed out.
    next: usize,
}

impl Rng {
    /// Starts the generator.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self { key: Zeroizing::new(seed), buffer: Zeroizing::new([0; BUFFER_LEN]), next: BUFFER_LEN }
    }

    /// Fills `out` with random bytes.
    pub fn fill(&mut self, mut out: &mut [u8]) {
        while !out.is_empty() {
            if self.next == BUFFER_LEN {
                self.refill();
            }
            let fresh = &mut self.buffer[self.next..];
            let taken = fresh.len().min(out.len());
            let (now, later) = out.split_at_mut(taken);
            now.copy_from_slice(&fresh[..taken]);
            fresh[..taken].zeroize();
            self.next += taken;
            out = later;
        }
    }

    /// Random bytes of a fixed number.
    #[must_use]
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// A random 32-bit number.
    #[must_use]
    pub fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.bytes())
    }

    /// A random 64-bit number.
    #[must_use]
    pub fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.bytes())
    }

    /// A random number below `bound`, each equally likely; 0 when `bound` is 0.
    #[must_use]
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        // Numbers above the largest multiple of `bound` would favour small results.
        let limit = u64::MAX - u64::MAX % bound;
        loop {
            let number = self.u64();
            if number < limit {
                return number % bound;
            }
        }
    }

    /// A generator of its own for work handed out, so that the order in which jobs finish decides nothing.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self::from_seed(self.bytes())
    }

    fn refill(&mut self) {
        self.buffer.zeroize();
        let mut cipher = ChaCha20::new((&*self.key).into(), (&[0_u8; 12]).into());
        self.key.zeroize();
        cipher.apply_keystream(&mut self.key[..]);
        cipher.apply_keystream(&mut self.buffer[..]);
        self.next = 0;
    }
}

impl fmt::Debug for Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rng")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_bytes_however_they_are_taken() {
        let mut whole = [0; 3000];
        Rng::from_seed([7; 32]).fill(&mut whole);
        let mut pieces = Vec::new();
        let mut rng = Rng::from_seed([7; 32]);
        for length in (1..).take_while(|length| length * (length + 1) / 2 <= 3000) {
            let mut piece = vec![0; length];
            rng.fill(&mut piece);
            pieces.extend(piece);
        }
        assert_eq!(pieces, whole[..pieces.len()]);
        assert_ne!(Rng::from_seed([8; 32]).u64(), Rng::from_seed([7; 32]).u64());
    }

    #[test]
    fn first_output_is_the_chacha20_keystream_after_the_next_key() {
        // RFC 8439 A.1, test vectors 1 and 2: key 0, nonce 0, blocks 0 and 1.
        let first: [u8; 40] = Rng::from_seed([0; 32]).bytes();
        assert_eq!(first[..8], [0xda, 0x41, 0x59, 0x7c, 0x51, 0x57, 0x48, 0x8d]);
        assert_eq!(first[32..], [0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a]);
    }

    #[test]
    fn handed_out_bytes_are_wiped_from_the_state() {
        let mut rng = Rng::from_seed([1; 32]);
        let out: [u8; 64] = rng.bytes();
        assert_ne!(out, [0; 64]);
        assert_eq!(rng.buffer[..64], [0; 64]);
    }

    #[test]
    fn below_stays_below_and_meets_all() {
        let mut rng = Rng::from_seed([2; 32]);
        let mut seen = [0_u32; 5];
        for _ in 0..1000 {
            seen[usize::try_from(rng.below(5)).expect("below five")] += 1;
        }
        assert!(seen.iter().all(|&count| count > 120), "{seen:?}");
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.below(1), 0);
    }

    #[test]
    fn forks_differ() {
        let mut rng = Rng::from_seed([3; 32]);
        assert_ne!(rng.fork().u64(), rng.fork().u64());
    }
}
