//! Tests of storey 2.

mod bodies;
mod properties;
mod refusals;
mod strongswan;

use super::*;
use crate::wire::tests::{generate, header, recorded};
use crate::wire::{Header, Notify, NotifyType};

/// A request of `payloads`.
fn request(exchange: ExchangeType, payloads: Vec<Payload>) -> Message {
    Message { header: Header { response: false, ..header(exchange) }, payloads }
}

/// A response of `payloads`.
fn response(exchange: ExchangeType, payloads: Vec<Payload>) -> Message {
    Message { header: Header { response: true, ..header(exchange) }, payloads }
}

fn notify(kind: NotifyType) -> Payload {
    Payload::Notify(Notify::new(kind))
}

/// The smallest complete payload chains.
mod sample {
    use adit_crypto::KeId;

    use crate::wire::*;

    pub(super) fn ke() -> Payload {
        Payload::KeyExchange(KeyExchange { method: KeId(31), public: vec![4; 32] })
    }

    pub(super) fn nonce() -> Payload {
        Payload::Nonce(Nonce::new(vec![8; 32]).expect("allowed length"))
    }

    pub(super) fn proposal(protocol: Protocol, spi: ProposalSpi) -> Proposal {
        let transforms = vec![Transform::with_key_bits(TransformType::ENCR, 20, 256)];
        Proposal { number: 1, protocol, spi, transforms }
    }

    pub(super) fn sa(proposals: Vec<Proposal>) -> Payload {
        Payload::SecurityAssociation(SecurityAssociation { proposals })
    }

    pub(super) fn initial_sa() -> Payload {
        sa(vec![proposal(Protocol::IKE, ProposalSpi::None)])
    }

    pub(super) fn esp_sa() -> Payload {
        sa(vec![proposal(Protocol::ESP, ProposalSpi::Child(Spi(0xc000_0001)))])
    }

    pub(super) fn ike_sa() -> Payload {
        sa(vec![proposal(Protocol::IKE, ProposalSpi::Ike(IkeSpi(77)))])
    }

    pub(super) fn ts() -> [Payload; 2] {
        let selector = TrafficSelector::host([192, 0, 2, 1].into(), 47);
        [Payload::TsInitiator(vec![selector]), Payload::TsResponder(vec![selector])]
    }

    pub(super) fn id_i() -> Payload {
        Payload::IdInitiator(Identification::fqdn("a"))
    }

    pub(super) fn id_r() -> Payload {
        Payload::IdResponder(Identification::fqdn("b"))
    }

    pub(super) fn auth() -> Payload {
        Payload::Authentication(Authentication { method: AuthMethod::SHARED_KEY_MIC, data: vec![1; 32] })
    }

    pub(super) fn sa_init() -> Vec<Payload> {
        vec![initial_sa(), ke(), nonce()]
    }

    pub(super) fn auth_request() -> Vec<Payload> {
        [id_i(), auth(), esp_sa()].into_iter().chain(ts()).collect()
    }

    pub(super) fn auth_response() -> Vec<Payload> {
        [id_r(), auth(), esp_sa()].into_iter().chain(ts()).collect()
    }

    pub(super) fn new_child() -> Vec<Payload> {
        [esp_sa(), nonce()].into_iter().chain(ts()).collect()
    }

    pub(super) fn rekey_ike() -> Vec<Payload> {
        vec![ike_sa(), nonce(), ke()]
    }
}
