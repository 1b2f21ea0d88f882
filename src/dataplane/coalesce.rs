//! Joins TCP segments of one flow to super-packets for a device that takes them
//! (virtio TSO), without copying: the pieces stay in the receive buffer and are
//! gathered by the write.
//!
//! The rules are those of the kernel's GRO: same addresses, ports, ACK number,
//! window, options, TOS, TTL and DF; ACK and nothing else but PSH, which ends a
//! group; payload that follows on; all segments of one size but a shorter last.
//! A packet joins only the newest group of its flow, so order is kept. The
//! checksum is verified before joining: what is handed over as "needs checksum"
//! the receiver trusts, and a packet that was corrupt must stay so.

use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;

use adit_encap::checksum::Sum;

use super::headers::{ACK, ETHERNET, Ip, PSH, TCP, ip_at, ip_offset, long, set_word, word};
use super::io::sys::Gather;
use super::io::vnet_hdr::{Gso, VnetHdr};
use super::segment::write_ipv4_checksum;
use super::tables::User;

/// Packets that may wait for one flush.
pub(crate) const MAX_PACKETS: usize = 1024;
/// Pieces of one gathered write; IOV_MAX is 1024.
const MAX_PIECES: u16 = 512;
/// How many groups back a packet looks for its flow. More flows than this in turn are not joined.
const LOOK_BACK: usize = 16;
const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Piece {
    start: u32,
    end: u32,
    next: u32,
}

/// Packets that are written as one.
#[derive(Debug, Clone, Copy)]
struct Group {
    target: User,
    /// Of the flow; 0 where the packet is not TCP.
    hash: u64,
    /// First packet, whole, in the buffer.
    first: (u32, u32),
    ip: Option<Ip>,
    /// Bytes of headers of each packet, counted from its start.
    headers: u16,
    /// Payload bytes of each segment but the last.
    size: u16,
    /// All bytes, with one set of headers.
    total: u32,
    next_sequence: u32,
    last_flags: u8,
    /// More may join.
    open: bool,
    /// The first packet's checksum has been verified.
    verified: bool,
    pieces: u16,
    /// Payload pieces after the first packet.
    head: u32,
    tail: u32,
}

/// What may be joined about a TCP segment.
struct Segment {
    ip: Ip,
    headers: usize,
    payload: usize,
    sequence: u32,
    flags: u8,
    hash: u64,
}

/// Packets of one receive buffer on their way to devices.
#[derive(Debug)]
pub(crate) struct Joiner {
    groups: Vec<Group>,
    pieces: Vec<Piece>,
    gather: Gather,
}

impl Default for Joiner {
    fn default() -> Self {
        Joiner {
            groups: Vec::with_capacity(MAX_PACKETS),
            pieces: Vec::with_capacity(MAX_PACKETS),
            gather: Gather::new(usize::from(MAX_PIECES) + 1),
        }
    }
}

impl Joiner {
    /// Whether a flush is due before the next packet.
    pub fn is_full(&self) -> bool {
        self.groups.len() == MAX_PACKETS || self.pieces.len() == MAX_PACKETS
    }

    /// Takes the packet at `range` of `buffer` for `target`. `ethernet`: it is a frame. With `alone` it is
    /// written as it is: another device gets the same bytes.
    pub fn offer(&mut self, target: User, buffer: &[u8], range: Range<usize>, ethernet: bool, alone: bool) {
        let packet = &buffer[range.clone()];
        let segment = if alone { None } else { tcp_segment(packet, ethernet) };
        if let Some(segment) = &segment
            && let Some(index) = self.newest(target, segment.hash)
            && self.join(index, buffer, &range, segment)
        {
            return;
        }
        self.begin(target, range, segment.as_ref());
    }

    /// The newest group of a flow.
    fn newest(&self, target: User, hash: u64) -> Option<usize> {
        let from = self.groups.len().saturating_sub(LOOK_BACK);
        let found = self.groups[from..].iter().rposition(|g| g.hash == hash && g.target == target)?;
        Some(from + found)
    }

    fn begin(&mut self, target: User, range: Range<usize>, segment: Option<&Segment>) {
        let joinable = |s: &Segment| s.payload > 0 && s.flags == ACK;
        self.groups.push(Group {
            target,
            hash: segment.map_or(0, |s| s.hash),
            first: (range.start as u32, range.end as u32),
            ip: segment.map(|s| s.ip),
            headers: segment.map_or(0, |s| s.headers as u16),
            size: segment.map_or(0, |s| s.payload as u16),
            total: range.len() as u32,
            next_sequence: segment.map_or(0, |s| s.sequence.wrapping_add(s.payload as u32)),
            last_flags: segment.map_or(0, |s| s.flags),
            open: segment.is_some_and(joinable),
            verified: false,
            pieces: 1,
            head: NONE,
            tail: NONE,
        });
    }

    /// Joins the segment to a group; `false` leaves everything as it was, and closes the group.
    fn join(&mut self, index: usize, buffer: &[u8], range: &Range<usize>, segment: &Segment) -> bool {
        let group = &mut self.groups[index];
        let first = &buffer[group.first.0 as usize..group.first.1 as usize];
        let packet = &buffer[range.clone()];
        let fits = group.open
            && group.next_sequence == segment.sequence
            && segment.payload > 0
            && segment.payload <= usize::from(group.size)
            && segment.flags & !PSH == ACK
            && group.pieces < MAX_PIECES
            && group.total as usize - segment.ip.l3 + segment.payload <= usize::from(u16::MAX)
            && same_headers(first, packet, segment, group.pieces);
        if !fits || !(group.verified || checksum_holds(first, segment)) || !checksum_holds(packet, segment) {
            group.open = false;
            return false;
        }
        group.verified = true;
        group.total += segment.payload as u32;
        group.next_sequence = segment.sequence.wrapping_add(segment.payload as u32);
        group.last_flags = segment.flags;
        group.open = segment.payload == usize::from(group.size) && segment.flags & PSH == 0;
        group.pieces += 1;
        let piece = self.pieces.len() as u32;
        let start = (range.start + segment.headers) as u32;
        self.pieces.push(Piece { start, end: start + segment.payload as u32, next: NONE });
        match group.tail {
            NONE => group.head = piece,
            tail => self.pieces[tail as usize].next = piece,
        }
        group.tail = piece;
        true
    }

    /// Writes everything, oldest first, and forgets it. `device` names the descriptor of a target, `done`
    /// hears of each write: target, packets, bytes, result.
    pub fn flush<'d>(
        &mut self,
        buffer: &mut [u8],
        device: impl Fn(User) -> Option<BorrowedFd<'d>>,
        mut done: impl FnMut(User, u64, u64, io::Result<()>),
    ) {
        for group in &self.groups {
            let head = if group.pieces > 1 { finish(group, buffer) } else { VnetHdr::PLAIN };
            let Some(fd) = device(group.target) else { continue };
            let mut next = group.head;
            let pieces = &self.pieces;
            let chain = std::iter::from_fn(move || {
                let piece = pieces.get(next as usize)?;
                next = piece.next;
                Some(piece.start as usize..piece.end as usize)
            });
            let first = std::iter::once(group.first.0 as usize..group.first.1 as usize);
            let written = self.gather.write(fd, &head.emit(), buffer, first.chain(chain));
            done(group.target, u64::from(group.pieces), u64::from(group.total), written.map(|_| ()));
        }
        self.groups.clear();
        self.pieces.clear();
    }
}

/// Rewrites the first packet's headers for the whole group, and says how to cut it again.
fn finish(group: &Group, buffer: &mut [u8]) -> VnetHdr {
    let Some(ip) = group.ip else { return VnetHdr::PLAIN };
    let packet = &mut buffer[group.first.0 as usize..group.first.1 as usize];
    let total = group.total as usize;
    if ip.v6 {
        set_word(packet, ip.l3 + 4, (total - ip.l3 - 40) as u16);
    } else {
        set_word(packet, ip.l3 + 2, (total - ip.l3) as u16);
        write_ipv4_checksum(packet, ip.l3);
    }
    packet[ip.l4 + 13] |= group.last_flags & PSH;
    let (source, destination) = ip.addresses(packet);
    let pseudo = Sum::pseudo_header(source, destination, TCP, total - ip.l4);
    set_word(packet, ip.l4 + 16, pseudo.folded());
    let gso = if ip.v6 { Gso::TcpV6(group.size) } else { Gso::TcpV4(group.size) };
    VnetHdr { gso, checksum: Some((ip.l4 as u16, 16)), headers: group.headers }
}

/// The TCP segment in a packet, `None` when it is something that is never joined.
fn tcp_segment(packet: &[u8], ethernet: bool) -> Option<Segment> {
    let l3 = if ethernet { ip_offset(packet)? } else { 0 };
    let ip = ip_at(packet, l3)?;
    // No fragments, no IP options or extension headers, no Ethernet padding (a short segment alone).
    if ip.fragment || !ip.is_plain() || ip.end != packet.len() {
        return None;
    }
    let headers = ip.l4 + ip.tcp_header(packet)?;
    let addresses = if ip.v6 { l3 + 8..l3 + 40 } else { l3 + 12..l3 + 20 };
    let hash = mix(mix(1, &packet[addresses]), &packet[ip.l4..ip.l4 + 4]);
    Some(Segment {
        ip,
        headers,
        payload: ip.end - headers,
        sequence: long(packet, ip.l4 + 4),
        flags: packet[ip.l4 + 13],
        hash,
    })
}

/// A quick hash; equality is checked on the headers themselves.
fn mix(mut hash: u64, bytes: &[u8]) -> u64 {
    for chunk in bytes.chunks_exact(4) {
        let word = u64::from(u32::from_ne_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]));
        hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
    hash | 1
}

/// Whether the headers of two segments of one flow differ only where joined segments may: length,
/// identification, checksums, sequence number, PSH. `n` is the place of the second in the group.
fn same_headers(first: &[u8], packet: &[u8], segment: &Segment, n: u16) -> bool {
    let (ip, l3, l4) = (&segment.ip, segment.ip.l3, segment.ip.l4);
    if first.len() < segment.headers || first[..l3] != packet[..l3] || l3 > 0 && l3 < ETHERNET {
        return false;
    }
    let network = if ip.v6 {
        first[l3..l3 + 4] == packet[l3..l3 + 4] && first[l3 + 6..l4] == packet[l3 + 6..l4]
    } else {
        let dont_fragment = packet[l3 + 6] & 0x40 != 0;
        let follows = word(packet, l3 + 4) == word(first, l3 + 4).wrapping_add(n);
        first[l3..l3 + 2] == packet[l3..l3 + 2]
            && (dont_fragment || follows)
            && first[l3 + 6..l3 + 10] == packet[l3 + 6..l3 + 10]
            && first[l3 + 12..l4] == packet[l3 + 12..l4]
    };
    network
        && first[l4..l4 + 4] == packet[l4..l4 + 4]
        && first[l4 + 8..l4 + 13] == packet[l4 + 8..l4 + 13]
        && first[l4 + 14..l4 + 16] == packet[l4 + 14..l4 + 16]
        && first[l4 + 18..segment.headers] == packet[l4 + 18..segment.headers]
}

/// Verifies the checksums of IPv4 and TCP; `packet` ends with its payload, and its headers are laid out as
/// `segment`'s.
fn checksum_holds(packet: &[u8], segment: &Segment) -> bool {
    let (header, tcp) = (&packet[segment.ip.l3..segment.ip.l4], &packet[segment.ip.l4..]);
    let (source, destination) = segment.ip.addresses(packet);
    (segment.ip.v6 || Sum::of(header).is_valid())
        && (Sum::pseudo_header(source, destination, TCP, tcp.len()) + Sum::of(tcp)).is_valid()
}

#[cfg(test)]
mod tests;
