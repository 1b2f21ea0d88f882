//! Explicit congestion notification through tunnels (RFC 6040).

use adit_encap::checksum::update;

use super::counters::DropReason;
use super::headers::{Ip, set_word, word};

const NOT_ECT: u8 = 0;
const ECT_0: u8 = 2;
const CE: u8 = 3;

/// The outer ECN field of an inner one: inherited, but CE goes out as ECT(0), as Open vSwitch sends it.
pub(crate) fn outer(inner_tos: u8) -> u8 {
    match inner_tos & 3 {
        CE => ECT_0,
        ecn => ecn,
    }
}

/// Congestion marked outside is marked inside (RFC 6040 §4.2).
///
/// # Errors
/// [`DropReason::EcnMarked`]: the inner packet says that its ends would not understand the mark, and
/// dropping it is how they are told.
pub(crate) fn inherit(packet: &mut [u8], ip: &Ip, outer_tos: u8) -> Result<(), DropReason> {
    if outer_tos & 3 != CE {
        return Ok(());
    }
    match ip.tos(packet) & 3 {
        NOT_ECT => return Err(DropReason::EcnMarked),
        CE => return Ok(()),
        _ => {}
    }
    // In either family the field is in the first word of the header; IPv4 has a checksum over it.
    let before = word(packet, ip.l3);
    let after = before | if ip.v6 { 0x0030 } else { 0x0003 };
    set_word(packet, ip.l3, after);
    if !ip.v6 {
        let sum = update(word(packet, ip.l3 + 10), before, after);
        set_word(packet, ip.l3 + 10, sum);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use adit_encap::checksum::Sum;
    use etherparse::PacketBuilder;

    use super::*;
    use crate::dataplane::headers::ip_at;

    fn packet(v6: bool, ecn: u8) -> Vec<u8> {
        let mut packet = Vec::new();
        let ip = if v6 {
            PacketBuilder::ipv6([1; 16], [2; 16], 64)
        } else {
            PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
        };
        ip.udp(1, 2).write(&mut packet, b"x").expect("a vector takes all");
        packet[1] |= if v6 { ecn << 4 } else { ecn };
        if !v6 {
            crate::dataplane::segment::write_ipv4_checksum(&mut packet, 0);
        }
        packet
    }

    /// RFC 6040 figure 4, the rows an outer CE or none makes.
    #[test]
    fn the_table_of_rfc_6040() {
        for v6 in [false, true] {
            for (inner, outer, expected) in [
                (0, 3, None),
                (1, 3, Some(3)),
                (2, 3, Some(3)),
                (3, 3, Some(3)),
                (0, 0, Some(0)),
                (1, 2, Some(1)),
                (2, 0, Some(2)),
                (3, 0, Some(3)),
            ] {
                let mut packet = packet(v6, inner);
                let ip = ip_at(&packet, 0).expect("IP");
                let result = inherit(&mut packet, &ip, outer);
                assert_eq!(result.ok().map(|()| ip.tos(&packet) & 3), expected, "{inner} {outer}");
                assert!(v6 || Sum::of(&packet[..20]).is_valid());
            }
        }
    }

    #[test]
    fn outwards() {
        assert_eq!([0, 1, 2, 3, 0xff].map(outer), [0, 1, 2, 2, 2]);
    }
}
