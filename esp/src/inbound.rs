//! The receiving direction of an SA. RFC 4303 §3.4.

use std::ops::Range;

use adit_crypto::protect::{KeyError, OpenError as ProtectError};
use adit_crypto::suite::Kind;
use adit_crypto::{Geometry, Opener};

use crate::SaParams;
use crate::error::OpenError;
use crate::esn;
use crate::header::{self, Authenticated, HEADER_LEN, NextHeader, Spi, TRAILER_LEN};
use crate::limits::{Meter, Usage};
use crate::replay::ReplayWindow;

/// Opens packets under one key, each at most once.
#[derive(Debug)]
pub struct InboundSa {
    spi: Spi,
    esn: bool,
    opener: Opener,
    geometry: Geometry,
    window: ReplayWindow,
    meter: Meter,
}

/// What was in a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opened {
    /// What the payload is. Never [`NextHeader::NONE`]: dummies are an [`OpenError::Dummy`].
    pub next_header: NextHeader,
    /// Where the payload lies in the packet.
    pub payload: Range<usize>,
    /// The whole sequence number.
    pub sequence: u64,
}

impl InboundSa {
    /// Takes over the key.
    ///
    /// # Errors
    /// Any [`KeyError`]: the suite is not built in, or the key does not fit it.
    pub fn new(params: SaParams) -> Result<Self, KeyError> {
        let opener = Opener::new(params.suite, &params.key, params.backend)?;
        let geometry = opener.geometry();
        Ok(Self {
            spi: params.spi,
            esn: params.esn,
            opener,
            geometry,
            window: ReplayWindow::new(params.replay_window),
            meter: Meter::new(params.limits, params.esn),
        })
    }

    /// The SPI that names it.
    #[must_use]
    pub fn spi(&self) -> Spi {
        self.spi
    }

    /// Opens a packet, from SPI to ICV, in place.
    ///
    /// Window, then authentication, then window: nothing changes for a packet that is not authentic. A packet
    /// with the SPI of another SA is not authentic here.
    ///
    /// # Errors
    /// Any [`OpenError`]; the content of the packet is then unspecified.
    pub fn open(&mut self, packet: &mut [u8]) -> Result<Opened, OpenError> {
        let text_len = packet
            .len()
            .checked_sub(HEADER_LEN + self.geometry.iv + self.geometry.icv)
            .filter(|&text_len| text_len >= TRAILER_LEN)
            .ok_or(OpenError::TooShort)?;
        if !text_len.is_multiple_of(self.geometry.block) {
            return Err(OpenError::BadLength);
        }
        let (head, body) = packet.split_first_chunk_mut::<HEADER_LEN>().ok_or(OpenError::TooShort)?;
        let (spi, low) = header::read(head);
        let sequence = self.sequence_of(low)?;
        self.window.check(sequence)?;
        if !self.meter.admits() {
            return Err(OpenError::HardLimit);
        }
        let authenticated = Authenticated::new(spi, sequence, self.esn, self.geometry.kind == Kind::Aead);
        let text =
            self.opener.open_numbered(sequence, authenticated.aad(), body).map_err(|error| match error {
                ProtectError::BadIcv | ProtectError::Tail | ProtectError::Number => OpenError::BadIcv,
                ProtectError::Length => OpenError::BadLength,
            })?;
        self.window.mark(sequence);
        let (payload_len, next_header) = read_trailer(&body[text.clone()])?;
        self.meter.count(payload_len);
        if next_header == NextHeader::NONE {
            return Err(OpenError::Dummy);
        }
        let start = HEADER_LEN + text.start;
        Ok(Opened { next_header, payload: start..start + payload_len, sequence })
    }

    /// What it has carried. Dummies are counted, what is not authentic is not.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.meter.usage()
    }

    /// The highest sequence number received; 0 before the first.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.window.top()
    }

    /// True once, after the soft limit was reached: time to rekey.
    pub fn take_soft_limit(&mut self) -> bool {
        self.meter.take_soft_limit()
    }

    fn sequence_of(&self, low: u32) -> Result<u64, OpenError> {
        if self.esn {
            esn::infer(self.window.top(), self.window.size(), low).ok_or(OpenError::TooOld)
        } else {
            Ok(u64::from(low))
        }
    }
}

/// Length of the payload, and what it is; checks the padding (RFC 4303 §2.4).
fn read_trailer(text: &[u8]) -> Result<(usize, NextHeader), OpenError> {
    let (rest, &[padding, next_header]) =
        text.split_last_chunk::<TRAILER_LEN>().ok_or(OpenError::BadPadding)?;
    let payload_len = rest.len().checked_sub(usize::from(padding)).ok_or(OpenError::BadPadding)?;
    if !rest[payload_len..].iter().copied().eq(1..=padding) {
        return Err(OpenError::BadPadding);
    }
    Ok((payload_len, NextHeader(next_header)))
}

#[cfg(test)]
mod tests;
