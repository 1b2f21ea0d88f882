use super::*;
use proptest::prelude::*;

fn frame(rest: &[u8]) -> Vec<u8> {
    [&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], rest].concat()
}

#[test]
fn the_three_forms_are_told_apart() {
    let ethernet = frame(&[0x08, 0, 9, 9]);
    let view = Frame::parse(&ethernet).expect("whole");
    assert_eq!(view.destination(), MacAddr([1, 2, 3, 4, 5, 6]));
    assert_eq!(view.source(), MacAddr([7, 8, 9, 10, 11, 12]));
    assert_eq!((view.tag(), view.body()), (None, Ok(Body::Ethernet(EtherType(0x800), &[9, 9]))));

    let llc = frame(&[0, 3, 0x42, 0x42, 3, 0, 0, 0]);
    assert_eq!(Frame::parse(&llc).expect("whole").body(), Ok(Body::Llc(&[0x42, 0x42, 3])));

    let tagged = frame(&[0x81, 0, 0xb0, 7, 0x86, 0xdd, 1]);
    let view = Frame::parse(&tagged).expect("whole");
    assert_eq!(view.tag(), Some(VlanTag { priority: 5, drop_eligible: true, vid: 7 }));
    assert_eq!(view.body(), Ok(Body::Ethernet(EtherType(0x86dd), &[1])));
}

#[test]
fn what_is_cut_off_is_refused() {
    assert_eq!(Frame::parse(&frame(&[8])), Err(FrameError::TooShort(13)));
    let body = |rest: &[u8]| Frame::parse(&frame(rest)).expect("header").body().err();
    assert_eq!(body(&[0, 4, 1, 2, 3]), Some(FrameError::BadLength { length: 4, present: 3 }));
    assert_eq!(body(&[0x05, 0xdd]), Some(FrameError::BadLength { length: 1501, present: 0 }));
    assert_eq!(body(&[0x81, 0, 0]), Some(FrameError::TooShort(15)));
    assert_eq!(Frame::parse(&frame(&[0x81, 0, 0])).expect("header").tag(), None);
}

#[test]
fn reserved_groups_are_those_of_the_standard_and_of_open_vswitch() {
    for last in 0..=255 {
        assert_eq!(MacAddr([0x01, 0x80, 0xc2, 0, 0, last]).is_reserved(), last < 16);
    }
    for text in ["01:00:0c:cc:cc:cc", "01:00:0c:cc:cc:cd", "00:e0:2b:00:00:04", "01:00:0c:cd:cd:cd"] {
        assert!(text.parse::<MacAddr>().expect("an address").is_reserved(), "{text}");
    }
    assert!(!MacAddr::BROADCAST.is_reserved() && !MacAddr::PROBE_GROUP.is_reserved());
    assert!(MacAddr::PROBE_GROUP.is_group());
}

#[test]
fn addresses_are_read_as_they_are_written() {
    for bad in [
        "",
        "1:2:3:4:5:6",
        "00:00:00:00:00",
        "00:00:00:00:00:00:00",
        "0g:00:00:00:00:00",
        "+1:00:00:00:00:00",
    ] {
        assert_eq!(bad.parse::<MacAddr>(), Err(BadMacAddr), "{bad}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(frame) = Frame::parse(&bytes) {
            let _ = (frame.tag(), frame.body());
        }
    }

    #[test]
    fn an_address_survives_text_and_number(octets: [u8; 6]) {
        let address = MacAddr(octets);
        prop_assert_eq!(address.to_string().parse(), Ok(address));
        prop_assert_eq!(MacAddr::from_u64(address.to_u64()), address);
    }
}
