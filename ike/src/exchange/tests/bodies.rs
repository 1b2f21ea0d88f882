//! What the bodies make of notifications and of what cannot be used.

use adit_crypto::KeId;

use super::*;
use crate::wire::{Delete, ProposalSpi, Protocol, Spi, Transform, TransformType};

fn sa_init_response(payloads: Vec<Payload>) -> Result<SaInitResponse, Error> {
    SaInitResponse::try_from(&response(ExchangeType::IKE_SA_INIT, payloads))
}

#[test]
fn sa_init_answers_are_told_apart() {
    let cookie = Notify::with_data(NotifyType::COOKIE, vec![1, 2, 3]);
    let expected = SaInitResponse::Cookie(Cookie::new(vec![1, 2, 3]).expect("allowed length"));
    assert_eq!(sa_init_response(vec![Payload::Notify(cookie)]), Ok(expected));
    let ke = Payload::Notify(Notify::invalid_ke(KeId(19)));
    assert_eq!(sa_init_response(vec![ke]), Ok(SaInitResponse::InvalidKe(KeId(19))));
    let no = notify(NotifyType::NO_PROPOSAL_CHOSEN);
    let refused = SaInitResponse::Refused(Notify::new(NotifyType::NO_PROPOSAL_CHOSEN));
    assert_eq!(sa_init_response(vec![no]), Ok(refused));
    let short = Payload::Notify(Notify::with_data(NotifyType::INVALID_KE_PAYLOAD, vec![1]));
    let bad = Misbehaved::BadNotify(NotifyType::INVALID_KE_PAYLOAD);
    assert_eq!(sa_init_response(vec![short]), Err(bad.into()));
    assert!(matches!(sa_init_response(sample::sa_init()), Ok(SaInitResponse::Accepted(_))));
}

#[test]
fn an_error_nobody_knows_makes_an_answer_a_refusal() {
    let strange = NotifyType(9999);
    let mut payloads = sample::sa_init();
    payloads.push(notify(strange));
    assert_eq!(sa_init_response(payloads), Ok(SaInitResponse::Refused(Notify::new(strange))));
}

#[test]
fn an_error_in_a_request_and_a_status_nobody_knows_are_ignored() {
    let mut payloads = sample::sa_init();
    payloads.extend([notify(NotifyType(9999)), notify(NotifyType(40_000))]);
    let body = SaInitRequest::try_from(&request(ExchangeType::IKE_SA_INIT, payloads)).expect("tolerated");
    assert_eq!(body.features.others.len(), 2);
}

#[test]
fn the_cookie_goes_first() {
    let mut payloads = sample::sa_init();
    payloads.push(Payload::Notify(Notify::with_data(NotifyType::COOKIE, vec![7; 8])));
    let body = SaInitRequest::try_from(&request(ExchangeType::IKE_SA_INIT, payloads)).expect("complete");
    let first = Payload::Notify(Notify::with_data(NotifyType::COOKIE, vec![7; 8]));
    assert_eq!(body.emit().first(), Some(&first));
}

#[test]
fn proposals_nobody_here_can_use_are_passed_over() {
    let good = sample::proposal(Protocol::ESP, ProposalSpi::Child(Spi(256)));
    let mut strange = good.clone();
    strange.transforms.push(Transform::new(TransformType(99), 1));
    let reserved = sample::proposal(Protocol::ESP, ProposalSpi::Child(Spi(255)));
    let ah = sample::proposal(Protocol::AH, ProposalSpi::Child(Spi(256)));
    let foreign = sample::proposal(Protocol(9), ProposalSpi::Foreign(vec![1]));
    let offers = vec![strange, reserved, ah, foreign, good.clone()];
    let payloads = [sample::sa(offers), sample::nonce()].into_iter().chain(sample::ts()).collect();
    let body = CreateChildRequest::try_from(&request(ExchangeType::CREATE_CHILD_SA, payloads));
    let Ok(CreateChildRequest::Child(child)) = body else { panic!("a request for a child: {body:?}") };
    assert_eq!(child.offer.proposals, [good]);
}

#[test]
fn an_answer_that_chooses_what_cannot_be_used_has_no_proposal() {
    let reserved = sample::proposal(Protocol::ESP, ProposalSpi::Child(Spi(255)));
    let payloads = [sample::sa(vec![reserved]), sample::nonce()].into_iter().chain(sample::ts()).collect();
    let body = CreateChildResponse::try_from(&response(ExchangeType::CREATE_CHILD_SA, payloads));
    assert_eq!(body, Err(Misbehaved::NotOneProposal(0).into()));
}

#[test]
fn a_childless_request_is_complete() {
    let payloads = vec![sample::id_i(), sample::auth()];
    let body = AuthRequest::try_from(&request(ExchangeType::IKE_AUTH, payloads)).expect("complete");
    assert_eq!(body.child, None);
}

fn auth_response(payloads: Vec<Payload>) -> Result<AuthResponse, Error> {
    AuthResponse::try_from(&response(ExchangeType::IKE_AUTH, payloads))
}

#[test]
fn a_child_refused_does_not_refuse_the_ike_sa() {
    let no = Notify::new(NotifyType::TS_UNACCEPTABLE);
    let payloads = vec![sample::id_r(), sample::auth(), Payload::Notify(no.clone())];
    let Ok(AuthResponse::Accepted(answer)) = auth_response(payloads) else { panic!("authenticated") };
    assert_eq!(answer.child, ChildOutcome::Refused(no));
    assert!(answer.others.is_empty());
}

#[test]
fn without_proof_an_error_refuses_everything() {
    let no = Notify::new(NotifyType::NO_PROPOSAL_CHOSEN);
    let payloads = vec![sample::id_r(), Payload::Notify(no.clone())];
    assert_eq!(auth_response(payloads), Ok(AuthResponse::Refused(no)));
}

#[test]
fn a_failed_authentication_is_a_refusal_whatever_comes_with_it() {
    let mut payloads = sample::auth_response();
    payloads.push(notify(NotifyType::AUTHENTICATION_FAILED));
    let no = Notify::new(NotifyType::AUTHENTICATION_FAILED);
    assert_eq!(auth_response(payloads), Ok(AuthResponse::Refused(no)));
}

#[test]
fn conditions_of_a_child_are_lifted_both_ways() {
    let flags = [
        NotifyType::USE_TRANSPORT_MODE,
        NotifyType::ESP_TFC_PADDING_NOT_SUPPORTED,
        NotifyType::NON_FIRST_FRAGMENTS_ALSO,
        NotifyType::ADDITIONAL_TS_POSSIBLE,
    ];
    let payloads = sample::new_child().into_iter().chain(flags.map(notify)).collect();
    let body = CreateChildResponse::try_from(&response(ExchangeType::CREATE_CHILD_SA, payloads));
    let Ok(CreateChildResponse::Child(child)) = body else { panic!("a child: {body:?}") };
    let all = ChildOptions {
        transport_mode: true,
        tfc_padding_not_supported: true,
        non_first_fragments_also: true,
    };
    assert_eq!(child.answer.options, all);
    assert!(child.answer.additional_ts_possible);
    assert!(child.others.is_empty());
}

#[test]
fn rekeying_names_the_child() {
    let mut payloads = sample::new_child();
    payloads.push(Payload::Notify(Notify::for_child(NotifyType::REKEY_SA, Spi(0xabcd))));
    let body = CreateChildRequest::try_from(&request(ExchangeType::CREATE_CHILD_SA, payloads));
    let Ok(CreateChildRequest::Child(child)) = body else { panic!("a child: {body:?}") };
    assert_eq!(child.rekeys, Some(Spi(0xabcd)));
}

#[test]
fn refusals_of_create_child_keep_their_reason() {
    for kind in [
        NotifyType::TEMPORARY_FAILURE,
        NotifyType::CHILD_SA_NOT_FOUND,
        NotifyType::NO_ADDITIONAL_SAS,
        NotifyType::TS_UNACCEPTABLE,
        NotifyType(1234),
    ] {
        let message = response(ExchangeType::CREATE_CHILD_SA, vec![notify(kind)]);
        let expected = CreateChildResponse::Refused(Notify::new(kind));
        assert_eq!(CreateChildResponse::try_from(&message), Ok(expected));
    }
    let ke = response(ExchangeType::CREATE_CHILD_SA, vec![Payload::Notify(Notify::invalid_ke(KeId(14)))]);
    assert_eq!(CreateChildResponse::try_from(&ke), Ok(CreateChildResponse::InvalidKe(KeId(14))));
}

#[test]
fn informational_bodies() {
    let empty = Informational::try_from(&request(ExchangeType::INFORMATIONAL, vec![]));
    assert_eq!(empty, Ok(Informational::default()));
    let payloads = vec![
        Payload::Delete(Delete::esp(vec![Spi(1), Spi(2)])),
        Payload::Delete(Delete::Child { protocol: Protocol::AH, spis: vec![Spi(3)] }),
        notify(NotifyType::AUTHENTICATION_FAILED),
    ];
    let body = Informational::try_from(&request(ExchangeType::INFORMATIONAL, payloads)).expect("any will do");
    assert_eq!(body.closed_esp().collect::<Vec<_>>(), [Spi(1), Spi(2)]);
    assert!(!body.closes_ike());
    assert_eq!(body.error().map(|notify| notify.kind), Some(NotifyType::AUTHENTICATION_FAILED));
    assert!(Informational::delete_ike().closes_ike());
}
