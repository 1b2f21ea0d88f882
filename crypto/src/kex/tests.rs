use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Odd, U2048};
use proptest::prelude::*;

use super::*;
use crate::Rng;

fn rng(seed: u8) -> Rng {
    Rng::from_seed([seed; 32])
}

#[test]
fn both_sides_share_one_secret_in_every_method() {
    for method in ALL {
        let (started, offer) = initiate(method, &mut rng(1)).expect("built in");
        assert_eq!(Some(offer.len()), public_len(method));
        assert_eq!(started.method(), method);
        let (answer, theirs) = respond(method, &offer, &mut rng(2)).expect("a fair offer");
        assert_eq!(Some(answer.len()), public_len(method));
        assert_ne!(offer, answer);
        assert_eq!(started.finish(&answer).expect("a fair answer"), theirs, "{method}");
    }
}

#[test]
fn what_is_not_built_in_is_refused() {
    let method = KeId::MODP_768;
    assert_eq!(initiate(method, &mut rng(1)).map(|_| ()), Err(KexError::Unsupported(method)));
    assert_eq!(respond(method, &[], &mut rng(1)), Err(KexError::Unsupported(method)));
    assert_eq!(public_len(method), None);
}

#[test]
fn wrong_lengths_are_refused() {
    for method in ALL {
        let expected = public_len(method).expect("built in");
        for got in [0, 1, expected - 1, expected + 1, 2 * expected] {
            let refused = respond(method, &vec![2; got], &mut rng(1));
            assert_eq!(refused, Err(KexError::Length { expected, got }), "{method}");
        }
    }
}

/// RFC 7748 §6.1: the points whose multiples by a clamped scalar are all zero, non-canonical forms included.
#[test]
fn x25519_points_of_small_order_are_refused() {
    const P: [u8; 32] = {
        let mut p = [0xff; 32];
        p[0] = 0xed;
        p[31] = 0x7f;
        p
    };
    let mut p_minus_1 = P;
    p_minus_1[0] -= 1;
    let mut p_plus_1 = P;
    p_plus_1[0] += 1;
    let zero = [0; 32];
    let mut one = [0; 32];
    one[0] = 1;
    // A point of order 8.
    let eight: [u8; 32] = [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda,
        0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ];
    for point in [zero, one, p_minus_1, P, p_plus_1, eight] {
        let mut high_bit_set = point;
        high_bit_set[31] |= 0x80;
        for point in [point, high_bit_set] {
            assert_eq!(
                respond(KeId::CURVE_25519, &point, &mut rng(1)),
                Err(KexError::SmallOrder),
                "{point:x?}"
            );
        }
    }
}

/// RFC 8031 §3.2: the top bit is masked, values of p and above are reduced, neither is refused.
#[test]
fn x25519_values_that_are_not_canonical_pass() {
    let (_, nine) = Started::from_private(KeId::CURVE_25519, &Secret::from_slice(&[5; 32])).expect("a key");
    let agree = |public: &[u8]| {
        let (started, _) =
            Started::from_private(KeId::CURVE_25519, &Secret::from_slice(&[6; 32])).expect("a key");
        started.finish(public)
    };
    let mut masked = nine.clone();
    masked[31] |= 0x80;
    assert_eq!(agree(&masked), agree(&nine));
    let mut two = [0; 32];
    two[0] = 2;
    let mut p_plus_2 = [0xff; 32];
    p_plus_2[0] = 0xef;
    p_plus_2[31] = 0x7f;
    assert_eq!(agree(&p_plus_2), agree(&two));
    assert!(agree(&two).is_ok());
}

#[test]
fn ecp_points_off_the_curve_are_refused() {
    let (_, mut point) = initiate(KeId::ECP_256, &mut rng(3)).expect("built in");
    point[63] ^= 1;
    assert_eq!(respond(KeId::ECP_256, &point, &mut rng(1)), Err(KexError::NotOnCurve));
    assert_eq!(respond(KeId::ECP_256, &[0; 64], &mut rng(1)), Err(KexError::NotOnCurve));
    assert_eq!(
        respond(KeId::ECP_256, &[0xff; 64], &mut rng(1)),
        Err(KexError::NotOnCurve),
        "x and y above p"
    );
}

#[test]
fn ecp_private_values_lie_below_the_order() {
    for bytes in [[0; 32], [0xff; 32]] {
        let refused = Started::from_private(KeId::ECP_256, &Secret::from_slice(&bytes)).map(|_| ());
        assert_eq!(refused, Err(KexError::OutOfRange));
    }
}

/// RFC 6989 §2.1: 1 < y < p-1.
#[test]
fn modp_values_at_the_edges_are_refused() {
    let (prime, _) = modp_2048();
    let with_last = |last: u8| {
        let mut value = prime;
        value[255] = last;
        value
    };
    let mut small = [0; 256];
    assert_eq!(respond(KeId::MODP_2048, &small, &mut rng(1)), Err(KexError::OutOfRange), "0");
    small[255] = 1;
    assert_eq!(respond(KeId::MODP_2048, &small, &mut rng(1)), Err(KexError::OutOfRange), "1");
    small[255] = 2;
    assert!(respond(KeId::MODP_2048, &small, &mut rng(1)).is_ok(), "2");
    assert_eq!(prime[255], 0xff, "p ends in ff, so p-1 and p-2 differ in the last byte only");
    assert!(respond(KeId::MODP_2048, &with_last(0xfd), &mut rng(1)).is_ok(), "p-2");
    assert_eq!(respond(KeId::MODP_2048, &with_last(0xfe), &mut rng(1)), Err(KexError::OutOfRange), "p-1");
    assert_eq!(respond(KeId::MODP_2048, &prime, &mut rng(1)), Err(KexError::OutOfRange), "p");
    assert_eq!(respond(KeId::MODP_2048, &[0xff; 256], &mut rng(1)), Err(KexError::OutOfRange), "above p");
}

/// Miller and Rabin, 24 bases: what is not prime passes with a chance below 4^-24.
fn is_probably_prime(odd: &U2048) -> bool {
    let params = FixedMontyParams::new(Odd::new(*odd).expect("an odd number"));
    let one = FixedMontyForm::one(&params);
    let minus_one = one.neg();
    let even = odd.wrapping_sub(&U2048::ONE);
    let twos = even.trailing_zeros();
    let rest = even.wrapping_shr(twos);
    (2..26).all(|base| {
        let mut power = FixedMontyForm::new(&U2048::from_u8(base), &params).pow(&rest);
        if power == one || power == minus_one {
            return true;
        }
        (1..twos).any(|_| {
            power = power.square();
            power == minus_one
        })
    })
}

/// RFC 3526 §3, RFC 6989 §2.1: p is a safe prime, so the range check is enough; 2 is a square, so its powers are
/// the large subgroup.
#[test]
fn modp_2048_is_a_group_of_a_safe_prime() {
    let (prime, generator) = modp_2048();
    let prime = U2048::from_be_slice(&prime);
    let half = prime.wrapping_shr(1);
    assert!(is_probably_prime(&prime));
    assert!(is_probably_prime(&half));
    assert!(!is_probably_prime(&prime.wrapping_sub(&U2048::from_u8(2))), "the test can say no");
    let params = FixedMontyParams::new(Odd::new(prime).expect("an odd number"));
    let power = FixedMontyForm::new(&U2048::from_u8(generator), &params).pow(&half);
    assert_eq!(power, FixedMontyForm::one(&params));
}

#[test]
fn modp_private_values_are_at_most_512_bits_and_above_one() {
    let from = |bytes: &[u8]| Started::from_private(KeId::MODP_2048, &Secret::from_slice(bytes)).map(|_| ());
    assert_eq!(from(&[]), Err(KexError::OutOfRange));
    assert_eq!(from(&[1]), Err(KexError::OutOfRange));
    assert_eq!(from(&[2]), Ok(()));
    assert_eq!(from(&[9; 65]), Err(KexError::Length { expected: 64, got: 65 }));
}

/// With a tiny exponent the answer can be seen: 2^20, leading zeros kept.
#[test]
fn modp_raises_the_generator() {
    let (started, public) =
        Started::from_private(KeId::MODP_2048, &Secret::from_slice(&[20])).expect("a key");
    assert_eq!(public.len(), 256);
    assert_eq!(public[252..], [0, 0x10, 0, 0]);
    assert!(public[..252].iter().all(|&byte| byte == 0));
    let mut three = [0; 256];
    three[255] = 3;
    assert_eq!(
        started.finish(&three).expect("3 is in range").expose()[252..],
        3_486_784_401_u32.to_be_bytes()
    );
}

#[cfg(feature = "aws-lc")]
mod oracle {
    use aws_lc_rs::agreement::{self, Algorithm, PrivateKey, UnparsedPublicKey};

    use super::*;

    fn aws_lc(algorithm: &'static Algorithm, private: &[u8], public: &[u8]) -> Option<Vec<u8>> {
        let private = PrivateKey::from_private_key(algorithm, private).ok()?;
        agreement::agree(
            &private,
            UnparsedPublicKey::new(algorithm, public),
            (),
            |secret| Ok(secret.to_vec()),
        )
        .ok()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn x25519_agrees_with_aws_lc(private in any::<[u8; 32]>(), peer in any::<[u8; 32]>()) {
            let (started, _) = Started::from_private(KeId::CURVE_25519, &Secret::from_slice(&private)).unwrap();
            let ours = started.finish(&peer).ok().map(|secret| secret.expose().to_vec());
            prop_assert_eq!(ours, aws_lc(&agreement::X25519, &private, &peer));
        }

        #[test]
        fn ecp_256_agrees_with_aws_lc(private in any::<[u8; 32]>(), peer in any::<[u8; 32]>(), flip in any::<bool>()) {
            let Ok((_, mut public)) = Started::from_private(KeId::ECP_256, &Secret::from_slice(&peer)) else {
                return Ok(());
            };
            if flip {
                public[40] ^= 4;
            }
            let Ok((started, _)) = Started::from_private(KeId::ECP_256, &Secret::from_slice(&private)) else {
                return Ok(());
            };
            let sec1 = [&[4][..], &public].concat();
            let ours = started.finish(&public).ok().map(|secret| secret.expose().to_vec());
            prop_assert_eq!(ours, aws_lc(&agreement::ECDH_P256, &private, &sec1));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_public_value_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), fit in 0_usize..4) {
        for method in ALL {
            let mut bytes = bytes.clone();
            if fit > 0 {
                bytes.resize(public_len(method).unwrap(), u8::try_from(fit).unwrap());
            }
            let _ = respond(method, &bytes, &mut rng(1));
        }
    }

    #[test]
    fn modp_commutes(a in any::<[u8; 16]>(), b in any::<[u8; 64]>()) {
        let (ours, our_public) = Started::from_private(KeId::MODP_2048, &Secret::from_slice(&a)).unwrap();
        let (theirs, their_public) = Started::from_private(KeId::MODP_2048, &Secret::from_slice(&b)).unwrap();
        prop_assert_eq!(ours.finish(&their_public).unwrap(), theirs.finish(&our_public).unwrap());
    }
}
