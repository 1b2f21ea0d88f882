use super::*;
use crate::{InboundSa, Limits, Secret, Suite};

fn params(suite: Suite, esn: bool) -> SaParams {
    let key = Secret::new(vec![7; suite.key_len().expect("built in")]);
    SaParams { esn, ..SaParams::new(Spi(0x0102_0304), suite, key) }
}

fn sa(suite: Suite, esn: bool) -> OutboundSa {
    OutboundSa::new(params(suite, esn)).expect("built in")
}

fn seal(sa: &mut OutboundSa, payload: &[u8]) -> Result<Vec<u8>, SealError> {
    let layout = sa.layout(payload.len());
    let mut packet = vec![0xcc; layout.total()];
    packet[layout.payload()].copy_from_slice(payload);
    sa.seal(layout, NextHeader::GRE, &mut packet)?;
    Ok(packet)
}

#[test]
fn sequence_numbers_begin_with_one_and_rise_by_one() {
    for suite in Suite::all() {
        let mut sa = sa(suite, true);
        for expected in 1_u32..=5 {
            let packet = seal(&mut sa, b"payload").expect("no limit");
            assert_eq!(packet[..4], [1, 2, 3, 4]);
            assert_eq!(packet[4..8], expected.to_be_bytes());
        }
        assert_eq!(sa.sequence(), 5);
        assert_eq!(sa.usage(), Usage { packets: 5, bytes: 35 });
    }
}

#[test]
fn an_aead_iv_is_the_whole_sequence_number() {
    let mut sa = sa(Suite::AES_GCM_16_128, true);
    sa.sequence = 0x1_0000_0002;
    let packet = seal(&mut sa, b"").expect("no limit");
    assert_eq!(packet[4..8], [0, 0, 0, 3], "the low half");
    assert_eq!(packet[8..16], [0, 0, 0, 1, 0, 0, 0, 3], "the IV");
}

#[test]
fn cbc_ivs_differ_by_packet_and_by_key() {
    let suite = Suite::aes_cbc(128, adit_crypto::IntegId::HMAC_SHA2_256_128);
    let mut first = sa(suite, true);
    let other_key = SaParams { key: Secret::new(vec![8; 48]), ..params(suite, true) };
    let mut second = OutboundSa::new(other_key).expect("built in");
    let mut ivs = Vec::new();
    for _ in 0..100 {
        ivs.push(seal(&mut first, b"same").expect("no limit")[8..24].to_vec());
        ivs.push(seal(&mut second, b"same").expect("no limit")[8..24].to_vec());
    }
    ivs.sort();
    ivs.dedup();
    assert_eq!(ivs.len(), 200);
}

#[test]
fn short_sequence_numbers_end_at_2_to_the_32() {
    let mut sa = sa(Suite::AES_GCM_16_256, false);
    sa.sequence = u64::from(u32::MAX) - 1;
    let last = seal(&mut sa, b"last").expect("2^32 - 1 is a number");
    assert_eq!(last[4..8], [0xff; 4]);
    assert_eq!(seal(&mut sa, b"no more"), Err(SealError::SequenceExhausted));
    assert_eq!(seal(&mut sa, b"no more"), Err(SealError::SequenceExhausted));
}

#[test]
fn extended_sequence_numbers_pass_2_to_the_32_and_end_at_2_to_the_64() {
    for suite in Suite::all() {
        let mut sa = sa(suite, true);
        sa.sequence = u64::from(u32::MAX);
        assert_eq!(seal(&mut sa, b"next").expect("more to come")[4..8], [0; 4]);
        sa.sequence = u64::MAX - 1;
        assert_eq!(seal(&mut sa, b"last").expect("2^64 - 1 is a number")[4..8], [0xff; 4]);
        assert_eq!(seal(&mut sa, b"no more"), Err(SealError::SequenceExhausted));
    }
}

#[test]
fn nothing_is_sealed_beyond_the_hard_limit() {
    let limits = Limits { soft_packets: 2, hard_packets: 3, ..Limits::NONE };
    let mut sa =
        OutboundSa::new(SaParams { limits, ..params(Suite::AES_GCM_16_256, true) }).expect("built in");
    let mut soft = Vec::new();
    for _ in 0..3 {
        seal(&mut sa, b"x").expect("within the limit");
        soft.push(sa.take_soft_limit());
    }
    assert_eq!(soft, [false, true, false]);
    assert_eq!(seal(&mut sa, b"x"), Err(SealError::HardLimit));
    assert_eq!(sa.sequence(), 3, "a refused packet spends no number");
}

#[test]
fn padding_is_one_two_three() {
    let suite = Suite::null(adit_crypto::IntegId::HMAC_SHA2_384_192);
    let packet = seal(&mut sa(suite, false), b"abcdefg").expect("no limit");
    assert_eq!(packet[8..packet.len() - 24], *b"abcdefg\x01\x02\x03\x03\x2f");
}

#[test]
fn a_layout_of_another_length_or_suite_is_refused() {
    let mut gcm = sa(Suite::AES_GCM_16_256, true);
    let cbc = sa(Suite::aes_cbc(256, adit_crypto::IntegId::HMAC_SHA2_256_128), true);
    let layout = gcm.layout(100);
    let mut packet = vec![0; layout.total() + 1];
    assert_eq!(gcm.seal(layout, NextHeader::GRE, &mut packet), Err(SealError::Layout));
    let foreign = cbc.layout(100);
    assert_eq!(gcm.seal(foreign, NextHeader::GRE, &mut vec![0; foreign.total()]), Err(SealError::Layout));
    assert_eq!(gcm.sequence(), 0);
}

#[test]
fn a_run_is_its_packets() {
    let suite = Suite::CHACHA20_POLY1305;
    let (mut one_by_one, mut together) = (sa(suite, true), sa(suite, true));
    let payloads: Vec<[u8; 33]> = (0..10).map(|number| [number; 33]).collect();
    let layout = together.layout(33);
    let mut run = vec![0; 10 * layout.total()];
    for (packet, payload) in run.chunks_exact_mut(layout.total()).zip(&payloads) {
        packet[layout.payload()].copy_from_slice(payload);
    }
    together.seal_run(layout, NextHeader::GRE, &mut run).expect("no limit");
    let singly: Vec<u8> =
        payloads.iter().flat_map(|payload| seal(&mut one_by_one, payload).expect("no limit")).collect();
    assert_eq!(run, singly);
    let odd = together.seal_run(layout, NextHeader::GRE, &mut run[1..]);
    assert_eq!(odd, Err(SealError::Layout));
}

#[test]
fn what_it_seals_its_inbound_half_opens() {
    for suite in Suite::all() {
        for esn in [false, true] {
            let mut outbound = sa(suite, esn);
            let mut inbound = InboundSa::new(params(suite, esn)).expect("built in");
            for len in 0..70 {
                let payload: Vec<u8> = (0..len).collect();
                let mut packet = seal(&mut outbound, &payload).expect("no limit");
                let opened = inbound.open(&mut packet).expect("just sealed");
                assert_eq!((opened.next_header, &packet[opened.payload]), (NextHeader::GRE, &payload[..]));
                assert_eq!(opened.sequence, u64::from(len) + 1);
            }
        }
    }
}

#[test]
fn debug_shows_no_key() {
    let shown = format!("{:?}{:?}", sa(Suite::AES_GCM_16_256, true), params(Suite::AES_GCM_16_256, true));
    assert!(!shown.contains("7, 7") && !shown.contains("0707"), "{shown}");
}
