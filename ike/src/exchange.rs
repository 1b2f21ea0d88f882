//! Storey 2: exchange bodies. What a message of each exchange and role holds, complete or refused.
//!
//! A payload an exchange cannot do without is a field of type `T`, one it can do without `Option<T>`,
//! one that may come often `Vec<T>`. `TryFrom<&Message>` refuses what is missing or doubled, with an
//! [`Error`] whose `notify()` is what the peer hears; `emit` gives the payloads back, in the order of
//! the figures of RFC 7296 §1. Payloads of known types that an exchange has no use for are passed over.
//!
//! Notifications are lifted into fields where they change what the exchange means. Status types nobody
//! here knows stay in `others`; an error type in an answer, known or not, makes it a refusal
//! (RFC 7296 §3.10.1).

pub mod auth;
pub mod child;
pub mod create_child;
pub mod informational;
pub mod sa_init;

mod contents;

#[cfg(test)]
mod tests;

pub use auth::{AuthAnswer, AuthRequest, AuthResponse, ChildOutcome};
pub use child::{ChildAnswer, ChildOffer, ChildOptions};
pub use create_child::{
    CreateChildRequest, CreateChildResponse, NewChild, NewChildAnswer, RekeyIke, RekeyIkeAnswer,
};
pub use informational::Informational;
pub use sa_init::{Cookie, NatDetection, SaInitAnswer, SaInitRequest, SaInitResponse};

use crate::error::{Error, Misbehaved};
use crate::wire::{ExchangeType, Message, Payload};

/// A request, by exchange type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// IKE_SA_INIT.
    SaInit(Box<SaInitRequest>),
    /// IKE_AUTH.
    Auth(Box<AuthRequest>),
    /// CREATE_CHILD_SA.
    CreateChild(CreateChildRequest),
    /// INFORMATIONAL.
    Informational(Informational),
}

/// A response, by exchange type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// IKE_SA_INIT.
    SaInit(SaInitResponse),
    /// IKE_AUTH.
    Auth(AuthResponse),
    /// CREATE_CHILD_SA.
    CreateChild(CreateChildResponse),
    /// INFORMATIONAL.
    Informational(Informational),
}

impl TryFrom<&Message> for Request {
    type Error = Error;

    fn try_from(message: &Message) -> Result<Self, Error> {
        if message.header.response {
            return Err(Misbehaved::WrongFlags.into());
        }
        match message.header.exchange {
            ExchangeType::IKE_SA_INIT => SaInitRequest::try_from(message).map(Box::new).map(Self::SaInit),
            ExchangeType::IKE_AUTH => AuthRequest::try_from(message).map(Box::new).map(Self::Auth),
            ExchangeType::CREATE_CHILD_SA => CreateChildRequest::try_from(message).map(Self::CreateChild),
            ExchangeType::INFORMATIONAL => Informational::try_from(message).map(Self::Informational),
            other => Err(Misbehaved::UnexpectedExchange(other).into()),
        }
    }
}

impl TryFrom<&Message> for Response {
    type Error = Error;

    fn try_from(message: &Message) -> Result<Self, Error> {
        if !message.header.response {
            return Err(Misbehaved::WrongFlags.into());
        }
        match message.header.exchange {
            ExchangeType::IKE_SA_INIT => SaInitResponse::try_from(message).map(Self::SaInit),
            ExchangeType::IKE_AUTH => AuthResponse::try_from(message).map(Self::Auth),
            ExchangeType::CREATE_CHILD_SA => CreateChildResponse::try_from(message).map(Self::CreateChild),
            ExchangeType::INFORMATIONAL => Informational::try_from(message).map(Self::Informational),
            other => Err(Misbehaved::UnexpectedExchange(other).into()),
        }
    }
}

impl Request {
    /// The payloads of the request.
    #[must_use]
    pub fn emit(&self) -> Vec<Payload> {
        match self {
            Self::SaInit(body) => body.emit(),
            Self::Auth(body) => body.emit(),
            Self::CreateChild(body) => body.emit(),
            Self::Informational(body) => body.emit(),
        }
    }
}

impl Response {
    /// The payloads of the response.
    #[must_use]
    pub fn emit(&self) -> Vec<Payload> {
        match self {
            Self::SaInit(body) => body.emit(),
            Self::Auth(body) => body.emit(),
            Self::CreateChild(body) => body.emit(),
            Self::Informational(body) => body.emit(),
        }
    }
}
