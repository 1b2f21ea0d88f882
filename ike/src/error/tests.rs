//! The map from error to what the peer hears and to whose remedy it needs.

use super::*;
use crate::wire::{AuthMethod, Rule};

fn heard(error: impl Into<Error>) -> Option<NotifyType> {
    error.into().notify().map(|notify| notify.kind)
}

fn id() -> Identification {
    Identification::fqdn("peer")
}

#[test]
fn malformed_messages_are_answered_as_section_2_5_and_2_21_say() {
    let syntax = Malformed::Payload { payload: PayloadType::SA, rule: Rule::Truncated };
    assert_eq!(heard(syntax), Some(NotifyType::INVALID_SYNTAX));
    assert_eq!(heard(Malformed::MajorVersion(3)), Some(NotifyType::INVALID_MAJOR_VERSION));
    assert_eq!(heard(Malformed::MajorVersion(1)), None);
    assert_eq!(heard(Malformed::TooShort(3)), None);
    assert_eq!(heard(Malformed::ZeroSpi), None);
    let critical = Error::from(Malformed::UnsupportedCritical(PayloadType(99)));
    assert_eq!(critical.notify(), Some(Notify::unsupported_critical(PayloadType(99))));
}

#[test]
fn disagreements_carry_what_the_peer_needs_to_do_better() {
    let wanted = Error::from(Unacceptable::KeyExchange { wanted: KeId(31) });
    assert_eq!(wanted.notify().and_then(|notify| notify.wanted_ke()), Some(KeId(31)));
    let gone = Error::from(Unacceptable::NoSuchChild(Spi(0x1234)));
    assert_eq!(gone.notify().and_then(|notify| notify.esp_spi()), Some(Spi(0x1234)));
    assert_eq!(heard(Unacceptable::Proposal), Some(NotifyType::NO_PROPOSAL_CHOSEN));
    assert_eq!(heard(Unacceptable::TrafficSelectors), Some(NotifyType::TS_UNACCEPTABLE));
    assert_eq!(heard(Unacceptable::Busy), Some(NotifyType::TEMPORARY_FAILURE));
}

#[test]
fn every_doubt_about_identity_sounds_the_same() {
    let found = id();
    for doubt in [
        AuthError::NoCredentials(id()),
        AuthError::BadProof(id()),
        AuthError::WrongIdentity { expected: id(), found },
        AuthError::Method(AuthMethod::NULL),
        AuthError::Credentials("expired".into()),
    ] {
        assert_eq!(Error::from(doubt).notify(), Some(Notify::new(NotifyType::AUTHENTICATION_FAILED)));
    }
}

#[test]
fn a_refusal_is_not_answered_with_a_refusal() {
    assert_eq!(heard(Error::PeerRefused(Notify::new(NotifyType::NO_PROPOSAL_CHOSEN))), None);
    assert_eq!(heard(AuthError::RefusedByPeer), None);
    assert_eq!(heard(Misuse::UnknownId("child")), None);
    assert_eq!(heard(Local::Timeout), None);
}

#[test]
fn the_remedy_is_looked_for_on_the_right_side() {
    let refused = |kind| Error::PeerRefused(Notify::new(kind)).side();
    assert_eq!(Error::from(AuthError::BadProof(id())).side(), Side::Both);
    assert_eq!(Error::from(AuthError::NoCredentials(id())).side(), Side::Local);
    assert_eq!(Error::from(Local::Timeout).side(), Side::Network);
    assert_eq!(Error::from(Malformed::ZeroSpi).side(), Side::Peer);
    assert_eq!(refused(NotifyType::AUTHENTICATION_FAILED), Side::Both);
    assert_eq!(refused(NotifyType::NO_ADDITIONAL_SAS), Side::Peer);
    assert_eq!(refused(NotifyType::INVALID_SYNTAX), Side::Local);
}

#[test]
fn errors_read_as_sentences() {
    let error = Error::from(Misbehaved::Missing {
        exchange: crate::wire::ExchangeType::IKE_SA_INIT,
        payload: PayloadType::KE,
    });
    assert_eq!(error.to_string(), "the peer broke the protocol: IKE_SA_INIT without KE payload");
}
