//! IKE_SA_INIT as initiator: what is asked, and what is asked again. RFC 7296 §1.2, §2.6, §2.6.1, §3.3.6.

use crate::network::seconds;
use crate::script::{Script, Sent, key_exchange, kinds, proposal, proposals, sa};
use adit_crypto::KeId;
use adit_ike::event::IkeSpi;
use adit_ike::wire::*;
use adit_ike::{EndpointConfig, Event};

/// An endpoint that calls, and its first message.
fn calling() -> (Script, Message) {
    let mut script = Script::new(EndpointConfig::default(), |connection| connection.initiate = true);
    let sent = script.wait(seconds(0));
    (script, request(&sent))
}

fn request(sent: &[Sent]) -> Message {
    assert_eq!((sent.len(), sent[0].0), (1, Script::path()), "from 500 to 500");
    let message = Message::parse(&sent[0].1).expect("well formed");
    let Header { exchange, initiator, response, message_id, responder_spi, .. } = message.header;
    assert!(exchange == ExchangeType::IKE_SA_INIT && initiator && !response);
    assert_eq!((message_id, responder_spi), (MessageId(0), IkeSpi::ZERO));
    assert_ne!(message.header.initiator_spi, IkeSpi::ZERO);
    message
}

/// Answers in the clear; gives what the endpoint sends then.
fn answer(script: &mut Script, asked: &Message, spi: u64, payloads: Vec<Payload>) -> Vec<Sent> {
    let header = Header { responder_spi: IkeSpi(spi), initiator: false, response: true, ..asked.header };
    script.pass(Script::path(), &Message { header, payloads }.emit())
}

fn cookie(octets: &[u8]) -> Payload {
    Payload::Notify(Notify::with_data(NotifyType::COOKIE, octets.to_vec()))
}

fn wants(method: KeId) -> Vec<Payload> {
    vec![Payload::Notify(Notify::invalid_ke(method))]
}

/// §2.23, §3.4: the first message has both hashes, and the public value of what it prefers.
#[test]
fn the_first_message_is_complete() {
    let (_, first) = calling();
    let hashes = [NotifyType::NAT_DETECTION_SOURCE_IP, NotifyType::NAT_DETECTION_DESTINATION_IP];
    assert_eq!(kinds(&first), hashes);
    let preferred = proposals(&first)[0].transforms_of(TransformType::KE).next().map(|ke| ke.id);
    assert_eq!(preferred, key_exchange(&first).map(|ke| ke.method.0));
}

/// §2.6: a cookie comes back in front, and nothing else changes.
#[test]
fn a_cookie_comes_back_first_and_nothing_else_changes() {
    for octets in [vec![1], vec![2; 64]] {
        let (mut script, first) = calling();
        let again = request(&answer(&mut script, &first, 0, vec![cookie(&octets)]));
        assert_eq!((&again.payloads[0], &again.payloads[1..]), (&cookie(&octets), &first.payloads[..]));
        assert_eq!(again.header, first.header);
    }
}

/// §1.2, §3.3.6: with another group everything is offered again.
#[test]
fn with_another_group_everything_is_offered_again() {
    let (mut script, first) = calling();
    let again = request(&answer(&mut script, &first, 0, wants(KeId::ECP_256)));
    assert_eq!(key_exchange(&again).map(|ke| ke.method), Some(KeId::ECP_256));
    assert_eq!(proposals(&again), proposals(&first));
    // Nobody may talk us into a group we did not offer.
    assert!(answer(&mut script, &again, 0, wants(KeId::MODP_768)).is_empty());
}

/// §2.6.1: the cookie is kept when the group changes; a responder that wants it anew is followed.
#[test]
fn cookie_and_group_are_followed_in_the_short_and_in_the_long_way() {
    let (mut script, first) = calling();
    let second = request(&answer(&mut script, &first, 0, vec![cookie(b"one")]));
    let third = request(&answer(&mut script, &second, 0, wants(KeId::ECP_256)));
    assert_eq!(third.payloads[0], cookie(b"one"));
    let fourth = request(&answer(&mut script, &third, 0, vec![cookie(b"two")]));
    assert_eq!(fourth.payloads[0], cookie(b"two"));
    assert_eq!(key_exchange(&fourth), key_exchange(&third));
}

/// §3.3.6: what was not offered is not taken up: no IKE_AUTH follows.
#[test]
fn an_answer_that_was_not_offered_is_not_followed() {
    let (mut script, first) = calling();
    let public = key_exchange(&first).expect("KEi").public.clone();
    let mut weak = proposal(Protocol::IKE, ProposalSpi::None, &[KeId::CURVE_25519]);
    weak.transforms[0] = Transform::new(TransformType::ENCR, 3);
    let payloads = vec![
        sa(vec![weak]),
        Payload::KeyExchange(KeyExchange { method: KeId::CURVE_25519, public }),
        Payload::Nonce(Nonce::new(vec![5; 32]).expect("an allowed length")),
    ];
    assert!(answer(&mut script, &first, 0x5c51_5c51_0000_0001, payloads).is_empty());
    assert!(script.events.iter().any(|event| matches!(event, Event::Hint(..))));
}
