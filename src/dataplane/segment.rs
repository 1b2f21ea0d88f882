//! Cuts a super-packet to what a tunnel carries, writing each piece once, at its
//! final place, and finishing its checksums on the way.
//!
//! IPv4 identification counts up, TCP sequence numbers advance, FIN and PSH stay
//! with the last piece and CWR with the first. A plain packet is one piece; an
//! IPv4 packet that is too long and may be fragmented is cut into fragments.
//!
//! The pseudo header of a piece is that of the super-packet with another length. Its
//! destination is the final one, which with a source route or an IPv6 routing header
//! is not that of the IP header (RFC 9293 §3.1, RFC 8200 §8.1), and with a home address
//! option neither is its source (RFC 6275): who made the packet has summed the right
//! ones, and left the sum in the checksum field.

use adit_encap::checksum::{Sum, copy_and_sum, update};

use super::headers::{CWR, FIN, Ip, PSH, SYN, TCP, UDP, ip_at, ip_offset, long, set_word, word};
use super::io::vnet_hdr::{Gso, VnetHdr};

/// Why nothing can be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CutError {
    /// Longer than the tunnel carries, and not to be fragmented. Where it is IP, the MTU to tell of.
    TooBig(Option<(Ip, u16)>),
    /// What the virtio header says is not in the packet.
    Malformed,
}

/// How a packet is cut: what [`Cuts::write`] needs to make any one piece.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cuts {
    how: How,
    /// Bytes of headers, repeated in front of each piece.
    headers: usize,
    /// Payload bytes of each piece but the last.
    size: usize,
    /// Payload bytes of all.
    payload: usize,
    count: usize,
    /// TCP may announce at most this segment size through this tunnel.
    max_mss: Option<(Ip, u16)>,
}

#[derive(Debug, Clone, Copy)]
enum How {
    Whole {
        checksum: Option<(usize, usize)>,
    },
    /// TCP or UDP, and the sum of its pseudo header without the length.
    Segments {
        ip: Ip,
        pseudo: Sum,
    },
    /// Value and place of a checksum that was still to be finished.
    Fragments {
        ip: Ip,
        checksum: Option<(usize, u16)>,
    },
}

/// Plans the pieces of `packet` (an Ethernet frame, or an IP packet where `ethernet` is false), none
/// longer than `limit` bytes.
pub(crate) fn plan(packet: &[u8], vnet: &VnetHdr, limit: usize, ethernet: bool) -> Result<Cuts, CutError> {
    let l3 = if ethernet { ip_offset(packet) } else { Some(0) };
    let ip = l3.and_then(|l3| ip_at(packet, l3));
    match vnet.gso {
        Gso::None => plan_whole(packet, vnet, limit, ip),
        Gso::TcpV4(size) | Gso::TcpV6(size) => {
            let ip = ip.ok_or(CutError::Malformed)?;
            let headers = ip.l4 + ip.tcp_header(packet).ok_or(CutError::Malformed)?;
            // TCP may be cut finer than asked: segment boundaries carry no meaning.
            let room = limit.checked_sub(headers).filter(|room| *room > 0);
            let room = room.ok_or_else(|| too_big(Some(ip), limit))?;
            plan_segments(packet, vnet, ip, headers, usize::from(size).min(room))
        }
        Gso::Udp(size) => {
            let ip = ip.filter(|ip| ip.protocol == UDP && !ip.fragment).ok_or(CutError::Malformed)?;
            let headers = ip.l4 + 8;
            if headers + usize::from(size) > limit {
                return Err(too_big(Some(ip), limit));
            }
            plan_segments(packet, vnet, ip, headers, usize::from(size))
        }
    }
}

fn too_big(ip: Option<Ip>, limit: usize) -> CutError {
    CutError::TooBig(ip.map(|ip| (ip, limit.saturating_sub(ip.l3) as u16)))
}

fn plan_segments(
    packet: &[u8],
    vnet: &VnetHdr,
    ip: Ip,
    headers: usize,
    size: usize,
) -> Result<Cuts, CutError> {
    let payload = ip.end.checked_sub(headers).ok_or(CutError::Malformed)?;
    if size == 0 || ip.fragment {
        return Err(CutError::Malformed);
    }
    let pseudo = pseudo_header(packet, vnet, &ip).ok_or(CutError::Malformed)?;
    let how = How::Segments { ip, pseudo };
    Ok(Cuts { how, headers, size, payload, count: payload.div_ceil(size).max(1), max_mss: None })
}

/// Where the checksum of a TCP or UDP header is.
fn checksum_at(ip: &Ip) -> usize {
    ip.l4 + if ip.protocol == TCP { 16 } else { 6 }
}

/// The sum of a super-packet's pseudo header, the length taken out.
fn pseudo_header(packet: &[u8], vnet: &VnetHdr, ip: &Ip) -> Option<Sum> {
    match vnet.checksum {
        Some((start, offset)) => {
            let at = usize::from(start) + usize::from(offset);
            let length = (ip.end - ip.l4) as u16;
            let is_transport = usize::from(start) == ip.l4 && at == checksum_at(ip);
            is_transport.then(|| Sum::ZERO.add_word(word(packet, at)).add_word(!length))
        }
        // Its checksum is whole. Then the addresses are those of the IP header, or nobody says which.
        None => ip.is_plain().then(|| {
            let (source, destination) = ip.addresses(packet);
            Sum::pseudo_header(source, destination, ip.protocol, 0)
        }),
    }
}

fn plan_whole(packet: &[u8], vnet: &VnetHdr, limit: usize, ip: Option<Ip>) -> Result<Cuts, CutError> {
    let checksum =
        vnet.checksum.map(|(start, offset)| (usize::from(start), usize::from(start) + usize::from(offset)));
    if checksum.is_some_and(|(_, at)| at + 2 > packet.len()) {
        return Err(CutError::Malformed);
    }
    if packet.len() <= limit {
        let is_syn = |ip: &Ip| ip.tcp_header(packet).is_some() && packet[ip.l4 + 13] & SYN != 0;
        let max_mss = ip.filter(is_syn).map(|ip| (ip, max_mss(&ip, limit)));
        let (headers, how) = (packet.len(), How::Whole { checksum });
        return Ok(Cuts { how, headers, size: 0, payload: 0, count: 1, max_mss });
    }
    let Some(ip) = ip else { return Err(too_big(None, limit)) };
    let dont_fragment = ip.v6 || packet[ip.l3 + 6] & 0x40 != 0;
    let headers = ip.l3 + usize::from(packet[ip.l3] & 0x0f) * 4;
    let size = limit.saturating_sub(headers) / 8 * 8;
    if dont_fragment || size == 0 || ip.end <= limit && ip.end < packet.len() {
        return Err(too_big(Some(ip), limit));
    }
    // Pieces are cut at multiples of eight: an even field lies whole in one of them.
    let odd = |at: usize| !(at - headers).is_multiple_of(2);
    if checksum.is_some_and(|(start, at)| start < headers || at + 2 > ip.end || odd(at)) {
        return Err(CutError::Malformed);
    }
    let finish = |(start, at): (usize, usize)| (at, finished(packet, start, ip.end));
    let how = How::Fragments { ip, checksum: checksum.map(finish) };
    let payload = ip.end - headers;
    Ok(Cuts { how, headers, size, payload, count: payload.div_ceil(size), max_mss: None })
}

/// The checksum of a packet whose checksum field holds the sum of the pseudo header.
fn finished(packet: &[u8], start: usize, end: usize) -> u16 {
    Sum::of(&packet[start..end]).udp_checksum()
}

/// The largest TCP segment that fits `limit` bytes of packet.
pub(crate) fn max_mss(ip: &Ip, limit: usize) -> u16 {
    limit.saturating_sub(ip.l3 + if ip.v6 { 60 } else { 40 }) as u16
}

impl Cuts {
    /// How many pieces.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Bytes of piece `i`.
    pub fn len(&self, i: usize) -> usize {
        self.headers + self.range(i).len()
    }

    /// The piece's part of the payload.
    fn range(&self, i: usize) -> std::ops::Range<usize> {
        let start = i * self.size;
        start..(start + self.size).min(self.payload)
    }

    /// Writes piece `i` of `packet` to `out`, which is exactly [`Cuts::len`] bytes.
    pub fn write(&self, i: usize, packet: &[u8], out: &mut [u8]) {
        let (last, range) = (i + 1 == self.count, self.range(i));
        let from = &packet[self.headers + range.start..self.headers + range.end];
        let (head, body) = out.split_at_mut(self.headers);
        head.copy_from_slice(&packet[..self.headers]);
        match self.how {
            How::Whole { checksum } => self.write_whole(head, checksum),
            How::Segments { ip, pseudo } => {
                let payload = copy_and_sum(body, from);
                let length = (self.headers - ip.l4 + body.len()) as u16;
                write_lengths(head, &ip, i, self.headers + body.len());
                match ip.protocol {
                    TCP => tcp_segment(head, &ip, i, range.start, last),
                    _ => set_word(head, ip.l4 + 4, length),
                }
                let at = checksum_at(&ip);
                set_word(head, at, 0);
                let sum = pseudo.add_word(length) + Sum::of(&head[ip.l4..]) + payload;
                set_word(head, at, if ip.protocol == TCP { sum.checksum() } else { sum.udp_checksum() });
            }
            How::Fragments { ip, checksum } => {
                body.copy_from_slice(from);
                if let Some((at, sum)) = checksum
                    && (range.start..range.end).contains(&(at - self.headers))
                {
                    set_word(body, at - self.headers - range.start, sum);
                }
                write_fragment(head, &ip, range.start, last, self.headers + body.len());
            }
        }
    }

    fn write_whole(&self, packet: &mut [u8], checksum: Option<(usize, usize)>) {
        if let Some((start, at)) = checksum {
            // An odd tail of Ethernet padding is zeros and adds nothing.
            let sum = finished(packet, start, packet.len());
            set_word(packet, at, sum);
        }
        if let Some((ip, mss)) = self.max_mss {
            clamp_mss(packet, &ip, mss);
        }
    }
}

fn tcp_segment(head: &mut [u8], ip: &Ip, i: usize, offset: usize, last: bool) {
    let sequence = long(head, ip.l4 + 4).wrapping_add(offset as u32);
    head[ip.l4 + 4..ip.l4 + 8].copy_from_slice(&sequence.to_be_bytes());
    let flags = &mut head[ip.l4 + 13];
    if !last {
        *flags &= !(FIN | PSH);
    }
    if i > 0 {
        *flags &= !CWR;
    }
}

/// Length, identification and header checksum of piece `i`, `total` bytes with all headers.
fn write_lengths(head: &mut [u8], ip: &Ip, i: usize, total: usize) {
    let at = ip.l3;
    if ip.v6 {
        set_word(head, at + 4, (total - at - 40) as u16);
        return;
    }
    let identification = word(head, at + 4).wrapping_add(i as u16);
    set_word(head, at + 2, (total - at) as u16);
    set_word(head, at + 4, identification);
    write_ipv4_checksum(head, at);
}

fn write_fragment(head: &mut [u8], ip: &Ip, offset: usize, last: bool, total: usize) {
    let at = ip.l3;
    let before = word(head, at + 6);
    let more = if last { before & 0x2000 } else { 0x2000 };
    set_word(head, at + 2, (total - at) as u16);
    set_word(head, at + 6, more | ((before & 0x1fff) + (offset / 8) as u16));
    write_ipv4_checksum(head, at);
}

/// Recomputes the checksum of the IPv4 header at `at`.
pub(crate) fn write_ipv4_checksum(packet: &mut [u8], at: usize) {
    let header = at..at + usize::from(packet[at] & 0x0f) * 4;
    set_word(packet, at + 10, 0);
    let sum = Sum::of(&packet[header]).checksum();
    set_word(packet, at + 10, sum);
}

/// Lowers the MSS option of a SYN to `mss`, if it asks for more (RFC 9293 §3.7.1).
pub(crate) fn clamp_mss(packet: &mut [u8], ip: &Ip, mss: u16) {
    let Some(length) = ip.tcp_header(packet) else { return };
    let (mut at, end) = (ip.l4 + 20, ip.l4 + length);
    while at < end {
        match packet[at] {
            0 => return,
            1 => at += 1,
            2 if at + 4 <= end && packet[at + 1] == 4 => {
                let asked = word(packet, at + 2);
                if asked > mss {
                    replace_word(packet, ip, at + 2, mss);
                }
                return;
            }
            _ if at + 1 < end && packet[at + 1] >= 2 => at += usize::from(packet[at + 1]),
            _ => return,
        }
    }
}

/// Replaces the word at `at` of a TCP header, keeping the checksum right. An option may stand at an odd
/// place, where its bytes belong to two words of the sum.
fn replace_word(packet: &mut [u8], ip: &Ip, at: usize, value: u16) {
    let odd = (at - ip.l4) % 2;
    let first = at - odd;
    let words = 1 + odd;
    let mut sum = word(packet, ip.l4 + 16);
    let old: [u16; 2] = std::array::from_fn(|i| if i < words { word(packet, first + 2 * i) } else { 0 });
    set_word(packet, at, value);
    for (i, old) in old.iter().enumerate().take(words) {
        sum = update(sum, *old, word(packet, first + 2 * i));
    }
    set_word(packet, ip.l4 + 16, sum);
}

#[cfg(test)]
pub(crate) mod tests;
