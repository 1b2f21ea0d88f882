//! The numbers of IKEv2's transforms, and what they are called. RFC 7296 §3.3.2 and the IANA registry.
//!
//! Names are those strongSwan prints, so that both ends of a tunnel say the same words. A number without a
//! name here is still a value: it is shown with its number. What is named and not built in has
//! its reason in [`crate::refused`].

use std::fmt;

/// One registry: a newtype over its 16-bit number, the constants, and the names.
macro_rules! registry {
    ($(#[$doc:meta])* $type:ident, $unknown:literal, $prefix:literal { $($number:literal $constant:ident $name:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(pub u16);

        impl $type {
            $(
                #[doc = $name]
                pub const $constant: Self = Self($number);
            )+

            /// Every number with a name, in order.
            pub fn named() -> impl Iterator<Item = Self> {
                [$($number,)+].into_iter().map(Self)
            }

            /// The number of a name as others print it, with IANA's prefix or without: `AES_GCM_16`,
            /// `ENCR_AES_GCM_16`.
            #[must_use]
            pub fn by_name(name: &str) -> Option<Self> {
                let bare = name.strip_prefix($prefix).unwrap_or(name);
                match bare {
                    $($name => Some(Self($number)),)+
                    _ => None,
                }
            }

            /// The name of the number, if it has one.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($name),)+
                    _ => None,
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.pad(name),
                    None => write!(f, concat!($unknown, "_{}"), self.0),
                }
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

registry! {
    /// Transform type 1: encryption.
    EncrId, "ENCR", "ENCR_" {
        1 DES_IV64 "DES_IV64";
        2 DES_CBC "DES_CBC";
        3 TRIPLE_DES_CBC "3DES_CBC";
        4 RC5_CBC "RC5_CBC";
        5 IDEA_CBC "IDEA_CBC";
        6 CAST_CBC "CAST_CBC";
        7 BLOWFISH_CBC "BLOWFISH_CBC";
        8 TRIPLE_IDEA "3IDEA";
        9 DES_IV32 "DES_IV32";
        11 NULL "NULL";
        12 AES_CBC "AES_CBC";
        13 AES_CTR "AES_CTR";
        14 AES_CCM_8 "AES_CCM_8";
        15 AES_CCM_12 "AES_CCM_12";
        16 AES_CCM_16 "AES_CCM_16";
        18 AES_GCM_8 "AES_GCM_8";
        19 AES_GCM_12 "AES_GCM_12";
        20 AES_GCM_16 "AES_GCM_16";
        21 NULL_AES_GMAC "NULL_AES_GMAC";
        23 CAMELLIA_CBC "CAMELLIA_CBC";
        24 CAMELLIA_CTR "CAMELLIA_CTR";
        25 CAMELLIA_CCM_8 "CAMELLIA_CCM_8";
        26 CAMELLIA_CCM_12 "CAMELLIA_CCM_12";
        27 CAMELLIA_CCM_16 "CAMELLIA_CCM_16";
        28 CHACHA20_POLY1305 "CHACHA20_POLY1305";
        29 AES_CCM_8_IIV "AES_CCM_8_IIV";
        30 AES_GCM_16_IIV "AES_GCM_16_IIV";
        31 CHACHA20_POLY1305_IIV "CHACHA20_POLY1305_IIV";
    }
}

registry! {
    /// Transform type 2: pseudo-random function.
    PrfId, "PRF", "" {
        1 HMAC_MD5 "PRF_HMAC_MD5";
        2 HMAC_SHA1 "PRF_HMAC_SHA1";
        3 HMAC_TIGER "PRF_HMAC_TIGER";
        4 AES128_XCBC "PRF_AES128_XCBC";
        5 HMAC_SHA2_256 "PRF_HMAC_SHA2_256";
        6 HMAC_SHA2_384 "PRF_HMAC_SHA2_384";
        7 HMAC_SHA2_512 "PRF_HMAC_SHA2_512";
        8 AES128_CMAC "PRF_AES128_CMAC";
    }
}

registry! {
    /// Transform type 3: integrity.
    IntegId, "INTEG", "AUTH_" {
        0 NONE "NONE";
        1 HMAC_MD5_96 "HMAC_MD5_96";
        2 HMAC_SHA1_96 "HMAC_SHA1_96";
        3 DES_MAC "DES_MAC";
        4 KPDK_MD5 "KPDK_MD5";
        5 AES_XCBC_96 "AES_XCBC_96";
        6 HMAC_MD5_128 "HMAC_MD5_128";
        7 HMAC_SHA1_160 "HMAC_SHA1_160";
        8 AES_CMAC_96 "AES_CMAC_96";
        9 AES_128_GMAC "AES_128_GMAC";
        10 AES_192_GMAC "AES_192_GMAC";
        11 AES_256_GMAC "AES_256_GMAC";
        12 HMAC_SHA2_256_128 "HMAC_SHA2_256_128";
        13 HMAC_SHA2_384_192 "HMAC_SHA2_384_192";
        14 HMAC_SHA2_512_256 "HMAC_SHA2_512_256";
    }
}

registry! {
    /// Transform type 4: key exchange method (once called Diffie-Hellman group).
    KeId, "KE", "" {
        0 NONE "NONE";
        1 MODP_768 "MODP_768";
        2 MODP_1024 "MODP_1024";
        5 MODP_1536 "MODP_1536";
        14 MODP_2048 "MODP_2048";
        15 MODP_3072 "MODP_3072";
        16 MODP_4096 "MODP_4096";
        17 MODP_6144 "MODP_6144";
        18 MODP_8192 "MODP_8192";
        19 ECP_256 "ECP_256";
        20 ECP_384 "ECP_384";
        21 ECP_521 "ECP_521";
        22 MODP_1024_160 "MODP_1024_160";
        23 MODP_2048_224 "MODP_2048_224";
        24 MODP_2048_256 "MODP_2048_256";
        25 ECP_192 "ECP_192";
        26 ECP_224 "ECP_224";
        27 ECP_224_BP "ECP_224_BP";
        28 ECP_256_BP "ECP_256_BP";
        29 ECP_384_BP "ECP_384_BP";
        30 ECP_512_BP "ECP_512_BP";
        31 CURVE_25519 "CURVE_25519";
        32 CURVE_448 "CURVE_448";
        35 ML_KEM_512 "ML_KEM_512";
        36 ML_KEM_768 "ML_KEM_768";
        37 ML_KEM_1024 "ML_KEM_1024";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_numbers_have_the_names_others_print() {
        assert_eq!(EncrId::AES_GCM_16.to_string(), "AES_GCM_16");
        assert_eq!(PrfId(7).to_string(), "PRF_HMAC_SHA2_512");
        assert_eq!(IntegId(12).to_string(), "HMAC_SHA2_256_128");
        assert_eq!(format!("{:?}", KeId(31)), "CURVE_25519");
    }

    #[test]
    fn names_are_read_as_they_are_printed() {
        assert!(EncrId::named().all(|id| EncrId::by_name(&id.to_string()) == Some(id)));
        assert!(PrfId::named().all(|id| PrfId::by_name(&id.to_string()) == Some(id)));
        assert!(IntegId::named().all(|id| IntegId::by_name(&id.to_string()) == Some(id)));
        assert!(KeId::named().all(|id| KeId::by_name(&id.to_string()) == Some(id)));
        assert_eq!(EncrId::by_name("ENCR_AES_GCM_16"), Some(EncrId::AES_GCM_16), "IANA's prefix");
        assert_eq!(IntegId::by_name("AUTH_HMAC_SHA2_256_128"), Some(IntegId::HMAC_SHA2_256_128));
        assert_eq!(EncrId::by_name("AES_GCM_17"), None);
        assert_eq!(KeId::by_name(""), None);
    }

    #[test]
    fn an_unknown_number_shows_itself() {
        assert_eq!(EncrId(999).to_string(), "ENCR_999");
        assert_eq!(KeId(34).to_string(), "KE_34");
        assert_eq!(EncrId(999).name(), None);
    }
}
