//! VXLAN (RFC 7348).
//!
//! ```text
//!  |R|R|R|R|I|R|R|R|            Reserved                           |
//!  |                VXLAN Network Identifier (VNI) |   Reserved    |
//! ```

use crate::udp::{UDP_HEADER, UdpHeader, push_behind_udp};
use crate::{Inner, PopError};

/// Bytes of a VXLAN header.
pub const VXLAN_HEADER: usize = 8;
/// The IANA port.
pub const VXLAN_PORT: u16 = 4789;
/// A VNI has 24 bits.
pub const MAX_VNI: u32 = 0xff_ffff;
const VALID_VNI: u8 = 0x08;

/// The sending half of a VXLAN tunnel.
#[derive(Clone, Debug)]
pub struct Vxlan {
    /// At most [`MAX_VNI`]; higher bits are not sent.
    pub vni: u32,
    /// The UDP header, where adit writes it itself: inside ESP. Elsewhere the socket does.
    pub udp: Option<UdpHeader>,
}

impl Vxlan {
    /// 8, or 16 with its own UDP header.
    pub fn overhead(&self) -> usize {
        VXLAN_HEADER + if self.udp.is_some() { UDP_HEADER } else { 0 }
    }

    /// Writes the header of `payload`; see [`crate::Tunnel::push`].
    pub fn push(&mut self, header: &mut [u8], payload: &[u8], flow: u32) {
        assert_eq!(header.len(), self.overhead(), "the caller reserves exactly the overhead");
        let [_, a, b, c] = self.vni.to_be_bytes();
        push_behind_udp(self.udp.as_ref(), header, [VALID_VNI, 0, 0, 0, a, b, c, 0], payload, flow);
    }
}

/// Finds the frame in the payload of a UDP datagram.
///
/// # Errors
/// [`PopError::BadFlags`] when the I flag is missing. Reserved bits must be ignored (RFC 7348 §5).
pub fn pop(packet: &[u8]) -> Result<Inner, PopError> {
    let Some([flags, _, _, _, a, b, c, _]) = packet.first_chunk::<VXLAN_HEADER>() else {
        return Err(PopError::TooShort);
    };
    if flags & VALID_VNI == 0 {
        return Err(PopError::BadFlags);
    }
    let vni = u32::from_be_bytes([0, *a, *b, *c]);
    Ok(Inner { key: Some(vni), start: VXLAN_HEADER, end: packet.len() })
}
