use proptest::prelude::*;

use super::*;

const BACKENDS: [Backend; 2] = [Backend::Fast, Backend::Pure];

fn suites() -> impl Strategy<Value = Suite> {
    prop::sample::select(Suite::all().collect::<Vec<_>>())
}

fn key_for(suite: Suite, seed: u8) -> Secret {
    let mut bytes = vec![0; suite.key_len().expect("built in")];
    crate::Rng::from_seed([seed; 32]).fill(&mut bytes);
    Secret::new(bytes)
}

fn iv_for<'a>(suite: Suite, counter: u64, block: &'a [u8; 16]) -> Iv<'a> {
    match suite.encr {
        EncrId::AES_CBC => Iv::Block(block),
        EncrId::NULL => Iv::Absent,
        _ => Iv::Counter(counter),
    }
}

fn is_aead(suite: Suite) -> bool {
    suite.integ.is_none()
}

/// Room, text in whole blocks, room.
fn body_with(geometry: Geometry, text: &[u8]) -> Vec<u8> {
    let mut body = vec![0; geometry.iv];
    body.extend_from_slice(text);
    body.resize(geometry.iv + text.len().next_multiple_of(geometry.block) + geometry.icv, 0xa5);
    body
}

proptest! {
    /// Whatever one backend seals the other opens, and both make the same bytes.
    #[test]
    fn backends_are_each_others_oracle(
        suite in suites(),
        seed in any::<u8>(),
        counter in any::<u64>(),
        block in any::<[u8; 16]>(),
        head in prop::collection::vec(any::<u8>(), 0..64),
        tail in prop::collection::vec(any::<u8>(), 0..8),
        text in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        let geometry = suite.geometry().unwrap();
        let key = key_for(suite, seed);
        let tail = if is_aead(suite) { &[] } else { &tail[..] };
        let aad = Aad::with_tail(&head, tail);
        let plain = body_with(geometry, &text);
        let sealed = BACKENDS.map(|backend| {
            let mut body = plain.clone();
            let mut sealer = Sealer::new(suite, &key, backend).unwrap();
            sealer.seal(iv_for(suite, counter, &block), aad, &mut body).unwrap();
            body
        });
        prop_assert_eq!(&sealed[0], &sealed[1]);
        for backend in BACKENDS {
            let mut body = sealed[0].clone();
            let opener = Opener::new(suite, &key, backend).unwrap();
            let place = opener.open_numbered(counter, aad, &mut body).unwrap();
            prop_assert_eq!(&body[place.clone()], &plain[place]);
        }
    }

    /// Every bit counts: of IV, text, ICV, and of what is authenticated only.
    #[test]
    fn any_bit_flip_is_refused(
        suite in suites(),
        text in prop::collection::vec(any::<u8>(), 0..100),
        head in prop::collection::vec(any::<u8>(), 1..20),
        bit in any::<prop::sample::Index>(),
    ) {
        let geometry = suite.geometry().unwrap();
        let key = key_for(suite, 1);
        let mut sealed = body_with(geometry, &text);
        let mut sealer = Sealer::new(suite, &key, Backend::Fast).unwrap();
        sealer.seal(iv_for(suite, 7, &[3; 16]), Aad::new(&head), &mut sealed).unwrap();
        let flipped = bit.index((head.len() + sealed.len()) * 8);
        let mut whole = [head.clone(), sealed].concat();
        whole[flipped / 8] ^= 1 << (flipped % 8);
        let (head, sealed) = whole.split_at(head.len());
        for backend in BACKENDS {
            let opener = Opener::new(suite, &key, backend).unwrap();
            prop_assert_eq!(opener.open_numbered(7, Aad::new(head), &mut sealed.to_vec()), Err(OpenError::BadIcv));
        }
    }

    #[test]
    fn open_takes_any_bytes(suite in suites(), mut body in prop::collection::vec(any::<u8>(), 0..120)) {
        for backend in BACKENDS {
            let opener = Opener::new(suite, &key_for(suite, 1), backend).unwrap();
            prop_assert!(opener.open_numbered(1, Aad::new(&[]), &mut body).is_err());
            prop_assert!(opener.open(Aad::new(&[]), &mut body).is_err());
        }
    }
}

#[test]
fn a_counter_must_rise() {
    for suite in Suite::all().filter(|&suite| is_aead(suite)) {
        let mut sealer = Sealer::new(suite, &key_for(suite, 1), Backend::Fast).expect("built in");
        let mut seal = |counter| sealer.seal(Iv::Counter(counter), Aad::new(&[]), &mut [0; 40]);
        assert_eq!(seal(5), Ok(()));
        assert_eq!(seal(5), Err(SealError::Iv));
        assert_eq!(seal(4), Err(SealError::Iv));
        assert_eq!(seal(6), Ok(()));
        assert_eq!(seal(u64::MAX), Ok(()));
        assert_eq!(seal(u64::MAX), Err(SealError::Iv), "the last one is spent too");
        assert_eq!(seal(0), Err(SealError::Iv));
    }
}

#[test]
fn the_iv_fits_the_suite() {
    for suite in Suite::all() {
        let mut sealer = Sealer::new(suite, &key_for(suite, 1), Backend::Fast).expect("built in");
        let mut body = body_with(sealer.geometry(), &[0; 32]);
        let right = std::mem::discriminant(&iv_for(suite, 1, &[0; 16]));
        for iv in [Iv::Counter(1), Iv::Block(&[0; 16]), Iv::Absent] {
            let sealed = sealer.seal(iv, Aad::new(&[]), &mut body);
            let fits = std::mem::discriminant(&iv) == right;
            assert_eq!(sealed, if fits { Ok(()) } else { Err(SealError::Iv) }, "{suite} {iv:?}");
        }
    }
}

#[test]
fn an_aead_has_no_place_for_a_tail() {
    let suite = Suite::AES_GCM_16_256;
    let mut sealer = Sealer::new(suite, &key_for(suite, 1), Backend::Fast).expect("built in");
    let aad = Aad::with_tail(&[1], &[2]);
    assert_eq!(sealer.seal(Iv::Counter(1), aad, &mut [0; 40]), Err(SealError::Tail));
    let opener = Opener::new(suite, &key_for(suite, 1), Backend::Fast).expect("built in");
    assert_eq!(opener.open(aad, &mut [0; 40]), Err(OpenError::Tail));
}

/// RFC 8750 §4: nothing but the place of the IV differs.
#[test]
fn an_implicit_iv_is_the_explicit_one_left_out() {
    for suite in Suite::all().filter(|suite| is_aead(*suite)) {
        let encr = match suite.encr {
            EncrId::AES_GCM_16 => EncrId::AES_GCM_16_IIV,
            EncrId::CHACHA20_POLY1305 => EncrId::CHACHA20_POLY1305_IIV,
            _ => continue,
        };
        let implicit = Suite { encr, ..suite };
        let key = key_for(suite, 1);
        let seal = |suite: Suite| {
            let mut sealer = Sealer::new(suite, &key, Backend::Fast).expect("built in");
            let mut body = body_with(sealer.geometry(), b"text");
            sealer.seal(Iv::Counter(0x1_0000_0002), Aad::new(b"head"), &mut body).expect("room enough");
            body
        };
        let mut body = seal(implicit);
        assert_eq!(body, seal(suite)[8..], "{implicit}");

        let opener = Opener::new(implicit, &key, Backend::Fast).expect("built in");
        assert_eq!(opener.open(Aad::new(b"head"), &mut body.clone()), Err(OpenError::Number));
        let other = opener.open_numbered(2, Aad::new(b"head"), &mut body.clone());
        assert_eq!(other, Err(OpenError::BadIcv));
        assert_eq!(opener.open_numbered(0x1_0000_0002, Aad::new(b"head"), &mut body), Ok(0..4));
        assert_eq!(body[..4], *b"text");
    }
}

#[test]
fn a_tail_is_authenticated() {
    let suite = Suite::aes_cbc(256, crate::IntegId::HMAC_SHA2_256_128);
    let mut body = [0; 64];
    let mut sealer = Sealer::new(suite, &key_for(suite, 1), Backend::Fast).expect("built in");
    sealer
        .seal(Iv::Block(&[9; 16]), Aad::with_tail(&[1], &[0, 0, 0, 1]), &mut body)
        .expect("two whole blocks");
    let opener = Opener::new(suite, &key_for(suite, 1), Backend::Fast).expect("built in");
    let other = Aad::with_tail(&[1], &[0, 0, 0, 2]);
    assert_eq!(opener.open(other, &mut body.clone()), Err(OpenError::BadIcv));
    assert_eq!(opener.open(Aad::with_tail(&[1], &[0, 0, 0, 1]), &mut body), Ok(16..48));
}

#[test]
fn bodies_too_short_or_not_in_blocks_are_refused() {
    for suite in Suite::all() {
        let geometry = suite.geometry().expect("built in");
        let mut sealer = Sealer::new(suite, &key_for(suite, 1), Backend::Fast).expect("built in");
        let opener = Opener::new(suite, &key_for(suite, 1), Backend::Fast).expect("built in");
        let iv = iv_for(suite, 1, &[0; 16]);
        for len in 0..geometry.iv + geometry.icv {
            assert_eq!(sealer.seal(iv, Aad::new(&[]), &mut vec![0; len]), Err(SealError::Length));
            assert_eq!(opener.open_numbered(1, Aad::new(&[]), &mut vec![0; len]), Err(OpenError::Length));
        }
        if geometry.block > 1 {
            let len = geometry.iv + geometry.icv + geometry.block + 1;
            assert_eq!(sealer.seal(iv, Aad::new(&[]), &mut vec![0; len]), Err(SealError::Length));
            assert_eq!(opener.open(Aad::new(&[]), &mut vec![0; len]), Err(OpenError::Length));
        }
    }
}

#[test]
fn the_key_material_has_the_length_of_the_suite() {
    for suite in Suite::all() {
        let expected = suite.key_len().expect("built in");
        for got in [0, expected - 1, expected + 1] {
            let error = Sealer::new(suite, &Secret::new(vec![0; got]), Backend::Pure).map(|_| ());
            assert_eq!(error, Err(KeyError::Length { suite, expected, got }));
        }
    }
    let suite = Suite { encr: EncrId::TRIPLE_DES_CBC, key_bits: None, integ: None };
    let error = Opener::new(suite, &Secret::new(vec![0; 24]), Backend::Fast).map(|_| ());
    assert_eq!(error, Err(KeyError::Unsupported(suite)));
}

#[test]
fn debug_names_the_suite_only() {
    let suite = Suite::AES_GCM_16_128;
    let sealer = Sealer::new(suite, &key_for(suite, 1), Backend::Fast).expect("built in");
    assert_eq!(format!("{sealer:?}"), "Sealer(AES_GCM_16_128)");
}
