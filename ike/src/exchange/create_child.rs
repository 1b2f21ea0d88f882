//! CREATE_CHILD_SA: a new Child SA, a rekeyed one, or a rekeyed IKE SA (RFC 7296 §1.3).
//!
//! ```text
//! HDR, SK {[N(REKEY_SA),] SA, Ni, [KEi,] TSi, TSr} -->   new or rekeyed Child SA
//!                                  <-- HDR, SK {SA, Nr, [KEr,] TSi, TSr}
//! HDR, SK {SA, Ni, KEi} -->                              rekeyed IKE SA
//!                                  <-- HDR, SK {SA, Nr, KEr}
//! ```

use adit_crypto::KeId;

use super::child::{ChildAnswer, ChildOffer};
use super::contents::{Contents, Notifies, refusal, required};
use super::sa_init::the_chosen;
use crate::error::{Error, Misbehaved};
use crate::wire::{
    ExchangeType, KeyExchange, Message, Nonce, Notify, NotifyType, Payload, PayloadType, Proposal, Protocol,
    SecurityAssociation, Spi,
};

const EXCHANGE: ExchangeType = ExchangeType::CREATE_CHILD_SA;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateChildRequest {
    /// A Child SA, new or in place of another.
    Child(Box<NewChild>),
    /// A new IKE SA in place of this one.
    Ike(Box<RekeyIke>),
}

/// Request for a Child SA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewChild {
    /// REKEY_SA: the Child SA replaced, by the SPI the sender receives on (§1.3.3).
    pub rekeys: Option<Spi>,
    /// Ni.
    pub nonce: Nonce,
    /// Public value, for fresh keys.
    pub ke: Option<KeyExchange>,
    /// Proposals, selectors, conditions.
    pub offer: ChildOffer,
    /// Notifications that mean nothing here.
    pub others: Vec<Notify>,
}

/// Request for a new IKE SA (§1.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RekeyIke {
    /// Proposals that can be understood, each with the sender's new IKE SPI; none when all were void.
    pub proposals: Vec<Proposal>,
    /// Ni.
    pub nonce: Nonce,
    /// Public value; the exchange is not optional here.
    pub ke: KeyExchange,
    /// Notifications that mean nothing here.
    pub others: Vec<Notify>,
}

/// What the responder says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateChildResponse {
    /// The Child SA stands.
    Child(Box<NewChildAnswer>),
    /// The new IKE SA stands.
    Ike(Box<RekeyIkeAnswer>),
    /// Come again with a public value of this method (§1.3).
    InvalidKe(KeId),
    /// No: NO_PROPOSAL_CHOSEN, TS_UNACCEPTABLE, NO_ADDITIONAL_SAS, TEMPORARY_FAILURE, CHILD_SA_NOT_FOUND, …
    Refused(Notify),
}

/// Answer about a Child SA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewChildAnswer {
    /// Nr.
    pub nonce: Nonce,
    /// Public value, if a method was chosen.
    pub ke: Option<KeyExchange>,
    /// Proposal chosen, selectors narrowed, conditions agreed to.
    pub answer: ChildAnswer,
    /// Notifications that mean nothing here.
    pub others: Vec<Notify>,
}

/// Answer about an IKE SA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RekeyIkeAnswer {
    /// The proposal chosen, with the responder's new IKE SPI.
    pub proposal: Proposal,
    /// Nr.
    pub nonce: Nonce,
    /// Public value.
    pub ke: KeyExchange,
    /// Notifications that mean nothing here.
    pub others: Vec<Notify>,
}

impl TryFrom<&Message> for CreateChildRequest {
    type Error = Error;

    fn try_from(message: &Message) -> Result<Self, Error> {
        let mut contents = Contents::sort(message)?;
        let rekeys = rekeyed(&mut contents.notifies)?;
        let nonce = required(contents.nonce.take(), EXCHANGE, PayloadType::NONCE)?;
        if !is_ike(&contents) {
            let offer = ChildOffer::lift(&mut contents, EXCHANGE)?;
            let others = contents.notifies.rest();
            return Ok(Self::Child(Box::new(NewChild { rekeys, nonce, ke: contents.ke, offer, others })));
        }
        if rekeys.is_some() {
            return Err(Misbehaved::BadNotify(NotifyType::REKEY_SA).into());
        }
        let sa = required(contents.sa.take(), EXCHANGE, PayloadType::SA)?;
        Ok(Self::Ike(Box::new(RekeyIke {
            proposals: ike_proposals(sa)?,
            nonce,
            ke: required(contents.ke, EXCHANGE, PayloadType::KE)?,
            others: contents.notifies.rest(),
        })))
    }
}

impl TryFrom<&Message> for CreateChildResponse {
    type Error = Error;

    fn try_from(message: &Message) -> Result<Self, Error> {
        let mut contents = Contents::sort(message)?;
        if let Some(notify) = contents.notifies.error() {
            return match notify.wanted_ke() {
                Some(wanted) => Ok(Self::InvalidKe(wanted)),
                None if notify.kind == NotifyType::INVALID_KE_PAYLOAD => {
                    Err(Misbehaved::BadNotify(notify.kind).into())
                }
                None => Ok(Self::Refused(notify.clone())),
            };
        }
        let nonce = required(contents.nonce.take(), EXCHANGE, PayloadType::NONCE)?;
        if !is_ike(&contents) {
            let answer = ChildAnswer::lift(&mut contents, EXCHANGE)?;
            let others = contents.notifies.rest();
            return Ok(Self::Child(Box::new(NewChildAnswer { nonce, ke: contents.ke, answer, others })));
        }
        let sa = required(contents.sa.take(), EXCHANGE, PayloadType::SA)?;
        Ok(Self::Ike(Box::new(RekeyIkeAnswer {
            proposal: the_chosen(ike_proposals(sa)?)?,
            nonce,
            ke: required(contents.ke, EXCHANGE, PayloadType::KE)?,
            others: contents.notifies.rest(),
        })))
    }
}

/// Whether the message is about an IKE SA: its proposals are for one and no selectors are there.
fn is_ike(contents: &Contents) -> bool {
    let ike =
        |sa: &SecurityAssociation| sa.proposals.iter().any(|proposal| proposal.protocol == Protocol::IKE);
    contents.sa.as_ref().is_some_and(ike)
        && contents.ts_initiator.is_none()
        && contents.ts_responder.is_none()
}

/// The Child SA that REKEY_SA names; an ESP SPI or nothing.
fn rekeyed(notifies: &mut Notifies) -> Result<Option<Spi>, Misbehaved> {
    let Some(notify) = notifies.one(NotifyType::REKEY_SA)? else { return Ok(None) };
    notify.esp_spi().map(Some).ok_or(Misbehaved::BadNotify(NotifyType::REKEY_SA))
}

/// Proposals for a rekeyed IKE SA: each carries the sender's new SPI (RFC 7296 §3.3.1). Those with
/// transforms of an unknown type are passed over (§3.3.6).
fn ike_proposals(sa: SecurityAssociation) -> Result<Vec<Proposal>, Misbehaved> {
    let right = |proposal: &Proposal| proposal.ike_spi().is_some_and(|spi| !spi.is_zero());
    if let Some(proposal) = sa.proposals.iter().find(|proposal| !right(proposal)) {
        return Err(Misbehaved::BadProposal(proposal.protocol));
    }
    Ok(sa.proposals.into_iter().filter(Proposal::is_understood).collect())
}

impl CreateChildRequest {
    /// The payloads of the request.
    #[must_use]
    pub fn emit(&self) -> Vec<Payload> {
        match self {
            Self::Child(child) => child.emit(),
            Self::Ike(ike) => {
                let mut payloads = vec![
                    Payload::SecurityAssociation(SecurityAssociation { proposals: ike.proposals.clone() }),
                    Payload::Nonce(ike.nonce.clone()),
                    Payload::KeyExchange(ike.ke.clone()),
                ];
                payloads.extend(ike.others.iter().cloned().map(Payload::Notify));
                payloads
            }
        }
    }
}

/// Nonce and public value.
fn freshness(nonce: &Nonce, ke: Option<&KeyExchange>) -> impl Iterator<Item = Payload> {
    [Payload::Nonce(nonce.clone())].into_iter().chain(ke.cloned().map(Payload::KeyExchange))
}

impl NewChild {
    fn emit(&self) -> Vec<Payload> {
        let mut payloads = Vec::new();
        let rekeys = self.rekeys.map(|spi| Notify::for_child(NotifyType::REKEY_SA, spi));
        payloads.extend(rekeys.map(Payload::Notify));
        self.offer.emit(&mut payloads, freshness(&self.nonce, self.ke.as_ref()));
        payloads.extend(self.others.iter().cloned().map(Payload::Notify));
        payloads
    }
}

impl CreateChildResponse {
    /// The payloads of the response.
    #[must_use]
    pub fn emit(&self) -> Vec<Payload> {
        let (mut payloads, others) = match self {
            Self::InvalidKe(wanted) => return refusal(&Notify::invalid_ke(*wanted)),
            Self::Refused(notify) => return refusal(notify),
            Self::Child(child) => {
                let mut payloads = Vec::new();
                child.answer.emit(&mut payloads, freshness(&child.nonce, child.ke.as_ref()));
                (payloads, &child.others)
            }
            Self::Ike(ike) => {
                let proposals = vec![ike.proposal.clone()];
                let sa = Payload::SecurityAssociation(SecurityAssociation { proposals });
                let rest = [Payload::Nonce(ike.nonce.clone()), Payload::KeyExchange(ike.ke.clone())];
                ([sa].into_iter().chain(rest).collect(), &ike.others)
            }
        };
        payloads.extend(others.iter().cloned().map(Payload::Notify));
        payloads
    }
}
