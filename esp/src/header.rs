//! SPI, sequence number, next header: where they are and how they are read. RFC 4303 §2.1, §2.2, §2.6.

use std::fmt;

/// SPI and the low half of the sequence number, in bytes.
pub const HEADER_LEN: usize = 8;

/// Pad length and next header, in bytes.
pub const TRAILER_LEN: usize = 2;

/// Security parameters index: names an SA at its receiver.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spi(pub u32);

impl Spi {
    /// The largest SPI that IANA keeps for itself; 0 never appears on the wire (RFC 4303 §2.1).
    pub const LAST_RESERVED: Self = Self(255);

    /// Reads the SPI of a packet; `None` if it is too short for one.
    #[must_use]
    pub fn of(packet: &[u8]) -> Option<Self> {
        packet.first_chunk().map(|bytes| Self(u32::from_be_bytes(*bytes)))
    }
}

impl fmt::Display for Spi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl fmt::Debug for Spi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spi({self})")
    }
}

/// What the payload is: an IP protocol number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NextHeader(pub u8);

impl NextHeader {
    /// An IPv4 packet: tunnel mode.
    pub const IPV4: Self = Self(4);
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
    /// An IPv6 packet: tunnel mode.
    pub const IPV6: Self = Self(41);
    /// GRE.
    pub const GRE: Self = Self(47);
    /// Nothing: a dummy (RFC 4303 §2.6).
    pub const NONE: Self = Self(59);
}

/// Writes SPI and the low half of the sequence number.
pub(crate) fn write(header: &mut [u8; HEADER_LEN], spi: Spi, sequence: u64) {
    header[..4].copy_from_slice(&spi.0.to_be_bytes());
    header[4..].copy_from_slice(&low(sequence).to_be_bytes());
}

/// Reads SPI and the low half of the sequence number.
pub(crate) fn read(&[a, b, c, d, e, f, g, h]: &[u8; HEADER_LEN]) -> (Spi, u32) {
    (Spi(u32::from_be_bytes([a, b, c, d])), u32::from_be_bytes([e, f, g, h]))
}

/// The half of the sequence number that is sent.
pub(crate) fn low(sequence: u64) -> u32 {
    let [.., a, b, c, d] = sequence.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// What is authenticated in front of the IV, and behind the ciphertext.
///
/// With extended sequence numbers an AEAD takes SPI, high and low half in front (RFC 4106 §5, RFC 7634 §2.1);
/// a MAC takes the packet as sent, and the high half as if it followed (RFC 4303 §2.2.1).
pub(crate) struct Authenticated {
    head: [u8; 12],
    head_len: usize,
    tail: [u8; 4],
    tail_len: usize,
}

impl Authenticated {
    pub(crate) fn new(spi: Spi, sequence: u64, esn: bool, aead: bool) -> Self {
        let high_and_low = sequence.to_be_bytes();
        let mut head = [0; 12];
        let mut tail = [0; 4];
        head[..4].copy_from_slice(&spi.0.to_be_bytes());
        if esn && aead {
            head[4..].copy_from_slice(&high_and_low);
            return Self { head, head_len: 12, tail, tail_len: 0 };
        }
        head[4..8].copy_from_slice(&high_and_low[4..]);
        tail.copy_from_slice(&high_and_low[..4]);
        Self { head, head_len: 8, tail, tail_len: if esn { 4 } else { 0 } }
    }

    pub(crate) fn aad(&self) -> adit_crypto::Aad<'_> {
        adit_crypto::Aad::with_tail(&self.head[..self.head_len], &self.tail[..self.tail_len])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spi_is_the_first_four_bytes() {
        assert_eq!(Spi::of(&[0x12, 0x34, 0x56, 0x78, 9]), Some(Spi(0x1234_5678)));
        assert_eq!(Spi::of(&[1, 2, 3]), None);
        assert_eq!(Spi(0xab).to_string(), "000000ab");
    }

    #[test]
    fn the_header_carries_the_low_half() {
        let mut header = [0; HEADER_LEN];
        write(&mut header, Spi(1), 0x1_0000_0002);
        assert_eq!(header, [0, 0, 0, 1, 0, 0, 0, 2]);
        assert_eq!(read(&header), (Spi(1), 2));
    }
}
