//! Writes big-endian fields, and length fields that cannot be forgotten.

/// An output buffer for one message.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    octets: Vec<u8>,
}

impl Writer {
    pub(crate) fn u8(&mut self, value: u8) {
        self.octets.push(value);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.octets.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.octets.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn bytes(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    /// Writes a count in one octet. Lists are bounded by [`super::limits`], all below 256; a longer one
    /// is written as 255 and then refused by whoever reads it, ourselves included.
    pub(crate) fn count_u8(&mut self, count: usize) {
        self.u8(u8::try_from(count).unwrap_or(u8::MAX));
    }

    pub(crate) fn len(&self) -> usize {
        self.octets.len()
    }

    pub(crate) fn into_vec(self) -> Vec<u8> {
        self.octets
    }

    /// Opens a 16-bit length field that counts from `start`; it is patched when the guard is dropped.
    ///
    /// Until then it holds all ones, so that a forgotten patch cannot be read as "empty". A structure
    /// too long for the field keeps the ones: it is refused by the reader instead of being cut short.
    pub(crate) fn length_from(&mut self, start: usize) -> LengthGuard<'_> {
        let at = self.octets.len();
        self.u16(u16::MAX);
        LengthGuard { writer: self, at, start }
    }
}

/// A length field waiting for its value; writes go through it.
#[derive(Debug)]
pub(crate) struct LengthGuard<'w> {
    writer: &'w mut Writer,
    at: usize,
    start: usize,
}

impl std::ops::Deref for LengthGuard<'_> {
    type Target = Writer;

    fn deref(&self) -> &Writer {
        self.writer
    }
}

impl std::ops::DerefMut for LengthGuard<'_> {
    fn deref_mut(&mut self) -> &mut Writer {
        self.writer
    }
}

impl Drop for LengthGuard<'_> {
    fn drop(&mut self) {
        let octets = &mut self.writer.octets;
        let length = u16::try_from(octets.len() - self.start).unwrap_or(u16::MAX);
        if let Some(field) = octets.get_mut(self.at..self.at + 2) {
            field.copy_from_slice(&length.to_be_bytes());
        }
    }
}
