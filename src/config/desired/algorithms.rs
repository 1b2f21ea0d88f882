//! Proposals in the keywords strongSwan made usual: `aes256gcm16-prfsha256-x25519`.

use std::str::FromStr;

/// One ESP proposal: a cipher and, unless it authenticates itself, an integrity algorithm;
/// with key exchange methods, rekeying makes new secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EspSuite {
    /// Encryption.
    pub cipher: Cipher,
    /// Integrity: `None` if and only if the cipher is an AEAD.
    pub integrity: Option<Hash>,
    /// Key exchange for rekeying (perfect forward secrecy), best first; may be empty.
    pub key_exchange: Vec<KeyExchange>,
}

/// One IKE proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IkeSuite {
    /// Encryption.
    pub cipher: Cipher,
    /// Integrity: `None` if and only if the cipher is an AEAD.
    pub integrity: Option<Hash>,
    /// Pseudorandom functions, best first, never empty.
    pub prf: Vec<Hash>,
    /// Key exchange methods, best first, never empty.
    pub key_exchange: Vec<KeyExchange>,
}

/// Encryption algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    /// AES-GCM with a 16 byte ICV, 128 or 256 key bits (RFC 4106).
    AesGcm16(u16),
    /// ChaCha20-Poly1305 (RFC 7634).
    ChaCha20Poly1305,
    /// AES-CBC, 128 or 256 key bits (RFC 3602).
    AesCbc(u16),
}

/// Hash functions under HMAC, as PRF and for integrity (RFC 4868).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// Key exchange methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyExchange {
    /// Group 31 (RFC 8031).
    X25519,
    /// Group 19 (RFC 5903).
    Ecp256,
    /// Group 14 (RFC 3526).
    Modp2048,
}

const CIPHERS: &[(&str, Cipher)] = &[
    ("aes128gcm16", Cipher::AesGcm16(128)),
    ("aes256gcm16", Cipher::AesGcm16(256)),
    ("aes128gcm", Cipher::AesGcm16(128)),
    ("aes256gcm", Cipher::AesGcm16(256)),
    ("chacha20poly1305", Cipher::ChaCha20Poly1305),
    ("aes128", Cipher::AesCbc(128)),
    ("aes256", Cipher::AesCbc(256)),
];
const PRFS: &[(&str, Hash)] =
    &[("prfsha256", Hash::Sha256), ("prfsha384", Hash::Sha384), ("prfsha512", Hash::Sha512)];
const INTEGRITY: &[(&str, Hash)] = &[
    ("sha256", Hash::Sha256),
    ("sha384", Hash::Sha384),
    ("sha512", Hash::Sha512),
    ("sha2_256", Hash::Sha256),
    ("sha2_384", Hash::Sha384),
    ("sha2_512", Hash::Sha512),
];
const KEY_EXCHANGES: &[(&str, KeyExchange)] = &[
    ("x25519", KeyExchange::X25519),
    ("curve25519", KeyExchange::X25519),
    ("ecp256", KeyExchange::Ecp256),
    ("modp2048", KeyExchange::Modp2048),
];

impl Cipher {
    /// Whether it authenticates as well.
    pub const fn is_aead(self) -> bool {
        match self {
            Self::AesGcm16(_) | Self::ChaCha20Poly1305 => true,
            Self::AesCbc(_) => false,
        }
    }
}

/// The words of a proposal, sorted by kind.
#[derive(Default)]
struct Words {
    ciphers: Vec<Cipher>,
    integrity: Vec<Hash>,
    prf: Vec<Hash>,
    key_exchange: Vec<KeyExchange>,
}

fn lookup<T: Copy>(table: &[(&str, T)], word: &str) -> Option<T> {
    table.iter().find(|(name, _)| *name == word).map(|(_, value)| *value)
}

impl Words {
    fn parse(text: &str) -> Result<Self, String> {
        let mut words = Self::default();
        for word in text.split('-') {
            if let Some(cipher) = lookup(CIPHERS, word) {
                words.ciphers.push(cipher);
            } else if let Some(hash) = lookup(INTEGRITY, word) {
                words.integrity.push(hash);
            } else if let Some(hash) = lookup(PRFS, word) {
                words.prf.push(hash);
            } else if let Some(method) = lookup(KEY_EXCHANGES, word) {
                words.key_exchange.push(method);
            } else {
                return Err(format!("'{word}' in '{text}' is no algorithm adit has; it has {}", known()));
            }
        }
        Ok(words)
    }

    /// The cipher with its integrity algorithm, one each.
    fn protection(&self, text: &str) -> Result<(Cipher, Option<Hash>), String> {
        let [cipher] = self.ciphers[..] else {
            return Err(format!("'{text}' needs exactly one cipher; write several proposals as a list"));
        };
        match (cipher.is_aead(), &self.integrity[..]) {
            (true, []) => Ok((cipher, None)),
            (true, _) => Err(format!("the cipher of '{text}' authenticates itself; leave the sha… out")),
            (false, [hash]) => Ok((cipher, Some(*hash))),
            (false, _) => Err(format!("'{text}' needs one of sha256, sha384, sha512 beside AES-CBC")),
        }
    }
}

fn known() -> String {
    let names = CIPHERS.iter().map(|(name, _)| *name);
    let names =
        names.chain(INTEGRITY.iter().map(|(name, _)| *name)).chain(PRFS.iter().map(|(name, _)| *name));
    names.chain(KEY_EXCHANGES.iter().map(|(name, _)| *name)).collect::<Vec<_>>().join(" ")
}

impl FromStr for EspSuite {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words = Words::parse(text)?;
        if !words.prf.is_empty() {
            return Err(format!("'{text}' names a PRF, and ESP has none"));
        }
        let (cipher, integrity) = words.protection(text)?;
        Ok(Self { cipher, integrity, key_exchange: words.key_exchange })
    }
}

impl FromStr for IkeSuite {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = Words::parse(text)?;
        let (cipher, integrity) = words.protection(text)?;
        if words.prf.is_empty() {
            words.prf = integrity.map_or_else(|| vec![Hash::Sha256], |hash| vec![hash]);
        }
        if words.key_exchange.is_empty() {
            return Err(format!("'{text}' needs a key exchange: x25519, ecp256 or modp2048"));
        }
        Ok(Self { cipher, integrity, prf: words.prf, key_exchange: words.key_exchange })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proposals_in_usual_keywords() {
        let ike: IkeSuite = "aes256gcm16-prfsha384-x25519-ecp256".parse().unwrap();
        assert_eq!(ike.cipher, Cipher::AesGcm16(256));
        assert_eq!(ike.prf, [Hash::Sha384]);
        assert_eq!(ike.key_exchange, [KeyExchange::X25519, KeyExchange::Ecp256]);
        let cbc: IkeSuite = "aes128-sha512-modp2048".parse().unwrap();
        assert_eq!((cbc.integrity, &cbc.prf[..]), (Some(Hash::Sha512), &[Hash::Sha512][..]));
        let esp: EspSuite = "chacha20poly1305".parse().unwrap();
        assert!(esp.key_exchange.is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in ["", "aes256gcm16", "aes256-x25519", "aes256gcm16-sha256-x25519", "des-x25519"] {
            bad.parse::<IkeSuite>().unwrap_err();
        }
        for bad in ["aes256", "aes256gcm16-prfsha256", "sha256", "aes256gcm16-aes128gcm16"] {
            bad.parse::<EspSuite>().unwrap_err();
        }
    }
}
