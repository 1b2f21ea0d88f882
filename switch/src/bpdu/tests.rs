use super::*;
use proptest::prelude::*;

/// As Open vSwitch 3.1 sent it inside GRE: unpadded, 52 octets.
const OVS_CONFIG: [u8; 52] = [
    0x01, 0x80, 0xc2, 0, 0, 0, 0x4e, 0x1b, 0x7a, 0x21, 0x5c, 0x0d, 0x00, 0x26, 0x42, 0x42, 0x03, 0, 0, 0, 0,
    0x01, 0x80, 0x00, 0x9e, 0x0e, 0xc7, 0xe5, 0x89, 0x4f, 0, 0, 0, 2, 0x80, 0x00, 0xc2, 0x11, 0x22, 0x33,
    0x44, 0x55, 0x80, 0x02, 0x00, 0x01, 0x14, 0x00, 0x02, 0x00, 0x0f, 0x00,
];

fn config() -> impl Strategy<Value = Config> {
    let ids = (any::<[u8; 8]>(), any::<u32>(), any::<[u8; 8]>(), any::<u16>());
    (ids, any::<[bool; 2]>(), 0..u16::MAX, any::<[u16; 2]>()).prop_flat_map(|(ids, flags, age, times)| {
        (age + 1..=u16::MAX).prop_map(move |max_age| Config {
            vector: PriorityVector {
                root: BridgeId::from_bytes(ids.0),
                cost: ids.1,
                bridge: BridgeId::from_bytes(ids.2),
                port: PortIdentifier(ids.3),
            },
            topology_change: flags[0],
            topology_change_ack: flags[1],
            message_age: BpduTime(age),
            max_age: BpduTime(max_age),
            hello_time: BpduTime(times[0]),
            forward_delay: BpduTime(times[1]),
        })
    })
}

#[test]
fn an_open_vswitch_bpdu_is_read_and_written_alike() {
    let bpdu = parse_frame(&OVS_CONFIG).expect("valid");
    let Bpdu::Config(config) = bpdu else { panic!("a configuration BPDU") };
    assert_eq!(config.vector.root.to_string(), "8000.9e0ec7e5894f");
    assert_eq!((config.vector.cost, config.vector.port.0), (2, 0x8002));
    assert!(config.topology_change && !config.topology_change_ack);
    assert_eq!(config.message_age.to_duration(), Duration::from_nanos(3_906_250));
    assert_eq!(config.max_age.to_duration(), Duration::from_secs(20));
    let mut again = Vec::new();
    emit_frame(&bpdu, MacAddr([0x4e, 0x1b, 0x7a, 0x21, 0x5c, 0x0d]), &mut again);
    assert_eq!(again, OVS_CONFIG);
}

#[test]
fn padding_is_cut_off_by_the_length_field() {
    let mut padded = OVS_CONFIG.to_vec();
    padded.resize(60, 0xee);
    assert_eq!(parse_frame(&padded), parse_frame(&OVS_CONFIG));
    let mut tcn = Vec::new();
    emit_frame(&Bpdu::Tcn, MacAddr::from_u64(7), &mut tcn);
    assert_eq!(tcn.len(), 21);
    tcn.resize(60, 0);
    assert_eq!(parse_frame(&tcn), Ok(Bpdu::Tcn));
}

#[test]
fn a_notification_may_be_padded_inside_its_length() {
    let mut long = vec![0, 0, 0, TYPE_TCN];
    long.resize(36, 0);
    assert_eq!(parse(&long), Ok(Bpdu::Tcn));
    assert_eq!(parse(&long[..3]), Err(BpduError::TooShort(3)));
}

#[test]
fn what_the_standard_refuses_is_refused() {
    let good = &OVS_CONFIG[17..];
    let with = |at: usize, value: u8| {
        let mut bytes = good.to_vec();
        bytes[at] = value;
        parse(&bytes)
    };
    assert!(with(2, 3).is_ok(), "a later version is read as this one");
    assert_eq!(with(0, 1), Err(BpduError::Protocol(0x100)));
    assert_eq!(with(3, TYPE_RST), Err(BpduError::RapidSpanningTree));
    assert_eq!(with(3, 0x44), Err(BpduError::Type(0x44)));
    assert_eq!(with(27, 0x14), Err(BpduError::Expired));
    assert_eq!(parse(&good[..34]), Err(BpduError::TooShort(34)));
    let mut tagged = OVS_CONFIG.to_vec();
    tagged.splice(12..12, [0x81, 0, 0, 1]);
    assert_eq!(parse_frame(&tagged), Err(BpduError::NotLlc));
    let mut cut = OVS_CONFIG;
    cut[13] = 0x27;
    assert!(matches!(parse_frame(&cut), Err(BpduError::Frame(FrameError::BadLength { .. }))));
}

#[test]
fn times_round_up_and_stay_in_range() {
    assert_eq!(BpduTime::from_duration(Duration::from_secs(2)), BpduTime(512));
    assert_eq!(BpduTime::from_duration(Duration::from_nanos(1)), BpduTime(1));
    assert_eq!(BpduTime::from_duration(Duration::from_secs(9999)), BpduTime(u16::MAX));
}

proptest! {
    #[test]
    fn emit_then_parse_is_identity(config in config(), source: [u8; 6]) {
        let mut frame = Vec::new();
        emit_frame(&Bpdu::Config(config), MacAddr(source), &mut frame);
        prop_assert_eq!(parse_frame(&frame), Ok(Bpdu::Config(config)));
    }

    #[test]
    fn parse_then_emit_gives_the_bytes_back(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let mut bytes = bytes;
        if bytes.len() > 4 {
            bytes[..4].fill(0);
            bytes[4] &= FLAG_TC | FLAG_TCA;
        }
        if let Ok(bpdu @ Bpdu::Config(_)) = parse(&bytes) {
            let mut again = Vec::new();
            emit(&bpdu, &mut again);
            prop_assert_eq!(&again, &bytes[..35]);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), cut in 0usize..60) {
        let _ = parse(&bytes);
        let _ = parse_frame(&bytes);
        let mut near = OVS_CONFIG.to_vec();
        near.truncate(cut);
        let _ = parse_frame(&near);
    }

    #[test]
    fn any_time_survives(units: u16) {
        prop_assert_eq!(BpduTime::from_duration(BpduTime(units).to_duration()), BpduTime(units));
    }
}
