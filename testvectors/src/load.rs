//! The vectors, read into types. What the types do not know is refused, so a misspelt field cannot pass for a
//! test.

use std::fmt;

use adit_crypto::signature::Scheme;
use adit_crypto::{IntegId, KeId, PrfId, Suite, kex, prf};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// Every file: path below `vectors/`, text.
pub const FILES: &[(&str, &str)] = &[
    ("adit/esp_openssl.toml", include_str!("../vectors/adit/esp_openssl.toml")),
    ("adit/esp_python.toml", include_str!("../vectors/adit/esp_python.toml")),
    ("adit/modp_python.toml", include_str!("../vectors/adit/modp_python.toml")),
    ("fips203/ml_kem_1024.toml", include_str!("../vectors/fips203/ml_kem_1024.toml")),
    ("fips203/ml_kem_768.toml", include_str!("../vectors/fips203/ml_kem_768.toml")),
    ("gcm/appendix_b.toml", include_str!("../vectors/gcm/appendix_b.toml")),
    ("rfc2202/hmac_sha1.toml", include_str!("../vectors/rfc2202/hmac_sha1.toml")),
    ("rfc3526/modp.toml", include_str!("../vectors/rfc3526/modp.toml")),
    ("rfc3602/aes_cbc.toml", include_str!("../vectors/rfc3602/aes_cbc.toml")),
    ("rfc4231/hmac.toml", include_str!("../vectors/rfc4231/hmac.toml")),
    ("rfc4754/ecdsa.toml", include_str!("../vectors/rfc4754/ecdsa.toml")),
    ("rfc4868/hmac.toml", include_str!("../vectors/rfc4868/hmac.toml")),
    ("rfc5114/ecp.toml", include_str!("../vectors/rfc5114/ecp.toml")),
    ("rfc5869/hkdf.toml", include_str!("../vectors/rfc5869/hkdf.toml")),
    ("rfc5903/ecp.toml", include_str!("../vectors/rfc5903/ecp.toml")),
    ("rfc6979/ecdsa.toml", include_str!("../vectors/rfc6979/ecdsa.toml")),
    ("rfc7634/chacha20_poly1305.toml", include_str!("../vectors/rfc7634/chacha20_poly1305.toml")),
    ("rfc7748/x25519.toml", include_str!("../vectors/rfc7748/x25519.toml")),
    ("rfc8031/x25519.toml", include_str!("../vectors/rfc8031/x25519.toml")),
    ("rfc8032/ed25519.toml", include_str!("../vectors/rfc8032/ed25519.toml")),
    ("rfc8439/chacha20_poly1305.toml", include_str!("../vectors/rfc8439/chacha20_poly1305.toml")),
    ("sp800_38a/aes_cbc.toml", include_str!("../vectors/sp800_38a/aes_cbc.toml")),
];

/// A file that cannot be read as vectors.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {error}")]
pub struct LoadError {
    path: String,
    error: Box<toml::de::Error>,
}

/// Reads every file that is built in.
///
/// # Errors
/// [`LoadError`], naming the file and the place in it.
pub fn all() -> Result<Vec<Document>, LoadError> {
    FILES.iter().map(|(path, text)| parse(path, text)).collect()
}

/// Reads one file; `path` is for the error only.
///
/// # Errors
/// [`LoadError`].
pub fn parse(path: &str, text: &str) -> Result<Document, LoadError> {
    toml::from_str(text).map_err(|error| LoadError { path: path.into(), error: Box::new(error) })
}

/// The vectors of one file, by what they test.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Where they are published.
    pub document: String,
    /// What they are about.
    pub title: String,
    /// PRF.
    #[serde(default)]
    pub prf: Vec<Prf>,
    /// prf+.
    #[serde(default)]
    pub prf_plus: Vec<PrfPlus>,
    /// Integrity algorithms.
    #[serde(default)]
    pub integ: Vec<Integ>,
    /// AEADs.
    #[serde(default)]
    pub seal: Vec<Seal>,
    /// AES-CBC alone.
    #[serde(default)]
    pub cbc: Vec<Cbc>,
    /// Packets to open.
    #[serde(default)]
    pub open_esp: Vec<EspSa>,
    /// Packets to seal.
    #[serde(default)]
    pub seal_esp: Vec<EspSa>,
    /// Whole key exchanges.
    #[serde(default)]
    pub kex: Vec<Kex>,
    /// One half of a key exchange.
    #[serde(default)]
    pub agree: Vec<Agree>,
    /// Key exchange functions fed with their own output.
    #[serde(default)]
    pub iterate: Vec<Iterate>,
    /// Groups.
    #[serde(default)]
    pub group: Vec<Group>,
    /// Signatures.
    #[serde(default)]
    pub signature: Vec<Signature>,
}

/// `prf(key, data)` is `output`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prf {
    /// Section and case in the document.
    pub id: String,
    /// The function.
    #[serde(deserialize_with = "prf_by_name")]
    pub prf: PrfId,
    /// Any length.
    pub key: Hex,
    /// Any length.
    pub data: Hex,
    /// The output, or its first bytes where `cut` says so.
    pub output: Hex,
    /// Number of bytes the document prints, if not all.
    #[serde(default)]
    pub cut: Option<usize>,
}

/// `prf+(key, seed)` begins with `output`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrfPlus {
    /// Section and case in the document.
    pub id: String,
    /// The function.
    #[serde(deserialize_with = "prf_by_name")]
    pub prf: PrfId,
    /// Any length.
    pub key: Hex,
    /// Any length.
    pub seed: Hex,
    /// As many bytes as are asked for.
    pub output: Hex,
}

/// The check value over `data` is `icv`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Integ {
    /// Section and case in the document.
    pub id: String,
    /// What is odd about it.
    #[serde(default)]
    pub note: Option<String>,
    /// The algorithm.
    #[serde(deserialize_with = "integ_by_name")]
    pub integ: IntegId,
    /// As long as the hash.
    pub key: Hex,
    /// Any length.
    pub data: Hex,
    /// The front of the hash: half of SHA-2, 12 bytes of SHA-1.
    pub icv: Hex,
}

/// An AEAD makes `ciphertext` and `icv` of `text`, and the other way round.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// Section and case in the document.
    pub id: String,
    /// The AEAD.
    #[serde(deserialize_with = "suite_by_name")]
    pub suite: Suite,
    /// Key and salt.
    pub key: Hex,
    /// The 8 bytes that follow the salt in the nonce.
    pub iv: Hex,
    /// Authenticated only.
    pub aad: Hex,
    /// Before.
    pub text: Hex,
    /// After.
    pub ciphertext: Hex,
    /// 16 bytes.
    pub icv: Hex,
}

/// AES-CBC makes `ciphertext` of `text`, and the other way round.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cbc {
    /// Section and case in the document.
    pub id: String,
    /// 16, 24 or 32 bytes.
    pub key: Hex,
    /// A block.
    pub iv: Hex,
    /// Whole blocks.
    pub text: Hex,
    /// Whole blocks.
    pub ciphertext: Hex,
}

/// The packets of one SA, in this order.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EspSa {
    /// Section and case in the document.
    pub id: String,
    /// The algorithms.
    #[serde(deserialize_with = "suite_by_name")]
    pub suite: Suite,
    /// Encryption key, salt, integrity key.
    pub key: Hex,
    /// 4 bytes.
    pub spi: Hex,
    /// Extended sequence numbers.
    pub esn: bool,
    /// To be opened, or to come out.
    pub packets: Vec<EspPacket>,
}

/// A packet and what is in it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EspPacket {
    /// The whole sequence number.
    pub sequence: u64,
    /// IP protocol number.
    pub next_header: u8,
    /// What was sent.
    pub payload: Hex,
    /// From SPI to ICV.
    pub packet: Hex,
}

/// Two private values make these public values and this shared secret. With a KEM the responder's private value
/// is the randomness it encapsulates with, its public value the ciphertext.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kex {
    /// Section and case in the document.
    pub id: String,
    /// The method.
    #[serde(deserialize_with = "method_by_name")]
    pub method: KeId,
    /// The initiator's.
    pub private_i: Hex,
    /// As in its KE payload.
    pub public_i: Hex,
    /// The responder's.
    pub private_r: Hex,
    /// As in its KE payload.
    pub public_r: Hex,
    /// What both get.
    pub shared: Hex,
}

/// A private value and the peer's public value make this shared secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agree {
    /// Section and case in the document.
    pub id: String,
    /// The method.
    #[serde(deserialize_with = "method_by_name")]
    pub method: KeId,
    /// Ours.
    pub private: Hex,
    /// Theirs.
    pub peer: Hex,
    /// The result.
    pub shared: Hex,
}

/// Each result becomes the private value, each private value the public one. RFC 7748 §5.2.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Iterate {
    /// Section and case in the document.
    pub id: String,
    /// The method.
    #[serde(deserialize_with = "method_by_name")]
    pub method: KeId,
    /// First private and public value.
    pub start: Hex,
    /// How often.
    pub iterations: u32,
    /// The last result.
    pub output: Hex,
}

/// Prime and generator of a group.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Section and case in the document.
    pub id: String,
    /// The method.
    #[serde(deserialize_with = "method_by_name")]
    pub method: KeId,
    /// Big-endian.
    pub prime: Hex,
    /// A small number.
    pub generator: u8,
}

/// A signature that verifies and, where the private key is given, is made again byte for byte.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Section and case in the document.
    pub id: String,
    /// How it is made and coded.
    #[serde(deserialize_with = "scheme_by_name")]
    pub scheme: Scheme,
    /// `SubjectPublicKeyInfo` in DER.
    pub public: Hex,
    /// What is signed.
    pub message: Hex,
    /// In the coding of the scheme.
    pub signature: Hex,
    /// PKCS#8 in DER; absent where the signature hangs on randomness of its maker.
    #[serde(default)]
    pub private: Option<Hex>,
}

/// Bytes, written as hexadecimal digits; white space between them is free.
#[derive(Clone, PartialEq, Eq)]
pub struct Hex(pub Vec<u8>);

impl Hex {
    /// Reads digits; `None` for anything else, or half a byte.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut digits = text.chars().filter(|character| !character.is_whitespace());
        let mut bytes = Vec::new();
        while let Some(high) = digits.next() {
            let (high, low) = (high.to_digit(16)?, digits.next()?.to_digit(16)?);
            bytes.push(u8::try_from(high << 4 | low).ok()?);
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not a string of hexadecimal bytes"))
    }
}

/// Finds what a name in a file stands for among what is built in.
fn by_name<'de, D, T>(deserializer: D, all: impl IntoIterator<Item = T>) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: fmt::Display,
{
    let name = String::deserialize(deserializer)?;
    let found = all.into_iter().find(|item| item.to_string() == name);
    found.ok_or_else(|| D::Error::custom(format!("{name} is not built in")))
}

fn prf_by_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PrfId, D::Error> {
    by_name(deserializer, prf::ALL)
}

fn integ_by_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IntegId, D::Error> {
    by_name(deserializer, Suite::all().filter_map(|suite| suite.integ))
}

fn suite_by_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Suite, D::Error> {
    by_name(deserializer, Suite::all())
}

fn scheme_by_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Scheme, D::Error> {
    by_name(deserializer, Scheme::all())
}

fn method_by_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<KeId, D::Error> {
    by_name(deserializer, kex::all())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_on_disk_is_built_in() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
        let mut on_disk = BTreeSet::new();
        for folder in std::fs::read_dir(&root).expect("vectors/") {
            for file in std::fs::read_dir(folder.expect("a folder").path()).expect("vectors/<document>/") {
                let path = file.expect("a file").path();
                let relative = path.strip_prefix(&root).expect("below the root");
                on_disk.insert(relative.to_str().expect("a plain name").to_owned());
            }
        }
        let built_in: BTreeSet<String> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(on_disk, built_in);
    }

    #[test]
    fn hex_takes_white_space_and_nothing_else() {
        assert_eq!(Hex::parse(" 0a\nFf "), Some(Hex(vec![10, 255])));
        assert_eq!(Hex::parse(""), Some(Hex(vec![])));
        assert_eq!(Hex::parse("0a0"), None);
        assert_eq!(Hex::parse("0x0a"), None);
    }

    #[test]
    fn unknown_fields_and_names_are_refused_with_their_place() {
        let refused = |text: &str| parse("some.toml", text).expect_err("not a vector file").to_string();
        let head = "document = \"d\"\ntitle = \"t\"\n";
        assert!(refused(&format!("{head}[[prff]]\n")).contains("unknown field `prff`"));
        let unknown = format!("{head}[[prf]]\nid = \"1\"\nprf = \"PRF_HMAC_MD5\"\n");
        let message = refused(&unknown);
        assert!(message.contains("some.toml") && message.contains("line 5"), "{message}");
        assert!(message.contains("PRF_HMAC_MD5 is not built in"), "{message}");
    }
}
