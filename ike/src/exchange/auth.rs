//! IKE_AUTH (RFC 7296 §1.2, §2.21.2; RFC 6023 for an exchange without a Child SA).
//!
//! ```text
//! HDR, SK {IDi, [CERT,] [CERTREQ,] [IDr,] AUTH, SAi2, TSi, TSr} -->
//!                            <-- HDR, SK {IDr, [CERT,] AUTH, SAr2, TSi, TSr}
//!                         or <-- HDR, SK {IDr, [CERT,] AUTH, N(error)}    no Child SA
//!                         or <-- HDR, SK {N(error)}                       no IKE SA
//! ```

use super::child::{ChildAnswer, ChildOffer};
use super::contents::{Contents, push_flag, refusal, required};
use crate::error::Error;
use crate::wire::{
    Authentication, Certificate, CertificateRequest, Configuration, ExchangeType, Identification, Message,
    Notify, NotifyType, Payload, PayloadType, VendorId,
};

const EXCHANGE: ExchangeType = ExchangeType::IKE_AUTH;

/// The initiator proves who it is and asks for a first Child SA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthRequest {
    /// IDi.
    pub id_initiator: Identification,
    /// The initiator's certificates.
    pub certificates: Vec<Certificate>,
    /// Certificates it would like to see.
    pub certificate_requests: Vec<CertificateRequest>,
    /// Which of the responder's identities is meant.
    pub id_responder: Option<Identification>,
    /// The proof; absent when the initiator asks for EAP (§2.16).
    pub authentication: Option<Authentication>,
    /// Asks for addresses.
    pub configuration: Option<Configuration>,
    /// The Child SA; absent in a childless exchange.
    pub child: Option<ChildOffer>,
    /// INITIAL_CONTACT: this is the only IKE SA between the two identities (§2.4).
    pub initial_contact: bool,
    /// MOBIKE_SUPPORTED (RFC 4555 §3.1).
    pub mobike_supported: bool,
    /// Vendor ids.
    pub vendor_ids: Vec<VendorId>,
    /// Notifications that mean nothing here.
    pub others: Vec<Notify>,
}

/// What the responder says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthResponse {
    /// The IKE SA stands; the Child SA may or may not.
    Accepted(Box<AuthAnswer>),
    /// There is no IKE SA.
    Refused(Notify),
}

/// The responder's proof and what came of the Child SA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthAnswer {
    /// IDr.
    pub id_responder: Identification,
    /// The responder's certificates.
    pub certificates: Vec<Certificate>,
    /// The proof.
    pub authentication: Authentication,
    /// Addresses given.
    pub configuration: Option<Configuration>,
    /// The Child SA.
    pub child: ChildOutcome,
    /// INITIAL_CONTACT (§2.4).
    pub initial_contact: bool,
    /// MOBIKE_SUPPORTED (RFC 4555 §3.1).
    pub mobike_supported: bool,
    /// Vendor ids.
    pub vendor_ids: Vec<VendorId>,
    /// Notifications that mean nothing here.
    pub others: Vec<Notify>,
}

/// What came of the Child SA asked for together with the IKE SA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChildOutcome {
    /// It stands.
    Created(ChildAnswer),
    /// It does not, though the IKE SA does.
    Refused(Notify),
    /// None was made and nothing said: a childless exchange.
    Absent,
}

impl TryFrom<&Message> for AuthRequest {
    type Error = Error;

    fn try_from(message: &Message) -> Result<Self, Error> {
        let mut contents = Contents::sort(message)?;
        let child =
            if asks_for_child(&contents) { Some(ChildOffer::lift(&mut contents, EXCHANGE)?) } else { None };
        Ok(Self {
            id_initiator: required(contents.id_initiator, EXCHANGE, PayloadType::IDI)?,
            certificates: contents.certificates,
            certificate_requests: contents.certificate_requests,
            id_responder: contents.id_responder,
            authentication: contents.authentication,
            configuration: contents.configuration,
            child,
            initial_contact: contents.notifies.flag(NotifyType::INITIAL_CONTACT),
            mobike_supported: contents.notifies.flag(NotifyType::MOBIKE_SUPPORTED),
            vendor_ids: contents.vendor_ids,
            others: contents.notifies.rest(),
        })
    }
}

impl TryFrom<&Message> for AuthResponse {
    type Error = Error;

    fn try_from(message: &Message) -> Result<Self, Error> {
        let mut contents = Contents::sort(message)?;
        let error = contents.notifies.error().cloned();
        if let Some(error) = &error
            && (error.kind == NotifyType::AUTHENTICATION_FAILED
                || contents.id_responder.is_none()
                || contents.authentication.is_none())
        {
            return Ok(Self::Refused(error.clone()));
        }
        let child = match error {
            Some(error) => {
                contents.notifies.all(error.kind);
                ChildOutcome::Refused(error)
            }
            None if asks_for_child(&contents) => {
                ChildOutcome::Created(ChildAnswer::lift(&mut contents, EXCHANGE)?)
            }
            None => ChildOutcome::Absent,
        };
        Ok(Self::Accepted(Box::new(AuthAnswer {
            id_responder: required(contents.id_responder, EXCHANGE, PayloadType::IDR)?,
            certificates: contents.certificates,
            authentication: required(contents.authentication, EXCHANGE, PayloadType::AUTH)?,
            configuration: contents.configuration,
            child,
            initial_contact: contents.notifies.flag(NotifyType::INITIAL_CONTACT),
            mobike_supported: contents.notifies.flag(NotifyType::MOBIKE_SUPPORTED),
            vendor_ids: contents.vendor_ids,
            others: contents.notifies.rest(),
        })))
    }
}

/// Whether any of the three payloads of a Child SA is there; then all must be.
const fn asks_for_child(contents: &Contents) -> bool {
    contents.sa.is_some() || contents.ts_initiator.is_some() || contents.ts_responder.is_some()
}

impl AuthRequest {
    /// The payloads of the request.
    #[must_use]
    pub fn emit(&self) -> Vec<Payload> {
        let mut payloads = vec![Payload::IdInitiator(self.id_initiator.clone())];
        payloads.extend(self.certificates.iter().cloned().map(Payload::Certificate));
        push_flag(&mut payloads, self.initial_contact, NotifyType::INITIAL_CONTACT);
        payloads.extend(self.certificate_requests.iter().cloned().map(Payload::CertificateRequest));
        payloads.extend(self.id_responder.clone().map(Payload::IdResponder));
        payloads.extend(self.authentication.clone().map(Payload::Authentication));
        payloads.extend(self.configuration.clone().map(Payload::Configuration));
        if let Some(child) = &self.child {
            child.emit(&mut payloads, []);
        }
        push_flag(&mut payloads, self.mobike_supported, NotifyType::MOBIKE_SUPPORTED);
        payloads.extend(self.vendor_ids.iter().cloned().map(Payload::VendorId));
        payloads.extend(self.others.iter().cloned().map(Payload::Notify));
        payloads
    }
}

impl AuthResponse {
    /// The payloads of the response.
    #[must_use]
    pub fn emit(&self) -> Vec<Payload> {
        match self {
            Self::Accepted(answer) => answer.emit(),
            Self::Refused(notify) => refusal(notify),
        }
    }
}

impl AuthAnswer {
    fn emit(&self) -> Vec<Payload> {
        let mut payloads = vec![Payload::IdResponder(self.id_responder.clone())];
        payloads.extend(self.certificates.iter().cloned().map(Payload::Certificate));
        payloads.push(Payload::Authentication(self.authentication.clone()));
        payloads.extend(self.configuration.clone().map(Payload::Configuration));
        match &self.child {
            ChildOutcome::Created(answer) => answer.emit(&mut payloads, []),
            ChildOutcome::Refused(notify) => payloads.push(Payload::Notify(notify.clone())),
            ChildOutcome::Absent => {}
        }
        push_flag(&mut payloads, self.initial_contact, NotifyType::INITIAL_CONTACT);
        push_flag(&mut payloads, self.mobike_supported, NotifyType::MOBIKE_SUPPORTED);
        payloads.extend(self.vendor_ids.iter().cloned().map(Payload::VendorId));
        payloads.extend(self.others.iter().cloned().map(Payload::Notify));
        payloads
    }
}
