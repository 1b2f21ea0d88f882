//! PEM: base64 between two lines (RFC 7468).

use p256::pkcs8::der::pem;
use zeroize::Zeroizing;

use super::key::KeyError;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// Label and content of the first block whose label ends so: files of OpenSSL carry `EC PARAMETERS` in front.
pub(super) fn block<'t>(text: &'t str, label_end: &str) -> Result<(&'t str, Zeroizing<Vec<u8>>), KeyError> {
    let mut rest = text;
    while let Some(start) = rest.find(BEGIN) {
        let from_begin = &rest[start..];
        let end = from_begin.find(END).ok_or(KeyError::Pem)?;
        let line_end = from_begin[end..].find('\n').map_or(from_begin.len(), |newline| end + newline);
        let (block, behind) = from_begin.split_at(line_end);
        let label = block[BEGIN.len()..].split("-----").next().unwrap_or_default();
        if label.ends_with(label_end) {
            // A block with headers is what old tools made of an encrypted key.
            if label == "ENCRYPTED PRIVATE KEY" || block.contains("Proc-Type: 4,ENCRYPTED") {
                return Err(KeyError::Encrypted);
            }
            let (_, content) = pem::decode_vec(block.trim().as_bytes()).map_err(|_| KeyError::Pem)?;
            return Ok((label, Zeroizing::new(content)));
        }
        rest = behind;
    }
    Err(KeyError::Pem)
}
