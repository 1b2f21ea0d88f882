//! Authentication payload (RFC 7296 §3.8): method, three reserved octets, data.

use super::iana::AuthMethod;
use super::malformed::{Malformed, Rule};
use super::reader::Reader;
use super::writer::Writer;

/// Proof of an identity: a MIC or a signature. Compare it in constant time, never with `==` in the
/// protocol; the derive is for tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authentication {
    /// How the data was made.
    pub method: AuthMethod,
    /// MIC or signature.
    pub data: Vec<u8>,
}

impl Authentication {
    pub(crate) fn parse(mut body: Reader<'_>) -> Result<Self, Malformed> {
        let [method, ..] = body.array::<4>()?;
        if body.is_empty() {
            return Err(body.fail(Rule::DataLength));
        }
        Ok(Self { method: AuthMethod(method), data: body.rest().to_vec() })
    }

    pub(crate) fn emit(&self, out: &mut Writer) {
        out.bytes(&[self.method.0, 0, 0, 0]);
        out.bytes(&self.data);
    }
}
