//! Making a child: what is asked, how it is answered, what an answer means. RFC 7296 §1.3.1, §1.3.3, §2.17.
//!
//! The child that rides in IKE_AUTH, a new one and one that takes another's
//! place differ in little; [`super::rekey_child`] has what is only about the last.

mod answer;
mod ask;

pub(crate) use answer::{AnsweringChild, answer_first};
pub(crate) use ask::{MakingChild, adopt_first};

use crate::config::{ChildConfig, ChildConfigId, Mode};
use crate::error::{Error, Unacceptable};
use crate::event::Spi;
use crate::exchange::{ChildAnswer, ChildOffer, ChildOptions};
use crate::sa::narrow::{self};
use crate::sa::proposal::{self, EspChoice};
use crate::wire::{Proposal, TrafficSelector};
use adit_crypto::KeId;

/// What we offered.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(crate) config: ChildConfigId,
    mode: Mode,
    spi: Spi,
    proposals: Vec<Proposal>,
    local: Vec<TrafficSelector>,
    remote: Vec<TrafficSelector>,
}

impl Offered {
    pub(crate) fn new(config: &ChildConfig, spi: Spi, method: Option<KeId>, first: bool) -> Self {
        let mut proposals = proposal::esp_offer(&config.proposals, spi, !first);
        if method.is_none() && !first {
            // Without a public value only proposals that do without make sense.
            proposals.iter_mut().for_each(proposal::leave_out_key_exchange);
        }
        let (local, remote) = (config.local.clone(), config.remote.clone());
        Self { config: config.id, mode: config.mode, spi, proposals, local, remote }
    }

    pub(crate) fn emit(&self) -> ChildOffer {
        ChildOffer {
            proposals: self.proposals.clone(),
            ts_initiator: self.local.clone(),
            ts_responder: self.remote.clone(),
            options: options(self.mode),
        }
    }

    /// Checks an answer against the offer.
    pub(super) fn check(&self, answer: &ChildAnswer) -> Result<(EspChoice, Spi), Error> {
        let (choice, spi_out) = proposal::read_esp(&self.proposals, &answer.proposal)?;
        if answer.options.transport_mode != (self.mode == Mode::Transport) {
            return Err(Unacceptable::Mode.into());
        }
        let fits = narrow::within(&self.local, &answer.ts_initiator)
            && narrow::within(&self.remote, &answer.ts_responder);
        if fits { Ok((choice, spi_out)) } else { Err(Unacceptable::TrafficSelectors.into()) }
    }
}

// We pad nothing for the sake of hiding lengths, and pass any fragment that fits the selectors.
fn options(mode: Mode) -> ChildOptions {
    ChildOptions {
        transport_mode: mode == Mode::Transport,
        tfc_padding_not_supported: true,
        non_first_fragments_also: false,
    }
}
