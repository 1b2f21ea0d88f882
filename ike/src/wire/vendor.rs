//! Vendor ID payload (RFC 7296 §3.12): octets that mean something to one vendor.

use super::malformed::Malformed;
use super::reader::Reader;
use super::writer::Writer;

/// A vendor's mark; never changes what the protocol means here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorId(pub Vec<u8>);

impl VendorId {
    pub(crate) fn parse(mut body: Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self(body.rest().to_vec()))
    }

    pub(crate) fn emit(&self, out: &mut Writer) {
        out.bytes(&self.0);
    }
}
