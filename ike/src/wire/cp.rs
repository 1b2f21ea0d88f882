//! Configuration payload (RFC 7296 §3.15): recognised and carried, not acted upon.

use super::iana::CfgType;
use super::limits::MAX_CFG_ATTRIBUTES;
use super::malformed::{Malformed, Rule};
use super::reader::Reader;
use super::writer::Writer;

/// A request for, or gift of, configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// Request, reply, set or acknowledgement.
    pub kind: CfgType,
    /// Attributes in order.
    pub attributes: Vec<CfgAttribute>,
}

/// One configuration attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CfgAttribute {
    /// Attribute type, 15 bits.
    pub kind: u16,
    /// Value; empty in a request that leaves the choice open.
    pub value: Vec<u8>,
}

impl Configuration {
    pub(crate) fn parse(mut body: Reader<'_>) -> Result<Self, Malformed> {
        let [kind, ..] = body.array::<4>()?;
        let mut attributes = Vec::new();
        while !body.is_empty() {
            if attributes.len() == MAX_CFG_ATTRIBUTES {
                return Err(body.fail(Rule::TooMany));
            }
            let kind = body.u16()? & 0x7fff;
            let length = usize::from(body.u16()?);
            attributes.push(CfgAttribute { kind, value: body.take(length)?.to_vec() });
        }
        Ok(Self { kind: CfgType(kind), attributes })
    }

    pub(crate) fn emit(&self, out: &mut Writer) {
        out.bytes(&[self.kind.0, 0, 0, 0]);
        for CfgAttribute { kind, value } in &self.attributes {
            out.u16(kind & 0x7fff);
            out.u16(u16::try_from(value.len()).unwrap_or(u16::MAX));
            out.bytes(value);
        }
    }
}
