//! IKE_SA_INIT and IKE_AUTH, as responder. RFC 7296 §1.2, §2.6, §2.21.1, §2.21.2.

use crate::network::{A, B, seconds};
use crate::script::{Script, Sent, key_exchange, kinds, nonce_of, notify, proposals, with_chain};
use adit_crypto::KeId;
use adit_ike::endpoint::IkeSaState;
use adit_ike::event::IkeSpi;
use adit_ike::wire::*;
use adit_ike::{EndpointConfig, Event, Identity, Path};
use std::collections::BTreeSet;

fn quiet() -> Script {
    Script::new(EndpointConfig::default(), |_| ())
}

fn parsed(sent: &[Sent]) -> Message {
    assert_eq!(sent.len(), 1);
    Message::parse(&sent[0].1).expect("well formed")
}

fn stands(script: &Script) -> bool {
    script.endpoint.ike_sas(script.now).iter().any(|sa| sa.state == IkeSaState::Established)
}

/// §1, §1.4: IKE_AUTH follows IKE_SA_INIT, and nothing else comes before it is over.
#[test]
fn no_other_exchange_comes_before_authentication() {
    let mut script = quiet();
    script.sa_init();
    for exchange in [ExchangeType::INFORMATIONAL, ExchangeType::CREATE_CHILD_SA] {
        let early = script.request(exchange, vec![]);
        script.next -= 1;
        assert!(script.pass(Script::path(), &early).is_empty(), "{exchange}");
    }
    script.authenticate(|_| ());
    assert!(stands(&script));
    // Over: it is not begun again.
    let again = script.auth_payloads(&Identity::fqdn("left.example"));
    assert_eq!(kinds(&script.ask(ExchangeType::IKE_AUTH, again)), [NotifyType::INVALID_SYNTAX]);
}

/// §2.6, §3.1: SPIs are unique and never zero; in the answer the I bit is clear and the R bit set.
#[test]
fn answers_bring_new_spis() {
    let mut script = quiet();
    let mut seen = BTreeSet::new();
    for n in 0..30 {
        script.spis = (IkeSpi(0x5c51_0000_0000_0000 + n), IkeSpi::ZERO);
        let header = script.sa_init().header;
        assert!(header.response && !header.initiator && header.message_id == MessageId(0));
        assert_ne!(header.responder_spi, IkeSpi::ZERO);
        assert!(seen.insert(header.responder_spi));
    }
}

/// §2.10, §3.9: 32 octets are enough for every PRF there is here, whose longest key has 64; none comes twice.
#[test]
fn nonces_are_long_and_new() {
    let mut script = quiet();
    let mut seen = BTreeSet::new();
    for n in 0..30 {
        script.spis = (IkeSpi(0x5c51_0000_0000_0000 + n), IkeSpi::ZERO);
        let answer = script.sa_init();
        let nonce = nonce_of(&answer).expect("Nr").as_bytes().to_vec();
        assert!(nonce.len() >= 32 && nonce.iter().any(|octet| *octet != nonce[0]));
        assert!(seen.insert(nonce));
    }
}

/// §2.6: a cookie that is not ours is as none: another is asked for, or none at all.
#[test]
fn a_wrong_cookie_is_as_none() {
    for (threshold, asks) in [(0, true), (9, false)] {
        let config = EndpointConfig { cookie_threshold: threshold, ..EndpointConfig::default() };
        let mut script = Script::new(config, |_| ());
        let (_, request) = script.sa_init_request(Some(vec![9; 33]));
        let answer = parsed(&script.pass(Script::path(), &request.emit()));
        assert_eq!(kinds(&answer).contains(&NotifyType::COOKIE), asks);
        assert_eq!(proposals(&answer).is_empty(), asks);
        let Some(Payload::Notify(cookie)) = answer.payloads.first().filter(|_| asks) else { continue };
        assert!((1..=64).contains(&cookie.data.len()));
        assert_eq!(answer.header.responder_spi, IkeSpi::ZERO, "nothing is remembered");
    }
}

/// §2.23: both hashes are in the answer; what is not done is not announced (HTTP_CERT_LOOKUP_SUPPORTED, §3.7).
#[test]
fn the_answer_announces_what_is_done_and_no_more() {
    let mut script = quiet();
    let answer = script.sa_init();
    let expected = [NotifyType::NAT_DETECTION_SOURCE_IP, NotifyType::NAT_DETECTION_DESTINATION_IP];
    assert_eq!(kinds(&answer), expected);
    assert!(answer.payloads.iter().all(|payload| payload.kind() != PayloadType::CERTREQ));
    let auth = script.authenticate(|_| ());
    assert_eq!(kinds(&auth), [NotifyType::ESP_TFC_PADDING_NOT_SUPPORTED, NotifyType::INITIAL_CONTACT]);
}

/// §2.5, §3.2: an unknown payload marked critical refuses IKE_SA_INIT, and is named.
#[test]
fn a_critical_payload_nobody_knows_refuses_the_first_message() {
    let mut script = quiet();
    let (_, request) = script.sa_init_request(None);
    let spoilt = with_chain(&request, 200, &[0, 0x80, 0, 5, 1]);
    let answer = parsed(&script.pass(Script::path(), &spoilt));
    assert_eq!(answer.payloads, [Payload::Notify(Notify::unsupported_critical(PayloadType(200)))]);
    assert!(script.endpoint.ike_sas(script.now).is_empty());
    let passed_over = with_chain(&request, 200, &[0, 0x7f, 0, 5, 1]);
    assert!(!proposals(&parsed(&script.pass(Script::path(), &passed_over))).is_empty());
}

/// §2.21.2: a request that is malformed or has an unknown critical payload is refused whole, with that word alone.
#[test]
fn a_spoilt_authentication_is_refused_whole() {
    for (next, octets, wanted) in [
        (200, vec![0, 0x80, 0, 5, 1], Notify::unsupported_critical(PayloadType(200))),
        // A nonce of one octet.
        (PayloadType::NONCE.0, vec![0, 0, 0, 5, 1], Notify::new(NotifyType::INVALID_SYNTAX)),
    ] {
        let mut script = quiet();
        script.sa_init();
        let payloads = script.auth_payloads(&Identity::fqdn("left.example"));
        let answer = script.ask_spoilt(ExchangeType::IKE_AUTH, payloads, next, &octets);
        assert_eq!(answer.payloads, [Payload::Notify(wanted)]);
        assert!(!stands(&script));
    }
}

/// §2.16: who asks for EAP, by leaving out AUTH, is told that this is no way here.
#[test]
fn eap_is_refused() {
    let mut script = quiet();
    script.sa_init();
    let answer = script.authenticate(|payloads| {
        payloads.retain(|payload| payload.kind() != PayloadType::AUTH);
    });
    assert_eq!(answer.payloads, [notify(NotifyType::AUTHENTICATION_FAILED)]);
    assert!(!stands(&script));
}

/// §2.19, §3.12, §2.22: addresses, vendors' marks, compression: passed over; none is granted unasked or at all.
#[test]
fn what_is_not_done_here_is_passed_over() {
    let mut script = quiet();
    script.sa_init();
    let answer = script.authenticate(|payloads| {
        let attributes = [1, 5, 8, 0x7abc].map(|kind| CfgAttribute { kind, value: vec![] }).to_vec();
        let kind = CfgType::CFG_REQUEST;
        payloads.push(Payload::Configuration(Configuration { kind, attributes }));
        payloads.push(Payload::VendorId(VendorId(b"somebody".to_vec())));
        payloads.push(Payload::Notify(Notify::with_data(NotifyType(16387), vec![0, 1, 2])));
    });
    assert!(stands(&script) && !proposals(&answer).is_empty());
    let granted =
        |payload: &Payload| payload.kind() == PayloadType::CP || payload.kind() == PayloadType::VENDOR_ID;
    assert!(!answer.payloads.iter().any(granted));
    assert!(!kinds(&answer).contains(&NotifyType(16387)), "no IPCOMP_SUPPORTED");
}

/// §2: messages of 1280 and of 3000 octets are processed.
#[test]
fn long_messages_are_processed() {
    for octets in [1280, 3000, 9000] {
        let mut script = quiet();
        script.sa_init();
        script.authenticate(|payloads| payloads.push(Payload::VendorId(VendorId(vec![7; octets]))));
        assert!(stands(&script), "{octets}");
    }
}

/// §2.11, §2.23: from whatever port a request comes, the answer goes back there, from where it arrived.
#[test]
fn an_answer_goes_back_by_the_way_of_the_request() {
    let mut script = quiet();
    for (ours, theirs, marked) in [(500, 61000, false), (4500, 61001, true)] {
        script.spis = (IkeSpi(0x5c51_5c51_0000_0000 + u64::from(theirs)), IkeSpi::ZERO);
        let path = Path { local: (B, ours).into(), remote: (A, theirs).into() };
        let (_, request) = script.sa_init_request(None);
        let marker: &[u8] = if marked { &[0; 4] } else { &[] };
        let sent = script.pass(path, &[marker, &request.emit()].concat());
        assert_eq!(sent[0].0, path);
        assert!(sent[0].1.starts_with(marker) && Header::parse(&sent[0].1[marker.len()..]).is_ok());
    }
    let mut script = Script::established(|_| ());
    let request = script.request(ExchangeType::INFORMATIONAL, vec![]);
    let path = Path { local: (B, 500).into(), remote: (A, 7777).into() };
    assert_eq!(script.pass(path, &request)[0].0, path);
}

/// §3.5: identities of every type are accepted, and sent.
#[test]
fn every_type_of_identity_authenticates() {
    let names = ["192.0.2.77", "2001:db8::77", "gw.example", "ann@example.org", "@#00ff10"];
    for identity in names.map(|name| Identity::parse_text(name).expect("an identity")) {
        let mut script = Script::new(EndpointConfig::default(), |connection| {
            connection.remote_id = identity.clone();
            connection.local_id = identity.clone();
        });
        script.sa_init();
        let payloads = script.auth_payloads(&identity);
        let answer = script.ask(ExchangeType::IKE_AUTH, payloads);
        assert_eq!(answer.payloads.first(), Some(&Payload::IdResponder(identity)));
        assert!(stands(&script));
    }
}

/// §2.8: what the peer may send on is received before the answer leaves.
#[test]
fn the_inbound_half_is_installed_with_the_answer() {
    let script = Script::established(|_| ());
    assert!(matches!(script.events.first(), Some(Event::InstallInbound(_))), "{:?}", script.events);
    assert!(script.events.iter().any(|event| matches!(event, Event::InstallOutbound(_))));
}

/// §2.1: what is not repeated is not answered again; what is gets the same octets.
#[test]
fn an_answer_goes_again_only_when_asked_again() {
    let mut script = Script::established(|_| ());
    let request = script.request(ExchangeType::INFORMATIONAL, vec![]);
    let first = script.pass(Script::path(), &request);
    assert!(script.wait(seconds(600)).is_empty());
    assert_eq!(script.pass(Script::path(), &request), first);
    let next = script.request(ExchangeType::INFORMATIONAL, vec![]);
    assert_eq!(script.pass(Script::path(), &next).len(), 1);
    assert!(script.pass(Script::path(), &request).is_empty(), "forgotten by now, so ignored");
}

/// §3.3.6, §3.4: a key exchange nobody wants is left out of the answer.
#[test]
fn a_public_value_not_wanted_is_ignored() {
    let mut script = Script::established(crate::script::without_key_exchange);
    let nonce = script.nonce();
    let public = vec![9; 32];
    let mut payloads = crate::script::child_of(Spi(0x5c51_0002), &[KeId::CURVE_25519, KeId::NONE]);
    payloads.push(Payload::Nonce(nonce));
    payloads.push(Payload::KeyExchange(KeyExchange { method: KeId::CURVE_25519, public }));
    let answer = &script.say(ExchangeType::CREATE_CHILD_SA, payloads)[0];
    assert!(!proposals(answer).is_empty() && key_exchange(answer).is_none());
}
