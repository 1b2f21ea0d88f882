//! Plain hashes, for what is neither keyed nor secret.

use sha1::Sha1;
use sha2::{Digest, Sha256};

/// SHA-1 over the joined parts. For NAT detection only (RFC 7296 §2.23), which needs no collision resistance.
#[must_use]
pub fn sha1(parts: &[&[u8]]) -> [u8; 20] {
    parts.iter().fold(Sha1::new(), |hash, part| hash.chain_update(part)).finalize().into()
}

/// SHA2-256 over the joined parts.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_abc() {
        assert_eq!(sha1(&[b"a", b"", b"bc"])[..4], [0xa9, 0x99, 0x3e, 0x36]);
        assert_eq!(sha256(&[b"ab", b"c"])[..4], [0xba, 0x78, 0x16, 0xbf]);
    }
}
