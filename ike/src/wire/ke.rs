//! Key Exchange payload (RFC 7296 §3.4): method number, two reserved octets, public value.

use adit_crypto::KeId;

use super::malformed::{Malformed, Rule};
use super::reader::Reader;
use super::writer::Writer;

/// One end's public value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyExchange {
    /// Key exchange method (formerly Diffie-Hellman group).
    pub method: KeId,
    /// Public value; its length is checked where the method is known.
    pub public: Vec<u8>,
}

impl KeyExchange {
    pub(crate) fn parse(mut body: Reader<'_>) -> Result<Self, Malformed> {
        let method = KeId(body.u16()?);
        body.u16()?;
        if body.is_empty() {
            return Err(body.fail(Rule::DataLength));
        }
        Ok(Self { method, public: body.rest().to_vec() })
    }

    pub(crate) fn emit(&self, out: &mut Writer) {
        out.u16(self.method.0);
        out.u16(0);
        out.bytes(&self.public);
    }
}
