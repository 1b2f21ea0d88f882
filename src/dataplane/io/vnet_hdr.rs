//! `struct virtio_net_hdr` (virtio 1.2 §5.1.6), native byte order, 10 bytes: the
//! metadata in front of each frame of a TUN device or a packet socket.

/// Bytes of the header.
pub const LEN: usize = 10;

const NEEDS_CSUM: u8 = 1;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;
const GSO_UDP_L4: u8 = 5;
const GSO_ECN: u8 = 0x80;

/// How a super-packet is to be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gso {
    /// It is one packet.
    None,
    /// TCP over IPv4: segments of this many bytes.
    TcpV4(u16),
    /// TCP over IPv6: segments of this many bytes.
    TcpV6(u16),
    /// UDP, either family: datagrams of this many bytes.
    Udp(u16),
}

/// The header's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VnetHdr {
    /// How to cut.
    pub gso: Gso,
    /// A transport checksum to finish: (where summing starts, where the sum goes after it).
    pub checksum: Option<(u16, u16)>,
    /// Length of all headers, a hint to whoever cuts. Never trusted when read.
    pub headers: u16,
}

impl VnetHdr {
    /// An ordinary packet with nothing left to do.
    pub const PLAIN: VnetHdr = VnetHdr { gso: Gso::None, checksum: None, headers: 0 };

    /// Reads the header; `None` for a type this program never offered to take.
    pub fn parse(bytes: &[u8; LEN]) -> Option<Self> {
        let word = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        let gso = match bytes[1] & !GSO_ECN {
            0 => Gso::None,
            GSO_TCPV4 => Gso::TcpV4(word(4)),
            GSO_TCPV6 => Gso::TcpV6(word(4)),
            GSO_UDP_L4 => Gso::Udp(word(4)),
            _ => return None,
        };
        let checksum = (bytes[0] & NEEDS_CSUM != 0).then(|| (word(6), word(8)));
        Some(VnetHdr { gso, checksum, headers: word(2) })
    }

    /// The header as bytes.
    pub fn emit(&self) -> [u8; LEN] {
        let (kind, size) = match self.gso {
            Gso::None => (0, 0),
            Gso::TcpV4(size) => (GSO_TCPV4, size),
            Gso::TcpV6(size) => (GSO_TCPV6, size),
            Gso::Udp(size) => (GSO_UDP_L4, size),
        };
        let (start, offset) = self.checksum.unwrap_or((0, 0));
        let mut bytes = [0; LEN];
        bytes[0] = if self.checksum.is_some() { NEEDS_CSUM } else { 0 };
        bytes[1] = kind;
        for (at, word) in [(2, self.headers), (4, size), (6, start), (8, offset)] {
            bytes[at..at + 2].copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_parses_round_trips(bytes: [u8; LEN]) {
            if let Some(header) = VnetHdr::parse(&bytes) {
                prop_assert_eq!(VnetHdr::parse(&header.emit()), Some(header));
            }
        }
    }

    #[test]
    fn as_the_kernel_writes_it() {
        let mut bytes = [0; LEN];
        (bytes[0], bytes[1]) = (1, 1 | 0x80);
        bytes[2..4].copy_from_slice(&66_u16.to_ne_bytes());
        bytes[4..6].copy_from_slice(&1448_u16.to_ne_bytes());
        bytes[6..8].copy_from_slice(&34_u16.to_ne_bytes());
        bytes[8..10].copy_from_slice(&16_u16.to_ne_bytes());
        let wanted = VnetHdr { gso: Gso::TcpV4(1448), checksum: Some((34, 16)), headers: 66 };
        assert_eq!(VnetHdr::parse(&bytes), Some(wanted));
        bytes[1] = 3; // GSO_UDP, the old fragmenting kind
        assert_eq!(VnetHdr::parse(&bytes), None);
    }
}
