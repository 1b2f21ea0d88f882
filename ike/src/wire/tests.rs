//! Tests of storey 1.

mod bounds;
mod bytes;
mod encrypted;
mod properties;

pub(crate) mod generate;
pub(crate) mod recorded;

use super::*;

/// A header for tests that are about payloads.
pub(crate) fn header(exchange: ExchangeType) -> Header {
    Header {
        initiator_spi: IkeSpi(0x0102_0304_0506_0708),
        responder_spi: IkeSpi(0x1112_1314_1516_1718),
        exchange,
        initiator: true,
        response: false,
        message_id: MessageId(7),
    }
}

/// A message written by hand: header with the right length, then `chain`.
pub(crate) fn by_hand(first: PayloadType, chain: &[u8]) -> Vec<u8> {
    let mut out = Writer::default();
    header(ExchangeType::INFORMATIONAL).emit(first, &mut out);
    out.bytes(chain);
    let mut octets = out.into_vec();
    header::patch_length(&mut octets);
    octets
}

/// One payload written by hand.
pub(crate) fn payload(next: PayloadType, flags: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + GENERIC_OCTETS).expect("fits").to_be_bytes();
    [&[next.0, flags], &length[..], body].concat()
}

/// Parses a message of one payload written by hand.
pub(crate) fn parse_one(kind: PayloadType, body: &[u8]) -> Result<Payload, Malformed> {
    let message = Message::parse(&by_hand(kind, &payload(PayloadType::NONE, 0, body)))?;
    let [payload] = <[Payload; 1]>::try_from(message.payloads).expect("one payload");
    Ok(payload)
}
