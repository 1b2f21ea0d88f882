//! Extensible Authentication Protocol payload (RFC 7296 §3.16): recognised and carried.

use super::malformed::{Malformed, Rule};
use super::reader::Reader;
use super::writer::Writer;

/// One EAP message (RFC 3748 §4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Eap {
    /// 1 request, 2 response, 3 success, 4 failure.
    pub code: u8,
    /// Matches a response to its request.
    pub identifier: u8,
    /// Type and type data; empty for success and failure.
    pub data: Vec<u8>,
}

impl Eap {
    pub(crate) fn parse(mut body: Reader<'_>) -> Result<Self, Malformed> {
        let (code, identifier) = (body.u8()?, body.u8()?);
        let length = usize::from(body.u16()?);
        let mut data = body.counted(length, 4)?;
        if !body.is_empty() {
            return Err(body.fail(Rule::TrailingOctets));
        }
        Ok(Self { code, identifier, data: data.rest().to_vec() })
    }

    pub(crate) fn emit(&self, out: &mut Writer) {
        let start = out.len();
        out.u8(self.code);
        out.u8(self.identifier);
        let mut out = out.length_from(start);
        out.bytes(&self.data);
    }
}
