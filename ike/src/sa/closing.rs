//! The end of an IKE SA: deleted by us, by the peer, or replaced.

use crate::error::Error;
use crate::event::{ChildId, IkeSaId, Path, Spi, TimerKind};
use crate::exchange::{CreateChildResponse, Informational, Request, Response};
use crate::sa::context::{Ctx, Notice};
use crate::sa::state::State;
use crate::sa::{Head, collision};
use crate::wire::{ExchangeType, Header, Message, Notify, NotifyType, Payload, SkOpener, SkSealer};
use collision::{Answer, Asked, Doing};
use std::time::{Duration, Instant};

/// How long the last answer is kept for a peer that missed it.
const LINGER: Duration = Duration::from_secs(10);
/// How long the peer has for deleting an IKE SA it replaced.
const REPLACED: Duration = Duration::from_secs(60);

/// An IKE SA of no more use.
#[derive(Debug)]
pub(crate) struct Closing {
    sealer: SkSealer,
    opener: SkOpener,
    kind: Kind,
    /// Inbound halves kept until the peer knows.
    inbound: Vec<(ChildId, Spi)>,
    until: Option<Instant>,
}

/// Why it is of no more use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Our last request is on its way: Delete, or the word that the peer's proof was wrong.
    LastRequest,
    /// The peer replaced it and shall delete it.
    Replaced(IkeSaId),
    /// The peer knows: only its repeated request is waited for.
    Done,
}

impl Closing {
    /// Says the last word, and waits for its answer. No request of ours may be outstanding.
    pub(crate) fn last_request(
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        (mut sealer, opener): (SkSealer, SkOpener),
        body: &Informational,
        inbound: Vec<(ChildId, Spi)>,
    ) -> State {
        match head.request(ctx, &mut sealer, ExchangeType::INFORMATIONAL, body.emit()) {
            Ok(()) => State::Closing(Box::new(Self {
                sealer,
                opener,
                kind: Kind::LastRequest,
                inbound,
                until: None,
            })),
            Err(_) => {
                inbound.into_iter().for_each(|(child, spi)| ctx.out.remove_inbound(child, spi));
                State::Gone
            }
        }
    }

    /// Waits for the peer to delete what `heir` took the place of.
    pub(crate) fn replaced(
        head: &mut Head,
        ctx: &Ctx<'_>,
        (sealer, opener): (SkSealer, SkOpener),
        heir: IkeSaId,
    ) -> State {
        head.window.forget_request();
        let until = Some(ctx.now + REPLACED);
        State::Closing(Box::new(Self {
            sealer,
            opener,
            kind: Kind::Replaced(heir),
            inbound: Vec::new(),
            until,
        }))
    }

    /// Waits for a peer that may have missed our last answer.
    pub(crate) fn done(head: &mut Head, ctx: &Ctx<'_>, (sealer, opener): (SkSealer, SkOpener)) -> State {
        head.window.forget_request();
        let until = Some(ctx.now + LINGER);
        State::Closing(Box::new(Self { sealer, opener, kind: Kind::Done, inbound: Vec::new(), until }))
    }

    /// True when nothing of interest can come any more.
    pub(crate) fn is_done(&self) -> bool {
        self.kind == Kind::Done
    }

    /// True while the peer has yet to delete what it replaced.
    pub(crate) fn is_replaced(&self) -> bool {
        matches!(self.kind, Kind::Replaced(_))
    }

    pub(crate) fn forget_children(&mut self, ctx: &mut Ctx<'_>) {
        self.inbound.drain(..).for_each(|(child, spi)| ctx.out.remove_inbound(child, spi));
    }

    pub(crate) fn on_message(
        mut self: Box<Self>,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        path: Path,
        header: &Header,
        datagram: &mut [u8],
    ) -> State {
        let Some(Ok(message)) = Head::open(ctx, &self.opener, datagram) else {
            return State::Closing(self);
        };
        if header.response {
            return self.on_response(head, ctx, &message);
        }
        if !head.admit_request(ctx, path, header) {
            return State::Closing(self);
        }
        head.window.begin_answer(path);
        let closes =
            matches!(Request::try_from(&message), Ok(Request::Informational(body)) if body.closes_ike());
        let payloads = answer(ctx, &message);
        if head.respond(ctx, &mut self.sealer, header.exchange, payloads).is_err() {
            self.forget_children(ctx);
            return State::Gone;
        }
        if closes {
            // Crossing deletes: ours is forgotten (RFC 7296 §2.25.2).
            if let Kind::Replaced(heir) = self.kind {
                ctx.out.notices.push_back((head.id, Notice::Release(heir)));
            }
            self.forget_children(ctx);
            return Self::done(head, ctx, (self.sealer, self.opener));
        }
        State::Closing(self)
    }

    fn on_response(mut self: Box<Self>, head: &mut Head, ctx: &mut Ctx<'_>, message: &Message) -> State {
        if self.kind == Kind::LastRequest
            && head.window.awaits(message.header.message_id)
            && Response::try_from(message).is_ok()
        {
            self.forget_children(ctx);
            return Self::done(head, ctx, (self.sealer, self.opener));
        }
        State::Closing(self)
    }

    pub(crate) fn on_timeout(mut self: Box<Self>, head: &mut Head, ctx: &mut Ctx<'_>) -> State {
        if self.until.is_some_and(|until| until <= ctx.now) || head.retransmit(ctx) {
            self.forget_children(ctx);
            return State::Gone;
        }
        State::Closing(self)
    }

    pub(crate) fn deadline(&self, head: &Head) -> Option<(Instant, TimerKind)> {
        self.until.map(|until| (until, TimerKind::GiveUp)).into_iter().chain(head.retransmit_deadline()).min()
    }
}

/// What a peer hears that has not noticed yet.
fn answer(ctx: &mut Ctx<'_>, message: &Message) -> Vec<Payload> {
    let asked = match Request::try_from(message) {
        Ok(Request::CreateChild(crate::exchange::CreateChildRequest::Child(_))) => Asked::NewChild,
        Ok(Request::CreateChild(crate::exchange::CreateChildRequest::Ike(_))) => Asked::RekeyIke,
        Ok(Request::Informational(_) | Request::SaInit(_) | Request::Auth(_)) | Err(Error::Local(_)) => {
            return Informational::default().emit();
        }
        Err(error) => return error.notify().map(Payload::Notify).into_iter().collect(),
    };
    match collision::answer(asked, Doing::ClosingIke) {
        Answer::TemporaryFailure => {
            ctx.out.counters.temporary_failures += 1;
            CreateChildResponse::Refused(Notify::new(NotifyType::TEMPORARY_FAILURE)).emit()
        }
        Answer::Usual
        | Answer::UsualAndCompare
        | Answer::UsualAndForgetOurs
        | Answer::WithoutDelete
        | Answer::ChildSaNotFound => Informational::default().emit(),
    }
}
