use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, NonZero, Odd, Resize};
use proptest::prelude::*;

use super::*;
use crate::Rng;

fn rng(seed: u8) -> Rng {
    Rng::from_seed([seed; 32])
}

#[test]
fn both_sides_share_one_secret_in_every_method() {
    for method in all() {
        let (started, offer) = initiate(method, &mut rng(1)).expect("built in");
        assert_eq!(Some(offer.len()), public_len(method), "{method}");
        assert_eq!(started.method(), method);
        let (answer, theirs) = respond(method, &offer, &mut rng(2)).expect("a fair offer");
        assert_eq!(Some(answer.len()), answer_len(method), "{method}");
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
    for method in all() {
        let offer = public_len(method).expect("built in");
        for got in [0, 1, offer - 1, offer + 1, 2 * offer] {
            let refused = respond(method, &vec![2; got], &mut rng(1));
            assert_eq!(refused, Err(KexError::Length { expected: offer, got }), "{method}");
        }
        let answer = answer_len(method).expect("built in");
        for got in [0, 1, answer - 1, answer + 1, 2 * answer] {
            let (started, _) = initiate(method, &mut rng(1)).expect("built in");
            let refused = started.finish(&vec![2; got]);
            assert_eq!(refused, Err(KexError::Length { expected: answer, got }), "{method}");
        }
    }
}

#[test]
fn private_values_of_no_length_that_fits_are_refused() {
    for (method, expected) in [
        (KeId::CURVE_25519, 32),
        (KeId::ECP_256, 32),
        (KeId::ECP_384, 48),
        (KeId::ECP_521, 66),
        (KeId::MODP_2048, 64),
        (KeId::MODP_8192, 80),
        (KeId::ML_KEM_768, 64),
        (KeId::ML_KEM_1024, 64),
    ] {
        let got = expected + 1;
        let refused = Started::from_private(method, &Secret::new(vec![1; got])).map(|_| ());
        assert_eq!(refused, Err(KexError::Length { expected, got }), "{method}");
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

const ECP: [KeId; 3] = [KeId::ECP_256, KeId::ECP_384, KeId::ECP_521];

/// RFC 6989 §2.3. The point at infinity has no coding as x and y; zeros are no point.
#[test]
fn ecp_points_off_the_curve_are_refused() {
    for method in ECP {
        let (_, mut point) = initiate(method, &mut rng(3)).expect("built in");
        let len = point.len();
        point[len - 1] ^= 1;
        for (point, what) in
            [(point, "another y"), (vec![0; len], "zeros"), (vec![0xff; len], "x and y above p")]
        {
            assert_eq!(respond(method, &point, &mut rng(1)), Err(KexError::NotOnCurve), "{method}: {what}");
        }
    }
}

#[test]
fn ecp_private_values_lie_below_the_order() {
    for method in ECP {
        for byte in [0, 0xff] {
            let private = Secret::new(vec![byte; public_len(method).expect("built in") / 2]);
            let refused = Started::from_private(method, &private).map(|_| ());
            assert_eq!(refused, Err(KexError::OutOfRange), "{method}");
        }
    }
}

/// FIPS 203 §7.2: twelve bits that say q or more are no coefficient.
#[test]
fn encapsulation_keys_with_a_coefficient_out_of_range_are_refused() {
    for method in [KeId::ML_KEM_768, KeId::ML_KEM_1024] {
        let (_, key) = initiate(method, &mut rng(4)).expect("built in");
        let with_first = |coefficient: u16| {
            let mut key = key.clone();
            let [low, high] = coefficient.to_le_bytes();
            (key[0], key[1]) = (low, key[1] & 0xf0 | high);
            respond(method, &key, &mut rng(1)).map(|_| ())
        };
        assert_eq!(with_first(3328), Ok(()), "q - 1");
        assert_eq!(with_first(3329), Err(KexError::OutOfRange), "q");
        assert_eq!(with_first(4095), Err(KexError::OutOfRange));
    }
}

/// FIPS 203 algorithm 18: no error, and no secret anybody else has.
#[test]
fn a_changed_ciphertext_gives_another_secret() {
    for method in [KeId::ML_KEM_768, KeId::ML_KEM_1024] {
        let (started, key) = initiate(method, &mut rng(5)).expect("built in");
        let (again, _) = initiate(method, &mut rng(5)).expect("built in");
        let (mut ciphertext, shared) = respond(method, &key, &mut rng(6)).expect("a fair key");
        ciphertext[100] ^= 1;
        let rejected = started.finish(&ciphertext).expect("implicit rejection");
        assert_ne!(rejected, shared);
        assert_eq!(again.finish(&ciphertext), Ok(rejected), "the same for the same ciphertext");
    }
}

const MODP: [KeId; 5] = [KeId::MODP_2048, KeId::MODP_3072, KeId::MODP_4096, KeId::MODP_6144, KeId::MODP_8192];

fn prime(method: KeId) -> BoxedUint {
    let (prime, _) = modp_group(method).expect("a group of ours");
    BoxedUint::from_be_slice_vartime(&prime)
}

/// RFC 6989 §2.1: 1 < y < p-1.
#[test]
fn modp_values_at_the_edges_are_refused() {
    for method in MODP {
        let (prime, _) = modp_group(method).expect("a group of ours");
        let len = prime.len();
        let answer = |value: &[u8]| respond(method, value, &mut rng(1)).map(|_| ());
        let small = |last: u8| [&vec![0; len - 1][..], &[last]].concat();
        let below_prime = |less: u8| [&prime[..len - 1], &[prime[len - 1] - less]].concat();
        assert_eq!(prime[len - 1], 0xff, "so p-1 and p-2 differ in the last byte only");
        assert_eq!(answer(&small(0)), Err(KexError::OutOfRange), "{method}: 0");
        assert_eq!(answer(&small(1)), Err(KexError::OutOfRange), "{method}: 1");
        assert_eq!(answer(&small(2)), Ok(()), "{method}: 2");
        assert_eq!(answer(&below_prime(2)), Ok(()), "{method}: p-2");
        assert_eq!(answer(&below_prime(1)), Err(KexError::OutOfRange), "{method}: p-1");
        assert_eq!(answer(&prime), Err(KexError::OutOfRange), "{method}: p");
        assert_eq!(answer(&vec![0xff; len]), Err(KexError::OutOfRange), "{method}: above p");
    }
}

/// floor(2^`bits` * pi), by Machin's formula: pi = 16 atan(1/5) - 4 atan(1/239).
fn pi(bits: u32) -> BoxedUint {
    /// Bits beyond those that are asked for: every division below drops less than one unit.
    const GUARD: u32 = 64;
    let precision = bits + GUARD + 64;
    let small = |number: u64| BoxedUint::from(number).resize(precision);
    let divided =
        |number: &BoxedUint, by: u64| number.div_rem_vartime(&NonZero::new(small(by)).expect("above zero")).0;
    let arctan_of_inverse = |number: u64| {
        let mut power = divided(&small(1).shl_vartime(bits + GUARD).expect("fits"), number);
        let (mut sum, mut minus) = (power.clone(), false);
        for odd in (3..).step_by(2) {
            power = divided(&power, number * number);
            if power.is_zero().into() {
                break;
            }
            minus = !minus;
            let term = divided(&power, odd);
            sum = if minus { sum.wrapping_sub(&term) } else { sum.wrapping_add(&term) };
        }
        sum
    };
    let sixteen = arctan_of_inverse(5).shl_vartime(4).expect("fits");
    let four = arctan_of_inverse(239).shl_vartime(2).expect("fits");
    sixteen.wrapping_sub(&four).shr_vartime(GUARD).expect("fits")
}

/// RFC 3526 §3-7: p = 2^n - 2^(n-64) - 1 + 2^64 * (floor(2^(n-130) pi) + c).
#[test]
fn modp_primes_follow_their_formulas() {
    for (method, n, c) in [
        (KeId::MODP_2048, 2048, 124_476_u64),
        (KeId::MODP_3072, 3072, 1_690_314),
        (KeId::MODP_4096, 4096, 240_904),
        (KeId::MODP_6144, 6144, 929_484),
        (KeId::MODP_8192, 8192, 4_743_158),
    ] {
        let wide = |number: BoxedUint| number.resize(n + 64);
        let two_to = |exponent| wide(BoxedUint::one()).shl_vartime(exponent).expect("fits");
        let middle = wide(pi(n - 130)).wrapping_add(wide(BoxedUint::from(c)));
        let expected = two_to(n)
            .wrapping_sub(two_to(n - 64))
            .wrapping_sub(two_to(0))
            .wrapping_add(middle.shl_vartime(64).expect("fits"));
        assert_eq!(wide(prime(method)), expected, "{method}");
    }
}

/// Miller and Rabin: what is not prime passes with a chance below 1/4 for each base.
fn is_probably_prime(odd: &BoxedUint, bases: u8) -> bool {
    let bits = odd.bits_precision();
    let params = BoxedMontyParams::new(Odd::new(odd.clone()).expect("an odd number"));
    let one = BoxedMontyForm::one(&params);
    let minus_one = one.neg();
    let even = odd.wrapping_sub(BoxedUint::one());
    let twos = even.trailing_zeros();
    let rest = even.shr_vartime(twos).expect("fewer zeros than bits");
    (2..2 + bases).all(|base| {
        let mut power = BoxedMontyForm::new(BoxedUint::from(base).resize(bits), &params).pow(&rest);
        if power == one || power == minus_one {
            return true;
        }
        (1..twos).any(|_| {
            power = power.square();
            power == minus_one
        })
    })
}

/// RFC 6989 §2.1: p is a safe prime, so the range check is enough; 2 is a square, so its powers are the large
/// subgroup. The longer groups are tried with fewer bases: their formulas already fix them.
#[test]
fn modp_groups_are_of_safe_primes() {
    for (method, bases) in MODP.into_iter().zip([24, 4, 2, 1, 1]) {
        let prime = prime(method);
        let half = prime.shr_vartime(1).expect("more than a bit");
        assert!(is_probably_prime(&prime, bases), "{method}");
        assert!(is_probably_prime(&half, bases), "{method}");
        assert!(!is_probably_prime(&prime.wrapping_sub(BoxedUint::from(2_u8)), 1), "the test can say no");
        let params = BoxedMontyParams::new(Odd::new(prime).expect("an odd number"));
        let two = BoxedUint::from(2_u8).resize(params.bits_precision());
        assert_eq!(BoxedMontyForm::new(two, &params).pow(&half), BoxedMontyForm::one(&params), "{method}");
    }
}

#[test]
fn modp_private_values_are_above_one() {
    let from = |bytes: &[u8]| Started::from_private(KeId::MODP_2048, &Secret::from_slice(bytes)).map(|_| ());
    assert_eq!(from(&[]), Err(KexError::OutOfRange));
    assert_eq!(from(&[1]), Err(KexError::OutOfRange));
    assert_eq!(from(&[2]), Ok(()));
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
    use aws_lc_rs::kem;

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
        fn ecp_agrees_with_aws_lc(seed in any::<[u8; 32]>(), which in 0_usize..3, flip in any::<bool>()) {
            let (method, algorithm, field) = [
                (KeId::ECP_256, &agreement::ECDH_P256, 32),
                (KeId::ECP_384, &agreement::ECDH_P384, 48),
                (KeId::ECP_521, &agreement::ECDH_P521, 66),
            ][which];
            let mut rng = Rng::from_seed(seed);
            let (_, mut public) = initiate(method, &mut rng).unwrap();
            if flip {
                public[field + 3] ^= 4;
            }
            let mut private = vec![0; field];
            rng.fill(&mut private);
            // Below the order of P-521, which has 521 bits.
            private[0] &= if method == KeId::ECP_521 { 0 } else { 0x7f };
            let (started, _) = Started::from_private(method, &Secret::from_slice(&private)).unwrap();
            let sec1 = [&[4][..], &public].concat();
            let ours = started.finish(&public).ok().map(|secret| secret.expose().to_vec());
            prop_assert_eq!(ours.is_none(), flip);
            prop_assert_eq!(ours, aws_lc(algorithm, &private, &sec1));
        }
    }

    /// aws-lc draws its own randomness, so each side runs against it once in either role.
    #[test]
    fn ml_kem_agrees_with_aws_lc() {
        for (method, algorithm) in
            [(KeId::ML_KEM_768, &kem::ML_KEM_768), (KeId::ML_KEM_1024, &kem::ML_KEM_1024)]
        {
            let (started, offer) = initiate(method, &mut rng(7)).expect("built in");
            let theirs = kem::EncapsulationKey::new(algorithm, &offer).expect("a fair key");
            let (ciphertext, shared) = theirs.encapsulate().expect("entropy");
            let ours = started.finish(ciphertext.as_ref()).expect("a fair ciphertext");
            assert_eq!(ours.expose(), shared.as_ref(), "{method}");

            let theirs = kem::DecapsulationKey::generate(algorithm).expect("entropy");
            let offer = theirs.encapsulation_key().and_then(|key| key.key_bytes()).expect("a key");
            let (ciphertext, ours) = respond(method, offer.as_ref(), &mut rng(8)).expect("a fair key");
            let shared = theirs.decapsulate(ciphertext.as_slice().into()).expect("a fair ciphertext");
            assert_eq!(ours.expose(), shared.as_ref(), "{method}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_public_value_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), fit in 0_usize..4) {
        for method in all().filter(|method| !MODP[1..].contains(method)) {
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
