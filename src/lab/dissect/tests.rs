use super::*;
use crate::lab::tag::Tag;

/// An Ethernet frame with an IPv4 packet from .100 to .101.
fn ip(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 12];
    frame.extend([0x08, 0, 0x45, 0]);
    frame.extend(((20 + payload.len()) as u16).to_be_bytes());
    frame.extend([0, 0, 0x40, 0, 64, protocol, 0, 0, 192, 168, 100, 100, 192, 168, 100, 101]);
    frame.extend(payload);
    frame
}

fn udp(from: u16, to: u16, payload: &[u8]) -> Vec<u8> {
    let length = 8 + payload.len() as u16;
    let header: Vec<u8> = [from, to, length, 0].iter().flat_map(|f| f.to_be_bytes()).collect();
    ip(17, &[header, payload.to_vec()].concat())
}

/// A configuration BPDU (IEEE 802.1D-1998 §9.3.1).
fn bpdu() -> Vec<u8> {
    let mut frame = vec![1, 0x80, 0xc2, 0, 0, 0, 2, 0, 0, 0, 0, 9, 0, 0x26, 0x42, 0x42, 3, 0, 0, 0, 0, 1];
    frame.extend([0x80, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0x80, 0, 2, 0, 0, 0, 0, 9, 0x80, 1]);
    frame.extend([0, 0, 6, 0, 1, 0, 4, 0]);
    frame
}

#[test]
fn tunnels_and_what_is_in_them() {
    let gre = dissect(&ip(47, &[&[0, 0, 0x65, 0x58][..], &bpdu()].concat()));
    assert_eq!(gre.class, Class::Gre);
    assert_eq!(gre.ends, Some(([192, 168, 100, 100].into(), [192, 168, 100, 101].into())));
    let expected = "STP 802.1d, Config, topology change, root 8000.020000000001, cost 2, bridge 8000.020000000009, port 8001";
    assert!(gre.line.ends_with(expected), "{}", gre.line);

    let tag = Tag { origin: 1, sequence: 5 }.frame();
    let vxlan = dissect(&udp(40000, 4789, &[&[8, 0, 0, 0, 0, 0, 7, 0][..], &tag].concat()));
    assert_eq!(vxlan.class, Class::Vxlan);
    let expected = "192.168.100.100.40000 > 192.168.100.101.4789: VXLAN, vni 7: tagged broadcast 5 of host 2";
    assert_eq!(vxlan.line, format!("IP {expected}"));
}

#[test]
fn ipsec_in_its_three_forms() {
    let packet = [0, 0, 0x12, 0x34, 0, 0, 0, 7, 1, 2, 3, 4];
    let plain = dissect(&ip(50, &packet));
    assert_eq!(plain.class, Class::Esp);
    assert!(plain.line.ends_with("ESP(spi=0x00001234,seq=0x7), length 12"), "{}", plain.line);
    let in_udp = dissect(&udp(4500, 4500, &packet));
    assert_eq!(in_udp.class, Class::Esp);
    assert_eq!(dissect(&udp(4500, 4500, &[0xff])).class, Class::Ike);

    let mut ike = vec![0; 28];
    (ike[18], ike[19]) = (35, 0x28);
    ike[23] = 1;
    let message = dissect(&udp(500, 500, &ike));
    assert_eq!(message.class, Class::Ike);
    assert!(message.line.ends_with("IKEv2 IKE_AUTH response[I], msgid 1, length 28"), "{}", message.line);
    assert_eq!(dissect(&udp(4500, 4500, &[&[0; 4][..], &ike].concat())).class, Class::Ike);
}

#[test]
fn nothing_short_or_strange_makes_it_fail() {
    let whole = ip(47, &[&[0, 0, 0x65, 0x58][..], &bpdu()].concat());
    for cut in 0..whole.len() {
        dissect(&whole[..cut]);
    }
    for byte in 0..whole.len() {
        for value in [0, 1, 0x45, 0x4f, 0x7f, 0x80, 0xff] {
            let mut altered = whole.clone();
            altered[byte] = value;
            dissect(&altered);
        }
    }
}
