use p256::pkcs8::der::pem::decode_vec;
use proptest::prelude::*;

use super::algorithm::UnknownAlgorithm;
use super::*;
use crate::Rng;

/// Made with OpenSSL 3: kind, private key, public key.
const KEYS: [(Kind, &str, &str); 6] = [
    (Kind::Ed25519, include_str!("keys/ed25519.pem"), include_str!("keys/ed25519.pub.pem")),
    (Kind::P256, include_str!("keys/p256_sec1.pem"), include_str!("keys/p256_sec1.pub.pem")),
    (Kind::P384, include_str!("keys/p384.pem"), include_str!("keys/p384.pub.pem")),
    (Kind::P521, include_str!("keys/p521.pem"), include_str!("keys/p521.pub.pem")),
    (Kind::Rsa, include_str!("keys/rsa2048.pem"), include_str!("keys/rsa2048.pub.pem")),
    (Kind::Rsa, include_str!("keys/rsa2048_pkcs1.pem"), include_str!("keys/rsa2048.pub.pem")),
];

fn rng() -> Rng {
    Rng::from_seed([9; 32])
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|digit| !digit.is_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).expect("hexadecimal"))
        .collect()
}

#[test]
fn every_kind_of_key_signs_and_verifies_with_each_of_its_schemes() {
    for (kind, private, public) in KEYS {
        let private = PrivateKey::from_pem(private).expect("a key of OpenSSL");
        let public = PublicKey::from_pem(public).expect("a key of OpenSSL");
        assert_eq!((private.kind(), public.kind()), (kind, kind));
        assert_eq!(private.public_key(), public);
        for scheme in Scheme::all() {
            let signed = private.sign(scheme, b"message", &mut rng());
            if !kind.fits(scheme) {
                assert_eq!(signed, Err(SignError::WrongKind { key: kind, scheme }));
                let refused = public.verify(scheme, b"message", &[0; 64]);
                assert_eq!(refused, Err(VerifyError::WrongKind { key: kind, scheme }));
                continue;
            }
            let signature = signed.unwrap_or_else(|error| panic!("{kind}, {scheme}: {error}"));
            assert_eq!(public.verify(scheme, b"message", &signature), Ok(()), "{kind}, {scheme}");
            let other = public.verify(scheme, b"another", &signature);
            assert_eq!(other, Err(VerifyError::BadSignature), "{kind}, {scheme}");
            for length in [0, 1, signature.len() - 1] {
                let cut = public.verify(scheme, b"message", &signature[..length]);
                assert_eq!(cut, Err(VerifyError::BadSignature), "{kind}, {scheme}");
            }
            let longer = public.verify(scheme, b"message", &[&signature[..], &[0]].concat());
            assert_eq!(longer, Err(VerifyError::BadSignature), "{kind}, {scheme}");
        }
    }
}

#[test]
fn every_key_has_a_scheme_and_every_scheme_a_key() {
    for scheme in Scheme::all() {
        assert!(KEYS.iter().any(|(kind, _, _)| kind.fits(scheme)), "{scheme}");
    }
    for (kind, _, _) in KEYS {
        assert!(kind.schemes().iter().all(|scheme| kind.fits(*scheme)));
        assert!(kind.schemes().iter().all(|scheme| scheme.algorithm_identifier().is_some()));
    }
    assert_eq!(Kind::P384.schemes()[0], Scheme::Ecdsa(Hash::Sha384), "the hash of its strength first");
    assert!(!Kind::P384.fits(Scheme::EcdsaFixed(Hash::Sha256)), "RFC 4754 §7 ties hash and curve");
}

/// The salt of RSASSA-PSS is the only randomness: with the same, a run can be repeated.
#[test]
fn signatures_can_be_repeated() {
    for (kind, private, _) in KEYS {
        let private = PrivateKey::from_pem(private).expect("a key of OpenSSL");
        for scheme in kind.schemes() {
            let sign = |seed| private.sign(scheme, b"m", &mut Rng::from_seed([seed; 32])).expect("fits");
            assert_eq!(sign(1), sign(1), "{kind}, {scheme}");
            assert_eq!(sign(1) != sign(2), matches!(scheme, Scheme::RsaPss(_)), "{kind}, {scheme}");
        }
    }
}

/// RFC 7427 appendix A, RFC 8420 appendix A.1: what the documents print, byte for byte.
#[test]
fn algorithm_identifiers_are_those_of_the_documents() {
    for (scheme, printed) in [
        (Scheme::RsaPkcs1(Hash::Sha256), "300d 0609 2a86 4886 f70d 0101 0b05 00"),
        (Scheme::RsaPkcs1(Hash::Sha384), "300d 0609 2a86 4886 f70d 0101 0c05 00"),
        (Scheme::RsaPkcs1(Hash::Sha512), "300d 0609 2a86 4886 f70d 0101 0d05 00"),
        (Scheme::Ecdsa(Hash::Sha256), "300a 0608 2a86 48ce 3d04 0302"),
        (Scheme::Ecdsa(Hash::Sha384), "300a 0608 2a86 48ce 3d04 0303"),
        (Scheme::Ecdsa(Hash::Sha512), "300a 0608 2a86 48ce 3d04 0304"),
        (Scheme::Ed25519, "3005 0603 2b65 70"),
    ] {
        assert_eq!(scheme.algorithm_identifier(), Some(hex(printed)), "{scheme}");
    }
    for scheme in Scheme::all() {
        let Some(der) = scheme.algorithm_identifier() else {
            assert!(matches!(scheme, Scheme::EcdsaFixed(_)), "{scheme}");
            continue;
        };
        assert_eq!(Scheme::from_algorithm_identifier(&der), Ok(scheme));
        let cut = Scheme::from_algorithm_identifier(&der[..der.len() - 1]);
        assert_eq!(cut, Err(UnknownAlgorithm::Unknown), "{scheme}");
    }
}

/// RFC 7427 appendix A.4.3 has the trailerField that DER leaves out; RFC 4055 §2.1 lets the hash's NULL be absent.
#[test]
fn pss_parameters_may_be_written_in_more_than_one_way() {
    let with_trailer = "3046 0609 2a86 4886 f70d 0101 0a30 39a0 0f30 0d06 0960 8648 0165 0304 0201 0500
        a11c 301a 0609 2a86 4886 f70d 0101 0830 0d06 0960 8648 0165 0304 0201 0500 a203 0201 20a3 0302 0101";
    let without_null = "303d 0609 2a86 4886 f70d 0101 0a30 30a0 0d30 0b06 0960 8648 0165 0304 0203
        a11a 3018 0609 2a86 4886 f70d 0101 0830 0b06 0960 8648 0165 0304 0203 a203 0201 40";
    let sent = "3041 0609 2a86 4886 f70d 0101 0a30 34a0 0f30 0d06 0960 8648 0165 0304 0202 0500
        a11c 301a 0609 2a86 4886 f70d 0101 0830 0d06 0960 8648 0165 0304 0202 0500 a203 0201 30";
    let read = |printed| Scheme::from_algorithm_identifier(&hex(printed));
    assert_eq!(read(with_trailer), Ok(Scheme::RsaPss(Hash::Sha256)));
    assert_eq!(read(without_null), Ok(Scheme::RsaPss(Hash::Sha512)));
    assert_eq!(Scheme::RsaPss(Hash::Sha384).algorithm_identifier(), Some(hex(sent)));
}

/// RFC 8247 §3.2: nothing with SHA-1. RFC 7427 appendix A.1.1, A.2, A.3.1, A.4.1, A.4.2.
#[test]
fn weak_algorithms_are_refused_by_name() {
    for (printed, name) in [
        ("300d 0609 2a86 4886 f70d 0101 0505 00", "sha1WithRSAEncryption"),
        ("3009 0607 2a86 48ce 3804 03", "dsa-with-sha1"),
        ("300b 0609 6086 4801 6503 0403 02", "dsa-with-sha256"),
        ("3009 0607 2a86 48ce 3d04 01", "ecdsa-with-sha1"),
        ("300d 0609 2a86 4886 f70d 0101 0a30 00", "RSASSA-PSS with SHA-1"),
        (
            "303e 0609 2a86 4886 f70d 0101 0a30 31a0 0b30 0906 052b 0e03 021a 0500 a118 3016 0609 2a86 4886
             f70d 0101 0830 0906 052b 0e03 021a 0500 a203 0201 14a3 0302 0101",
            "RSASSA-PSS with SHA-1",
        ),
    ] {
        let refused = Scheme::from_algorithm_identifier(&hex(printed));
        assert_eq!(refused, Err(UnknownAlgorithm::Refused(name)));
    }
    assert_eq!(Scheme::from_algorithm_identifier(&[]), Err(UnknownAlgorithm::Unknown));
}

#[test]
fn keys_that_cannot_be_used_say_why() {
    let private = |text| PrivateKey::from_pem(text).map(|_| ());
    assert_eq!(private(include_str!("keys/rsa1024.pem")), Err(KeyError::RsaTooShort(1024)));
    assert_eq!(private(include_str!("keys/encrypted.pem")), Err(KeyError::Encrypted));
    assert_eq!(private(include_str!("keys/encrypted_pkcs1.pem")), Err(KeyError::Encrypted));
    let secp256k1 = KeyError::Unsupported("1.3.132.0.10".into());
    assert_eq!(private(include_str!("keys/secp256k1.pem")), Err(secp256k1));
    assert_eq!(private(""), Err(KeyError::Pem));
    assert_eq!(private("-----BEGIN PRIVATE KEY-----\nAAAA"), Err(KeyError::Pem));
    assert_eq!(private(include_str!("keys/ed25519.pub.pem")), Err(KeyError::Pem), "a public key");
    assert_eq!(PublicKey::from_pem(include_str!("keys/ed25519.pem")), Err(KeyError::Pem), "a private key");
    let empty = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    assert_eq!(private(empty), Err(KeyError::Malformed));
}

/// A key whose numbers do not belong together would sign something, and give its factors away.
#[test]
fn a_damaged_private_key_is_refused() {
    for (kind, text, _) in KEYS.iter().filter(|(_, text, _)| text.contains("BEGIN PRIVATE KEY")) {
        let (_, der) = decode_vec(text.as_bytes()).expect("PEM");
        assert!(PrivateKey::from_pkcs8(&der).is_ok());
        if *kind == Kind::Rsa {
            let mut damaged = der.clone();
            let middle = der.len() / 2;
            damaged[middle] ^= 1;
            assert_eq!(PrivateKey::from_pkcs8(&damaged).map(|_| ()), Err(KeyError::Malformed), "{kind}");
        }
        let cut = PrivateKey::from_pkcs8(&der[..der.len() - 1]).map(|_| ());
        assert_eq!(cut, Err(KeyError::Malformed), "{kind}");
    }
}

/// RFC 7670 appendix A.1: the key as it stands in a CERT payload. Appendix A.2's RSA key has 1024 bits.
#[test]
fn raw_public_keys_are_subject_public_key_infos() {
    let ecdsa = hex("3059 3013 0607 2a86 48ce 3d02 0106 082a 8648 ce3d 0301 0703 4200 04cb 28e0 999b
        9c77 15fd 0a80 d8e4 7a77 0797 16cb bf91 7dd7 2e97 566e a1c0 6695 7c2b 57c0 235f b748 9768 d058 ff49
        11c2 0fdb e71e 3699 d913 39af bb90 3ee1 7255 dc");
    let key = PublicKey::from_spki(&ecdsa).expect("a point on the curve");
    assert_eq!(key.kind(), Kind::P256);
    assert_eq!(key.to_spki(), ecdsa);
    let mut off_curve = ecdsa.clone();
    *off_curve.last_mut().expect("not empty") ^= 1;
    assert_eq!(PublicKey::from_spki(&off_curve), Err(KeyError::Malformed));
    let rsa =
        hex("3081 9f30 0d06 092a 8648 86f7 0d01 0101 0500 0381 8d00 3081 8902 8181 00bc 7b43 4749 c7b3 86
        00bf a84b 44f8 8187 9a2d da08 d1f0 145a f580 6c2a ed6a 6172 ff0d c3d4 cd60 1638
        e8ca 348e bdca 5742 31ca dc97 12e2 09b1 fddb a58a 8c62 b369 038a 3d1e aa72 7c1f
        39ae 49ed 6ebc 30f8 d9b5 2e23 385a 4019 1585 8c59 be72 f343 fb1e b87b 16ff c5ab
        0f8f 8fe9 f7cb 3e66 3d8f e9f9 ecfa 1230 66f3 6835 8cea efd3 0203 0100 01");
    assert_eq!(PublicKey::from_spki(&rsa), Err(KeyError::RsaTooShort(1024)));
    for (_, _, public) in KEYS {
        let (_, der) = decode_vec(public.as_bytes()).expect("PEM");
        assert_eq!(PublicKey::from_spki(&der).expect("a key of OpenSSL").to_spki(), der);
    }
}

#[test]
fn debug_shows_no_key() {
    let (_, private, _) = KEYS[0];
    let private = PrivateKey::from_pem(private).expect("a key of OpenSSL");
    assert_eq!(format!("{private:?} {:?}", private.public_key()), "PrivateKey(Ed25519) PublicKey(Ed25519)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,80}", cut in any::<prop::sample::Index>()) {
        let _ = PrivateKey::from_pkcs8(&bytes);
        let _ = PublicKey::from_spki(&bytes);
        let _ = Scheme::from_algorithm_identifier(&bytes);
        let _ = PrivateKey::from_pem(&text);
        let framed = format!("-----BEGIN {text}PRIVATE KEY-----\n{text}\n-----END {text}PRIVATE KEY-----");
        let _ = PrivateKey::from_pem(&framed);
        let (_, whole, public) = KEYS[cut.index(KEYS.len())];
        let _ = PrivateKey::from_pem(&whole[..cut.index(whole.len())]);
        let public = PublicKey::from_pem(public).unwrap();
        for scheme in public.kind().schemes() {
            prop_assert!(public.verify(scheme, b"message", &bytes).is_err());
        }
    }
}

#[cfg(feature = "aws-lc")]
mod oracle {
    use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

    use super::*;

    /// What aws-lc has for a key and a scheme.
    fn algorithm(kind: Kind, scheme: Scheme) -> Option<&'static dyn VerificationAlgorithm> {
        use Hash::{Sha256, Sha384, Sha512};
        Some(match (kind, scheme) {
            (Kind::Ed25519, Scheme::Ed25519) => &signature::ED25519,
            (Kind::P256, Scheme::Ecdsa(Sha256)) => &signature::ECDSA_P256_SHA256_ASN1,
            (Kind::P256, Scheme::Ecdsa(Sha384)) => &signature::ECDSA_P256_SHA384_ASN1,
            (Kind::P256, Scheme::EcdsaFixed(Sha256)) => &signature::ECDSA_P256_SHA256_FIXED,
            (Kind::P384, Scheme::Ecdsa(Sha256)) => &signature::ECDSA_P384_SHA256_ASN1,
            (Kind::P384, Scheme::Ecdsa(Sha384)) => &signature::ECDSA_P384_SHA384_ASN1,
            (Kind::P384, Scheme::EcdsaFixed(Sha384)) => &signature::ECDSA_P384_SHA384_FIXED,
            (Kind::P521, Scheme::Ecdsa(Sha512)) => &signature::ECDSA_P521_SHA512_ASN1,
            (Kind::P521, Scheme::Ecdsa(Sha256)) => &signature::ECDSA_P521_SHA256_ASN1,
            (Kind::P521, Scheme::EcdsaFixed(Sha512)) => &signature::ECDSA_P521_SHA512_FIXED,
            (Kind::Rsa, Scheme::RsaPss(Sha256)) => &signature::RSA_PSS_2048_8192_SHA256,
            (Kind::Rsa, Scheme::RsaPss(Sha384)) => &signature::RSA_PSS_2048_8192_SHA384,
            (Kind::Rsa, Scheme::RsaPss(Sha512)) => &signature::RSA_PSS_2048_8192_SHA512,
            (Kind::Rsa, Scheme::RsaPkcs1(Sha256)) => &signature::RSA_PKCS1_2048_8192_SHA256,
            (Kind::Rsa, Scheme::RsaPkcs1(Sha384)) => &signature::RSA_PKCS1_2048_8192_SHA384,
            (Kind::Rsa, Scheme::RsaPkcs1(Sha512)) => &signature::RSA_PKCS1_2048_8192_SHA512,
            _ => return None,
        })
    }

    #[test]
    fn aws_lc_verifies_what_we_sign() {
        let mut verified = 0;
        for (kind, private, public) in KEYS {
            let private = PrivateKey::from_pem(private).expect("a key of OpenSSL");
            let (_, spki) = decode_vec(public.as_bytes()).expect("PEM");
            for scheme in Scheme::all().filter(|scheme| kind.fits(*scheme)) {
                let Some(algorithm) = algorithm(kind, scheme) else { continue };
                let signature = private.sign(scheme, b"message", &mut rng()).expect("fits");
                let key = UnparsedPublicKey::new(algorithm, &spki);
                assert!(key.verify(b"message", &signature).is_ok(), "{kind}, {scheme}");
                verified += 1;
            }
        }
        assert_eq!(verified, 10 + 2 * 6);
    }
}
