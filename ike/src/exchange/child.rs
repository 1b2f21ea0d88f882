//! The part of IKE_AUTH and CREATE_CHILD_SA that makes a Child SA: SA, TSi, TSr and their conditions.

use super::contents::{Contents, push_flag, required};
use super::sa_init::the_chosen;
use crate::error::{Error, Misbehaved};
use crate::wire::{
    ExchangeType, NotifyType, Payload, PayloadType, Proposal, Protocol, SecurityAssociation, Spi,
    TrafficSelector,
};

/// SPIs below this are reserved (RFC 4303 §2.1).
const FIRST_SPI: Spi = Spi(256);

/// What a Child SA's initiator offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildOffer {
    /// ESP proposals that can be understood, each with a usable SPI; none when all were void.
    pub proposals: Vec<Proposal>,
    /// Traffic at the exchange initiator's end; empty when all selectors were of unknown types.
    pub ts_initiator: Vec<TrafficSelector>,
    /// Traffic at the responder's end.
    pub ts_responder: Vec<TrafficSelector>,
    /// Conditions.
    pub options: ChildOptions,
}

/// What the responder makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildAnswer {
    /// The ESP proposal chosen, with the responder's SPI.
    pub proposal: Proposal,
    /// Narrowed traffic at the exchange initiator's end.
    pub ts_initiator: Vec<TrafficSelector>,
    /// Narrowed traffic at the responder's end.
    pub ts_responder: Vec<TrafficSelector>,
    /// Conditions agreed to.
    pub options: ChildOptions,
    /// Other selectors would have been acceptable too, in a Child SA of their own (RFC 7296 §2.9).
    pub additional_ts_possible: bool,
}

/// Conditions of a Child SA, each a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChildOptions {
    /// USE_TRANSPORT_MODE (RFC 7296 §1.3.1).
    pub transport_mode: bool,
    /// ESP_TFC_PADDING_NOT_SUPPORTED (§1.3.1).
    pub tfc_padding_not_supported: bool,
    /// NON_FIRST_FRAGMENTS_ALSO (§1.3.1).
    pub non_first_fragments_also: bool,
}

impl ChildOffer {
    /// Lifts the offer out of `contents`.
    pub(super) fn lift(contents: &mut Contents, exchange: ExchangeType) -> Result<Self, Error> {
        let sa = required(contents.sa.take(), exchange, PayloadType::SA)?;
        Ok(Self {
            proposals: child_proposals(sa)?,
            ts_initiator: required(contents.ts_initiator.take(), exchange, PayloadType::TSI)?,
            ts_responder: required(contents.ts_responder.take(), exchange, PayloadType::TSR)?,
            options: ChildOptions::lift(contents),
        })
    }

    /// Appends conditions, SA, what stands between (nonce and public value), TSi, TSr: the order of the figures.
    pub(super) fn emit(&self, payloads: &mut Vec<Payload>, between: impl IntoIterator<Item = Payload>) {
        self.options.emit(payloads);
        emit_triple(payloads, self.proposals.clone(), between, &self.ts_initiator, &self.ts_responder);
    }
}

impl ChildAnswer {
    /// Lifts the answer out of `contents`.
    pub(super) fn lift(contents: &mut Contents, exchange: ExchangeType) -> Result<Self, Error> {
        let additional_ts_possible = contents.notifies.flag(NotifyType::ADDITIONAL_TS_POSSIBLE);
        let ChildOffer { proposals, ts_initiator, ts_responder, options } =
            ChildOffer::lift(contents, exchange)?;
        let proposal = the_chosen(proposals)?;
        Ok(Self { proposal, ts_initiator, ts_responder, options, additional_ts_possible })
    }

    /// Appends conditions, SA, what stands between (nonce and public value), TSi, TSr.
    pub(super) fn emit(&self, payloads: &mut Vec<Payload>, between: impl IntoIterator<Item = Payload>) {
        self.options.emit(payloads);
        push_flag(payloads, self.additional_ts_possible, NotifyType::ADDITIONAL_TS_POSSIBLE);
        emit_triple(payloads, vec![self.proposal.clone()], between, &self.ts_initiator, &self.ts_responder);
    }
}

impl ChildOptions {
    fn lift(contents: &mut Contents) -> Self {
        let notifies = &mut contents.notifies;
        Self {
            transport_mode: notifies.flag(NotifyType::USE_TRANSPORT_MODE),
            tfc_padding_not_supported: notifies.flag(NotifyType::ESP_TFC_PADDING_NOT_SUPPORTED),
            non_first_fragments_also: notifies.flag(NotifyType::NON_FIRST_FRAGMENTS_ALSO),
        }
    }

    fn emit(self, payloads: &mut Vec<Payload>) {
        push_flag(payloads, self.transport_mode, NotifyType::USE_TRANSPORT_MODE);
        push_flag(payloads, self.tfc_padding_not_supported, NotifyType::ESP_TFC_PADDING_NOT_SUPPORTED);
        push_flag(payloads, self.non_first_fragments_also, NotifyType::NON_FIRST_FRAGMENTS_ALSO);
    }
}

fn emit_triple(
    payloads: &mut Vec<Payload>,
    proposals: Vec<Proposal>,
    between: impl IntoIterator<Item = Payload>,
    ts_initiator: &[TrafficSelector],
    ts_responder: &[TrafficSelector],
) {
    payloads.push(Payload::SecurityAssociation(SecurityAssociation { proposals }));
    payloads.extend(between);
    payloads.push(Payload::TsInitiator(ts_initiator.to_vec()));
    payloads.push(Payload::TsResponder(ts_responder.to_vec()));
}

/// ESP proposals, without those nobody here can use: AH, unknown protocols or transform types
/// (RFC 7296 §3.3.6), reserved SPIs. One for an IKE SA does not belong and refuses the message.
fn child_proposals(sa: SecurityAssociation) -> Result<Vec<Proposal>, Misbehaved> {
    if sa.proposals.iter().any(|proposal| proposal.protocol == Protocol::IKE) {
        return Err(Misbehaved::BadProposal(Protocol::IKE));
    }
    let usable = |proposal: &Proposal| {
        proposal.protocol == Protocol::ESP
            && proposal.is_understood()
            && proposal.child_spi().is_some_and(|spi| spi >= FIRST_SPI)
    };
    Ok(sa.proposals.into_iter().filter(usable).collect())
}
