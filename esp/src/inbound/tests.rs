use std::collections::BTreeSet;

use adit_crypto::{Iv, Sealer};
use proptest::prelude::*;

use super::*;
use crate::{Backend, Limits, OutboundSa, Secret, Suite, header};

const SPI: Spi = Spi(0xcafe_f00d);

fn suites() -> impl Strategy<Value = Suite> {
    prop::sample::select(Suite::all().collect::<Vec<_>>())
}

fn key(suite: Suite) -> Secret {
    let mut bytes = vec![0; suite.key_len().expect("built in")];
    adit_crypto::Rng::from_seed([9; 32]).fill(&mut bytes);
    Secret::new(bytes)
}

fn params(suite: Suite, esn: bool) -> SaParams {
    SaParams { esn, ..SaParams::new(SPI, suite, key(suite)) }
}

fn sa(suite: Suite, esn: bool) -> InboundSa {
    InboundSa::new(params(suite, esn)).expect("built in")
}

/// A peer that may send any sequence number and any text, trailer included.
fn forge(suite: Suite, esn: bool, sequence: u64, text: &[u8]) -> Vec<u8> {
    let mut sealer = Sealer::new(suite, &key(suite), Backend::Pure).expect("built in");
    let geometry = sealer.geometry();
    let mut packet = vec![0; HEADER_LEN + geometry.iv];
    packet.extend_from_slice(text);
    packet.resize(packet.len() + geometry.icv, 0);
    let (head, body) = packet.split_first_chunk_mut().expect("longer than a header");
    header::write(head, SPI, sequence);
    let aead = geometry.kind == Kind::Aead;
    let authenticated = Authenticated::new(SPI, sequence, esn, aead);
    let iv = match (geometry.kind, geometry.iv) {
        (Kind::Aead, _) => Iv::Counter(sequence),
        (Kind::Cipher, 0) => Iv::Absent,
        (Kind::Cipher, _) => Iv::Block(&[0x55; 16]),
    };
    sealer.seal(iv, authenticated.aad(), body).expect("a fresh sealer");
    packet
}

/// A text of whole blocks for every suite: 13 bytes, one of padding, trailer.
fn good_text() -> Vec<u8> {
    [&b"hello, world!"[..], &[1, 1, 47]].concat()
}

#[test]
fn a_packet_passes_once() {
    for suite in Suite::all() {
        for esn in [false, true] {
            let mut sa = sa(suite, esn);
            let packet = forge(suite, esn, 1, &good_text());
            let mut copy = packet.clone();
            let opened = sa.open(&mut copy).expect("authentic");
            assert_eq!(copy[opened.payload.clone()], *b"hello, world!");
            assert_eq!((opened.next_header, opened.sequence), (NextHeader::GRE, 1));
            assert_eq!(sa.open(&mut packet.clone()), Err(OpenError::Replayed));
            assert_eq!(sa.usage(), Usage { packets: 1, bytes: 13 });
        }
    }
}

#[test]
fn a_forged_packet_moves_nothing() {
    let suite = Suite::AES_GCM_16_256;
    let mut sa = sa(suite, true);
    sa.open(&mut forge(suite, true, 10, &good_text())).expect("authentic");
    let mut ahead = forge(suite, true, 1_000_000, &good_text());
    *ahead.last_mut().expect("not empty") ^= 1;
    assert_eq!(sa.open(&mut ahead), Err(OpenError::BadIcv));
    assert_eq!(sa.sequence(), 10);
    let mut spoilt = forge(suite, true, 11, &good_text());
    spoilt[20] ^= 1;
    assert_eq!(sa.open(&mut spoilt), Err(OpenError::BadIcv));
    sa.open(&mut forge(suite, true, 11, &good_text())).expect("the forgery did not spend the number");
    assert_eq!(sa.usage().packets, 2);
}

#[test]
fn below_the_window_is_too_old() {
    let suite = Suite::CHACHA20_POLY1305;
    let mut sa = sa(suite, false);
    sa.open(&mut forge(suite, false, 5000, &good_text())).expect("authentic");
    assert_eq!(sa.open(&mut forge(suite, false, 5000 - 4096, &good_text())), Err(OpenError::TooOld));
    sa.open(&mut forge(suite, false, 5000 - 4095, &good_text())).expect("the bottom of the window");
    assert_eq!(sa.open(&mut forge(suite, false, 0, &good_text())), Err(OpenError::TooOld));
}

#[test]
fn number_zero_is_never_accepted() {
    for esn in [false, true] {
        let suite = Suite::AES_GCM_16_128;
        assert_eq!(sa(suite, esn).open(&mut forge(suite, esn, 0, &good_text())), Err(OpenError::Replayed));
    }
}

#[test]
fn extended_numbers_cross_the_boundary_out_of_order() {
    const END: u64 = 1 << 32;
    for suite in Suite::all() {
        let mut sa = sa(suite, true);
        let steps = [
            (END - 4_000_000_000, Ok(END - 4_000_000_000)),
            (END - 100, Ok(END - 100)),
            (END + 5, Ok(END + 5)),
            (END - 1, Ok(END - 1)),
            (END - 1, Err(OpenError::Replayed)),
            (END, Ok(END)),
            (END + 5, Err(OpenError::Replayed)),
            (END + 5 - 4095, Ok(END + 5 - 4095)),
        ];
        for (sequence, expected) in steps {
            let opened = sa.open(&mut forge(suite, true, sequence, &good_text()));
            assert_eq!(opened.map(|opened| opened.sequence), expected, "{suite} {sequence:#x}");
        }
        // The same low half, one subspace earlier or later than it is now taken for.
        let stale = forge(suite, true, 1000, &good_text());
        assert_eq!(sa.open(&mut stale.clone()), Err(OpenError::BadIcv));
    }
}

#[test]
fn both_ends_must_agree_on_esn() {
    for suite in Suite::all() {
        let packet = forge(suite, true, 1, &good_text());
        assert_eq!(sa(suite, false).open(&mut packet.clone()), Err(OpenError::BadIcv), "{suite}");
    }
}

#[test]
fn padding_must_be_one_two_three() {
    let suite = Suite::AES_GCM_16_256;
    for (text, expected) in [
        (&[9, 9, 1, 2, 3, 4, 4, 47][..], Ok(2)),
        (&[1, 2, 3, 4, 5, 6, 6, 47], Ok(0)),
        (&[0, 47], Ok(0)),
        (&[9, 9, 1, 2, 3, 5, 4, 47], Err(OpenError::BadPadding)),
        (&[9, 9, 0, 1, 2, 3, 4, 47], Err(OpenError::BadPadding)),
        (&[1, 2, 3, 4, 5, 6, 7, 47], Err(OpenError::BadPadding)),
        (&[255, 47], Err(OpenError::BadPadding)),
    ] {
        let opened = sa(suite, true).open(&mut forge(suite, true, 1, text));
        assert_eq!(opened.map(|opened| opened.payload.len()), expected, "{text:?}");
    }
}

#[test]
fn padding_of_255_bytes_is_fine() {
    let suite = Suite::AES_GCM_16_256;
    let text: Vec<u8> = b"abc".iter().copied().chain(1..=255).chain([255, 4]).collect();
    let opened = sa(suite, true).open(&mut forge(suite, true, 1, &text)).expect("RFC 4303 §2.4 allows it");
    assert_eq!(opened.payload, 16..19);
}

#[test]
fn dummies_are_told_and_counted() {
    let suite = Suite::AES_GCM_16_256;
    let mut sa = sa(suite, true);
    let dummy = forge(suite, true, 1, &[1, 2, 2, 59]);
    assert_eq!(sa.open(&mut dummy.clone()), Err(OpenError::Dummy));
    assert_eq!(sa.open(&mut dummy.clone()), Err(OpenError::Replayed), "it was authentic");
    assert_eq!(sa.usage().packets, 1);
}

#[test]
fn nothing_is_opened_beyond_the_hard_limit() {
    let suite = Suite::AES_GCM_16_256;
    let limits = Limits { soft_bytes: 13, hard_bytes: 26, ..Limits::NONE };
    let mut sa = InboundSa::new(SaParams { limits, ..params(suite, true) }).expect("built in");
    sa.open(&mut forge(suite, true, 1, &good_text())).expect("within the limit");
    assert!(sa.take_soft_limit());
    sa.open(&mut forge(suite, true, 2, &good_text())).expect("within the limit");
    assert!(!sa.take_soft_limit());
    assert_eq!(sa.open(&mut forge(suite, true, 3, &good_text())), Err(OpenError::HardLimit));
}

#[test]
fn lengths_that_cannot_be() {
    for suite in Suite::all() {
        let mut sa = sa(suite, true);
        let geometry = suite.geometry().expect("built in");
        let shortest = HEADER_LEN + geometry.iv + 2 + geometry.icv;
        for len in 0..shortest {
            assert_eq!(sa.open(&mut vec![1; len]), Err(OpenError::TooShort));
        }
        let expected = if geometry.block == 1 { OpenError::BadIcv } else { OpenError::BadLength };
        assert_eq!(sa.open(&mut vec![1; shortest + 1]), Err(expected));
    }
}

proptest! {
    #[test]
    fn open_takes_any_bytes(
        suite in suites(),
        esn in any::<bool>(),
        mut bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        prop_assert!(sa(suite, esn).open(&mut bytes).is_err());
    }

    #[test]
    fn any_bit_flip_is_refused(suite in suites(), esn in any::<bool>(), bit in any::<prop::sample::Index>()) {
        let mut packet = forge(suite, esn, 3, &good_text());
        let bit = bit.index(packet.len() * 8);
        packet[bit / 8] ^= 1 << (bit % 8);
        let error = sa(suite, esn).open(&mut packet).map(|_| ()).expect_err("changed");
        prop_assert!(matches!(error, OpenError::BadIcv | OpenError::TooOld | OpenError::Replayed), "{}", error);
    }

    /// An authentic peer may still send any text.
    #[test]
    fn any_authentic_text_is_taken_or_refused(suite in suites(), mut text in prop::collection::vec(any::<u8>(), 2..300)) {
        let block = suite.geometry().unwrap().block;
        text.resize(text.len().next_multiple_of(block), 0);
        let mut packet = forge(suite, true, 1, &text);
        match sa(suite, true).open(&mut packet) {
            Ok(opened) => {
                prop_assert_eq!(&packet[opened.payload.clone()], &text[..opened.payload.len()]);
                prop_assert_eq!(Some(&opened.next_header.0), text.last());
            }
            Err(error) => prop_assert!(matches!(error, OpenError::BadPadding | OpenError::Dummy), "{}", error),
        }
    }

    /// A link that loses, repeats and reorders: each packet arrives at most once, and all of them do while they
    /// stay within the window; both backends at both ends.
    #[test]
    fn each_packet_arrives_at_most_once(
        suite in suites(),
        fast_sender in any::<bool>(),
        order in prop::collection::vec(0_usize..60, 1..300),
    ) {
        let (sender, receiver) = if fast_sender { (Backend::Fast, Backend::Pure) } else { (Backend::Pure, Backend::Fast) };
        let mut outbound = OutboundSa::new(SaParams { backend: sender, ..params(suite, true) }).unwrap();
        let mut inbound = InboundSa::new(SaParams { backend: receiver, ..params(suite, true) }).unwrap();
        let packets: Vec<Vec<u8>> = (0..60_u8).map(|number| {
            let layout = outbound.layout(usize::from(number));
            let mut packet = vec![number; layout.total()];
            outbound.seal(layout, NextHeader::GRE, &mut packet).unwrap();
            packet
        }).collect();
        let mut arrived = [false; 60];
        for number in order {
            let mut packet = packets[number].clone();
            let expected = if arrived[number] { Err(OpenError::Replayed) } else { Ok(number as u64 + 1) };
            let opened = inbound.open(&mut packet);
            prop_assert_eq!(opened.as_ref().map(|opened| opened.sequence).map_err(|&error| error), expected);
            if let Ok(opened) = opened {
                prop_assert!(packet[opened.payload].iter().all(|&byte| usize::from(byte) == number));
            }
            arrived[number] = true;
        }
    }

    /// Around the boundary of two subspaces, in any order, against a model that knows the whole numbers: what is
    /// in the window or above passes once; what is below is refused, whatever its low half is taken for.
    #[test]
    fn extended_numbers_pass_once_around_the_boundary(
        suite in suites(),
        size in prop::sample::select(vec![64_u32, 1024, 4096]),
        steps in prop::collection::vec(prop_oneof![-80_i64..120, -6000_i64..8000], 1..60),
    ) {
        let mut sa = InboundSa::new(SaParams { replay_window: size, ..params(suite, true) }).unwrap();
        let mut sequence = (1_u64 << 32) - 15_000;
        sa.open(&mut forge(suite, true, sequence, &good_text())).expect("the first");
        let mut top = sequence;
        let mut received = BTreeSet::from([sequence]);
        for step in steps {
            sequence = sequence.saturating_add_signed(step);
            let opened = sa.open(&mut forge(suite, true, sequence, &good_text())).map(|opened| opened.sequence);
            if sequence + u64::from(size) <= top {
                prop_assert!(opened.is_err(), "{:#x} is below the window", sequence);
                continue;
            }
            let expected = if received.insert(sequence) { Ok(sequence) } else { Err(OpenError::Replayed) };
            prop_assert_eq!(opened, expected);
            top = top.max(sequence);
        }
        prop_assert_eq!(sa.sequence(), top);
    }
}
