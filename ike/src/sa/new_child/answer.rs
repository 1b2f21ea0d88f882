//! Making a child the peer asks for.

use super::options;
use crate::config::{ChildConfigId, Mode};
use crate::error::{Error, Local, Misbehaved, Unacceptable};
use crate::event::{ChildId, Spi};
use crate::exchange::create_child::NewChild;
use crate::exchange::{ChildAnswer, ChildOffer, CreateChildResponse, NewChildAnswer};
use crate::job::{Job, JobId, Output};
use crate::sa::child::{Agreed, Child};
use crate::sa::collision::NoncePair;
use crate::sa::context::Ctx;
use crate::sa::established::{Answering, Established, MAX_CHILDREN};
use crate::sa::narrow::{self, Narrowed};
use crate::sa::proposal::{self, Chosen, EspChoice};
use crate::sa::{Head, Role, nat};
use crate::wire::{ExchangeType, KeyExchange, TrafficSelector};
use adit_crypto::{KeId, Secret};

/// A request of the peer's whose key exchange is being answered.
#[derive(Debug)]
pub(crate) struct AnsweringChild {
    pub(crate) job: JobId,
    accepted: Accepted,
    replaces: Option<ChildId>,
    nonces: NoncePair,
    pub(crate) id: ChildId,
}

/// An offer of the peer's that we take.
#[derive(Debug)]
struct Accepted {
    config: ChildConfigId,
    choice: EspChoice,
    spi_in: Spi,
    spi_out: Spi,
    narrowed: Narrowed,
    answer: ChildAnswer,
}

/// The child that was asked for in IKE_AUTH, as responder.
pub(crate) fn answer_first(
    established: &mut Established,
    head: &Head,
    ctx: &mut Ctx<'_>,
    offer: &ChildOffer,
) -> Result<ChildAnswer, Error> {
    let accepted = established.consider(head, ctx, offer, None, true, None)?;
    let (answer, nonces) = (accepted.answer.clone(), established.nonces.clone());
    let id = ctx.out.fresh_child();
    established.make_theirs(head, ctx, id, accepted, nonces, None, None)?;
    Ok(answer)
}

impl Established {
    /// Finds the child that is meant, and what of it both ends can have.
    fn consider(
        &self,
        head: &Head,
        ctx: &mut Ctx<'_>,
        offer: &ChildOffer,
        guessed: Option<KeId>,
        first: bool,
        old: Option<&Child>,
    ) -> Result<Accepted, Error> {
        if old.is_none() && self.estate.children.len() >= MAX_CHILDREN {
            return Err(Local::Limit("child SAs of one IKE SA").into());
        }
        let through_nat = offer.options.transport_mode && self.nat.found();
        let (here, there) = (head.path.local.ip(), head.path.remote.ip());
        let seen = |selectors: &[TrafficSelector], address| {
            if through_nat { nat::see_through(selectors, address) } else { selectors.to_vec() }
        };
        let (local, remote) = (seen(&offer.ts_responder, here), seen(&offer.ts_initiator, there));
        let mode = if offer.options.transport_mode { Mode::Transport } else { Mode::Tunnel };
        let candidates =
            self.connection.children.iter().filter(|config| old.is_none_or(|old| old.config == config.id));
        let candidates =
            candidates.filter_map(|config| Some((config, narrow::narrow(config, &local, &remote)?)));
        let best = candidates.max_by_key(|(config, narrowed)| {
            // Of two that fit alike the one that is missing is meant, then the first.
            let missing = u8::from(!self.has(config.id));
            (narrow::fit(config, narrowed, config.mode == mode), missing, std::cmp::Reverse(config.id))
        });
        let (config, narrowed) = best.ok_or(Unacceptable::TrafficSelectors)?;
        if config.mode != mode {
            return Err(Unacceptable::Mode.into());
        }
        // A child may not shrink when it is rekeyed (RFC 7296 §2.9.2).
        if old.is_some_and(|old| {
            !(narrow::within(&narrowed.local, &old.local) && narrow::within(&narrowed.remote, &old.remote))
        }) {
            return Err(Unacceptable::TrafficSelectors.into());
        }
        let spi_in = ctx.allocate_spi(self.id);
        let (Chosen { choice, answer: proposal }, spi_out) =
            proposal::choose_esp(&config.proposals, &offer.proposals, guessed, first, spi_in)?;
        // Through a NAT the peer hears its own addresses again, not those we see.
        let told = |selectors: &[TrafficSelector], asked: &[TrafficSelector]| match asked
            .first()
            .and_then(|asked| asked.addresses.single())
        {
            Some(address) if through_nat => nat::see_through(selectors, address),
            Some(_) | None => selectors.to_vec(),
        };
        let answer = ChildAnswer {
            proposal,
            ts_initiator: told(&narrowed.remote, &offer.ts_initiator),
            ts_responder: told(&narrowed.local, &offer.ts_responder),
            options: options(config.mode),
            additional_ts_possible: false,
        };
        Ok(Accepted { config: config.id, choice, spi_in, spi_out, narrowed, answer })
    }

    /// Makes the child the peer asked for; the outbound half of one that
    /// replaces another is held.
    #[expect(clippy::too_many_arguments, reason = "a child is made of this many things")]
    fn make_theirs(
        &mut self,
        head: &Head,
        ctx: &mut Ctx<'_>,
        id: ChildId,
        accepted: Accepted,
        nonces: NoncePair,
        replaces: Option<ChildId>,
        shared: Option<&Secret>,
    ) -> Result<(), Error> {
        let Accepted { config, choice, spi_in, spi_out, narrowed: Narrowed { local, remote, .. }, .. } =
            accepted;
        let config = self.connection.child(config).ok_or(Local::GoingDown)?;
        let keys = self.derivation.child(choice.suite, &nonces, shared, Role::Responder);
        let keys = keys.ok_or_else(|| Local::Unsupported(choice.suite.to_string()))?;
        let carrier = self.carrier(head, ctx);
        let agreed = Agreed {
            id,
            spi_in,
            spi_out,
            choice,
            local,
            remote,
            carrier,
            nonces,
            keys,
            ours: false,
            replaces,
        };
        let mut child = Child::new(ctx, self.parent(head), config, agreed);
        let config = config.id;
        self.estate.retries.remove(&config);
        if !replaces.is_some_and(|old| self.give_way(ctx, old)) {
            child.activate(ctx);
        }
        self.estate.children.insert(id, child);
        self.settle_duplicates(ctx, config);
        Ok(())
    }

    /// The peer asks for a child, new or in another's place.
    pub(crate) fn answer_child(
        &mut self,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        request: NewChild,
    ) -> Result<(), Error> {
        let old = self.may_answer_child(ctx, request.rekeys)?;
        let NewChild { nonce, ke, offer, .. } = request;
        let old_child = old.and_then(|old| self.estate.children.get(&old));
        let accepted = self.consider(head, ctx, &offer, ke.as_ref().map(|ke| ke.method), false, old_child)?;
        let nonces = NoncePair { initiator: nonce, responder: ctx.nonce() };
        let id = ctx.out.fresh_child();
        self.note_crossing(ctx, old, id, &nonces);
        match (accepted.choice.ke, ke) {
            (Some(method), Some(ke)) => {
                let rng = ctx.fork();
                let job = ctx.job(head.id, Job::Respond { method, peer: ke.public, rng });
                let answering = AnsweringChild { job, accepted, replaces: old, nonces, id };
                self.answering = Some(Answering::Child(Box::new(answering)));
                Ok(())
            }
            (Some(_) | None, _) => self.say_child(
                head,
                ctx,
                AnsweringChild { job: JobId(0), accepted, replaces: old, nonces, id },
                None,
            ),
        }
    }

    /// The key exchange of the peer's request is answered.
    pub(crate) fn finish_answer(
        &mut self,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        answering: AnsweringChild,
        output: Output,
    ) -> Result<(), Error> {
        match output {
            Output::Responded(public, shared) => self.say_child(head, ctx, answering, Some((public, shared))),
            Output::Initiated(..) | Output::Shared(_) | Output::Refused(_) => {
                self.forget_crossing(answering.id);
                Err(Misbehaved::BadPublicValue(answering.accepted.choice.ke.unwrap_or(KeId::NONE)).into())
            }
        }
    }

    fn say_child(
        &mut self,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        answering: AnsweringChild,
        ke: Option<(Vec<u8>, Secret)>,
    ) -> Result<(), Error> {
        let AnsweringChild { accepted, replaces, nonces, id, .. } = answering;
        let (public, shared) = ke.unzip();
        let ke = accepted.choice.ke.zip(public).map(|(method, public)| KeyExchange { method, public });
        let answer = NewChildAnswer {
            nonce: nonces.responder.clone(),
            ke,
            answer: accepted.answer.clone(),
            others: Vec::new(),
        };
        self.make_theirs(head, ctx, id, accepted, nonces, replaces, shared.as_ref())?;
        let payloads = CreateChildResponse::Child(Box::new(answer)).emit();
        head.respond(ctx, &mut self.sealer, ExchangeType::CREATE_CHILD_SA, payloads)
    }
}
