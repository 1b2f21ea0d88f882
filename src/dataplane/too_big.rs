//! "Too big" as an answer: ICMP fragmentation needed (RFC 1191) and ICMPv6 packet
//! too big (RFC 4443 §3.2), made by the bridge for a frame that does not fit the
//! tunnel, in the name of the destination (a bridge has no address of its own).

use std::net::IpAddr;

use adit_encap::checksum::Sum;

use super::headers::{ETHERNET, ICMP, ICMPV6, Ip, set_word};
use super::segment::write_ipv4_checksum;

/// Bytes of the original packet that are quoted, IPv4 and IPv6 alike; within what RFC 1812 §4.3.2.3 and
/// RFC 4443 §2.4 allow.
const QUOTE: usize = 512;
/// The longest answer: link header with two tags, IPv6, ICMPv6, quote.
pub(crate) const MAX_ANSWER: usize = ETHERNET + 8 + 40 + 8 + QUOTE;

/// Writes the answer to `packet` (in which `ip` was found, behind a link header or none) into `out` and
/// returns its length; `None` where no answer may be sent (RFC 1122 §3.2.2, RFC 4443 §2.4).
pub(crate) fn answer(packet: &[u8], ip: &Ip, mtu: u16, out: &mut [u8; MAX_ANSWER]) -> Option<usize> {
    let (source, destination) = ip.addresses(packet);
    let group = packet[0] & 1 == 1 && ip.l3 > 0;
    if group || !unicast(source) || !unicast(destination) || ip.later_fragment || is_icmp_error(packet, ip) {
        return None;
    }
    let (l3, header) = (ip.l3, if ip.v6 { 40 } else { 20 });
    let quote = &packet[l3..ip.end.min(l3 + QUOTE)];
    let total = l3 + header + 8 + quote.len();
    let out = &mut out[..total];
    out.fill(0);
    if l3 > 0 {
        out[..6].copy_from_slice(&packet[6..12]);
        out[6..12].copy_from_slice(&packet[..6]);
        out[12..l3].copy_from_slice(&packet[12..l3]);
    }
    let icmp = l3 + header;
    out[icmp + 8..].copy_from_slice(quote);
    if ip.v6 {
        write_v6(out, packet, l3, mtu, (destination, source));
    } else {
        write_v4(out, packet, l3, mtu);
    }
    Some(total)
}

fn write_v4(out: &mut [u8], packet: &[u8], l3: usize, mtu: u16) {
    let length = (out.len() - l3) as u16;
    out[l3] = 0x45;
    set_word(out, l3 + 2, length);
    out[l3 + 8] = 64;
    out[l3 + 9] = ICMP;
    out[l3 + 12..l3 + 16].copy_from_slice(&packet[l3 + 16..l3 + 20]);
    out[l3 + 16..l3 + 20].copy_from_slice(&packet[l3 + 12..l3 + 16]);
    write_ipv4_checksum(out, l3);
    let icmp = l3 + 20;
    (out[icmp], out[icmp + 1]) = (3, 4); // destination unreachable, fragmentation needed
    set_word(out, icmp + 6, mtu);
    let sum = Sum::of(&out[icmp..]).checksum();
    set_word(out, icmp + 2, sum);
}

fn write_v6(out: &mut [u8], packet: &[u8], l3: usize, mtu: u16, addresses: (IpAddr, IpAddr)) {
    let icmp = l3 + 40;
    let length = out.len() - icmp;
    out[l3] = 0x60;
    set_word(out, l3 + 4, length as u16);
    out[l3 + 6] = ICMPV6;
    out[l3 + 7] = 64;
    out[l3 + 8..l3 + 24].copy_from_slice(&packet[l3 + 24..l3 + 40]);
    out[l3 + 24..l3 + 40].copy_from_slice(&packet[l3 + 8..l3 + 24]);
    out[icmp] = 2; // packet too big
    set_word(out, icmp + 6, mtu.max(1280)); // RFC 8200 §5: a node need not go below
    let sum = Sum::pseudo_header(addresses.0, addresses.1, ICMPV6, length) + Sum::of(&out[icmp..]);
    set_word(out, icmp + 2, sum.checksum());
}

fn unicast(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    !address.is_unspecified() && !address.is_multicast() && !broadcast
}

/// No errors about errors.
fn is_icmp_error(packet: &[u8], ip: &Ip) -> bool {
    let kind = packet.get(ip.l4).copied();
    match ip.protocol {
        ICMP => !matches!(kind, Some(0 | 8 | 9 | 10 | 13..=18)),
        ICMPV6 => !matches!(kind, Some(128..)),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
