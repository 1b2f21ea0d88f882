//! Certificate payload (RFC 7296 §3.6): encoding, data.

use super::iana::CertEncoding;
use super::malformed::Malformed;
use super::reader::Reader;
use super::writer::Writer;

/// A certificate or what stands for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// How to read the data.
    pub encoding: CertEncoding,
    /// Certificate data, not looked into here.
    pub data: Vec<u8>,
}

impl Certificate {
    pub(crate) fn parse(mut body: Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { encoding: CertEncoding(body.u8()?), data: body.rest().to_vec() })
    }

    pub(crate) fn emit(&self, out: &mut Writer) {
        out.u8(self.encoding.0);
        out.bytes(&self.data);
    }
}
