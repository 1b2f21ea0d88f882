//! `AlgorithmIdentifier`s of signatures, as they stand in front of the signature in an AUTH payload. RFC 7427 §3
//! and appendix A, RFC 8420 appendix A.

use super::{Hash, Scheme};

/// RFC 8420 appendix A.1.
const ED25519: &[u8] = &[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];

/// RFC 7427 appendix A.3.2 to A.3.4; the last byte names the hash.
const ECDSA: &[u8] = &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];

/// RFC 7427 appendix A.1.2 to A.1.4; the hash and NULL follow.
const RSA_PKCS1: &[u8] = &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];

/// The object identifiers 1.2.840.113549.1.1.10 (id-RSASSA-PSS) and .8 (id-mgf1).
const ID_RSASSA_PSS: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
const ID_MGF1: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08];

/// 2.16.840.1.101.3.4.2 without its last number, which names the hash.
const ID_SHA2: &[u8] = &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];

const NULL: &[u8] = &[0x05, 0x00];

/// trailerField, which DER leaves out when it is 1, as it always is; RFC 7427 appendix A.4.3 has it all the same.
const TRAILER_FIELD: &[u8] = &[0xa3, 0x03, 0x02, 0x01, 0x01];

/// What is recognised and refused: SHA-1 can be forged (RFC 8247 §3.2), DSA has gone. RFC 7427 appendix A.
const REFUSED: [(&str, &[u8]); 6] = [
    (
        "sha1WithRSAEncryption",
        &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00],
    ),
    ("dsa-with-sha1", &[0x30, 0x09, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x03]),
    ("dsa-with-sha256", &[0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x02]),
    ("ecdsa-with-sha1", &[0x30, 0x09, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01]),
    (
        "RSASSA-PSS with SHA-1",
        &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x00],
    ),
    (
        "RSASSA-PSS with SHA-1",
        &[
            0x30, 0x3e, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x31, 0xa0,
            0x0b, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0xa1, 0x18, 0x30, 0x16,
            0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x09, 0x06, 0x05, 0x2b,
            0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0xa2, 0x03, 0x02, 0x01, 0x14, 0xa3, 0x03, 0x02, 0x01, 0x01,
        ],
    ),
];

/// Why an `AlgorithmIdentifier` names no scheme of ours.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UnknownAlgorithm {
    /// Known, and too weak.
    #[error("{0} is refused: use Ed25519, ECDSA or RSASSA-PSS with SHA2")]
    Refused(&'static str),
    /// Anything else.
    #[error("the signature algorithm is not known")]
    Unknown,
}

impl Scheme {
    /// Its `AlgorithmIdentifier` in DER; `None` for the fixed width of RFC 4754, which is not for RFC 7427.
    #[must_use]
    pub fn algorithm_identifier(self) -> Option<Vec<u8>> {
        match self {
            Self::Ed25519 => Some(ED25519.to_vec()),
            Self::Ecdsa(hash) => Some([ECDSA, &[ecdsa_number(hash)]].concat()),
            Self::EcdsaFixed(_) => None,
            Self::RsaPss(hash) => Some(pss(hash, NULL, &[])),
            Self::RsaPkcs1(hash) => Some([RSA_PKCS1, &[pkcs1_number(hash)], NULL].concat()),
        }
    }

    /// The scheme of an `AlgorithmIdentifier`. For RSASSA-PSS the hash's NULL may be absent (RFC 4055 §2.1) and
    /// trailerField present.
    ///
    /// # Errors
    /// [`UnknownAlgorithm`].
    pub fn from_algorithm_identifier(der: &[u8]) -> Result<Self, UnknownAlgorithm> {
        let by_hash = Hash::ALL.into_iter().find_map(|hash| {
            let pss_forms = [(NULL, &[][..]), (NULL, TRAILER_FIELD), (&[], &[]), (&[], TRAILER_FIELD)];
            if pss_forms.into_iter().any(|(null, trailer)| pss(hash, null, trailer) == der) {
                return Some(Self::RsaPss(hash));
            }
            let schemes = [Self::Ecdsa(hash), Self::RsaPkcs1(hash)];
            schemes.into_iter().find(|scheme| scheme.algorithm_identifier().as_deref() == Some(der))
        });
        let ed25519 = (der == ED25519).then_some(Self::Ed25519);
        by_hash.or(ed25519).ok_or_else(|| {
            let refused = REFUSED.iter().find(|(_, known)| *known == der);
            refused.map_or(UnknownAlgorithm::Unknown, |(name, _)| UnknownAlgorithm::Refused(name))
        })
    }
}

/// Last number of 1.2.840.10045.4.3.
fn ecdsa_number(hash: Hash) -> u8 {
    match hash {
        Hash::Sha256 => 2,
        Hash::Sha384 => 3,
        Hash::Sha512 => 4,
    }
}

/// Last number of 1.2.840.113549.1.1.
fn pkcs1_number(hash: Hash) -> u8 {
    match hash {
        Hash::Sha256 => 11,
        Hash::Sha384 => 12,
        Hash::Sha512 => 13,
    }
}

/// id-RSASSA-PSS with one hash throughout and a salt of its length (RFC 4055 §3.1).
fn pss(hash: Hash, null: &[u8], trailer: &[u8]) -> Vec<u8> {
    let (number, salt) = match hash {
        Hash::Sha256 => (1, 32),
        Hash::Sha384 => (2, 48),
        Hash::Sha512 => (3, 64),
    };
    let hash = tagged(0x30, &[ID_SHA2, &[number], null]);
    let generator = tagged(0x30, &[ID_MGF1, &hash]);
    let salt = tagged(0x02, &[&[salt]]);
    let parameters = tagged(
        0x30,
        &[&tagged(0xa0, &[&hash]), &tagged(0xa1, &[&generator]), &tagged(0xa2, &[&salt]), trailer],
    );
    tagged(0x30, &[ID_RSASSA_PSS, &parameters])
}

/// A DER element of less than 128 bytes.
fn tagged(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u8::try_from(content.len()).ok().filter(|length| *length < 0x80).expect("a few dozen bytes");
    [&[tag, length], &content[..]].concat()
}
