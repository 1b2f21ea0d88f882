//! Transforms by the words strongSwan made usual: `aes256gcm16`, `prfsha384`, `x25519`.
//!
//! Every word both ways: [`Transform::from_str`] reads it, [`Transform::keyword`] gives the first of a
//! transform's words. Words of what is refused are known as well, so that [`crate::refused`] can say why. Ours
//! alone are `aes256gcm16iiv` (and its kin) and `chacha20poly1305iiv`, which strongSwan does not have.

use std::fmt;
use std::str::FromStr;

use crate::transform::{EncrId, IntegId, KeId, PrfId};

/// One transform of a proposal, by type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Transform {
    /// Transform type 1, with the Key Length attribute where there is one.
    Encr(EncrId, Option<u16>),
    /// Transform type 2.
    Prf(PrfId),
    /// Transform type 3.
    Integ(IntegId),
    /// Transform type 4, and 6 to 12.
    Ke(KeId),
}

/// A word that no transform has.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0} is no algorithm's keyword")]
pub struct UnknownKeyword(pub String);

/// Words with the key's bits in their middle: `aes` 256 `gcm16`. The first of an algorithm is the one printed.
const KEYED: [(&str, &str, EncrId); 26] = [
    ("aes", "", EncrId::AES_CBC),
    ("aes", "gcm16", EncrId::AES_GCM_16),
    ("aes", "gcm128", EncrId::AES_GCM_16),
    ("aes", "gcm", EncrId::AES_GCM_16),
    ("aes", "gcm16iiv", EncrId::AES_GCM_16_IIV),
    ("aes", "gcm12", EncrId::AES_GCM_12),
    ("aes", "gcm96", EncrId::AES_GCM_12),
    ("aes", "gcm8", EncrId::AES_GCM_8),
    ("aes", "gcm64", EncrId::AES_GCM_8),
    ("aes", "ccm16", EncrId::AES_CCM_16),
    ("aes", "ccm128", EncrId::AES_CCM_16),
    ("aes", "ccm", EncrId::AES_CCM_16),
    ("aes", "ccm12", EncrId::AES_CCM_12),
    ("aes", "ccm96", EncrId::AES_CCM_12),
    ("aes", "ccm8", EncrId::AES_CCM_8),
    ("aes", "ccm64", EncrId::AES_CCM_8),
    ("aes", "ctr", EncrId::AES_CTR),
    ("aes", "gmac", EncrId::NULL_AES_GMAC),
    ("camellia", "", EncrId::CAMELLIA_CBC),
    ("camellia", "ctr", EncrId::CAMELLIA_CTR),
    ("camellia", "ccm16", EncrId::CAMELLIA_CCM_16),
    ("camellia", "ccm128", EncrId::CAMELLIA_CCM_16),
    ("camellia", "ccm12", EncrId::CAMELLIA_CCM_12),
    ("camellia", "ccm96", EncrId::CAMELLIA_CCM_12),
    ("camellia", "ccm8", EncrId::CAMELLIA_CCM_8),
    ("camellia", "ccm64", EncrId::CAMELLIA_CCM_8),
];

/// Key lengths the words of [`KEYED`] may carry, in bits.
const KEY_BITS: [(&str, u16); 3] = [("128", 128), ("192", 192), ("256", 256)];

/// All other words. The first of a transform is the one printed.
const WORDS: [(&str, Transform); 61] = [
    ("chacha20poly1305", Transform::Encr(EncrId::CHACHA20_POLY1305, None)),
    ("chacha20poly1305iiv", Transform::Encr(EncrId::CHACHA20_POLY1305_IIV, None)),
    ("null", Transform::Encr(EncrId::NULL, None)),
    ("des", Transform::Encr(EncrId::DES_CBC, None)),
    ("3des", Transform::Encr(EncrId::TRIPLE_DES_CBC, None)),
    ("aes", Transform::Encr(EncrId::AES_CBC, Some(128))),
    ("camellia", Transform::Encr(EncrId::CAMELLIA_CBC, Some(128))),
    ("blowfish128", Transform::Encr(EncrId::BLOWFISH_CBC, Some(128))),
    ("blowfish192", Transform::Encr(EncrId::BLOWFISH_CBC, Some(192))),
    ("blowfish256", Transform::Encr(EncrId::BLOWFISH_CBC, Some(256))),
    ("blowfish", Transform::Encr(EncrId::BLOWFISH_CBC, Some(128))),
    ("cast128", Transform::Encr(EncrId::CAST_CBC, Some(128))),
    ("sha256", Transform::Integ(IntegId::HMAC_SHA2_256_128)),
    ("sha2_256", Transform::Integ(IntegId::HMAC_SHA2_256_128)),
    ("sha384", Transform::Integ(IntegId::HMAC_SHA2_384_192)),
    ("sha2_384", Transform::Integ(IntegId::HMAC_SHA2_384_192)),
    ("sha512", Transform::Integ(IntegId::HMAC_SHA2_512_256)),
    ("sha2_512", Transform::Integ(IntegId::HMAC_SHA2_512_256)),
    ("sha1", Transform::Integ(IntegId::HMAC_SHA1_96)),
    ("sha", Transform::Integ(IntegId::HMAC_SHA1_96)),
    ("sha1_160", Transform::Integ(IntegId::HMAC_SHA1_160)),
    ("md5", Transform::Integ(IntegId::HMAC_MD5_96)),
    ("md5_128", Transform::Integ(IntegId::HMAC_MD5_128)),
    ("aesxcbc", Transform::Integ(IntegId::AES_XCBC_96)),
    ("aescmac", Transform::Integ(IntegId::AES_CMAC_96)),
    ("prfsha256", Transform::Prf(PrfId::HMAC_SHA2_256)),
    ("prfsha384", Transform::Prf(PrfId::HMAC_SHA2_384)),
    ("prfsha512", Transform::Prf(PrfId::HMAC_SHA2_512)),
    ("prfsha1", Transform::Prf(PrfId::HMAC_SHA1)),
    ("prfmd5", Transform::Prf(PrfId::HMAC_MD5)),
    ("prfaesxcbc", Transform::Prf(PrfId::AES128_XCBC)),
    ("prfaescmac", Transform::Prf(PrfId::AES128_CMAC)),
    ("x25519", Transform::Ke(KeId::CURVE_25519)),
    ("curve25519", Transform::Ke(KeId::CURVE_25519)),
    ("ecp256", Transform::Ke(KeId::ECP_256)),
    ("ecp384", Transform::Ke(KeId::ECP_384)),
    ("ecp521", Transform::Ke(KeId::ECP_521)),
    ("mlkem768", Transform::Ke(KeId::ML_KEM_768)),
    ("mlkem1024", Transform::Ke(KeId::ML_KEM_1024)),
    ("modp2048", Transform::Ke(KeId::MODP_2048)),
    ("modp3072", Transform::Ke(KeId::MODP_3072)),
    ("modp4096", Transform::Ke(KeId::MODP_4096)),
    ("modp6144", Transform::Ke(KeId::MODP_6144)),
    ("modp8192", Transform::Ke(KeId::MODP_8192)),
    ("none", Transform::Ke(KeId::NONE)),
    ("modpnone", Transform::Ke(KeId::NONE)),
    ("mlkem512", Transform::Ke(KeId::ML_KEM_512)),
    ("modp768", Transform::Ke(KeId::MODP_768)),
    ("modp1024", Transform::Ke(KeId::MODP_1024)),
    ("modp1536", Transform::Ke(KeId::MODP_1536)),
    ("modp1024s160", Transform::Ke(KeId::MODP_1024_160)),
    ("modp2048s224", Transform::Ke(KeId::MODP_2048_224)),
    ("modp2048s256", Transform::Ke(KeId::MODP_2048_256)),
    ("ecp192", Transform::Ke(KeId::ECP_192)),
    ("ecp224", Transform::Ke(KeId::ECP_224)),
    ("ecp224bp", Transform::Ke(KeId::ECP_224_BP)),
    ("ecp256bp", Transform::Ke(KeId::ECP_256_BP)),
    ("ecp384bp", Transform::Ke(KeId::ECP_384_BP)),
    ("ecp512bp", Transform::Ke(KeId::ECP_512_BP)),
    ("x448", Transform::Ke(KeId::CURVE_448)),
    ("curve448", Transform::Ke(KeId::CURVE_448)),
];

impl Transform {
    /// The word for it; `None` for what has none, such as an algorithm nobody has asked for in decades.
    #[must_use]
    pub fn keyword(self) -> Option<String> {
        self.keyed_word().or_else(|| {
            WORDS.iter().find(|(_, transform)| *transform == self).map(|(word, _)| (*word).to_owned())
        })
    }

    fn keyed_word(self) -> Option<String> {
        let Self::Encr(id, Some(bits)) = self else { return None };
        let (prefix, suffix, _) = KEYED.iter().find(|(_, _, row)| *row == id)?;
        KEY_BITS.iter().any(|(_, known)| *known == bits).then(|| format!("{prefix}{bits}{suffix}"))
    }
}

impl FromStr for Transform {
    type Err = UnknownKeyword;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        if let Some((_, transform)) = WORDS.iter().find(|(known, _)| *known == word) {
            return Ok(*transform);
        }
        let keyed = KEYED.iter().find_map(|(prefix, suffix, id)| {
            let bits = word.strip_prefix(prefix)?.strip_suffix(suffix)?;
            let (_, bits) = KEY_BITS.iter().find(|(digits, _)| *digits == bits)?;
            Some(Self::Encr(*id, Some(*bits)))
        });
        keyed.ok_or_else(|| UnknownKeyword(word.to_owned()))
    }
}

/// The name others print: `AES_GCM_16_256`, `PRF_HMAC_SHA2_256`.
impl fmt::Display for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encr(id, Some(bits)) => write!(f, "{id}_{bits}"),
            Self::Encr(id, None) => write!(f, "{id}"),
            Self::Prf(id) => write!(f, "{id}"),
            Self::Integ(id) => write!(f, "{id}"),
            Self::Ke(id) => write!(f, "{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Suite, kex, prf};

    #[test]
    fn words_go_both_ways() {
        for word in ["aes256gcm16", "aes128", "3des", "prfsha384", "sha512", "x25519", "mlkem768", "modp3072"]
        {
            let transform: Transform = word.parse().expect("a keyword");
            assert_eq!(transform.keyword().as_deref(), Some(word), "{transform}");
        }
        let transforms = WORDS.iter().map(|(_, transform)| *transform);
        for transform in transforms {
            let word = transform.keyword().expect("a word of its own");
            assert_eq!(word.parse(), Ok(transform), "{word}");
        }
    }

    #[test]
    fn aliases_say_the_same() {
        for (alias, word) in [
            ("aes", "aes128"),
            ("aes256gcm", "aes256gcm16"),
            ("aes256gcm128", "aes256gcm16"),
            ("aes192ccm96", "aes192ccm12"),
            ("camellia", "camellia128"),
            ("curve25519", "x25519"),
            ("sha", "sha1"),
            ("sha2_256", "sha256"),
            ("modpnone", "none"),
        ] {
            assert_eq!(alias.parse::<Transform>(), word.parse(), "{alias}");
        }
    }

    #[test]
    fn no_word_stands_twice() {
        let mut words: Vec<String> = WORDS.iter().map(|(word, _)| (*word).to_owned()).collect();
        words.extend(KEYED.iter().map(|(prefix, suffix, _)| format!("{prefix}128{suffix}")));
        let all = words.len();
        words.sort();
        words.dedup();
        assert_eq!(words.len(), all);
    }

    #[test]
    fn everything_built_in_has_a_word() {
        let suites = Suite::all().map(|suite| Transform::Encr(suite.encr, suite.key_bits));
        let macs = Suite::all().filter_map(|suite| suite.integ).map(Transform::Integ);
        let prfs = prf::ALL.into_iter().map(Transform::Prf);
        let methods = kex::all().map(Transform::Ke);
        for transform in suites.chain(macs).chain(prfs).chain(methods) {
            let word = transform.keyword().unwrap_or_else(|| panic!("{transform} has no word"));
            assert_eq!(word.parse(), Ok(transform), "{word}");
        }
    }

    #[test]
    fn rubbish_is_no_word() {
        for word in ["", "aes512", "aes256gcm32", "AES256", "aes 256", "modp", "camellia128gcm16", "prf"] {
            let unknown = word.parse::<Transform>();
            assert_eq!(unknown, Err(UnknownKeyword(word.to_owned())));
        }
        assert_eq!(Transform::Encr(EncrId::AES_CBC, Some(100)).keyword(), None);
        assert_eq!(Transform::Encr(EncrId::RC5_CBC, None).keyword(), None);
    }
}
