//! The IKE header (RFC 7296 §3.1).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-------------------------------+-------------------------------+
//! |                   IKE SA initiator's SPI                      |
//! |                                                               |
//! +---------------------------------------------------------------+
//! |                   IKE SA responder's SPI                      |
//! |                                                               |
//! +---------------+-------+-------+---------------+---------------+
//! | next payload  | major | minor | exchange type |  - - R V I -  |
//! +---------------+-------+-------+---------------+---------------+
//! |                          message id                           |
//! +---------------------------------------------------------------+
//! |                            length                             |
//! +---------------------------------------------------------------+
//! ```

use std::fmt;

use super::iana::{ExchangeType, PayloadType};
use super::malformed::Malformed;
use super::spi::IkeSpi;
use super::writer::Writer;

/// Octets of the header.
pub const HEADER_OCTETS: usize = 28;
/// The major version spoken here.
const MAJOR_VERSION: u8 = 2;
/// Where the header's length field is.
pub(crate) const LENGTH_FIELD: std::ops::Range<usize> = 24..28;

const FLAG_INITIATOR: u8 = 0x08;
const FLAG_RESPONSE: u8 = 0x20;

/// Message id, counted by each end for its own requests (RFC 7296 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MessageId(pub u32);

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The header, without the fields the codec answers for (version, first payload, length).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Chosen by the IKE SA's original initiator; never zero.
    pub initiator_spi: IkeSpi,
    /// Chosen by the responder; zero in a first request.
    pub responder_spi: IkeSpi,
    /// Which exchange this message is part of.
    pub exchange: ExchangeType,
    /// I bit: the sender is the original initiator of this IKE SA.
    pub initiator: bool,
    /// R bit: this answers the request with the same message id.
    pub response: bool,
    /// Message id.
    pub message_id: MessageId,
}

impl Header {
    /// Reads the header alone, which is all that finding the IKE SA needs.
    ///
    /// # Errors
    /// `TooShort`, `MajorVersion`, `ZeroSpi`, `Length` (the field must be the datagram's length).
    pub fn parse(datagram: &[u8]) -> Result<Self, Malformed> {
        Self::parse_with_next(datagram).map(|(header, _)| header)
    }

    /// The header, and the type of the first payload.
    pub(crate) fn parse_with_next(datagram: &[u8]) -> Result<(Self, PayloadType), Malformed> {
        let Some((fixed, _)) = datagram.split_first_chunk::<HEADER_OCTETS>() else {
            return Err(Malformed::TooShort(datagram.len()));
        };
        let [i0, i1, i2, i3, i4, i5, i6, i7, r0, r1, r2, r3, r4, r5, r6, r7, tail @ ..] = *fixed;
        let [next, version, exchange, flags, m0, m1, m2, m3, l0, l1, l2, l3] = tail;
        let major = version >> 4;
        if major != MAJOR_VERSION {
            return Err(Malformed::MajorVersion(major));
        }
        let stated = u32::from_be_bytes([l0, l1, l2, l3]);
        if usize::try_from(stated) != Ok(datagram.len()) {
            return Err(Malformed::Length { stated, actual: datagram.len() });
        }
        let initiator_spi = IkeSpi(u64::from_be_bytes([i0, i1, i2, i3, i4, i5, i6, i7]));
        if initiator_spi.is_zero() {
            return Err(Malformed::ZeroSpi);
        }
        let header = Self {
            initiator_spi,
            responder_spi: IkeSpi(u64::from_be_bytes([r0, r1, r2, r3, r4, r5, r6, r7])),
            exchange: ExchangeType(exchange),
            initiator: flags & FLAG_INITIATOR != 0,
            response: flags & FLAG_RESPONSE != 0,
            message_id: MessageId(u32::from_be_bytes([m0, m1, m2, m3])),
        };
        Ok((header, PayloadType(next)))
    }

    /// Writes the header with a length of all ones; [`patch_length`] puts the right one.
    pub(crate) fn emit(&self, next: PayloadType, out: &mut Writer) {
        out.bytes(&self.initiator_spi.to_bytes());
        out.bytes(&self.responder_spi.to_bytes());
        out.u8(next.0);
        out.u8(MAJOR_VERSION << 4);
        out.u8(self.exchange.0);
        let initiator = if self.initiator { FLAG_INITIATOR } else { 0 };
        let response = if self.response { FLAG_RESPONSE } else { 0 };
        out.u8(initiator | response);
        out.u32(self.message_id.0);
        out.u32(u32::MAX);
    }
}

/// Writes the length of a finished message into its header.
pub(crate) fn patch_length(message: &mut [u8]) {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    if let Some(field) = message.get_mut(LENGTH_FIELD) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}
