//! An IKE SA that stands: both ends have proved who they are.
//!
//! Exchanges overlap from here on. `ours` is the one we began, `answering` the
//! one the peer began; each exchange has a file with what it asks, how it is
//! answered and what an answer means, for both roles alike.

use crate::config::{ChildConfigId, Connection, ConnectionId};
use crate::error::{Error, Misbehaved, Unacceptable};
use crate::event::{ChildId, Event, Path, Spi};
use crate::exchange::{CreateChildRequest, CreateChildResponse, Request, Response};
use crate::job::{JobId, Output};
use crate::sa::Head;
use crate::sa::child::{Child, Parent};
use crate::sa::closing::Closing;
use crate::sa::collision::NoncePair;
use crate::sa::context::{Ctx, Notice};
use crate::sa::keys::{Derivation, Keys};
use crate::sa::nat::{self, Nat};
use crate::sa::new_child::{AnsweringChild, MakingChild};
use crate::sa::proof::PeerAuthenticated;
use crate::sa::proposal::IkeChoice;
use crate::sa::rekey_ike::{AnsweringIke, MakingIke};
use crate::sa::state::State;
use crate::sa::tasks::{Retry, Task};
use crate::wire::{ExchangeType, Header, Message, NotifyType, Payload, SkOpener, SkSealer};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

/// Child SAs one IKE SA may have.
pub(crate) const MAX_CHILDREN: usize = 64;

/// What the handshake, or a rekeying, came to.
#[derive(Debug)]
pub(crate) struct Foundation {
    pub(crate) id: ConnectionId,
    pub(crate) connection: Arc<Connection>,
    pub(crate) keys: Keys,
    pub(crate) nonces: NoncePair,
    pub(crate) choice: IkeChoice,
    pub(crate) nat: Nat,
    /// ESP goes in UDP.
    pub(crate) udp: bool,
}

/// An IKE SA that stands.
#[derive(Debug)]
pub(crate) struct Established {
    pub(crate) proof: PeerAuthenticated,
    pub(crate) id: ConnectionId,
    pub(crate) connection: Arc<Connection>,
    pub(crate) sealer: SkSealer,
    pub(crate) opener: SkOpener,
    pub(crate) derivation: Derivation,
    pub(crate) choice: IkeChoice,
    /// Of the first IKE SA in this line of rekeyings, which both ends know alike.
    pub(crate) nonces: NoncePair,
    pub(crate) nat: Nat,
    pub(crate) udp: bool,
    pub(crate) estate: Estate,
    pub(crate) ours: Option<Exchange>,
    pub(crate) answering: Option<Answering>,
    /// When the first of the line stood.
    pub(crate) since: Instant,
    /// When the peer was last known to live.
    pub(crate) heard: Instant,
    pub(crate) keepalive_at: Instant,
    pub(crate) rekey_at: Option<Instant>,
    pub(crate) expire_at: Instant,
    /// The peer may not know yet that we stand: no requests before.
    pub(crate) hold_until: Option<Instant>,
    pub(crate) hinted: Option<Instant>,
}

/// What a rekeyed IKE SA hands on.
#[derive(Debug, Default)]
pub(crate) struct Estate {
    pub(crate) children: BTreeMap<ChildId, Child>,
    pub(crate) tasks: VecDeque<Task>,
    pub(crate) retries: BTreeMap<ChildConfigId, Retry>,
    /// Being closed as soon as our outstanding request is answered.
    pub(crate) doomed: bool,
    /// The peer should have closed it by then, as redundant.
    pub(crate) redundant_at: Option<Instant>,
}

/// The exchange we began.
#[derive(Debug)]
pub(crate) enum Exchange {
    /// Makes a child, new or in another's place.
    Child(Box<MakingChild>),
    /// Makes an IKE SA in this one's place.
    Ike(Box<MakingIke>),
    /// Deletes a child, or an SPI of ours that never became one.
    Delete(Spi),
    /// Asks whether the peer lives.
    Liveness,
}

/// The peer's request that waits for a job.
#[derive(Debug)]
pub(crate) enum Answering {
    Child(Box<AnsweringChild>),
    Ike(Box<AnsweringIke>),
}

impl Estate {
    /// Forgets all children.
    pub(crate) fn remove_children(&mut self, ctx: &mut Ctx<'_>) {
        self.tasks.clear();
        self.retries.clear();
        while let Some((_, child)) = self.children.pop_first() {
            child.remove(ctx);
        }
    }

    /// The child that receives on this SPI of ours.
    pub(crate) fn by_inbound(&mut self, spi: Spi) -> Option<&mut Child> {
        self.children.values_mut().find(|child| child.spi_in == spi)
    }

    /// The child that sends on this SPI of the peer's.
    pub(crate) fn by_outbound(&self, spi: Spi) -> Option<&Child> {
        self.children.values().find(|child| child.spi_out == spi)
    }
}

impl Established {
    /// Only with proof of who the peer is.
    pub(crate) fn new(
        head: &Head,
        ctx: &mut Ctx<'_>,
        proof: PeerAuthenticated,
        foundation: Foundation,
    ) -> Self {
        let Foundation { id, connection, keys, nonces, choice, nat, udp } = foundation;
        let lifetime = connection.lifetime;
        let rekey_at = ctx.now + lifetime.rekey.saturating_sub(ctx.jitter(lifetime.jitter));
        ctx.out.counters.ike_sas_established += 1;
        debug_assert!(head.spi_r.0 != 0);
        Self {
            proof,
            id,
            sealer: keys.sealer,
            opener: keys.opener,
            derivation: keys.derivation,
            choice,
            nonces,
            nat,
            udp,
            estate: Estate::default(),
            ours: None,
            answering: None,
            since: ctx.now,
            heard: ctx.now,
            keepalive_at: ctx.now + connection.keepalive,
            rekey_at: Some(rekey_at),
            expire_at: ctx.now + lifetime.hard,
            hold_until: None,
            hinted: None,
            connection,
        }
    }

    pub(crate) fn parent(&self, head: &Head) -> Parent {
        Parent { ike_sa: head.id, connection: self.id }
    }

    pub(crate) fn on_message(
        mut self: Box<Self>,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        path: Path,
        header: &Header,
        datagram: &mut [u8],
    ) -> State {
        if header.response && !head.window.awaits(header.message_id) {
            ctx.out.counters.out_of_window += 1;
            return State::Established(self);
        }
        let Some(opened) = Head::open(ctx, &self.opener, datagram) else {
            return State::Established(self);
        };
        if header.response {
            head.window.answered_by_peer();
            self.hear(head, ctx, path);
            let body = opened.map_err(Error::from).and_then(|message: Message| Response::try_from(&message));
            return self.on_response(head, ctx, body);
        }
        if !head.admit_request(ctx, path, header) {
            return State::Established(self);
        }
        head.window.begin_answer(path);
        self.hear(head, ctx, path);
        let body = opened.map_err(Error::from).and_then(|message: Message| Request::try_from(&message));
        self.on_request(head, ctx, header.exchange, body)
    }

    fn on_request(
        mut self: Box<Self>,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        exchange: ExchangeType,
        body: Result<Request, Error>,
    ) -> State {
        let done = match body {
            Ok(Request::CreateChild(CreateChildRequest::Ike(request))) => {
                return self.answer_rekey_ike(head, ctx, *request);
            }
            Ok(Request::CreateChild(CreateChildRequest::Child(request))) => {
                self.answer_child(head, ctx, *request)
            }
            Ok(Request::Informational(body)) if body.closes_ike() => {
                return self.answer_delete_ike(head, ctx);
            }
            Ok(Request::Informational(body)) => match body.error() {
                Some(error) if error.kind == NotifyType::AUTHENTICATION_FAILED => {
                    return self.answer_disbelief(head, ctx);
                }
                Some(_) | None => self.answer_informational(head, ctx, &body),
            },
            Ok(Request::SaInit(_) | Request::Auth(_)) => Err(Misbehaved::UnexpectedExchange(exchange).into()),
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => self.proceed(head, ctx),
            Err(error) => self.answer_error(head, ctx, exchange, error),
        }
    }

    /// Says what was wrong. INVALID_SYNTAX is fatal to both ends (RFC 7296 §2.21.3).
    pub(crate) fn answer_error(
        mut self: Box<Self>,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        exchange: ExchangeType,
        error: Error,
    ) -> State {
        let notify = error.notify();
        let fatal = notify.as_ref().is_none_or(|notify| notify.kind == NotifyType::INVALID_SYNTAX);
        let payloads = notify.map(Payload::Notify).into_iter().collect();
        match head.respond(ctx, &mut self.sealer, exchange, payloads) {
            Ok(()) if fatal => self.end(head, ctx, error),
            Ok(()) => self.proceed(head, ctx),
            Err(error) => self.fail(head, ctx, error),
        }
    }

    fn on_response(
        mut self: Box<Self>,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        body: Result<Response, Error>,
    ) -> State {
        let unexpected = |exchange| Err(Misbehaved::UnexpectedExchange(exchange).into());
        // Fatal to both ends, without another word (RFC 7296 §2.21.3).
        let refusal = match &body {
            Ok(Response::CreateChild(CreateChildResponse::Refused(refusal))) => Some(refusal),
            Ok(Response::Informational(body)) => body.error(),
            Ok(_) | Err(_) => None,
        };
        if let Some(refusal) = refusal.filter(|refusal| refusal.kind == NotifyType::INVALID_SYNTAX) {
            let error = Error::PeerRefused(refusal.clone());
            return self.fail(head, ctx, error);
        }
        let create = |body| match body {
            Ok(Response::CreateChild(body)) => Ok(body),
            Ok(_) => unexpected(ExchangeType::CREATE_CHILD_SA),
            Err(error) => Err(error),
        };
        match self.ours.take() {
            // Whatever the peer made goes with the IKE SA.
            Some(Exchange::Child(_)) if self.estate.doomed => {}
            Some(Exchange::Child(making)) => self.on_child_response(head, ctx, making, create(body)),
            Some(Exchange::Ike(making)) => {
                return self.on_rekey_ike_response(head, ctx, making, create(body));
            }
            Some(Exchange::Delete(spi)) => self.on_deleted(head, ctx, spi),
            Some(Exchange::Liveness) | None => {}
        }
        self.proceed(head, ctx)
    }

    pub(crate) fn on_job(
        mut self: Box<Self>,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        job: JobId,
        output: Output,
    ) -> State {
        match self.ours.take() {
            Some(Exchange::Child(making)) if making.waits_for(job) => {
                if self.estate.doomed {
                    return self.proceed(head, ctx);
                }
                return match self.on_child_job(head, ctx, making, output) {
                    Ok(()) => self.proceed(head, ctx),
                    Err(error) => self.close(head, ctx, error),
                };
            }
            Some(Exchange::Ike(making)) if making.waits_for(job) => {
                return self.on_rekey_ike_job(head, ctx, making, output);
            }
            other => self.ours = other,
        }
        match self.answering.take() {
            Some(Answering::Child(answering)) if answering.job == job => {
                let done = if self.estate.doomed {
                    Err(Unacceptable::Busy.into())
                } else {
                    self.finish_answer(head, ctx, *answering, output)
                };
                match done {
                    Ok(()) => self.proceed(head, ctx),
                    Err(error) => self.answer_error(head, ctx, ExchangeType::CREATE_CHILD_SA, error),
                }
            }
            Some(Answering::Ike(answering)) if answering.job == job => {
                self.finish_rekey_ike_answer(head, ctx, *answering, output)
            }
            other => {
                self.answering = other;
                State::Established(self)
            }
        }
    }

    /// Something authentic and new came from the peer: it lives, and where it came from is where it is.
    /// Only a peer behind a NAT moves without a word, others change ports at most; and an end that is
    /// behind a NAT itself follows nobody: to it, everything may look rewritten (RFC 7296 §2.23).
    fn hear(&mut self, head: &mut Head, ctx: &mut Ctx<'_>, path: Path) {
        self.heard = ctx.now;
        self.hold_until = None;
        if path != head.path && head.may_come_by(path, self.nat) && !self.nat.local {
            self.take_path(head, ctx, path);
        }
    }

    /// IKE, and ESP where it shares the port, go this way from now on.
    pub(crate) fn take_path(&mut self, head: &mut Head, ctx: &mut Ctx<'_>, path: Path) {
        head.path = path;
        ctx.out.events.push_back(Event::Moved(self.id, path));
        let carrier = self.carrier(head, ctx);
        self.estate.children.values_mut().for_each(|child| child.redirect(ctx, carrier));
    }

    pub(crate) fn carrier(&self, head: &Head, ctx: &Ctx<'_>) -> crate::event::Carrier {
        nat::carrier(head.path, self.udp, ctx.config.natt_port)
    }

    /// The IKE SA is gone on both sides: nothing more is said.
    pub(crate) fn fail(mut self: Box<Self>, head: &Head, ctx: &mut Ctx<'_>, error: Error) -> State {
        self.forget_rekeying(ctx);
        self.estate.remove_children(ctx);
        self.notice_closed(head, ctx, error);
        State::Gone
    }

    /// The IKE SA is gone on both sides, but our last answer may be asked for again.
    pub(crate) fn end(mut self: Box<Self>, head: &mut Head, ctx: &mut Ctx<'_>, error: Error) -> State {
        self.estate.remove_children(ctx);
        self.notice_closed(head, ctx, error);
        Closing::done(head, ctx, (self.sealer, self.opener))
    }

    pub(crate) fn notice_closed(&self, head: &Head, ctx: &mut Ctx<'_>, error: Error) {
        if !self.estate.doomed {
            ctx.out.notices.push_back((head.id, Notice::Closed(error)));
        }
    }
}
