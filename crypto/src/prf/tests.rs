use hkdf::Hkdf;
use proptest::prelude::*;

use super::*;

#[test]
fn output_lengths_are_those_of_the_hashes() {
    for id in ALL {
        let out = prf(id, b"key", &[b"data"]).expect("built in");
        assert_eq!(Some(out.len()), output_len(id));
    }
}

#[test]
fn what_is_not_built_in_is_refused() {
    let id = PrfId::HMAC_MD5;
    assert_eq!(prf(id, b"", &[]), Err(PrfError::Unsupported(id)));
    assert_eq!(prf_plus(id, b"", &[], 1), Err(PrfError::Unsupported(id)));
    assert_eq!(output_len(id), None);
}

#[test]
fn prf_plus_ends_after_255_blocks() {
    let id = PrfId::HMAC_SHA2_256;
    assert_eq!(prf_plus(id, b"k", &[b"s"], 255 * 32).map(|out| out.len()), Ok(255 * 32));
    assert_eq!(prf_plus(id, b"k", &[b"s"], 255 * 32 + 1), Err(PrfError::TooLong(255 * 32 + 1)));
    assert_eq!(prf_plus(id, b"k", &[b"s"], 0).map(|out| out.len()), Ok(0));
}

#[test]
fn prf_plus_chains_as_the_rfc_draws_it() {
    let id = PrfId::HMAC_SHA2_512;
    let t1 = prf(id, b"K", &[b"S", &[1]]).expect("built in");
    let t2 = prf(id, b"K", &[t1.expose(), b"S", &[2]]).expect("built in");
    let t3 = prf(id, b"K", &[t2.expose(), b"S", &[3]]).expect("built in");
    let whole = prf_plus(id, b"K", &[b"S"], 3 * 64).expect("built in");
    assert_eq!(whole, Secret::concat(&[t1.expose(), t2.expose(), t3.expose()]));
}

proptest! {
    /// prf+ with an HMAC is HKDF-Expand, and prf is HKDF-Extract with key and data as salt and input (RFC 5869).
    #[test]
    fn hkdf_is_the_oracle(
        key in prop::collection::vec(any::<u8>(), 0..200),
        seed in prop::collection::vec(any::<u8>(), 0..200),
        cut in any::<prop::sample::Index>(),
        len in 0_usize..1000,
    ) {
        let (first, second) = seed.split_at(cut.index(seed.len() + 1));
        let extracted = prf(PrfId::HMAC_SHA2_384, &key, &[first, second]).unwrap();
        let (oracle, hkdf) = Hkdf::<Sha384>::extract(Some(&key), &seed);
        prop_assert_eq!(extracted.expose(), &oracle[..]);

        let mut expanded = vec![0; len];
        hkdf.expand(&seed, &mut expanded).unwrap();
        let ours = prf_plus(PrfId::HMAC_SHA2_384, &oracle, &[first, second], len).unwrap();
        prop_assert_eq!(ours.expose(), &expanded[..]);
    }
}
