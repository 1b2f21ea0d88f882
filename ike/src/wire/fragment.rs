//! Encrypted Fragment payload (RFC 7383 §2.5): read as a structure, so that one is told from garbage.
//! Fragments are not joined yet: IKEV2_FRAGMENTATION_SUPPORTED is not announced, so none may come.

use super::malformed::{Malformed, Rule};
use super::reader::Reader;

/// The place of a fragment in its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FragmentPlace {
    /// Fragment number, from 1.
    pub number: u16,
    /// How many fragments the message has.
    pub total: u16,
}

impl FragmentPlace {
    pub(crate) fn parse(body: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (number, total) = (body.u16()?, body.u16()?);
        if number == 0 || number > total {
            return Err(body.fail(Rule::FragmentNumber));
        }
        Ok(Self { number, total })
    }
}
