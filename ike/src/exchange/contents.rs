//! The payloads of one message sorted by type, and its notifications waiting to be understood.

use crate::error::{Error, Misbehaved};
use crate::wire::{
    Authentication, Certificate, CertificateRequest, Configuration, Delete, ExchangeType, Identification,
    KeyExchange, Message, Nonce, Notify, NotifyType, Payload, PayloadType, SecurityAssociation,
    TrafficSelector, VendorId,
};

/// One message's payloads. What may occur once is an `Option`: twice is refused when sorting.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) sa: Option<SecurityAssociation>,
    pub(super) ke: Option<KeyExchange>,
    pub(super) nonce: Option<Nonce>,
    pub(super) id_initiator: Option<Identification>,
    pub(super) id_responder: Option<Identification>,
    pub(super) authentication: Option<Authentication>,
    pub(super) ts_initiator: Option<Vec<TrafficSelector>>,
    pub(super) ts_responder: Option<Vec<TrafficSelector>>,
    pub(super) configuration: Option<Configuration>,
    pub(super) certificates: Vec<Certificate>,
    pub(super) certificate_requests: Vec<CertificateRequest>,
    pub(super) deletes: Vec<Delete>,
    pub(super) vendor_ids: Vec<VendorId>,
    pub(super) notifies: Notifies,
}

/// Notifications not yet lifted into a field.
#[derive(Debug, Default)]
pub(super) struct Notifies(Vec<Notify>);

impl Contents {
    /// Sorts the payloads of `message`.
    pub(super) fn sort(message: &Message) -> Result<Self, Misbehaved> {
        let exchange = message.header.exchange;
        let mut contents = Self::default();
        for payload in message.payloads.iter().cloned() {
            let kind = payload.kind();
            let doubled = match payload {
                Payload::SecurityAssociation(sa) => contents.sa.replace(sa).is_some(),
                Payload::KeyExchange(ke) => contents.ke.replace(ke).is_some(),
                Payload::Nonce(nonce) => contents.nonce.replace(nonce).is_some(),
                Payload::IdInitiator(id) => contents.id_initiator.replace(id).is_some(),
                Payload::IdResponder(id) => contents.id_responder.replace(id).is_some(),
                Payload::Authentication(auth) => contents.authentication.replace(auth).is_some(),
                Payload::TsInitiator(ts) => contents.ts_initiator.replace(ts).is_some(),
                Payload::TsResponder(ts) => contents.ts_responder.replace(ts).is_some(),
                Payload::Configuration(cp) => contents.configuration.replace(cp).is_some(),
                Payload::Certificate(cert) => push(&mut contents.certificates, cert),
                Payload::CertificateRequest(request) => push(&mut contents.certificate_requests, request),
                Payload::Delete(delete) => push(&mut contents.deletes, delete),
                Payload::VendorId(vendor) => push(&mut contents.vendor_ids, vendor),
                Payload::Notify(notify) => push(&mut contents.notifies.0, notify),
                // EAP is asked for by leaving out AUTH; nobody here does (RFC 7296 §2.16).
                Payload::Eap(_) => false,
            };
            if doubled {
                return Err(Misbehaved::Repeated { exchange, payload: kind });
            }
        }
        Ok(contents)
    }
}

/// Keeps one of the payloads that may come often; never doubled.
fn push<T>(list: &mut Vec<T>, item: T) -> bool {
    list.push(item);
    false
}

/// Refuses the absence of a payload.
pub(super) fn required<T>(
    found: Option<T>,
    exchange: ExchangeType,
    payload: PayloadType,
) -> Result<T, Error> {
    found.ok_or(Error::PeerMisbehaved(Misbehaved::Missing { exchange, payload }))
}

impl Notifies {
    /// Whether a notification that is only its type is there; lifts it.
    pub(super) fn flag(&mut self, kind: NotifyType) -> bool {
        !self.all(kind).is_empty()
    }

    /// Lifts every notification of the type.
    pub(super) fn all(&mut self, kind: NotifyType) -> Vec<Notify> {
        self.0.extract_if(.., |notify| notify.kind == kind).collect()
    }

    /// Lifts the notification of the type, of which there may be one.
    pub(super) fn one(&mut self, kind: NotifyType) -> Result<Option<Notify>, Misbehaved> {
        let mut found = self.all(kind);
        let first = found.pop();
        if found.is_empty() { Ok(first) } else { Err(Misbehaved::RepeatedNotify(kind)) }
    }

    /// The first error of any type, recognised or not.
    pub(super) fn error(&self) -> Option<&Notify> {
        self.0.iter().find(|notify| notify.kind.is_error())
    }

    /// What nobody lifted, errors in a request included: they are ignored there (RFC 7296 §3.10.1).
    pub(super) fn rest(self) -> Vec<Notify> {
        self.0
    }
}

/// Payloads of an answer that only says no.
pub(super) fn refusal(notify: &Notify) -> Vec<Payload> {
    vec![Payload::Notify(notify.clone())]
}

/// Appends a notification without data, if `set`.
pub(super) fn push_flag(payloads: &mut Vec<Payload>, set: bool, kind: NotifyType) {
    if set {
        payloads.push(Payload::Notify(Notify::new(kind)));
    }
}
