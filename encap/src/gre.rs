//! GRE (RFC 2784) with key and sequence number (RFC 2890), carrying Ethernet
//! frames.
//!
//! ```text
//!  0                   1                   2                   3
//!  |C| |K|S| Reserved0       | Ver |         Protocol Type         |
//!  |      Checksum (if C)          |       Reserved1 (if C)        |
//!  |                          Key (if K)                           |
//!  |                    Sequence Number (if S)                     |
//! ```

use crate::checksum::Sum;
use crate::{Inner, PopError, TRANSPARENT_ETHERNET_BRIDGING};

const CHECKSUM: u8 = 0x80;
const KEY: u8 = 0x20;
const SEQUENCE: u8 = 0x10;

/// The sending half of a GRE tunnel.
#[derive(Clone, Debug, Default)]
pub struct Gre {
    /// Present in every packet when set, even when 0.
    pub key: Option<u32>,
    /// Whether packets carry a checksum over header and frame.
    pub checksum: bool,
    /// The next packet's number, where packets are numbered.
    pub sequence: Option<u32>,
}

impl Gre {
    /// 4, and 4 more for each optional field.
    pub fn overhead(&self) -> usize {
        let options = [self.checksum, self.key.is_some(), self.sequence.is_some()];
        4 + 4 * options.iter().filter(|present| **present).count()
    }

    /// Writes the header of `payload`; see [`crate::Tunnel::push`].
    pub fn push(&mut self, header: &mut [u8], payload: &[u8]) {
        assert_eq!(header.len(), self.overhead(), "the caller reserves exactly the overhead");
        header.fill(0);
        header[2..4].copy_from_slice(&TRANSPARENT_ETHERNET_BRIDGING.to_be_bytes());
        let mut at = 4;
        if self.checksum {
            header[0] |= CHECKSUM;
            at += 4;
        }
        if let Some(key) = self.key {
            header[0] |= KEY;
            header[at..at + 4].copy_from_slice(&key.to_be_bytes());
            at += 4;
        }
        if let Some(sequence) = &mut self.sequence {
            header[0] |= SEQUENCE;
            header[at..at + 4].copy_from_slice(&sequence.to_be_bytes());
            *sequence = sequence.wrapping_add(1); // RFC 2890 §2.2
        }
        if self.checksum {
            let sum = (Sum::of(header) + Sum::of(payload)).checksum();
            header[4..6].copy_from_slice(&sum.to_be_bytes());
        }
    }
}

/// Finds the frame behind a GRE header. The sequence number is skipped: a switch keeps frames that
/// come late, as Open vSwitch does.
///
/// # Errors
/// [`PopError::BadFlags`] for another version, routing or reserved bits that RFC 2784 §2.3 says to discard.
pub fn pop(packet: &[u8]) -> Result<Inner, PopError> {
    let [flags, version, protocol @ ..] = packet else { return Err(PopError::TooShort) };
    if flags & !(CHECKSUM | KEY | SEQUENCE) != 0 || *version != 0 {
        return Err(PopError::BadFlags);
    }
    let Some(protocol) = protocol.first_chunk() else { return Err(PopError::TooShort) };
    let mut at = 4;
    let mut field = |present: u8| -> Result<Option<[u8; 4]>, PopError> {
        if flags & present == 0 {
            return Ok(None);
        }
        let bytes = packet.get(at..).and_then(|rest| rest.first_chunk()).ok_or(PopError::TooShort)?;
        at += 4;
        Ok(Some(*bytes))
    };
    let checksum = field(CHECKSUM)?;
    let key = field(KEY)?.map(u32::from_be_bytes);
    field(SEQUENCE)?;
    if checksum.is_some() && !Sum::of(packet).is_valid() {
        return Err(PopError::BadChecksum);
    }
    if u16::from_be_bytes(*protocol) != TRANSPARENT_ETHERNET_BRIDGING {
        return Err(PopError::NotEthernet);
    }
    Ok(Inner { key, start: at, end: packet.len() })
}
