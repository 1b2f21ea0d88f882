use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use proptest::prelude::*;

use super::*;
use crate::dataplane::headers::{ip_at, ip_offset};

fn udp(v6: bool, length: usize) -> Vec<u8> {
    let ethernet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let ip =
        if v6 { ethernet.ipv6([1; 16], [2; 16], 9) } else { ethernet.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 9) };
    let mut frame = Vec::new();
    ip.udp(7, 9).write(&mut frame, &vec![3; length]).expect("a vector takes all");
    frame
}

fn answered(frame: &[u8], mtu: u16) -> Option<Vec<u8>> {
    let ip = ip_at(frame, ip_offset(frame)?)?;
    let mut out = [0xaa; MAX_ANSWER];
    answer(frame, &ip, mtu, &mut out).map(|length| out[..length].to_vec())
}

#[test]
fn fragmentation_needed() {
    let frame = udp(false, 1400);
    let out = answered(&frame, 1300).expect("told");
    let sliced = SlicedPacket::from_ethernet(&out).expect("well-formed");
    assert_eq!((&out[..6], &out[6..12]), (&frame[6..12], &frame[..6]));
    let Some(NetSlice::Ipv4(ip)) = &sliced.net else { panic!("IPv4") };
    assert_eq!(ip.header().source(), [10, 0, 0, 2]);
    assert_eq!(ip.header().destination(), [10, 0, 0, 1]);
    assert!(Sum::of(&out[14..34]).is_valid() && Sum::of(&out[34..]).is_valid());
    assert!(matches!(sliced.transport, Some(TransportSlice::Icmpv4(_))));
    assert_eq!(&out[34..36], [3, 4]);
    assert_eq!(&out[40..42], 1300_u16.to_be_bytes());
    assert_eq!(&out[42..], &frame[14..14 + 512]);
}

#[test]
fn packet_too_big() {
    let frame = udp(true, 1400);
    let out = answered(&frame, 1300).expect("told");
    SlicedPacket::from_ethernet(&out).expect("well-formed");
    let ip = ip_at(&out, 14).expect("IPv6");
    let (source, destination) = ip.addresses(&out);
    let sum = Sum::pseudo_header(source, destination, ICMPV6, out.len() - 54) + Sum::of(&out[54..]);
    assert!(sum.is_valid());
    assert_eq!((out[54], &out[58..62]), (2, &1300_u32.to_be_bytes()[..]));
}

#[test]
fn nobody_is_told_about_groups_or_errors() {
    let mut group = udp(false, 1400);
    group[0] |= 1;
    assert_eq!(answered(&group, 1300), None);
    let mut to_group = udp(false, 1400);
    to_group[30] = 224;
    assert_eq!(answered(&to_group, 1300), None);
    let error = answered(&udp(false, 1400), 1300).expect("told");
    assert_eq!(answered(&error, 100), None, "no error about an error");
}

proptest! {
    #[test]
    fn any_bytes_do(mut bytes in proptest::collection::vec(any::<u8>(), 15..900), v6: bool) {
        bytes[12..15].copy_from_slice(if v6 { &[0x86, 0xdd, 0x60] } else { &[0x08, 0x00, 0x45] });
        if let Some(out) = answered(&bytes, 1300) {
            prop_assert!(out.len() <= MAX_ANSWER);
        }
    }
}
