//! Payload length → where everything goes. RFC 4303 §2.4.

use std::ops::Range;

use adit_crypto::Geometry;

use crate::header::{HEADER_LEN, TRAILER_LEN};

/// The trailer must end on a 4-byte boundary whatever the cipher (RFC 4303 §2.4).
const MIN_ALIGNMENT: usize = 4;

/// Where the payload goes and how long the packet gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    payload_start: usize,
    payload_len: usize,
    padding: u8,
    total: usize,
}

impl Layout {
    /// The layout of `payload_len` bytes under a suite of this geometry.
    #[must_use]
    pub fn new(geometry: &Geometry, payload_len: usize) -> Self {
        let payload_start = HEADER_LEN + geometry.iv;
        let bare = payload_len + TRAILER_LEN;
        let padded = bare.next_multiple_of(alignment(geometry));
        let padding = u8::try_from(padded - bare).expect("no block is longer than 255 bytes");
        Self { payload_start, payload_len, padding, total: payload_start + padded + geometry.icv }
    }

    /// The place of the payload in the packet.
    #[must_use]
    pub fn payload(&self) -> Range<usize> {
        self.payload_start..self.payload_start + self.payload_len
    }

    /// Length of the packet in bytes, from SPI to ICV; IP and UDP headers are not counted.
    #[must_use]
    pub fn total(&self) -> usize {
        self.total
    }

    /// Bytes of padding in front of the trailer.
    pub(crate) fn padding(&self) -> u8 {
        self.padding
    }
}

/// The longest payload whose packet has at most `total` bytes; `None` if not even an empty one fits.
#[must_use]
pub fn max_payload(geometry: &Geometry, total: usize) -> Option<usize> {
    let text = total.checked_sub(HEADER_LEN + geometry.iv + geometry.icv)?;
    let whole = text - text % alignment(geometry);
    whole.checked_sub(TRAILER_LEN)
}

fn alignment(geometry: &Geometry) -> usize {
    geometry.block.max(MIN_ALIGNMENT)
}

#[cfg(test)]
mod tests {
    use adit_crypto::{IntegId, Suite};

    use super::*;

    #[test]
    fn aes_gcm_pads_to_four() {
        let geometry = Suite::AES_GCM_16_256.geometry().expect("built in");
        let layout = Layout::new(&geometry, 5);
        assert_eq!(layout.payload(), 16..21);
        assert_eq!(layout.padding(), 1);
        assert_eq!(layout.total(), 16 + 8 + 16);
        assert_eq!(Layout::new(&geometry, 6).padding(), 0);
        assert_eq!(Layout::new(&geometry, 1420).total(), 1420 + 8 + 8 + 2 + 2 + 16);
    }

    #[test]
    fn aes_cbc_pads_to_sixteen() {
        let geometry = Suite::aes_cbc(256, IntegId::HMAC_SHA2_512_256).geometry().expect("built in");
        let layout = Layout::new(&geometry, 15);
        assert_eq!(layout.payload(), 24..39);
        assert_eq!(layout.padding(), 15);
        assert_eq!(layout.total(), 24 + 32 + 32);
    }

    #[test]
    fn the_longest_payload_fits_and_one_more_does_not() {
        for suite in Suite::all() {
            let geometry = suite.geometry().expect("built in");
            for total in 0..1600 {
                match max_payload(&geometry, total) {
                    Some(longest) => {
                        assert!(Layout::new(&geometry, longest).total() <= total);
                        assert!(Layout::new(&geometry, longest + 1).total() > total);
                    }
                    None => assert!(Layout::new(&geometry, 0).total() > total),
                }
            }
        }
    }
}
