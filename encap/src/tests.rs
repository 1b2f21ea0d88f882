use super::*;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

fn packet(tunnel: &mut Tunnel, frame: &[u8], flow: u32) -> Vec<u8> {
    let mut packet = vec![0xee; tunnel.overhead()];
    packet.extend(frame);
    let (header, payload) = packet.split_at_mut(tunnel.overhead());
    tunnel.push(header, payload, flow);
    packet
}

#[test]
fn plain_gre_is_the_four_bytes_open_vswitch_sends() {
    let mut tunnel = Tunnel::Gre(Gre::default());
    assert_eq!(packet(&mut tunnel, &[7; 20], 0)[..5], [0x00, 0x00, 0x65, 0x58, 7]);
}

#[test]
fn gre_fields_stand_in_the_order_of_the_rfc_and_sequence_counts() {
    let mut tunnel = Tunnel::Gre(Gre { key: Some(0x0a0b_0c0d), checksum: true, sequence: Some(u32::MAX) });
    let first = packet(&mut tunnel, &[7; 15], 0);
    assert_eq!(first[..4], [0xb0, 0x00, 0x65, 0x58]);
    assert_eq!(first[6..16], [0, 0, 0x0a, 0x0b, 0x0c, 0x0d, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(packet(&mut tunnel, &[7; 15], 0)[12..16], [0; 4]);
    assert_eq!(pop(Protocol::Gre, &first), Ok(Inner { key: Some(0x0a0b_0c0d), start: 16, end: 31 }));
}

#[test]
fn a_flipped_bit_breaks_the_gre_checksum() {
    let mut tunnel = Tunnel::Gre(Gre { checksum: true, ..Gre::default() });
    let mut bytes = packet(&mut tunnel, &[7; 15], 0);
    bytes[12] ^= 1;
    assert_eq!(pop(Protocol::Gre, &bytes), Err(PopError::BadChecksum));
}

#[test]
fn gre_refuses_what_rfc_2784_refuses() {
    let with = |first: [u8; 4]| {
        let mut bytes = first.to_vec();
        bytes.extend([0; 40]);
        pop(Protocol::Gre, &bytes)
    };
    assert_eq!(with([0, 1, 0x65, 0x58]), Err(PopError::BadFlags), "version 1 is PPTP's");
    assert_eq!(with([0x40, 0, 0x65, 0x58]), Err(PopError::BadFlags), "routing");
    assert_eq!(with([0, 0, 0x08, 0x00]), Err(PopError::NotEthernet));
    assert_eq!(pop(Protocol::Gre, &[0x20, 0, 0x65, 0x58, 1, 2]), Err(PopError::TooShort));
    assert_eq!(pop(Protocol::Gre, &[0, 0, 0x65]), Err(PopError::TooShort));
    assert_eq!(pop(Protocol::Gre, &[0, 0, 0x65, 0x58, 1, 2]), Err(PopError::InnerTooShort));
}

#[test]
fn vxlan_header_as_in_rfc_7348_figure_1() {
    let mut tunnel = Tunnel::Vxlan(Vxlan { vni: 0x12_3456, udp: None });
    let bytes = packet(&mut tunnel, &[7; 14], 0);
    assert_eq!(bytes[..8], [0x08, 0, 0, 0, 0x12, 0x34, 0x56, 0]);
    assert_eq!(pop(Protocol::Vxlan, &bytes), Ok(Inner { key: Some(0x12_3456), start: 8, end: 22 }));
    assert_eq!(pop(Protocol::Vxlan, &[0; 40]), Err(PopError::BadFlags));
    assert_eq!(pop(Protocol::Vxlan, &[8; 7]), Err(PopError::TooShort));
}

#[test]
fn geneve_header_as_in_rfc_8926_figure_3() {
    let mut tunnel = Tunnel::Geneve(Geneve { vni: 0x12_3456, udp: None });
    let bytes = packet(&mut tunnel, &[7; 14], 0);
    assert_eq!(bytes[..8], [0, 0, 0x65, 0x58, 0x12, 0x34, 0x56, 0]);
    assert_eq!(pop(Protocol::Geneve, &bytes), Ok(Inner { key: Some(0x12_3456), start: 8, end: 22 }));
}

#[test]
fn geneve_options_are_passed_over_unless_one_is_critical() {
    let with = |first: u8, flags: u8, kind: u16, behind: usize| {
        let mut bytes = vec![first, flags];
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 0, 9, 0xff]);
        bytes.resize(8 + behind, 0);
        pop(Protocol::Geneve, &bytes)
    };
    let ethernet = TRANSPARENT_ETHERNET_BRIDGING;
    assert_eq!(
        with(3, 0x3f, ethernet, 26),
        Ok(Inner { key: Some(9), start: 20, end: 34 }),
        "reserved is ignored"
    );
    assert_eq!(with(63, 0, ethernet, 252 + 14), Ok(Inner { key: Some(9), start: 260, end: 274 }));
    assert_eq!(with(63, 0, ethernet, 251), Err(PopError::TooShort));
    assert_eq!(with(63, 0, ethernet, 252 + 13), Err(PopError::InnerTooShort));
    assert_eq!(with(1, 0x40, ethernet, 40), Err(PopError::CriticalOption));
    assert_eq!(with(0, 0x80, ethernet, 40), Err(PopError::BadFlags), "control packets are not forwarded");
    assert_eq!(with(0x40, 0, ethernet, 40), Err(PopError::BadFlags), "version 1");
    assert_eq!(with(0, 0, 0x0800, 40), Err(PopError::NotEthernet));
    assert_eq!(pop(Protocol::Geneve, &[0; 7]), Err(PopError::TooShort));
}

#[test]
fn vxlan_inside_esp_brings_its_udp_header() {
    let addresses: (IpAddr, IpAddr) = (Ipv6Addr::LOCALHOST.into(), Ipv6Addr::UNSPECIFIED.into());
    for checksum in [None, Some(addresses)] {
        let udp = UdpHeader { destination_port: 4789, checksum };
        let mut tunnel = Tunnel::Vxlan(Vxlan { vni: 5, udp: Some(udp) });
        let mut bytes = packet(&mut tunnel, &[7; 60], 0xffff_ffff);
        let datagram = udp::pop(&bytes, Some(addresses)).unwrap();
        assert_eq!((datagram.source_port, datagram.destination_port), (60_999, 4789));
        assert_eq!(bytes[6..8] == [0, 0], checksum.is_none());
        let parsed = etherparse::UdpHeader::from_slice(&bytes).unwrap().0;
        assert_eq!(usize::from(parsed.length), bytes.len());
        if checksum.is_some() {
            let (IpAddr::V6(a), IpAddr::V6(b)) = addresses else { unreachable!() };
            let right = parsed.calc_checksum_ipv6_raw(a.octets(), b.octets(), &bytes[8..]).unwrap();
            assert_eq!(parsed.checksum, right, "etherparse agrees");
            bytes[20] ^= 4;
            assert_eq!(udp::pop(&bytes, Some(addresses)), Err(PopError::BadChecksum));
            assert!(udp::pop(&bytes, None).is_ok());
        }
    }
}

#[test]
fn udp_lengths_are_believed_only_inside_the_packet() {
    let bytes = |length: u16| {
        let mut bytes = vec![0; 4];
        bytes.extend(length.to_be_bytes());
        bytes.extend([0; 10]);
        udp::pop(&bytes, Some((Ipv4Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()))).map(|d| d.end)
    };
    assert_eq!(bytes(7), Err(PopError::TooShort));
    assert_eq!(bytes(8), Ok(8));
    assert_eq!(bytes(16), Ok(16));
    assert_eq!(bytes(17), Err(PopError::TooShort));
}

proptest! {
    #[test]
    fn popping_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        for protocol in [Protocol::Gre, Protocol::Vxlan, Protocol::Geneve] {
            if let Ok(inner) = pop(protocol, &bytes) {
                prop_assert!(inner.frame(&bytes).len() >= 14);
            }
        }
        let _ = udp::pop(&bytes, None);
    }

    #[test]
    fn what_is_pushed_is_popped(
        key: Option<u32>, checksum: bool, sequence: Option<u32>, vni in 0..=MAX, flow: u32,
        frame in proptest::collection::vec(any::<u8>(), 14..2000),
    ) {
        let mut gre = Tunnel::Gre(Gre { key, checksum, sequence });
        let mut vxlan = Tunnel::Vxlan(Vxlan { vni, udp: None });
        let mut geneve = Tunnel::Geneve(Geneve { vni, udp: None });
        for (tunnel, key) in [(&mut gre, key), (&mut vxlan, Some(vni)), (&mut geneve, Some(vni))] {
            let bytes = packet(tunnel, &frame, flow);
            let inner = pop(tunnel.protocol(), &bytes).unwrap();
            prop_assert_eq!(inner.key, key);
            prop_assert_eq!(inner.frame(&bytes), &frame[..]);
        }
    }
}

const MAX: u32 = vxlan::MAX_VNI;
