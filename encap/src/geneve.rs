//! Geneve (RFC 8926).
//!
//! ```text
//!  |Ver|  Opt Len  |O|C|    Rsvd.  |          Protocol Type        |
//!  |        Virtual Network Identifier (VNI)       |    Reserved   |
//!  ~                    Variable-Length Options                    ~
//! ```
//!
//! adit sends no options and knows none: what comes with options that may be ignored loses them, what
//! comes with a critical one is refused by the C bit, as §3.4 has it.

use crate::udp::{UDP_HEADER, UdpHeader, push_behind_udp};
use crate::{Inner, PopError, TRANSPARENT_ETHERNET_BRIDGING};

/// Bytes of a Geneve header without options.
pub const GENEVE_HEADER: usize = 8;
/// The IANA port.
pub const GENEVE_PORT: u16 = 6081;
/// A VNI has 24 bits.
pub const MAX_VNI: u32 = 0xff_ffff;
const VERSION: u8 = 0xc0;
const CONTROL: u8 = 0x80;
const CRITICAL: u8 = 0x40;

/// The sending half of a Geneve tunnel.
#[derive(Clone, Debug)]
pub struct Geneve {
    /// At most [`MAX_VNI`]; higher bits are not sent.
    pub vni: u32,
    /// The UDP header, where adit writes it itself: inside ESP. Elsewhere the socket does.
    pub udp: Option<UdpHeader>,
}

impl Geneve {
    /// 8, or 16 with its own UDP header.
    pub fn overhead(&self) -> usize {
        GENEVE_HEADER + if self.udp.is_some() { UDP_HEADER } else { 0 }
    }

    /// Writes the header of `payload`; see [`crate::Tunnel::push`].
    pub fn push(&mut self, header: &mut [u8], payload: &[u8], flow: u32) {
        assert_eq!(header.len(), self.overhead(), "the caller reserves exactly the overhead");
        let [_, a, b, c] = self.vni.to_be_bytes();
        let [high, low] = TRANSPARENT_ETHERNET_BRIDGING.to_be_bytes();
        push_behind_udp(self.udp.as_ref(), header, [0, 0, high, low, a, b, c, 0], payload, flow);
    }
}

/// Finds the frame in the payload of a UDP datagram.
///
/// # Errors
/// [`PopError::BadFlags`] for another version and for control packets, whose payload is not to be
/// forwarded; [`PopError::CriticalOption`], [`PopError::NotEthernet`], [`PopError::TooShort`].
pub fn pop(packet: &[u8]) -> Result<Inner, PopError> {
    let Some([first, flags, high, low, a, b, c, _]) = packet.first_chunk::<GENEVE_HEADER>() else {
        return Err(PopError::TooShort);
    };
    if first & VERSION != 0 || flags & CONTROL != 0 {
        return Err(PopError::BadFlags);
    }
    if flags & CRITICAL != 0 {
        return Err(PopError::CriticalOption);
    }
    if u16::from_be_bytes([*high, *low]) != TRANSPARENT_ETHERNET_BRIDGING {
        return Err(PopError::NotEthernet);
    }
    let start = GENEVE_HEADER + usize::from(first & !VERSION) * 4;
    if start > packet.len() {
        return Err(PopError::TooShort);
    }
    Ok(Inner { key: Some(u32::from_be_bytes([0, *a, *b, *c])), start, end: packet.len() })
}
