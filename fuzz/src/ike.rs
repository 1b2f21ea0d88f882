//! IKE messages, exchange bodies, SK payloads.

use adit_crypto::{Aad, Backend, IntegId, Iv, Rng, Sealer, Secret, Suite};
use adit_ike::exchange::{Request, Response};
use adit_ike::wire::limits::{MAX_MESSAGE_OCTETS, MAX_PAYLOADS};
use adit_ike::wire::{
    Envelope, ExchangeType, Header, IkeSpi, Message, MessageId, OpenError, Payload, PayloadType, SkOpener,
    SkSealer,
};

use crate::input::Input;

const SUITES: [Suite; 4] = [
    Suite::AES_GCM_16_256,
    Suite::CHACHA20_POLY1305,
    Suite::aes_cbc(128, IntegId::HMAC_SHA2_256_128),
    Suite::aes_cbc(256, IntegId::HMAC_SHA2_512_256),
];

/// A datagram as it comes from the network.
pub fn ike_message(data: &[u8]) {
    let header = Header::parse(data);
    let envelope = Envelope::parse(data);
    match Message::parse(data) {
        Ok(message) => {
            assert_eq!(header, Ok(message.header));
            assert!(message.payloads.len() <= MAX_PAYLOADS);
            round_trip(&message, data.len());
        }
        // Whatever is refused in whole may still be an envelope with a protected part.
        Err(_) => {
            if let Ok(envelope) = envelope {
                let protected = envelope.protected.expect("otherwise it is a message");
                assert!(protected.body.start <= protected.body.end && protected.body.end == data.len());
            }
        }
    }
}

/// A chain of payloads as the body of a request and of a response.
pub fn ike_exchange(data: &[u8]) {
    let mut input = Input::new(data);
    let exchange = ExchangeType(34 + input.u8() % 5);
    let first = PayloadType(input.u8());
    let header = Header { exchange, ..header() };
    let Ok(message) = Message::parse(&datagram(header, first, input.rest())) else { return };
    match Request::try_from(&message) {
        Ok(body) if writable(&body.emit()) => {
            let again = Message { payloads: body.emit(), ..message.clone() };
            assert_eq!(Message::parse(&again.emit()).as_ref(), Ok(&again));
            assert_eq!(Request::try_from(&again), Ok(body));
        }
        Ok(_) => {}
        Err(error) => assert!(error.notify().is_some(), "a request is refused aloud: {error}"),
    }
    let message = Message { header: Header { response: true, ..message.header }, ..message };
    if let Ok(body) = Response::try_from(&message)
        && writable(&body.emit())
    {
        let again = Message { payloads: body.emit(), ..message };
        assert_eq!(Response::try_from(&again), Ok(body));
    }
}

/// A datagram that claims to be protected, and whatever may stand inside an authentic one.
pub fn ike_sk_open(data: &[u8]) {
    let mut input = Input::new(data);
    let suite = SUITES[usize::from(input.u8()) % SUITES.len()];
    let first = PayloadType(input.u8());
    let inside = input.rest();
    let (mut sealer, opener) = pair(suite);
    let forged = opener.open(&mut inside.to_vec());
    assert!(!matches!(forged, Ok(_) | Err(OpenError::Inner(_))), "a forgery passes: {forged:?}");

    let Some(mut sealed) = seal_text(suite, first, inside) else { return };
    match opener.open(&mut sealed) {
        Ok(message) => {
            let mut again =
                sealer.seal(&message, &mut Rng::from_seed([1; 32])).expect("it came in a datagram");
            assert!(again.len() <= sealed.len());
            assert_eq!(opener.open(&mut again), Ok(message));
        }
        Err(error) => assert!(matches!(error, OpenError::Inner(_)), "an authentic message: {error:?}"),
    }
}

fn round_trip(message: &Message, most: usize) {
    let written = message.emit();
    assert!(written.len() <= most, "parsing adds nothing");
    assert_eq!(Message::parse(&written).as_ref(), Ok(message));
}

const fn header() -> Header {
    Header {
        initiator_spi: IkeSpi(1),
        responder_spi: IkeSpi(2),
        exchange: ExchangeType::INFORMATIONAL,
        initiator: true,
        response: false,
        message_id: MessageId(0),
    }
}

/// A datagram of this header, this announcement and these octets.
fn datagram(header: Header, first: PayloadType, chain: &[u8]) -> Vec<u8> {
    let mut octets = Message { header, payloads: vec![] }.emit();
    octets[16] = first.0;
    octets.extend_from_slice(chain);
    let length = u32::try_from(octets.len()).unwrap_or(u32::MAX);
    octets[24..28].copy_from_slice(&length.to_be_bytes());
    octets
}

/// A body whose proposals are numbered one by one; passing over some of an offer leaves gaps.
fn writable(payloads: &[Payload]) -> bool {
    payloads.iter().all(|payload| match payload {
        Payload::SecurityAssociation(sa) => {
            let consecutive =
                |pair: &[adit_ike::wire::Proposal]| pair[0].number.checked_add(1) == Some(pair[1].number);
            !sa.proposals.is_empty() && sa.proposals.windows(2).all(consecutive)
        }
        _ => true,
    })
}

fn key(suite: Suite) -> Secret {
    Secret::new(vec![0x5a; suite.key_len().unwrap_or_default()])
}

fn pair(suite: Suite) -> (SkSealer, SkOpener) {
    let sealer = SkSealer::new(suite, &key(suite)).expect("built in");
    (sealer, SkOpener::new(suite, &key(suite)).expect("built in"))
}

/// An authentic message of any text: padding and pad length are the fuzzer's too, filled up to whole blocks.
fn seal_text(suite: Suite, first: PayloadType, text: &[u8]) -> Option<Vec<u8>> {
    let geometry = suite.geometry()?;
    let blocks = text.len().next_multiple_of(geometry.block);
    let body = geometry.iv + blocks + geometry.icv;
    if body > MAX_MESSAGE_OCTETS - 32 {
        return None;
    }
    let mut chain = vec![first.0, 0];
    chain.extend_from_slice(&u16::try_from(body + 4).ok()?.to_be_bytes());
    chain.extend(vec![0; geometry.iv]);
    chain.extend(vec![0; blocks - text.len()]);
    chain.extend_from_slice(text);
    chain.extend(vec![0; geometry.icv]);
    let mut octets = datagram(header(), PayloadType::SK, &chain);
    let (head, body) = octets.split_at_mut(32);
    let iv = if geometry.block == 1 { Iv::Counter(7) } else { Iv::Block(&[7; 16]) };
    let mut sealer = Sealer::new(suite, &key(suite), Backend::Pure).ok()?;
    sealer.seal(iv, Aad::new(head), body).ok()?;
    Some(octets)
}
