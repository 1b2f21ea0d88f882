//! SK payloads: made, opened, spoilt; and those strongSwan made.

use adit_crypto::{EncrId, IntegId, Rng, Secret, Suite};
use proptest::prelude::*;

use super::recorded::{GCM, Recording};
use super::*;

const SUITES: [Suite; 6] = [
    Suite::AES_GCM_16_256,
    Suite::AES_GCM_16_128,
    Suite::CHACHA20_POLY1305,
    Suite::aes_cbc(256, IntegId::HMAC_SHA2_256_128),
    Suite::aes_cbc(192, IntegId::HMAC_SHA1_96),
    Suite { encr: EncrId::AES_GCM_16, key_bits: Some(192), integ: None },
];

fn pair(suite: Suite) -> (SkSealer, SkOpener) {
    let key = || Secret::new(vec![0x5a; suite.key_len().expect("built in")]);
    (SkSealer::new(suite, &key()).expect("built in"), SkOpener::new(suite, &key()).expect("built in"))
}

fn rng() -> Rng {
    Rng::from_seed([3; 32])
}

fn hello() -> Message {
    let payloads =
        vec![Payload::Delete(Delete::Ike), Payload::Notify(Notify::new(NotifyType::INITIAL_CONTACT))];
    Message { header: header(ExchangeType::INFORMATIONAL), payloads }
}

#[test]
fn sealed_messages_open_with_every_suite() {
    for suite in SUITES {
        let (mut sealer, opener) = pair(suite);
        let mut octets = sealer.seal(&hello(), &mut rng()).expect("sealed");
        assert_eq!(Header::parse(&octets), Ok(hello().header));
        assert_eq!(opener.open(&mut octets), Ok(hello()), "{suite}");
    }
}

#[test]
fn an_empty_message_is_protected_too() {
    let empty = Message { payloads: vec![], ..hello() };
    for suite in SUITES {
        let (mut sealer, opener) = pair(suite);
        let mut octets = sealer.seal(&empty, &mut rng()).expect("sealed");
        assert_eq!(opener.open(&mut octets), Ok(empty.clone()), "{suite}");
    }
}

#[test]
fn no_two_sealed_messages_share_an_iv() {
    for suite in SUITES {
        let (mut sealer, _) = pair(suite);
        let mut rng = rng();
        let iv = suite.geometry().expect("built in").iv;
        let mut seen: Vec<_> = (0..50)
            .map(|_| sealer.seal(&hello(), &mut rng).expect("sealed")[HEADER_OCTETS + 4..][..iv].to_vec())
            .collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 50, "{suite}");
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    for suite in SUITES {
        let (mut sealer, opener) = pair(suite);
        let sealed = sealer.seal(&hello(), &mut rng()).expect("sealed");
        for bit in 0..sealed.len() * 8 {
            let mut spoilt = sealed.clone();
            spoilt[bit / 8] ^= 1 << (bit % 8);
            let outcome = opener.open(&mut spoilt);
            assert!(
                matches!(
                    outcome,
                    Err(OpenError::BadIcv
                        | OpenError::Outer(_)
                        | OpenError::NotProtected
                        | OpenError::Fragment)
                ),
                "{suite}, bit {bit}: {outcome:?}"
            );
        }
    }
}

#[test]
fn what_is_for_esp_alone_protects_no_ike_message() {
    for suite in Suite::all() {
        let key = || Secret::new(vec![0x5a; suite.key_len().expect("built in")]);
        let made = SkSealer::new(suite, &key()).is_ok();
        assert_eq!(made, SkOpener::new(suite, &key()).is_ok(), "{suite}");
        let esp_only = suite.encr == EncrId::NULL || suite.encr.to_string().contains("IIV");
        assert_eq!(made, !esp_only, "{suite}");
    }
}

#[test]
fn another_key_opens_nothing() {
    let (mut sealer, _) = pair(Suite::AES_GCM_16_256);
    let other = Secret::new(vec![0; 36]);
    let opener = SkOpener::new(Suite::AES_GCM_16_256, &other).expect("built in");
    let mut octets = sealer.seal(&hello(), &mut rng()).expect("sealed");
    assert_eq!(opener.open(&mut octets), Err(OpenError::BadIcv));
}

#[test]
fn what_is_not_protected_is_not_opened() {
    let (_, opener) = pair(Suite::AES_GCM_16_256);
    assert_eq!(opener.open(&mut hello().emit()), Err(OpenError::NotProtected));
    assert!(matches!(opener.open(&mut [0; 10]), Err(OpenError::Outer(Malformed::TooShort(10)))));
}

#[test]
fn a_fragment_is_recognised() {
    let (_, opener) = pair(Suite::AES_GCM_16_256);
    let fragment = |number, total| {
        let body = [&[0, number, 0, total][..], &[0; 40]].concat();
        by_hand(PayloadType::SKF, &payload(PayloadType::NOTIFY, 0, &body))
    };
    let envelope = Envelope::parse(&fragment(2, 3)).expect("well formed");
    let protected = envelope.protected.expect("an SKF payload");
    assert_eq!(protected.fragment, Some(FragmentPlace { number: 2, total: 3 }));
    assert_eq!(protected.body.len(), 40);
    assert_eq!(opener.open(&mut fragment(2, 3)), Err(OpenError::Fragment));
    let wrong = Malformed::payload(PayloadType::SKF, Rule::FragmentNumber);
    assert_eq!(Envelope::parse(&fragment(0, 3)), Err(wrong));
    assert_eq!(Envelope::parse(&fragment(4, 3)), Err(wrong));
}

#[test]
fn nothing_follows_a_protected_payload_and_none_stands_inside_one() {
    let sk = payload(PayloadType::NOTIFY, 0, &[0; 40]);
    let more = Malformed::payload(PayloadType::NONE, Rule::TrailingOctets);
    let followed = [sk.clone(), payload(PayloadType::NONE, 0, &[])].concat();
    assert_eq!(Envelope::parse(&by_hand(PayloadType::SK, &followed)), Err(more));
    let placement = Malformed::payload(PayloadType::SK, Rule::Placement);
    assert_eq!(Message::parse(&by_hand(PayloadType::SK, &sk)), Err(placement));
    assert_eq!(parse_inner(PayloadType::SK, &sk), Err(placement));
}

#[test]
fn authentic_rubbish_is_told_from_forgery() {
    let (mut sealer, opener) = pair(Suite::AES_GCM_16_256);
    let message = Message { payloads: vec![Payload::VendorId(VendorId(vec![0; 8]))], ..hello() };
    let mut octets = sealer.seal(&message, &mut rng()).expect("sealed");
    // Seal the same octets as a nonce, which they are too few for.
    let body = HEADER_OCTETS + GENERIC_OCTETS;
    assert_eq!(opener.open(&mut octets).as_ref(), Ok(&message));
    octets[HEADER_OCTETS] = PayloadType::NONCE.0;
    let mut again = adit_crypto::Sealer::new(
        Suite::AES_GCM_16_256,
        &Secret::new(vec![0x5a; 36]),
        adit_crypto::Backend::Pure,
    )
    .expect("built in");
    let (head, sealed) = octets.split_at_mut(body);
    again.seal(adit_crypto::Iv::Counter(9), adit_crypto::Aad::new(head), sealed).expect("sealed");
    let inner = Malformed::payload(PayloadType::NONCE, Rule::DataLength);
    assert_eq!(opener.open(&mut octets), Err(OpenError::Inner(inner)));
}

#[test]
fn padding_is_the_least_that_fills_the_block_and_any_is_taken() {
    let suite = Suite::aes_cbc(256, IntegId::HMAC_SHA2_256_128);
    let (mut sealer, opener) = pair(suite);
    for octets in 0..40 {
        let vendor = Payload::VendorId(VendorId(vec![0; octets]));
        let sealed = sealer.seal(&Message { payloads: vec![vendor], ..hello() }, &mut rng()).expect("sealed");
        // Two generic headers, IV, pad length, ICV.
        let text = sealed.len() - HEADER_OCTETS - GENERIC_OCTETS - 16 - 16;
        assert_eq!(text, (GENERIC_OCTETS + octets + 1).next_multiple_of(16), "{octets}");
    }
    for pad in [10_u8, 26, 250] {
        let inner = [&[0, 0, 0, 5, 1][..], &vec![0xee; usize::from(pad)], &[pad]].concat();
        let body = [&[0; 16][..], &inner, &[0; 16]].concat();
        let mut octets = by_hand(PayloadType::SK, &payload(PayloadType::VENDOR_ID, 0, &body));
        let key = Secret::new(vec![0x5a; suite.key_len().expect("built in")]);
        let mut again = adit_crypto::Sealer::new(suite, &key, adit_crypto::Backend::Pure).expect("built in");
        let (head, sealed) = octets.split_at_mut(HEADER_OCTETS + GENERIC_OCTETS);
        again.seal(adit_crypto::Iv::Block(&[1; 16]), adit_crypto::Aad::new(head), sealed).expect("sealed");
        let message = opener.open(&mut octets).expect("authentic");
        assert_eq!(message.payloads, [Payload::VendorId(VendorId(vec![1]))], "{pad}");
    }
}

#[test]
fn a_message_too_long_for_a_datagram_is_not_sealed() {
    let (mut sealer, opener) = pair(Suite::AES_GCM_16_256);
    let of = |octets| Message { payloads: vec![Payload::VendorId(VendorId(vec![0; octets]))], ..hello() };
    // Header, two generic headers, IV, pad length, ICV.
    let most = limits::MAX_MESSAGE_OCTETS - (28 + 4 + 4 + 8 + 1 + 16);
    let mut octets = sealer.seal(&of(most), &mut rng()).expect("fits");
    assert_eq!(octets.len(), limits::MAX_MESSAGE_OCTETS);
    assert_eq!(opener.open(&mut octets), Ok(of(most)));
    assert_eq!(
        sealer.seal(&of(most + 1), &mut rng()),
        Err(SealError::TooLong(limits::MAX_MESSAGE_OCTETS + 1))
    );
}

/// Every protected message of the recordings opens with the keys strongSwan logged; every recorded
/// message in the clear is written back octet by octet as it was.
#[test]
fn strongswan_messages_open_and_those_in_the_clear_are_reproduced() {
    for recording in Recording::all() {
        let mut clear = 0;
        for exchange in recording.messages() {
            let mut octets = exchange.octets.clone();
            if exchange.opener.is_some() {
                exchange.open();
            } else {
                clear += 1;
                let message = Message::parse(&octets).expect("strongSwan's SA_INIT");
                assert_eq!(message.emit(), octets, "{}", recording.name);
                octets.pop();
                assert!(Message::parse(&octets).is_err());
            }
        }
        assert_eq!(clear, 2, "one SA_INIT request and response");
    }
    assert_eq!(Recording::new(&GCM).messages().count(), 16);
}

proptest! {
    #[test]
    fn open_then_seal_is_identity(message in super::generate::message(), suite in 0..SUITES.len()) {
        let (mut sealer, opener) = pair(SUITES[suite]);
        let mut octets = sealer.seal(&message, &mut rng()).expect("within a datagram");
        prop_assert_eq!(opener.open(&mut octets), Ok(message));
    }
}
