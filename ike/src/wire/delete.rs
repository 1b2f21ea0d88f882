//! Delete payload (RFC 7296 §3.11): protocol, SPI size, number of SPIs, SPIs.

use super::iana::Protocol;
use super::limits::MAX_DELETE_SPIS;
use super::malformed::{Malformed, Rule};
use super::reader::Reader;
use super::spi::Spi;
use super::writer::Writer;

/// SAs the sender has closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delete {
    /// The IKE SA this message travels in, and all its children.
    Ike,
    /// Child SAs, by the SPI the sender receives on.
    Child {
        /// ESP or AH.
        protocol: Protocol,
        /// The sender's inbound SPIs.
        spis: Vec<Spi>,
    },
}

impl Delete {
    /// Deletion of ESP SAs, by our inbound SPIs.
    #[must_use]
    pub const fn esp(spis: Vec<Spi>) -> Self {
        Self::Child { protocol: Protocol::ESP, spis }
    }

    pub(crate) fn parse(mut body: Reader<'_>) -> Result<Self, Malformed> {
        let protocol = Protocol(body.u8()?);
        let spi_octets = body.u8()?;
        let count = usize::from(body.u16()?);
        match (protocol, spi_octets) {
            (Protocol::IKE, 0) if count == 0 => {
                body.finish()?;
                Ok(Self::Ike)
            }
            (Protocol::IKE, 0) => Err(body.fail(Rule::Count)),
            (Protocol::ESP | Protocol::AH, 4) => {
                if count > MAX_DELETE_SPIS {
                    return Err(body.fail(Rule::TooMany));
                }
                let spis = (0..count)
                    .map(|_| body.array().map(|spi| Spi(u32::from_be_bytes(spi))))
                    .collect::<Result<_, _>>()?;
                body.finish()?;
                Ok(Self::Child { protocol, spis })
            }
            (Protocol::IKE | Protocol::ESP | Protocol::AH, _) => Err(body.fail(Rule::SpiSize)),
            _ => Err(body.fail(Rule::Protocol)),
        }
    }

    pub(crate) fn emit(&self, out: &mut Writer) {
        match self {
            Self::Ike => out.bytes(&[Protocol::IKE.0, 0, 0, 0]),
            Self::Child { protocol, spis } => {
                out.bytes(&[protocol.0, 4]);
                out.u16(u16::try_from(spis.len()).unwrap_or(u16::MAX));
                spis.iter().for_each(|spi| out.bytes(&spi.to_bytes()));
            }
        }
    }
}
