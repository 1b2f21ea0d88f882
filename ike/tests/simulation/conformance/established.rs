//! Exchanges of an IKE SA that stands. RFC 7296 §1.3, §1.4, §2.1 to §2.3, §2.8, §2.9.2, §2.21.3, §2.25.

use crate::network::{PEER, child, seconds};
use crate::script::{
    CHILD, Script, Sent, child_of, deleted, key_exchange, kinds, net, nonce_of, notify, proposal, proposals,
    sa, without_key_exchange,
};
use adit_crypto::KeId;
use adit_ike::config::Mode;
use adit_ike::event::{IkeSpi, Spi};
use adit_ike::wire::*;
use adit_ike::{Command, EndpointConfig, Event};
use std::time::Duration;

const CREATE: ExchangeType = ExchangeType::CREATE_CHILD_SA;
const INFORM: ExchangeType = ExchangeType::INFORMATIONAL;

fn delete(spi: Spi) -> Payload {
    Payload::Delete(Delete::esp(vec![spi]))
}

fn rekey_of(message: &Message) -> Option<Spi> {
    message.payloads.iter().find_map(|payload| match payload {
        Payload::Notify(notify) if notify.kind == NotifyType::REKEY_SA => notify.esp_spi(),
        _ => None,
    })
}

/// A request for a child in the place of our first, varied.
fn rekeying(script: &mut Script, old: Spi, vary: impl FnOnce(&mut Vec<Payload>)) -> Vec<Message> {
    let nonce = script.nonce();
    let mut payloads = child_of(Spi(0x5c51_0077), &[]);
    payloads.push(Payload::Nonce(nonce));
    payloads.push(Payload::Notify(Notify::for_child(NotifyType::REKEY_SA, old)));
    vary(&mut payloads);
    script.say(CREATE, payloads)
}

/// Our answer to a request for a child without key exchange.
fn child_answer(script: &mut Script, request: &Message, vary: impl FnOnce(&mut Vec<Payload>)) -> Vec<Sent> {
    let mut payloads = child_of(Spi(0x5c51_0099), &[]);
    payloads.retain(|payload| payload.kind() == PayloadType::SA);
    payloads.push(Payload::Nonce(script.nonce()));
    payloads.push(Payload::TsInitiator(vec![net(20)]));
    payloads.push(Payload::TsResponder(vec![net(10)]));
    vary(&mut payloads);
    script.answer(request, payloads)
}

/// §1.4, §4: the question whether one lives is answered, empty by empty.
#[test]
fn an_empty_request_gets_an_empty_answer() {
    let mut script = Script::established(|_| ());
    assert!(script.ask(INFORM, vec![]).payloads.is_empty());
}

/// §1.4: what comes unprotected is not heard.
#[test]
fn an_unprotected_request_is_not_heard() {
    let mut script = Script::established(|_| ());
    let header = script.header(INFORM, false, script.next);
    let clear = Message { header, payloads: vec![Payload::Delete(Delete::Ike)] };
    assert!(script.pass(Script::path(), &clear.emit()).is_empty());
    assert!(script.ask(INFORM, vec![]).payloads.is_empty(), "it stands, and the id was not used up");
}

/// §2.20, §3.15.1: a question for the version gets no CP payload; what is pushed on us is accepted in no part.
#[test]
fn configuration_is_neither_told_nor_taken() {
    let mut script = Script::established(|_| ());
    for (kind, attribute) in [(CfgType::CFG_REQUEST, 7), (CfgType::CFG_SET, 1)] {
        let attributes = vec![CfgAttribute { kind: attribute, value: vec![] }];
        let payloads = vec![Payload::Configuration(Configuration { kind, attributes })];
        assert!(script.ask(INFORM, payloads).payloads.is_empty());
    }
}

/// §1.4.1: a Delete closes both halves, and the answer names the other one.
#[test]
fn a_delete_is_answered_by_its_pair() {
    let mut script = Script::established(|_| ());
    let pair = script.their_spi();
    script.events.clear();
    assert_eq!(deleted(&script.ask(INFORM, vec![delete(CHILD)])), [pair]);
    let gone = |event: &Event| {
        matches!(event, Event::RemoveInbound(_, spi) if *spi == pair)
            || matches!(event, Event::RemoveOutbound(_, spi) if *spi == CHILD)
    };
    assert_eq!(script.events.iter().filter(|event| gone(event)).count(), 2);
    // §2.25.1: what is not there is answered without Delete.
    assert!(script.ask(INFORM, vec![delete(CHILD)]).payloads.is_empty());
}

/// §1.4.1, §2.3, §2.25.1: deletes that cross: the request is answered while ours is outstanding, without Delete;
/// the outbound half goes with it, the inbound one stays until our own is answered.
#[test]
fn crossing_deletes_close_each_half_once() {
    let mut script = Script::established(|connection| {
        (connection.children[0].lifetime.rekey, connection.children[0].lifetime.hard) =
            (seconds(4000), seconds(600));
    });
    let pair = script.their_spi();
    script.events.clear();
    let sent = script.wait(seconds(600));
    let ours = script.open(&sent[0]);
    assert_eq!((sent.len(), deleted(&ours)), (1, vec![pair]));
    assert!(script.ask(INFORM, vec![delete(CHILD)]).payloads.is_empty());
    let count = |script: &Script, inbound: bool| {
        let is = |event: &&Event| match event {
            Event::RemoveInbound(..) => inbound,
            Event::RemoveOutbound(..) => !inbound,
            _ => false,
        };
        script.events.iter().filter(is).count()
    };
    assert_eq!((count(&script, false), count(&script, true)), (1, 0));
    script.answer(&ours, vec![]);
    assert_eq!((count(&script, false), count(&script, true)), (1, 1));
}

/// §1.3, §1.3.3, §2.9.2: a rekeying names what it replaces, has a public value of a group that it offers, and
/// keeps the selectors.
#[test]
fn a_rekeying_names_the_old_and_offers_what_it_sends() {
    let mut script = Script::established(|_| ());
    let old = script.their_spi();
    let request = script.provoke(Command::RekeyChildren(PEER));
    assert_eq!((request.header.exchange, rekey_of(&request)), (CREATE, Some(old)));
    let method = key_exchange(&request).expect("KEi").method;
    let offers = proposals(&request);
    assert!(offers.iter().any(|offer| offer.transforms_of(TransformType::KE).any(|ke| ke.id == method.0)));
    let selectors = [Payload::TsInitiator(vec![net(20)]), Payload::TsResponder(vec![net(10)])];
    assert!(selectors.iter().all(|selector| request.payloads.contains(selector)));
    let first_wanted = offers[0].transforms_of(TransformType::KE).next().map(|ke| ke.id);
    assert_eq!(first_wanted, Some(method.0));
}

/// §2.5: payloads come in the order of the figures.
#[test]
fn payloads_come_in_the_order_of_the_figures() {
    let order = [PayloadType::SA, PayloadType::NONCE, PayloadType::KE, PayloadType::TSI, PayloadType::TSR];
    let in_order = |message: &Message| -> Vec<PayloadType> {
        let kinds = message.payloads.iter().map(Payload::kind);
        kinds.filter(|kind| order.contains(kind)).collect()
    };
    let mut script = Script::established(|_| ());
    assert_eq!(in_order(&script.provoke(Command::RekeyChildren(PEER))), order);
    let mut script = Script::established(without_key_exchange);
    let answer = &rekeying(&mut script, CHILD, |_| ())[0];
    assert_eq!(in_order(answer), [order[0], order[1], order[3], order[4]]);
}

/// §3.4: without a group there is no public value.
#[test]
fn without_a_group_no_public_value_is_sent() {
    let mut script = Script::established(without_key_exchange);
    let request = script.provoke(Command::RekeyChildren(PEER));
    assert!(key_exchange(&request).is_none());
    assert!(proposals(&request).iter().all(|offer| offer.transforms_of(TransformType::KE).next().is_none()));
}

/// §2.3: the next request waits for the answer to the one before.
#[test]
fn one_request_at_a_time() {
    let mut script = Script::established(without_key_exchange);
    let first = script.provoke(Command::RekeyChildren(PEER));
    assert!(script.command(Command::RekeyIke(PEER)).is_empty());
    let next = child_answer(&mut script, &first, |_| ());
    let next = script.open(&next[0]);
    assert_eq!(next.header.message_id.0, first.header.message_id.0 + 1);
}

/// §2.3: what lies outside the window is not acknowledged in any form.
#[test]
fn a_message_id_outside_the_window_is_not_acknowledged() {
    let mut script = Script::established(|_| ());
    script.next += 1;
    let early = script.request(INFORM, vec![]);
    assert!(script.pass(Script::path(), &early).is_empty());
    assert!(script.wait(seconds(60)).is_empty(), "INVALID_MESSAGE_ID is never sent");
}

/// §3.1: an answer is not answered, expected or not.
#[test]
fn answers_are_not_answered() {
    let mut script = Script::established(|_| ());
    for id in [0, 1, 7] {
        let header = script.header(INFORM, true, id);
        let stray = script.protect(&Message { header, payloads: vec![notify(NotifyType::INVALID_SYNTAX)] });
        assert!(script.pass(Script::path(), &stray).is_empty());
    }
    assert!(script.ask(INFORM, vec![]).payloads.is_empty());
}

/// §2.5, §2.21.3, §3.10.1: a request with an error is answered by that error.
#[test]
fn every_error_is_answered() {
    let unknown = [0, 0x80, 0, 5, 1];
    let mut script = Script::established(|_| ());
    let answer = script.ask_spoilt(INFORM, vec![], 200, &unknown);
    assert_eq!(answer.payloads, [Payload::Notify(Notify::unsupported_critical(PayloadType(200)))]);
    assert!(script.ask(INFORM, vec![]).payloads.is_empty(), "it stands");
    let nonce = script.nonce();
    let mut payloads = child_of(Spi(0x5c51_0003), &[KeId::MODP_768]);
    payloads.push(Payload::Nonce(nonce));
    let answer = script.ask(CREATE, payloads.clone());
    assert_eq!(kinds(&answer), [NotifyType::NO_PROPOSAL_CHOSEN]);
    payloads.retain(|payload| payload.kind() != PayloadType::NONCE);
    assert_eq!(kinds(&script.ask(CREATE, payloads)), [NotifyType::INVALID_SYNTAX]);
}

/// §2.21.4: protected words about trouble elsewhere are acknowledged, and change nothing.
#[test]
fn reports_of_trouble_change_nothing() {
    let mut script = Script::established(|_| ());
    script.events.clear();
    for kind in [NotifyType::INVALID_SPI, NotifyType::INVALID_IKE_SPI, NotifyType(9999), NotifyType(50_000)] {
        let report = Payload::Notify(Notify::with_data(kind, vec![1, 2, 3, 4]));
        assert!(script.ask(INFORM, vec![report]).payloads.is_empty());
    }
    assert!(script.events.is_empty());
    script.their_spi();
}

/// §2.9.2: what a rekeyed child carries is no less than before.
#[test]
fn a_rekeyed_child_never_shrinks() {
    let mut script = Script::established(|_| ());
    let narrow = |payloads: &mut Vec<Payload>| {
        for payload in payloads {
            if let Payload::TsInitiator(selectors) = payload {
                *selectors = vec![TrafficSelector::prefix(std::net::Ipv4Addr::new(10, 10, 7, 0).into(), 24)];
            }
        }
    };
    let answer = &rekeying(&mut script, CHILD, narrow)[0];
    assert_eq!(kinds(answer), [NotifyType::TS_UNACCEPTABLE]);
    script.their_spi();
}

/// §2.25: a child that is not there cannot be replaced, and the answer says which.
#[test]
fn an_unknown_child_is_not_found() {
    let mut script = Script::established(|_| ());
    let unknown = Spi(0x7777_7777);
    let answer = &rekeying(&mut script, unknown, |_| ())[0];
    let expected = Notify::for_child(NotifyType::CHILD_SA_NOT_FOUND, unknown);
    assert_eq!(answer.payloads, [Payload::Notify(expected)]);
}

/// §2.25: TEMPORARY_FAILURE is waited out, then the same is asked again.
#[test]
fn a_busy_peer_is_given_time() {
    let mut script = Script::established(without_key_exchange);
    let old = script.their_spi();
    let request = script.provoke(Command::RekeyChildren(PEER));
    assert!(script.answer(&request, vec![notify(NotifyType::TEMPORARY_FAILURE)]).is_empty());
    assert!(script.wait(Duration::from_millis(1900)).is_empty());
    let again = script.wait(seconds(5));
    assert_eq!(rekey_of(&script.open(&again[0])), Some(old));
}

/// §2.25: a child the peer knows nothing of is forgotten without a word, and made anew.
#[test]
fn a_child_the_peer_has_not_is_made_anew() {
    let mut script = Script::established(|connection| {
        without_key_exchange(connection);
        connection.initiate = true;
    });
    let old = script.their_spi();
    let request = script.provoke(Command::RekeyChildren(PEER));
    let not_found = Payload::Notify(Notify::for_child(NotifyType::CHILD_SA_NOT_FOUND, old));
    let mut sent = script.answer(&request, vec![not_found]);
    assert!(script.events.iter().any(|event| matches!(event, Event::RemoveInbound(_, spi) if *spi == old)));
    sent.extend(script.wait(seconds(4)));
    let next = script.open(&sent[0]);
    assert_eq!((next.header.exchange, rekey_of(&next), deleted(&next)), (CREATE, None, vec![]));
}

/// §1.3.1: who insists on transport mode deletes what came in tunnel mode. §2.21.3: it does not complain.
#[test]
fn a_child_in_the_wrong_mode_is_deleted() {
    let mut script = Script::established(|connection| {
        let mut second = child(1, 1);
        second.mode = Mode::Transport;
        connection.children.push(second);
        connection.initiate = true;
        connection.children.iter_mut().for_each(|child| child.proposals[0].key_exchange.clear());
    });
    let sent = script.wait(seconds(4));
    let request = script.open(&sent[0]);
    assert!(kinds(&request).contains(&NotifyType::USE_TRANSPORT_MODE));
    let selectors = |payloads: &mut Vec<Payload>| {
        payloads.retain(|payload| !matches!(payload.kind(), PayloadType::TSI | PayloadType::TSR));
        payloads.push(Payload::TsInitiator(vec![net(21)]));
        payloads.push(Payload::TsResponder(vec![net(11)]));
    };
    let sent = child_answer(&mut script, &request, selectors);
    let next = script.open(&sent[0]);
    assert_eq!((next.header.exchange, kinds(&next), deleted(&next).len()), (INFORM, vec![], 1));
    script.their_spi();
}

/// §3.3.6: an answer that chooses what was not offered makes no child.
#[test]
fn an_answer_that_was_not_offered_makes_no_child() {
    let mut script = Script::established(without_key_exchange);
    let old = script.their_spi();
    let request = script.provoke(Command::RekeyChildren(PEER));
    let weak = |payloads: &mut Vec<Payload>| {
        payloads.retain(|payload| payload.kind() != PayloadType::SA);
        let mut esp = proposal(Protocol::ESP, ProposalSpi::Child(Spi(0x5c51_0099)), &[]);
        esp.transforms[0] = Transform::with_key_bits(TransformType::ENCR, 20, 192);
        payloads.push(sa(vec![esp]));
    };
    let sent = child_answer(&mut script, &request, weak);
    assert_eq!(deleted(&script.open(&sent[0])).len(), 1);
    assert_eq!(script.their_spi(), old);
}

/// §2.18: a rekeyed IKE SA counts from 0; §1.4: its successor takes messages about the child.
#[test]
fn a_rekeyed_ike_sa_counts_from_zero_and_has_the_children() {
    let mut script = Script::established(|_| ());
    let pair = script.their_spi();
    let old = script.spis;
    let answer = script.rekey_ike();
    assert_eq!(proposals(&answer)[0].number, 1);
    assert!(script.spis.1 != old.1 && script.spis.1 != IkeSpi::ZERO && nonce_of(&answer).is_some());
    assert_eq!(deleted(&script.say(INFORM, vec![delete(CHILD)])[0]), [pair]);
    assert_eq!(script.next, 1);
}

/// §1.3.2: after the peer has rekeyed the IKE SA, new exchanges are of the new one.
#[test]
fn new_exchanges_are_of_the_new_ike_sa() {
    let mut script = Script::established(without_key_exchange);
    script.rekey_ike();
    let mut sent = script.command(Command::RekeyChildren(PEER));
    sent.extend(script.wait(seconds(6)));
    let request = script.open(&sent[0]);
    let spis = (request.header.initiator_spi, request.header.responder_spi);
    assert_eq!((spis, request.header.message_id), (script.spis, MessageId(0)));
}

/// §2.18: an IKE SA is not rekeyed without a key exchange.
#[test]
fn an_ike_sa_is_not_rekeyed_without_key_exchange() {
    let mut script = Script::established(|_| ());
    let nonce = script.nonce();
    let none = sa(vec![proposal(Protocol::IKE, ProposalSpi::Ike(IkeSpi(0x77)), &[KeId::NONE])]);
    let ke = Payload::KeyExchange(KeyExchange { method: KeId::NONE, public: vec![1; 32] });
    let answer = script.ask(CREATE, vec![none, Payload::Nonce(nonce), ke]);
    assert_eq!(kinds(&answer), [NotifyType::NO_PROPOSAL_CHOSEN]);
}

/// §2.8: a child that could not be rekeyed is used no longer than its lifetime; who would send on it has nothing.
#[test]
fn an_expired_child_is_used_no_more() {
    let mut script = Script::established(|connection| {
        connection.children[0].lifetime.rekey = seconds(4000);
        connection.children[0].lifetime.hard = seconds(600);
        connection.lifetime.rekey = seconds(9000);
        connection.lifetime.hard = seconds(9000);
    });
    let spi = script.their_spi();
    script.events.clear();
    assert!(script.wait(seconds(599)).is_empty());
    let sent = script.wait(seconds(1));
    assert_eq!(deleted(&script.open(&sent[0])), [spi]);
    assert!(
        script.events.iter().any(|event| matches!(event, Event::RemoveOutbound(_, spi) if *spi == CHILD))
    );
}

/// §2.8: an IKE SA that could not be rekeyed is closed with all its children at the end of its life.
#[test]
fn an_expired_ike_sa_is_closed() {
    let mut script = Script::established(|connection| {
        connection.lifetime.rekey = seconds(9000);
        connection.lifetime.hard = seconds(600);
    });
    let sent = script.wait(seconds(600));
    assert_eq!(script.open(&sent[0]).payloads, [Payload::Delete(Delete::Ike)]);
    assert!(
        script.events.iter().any(|event| matches!(event, Event::RemoveOutbound(_, spi) if *spi == CHILD))
    );
}

/// §2.8.1: rekeyings are jittered: two hosts with the same lifetimes seldom begin together.
#[test]
fn rekeyings_are_jittered() {
    let after = |others: u64| {
        let mut script = Script::new(EndpointConfig::default(), |_| ());
        for n in 0..=others {
            script.spis = (IkeSpi(0x5c51_0000_0000_0000 + n), IkeSpi::ZERO);
            script.sa_init();
        }
        script.authenticate(|_| ());
        script.endpoint.children(script.now)[0].rekey_in.expect("to be rekeyed")
    };
    let waits: std::collections::BTreeSet<Duration> = (0..6).map(after).collect();
    assert!(
        waits.len() > 3 && waits.iter().all(|wait| (seconds(2940)..=seconds(3000)).contains(wait)),
        "{waits:?}"
    );
}

/// §2.8: the Delete of the IKE SA is the last request on it.
#[test]
fn nothing_follows_the_delete_of_an_ike_sa() {
    let mut script = Script::established(|_| ());
    let last = script.provoke(Command::Terminate(PEER));
    assert_eq!(last.payloads, [Payload::Delete(Delete::Ike)]);
    assert!(script.answer(&last, vec![]).is_empty());
    assert!(script.wait(seconds(600)).is_empty());
    assert!(script.endpoint.children(script.now).is_empty());
}

/// A request to rekey the IKE SA.
fn ike_rekeying(script: &mut Script) -> Vec<Payload> {
    let method = KeId::CURVE_25519;
    let nonce = script.nonce();
    vec![
        sa(vec![proposal(Protocol::IKE, ProposalSpi::Ike(IkeSpi(0x7777)), &[method])]),
        Payload::Nonce(nonce),
        Payload::KeyExchange(KeyExchange { method, public: vec![9; 32] }),
    ]
}

/// §2.25.1: a child we are rekeying may be closed as usual.
#[test]
fn a_child_closed_while_we_rekey_it_is_closed_as_usual() {
    let mut script = Script::established(without_key_exchange);
    let pair = script.their_spi();
    script.provoke(Command::RekeyChildren(PEER));
    assert_eq!(deleted(&script.ask(INFORM, vec![delete(CHILD)])), [pair]);
}

/// §2.25.1: the IKE SA is not rekeyed while a child of it is in work.
#[test]
fn an_ike_sa_busy_with_a_child_is_not_rekeyed() {
    let mut script = Script::established(without_key_exchange);
    script.provoke(Command::RekeyChildren(PEER));
    let payloads = ike_rekeying(&mut script);
    assert_eq!(kinds(&script.ask(CREATE, payloads)), [NotifyType::TEMPORARY_FAILURE]);
}

/// §2.25.2: an IKE SA that is being closed is not rekeyed.
#[test]
fn an_ike_sa_being_closed_is_not_rekeyed() {
    let mut script = Script::established(|_| ());
    script.provoke(Command::Terminate(PEER));
    let payloads = ike_rekeying(&mut script);
    assert_eq!(kinds(&script.ask(CREATE, payloads)), [NotifyType::TEMPORARY_FAILURE]);
}

/// §2.25.2: an IKE SA we are rekeying is closed as usual, and our rekeying forgotten.
#[test]
fn an_ike_sa_closed_while_we_rekey_it_is_gone() {
    let mut script = Script::established(|_| ());
    script.provoke(Command::RekeyIke(PEER));
    assert!(script.ask(INFORM, vec![Payload::Delete(Delete::Ike)]).payloads.is_empty());
    assert!(script.wait(seconds(600)).is_empty());
    assert!(
        script.endpoint.ike_sas(script.now).is_empty() && script.endpoint.children(script.now).is_empty()
    );
}

/// §2.25.2: deletes of the IKE SA that cross: answered as usual, ours is forgotten.
#[test]
fn an_ike_sa_closed_by_both_is_gone() {
    let mut script = Script::established(|_| ());
    script.provoke(Command::Terminate(PEER));
    assert!(script.ask(INFORM, vec![Payload::Delete(Delete::Ike)]).payloads.is_empty());
    assert!(script.wait(seconds(600)).is_empty(), "no repetition");
    assert!(script.endpoint.ike_sas(script.now).is_empty());
}

/// §2.25.2: while we rekey the IKE SA no child is made, but one may be deleted.
#[test]
fn while_we_rekey_the_ike_sa_children_wait_but_may_go() {
    let mut script = Script::established(|_| ());
    let pair = script.their_spi();
    script.provoke(Command::RekeyIke(PEER));
    assert_eq!(kinds(&rekeying(&mut script, CHILD, |_| ())[0]), [NotifyType::TEMPORARY_FAILURE]);
    assert_eq!(deleted(&script.ask(INFORM, vec![delete(CHILD)])), [pair]);
}
