//! THE table: what each suite costs and whether it is built in.
//!
//! A row per algorithm. Anything without a row is refused where it is named, so a new algorithm is one file in
//! `protect/` and one row here.

use std::fmt;

use crate::transform::{EncrId, IntegId};

/// Whether an algorithm authenticates by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Encrypts and authenticates; goes with no integrity transform.
    Aead,
    /// Encrypts only; needs an integrity transform.
    Cipher,
}

/// One built-in encryption algorithm with one key length. Lengths in bytes.
struct Encr {
    id: EncrId,
    /// The Key Length attribute: mandatory for some transforms, forbidden for others (RFC 7296 §3.3.5).
    key_bits: Option<u16>,
    kind: Kind,
    key: usize,
    salt: usize,
    iv: usize,
    icv: usize,
    block: usize,
}

/// RFC 4106 §8, RFC 5282 §7 (AES-GCM); RFC 7634 §2 (ChaCha20-Poly1305); RFC 8750 §4 (implicit IV);
/// RFC 3602 §2 (AES-CBC); RFC 2410 §2 (NULL).
#[rustfmt::skip]
const ENCRYPTION: &[Encr] = &[
    Encr { id: EncrId::AES_GCM_16,        key_bits: Some(256), kind: Kind::Aead,   key: 32, salt: 4, iv: 8,  icv: 16, block: 1 },
    Encr { id: EncrId::AES_GCM_16,        key_bits: Some(128), kind: Kind::Aead,   key: 16, salt: 4, iv: 8,  icv: 16, block: 1 },
    Encr { id: EncrId::CHACHA20_POLY1305, key_bits: None,      kind: Kind::Aead,   key: 32, salt: 4, iv: 8,  icv: 16, block: 1 },
    Encr { id: EncrId::AES_CBC,           key_bits: Some(256), kind: Kind::Cipher, key: 32, salt: 0, iv: 16, icv: 0,  block: 16 },
    Encr { id: EncrId::AES_CBC,           key_bits: Some(128), kind: Kind::Cipher, key: 16, salt: 0, iv: 16, icv: 0,  block: 16 },
    // Accepted only where a connection names them.
    Encr { id: EncrId::AES_GCM_16,        key_bits: Some(192), kind: Kind::Aead,   key: 24, salt: 4, iv: 8,  icv: 16, block: 1 },
    Encr { id: EncrId::AES_GCM_16_IIV,    key_bits: Some(256), kind: Kind::Aead,   key: 32, salt: 4, iv: 0,  icv: 16, block: 1 },
    Encr { id: EncrId::AES_GCM_16_IIV,    key_bits: Some(192), kind: Kind::Aead,   key: 24, salt: 4, iv: 0,  icv: 16, block: 1 },
    Encr { id: EncrId::AES_GCM_16_IIV,    key_bits: Some(128), kind: Kind::Aead,   key: 16, salt: 4, iv: 0,  icv: 16, block: 1 },
    Encr { id: EncrId::CHACHA20_POLY1305_IIV, key_bits: None,  kind: Kind::Aead,   key: 32, salt: 4, iv: 0,  icv: 16, block: 1 },
    Encr { id: EncrId::AES_CBC,           key_bits: Some(192), kind: Kind::Cipher, key: 24, salt: 0, iv: 16, icv: 0,  block: 16 },
    Encr { id: EncrId::NULL,              key_bits: None,      kind: Kind::Cipher, key: 0,  salt: 0, iv: 0,  icv: 0,  block: 1 },
];

/// One built-in integrity algorithm. Lengths in bytes.
struct Integ {
    id: IntegId,
    key: usize,
    icv: usize,
}

/// RFC 4868 §2.1.1, §2.3; RFC 2404 §3, §5 (SHA-1).
#[rustfmt::skip]
const INTEGRITY: &[Integ] = &[
    Integ { id: IntegId::HMAC_SHA2_256_128, key: 32, icv: 16 },
    Integ { id: IntegId::HMAC_SHA2_384_192, key: 48, icv: 24 },
    Integ { id: IntegId::HMAC_SHA2_512_256, key: 64, icv: 32 },
    // Accepted only where a connection names it.
    Integ { id: IntegId::HMAC_SHA1_96,      key: 20, icv: 12 },
];

/// An encryption algorithm, its key length and, unless it is an AEAD, an integrity algorithm.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Suite {
    /// Transform type 1.
    pub encr: EncrId,
    /// Value of the Key Length attribute; `None` where the transform has none (ChaCha20-Poly1305).
    pub key_bits: Option<u16>,
    /// Transform type 3; `None` for an AEAD.
    pub integ: Option<IntegId>,
}

/// What a suite costs, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Geometry {
    /// Key of the encryption algorithm, without salt.
    pub encr_key: usize,
    /// Salt that follows the key (RFC 4106 §8.1, RFC 7634 §2).
    pub salt: usize,
    /// Key of the integrity algorithm; 0 for an AEAD.
    pub integ_key: usize,
    /// IV carried in every packet; 0 where there is none, or where it is the sequence number (RFC 8750).
    pub iv: usize,
    /// Integrity check value at the end of every packet.
    pub icv: usize,
    /// The text must be a multiple of this; 1 where any length will do.
    pub block: usize,
    /// Whether the suite is an AEAD.
    pub kind: Kind,
}

impl Geometry {
    /// All key material of one direction: encryption key, salt, integrity key, in this order (RFC 7296 §2.17).
    #[must_use]
    pub fn key_len(&self) -> usize {
        self.encr_key + self.salt + self.integ_key
    }

    /// Length of SK_ei and SK_er: key and salt (RFC 5282 §7.1).
    #[must_use]
    pub fn sk_e_len(&self) -> usize {
        self.encr_key + self.salt
    }

    /// Length of SK_ai and SK_ar; 0 for an AEAD.
    #[must_use]
    pub fn sk_a_len(&self) -> usize {
        self.integ_key
    }
}

impl Suite {
    /// AES-GCM with a 16-byte ICV, 256-bit key.
    pub const AES_GCM_16_256: Self = Self { encr: EncrId::AES_GCM_16, key_bits: Some(256), integ: None };
    /// AES-GCM with a 16-byte ICV, 128-bit key.
    pub const AES_GCM_16_128: Self = Self { encr: EncrId::AES_GCM_16, key_bits: Some(128), integ: None };
    /// ChaCha20-Poly1305.
    pub const CHACHA20_POLY1305: Self = Self { encr: EncrId::CHACHA20_POLY1305, key_bits: None, integ: None };

    /// No encryption, a MAC alone (RFC 2410): for ESP, and for looking at packets while debugging.
    #[must_use]
    pub const fn null(integ: IntegId) -> Self {
        Self { encr: EncrId::NULL, key_bits: None, integ: Some(integ) }
    }

    /// AES-CBC with a MAC.
    #[must_use]
    pub const fn aes_cbc(key_bits: u16, integ: IntegId) -> Self {
        Self { encr: EncrId::AES_CBC, key_bits: Some(key_bits), integ: Some(integ) }
    }

    /// Every suite that is built in, best first.
    pub fn all() -> impl Iterator<Item = Self> {
        ENCRYPTION.iter().flat_map(|encr| {
            let macs: &'static [Integ] = if encr.kind == Kind::Cipher { INTEGRITY } else { &[] };
            let aead = (encr.kind == Kind::Aead).then_some(None);
            aead.into_iter().chain(macs.iter().map(|integ| Some(integ.id))).map(|integ| Self {
                encr: encr.id,
                key_bits: encr.key_bits,
                integ,
            })
        })
    }

    /// The suite that negotiated transforms make; `None` if it is not built in.
    ///
    /// `key_length` is the attribute as it was on the wire: a missing mandatory one or a present forbidden one
    /// makes no suite (RFC 7296 §3.3.5). An AEAD takes no integrity transform or a single NONE (RFC 7296 §3.3).
    #[must_use]
    pub fn from_transforms(encr: EncrId, key_length: Option<u16>, integ: Option<IntegId>) -> Option<Self> {
        let integ = integ.filter(|&integ| integ != IntegId::NONE);
        let suite = Self { encr, key_bits: key_length, integ };
        suite.geometry().map(|_| suite)
    }

    /// What the suite costs; `None` if it is not built in, or is no suite (an AEAD with a MAC, a cipher without).
    #[must_use]
    pub fn geometry(self) -> Option<Geometry> {
        let encr = ENCRYPTION.iter().find(|row| row.id == self.encr && row.key_bits == self.key_bits)?;
        let (integ_key, icv) = match (encr.kind, self.integ) {
            (Kind::Aead, None) => (0, encr.icv),
            (Kind::Cipher, Some(id)) => {
                let integ = INTEGRITY.iter().find(|row| row.id == id)?;
                (integ.key, integ.icv)
            }
            (Kind::Aead, Some(_)) | (Kind::Cipher, None) => return None,
        };
        Some(Geometry {
            encr_key: encr.key,
            salt: encr.salt,
            integ_key,
            iv: encr.iv,
            icv,
            block: encr.block,
            kind: encr.kind,
        })
    }

    /// Whether the suite may protect an IKE SA: NULL encryption must not (RFC 7296 §5), and an implicit IV cannot,
    /// since IKE's message ids are no nonce (RFC 8750 §8).
    #[must_use]
    pub fn protects_ike(self) -> bool {
        let for_esp_only =
            [EncrId::NULL, EncrId::AES_GCM_16_IIV, EncrId::CHACHA20_POLY1305_IIV].contains(&self.encr);
        self.geometry().is_some() && !for_esp_only
    }

    /// Bytes of key material of one direction, salt and integrity key included.
    #[must_use]
    pub fn key_len(self) -> Option<usize> {
        self.geometry().map(|geometry| geometry.key_len())
    }
}

/// Key and ICV length in bytes of an integrity algorithm; `None` if it is not built in.
#[must_use]
pub fn integ_lengths(id: IntegId) -> Option<(usize, usize)> {
    INTEGRITY.iter().find(|row| row.id == id).map(|row| (row.key, row.icv))
}

/// As strongSwan prints it: `AES_GCM_16_256`, `CHACHA20_POLY1305`, `AES_CBC_128/HMAC_SHA2_256_128`.
impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.encr)?;
        if let Some(bits) = self.key_bits {
            write!(f, "_{bits}")?;
        }
        match self.integ {
            Some(integ) => write!(f, "/{integ}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_suites_have_a_geometry_and_a_name() {
        let names: Vec<String> = Suite::all().map(|suite| suite.to_string()).collect();
        let macs = ["HMAC_SHA2_256_128", "HMAC_SHA2_384_192", "HMAC_SHA2_512_256", "HMAC_SHA1_96"];
        let with_macs = |cipher: &str| macs.map(|mac| format!("{cipher}/{mac}")).to_vec();
        let expected = [
            ["AES_GCM_16_256", "AES_GCM_16_128", "CHACHA20_POLY1305"].map(str::to_owned).to_vec(),
            with_macs("AES_CBC_256"),
            with_macs("AES_CBC_128"),
            ["AES_GCM_16_192", "AES_GCM_16_IIV_256", "AES_GCM_16_IIV_192", "AES_GCM_16_IIV_128"]
                .map(str::to_owned)
                .to_vec(),
            vec!["CHACHA20_POLY1305_IIV".to_owned()],
            with_macs("AES_CBC_192"),
            with_macs("NULL"),
        ]
        .concat();
        assert_eq!(names, expected);
        assert!(Suite::all().all(|suite| suite.geometry().is_some()));
    }

    #[test]
    fn null_and_implicit_ivs_are_not_for_ike() {
        let not: Vec<String> =
            Suite::all().filter(|suite| !suite.protects_ike()).map(|suite| suite.encr.to_string()).collect();
        let mut names = not.clone();
        names.dedup();
        assert_eq!(names, ["AES_GCM_16_IIV", "CHACHA20_POLY1305_IIV", "NULL"]);
        assert_eq!(not.len(), 3 + 1 + 4);
        assert!(!Suite { encr: EncrId::TRIPLE_DES_CBC, key_bits: None, integ: None }.protects_ike());
    }

    #[test]
    fn key_material_lengths_are_those_of_the_documents() {
        assert_eq!(Suite::AES_GCM_16_256.key_len(), Some(36), "RFC 4106 §8.1");
        assert_eq!(Suite::AES_GCM_16_128.key_len(), Some(20), "RFC 4106 §8.1");
        assert_eq!(Suite::CHACHA20_POLY1305.key_len(), Some(36), "RFC 7634 §2");
        assert_eq!(Suite::aes_cbc(128, IntegId::HMAC_SHA2_256_128).key_len(), Some(48), "RFC 4868 §2.1.1");
        assert_eq!(Suite::aes_cbc(256, IntegId::HMAC_SHA2_512_256).key_len(), Some(96), "RFC 4868 §2.1.1");
        assert_eq!(Suite::aes_cbc(192, IntegId::HMAC_SHA1_96).key_len(), Some(44), "RFC 2404 §3");
        assert_eq!(Suite::null(IntegId::HMAC_SHA1_96).key_len(), Some(20), "RFC 2410 §2.1");
        let implicit = Suite { encr: EncrId::CHACHA20_POLY1305_IIV, key_bits: None, integ: None };
        assert_eq!(implicit.key_len(), Some(36), "RFC 8750 §4");
    }

    #[test]
    fn the_key_length_attribute_is_mandatory_or_forbidden() {
        let make = Suite::from_transforms;
        assert_eq!(make(EncrId::AES_GCM_16, Some(256), None), Some(Suite::AES_GCM_16_256));
        assert_eq!(make(EncrId::AES_GCM_16, None, None), None);
        assert_eq!(make(EncrId::AES_GCM_16, Some(64), None), None);
        assert_eq!(make(EncrId::AES_GCM_16_IIV, None, None), None);
        assert_eq!(make(EncrId::AES_CBC, None, Some(IntegId::HMAC_SHA2_256_128)), None);
        assert_eq!(make(EncrId::CHACHA20_POLY1305, None, None), Some(Suite::CHACHA20_POLY1305));
        assert_eq!(make(EncrId::CHACHA20_POLY1305, Some(256), None), None);
        assert_eq!(make(EncrId::CHACHA20_POLY1305_IIV, Some(256), None), None);
        let null = Some(Suite::null(IntegId::HMAC_SHA2_256_128));
        assert_eq!(make(EncrId::NULL, None, Some(IntegId::HMAC_SHA2_256_128)), null);
        assert_eq!(make(EncrId::NULL, Some(0), Some(IntegId::HMAC_SHA2_256_128)), None);
    }

    #[test]
    fn an_aead_takes_no_mac_and_a_cipher_needs_one() {
        let make = Suite::from_transforms;
        assert_eq!(make(EncrId::AES_GCM_16, Some(128), Some(IntegId::NONE)), Some(Suite::AES_GCM_16_128));
        assert_eq!(make(EncrId::AES_GCM_16, Some(128), Some(IntegId::HMAC_SHA2_256_128)), None);
        assert_eq!(make(EncrId::AES_CBC, Some(128), None), None);
        assert_eq!(make(EncrId::AES_CBC, Some(128), Some(IntegId::NONE)), None);
        assert_eq!(make(EncrId::AES_CBC, Some(128), Some(IntegId::HMAC_MD5_96)), None);
        assert_eq!(make(EncrId::NULL, None, None), None, "RFC 8221 §5: never without a MAC");
        assert_eq!(make(EncrId::NULL, None, Some(IntegId::NONE)), None);
        assert_eq!(make(EncrId::TRIPLE_DES_CBC, None, Some(IntegId::HMAC_SHA2_256_128)), None);
    }
}
