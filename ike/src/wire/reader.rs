//! A cursor over a slice that knows which payload it reads, so that every error names it.

use super::iana::PayloadType;
use super::malformed::{Malformed, Rule};

/// Reads big-endian fields off the front of a slice.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    payload: PayloadType,
}

impl<'a> Reader<'a> {
    /// Reads `octets`; errors will name `payload`.
    pub(crate) const fn new(payload: PayloadType, octets: &'a [u8]) -> Self {
        Self { rest: octets, payload }
    }

    /// The error "`rule` is broken in this payload".
    pub(crate) const fn fail(&self, rule: Rule) -> Malformed {
        Malformed::payload(self.payload, rule)
    }

    /// The next `n` octets.
    pub(crate) fn take(&mut self, n: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self.rest.split_at_checked(n).ok_or_else(|| self.fail(Rule::Truncated))?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` octets as an array.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or_else(|| self.fail(Rule::Truncated))?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// A reader over the next `n` octets.
    pub(crate) fn sub(&mut self, n: usize) -> Result<Self, Malformed> {
        Ok(Self { rest: self.take(n)?, payload: self.payload })
    }

    /// A reader over the rest of a structure whose `length` counts the `read` octets of it already taken.
    pub(crate) fn counted(&mut self, length: usize, read: usize) -> Result<Self, Malformed> {
        let rest = length.checked_sub(read).ok_or_else(|| self.fail(Rule::LengthTooSmall))?;
        self.sub(rest)
    }

    /// Everything left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Refuses left-over octets.
    pub(crate) fn finish(self) -> Result<(), Malformed> {
        if self.is_empty() { Ok(()) } else { Err(self.fail(Rule::TrailingOctets)) }
    }
}
