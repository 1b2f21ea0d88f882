//! Making a child of our own accord.

use super::Offered;
use crate::config::ChildConfigId;
use crate::error::{Error, Local, Misbehaved, Unacceptable};
use crate::event::{ChildId, Spi};
use crate::exchange::create_child::NewChild;
use crate::exchange::{ChildAnswer, CreateChildRequest, CreateChildResponse, NewChildAnswer};
use crate::job::{Job, JobId, Output};
use crate::sa::child::{Agreed, Child};
use crate::sa::collision::NoncePair;
use crate::sa::context::Ctx;
use crate::sa::established::{Established, Exchange};
use crate::sa::proposal::EspChoice;
use crate::sa::tasks::Task;
use crate::sa::{Head, Role};
use crate::wire::{ExchangeType, KeyExchange, Nonce, NotifyType, TrafficSelector};
use adit_crypto::kex::{self, Started};
use adit_crypto::{KeId, Secret};

/// Unknown SPIs remembered while a child is being made.
const MAX_DELETED: usize = 8;
/// Key exchange methods the peer may send us through for one child.
const MAX_RESTARTS: u8 = 4;

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
        let making = MakingChild {
            config,
            replaces,
            method,
            nonce,
            spi,
            restarts: 0,
            crossing: None,
            deleted: Vec::new(),
            phase,
        };
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
            self.estate
                .tasks
                .push_front(making.replaces.map_or(Task::NewChild(making.config), Task::RekeyChild));
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
            // With a peer that broken nothing more is begun: the IKE SA goes (RFC 6989 §2.5).
            (Phase::Finishing { .. }, _) => {
                Err(Misbehaved::BadPublicValue(making.method.unwrap_or(KeId::NONE)).into())
            }
            (Phase::MakingKeys(_) | Phase::Asked { .. }, _) => {
                self.making_failed(
                    head,
                    ctx,
                    &making,
                    Local::Unsupported("key exchange method".into()).into(),
                );
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
}
