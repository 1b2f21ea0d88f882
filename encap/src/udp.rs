//! The UDP header that no socket writes: inside ESP transport mode.

use crate::checksum::Sum;
use crate::{PopError, entropy};
use std::net::IpAddr;

/// Bytes of a UDP header.
pub const UDP_HEADER: usize = 8;
const UDP: u8 = 17;

/// What is constant in the UDP headers of one tunnel.
#[derive(Clone, Copy, Debug)]
pub struct UdpHeader {
    /// Where the peer listens.
    pub destination_port: u16,
    /// Addresses of the pseudo header; without, the checksum is 0 ("none"), as RFC 7348 §5 prefers for IPv4.
    pub checksum: Option<(IpAddr, IpAddr)>,
}

impl UdpHeader {
    /// Writes the header before two parts of payload; the first must have an even length.
    pub(crate) fn write(&self, header: &mut [u8], source_port: u16, parts: [&[u8]; 2]) {
        let length = UDP_HEADER + parts[0].len() + parts[1].len();
        header[0..2].copy_from_slice(&source_port.to_be_bytes());
        header[2..4].copy_from_slice(&self.destination_port.to_be_bytes());
        header[4..6].copy_from_slice(&(length as u16).to_be_bytes());
        header[6..8].fill(0);
        if let Some((source, destination)) = self.checksum {
            let pseudo = Sum::pseudo_header(source, destination, UDP, length);
            let sum = pseudo + Sum::of(header) + Sum::of(parts[0]) + Sum::of(parts[1]);
            header[6..8].copy_from_slice(&sum.udp_checksum().to_be_bytes());
        }
    }
}

/// Writes a tunnel header of eight bytes to the end of `header`, behind the UDP header if there is one.
pub(crate) fn push_behind_udp(
    udp: Option<&UdpHeader>,
    header: &mut [u8],
    tunnel: [u8; 8],
    payload: &[u8],
    flow: u32,
) {
    let (before, place) = header.split_at_mut(header.len() - tunnel.len());
    place.copy_from_slice(&tunnel);
    if let Some(udp) = udp {
        udp.write(before, entropy::source_port(flow), [place, payload]);
    }
}

/// A datagram found in what ESP carried: its payload is `packet[start..end]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// First byte of the payload.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

/// Parses a UDP header and what is behind it. `addresses` (source, destination) let a checksum that
/// is present be verified; without them it is not looked at: behind a NAT in transport mode it was
/// made over other addresses (RFC 3948 §3.1.2), and ESP has authenticated the packet anyway.
///
/// # Errors
/// Too short, or a wrong checksum.
pub fn pop(packet: &[u8], addresses: Option<(IpAddr, IpAddr)>) -> Result<Datagram, PopError> {
    let Some([s0, s1, d0, d1, l0, l1, c0, c1]) = packet.first_chunk::<UDP_HEADER>() else {
        return Err(PopError::TooShort);
    };
    let end = usize::from(u16::from_be_bytes([*l0, *l1]));
    if end < UDP_HEADER || end > packet.len() {
        return Err(PopError::TooShort);
    }
    if let (Some((source, destination)), true) = (addresses, [*c0, *c1] != [0, 0]) {
        let sum = Sum::pseudo_header(source, destination, UDP, end) + Sum::of(&packet[..end]);
        if !sum.is_valid() {
            return Err(PopError::BadChecksum);
        }
    }
    Ok(Datagram {
        source_port: u16::from_be_bytes([*s0, *s1]),
        destination_port: u16::from_be_bytes([*d0, *d1]),
        start: UDP_HEADER,
        end,
    })
}
