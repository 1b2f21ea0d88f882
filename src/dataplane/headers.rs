//! Where things are in an inner packet: the little of IP, TCP and UDP that
//! cutting, joining, clamping and selecting look at.

use std::net::IpAddr;

/// IP protocol numbers.
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const ICMP: u8 = 1;
pub(crate) const ICMPV6: u8 = 58;

/// TCP flags.
pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const PSH: u8 = 0x08;
pub(crate) const ACK: u8 = 0x10;
pub(crate) const CWR: u8 = 0x80;

/// Bytes of an Ethernet header without tags.
pub(crate) const ETHERNET: usize = 14;

/// An IP packet found in a buffer; offsets count from the start of the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ip {
    /// The IP header.
    pub l3: usize,
    /// IPv6.
    pub v6: bool,
    /// Protocol of the payload, behind extension headers.
    pub protocol: u8,
    /// The payload of IP.
    pub l4: usize,
    /// One past the packet; what follows is Ethernet padding.
    pub end: usize,
    /// A fragment, and not the first: `l4` is no transport header.
    pub later_fragment: bool,
    /// Any fragment.
    pub fragment: bool,
}

/// Offset of the IP header in an Ethernet frame: behind up to two tags; `None` when it carries no IP.
pub(crate) fn ip_offset(frame: &[u8]) -> Option<usize> {
    let mut at = 12;
    for _ in 0..3 {
        match frame.get(at..at + 2)? {
            [0x81, 0x00] | [0x88, 0xa8] => at += 4,
            [0x08, 0x00] | [0x86, 0xdd] => return Some(at + 2),
            _ => return None,
        }
    }
    None
}

/// The IP packet at `l3`, `None` when its lengths do not hold.
pub(crate) fn ip_at(bytes: &[u8], l3: usize) -> Option<Ip> {
    let packet = bytes.get(l3..)?;
    match packet.first()? >> 4 {
        4 => ipv4(packet, l3),
        6 => ipv6(packet, l3),
        _ => None,
    }
}

fn ipv4(packet: &[u8], l3: usize) -> Option<Ip> {
    let header = packet.first_chunk::<20>()?;
    let (length, total) = (usize::from(header[0] & 0x0f) * 4, usize::from(word(header, 2)));
    if length < 20 || total < length || total > packet.len() {
        return None;
    }
    let fragment = word(header, 6) & 0x3fff;
    Some(Ip {
        l3,
        v6: false,
        protocol: header[9],
        l4: l3 + length,
        end: l3 + total,
        later_fragment: fragment & 0x1fff != 0,
        fragment: fragment != 0,
    })
}

fn ipv6(packet: &[u8], l3: usize) -> Option<Ip> {
    let header = packet.first_chunk::<40>()?;
    let end = 40 + usize::from(word(header, 4));
    let packet = packet.get(..end)?;
    let mut ip = Ip {
        l3,
        v6: true,
        protocol: header[6],
        l4: l3 + 40,
        end: l3 + end,
        later_fragment: false,
        fragment: false,
    };
    let mut at = 40;
    // Hop-by-hop, routing, destination options and fragment headers; a packet with more is not looked into.
    for _ in 0..8 {
        match ip.protocol {
            0 | 43 | 60 => {
                let extension = packet.get(at..at + 2)?;
                ip.protocol = extension[0];
                at += 8 + usize::from(extension[1]) * 8;
            }
            44 => {
                let extension = packet.get(at..at + 8)?;
                ip.protocol = extension[0];
                ip.fragment = true;
                ip.later_fragment = word(extension, 2) & 0xfff8 != 0;
                at += 8;
                // What follows in a later fragment is payload, whatever it looks like.
                if ip.later_fragment {
                    break;
                }
            }
            _ => break,
        }
    }
    (at <= end).then_some(())?;
    ip.l4 = l3 + at;
    Some(ip)
}

impl Ip {
    /// Whether there is nothing between its fixed header and the payload: no options, no extension headers.
    pub fn is_plain(&self) -> bool {
        self.l4 - self.l3 == if self.v6 { 40 } else { 20 }
    }

    /// (source, destination).
    pub fn addresses(&self, bytes: &[u8]) -> (IpAddr, IpAddr) {
        let at = self.l3;
        if self.v6 {
            let octets = |at: usize| <[u8; 16]>::try_from(&bytes[at..at + 16]).expect("16 bytes");
            (octets(at + 8).into(), octets(at + 24).into())
        } else {
            let octets = |at: usize| <[u8; 4]>::try_from(&bytes[at..at + 4]).expect("4 bytes");
            (octets(at + 12).into(), octets(at + 16).into())
        }
    }

    /// (source, destination) ports, for protocols that have them where they are there to be seen.
    pub fn ports(&self, bytes: &[u8]) -> Option<(u16, u16)> {
        let has_ports = matches!(self.protocol, TCP | UDP | 33 | 132 | 136) && !self.later_fragment;
        let ports = bytes.get(self.l4..self.end)?.first_chunk::<4>()?;
        has_ports.then(|| (word(ports, 0), word(ports, 2)))
    }

    /// TOS or traffic class.
    pub fn tos(&self, bytes: &[u8]) -> u8 {
        let at = self.l3;
        if self.v6 { bytes[at] << 4 | bytes[at + 1] >> 4 } else { bytes[at + 1] }
    }

    /// TTL or hop limit.
    pub fn ttl(&self, bytes: &[u8]) -> u8 {
        bytes[self.l3 + if self.v6 { 7 } else { 8 }]
    }

    /// Length of a whole TCP header at `l4`, options included; `None` when this is no (whole) TCP header.
    pub fn tcp_header(&self, bytes: &[u8]) -> Option<usize> {
        if self.protocol != TCP || self.later_fragment {
            return None;
        }
        let tcp = bytes.get(self.l4..self.end)?;
        let length = usize::from(tcp.get(12)? >> 4) * 4;
        (length >= 20 && length <= tcp.len()).then_some(length)
    }
}

/// A big-endian word; the caller has checked the length.
#[inline]
pub(crate) fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// Writes a big-endian word.
#[inline]
pub(crate) fn set_word(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

/// A big-endian double word.
#[inline]
pub(crate) fn long(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
