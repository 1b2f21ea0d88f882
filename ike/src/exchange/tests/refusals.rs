//! For each exchange and role: each required payload left out, each single one doubled.

use super::*;
use crate::wire::{PayloadType, Protocol};

fn outcome(message: &Message) -> Result<(), Error> {
    if message.header.response {
        Response::try_from(message).map(|_| ())
    } else {
        Request::try_from(message).map(|_| ())
    }
}

/// The exchanges with their smallest complete chains.
fn complete() -> Vec<Message> {
    vec![
        request(ExchangeType::IKE_SA_INIT, sample::sa_init()),
        response(ExchangeType::IKE_SA_INIT, sample::sa_init()),
        request(ExchangeType::IKE_AUTH, sample::auth_request()),
        response(ExchangeType::IKE_AUTH, sample::auth_response()),
        request(ExchangeType::CREATE_CHILD_SA, sample::new_child()),
        response(ExchangeType::CREATE_CHILD_SA, sample::new_child()),
        request(ExchangeType::CREATE_CHILD_SA, sample::rekey_ike()),
        response(ExchangeType::CREATE_CHILD_SA, sample::rekey_ike()),
    ]
}

#[test]
fn the_smallest_complete_messages_are_accepted() {
    for message in complete() {
        assert_eq!(outcome(&message), Ok(()), "{message:?}");
    }
}

#[test]
fn every_payload_left_out_is_missed_by_name() {
    for whole in complete() {
        for left_out in 0..whole.payloads.len() {
            let mut message = whole.clone();
            let payload = message.payloads.remove(left_out).kind();
            let exchange = message.header.exchange;
            // A request without AUTH asks for EAP (RFC 7296 §2.16).
            if payload == PayloadType::AUTH && !message.header.response {
                assert_eq!(outcome(&message), Ok(()));
                continue;
            }
            let missing = Misbehaved::Missing { exchange, payload };
            assert_eq!(outcome(&message), Err(missing.into()), "{exchange} without {payload}");
        }
    }
}

#[test]
fn every_payload_doubled_is_refused_by_name() {
    for whole in complete() {
        for payload in whole.payloads.clone() {
            let mut message = whole.clone();
            let kind = payload.kind();
            message.payloads.push(payload);
            let repeated = Misbehaved::Repeated { exchange: whole.header.exchange, payload: kind };
            let error = outcome(&message).expect_err("doubled");
            assert_eq!(error, repeated.into());
            assert_eq!(error.notify(), Some(Notify::new(NotifyType::INVALID_SYNTAX)));
        }
    }
}

#[test]
fn order_does_not_matter() {
    for mut message in complete() {
        let expected = (Request::try_from(&message), Response::try_from(&message));
        message.payloads.reverse();
        assert_eq!((Request::try_from(&message), Response::try_from(&message)), expected);
    }
}

#[test]
fn roles_and_exchanges_are_not_mixed_up() {
    let asked = request(ExchangeType::IKE_SA_INIT, sample::sa_init());
    assert_eq!(Response::try_from(&asked), Err(Misbehaved::WrongFlags.into()));
    let answered = response(ExchangeType::IKE_SA_INIT, sample::sa_init());
    assert_eq!(Request::try_from(&answered), Err(Misbehaved::WrongFlags.into()));
    let strange = request(ExchangeType(99), vec![]);
    assert_eq!(outcome(&strange), Err(Misbehaved::UnexpectedExchange(ExchangeType(99)).into()));
}

#[test]
fn proposals_that_do_not_belong_are_refused() {
    let with_sa = |mut payloads: Vec<Payload>, sa| {
        payloads.retain(|payload| payload.kind() != PayloadType::SA);
        payloads.push(sa);
        payloads
    };
    let init = |sa| outcome(&request(ExchangeType::IKE_SA_INIT, with_sa(sample::sa_init(), sa)));
    assert_eq!(init(sample::esp_sa()), Err(Misbehaved::BadProposal(Protocol::ESP).into()));
    assert_eq!(init(sample::ike_sa()), Err(Misbehaved::BadProposal(Protocol::IKE).into()));
    let auth = |sa| outcome(&request(ExchangeType::IKE_AUTH, with_sa(sample::auth_request(), sa)));
    assert_eq!(auth(sample::ike_sa()), Err(Misbehaved::BadProposal(Protocol::IKE).into()));
    let rekey = |sa| outcome(&request(ExchangeType::CREATE_CHILD_SA, with_sa(sample::rekey_ike(), sa)));
    assert_eq!(rekey(sample::initial_sa()), Err(Misbehaved::BadProposal(Protocol::IKE).into()));
}

#[test]
fn answers_choose_one_proposal() {
    let two = |message: &Message| {
        let mut message = message.clone();
        for payload in &mut message.payloads {
            if let Payload::SecurityAssociation(sa) = payload {
                sa.proposals.push(sa.proposals[0].clone());
            }
        }
        message
    };
    for message in complete() {
        let error = outcome(&two(&message)).err();
        let expected = message.header.response.then(|| Misbehaved::NotOneProposal(2).into());
        assert_eq!(error, expected, "{message:?}");
    }
}

#[test]
fn notifications_with_wrong_contents_are_refused() {
    let with = |exchange, payloads: Vec<Payload>, notifies: &[Notify]| {
        let notifies = notifies.iter().cloned().map(Payload::Notify);
        outcome(&request(exchange, payloads.into_iter().chain(notifies).collect()))
    };
    let init = |notifies: &[Notify]| with(ExchangeType::IKE_SA_INIT, sample::sa_init(), notifies);
    let data = |kind, octets| Notify::with_data(kind, vec![0; octets]);
    let bad = |kind| Err(Error::from(Misbehaved::BadNotify(kind)));
    let cookie = NotifyType::COOKIE;
    for (octets, expected) in [(0, bad(cookie)), (1, Ok(())), (64, Ok(())), (65, bad(cookie))] {
        assert_eq!(init(&[data(cookie, octets)]), expected);
    }
    let twice = Err(Misbehaved::RepeatedNotify(cookie).into());
    assert_eq!(init(&[data(cookie, 8), data(cookie, 8)]), twice);
    let (source, destination) =
        (NotifyType::NAT_DETECTION_SOURCE_IP, NotifyType::NAT_DETECTION_DESTINATION_IP);
    assert_eq!(init(&[data(source, 20), data(source, 20), data(destination, 20)]), Ok(()));
    assert_eq!(init(&[data(source, 19), data(destination, 20)]), bad(source));
    assert_eq!(init(&[data(source, 20)]), bad(source));
    assert_eq!(init(&[data(destination, 20)]), bad(destination));
    let hashes = NotifyType::SIGNATURE_HASH_ALGORITHMS;
    assert_eq!(init(&[data(hashes, 3)]), bad(hashes));
    assert_eq!(init(&[data(hashes, 0)]), bad(hashes));
    let rekey =
        |payloads| with(ExchangeType::CREATE_CHILD_SA, payloads, &[Notify::new(NotifyType::REKEY_SA)]);
    assert_eq!(rekey(sample::new_child()), bad(NotifyType::REKEY_SA));
    let named = Notify::for_child(NotifyType::REKEY_SA, crate::wire::Spi(300));
    let ike = with(ExchangeType::CREATE_CHILD_SA, sample::rekey_ike(), &[named]);
    assert_eq!(ike, bad(NotifyType::REKEY_SA));
}
