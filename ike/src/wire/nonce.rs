//! Nonce payload (RFC 7296 §3.9): 16 to 256 octets.

use super::iana::PayloadType;
use super::limits::NONCE_OCTETS;
use super::malformed::{Malformed, Rule};
use super::reader::Reader;
use super::writer::Writer;

/// A nonce of allowed length. Ordered octet by octet, the shorter of two with a common start first:
/// the order that decides collisions (RFC 7296 §2.8.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(Vec<u8>);

impl Nonce {
    /// Takes 16 to 256 octets.
    ///
    /// # Errors
    /// `Payload` with `DataLength` for any other number.
    pub fn new(octets: Vec<u8>) -> Result<Self, Malformed> {
        if NONCE_OCTETS.contains(&octets.len()) {
            Ok(Self(octets))
        } else {
            Err(Malformed::payload(PayloadType::NONCE, Rule::DataLength))
        }
    }

    /// The octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn parse(mut body: Reader<'_>) -> Result<Self, Malformed> {
        Self::new(body.rest().to_vec())
    }

    pub(crate) fn emit(&self, out: &mut Writer) {
        out.bytes(&self.0);
    }
}
