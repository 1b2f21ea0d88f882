//! What is refused by name: why, what to use instead, and the setting to change where a cloud asks for it.
//!
//! Levels are those of RFC 8221 (ESP), RFC 8247 (IKE) and RFC 9395 (obsoleted algorithms). Every number with a
//! name in [`crate::transform`] is built in or has a row here; a test says so.

use std::fmt;

use crate::keyword::Transform;
use crate::transform::{EncrId, IntegId, KeId, PrfId};

/// Why a transform is refused, in words that go into `X is refused because …; use …`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// What is wrong with it.
    pub reason: &'static str,
    /// Keywords to write in its place.
    pub remedy: &'static str,
    /// Where clouds ask for it: name of the cloud, and the setting to change there.
    pub clouds: &'static [(&'static str, &'static str)],
}

const CIPHERS: &str = "aes256gcm16 or chacha20poly1305; aes256 with sha256 for old peers";
const MACS: &str = "sha256 or sha512, or a cipher that authenticates itself, such as aes256gcm16";
const PRFS: &str = "prfsha256 or prfsha384";
const CURVES: &str = "x25519, ecp384 or ecp256; modp2048 or longer for old peers";

const AZURE_ENCRYPTION: (&str, &str) = (
    "Azure VPN Gateway",
    "set ikeEncryption and ipsecEncryption (with ipsecIntegrity) to GCMAES256 in the connection's custom IPsec \
     policy",
);
const AZURE_INTEGRITY: (&str, &str) = (
    "Azure VPN Gateway",
    "set ikeIntegrity and ipsecIntegrity to SHA256 in the connection's custom IPsec policy",
);
const AZURE_GROUP: (&str, &str) = (
    "Azure VPN Gateway",
    "its default policy offers this group alone: set dhGroup to ECP384 or DHGroup14, and pfsGroup to ECP384 or \
     PFS2048, in a custom IPsec policy of the connection",
);
const AZURE_24: (&str, &str) = (
    "Azure VPN Gateway",
    "set dhGroup to ECP384 or DHGroup14, and pfsGroup to ECP384 or PFS2048, in the connection's custom IPsec \
     policy",
);
const AWS_GROUP: (&str, &str) = (
    "AWS Site-to-Site VPN",
    "take the group out of Phase1DHGroupNumbers and Phase2DHGroupNumbers in the tunnel options, and leave 20",
);

const SHORT_KEY: Refusal = Refusal {
    reason: "its 56-bit key can be found by trying all of them",
    remedy: CIPHERS,
    clouds: &[AZURE_ENCRYPTION],
};
const SMALL_BLOCKS: Refusal = Refusal {
    reason: "its 64-bit blocks begin to repeat after 32 GiB, which gives text away",
    remedy: CIPHERS,
    clouds: &[],
};
const SHORT_ICV: Refusal = Refusal {
    reason: "its check value is cut short, which makes forging easier",
    remedy: CIPHERS,
    clouds: &[],
};
const NO_GAIN: Refusal = Refusal {
    reason: "it gives nothing that AES-GCM does not, and hardly a peer has nothing better",
    remedy: CIPHERS,
    clouds: &[],
};
const BROKEN_HASH: Refusal = Refusal { reason: "MD5 is broken", remedy: MACS, clouds: &[AZURE_INTEGRITY] };
const MAC_NOT_FOR_IPSEC: Refusal =
    Refusal { reason: "its number is for other protocols than IPsec", remedy: MACS, clouds: &[] };
const MAC_NO_GAIN: Refusal = Refusal {
    reason: "it is for devices that have no hash function, and HMAC-SHA2 is everywhere else",
    remedy: MACS,
    clouds: &[],
};
const MAC_FOR_AH: Refusal =
    Refusal { reason: "it is for AH, which adit does not speak", remedy: MACS, clouds: &[] };
const SMALL_GROUP: Refusal = Refusal {
    reason: "discrete logarithms in a group so small can be computed",
    remedy: CURVES,
    clouds: &[],
};
const UNEXPLAINED_GROUP: Refusal = Refusal {
    reason: "nobody knows where its prime comes from, and its small subgroups leak bits of careless keys",
    remedy: CURVES,
    clouds: &[AZURE_24, AWS_GROUP],
};
const SMALL_CURVE: Refusal =
    Refusal { reason: "it is below the strength of AES-128", remedy: CURVES, clouds: &[] };
const SLOW_CURVE: Refusal = Refusal {
    reason: "it is slower than the curves everybody has, and gives nothing more",
    remedy: CURVES,
    clouds: &[],
};

/// Transform type 1.
const ENCRYPTION: [(EncrId, Refusal); 22] = [
    (EncrId::DES_IV64, SHORT_KEY),
    (EncrId::DES_CBC, SHORT_KEY),
    (EncrId::TRIPLE_DES_CBC, Refusal { clouds: &[AZURE_ENCRYPTION], ..SMALL_BLOCKS }),
    (EncrId::RC5_CBC, SMALL_BLOCKS),
    (EncrId::IDEA_CBC, SMALL_BLOCKS),
    (EncrId::CAST_CBC, SMALL_BLOCKS),
    (EncrId::BLOWFISH_CBC, SMALL_BLOCKS),
    (EncrId::TRIPLE_IDEA, SMALL_BLOCKS),
    (EncrId::DES_IV32, SHORT_KEY),
    (EncrId::AES_CTR, NO_GAIN),
    (EncrId::AES_CCM_8, SHORT_ICV),
    (EncrId::AES_CCM_12, SHORT_ICV),
    (EncrId::AES_CCM_16, NO_GAIN),
    (EncrId::AES_GCM_8, SHORT_ICV),
    (EncrId::AES_GCM_12, SHORT_ICV),
    (EncrId::NULL_AES_GMAC, Refusal { reason: "it hides nothing", ..NO_GAIN }),
    (EncrId::CAMELLIA_CBC, NO_GAIN),
    (EncrId::CAMELLIA_CTR, NO_GAIN),
    (EncrId::CAMELLIA_CCM_8, SHORT_ICV),
    (EncrId::CAMELLIA_CCM_12, SHORT_ICV),
    (EncrId::CAMELLIA_CCM_16, NO_GAIN),
    (EncrId::AES_CCM_8_IIV, SHORT_ICV),
];

/// Transform type 2.
const PRF: [(PrfId, Refusal); 4] = [
    (PrfId::HMAC_MD5, Refusal { remedy: PRFS, ..BROKEN_HASH }),
    (PrfId::HMAC_TIGER, Refusal { reason: "no document says what it is", remedy: PRFS, clouds: &[] }),
    (PrfId::AES128_XCBC, Refusal { remedy: PRFS, ..MAC_NO_GAIN }),
    (PrfId::AES128_CMAC, Refusal { remedy: PRFS, ..MAC_NO_GAIN }),
];

/// Transform type 3.
const INTEGRITY: [(IntegId, Refusal); 10] = [
    (IntegId::HMAC_MD5_96, BROKEN_HASH),
    (IntegId::DES_MAC, Refusal { reason: "DES is broken", remedy: MACS, clouds: &[] }),
    (IntegId::KPDK_MD5, BROKEN_HASH),
    (IntegId::AES_XCBC_96, MAC_NO_GAIN),
    (IntegId::HMAC_MD5_128, BROKEN_HASH),
    (IntegId::HMAC_SHA1_160, MAC_NOT_FOR_IPSEC),
    (IntegId::AES_CMAC_96, MAC_NO_GAIN),
    (IntegId::AES_128_GMAC, MAC_FOR_AH),
    (IntegId::AES_192_GMAC, MAC_FOR_AH),
    (IntegId::AES_256_GMAC, MAC_FOR_AH),
];

/// Transform type 4.
const KEY_EXCHANGE: [(KeId, Refusal); 14] = [
    (KeId::MODP_768, SMALL_GROUP),
    (KeId::MODP_1024, Refusal { clouds: &[AZURE_GROUP, AWS_GROUP], ..SMALL_GROUP }),
    (KeId::MODP_1536, Refusal { clouds: &[AWS_GROUP], ..SMALL_GROUP }),
    (KeId::MODP_1024_160, Refusal { clouds: &[AWS_GROUP], ..SMALL_GROUP }),
    (KeId::MODP_2048_224, Refusal { clouds: &[AWS_GROUP], ..UNEXPLAINED_GROUP }),
    (KeId::MODP_2048_256, UNEXPLAINED_GROUP),
    (KeId::ECP_192, SMALL_CURVE),
    (KeId::ECP_224, SMALL_CURVE),
    (KeId::ECP_224_BP, SMALL_CURVE),
    (KeId::ECP_256_BP, SLOW_CURVE),
    (KeId::ECP_384_BP, SLOW_CURVE),
    (KeId::ECP_512_BP, SLOW_CURVE),
    (KeId::CURVE_448, Refusal { reason: "it is not built in", remedy: CURVES, clouds: &[] }),
    (
        KeId::ML_KEM_512,
        Refusal {
            reason: "its margin is the smallest of the three sizes, for hardly fewer bytes",
            remedy: "mlkem768 or mlkem1024",
            clouds: &[],
        },
    ),
];

/// Why a transform is refused; `None` for what is built in, and for numbers without a name.
#[must_use]
pub fn refusal(transform: Transform) -> Option<&'static Refusal> {
    match transform {
        Transform::Encr(id, _) => of(&ENCRYPTION, id),
        Transform::Prf(id) => of(&PRF, id),
        Transform::Integ(id) => of(&INTEGRITY, id),
        Transform::Ke(id) => of(&KEY_EXCHANGE, id),
    }
}

fn of<Id: PartialEq>(table: &'static [(Id, Refusal)], id: Id) -> Option<&'static Refusal> {
    table.iter().find(|(row, _)| *row == id).map(|(_, refusal)| refusal)
}

/// `because …; use …. In Azure VPN Gateway: …`
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "because {}; use {}", self.reason, self.remedy)?;
        self.clouds.iter().try_for_each(|(cloud, setting)| write!(f, ". In {cloud}: {setting}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Suite, kex, prf};

    /// Nothing with a name is neither built in nor refused, nor both.
    #[test]
    fn every_named_number_is_built_in_or_refused() {
        let ciphers: Vec<EncrId> = Suite::all().map(|suite| suite.encr).collect();
        for id in EncrId::named() {
            let refused = refusal(Transform::Encr(id, None)).is_some();
            assert_ne!(ciphers.contains(&id), refused, "{id}");
        }
        for id in PrfId::named() {
            assert_ne!(prf::output_len(id).is_some(), refusal(Transform::Prf(id)).is_some(), "{id}");
        }
        for id in IntegId::named().filter(|id| *id != IntegId::NONE) {
            let built_in = crate::suite::integ_lengths(id).is_some();
            assert_ne!(built_in, refusal(Transform::Integ(id)).is_some(), "{id}");
        }
        for id in KeId::named().filter(|id| *id != KeId::NONE) {
            assert_ne!(kex::public_len(id).is_some(), refusal(Transform::Ke(id)).is_some(), "{id}");
        }
    }

    #[test]
    fn a_refusal_names_reason_remedy_and_setting() {
        let said = refusal("3des".parse().expect("a keyword")).expect("refused").to_string();
        assert_eq!(
            said,
            "because its 64-bit blocks begin to repeat after 32 GiB, which gives text away; use aes256gcm16 or \
             chacha20poly1305; aes256 with sha256 for old peers. In Azure VPN Gateway: set ikeEncryption and \
             ipsecEncryption (with ipsecIntegrity) to GCMAES256 in the connection's custom IPsec policy"
        );
        let group = refusal("modp1024".parse().expect("a keyword")).expect("refused");
        let clouds: Vec<&str> = group.clouds.iter().map(|(cloud, _)| *cloud).collect();
        assert_eq!(clouds, ["Azure VPN Gateway", "AWS Site-to-Site VPN"]);
        assert_eq!(refusal("aes256gcm16".parse().expect("a keyword")), None);
        assert_eq!(refusal(Transform::Ke(KeId(999))), None);
    }

    /// A remedy is of no use when it is refused too.
    #[test]
    fn every_keyword_in_a_remedy_is_built_in() {
        for remedy in [CIPHERS, MACS, PRFS, CURVES, "mlkem768 or mlkem1024"] {
            let words = remedy
                .split(|c: char| !c.is_ascii_alphanumeric())
                .filter(|word| word.contains(char::is_numeric));
            let transforms: Vec<Transform> = words.map(|word| word.parse().expect("a keyword")).collect();
            assert!(!transforms.is_empty());
            assert!(transforms.iter().all(|transform| refusal(*transform).is_none()), "{remedy}");
        }
    }
}
