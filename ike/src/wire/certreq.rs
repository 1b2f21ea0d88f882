//! Certificate Request payload (RFC 7296 §3.7): encoding, certification authorities.

use super::iana::CertEncoding;
use super::malformed::Malformed;
use super::reader::Reader;
use super::writer::Writer;

/// Which certificates the sender would like to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRequest {
    /// Encoding wanted.
    pub encoding: CertEncoding,
    /// For X.509: SHA-1 hashes of trusted authorities' public keys, 20 octets each.
    pub authorities: Vec<u8>,
}

impl CertificateRequest {
    pub(crate) fn parse(mut body: Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { encoding: CertEncoding(body.u8()?), authorities: body.rest().to_vec() })
    }

    pub(crate) fn emit(&self, out: &mut Writer) {
        out.u8(self.encoding.0);
        out.bytes(&self.authorities);
    }
}
