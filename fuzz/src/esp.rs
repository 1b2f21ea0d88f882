//! ESP packets.

use adit_crypto::{Aad, IntegId, Iv, Sealer};
use adit_esp::{Backend, InboundSa, NextHeader, OpenError, OutboundSa, SaParams, Secret, Spi, Suite};

use crate::input::Input;

const SPI: Spi = Spi(0x1000);
const SUITES: [Suite; 3] =
    [Suite::AES_GCM_16_128, Suite::CHACHA20_POLY1305, Suite::aes_cbc(128, IntegId::HMAC_SHA2_256_128)];

/// A packet from the network, and whatever may stand inside an authentic one.
pub fn esp_open(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.u8();
    let suite = SUITES[usize::from(choice) % SUITES.len()];
    let sequence = u32::from(input.u16());
    let text = input.rest();
    let mut inbound = InboundSa::new(params(suite)).expect("built in");

    let before = (inbound.sequence(), inbound.usage());
    let forged = inbound.open(&mut text.to_vec());
    assert!(forged.is_err(), "a forgery passes: {forged:?}");
    assert_eq!((inbound.sequence(), inbound.usage()), before, "a forgery changes the SA");

    authentic_text(&mut inbound, suite, sequence, text);
    honest_packet(suite, text);
}

/// A packet made with the right key, padding and trailer the fuzzer's.
fn authentic_text(inbound: &mut InboundSa, suite: Suite, sequence: u32, text: &[u8]) {
    let Some(packet) = seal_text(suite, sequence, text) else { return };
    let mut first = packet.clone();
    match inbound.open(&mut first) {
        Ok(opened) => {
            assert!(opened.payload.end <= first.len() && opened.payload.start <= opened.payload.end)
        }
        Err(error) => assert!(
            sequence == 0 || !matches!(error, OpenError::BadIcv | OpenError::Replayed | OpenError::TooOld),
            "an authentic packet: {error:?}"
        ),
    }
    let again = inbound.open(&mut packet.clone());
    assert!(again.is_err(), "a number is accepted twice: {again:?}");
}

/// What an honest sender makes of any payload arrives as it was.
fn honest_packet(suite: Suite, payload: &[u8]) {
    let mut outbound = OutboundSa::new(params(suite)).expect("built in");
    let mut inbound = InboundSa::new(params(suite)).expect("built in");
    let layout = outbound.layout(payload.len());
    let mut packet = vec![0; layout.total()];
    packet[layout.payload()].copy_from_slice(payload);
    if outbound.seal(layout, NextHeader::GRE, &mut packet).is_err() {
        return;
    }
    let opened = inbound.open(&mut packet).expect("honest");
    assert_eq!(&packet[opened.payload], payload);
    assert_eq!(opened.next_header, NextHeader::GRE);
}

fn params(suite: Suite) -> SaParams {
    let key = Secret::new(vec![0x33; suite.key_len().unwrap_or_default()]);
    SaParams { esn: false, backend: Backend::Pure, ..SaParams::new(SPI, suite, key) }
}

fn seal_text(suite: Suite, sequence: u32, text: &[u8]) -> Option<Vec<u8>> {
    let geometry = suite.geometry()?;
    let blocks = text.len().next_multiple_of(geometry.block);
    let mut packet = SPI.0.to_be_bytes().to_vec();
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend(vec![0; geometry.iv + blocks - text.len()]);
    packet.extend_from_slice(text);
    packet.extend(vec![0; geometry.icv]);
    let (head, body) = packet.split_at_mut(8);
    let iv = if geometry.block == 1 { Iv::Counter(9) } else { Iv::Block(&[9; 16]) };
    let mut sealer = Sealer::new(suite, &params(suite).key, Backend::Pure).ok()?;
    sealer.seal(iv, Aad::new(head), body).ok()?;
    Some(packet)
}
