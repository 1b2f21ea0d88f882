//! Notify payload (RFC 7296 §3.10): protocol, SPI size, type, SPI, data.

use std::fmt;

use adit_crypto::KeId;

use super::iana::{NotifyType, PayloadType, Protocol};
use super::malformed::Malformed;
use super::reader::Reader;
use super::spi::Spi;
use super::writer::Writer;

/// One notification: an error, a capability, or a condition of what is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// What it says.
    pub kind: NotifyType,
    /// Protocol of the SPI; [`Protocol::NONE`] when there is none.
    pub protocol: Protocol,
    /// SPI octets, usually none.
    pub spi: Vec<u8>,
    /// Data; its form depends on the type.
    pub data: Vec<u8>,
}

impl Notify {
    /// A notification that is only its type.
    #[must_use]
    pub const fn new(kind: NotifyType) -> Self {
        Self::with_data(kind, Vec::new())
    }

    /// A notification with data.
    #[must_use]
    pub const fn with_data(kind: NotifyType, data: Vec<u8>) -> Self {
        Self { kind, protocol: Protocol::NONE, spi: Vec::new(), data }
    }

    /// A notification about one Child SA (ESP): REKEY_SA, CHILD_SA_NOT_FOUND, INVALID_SELECTORS.
    #[must_use]
    pub fn for_child(kind: NotifyType, spi: Spi) -> Self {
        Self { kind, protocol: Protocol::ESP, spi: spi.to_bytes().to_vec(), data: Vec::new() }
    }

    /// INVALID_KE_PAYLOAD with the method to use instead (RFC 7296 §1.2, §1.3).
    #[must_use]
    pub fn invalid_ke(wanted: KeId) -> Self {
        Self::with_data(NotifyType::INVALID_KE_PAYLOAD, wanted.0.to_be_bytes().to_vec())
    }

    /// UNSUPPORTED_CRITICAL_PAYLOAD with the type in question (RFC 7296 §2.5).
    #[must_use]
    pub fn unsupported_critical(payload: PayloadType) -> Self {
        Self::with_data(NotifyType::UNSUPPORTED_CRITICAL_PAYLOAD, vec![payload.0])
    }

    /// The SPI as an ESP SA's, where it is one.
    #[must_use]
    pub fn esp_spi(&self) -> Option<Spi> {
        let octets = self.spi.as_slice().try_into().ok()?;
        (self.protocol == Protocol::ESP).then(|| Spi(u32::from_be_bytes(octets)))
    }

    /// The method INVALID_KE_PAYLOAD asks for.
    #[must_use]
    pub fn wanted_ke(&self) -> Option<KeId> {
        let octets = self.data.as_slice().try_into().ok()?;
        (self.kind == NotifyType::INVALID_KE_PAYLOAD).then(|| KeId(u16::from_be_bytes(octets)))
    }

    pub(crate) fn parse(mut body: Reader<'_>) -> Result<Self, Malformed> {
        let protocol = Protocol(body.u8()?);
        let spi_octets = usize::from(body.u8()?);
        let kind = NotifyType(body.u16()?);
        let spi = body.take(spi_octets)?.to_vec();
        // Without an SPI the protocol means nothing and is not looked at (RFC 7296 §3.10).
        let protocol = if spi.is_empty() { Protocol::NONE } else { protocol };
        Ok(Self { kind, protocol, spi, data: body.rest().to_vec() })
    }

    pub(crate) fn emit(&self, out: &mut Writer) {
        out.u8(self.protocol.0);
        out.count_u8(self.spi.len());
        out.u16(self.kind.0);
        out.bytes(&self.spi);
        out.bytes(&self.data);
    }
}

impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.kind, f)
    }
}
