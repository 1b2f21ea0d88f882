//! The anti-replay window: a ring of words in which nothing is ever shifted. RFC 6479, RFC 4303 §3.4.3.

use crate::error::OpenError;

/// Packets; what a batch of super-packets may be reordered by, with room to spare.
pub const DEFAULT_WINDOW_PACKETS: u32 = 4096;
/// Packets; RFC 4303 §3.4.3 wants at least 32 and prefers 64.
pub const MIN_WINDOW_PACKETS: u32 = 64;
/// Packets; 16 KiB of words.
pub const MAX_WINDOW_PACKETS: u32 = 65_536;

const BITS: u64 = u64::BITS as u64;

/// Which of the last numbers were received.
///
/// The ring has more words than the window needs, so that the word of a new top can be cleared before any bit
/// of the window would be lost with it.
#[derive(Debug)]
pub struct ReplayWindow {
    /// The highest number received; 0 before the first.
    top: u64,
    size: u32,
    words: Box<[u64]>,
}

impl ReplayWindow {
    /// A window of this many packets, rounded up to a power of two between [`MIN_WINDOW_PACKETS`] and
    /// [`MAX_WINDOW_PACKETS`].
    #[must_use]
    pub fn new(packets: u32) -> Self {
        let size = packets.clamp(MIN_WINDOW_PACKETS, MAX_WINDOW_PACKETS).next_power_of_two();
        let mut words = vec![0; (size as usize / 64 + 1).next_power_of_two()].into_boxed_slice();
        // Numbers begin with 1 (RFC 4303 §3.3.3): 0 counts as received.
        words[0] = 1;
        Self { top: 0, size, words }
    }

    /// Size in packets.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.size
    }

    /// The highest number received; 0 before the first.
    #[must_use]
    pub fn top(&self) -> u64 {
        self.top
    }

    /// Whether a packet of this number may be opened. Changes nothing: it is not yet authentic.
    ///
    /// # Errors
    /// [`OpenError::Replayed`], [`OpenError::TooOld`].
    pub fn check(&self, sequence: u64) -> Result<(), OpenError> {
        if sequence > self.top {
            Ok(())
        } else if self.top - sequence >= u64::from(self.size) {
            Err(OpenError::TooOld)
        } else if self.words[self.word(sequence)] & bit(sequence) != 0 {
            Err(OpenError::Replayed)
        } else {
            Ok(())
        }
    }

    /// Notes a number as received, once its packet is authentic.
    pub fn mark(&mut self, sequence: u64) {
        if sequence > self.top {
            let skipped = sequence / BITS - self.top / BITS;
            for ahead in 1..=skipped.min(self.words.len() as u64) {
                // Beyond a whole turn every word is cleared once; which is first does not matter.
                let word = self.word(self.top.wrapping_add(ahead * BITS));
                self.words[word] = 0;
            }
            self.top = sequence;
        } else if self.top - sequence >= u64::from(self.size) {
            // Its place in the ring belongs to another number.
            return;
        }
        let word = self.word(sequence);
        self.words[word] |= bit(sequence);
    }

    fn word(&self, sequence: u64) -> usize {
        // The length is a power of two, so the mask keeps what the cast could lose.
        (sequence / BITS) as usize & (self.words.len() - 1)
    }
}

fn bit(sequence: u64) -> u64 {
    1 << (sequence % BITS)
}

#[cfg(test)]
mod tests;
