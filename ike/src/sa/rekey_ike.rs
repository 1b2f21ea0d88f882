//! Replacing the IKE SA, and what happens when both ends do it. RFC 7296 §1.3.2, §2.8.2, §2.18, §2.25.2.

use crate::error::{Error, Misbehaved, Unacceptable};
use crate::event::{Event, IkeSaId, IkeSpi};
use crate::exchange::create_child::RekeyIke;
use crate::exchange::{CreateChildRequest, CreateChildResponse, Informational, RekeyIkeAnswer};
use crate::job::{Job, JobId, Output};
use crate::sa::closing::Closing;
use crate::sa::collision::{self, Answer, Asked, Doing, NoncePair, Redundant};
use crate::sa::context::{Ctx, Notice};
use crate::sa::established::{Answering, Established, Estate, Exchange, Foundation};
use crate::sa::keys::{Keys, Material};
use crate::sa::proposal::{self, Chosen, IkeChoice};
use crate::sa::state::State;
use crate::sa::window::Window;
use crate::sa::{Head, IkeSa, Role};
use crate::wire::{ExchangeType, KeyExchange, Nonce, Notify, NotifyType, Proposal, ProposalSpi};
use adit_crypto::kex::{self, Started};
use adit_crypto::{KeId, Secret};
use std::time::Duration;

/// Key exchange methods the peer may send us through.
const MAX_RESTARTS: u8 = 4;
/// The responder of a rekeying asks nothing on the new IKE SA before the
/// initiator was heard on it, or deleted the old, or this has passed.
const HOLD: Duration = Duration::from_secs(5);
/// How long the peer has for deleting a redundant IKE SA it made.
const GRACE: Duration = Duration::from_secs(40);

/// The IKE SA we are making.
#[derive(Debug)]
pub(crate) struct MakingIke {
    id: IkeSaId,
    spi: IkeSpi,
    nonce: Nonce,
    method: KeId,
    restarts: u8,
    /// The peer began to rekey too: its new IKE SA, and the nonces.
    crossing: Option<(IkeSaId, NoncePair)>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    MakingKeys(JobId),
    Asked {
        started: Box<Started>,
        offered: Vec<Proposal>,
    },
    Finishing {
        job: JobId,
        settled: Settled,
    },
    /// All is known, but the peer's crossing request is not answered yet.
    Ready {
        settled: Settled,
        shared: Secret,
    },
}

/// An answer that holds against what was offered.
#[derive(Debug)]
struct Settled {
    choice: IkeChoice,
    spi_r: IkeSpi,
    nonces: NoncePair,
}

/// A request of the peer's whose key exchange is being answered.
#[derive(Debug)]
pub(crate) struct AnsweringIke {
    pub(crate) job: JobId,
    id: IkeSaId,
    spi_i: IkeSpi,
    spi_r: IkeSpi,
    chosen: Chosen<IkeChoice>,
    nonces: NoncePair,
}

impl MakingIke {
    /// True when this job is the one waited for.
    pub(crate) fn waits_for(&self, job: JobId) -> bool {
        match &self.phase {
            Phase::MakingKeys(waiting) | Phase::Finishing { job: waiting, .. } => *waiting == job,
            Phase::Asked { .. } | Phase::Ready { .. } => false,
        }
    }

    fn is_asked(&self) -> bool {
        !matches!(self.phase, Phase::MakingKeys(_))
    }
}

impl Established {
    /// True while another IKE SA is about to take this one's place.
    pub(crate) fn ike_is_leaving(&self) -> bool {
        let ours = matches!(&self.ours, Some(Exchange::Ike(making)) if making.is_asked());
        ours || matches!(self.answering, Some(Answering::Ike(_)))
    }

    pub(crate) fn ask_rekey_ike(&mut self, head: &mut Head, ctx: &mut Ctx<'_>) -> Result<(), Error> {
        let nonce = ctx.nonce();
        let id = ctx.out.fresh_sa();
        let spi = ctx.allocate_ike_spi(id);
        let (method, phase) = (self.choice.ke, Phase::MakingKeys(JobId(0)));
        let making = MakingIke { id, spi, nonce, method, restarts: 0, crossing: None, phase };
        self.make_ike_keys(head, ctx, Box::new(making));
        Ok(())
    }

    fn make_ike_keys(&mut self, head: &Head, ctx: &mut Ctx<'_>, mut making: Box<MakingIke>) {
        let rng = ctx.fork();
        making.phase = Phase::MakingKeys(ctx.job(head.id, Job::Initiate { method: making.method, rng }));
        self.ours = Some(Exchange::Ike(making));
    }

    pub(crate) fn on_rekey_ike_job(
        mut self: Box<Self>,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        mut making: Box<MakingIke>,
        output: Output,
    ) -> State {
        let phase = std::mem::replace(&mut making.phase, Phase::MakingKeys(JobId(0)));
        match (phase, output) {
            (Phase::MakingKeys(_), Output::Initiated(started, public))
                if self.answering.is_none() && !self.estate.doomed =>
            {
                if let Err(error) = self.ask_ike(head, ctx, making, started, public) {
                    return self.fail(head, ctx, error);
                }
                State::Established(self)
            }
            (Phase::Finishing { settled, .. }, Output::Shared(shared)) => {
                if matches!(self.answering, Some(Answering::Ike(_))) {
                    making.phase = Phase::Ready { settled, shared };
                    self.ours = Some(Exchange::Ike(making));
                    return State::Established(self);
                }
                self.conclude(head, ctx, *making, settled, &shared)
            }
            // With a peer that broken nothing more is begun: the IKE SA goes (RFC 6989 §2.5).
            (Phase::Finishing { .. }, Output::Refused(_)) => {
                ctx.out.ike.remove(&making.spi);
                self.close(head, ctx, Misbehaved::BadPublicValue(making.method).into())
            }
            (
                Phase::MakingKeys(_) | Phase::Finishing { .. } | Phase::Asked { .. } | Phase::Ready { .. },
                _,
            ) => self.rekeying_failed(head, ctx, *making),
        }
    }

    fn ask_ike(
        &mut self,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        mut making: Box<MakingIke>,
        started: Box<Started>,
        public: Vec<u8>,
    ) -> Result<(), Error> {
        let offered = proposal::ike_offer(&self.connection.proposals, &ProposalSpi::Ike(making.spi));
        let ke = KeyExchange { method: making.method, public };
        let body =
            RekeyIke { proposals: offered.clone(), nonce: making.nonce.clone(), ke, others: Vec::new() };
        making.phase = Phase::Asked { started, offered };
        self.ours = Some(Exchange::Ike(making));
        let payloads = CreateChildRequest::Ike(Box::new(body)).emit();
        head.request(ctx, &mut self.sealer, ExchangeType::CREATE_CHILD_SA, payloads)
    }

    pub(crate) fn on_rekey_ike_response(
        mut self: Box<Self>,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        mut making: Box<MakingIke>,
        body: Result<CreateChildResponse, Error>,
    ) -> State {
        let error = match body {
            Ok(CreateChildResponse::Ike(answer)) => {
                match self.read_ike_answer(head, ctx, &mut making, *answer) {
                    Ok(()) => {
                        self.ours = Some(Exchange::Ike(making));
                        return State::Established(self);
                    }
                    Err(error) => error,
                }
            }
            Ok(CreateChildResponse::InvalidKe(wanted)) if self.may_rekey_with(&making, wanted) => {
                making.restarts += 1;
                making.method = wanted;
                self.make_ike_keys(head, ctx, making);
                return State::Established(self);
            }
            Ok(CreateChildResponse::InvalidKe(wanted)) => Unacceptable::KeyExchange { wanted }.into(),
            Ok(CreateChildResponse::Refused(notify)) if notify.kind == NotifyType::TEMPORARY_FAILURE => {
                self.rekey_at = Some(Self::soon(ctx));
                return self.rekeying_failed(head, ctx, *making);
            }
            Ok(CreateChildResponse::Refused(notify)) => Error::PeerRefused(notify),
            Ok(CreateChildResponse::Child(_)) => Misbehaved::NotOffered.into(),
            Err(error) => error,
        };
        ctx.out.events.push_back(Event::Hint(self.id, error.into()));
        self.rekeying_failed(head, ctx, *making)
    }

    fn may_rekey_with(&self, making: &MakingIke, wanted: KeId) -> bool {
        let mut methods = self.connection.proposals.iter().flat_map(|proposal| &proposal.key_exchange);
        making.restarts < MAX_RESTARTS
            && wanted != making.method
            && kex::public_len(wanted).is_some()
            && methods.any(|method| *method == wanted)
    }

    fn read_ike_answer(
        &self,
        head: &Head,
        ctx: &mut Ctx<'_>,
        making: &mut MakingIke,
        answer: RekeyIkeAnswer,
    ) -> Result<(), Error> {
        let phase = std::mem::replace(&mut making.phase, Phase::MakingKeys(JobId(0)));
        let Phase::Asked { started, offered } = phase else { return Err(Misbehaved::NotOffered.into()) };
        let (choice, spi_r) = proposal::read_ike(&offered, &answer.proposal)?;
        let spi_r = spi_r.ok_or(Misbehaved::NotOffered)?;
        if choice.ke != answer.ke.method || choice.ke != making.method {
            return Err(Misbehaved::NotOffered.into());
        }
        let nonces = NoncePair { initiator: making.nonce.clone(), responder: answer.nonce };
        let job = ctx.job(head.id, Job::Finish { started, peer: answer.ke.public });
        making.phase = Phase::Finishing { job, settled: Settled { choice, spi_r, nonces } };
        Ok(())
    }

    /// Nothing came of our rekeying; if something came of the peer's, that is it.
    fn rekeying_failed(mut self: Box<Self>, head: &mut Head, ctx: &mut Ctx<'_>, making: MakingIke) -> State {
        ctx.out.ike.remove(&making.spi);
        match making.crossing {
            Some((heir, _)) if !matches!(self.answering, Some(Answering::Ike(_))) => {
                ctx.out
                    .notices
                    .push_back((head.id, Notice::Inherit(heir, Box::new(std::mem::take(&mut self.estate)))));
                Closing::replaced(head, ctx, (self.sealer, self.opener), heir)
            }
            Some(_) | None => self.proceed(head, ctx),
        }
    }

    /// Our new IKE SA stands. It takes over, or it is the redundant one of two.
    fn conclude(
        mut self: Box<Self>,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        making: MakingIke,
        settled: Settled,
        shared: &Secret,
    ) -> State {
        let Settled { choice, spi_r, nonces } = settled;
        let redundant = making
            .crossing
            .as_ref()
            .filter(|(_, theirs)| collision::redundant(&nonces, theirs) == Redundant::First);
        let redundant = redundant.map(|(heir, _)| *heir);
        let spis = (making.spi, spi_r);
        let Some((mut new_head, mut new)) =
            self.successor(head, ctx, (making.id, Role::Initiator), spis, choice, nonces, shared)
        else {
            return self.rekeying_failed(head, ctx, making);
        };
        if let Some(heir) = redundant {
            // The one we made, we close; the peer closes the old.
            let estate = Box::new(std::mem::take(&mut self.estate));
            let state = new.close_now(&mut new_head, ctx);
            ctx.out.notices.push_back((head.id, Notice::Born(Box::new(IkeSa { head: new_head, state }))));
            ctx.out.notices.push_back((head.id, Notice::Inherit(heir, estate)));
            return Closing::replaced(head, ctx, (self.sealer, self.opener), heir);
        }
        new.estate = std::mem::take(&mut self.estate);
        let state = State::Established(new);
        ctx.out.notices.push_back((head.id, Notice::Born(Box::new(IkeSa { head: new_head, state }))));
        Closing::last_request(head, ctx, (self.sealer, self.opener), &Informational::delete_ike(), Vec::new())
    }

    #[expect(clippy::too_many_arguments, reason = "an IKE SA is made of this many things")]
    fn successor(
        &self,
        head: &Head,
        ctx: &mut Ctx<'_>,
        (id, role): (IkeSaId, Role),
        spis: (IkeSpi, IkeSpi),
        choice: IkeChoice,
        nonces: NoncePair,
        shared: &Secret,
    ) -> Option<(Head, Box<Self>)> {
        let material = Material { choice: &choice, nonces: &nonces, spis, shared };
        let keys: Keys = self.derivation.rekey(material, role)?;
        let window = Window::new(self.connection.retransmission);
        let (spi_i, spi_r) = spis;
        let head =
            Head { id, role, spi_i, spi_r, path: head.path, created: ctx.now, window, retransmissions: 0 };
        let connection = std::sync::Arc::clone(&self.connection);
        let nonces = self.nonces.clone();
        let foundation =
            Foundation { id: self.id, connection, keys, nonces, choice, nat: self.nat, udp: self.udp };
        let mut established = Self::new(&head, ctx, self.proof.inherited(), foundation);
        established.since = self.since;
        Some((head, Box::new(established)))
    }

    /// The peer rekeys the IKE SA.
    pub(crate) fn answer_rekey_ike(
        mut self: Box<Self>,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        request: RekeyIke,
    ) -> State {
        let doing = match &self.ours {
            _ if self.estate.doomed || self.estate.redundant_at.is_some() => Doing::ClosingIke,
            Some(Exchange::Ike(making)) if making.is_asked() => Doing::RekeyingIke,
            Some(Exchange::Child(making)) if making.is_asked() => Doing::BusyWithChild,
            Some(Exchange::Delete(_)) => Doing::BusyWithChild,
            Some(Exchange::Ike(_) | Exchange::Child(_) | Exchange::Liveness) | None => Doing::Nothing,
        };
        let exchange = ExchangeType::CREATE_CHILD_SA;
        match collision::answer(Asked::RekeyIke, doing) {
            Answer::Usual | Answer::UsualAndCompare => {}
            Answer::TemporaryFailure
            | Answer::UsualAndForgetOurs
            | Answer::WithoutDelete
            | Answer::ChildSaNotFound => {
                ctx.out.counters.temporary_failures += 1;
                return self.answer_error(head, ctx, exchange, Unacceptable::Busy.into());
            }
        }
        let id = ctx.out.fresh_sa();
        let spi_r = ctx.allocate_ike_spi(id);
        match self.begin_answer(head, ctx, request, (id, spi_r)) {
            Ok(answering) => {
                if let Some(Exchange::Ike(making)) = &mut self.ours
                    && making.is_asked()
                {
                    ctx.out.counters.crossing_ike_rekeys += 1;
                    making.crossing = Some((id, answering.nonces.clone()));
                }
                self.answering = Some(Answering::Ike(Box::new(answering)));
                State::Established(self)
            }
            Err(error) => {
                ctx.out.ike.remove(&spi_r);
                self.answer_error(head, ctx, exchange, error)
            }
        }
    }

    fn begin_answer(
        &self,
        head: &Head,
        ctx: &mut Ctx<'_>,
        request: RekeyIke,
        (id, spi_r): (IkeSaId, IkeSpi),
    ) -> Result<AnsweringIke, Error> {
        let spi = ProposalSpi::Ike(spi_r);
        let chosen =
            proposal::choose_ike(&self.connection.proposals, &request.proposals, request.ke.method, &spi)?;
        let offer = request.proposals.iter().find(|offer| offer.number == chosen.answer.number);
        let spi_i = offer.and_then(Proposal::ike_spi).ok_or(Misbehaved::NotOffered)?;
        let nonces = NoncePair { initiator: request.nonce, responder: ctx.nonce() };
        let rng = ctx.fork();
        let job = ctx.job(head.id, Job::Respond { method: request.ke.method, peer: request.ke.public, rng });
        Ok(AnsweringIke { job, id, spi_i, spi_r, chosen, nonces })
    }

    /// The key exchange of the peer's request is answered.
    pub(crate) fn finish_rekey_ike_answer(
        mut self: Box<Self>,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        answering: AnsweringIke,
        output: Output,
    ) -> State {
        let AnsweringIke { id, spi_i, spi_r, chosen, nonces, .. } = answering;
        if self.estate.doomed {
            ctx.out.ike.remove(&spi_r);
            return self.decline_rekey_ike(head, ctx);
        }
        let choice = chosen.choice;
        let made = match output {
            Output::Responded(public, shared) => self
                .successor(head, ctx, (id, Role::Responder), (spi_i, spi_r), choice, nonces.clone(), &shared)
                .map(|successor| (public, successor)),
            Output::Initiated(..) | Output::Shared(_) | Output::Refused(_) => None,
        };
        let Some((public, (new_head, mut new))) = made else {
            ctx.out.ike.remove(&spi_r);
            let error = Misbehaved::BadPublicValue(choice.ke).into();
            return self.answer_error(head, ctx, ExchangeType::CREATE_CHILD_SA, error);
        };
        let ke = KeyExchange { method: choice.ke, public };
        let answer =
            RekeyIkeAnswer { proposal: chosen.answer, nonce: nonces.responder, ke, others: Vec::new() };
        let payloads = CreateChildResponse::Ike(Box::new(answer)).emit();
        if let Err(error) = head.respond(ctx, &mut self.sealer, ExchangeType::CREATE_CHILD_SA, payloads) {
            return self.fail(head, ctx, error);
        }
        let crosses = matches!(&self.ours, Some(Exchange::Ike(making)) if making.is_asked());
        if crosses {
            new.estate.redundant_at = Some(ctx.now + GRACE);
            let state = State::Established(new);
            ctx.out.notices.push_back((head.id, Notice::Born(Box::new(IkeSa { head: new_head, state }))));
            return self.resume(head, ctx);
        }
        if let Some(Exchange::Ike(making)) = self.ours.take() {
            ctx.out.ike.remove(&making.spi);
        }
        new.estate = std::mem::take(&mut self.estate);
        new.hold_until = Some(ctx.now + HOLD);
        let state = State::Established(new);
        ctx.out.notices.push_back((head.id, Notice::Born(Box::new(IkeSa { head: new_head, state }))));
        Closing::replaced(head, ctx, (self.sealer, self.opener), id)
    }

    /// The IKE SA began to close while the peer's rekeying of it was being answered (RFC 7296 §2.25.2).
    fn decline_rekey_ike(mut self: Box<Self>, head: &mut Head, ctx: &mut Ctx<'_>) -> State {
        if let Some(Exchange::Ike(making)) = &mut self.ours {
            making.crossing = None;
        }
        ctx.out.counters.temporary_failures += 1;
        let refusal = CreateChildResponse::Refused(Notify::new(NotifyType::TEMPORARY_FAILURE)).emit();
        match head.respond(ctx, &mut self.sealer, ExchangeType::CREATE_CHILD_SA, refusal) {
            Ok(()) => self.resume(head, ctx),
            Err(error) => self.fail(head, ctx, error),
        }
    }

    /// Our own rekeying may have waited for the peer's to be answered.
    fn resume(mut self: Box<Self>, head: &mut Head, ctx: &mut Ctx<'_>) -> State {
        match self.ours.take() {
            Some(Exchange::Ike(mut making)) => {
                match std::mem::replace(&mut making.phase, Phase::MakingKeys(JobId(0))) {
                    Phase::Ready { settled, shared } => self.conclude(head, ctx, *making, settled, &shared),
                    other => {
                        making.phase = other;
                        self.ours = Some(Exchange::Ike(making));
                        State::Established(self)
                    }
                }
            }
            other => {
                self.ours = other;
                self.proceed(head, ctx)
            }
        }
    }

    /// Forgets our own rekeying; gives the heir if the peer's came through.
    pub(crate) fn forget_rekeying(&mut self, ctx: &mut Ctx<'_>) -> Option<IkeSaId> {
        match self.ours.take() {
            Some(Exchange::Ike(making)) => {
                ctx.out.ike.remove(&making.spi);
                making.crossing.map(|(heir, _)| heir)
            }
            other => {
                self.ours = other;
                None
            }
        }
    }

    /// The children of the IKE SA whose place this one took, and what was decided about it.
    pub(crate) fn inherit(&mut self, estate: Estate) {
        let Estate { children, tasks, retries, doomed, redundant_at } = estate;
        self.estate.children.extend(children);
        self.estate.retries.extend(retries);
        self.estate.doomed |= doomed;
        self.estate.redundant_at = redundant_at;
        tasks.into_iter().for_each(|task| self.intend(task));
    }
}
