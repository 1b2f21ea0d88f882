//! Whole conversations between two strongSwans, as bodies.

use super::recorded::{CBC, GCM, Recording, TS_UNACCEPTABLE};
use super::*;
use crate::wire::{HashAlgorithm, Identification, Spi};

/// One word for each message of a recording, in order.
fn story(recording: &Recording) -> Vec<&'static str> {
    recording.messages().map(|recorded| word(&recorded.open())).collect()
}

fn word(message: &Message) -> &'static str {
    if message.header.response {
        return match Response::try_from(message).expect("a response of strongSwan's") {
            Response::SaInit(SaInitResponse::Accepted(_)) => "init ok",
            Response::SaInit(_) => "init no",
            Response::Auth(AuthResponse::Accepted(answer)) => match answer.child {
                ChildOutcome::Created(_) => "auth ok",
                ChildOutcome::Refused(_) => "child refused",
                ChildOutcome::Absent => "childless",
            },
            Response::Auth(AuthResponse::Refused(_)) => "auth no",
            Response::CreateChild(CreateChildResponse::Child(_)) => "child ok",
            Response::CreateChild(CreateChildResponse::Ike(_)) => "ike ok",
            Response::CreateChild(_) => "create no",
            Response::Informational(_) => "done",
        };
    }
    match Request::try_from(message).expect("a request of strongSwan's") {
        Request::SaInit(_) => "init",
        Request::Auth(_) => "auth",
        Request::CreateChild(CreateChildRequest::Child(child)) if child.rekeys.is_some() => "rekey child",
        Request::CreateChild(CreateChildRequest::Child(_)) => "new child",
        Request::CreateChild(CreateChildRequest::Ike(_)) => "rekey ike",
        Request::Informational(body) if body.closes_ike() => "delete ike",
        Request::Informational(body) if body.closed_esp().next().is_some() => "delete child",
        Request::Informational(_) => "inform",
    }
}

#[test]
fn conversations_are_understood_from_first_to_last() {
    let start = ["init", "init ok", "auth", "auth ok", "rekey child", "child ok", "delete child", "done"];
    let end = ["rekey ike", "ike ok", "delete ike", "done", "delete ike", "done"];
    assert_eq!(story(&Recording::new(&CBC)), [&start[..], &end].concat());
    assert_eq!(story(&Recording::new(&GCM)), [&start[..], &["inform", "done"], &end].concat());
    let told = story(&Recording::new(&TS_UNACCEPTABLE));
    assert_eq!(told[..4], ["init", "init ok", "auth", "child refused"]);
    assert_eq!(told[told.len() - 2..], ["delete ike", "done"]);
}

#[test]
fn sa_init_features_are_lifted() {
    let recording = Recording::new(&GCM);
    let first = recording.messages().next().expect("SA_INIT").open();
    let body = SaInitRequest::try_from(&first).expect("complete");
    assert!(body.features.nat_detection.is_some());
    assert!(body.features.fragmentation);
    assert!(body.features.signature_hashes.contains(&HashAlgorithm::SHA2_256));
    assert_eq!(body.ke.method, adit_crypto::KeId(31));
    let again = Message { payloads: body.emit(), ..first.clone() };
    assert_eq!(SaInitRequest::try_from(&again), Ok(body));
}

#[test]
fn auth_request_is_read_and_unknown_capabilities_are_tolerated() {
    let recording = Recording::new(&GCM);
    let body = AuthRequest::try_from(&recording.messages().nth(2).expect("AUTH").open()).expect("complete");
    assert_eq!(body.id_initiator, Identification::address([192, 168, 77, 1].into()));
    assert_eq!(body.id_responder, Some(Identification::address([192, 168, 77, 2].into())));
    assert_eq!(body.authentication.map(|auth| auth.data).as_deref(), recording.values("auth").next());
    assert!(body.initial_contact && body.mobike_supported);
    let others: Vec<_> = body.others.iter().map(|notify| notify.kind).collect();
    for tolerated in [
        NotifyType::MULTIPLE_AUTH_SUPPORTED,
        NotifyType::EAP_ONLY_AUTHENTICATION,
        NotifyType::IKEV2_MESSAGE_ID_SYNC_SUPPORTED,
    ] {
        assert!(others.contains(&tolerated), "{tolerated} in {others:?}");
    }
    let child = body.child.expect("a child");
    assert!(!child.options.transport_mode);
    assert_eq!(child.ts_initiator.len(), 1);
    assert_eq!(child.ts_initiator[0].to_string(), "10.81.0.0-10.81.0.255");
}

#[test]
fn the_rekeyed_child_is_the_one_deleted() {
    let recording = Recording::new(&CBC);
    let messages: Vec<_> = recording.messages().map(|recorded| recorded.open()).collect();
    let Ok(Request::CreateChild(CreateChildRequest::Child(child))) = Request::try_from(&messages[4]) else {
        panic!("the fifth message rekeys the child")
    };
    let delete = Informational::try_from(&messages[6]).expect("the seventh deletes");
    assert_eq!(delete.closed_esp().collect::<Vec<Spi>>(), Vec::from_iter(child.rekeys));
}
