//! Making a child: what is asked, how it is answered, what an answer means. RFC 7296 §1.3.1, §1.3.3, §2.17.
//!
//! The child that rides in IKE_AUTH, a new one and one that takes another's
//! place differ in little; [`super::rekey_child`] has what is only about the last.

use crate::config::{ChildConfig, ChildConfigId, Mode};
use crate::error::{Error, Local, Misbehaved, Unacceptable};
use crate::event::{ChildId, Spi};
use crate::exchange::create_child::NewChild;
use crate::exchange::{
    ChildAnswer, ChildOffer, ChildOptions, CreateChildRequest, CreateChildResponse, NewChildAnswer,
};
use crate::job::{Job, JobId, Output};
use crate::sa::child::{Agreed, Child};
use crate::sa::collision::NoncePair;
use crate::sa::context::Ctx;
use crate::sa::established::{Answering, Established, Exchange, MAX_CHILDREN};
use crate::sa::narrow::{self, Narrowed};
use crate::sa::proposal::{self, Chosen, EspChoice};
use crate::sa::tasks::Task;
use crate::sa::{Head, Role, nat};
use crate::wire::{ExchangeType, KeyExchange, Nonce, NotifyType, Proposal, TrafficSelector};
use adit_crypto::kex::{self, Started};
use adit_crypto::{KeId, Secret};

/// Unknown SPIs remembered while a child is being made.
const MAX_DELETED: usize = 8;
/// Key exchange methods the peer may send us through for one child.
const MAX_RESTARTS: u8 = 4;

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

/// The child we are making.
#[derive(Debug)]
pub(crate) struct MakingChild {
    pub(crate) config: ChildConfigId,
    pub(crate) replaces: Option<ChildId>,
    method: Option<KeId>,
    nonce: Nonce,
    spi: Spi,
    restarts: u8,
    /// The peer began to rekey the same child: its new one, and the nonces.
    pub(crate) crossing: Option<(ChildId, NoncePair)>,
    /// SPIs the peer closed meanwhile that we know nothing of: the new child may be among them.
    deleted: Vec<Spi>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    MakingKeys(JobId),
    Asked { started: Option<Box<Started>>, offered: Offered },
    Finishing { job: JobId, settled: Settled },
}

/// An answer that holds against what was offered.
#[derive(Debug)]
struct Settled {
    choice: EspChoice,
    spi_out: Spi,
    nonces: NoncePair,
    local: Vec<TrafficSelector>,
    remote: Vec<TrafficSelector>,
}

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
    fn check(&self, answer: &ChildAnswer) -> Result<(EspChoice, Spi), Error> {
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

/// The child that was asked for in IKE_AUTH, as initiator.
pub(crate) fn adopt_first(
    established: &mut Established,
    head: &Head,
    ctx: &mut Ctx<'_>,
    offered: &Offered,
    answer: ChildAnswer,
) {
    let settled = offered.check(&answer).map(|(choice, spi_out)| Settled {
        choice,
        spi_out,
        nonces: established.nonces.clone(),
        local: answer.ts_initiator,
        remote: answer.ts_responder,
    });
    let id = ctx.out.fresh_child();
    let made = settled.and_then(|settled| {
        established.make_ours(head, ctx, id, offered.config, offered.spi, settled, None, None)
    });
    match made {
        Ok(mut child) => {
            child.activate(ctx);
            established.estate.children.insert(id, child);
        }
        Err(error) => {
            established.intend(Task::DeleteStray(offered.spi));
            established.child_failed(ctx, offered.config, error);
        }
    }
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

impl MakingChild {
    /// True when this job is the one waited for.
    pub(crate) fn waits_for(&self, job: JobId) -> bool {
        match &self.phase {
            Phase::MakingKeys(waiting) | Phase::Finishing { job: waiting, .. } => *waiting == job,
            Phase::Asked { .. } => false,
        }
    }

    /// True once the peer may have seen our request.
    pub(crate) fn is_asked(&self) -> bool {
        !matches!(self.phase, Phase::MakingKeys(_))
    }
}

impl Established {
    /// True while an exchange of ours makes a child for this policy.
    pub(crate) fn makes(&self, config: ChildConfigId) -> bool {
        matches!(&self.ours, Some(Exchange::Child(making)) if making.config == config)
    }

    pub(crate) fn ask_new_child(
        &mut self,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        config: ChildConfigId,
    ) -> Result<(), Error> {
        if self.has(config) { Ok(()) } else { self.make_child(head, ctx, config, None) }
    }

    /// Begins to make a child, in the place of another or not.
    pub(crate) fn make_child(
        &mut self,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        config: ChildConfigId,
        replaces: Option<ChildId>,
    ) -> Result<(), Error> {
        let Some(child) = self.connection.child(config) else { return Ok(()) };
        let methods = child.proposals.iter().flat_map(|proposal| &proposal.key_exchange);
        let method = methods.copied().find(|method| kex::public_len(*method).is_some());
        let nonce = ctx.nonce();
        let spi = ctx.allocate_spi(self.id);
        let phase = Phase::MakingKeys(JobId(0));
        let making = MakingChild { config, replaces, method, nonce, spi, restarts: 0, crossing: None, deleted: Vec::new(), phase };
        self.make_child_keys(head, ctx, Box::new(making))
    }

    fn make_child_keys(
        &mut self,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        mut making: Box<MakingChild>,
    ) -> Result<(), Error> {
        let Some(method) = making.method else {
            return self.ask_child(head, ctx, making, None);
        };
        let rng = ctx.fork();
        making.phase = Phase::MakingKeys(ctx.job(head.id, Job::Initiate { method, rng }));
        self.ours = Some(Exchange::Child(making));
        Ok(())
    }

    fn ask_child(
        &mut self,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        mut making: Box<MakingChild>,
        keys: Option<(Box<Started>, Vec<u8>)>,
    ) -> Result<(), Error> {
        // Things may have changed while the key pair was made.
        let Some(config) = self.connection.child(making.config) else { return Ok(()) };
        if self.answering.is_some() {
            // The peer was quicker; what it asks for may be the same thing.
            self.estate.tasks.push_front(making.replaces.map_or(Task::NewChild(making.config), Task::RekeyChild));
            return Ok(());
        }
        let rekeys = match making.replaces {
            None if self.has(making.config) || self.ike_is_leaving() => return Ok(()),
            None => None,
            Some(old) => match self.estate.children.get(&old) {
                Some(old) if old.is_live() && !self.ike_is_leaving() => Some(old.spi_in),
                Some(_) | None => return Ok(()),
            },
        };
        let offered = Offered::new(config, making.spi, making.method, false);
        let (started, public) = keys.unzip();
        let ke = making.method.zip(public).map(|(method, public)| KeyExchange { method, public });
        let body =
            NewChild { rekeys, nonce: making.nonce.clone(), ke, offer: offered.emit(), others: Vec::new() };
        making.phase = Phase::Asked { started, offered };
        self.ours = Some(Exchange::Child(making));
        let payloads = CreateChildRequest::Child(Box::new(body)).emit();
        head.request(ctx, &mut self.sealer, ExchangeType::CREATE_CHILD_SA, payloads)
    }

    pub(crate) fn on_child_response(
        &mut self,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        mut making: Box<MakingChild>,
        body: Result<CreateChildResponse, Error>,
    ) {
        let error = match body {
            Ok(CreateChildResponse::Child(answer)) => match self.read_answer(head, ctx, making, *answer) {
                Ok(()) => return,
                Err((returned, error)) => {
                    // The peer has a child now that we cannot use.
                    self.intend(Task::DeleteStray(returned.spi));
                    making = returned;
                    error
                }
            },
            Ok(CreateChildResponse::InvalidKe(wanted)) if self.may_use(&making, wanted) => {
                making.restarts += 1;
                making.method = Some(wanted).filter(|wanted| *wanted != KeId::NONE);
                let config = making.config;
                if let Err(error) = self.make_child_keys(head, ctx, making) {
                    self.child_failed(ctx, config, error);
                }
                return;
            }
            Ok(CreateChildResponse::InvalidKe(wanted)) => Unacceptable::KeyExchange { wanted }.into(),
            Ok(CreateChildResponse::Refused(notify)) if notify.kind == NotifyType::TEMPORARY_FAILURE => {
                return self.postpone(head, ctx, &making);
            }
            Ok(CreateChildResponse::Refused(notify)) if notify.kind == NotifyType::CHILD_SA_NOT_FOUND => {
                return self.peer_knows_no_such_child(head, ctx, &making);
            }
            Ok(CreateChildResponse::Refused(notify)) => Error::PeerRefused(notify),
            Ok(CreateChildResponse::Ike(_)) => Misbehaved::NotOffered.into(),
            Err(error) => error,
        };
        self.making_failed(head, ctx, &making, error);
    }

    /// The peer closed a child we do not know, or not yet.
    pub(crate) fn note_deleted(&mut self, spi: Spi) {
        if let Some(Exchange::Child(making)) = &mut self.ours
            && making.is_asked()
            && making.deleted.len() < MAX_DELETED
        {
            making.deleted.push(spi);
        }
    }

    fn may_use(&self, making: &MakingChild, wanted: KeId) -> bool {
        let Some(config) = self.connection.child(making.config) else { return false };
        let known = kex::public_len(wanted).is_some() || wanted == KeId::NONE;
        let mut methods = config.proposals.iter().flat_map(|proposal| &proposal.key_exchange);
        making.restarts < MAX_RESTARTS
            && known
            && making.method != Some(wanted)
            && methods.any(|method| *method == wanted)
    }

    fn read_answer(
        &mut self,
        head: &Head,
        ctx: &mut Ctx<'_>,
        mut making: Box<MakingChild>,
        answer: NewChildAnswer,
    ) -> Result<(), (Box<MakingChild>, Error)> {
        let phase = std::mem::replace(&mut making.phase, Phase::MakingKeys(JobId(0)));
        let Phase::Asked { started, offered } = phase else {
            return Err((making, Misbehaved::NotOffered.into()));
        };
        let NewChildAnswer { nonce, ke, answer, .. } = answer;
        let (choice, spi_out) = match offered.check(&answer) {
            Ok(settled) => settled,
            Err(error) => return Err((making, error)),
        };
        let nonces = NoncePair { initiator: making.nonce.clone(), responder: nonce };
        let settled =
            Settled { choice, spi_out, nonces, local: answer.ts_initiator, remote: answer.ts_responder };
        match (choice.ke, ke, started) {
            (Some(method), Some(ke), Some(started))
                if ke.method == method && making.method == Some(method) =>
            {
                let job = ctx.job(head.id, Job::Finish { started, peer: ke.public });
                making.phase = Phase::Finishing { job, settled };
                self.ours = Some(Exchange::Child(making));
                Ok(())
            }
            (None, None, _) => self.complete_ours(head, ctx, making, settled, None),
            (Some(_), _, _) | (None, Some(_), _) => Err((making, Misbehaved::NotOffered.into())),
        }
    }

    pub(crate) fn on_child_job(
        &mut self,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        mut making: Box<MakingChild>,
        output: Output,
    ) -> Result<(), Error> {
        let phase = std::mem::replace(&mut making.phase, Phase::MakingKeys(JobId(0)));
        match (phase, output) {
            (Phase::MakingKeys(_), Output::Initiated(started, public)) => {
                self.ask_child(head, ctx, making, Some((started, public)))
            }
            (Phase::Finishing { settled, .. }, Output::Shared(shared)) => {
                if let Err((making, error)) = self.complete_ours(head, ctx, making, settled, Some(&shared)) {
                    self.intend(Task::DeleteStray(making.spi));
                    self.making_failed(head, ctx, &making, error);
                }
                Ok(())
            }
            (Phase::Finishing { .. }, _) => {
                self.intend(Task::DeleteStray(making.spi));
                let method = making.method.unwrap_or(KeId::NONE);
                self.making_failed(head, ctx, &making, Misbehaved::BadPublicValue(method).into());
                Ok(())
            }
            (Phase::MakingKeys(_) | Phase::Asked { .. }, _) => {
                self.making_failed(head, ctx, &making, Local::Unsupported("key exchange method".into()).into());
                Ok(())
            }
        }
    }

    fn complete_ours(
        &mut self,
        head: &Head,
        ctx: &mut Ctx<'_>,
        making: Box<MakingChild>,
        settled: Settled,
        shared: Option<&Secret>,
    ) -> Result<(), (Box<MakingChild>, Error)> {
        if making.deleted.contains(&settled.spi_out) {
            // Made and unmade by the peer before we came to it.
            return Err((making, Local::ClosedByPeer.into()));
        }
        let id = ctx.out.fresh_child();
        let child = match self.make_ours(
            head,
            ctx,
            id,
            making.config,
            making.spi,
            settled,
            making.replaces,
            shared,
        ) {
            Ok(child) => child,
            Err(error) => return Err((making, error)),
        };
        self.estate.children.insert(id, child);
        match making.replaces {
            Some(old) => self.take_over(ctx, old, id, making.crossing),
            None => {
                if let Some(child) = self.estate.children.get_mut(&id) {
                    child.activate(ctx);
                }
            }
        }
        self.settle_duplicates(ctx, making.config);
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "a child is made of this many things")]
    fn make_ours(
        &mut self,
        head: &Head,
        ctx: &mut Ctx<'_>,
        id: ChildId,
        config: ChildConfigId,
        spi_in: Spi,
        settled: Settled,
        replaces: Option<ChildId>,
        shared: Option<&Secret>,
    ) -> Result<Child, Error> {
        let Settled { choice, spi_out, nonces, local, remote } = settled;
        let config = self.connection.child(config).ok_or(Local::GoingDown)?;
        let keys = self.derivation.child(choice.suite, &nonces, shared, Role::Initiator);
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
            ours: true,
            replaces,
        };
        self.estate.retries.remove(&config.id);
        Ok(Child::new(ctx, self.parent(head), config, agreed))
    }

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
        if self.estate.children.len() >= MAX_CHILDREN {
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
