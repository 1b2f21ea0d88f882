//! Octets taken off the front, zeros when there are no more: every input means something.

/// What the fuzzer gave, not yet used.
pub(crate) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) const fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn u8(&mut self) -> u8 {
        self.split(1).first().copied().unwrap_or_default()
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.u8(), self.u8()])
    }

    /// At most `len` octets.
    pub(crate) fn split(&mut self, len: usize) -> &'a [u8] {
        let (head, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        head
    }

    /// A run of octets that says its own length in two octets.
    pub(crate) fn run(&mut self) -> &'a [u8] {
        let len = usize::from(self.u16());
        self.split(len)
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }
}
