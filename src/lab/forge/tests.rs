use super::*;
use crate::lab::dissect::{Class, dissect};

const ENDS: Ends = Ends {
    macs: ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]),
    ips: (Ipv4Addr::new(192, 168, 100, 101), Ipv4Addr::new(192, 168, 100, 102)),
};

#[test]
fn forgeries_are_well_formed() {
    let frame = gre(&ENDS, &[0xff; 60]);
    assert_eq!(frame[..12], [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]);
    assert_eq!(Sum::of(&frame[14..34]).checksum(), 0);
    let packet = dissect(&frame);
    assert_eq!((packet.class, packet.ends), (Class::Gre, Some(ENDS.ips)));
    assert_eq!(dissect(&vxlan(&ENDS, &[0xff; 60])).class, Class::Vxlan);
    let frame = udp(&ENDS, 9, b"inner");
    assert!(dissect(&frame).line.ends_with("192.168.100.101.9 > 192.168.100.102.9: UDP, length 5"));
}

#[test]
fn esp_is_found_behind_ip_and_behind_udp() {
    assert_eq!(esp_offset(&ENDS.ip(50, &[1; 16])), Some(34));
    assert_eq!(esp_offset(&ENDS.ip(17, &[1; 16])), Some(42));
    assert_eq!(esp_offset(&ENDS.ip(6, &[1; 16])), None);
    assert_eq!(esp_offset(&[0; 20]), None);
}
