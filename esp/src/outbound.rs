//! The sending direction of an SA. RFC 4303 §3.3.

use adit_crypto::protect::KeyError;
use adit_crypto::suite::Kind;
use adit_crypto::{Geometry, Iv, PrfId, Rng, Sealer, prf};

use crate::SaParams;
use crate::error::SealError;
use crate::header::{self, Authenticated, HEADER_LEN, NextHeader, Spi, TRAILER_LEN};
use crate::layout::{self, Layout};
use crate::limits::{Meter, Usage};

/// Seals packets under one key. There is one owner, so a sequence number cannot be given twice.
#[derive(Debug)]
pub struct OutboundSa {
    spi: Spi,
    esn: bool,
    sealer: Sealer,
    geometry: Geometry,
    ivs: Ivs,
    /// The last sequence number given; 0 before the first (RFC 4303 §3.3.3).
    sequence: u64,
    meter: Meter,
}

/// Where IVs come from.
#[derive(Debug)]
enum Ivs {
    /// The sequence number itself: it never repeats under a key (RFC 4106 §3.1, RFC 7634 §2, RFC 8750 §4).
    Sequence,
    /// Unpredictable blocks (RFC 3602 §3), from a generator only the key holder can run.
    Random(Box<Rng>),
    /// There are none (RFC 2410 §2.3).
    Absent,
}

impl OutboundSa {
    /// Takes over the key.
    ///
    /// # Errors
    /// Any [`KeyError`]: the suite is not built in, or the key does not fit it.
    pub fn new(params: SaParams) -> Result<Self, KeyError> {
        let sealer = Sealer::new(params.suite, &params.key, params.backend)?;
        let geometry = sealer.geometry();
        let ivs = match geometry.kind {
            Kind::Aead => Ivs::Sequence,
            Kind::Cipher if geometry.iv == 0 => Ivs::Absent,
            Kind::Cipher => Ivs::Random(Box::new(iv_generator(&params)?)),
        };
        let meter = Meter::new(params.limits, params.esn);
        Ok(Self { spi: params.spi, esn: params.esn, sealer, geometry, ivs, sequence: 0, meter })
    }

    /// The SPI its packets carry.
    #[must_use]
    pub fn spi(&self) -> Spi {
        self.spi
    }

    /// Where a payload of this length goes.
    #[must_use]
    pub fn layout(&self, payload_len: usize) -> Layout {
        Layout::new(&self.geometry, payload_len)
    }

    /// The longest payload whose packet, from SPI to ICV, has at most `total` bytes; `None` if none fits.
    #[must_use]
    pub fn max_payload(&self, total: usize) -> Option<usize> {
        layout::max_payload(&self.geometry, total)
    }

    /// Seals the packet in place: the payload lies where `layout` says, all around it is written here.
    ///
    /// # Errors
    /// Any [`SealError`]; the packet must not be sent then.
    pub fn seal(
        &mut self,
        layout: Layout,
        next_header: NextHeader,
        packet: &mut [u8],
    ) -> Result<(), SealError> {
        let payload = layout.payload();
        if packet.len() != layout.total() || layout != self.layout(payload.len()) {
            return Err(SealError::Layout);
        }
        if !self.meter.admits() {
            return Err(SealError::HardLimit);
        }
        let sequence = self.next_sequence().ok_or(SealError::SequenceExhausted)?;
        let (head, body) = packet.split_first_chunk_mut::<HEADER_LEN>().ok_or(SealError::Layout)?;
        header::write(head, self.spi, sequence);
        write_trailer(&mut body[payload.end - HEADER_LEN..], layout.padding(), next_header);
        let authenticated =
            Authenticated::new(self.spi, sequence, self.esn, self.geometry.kind == Kind::Aead);
        let block;
        let iv = match &mut self.ivs {
            Ivs::Sequence => Iv::Counter(sequence),
            Ivs::Random(rng) => {
                block = rng.bytes();
                Iv::Block(&block)
            }
            Ivs::Absent => Iv::Absent,
        };
        self.sealer.seal(iv, authenticated.aad(), body).map_err(|_| SealError::Layout)?;
        self.meter.count(payload.len());
        Ok(())
    }

    /// Seals packets of one layout that lie one behind the other, as the segments of a super-packet do.
    ///
    /// # Errors
    /// Any [`SealError`]; none of the run must be sent then. Its sequence numbers are spent.
    pub fn seal_run(
        &mut self,
        layout: Layout,
        next_header: NextHeader,
        run: &mut [u8],
    ) -> Result<(), SealError> {
        let mut packets = run.chunks_exact_mut(layout.total());
        for packet in &mut packets {
            self.seal(layout, next_header, packet)?;
        }
        if packets.into_remainder().is_empty() { Ok(()) } else { Err(SealError::Layout) }
    }

    /// What it has carried.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.meter.usage()
    }

    /// The last sequence number given; 0 before the first.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// True once, after the soft limit was reached: time to rekey.
    pub fn take_soft_limit(&mut self) -> bool {
        self.meter.take_soft_limit()
    }

    fn next_sequence(&mut self) -> Option<u64> {
        let last = if self.esn { u64::MAX } else { u64::from(u32::MAX) };
        if self.sequence == last {
            return None;
        }
        self.sequence += 1;
        Some(self.sequence)
    }
}

/// Padding 1, 2, 3 …, its length, the next header (RFC 4303 §2.4-2.6).
fn write_trailer(behind_payload: &mut [u8], padding: u8, next_header: NextHeader) {
    let padding_len = usize::from(padding);
    for (byte, number) in behind_payload[..padding_len].iter_mut().zip(1..) {
        *byte = number;
    }
    behind_payload[padding_len..padding_len + TRAILER_LEN].copy_from_slice(&[padding, next_header.0]);
}

/// A generator that is different for every key and tells nothing about it.
fn iv_generator(params: &SaParams) -> Result<Rng, KeyError> {
    let unsupported = KeyError::Unsupported(params.suite);
    let seed = prf::prf(PrfId::HMAC_SHA2_256, params.key.expose(), &[b"adit: IVs of an ESP SA"])
        .map_err(|_| unsupported)?;
    seed.expose().try_into().map(Rng::from_seed).map_err(|_| unsupported)
}

#[cfg(test)]
mod tests;
