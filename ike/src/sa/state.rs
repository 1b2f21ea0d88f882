//! What an IKE SA waits for.

use crate::error::{Error, Local};
use crate::event::{Path, TimerKind};
use crate::job::{JobId, Output};
use crate::sa::Head;
use crate::sa::closing::Closing;
use crate::sa::context::{Ctx, Notice};
use crate::sa::established::Established;
use crate::sa::initiator::auth::ExpectAuthResponse;
use crate::sa::initiator::sa_init::{ExpectInitResponse, FinishingInit, MakingKeys};
use crate::sa::responder::auth::ExpectAuthRequest;
use crate::sa::responder::sa_init::AnsweringInit;
use crate::wire::Header;
use std::time::Instant;

/// Each variant owns exactly what it needs.
#[derive(Debug)]
pub(crate) enum State {
    /// Initiator: a key pair is being made.
    MakingKeys(Box<MakingKeys>),
    /// Initiator: IKE_SA_INIT is on its way.
    ExpectInitResponse(Box<ExpectInitResponse>),
    /// Initiator: the shared secret is being computed.
    FinishingInit(Box<FinishingInit>),
    /// Initiator: IKE_AUTH is on its way.
    ExpectAuthResponse(Box<ExpectAuthResponse>),
    /// Responder: the key exchange is being answered.
    AnsweringInit(Box<AnsweringInit>),
    /// Responder: the initiator has yet to say who it is.
    ExpectAuthRequest(Box<ExpectAuthRequest>),
    /// Both ends have proved who they are.
    Established(Box<Established>),
    /// Of no use any more, but its peer may not know.
    Closing(Box<Closing>),
    /// To be forgotten.
    Gone,
}

impl State {
    /// Ends an IKE SA that never stood.
    pub(crate) fn fail(head: &Head, ctx: &mut Ctx<'_>, error: impl Into<Error>) -> Self {
        ctx.out.notices.push_back((head.id, Notice::Closed(error.into())));
        Self::Gone
    }

    pub(crate) fn on_message(
        self,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        path: Path,
        header: &Header,
        datagram: &mut [u8],
    ) -> Self {
        match self {
            Self::ExpectInitResponse(state) => state.on_message(head, ctx, path, header, datagram),
            Self::ExpectAuthResponse(state) => state.on_message(head, ctx, path, header, datagram),
            Self::ExpectAuthRequest(state) => state.on_message(head, ctx, path, header, datagram),
            Self::Established(state) => state.on_message(head, ctx, path, header, datagram),
            Self::Closing(state) => state.on_message(head, ctx, path, header, datagram),
            Self::MakingKeys(_) | Self::FinishingInit(_) | Self::AnsweringInit(_) | Self::Gone => self,
        }
    }

    pub(crate) fn on_job(self, head: &mut Head, ctx: &mut Ctx<'_>, job: JobId, output: Output) -> Self {
        match self {
            Self::MakingKeys(state) => state.on_job(head, ctx, job, output),
            Self::FinishingInit(state) => state.on_job(head, ctx, job, output),
            Self::AnsweringInit(state) => state.on_job(head, ctx, job, output),
            Self::Established(state) => state.on_job(head, ctx, job, output),
            Self::ExpectInitResponse(_)
            | Self::ExpectAuthResponse(_)
            | Self::ExpectAuthRequest(_)
            | Self::Closing(_)
            | Self::Gone => self,
        }
    }

    pub(crate) fn on_timeout(self, head: &mut Head, ctx: &mut Ctx<'_>) -> Self {
        match self {
            Self::ExpectInitResponse(state) => state.on_timeout(head, ctx),
            Self::ExpectAuthResponse(state) => state.on_timeout(head, ctx),
            Self::ExpectAuthRequest(state) if state.give_up_at <= ctx.now => {
                Self::fail(head, ctx, Local::Timeout)
            }
            Self::AnsweringInit(state) if state.give_up_at() <= ctx.now => {
                Self::fail(head, ctx, Local::Timeout)
            }
            Self::Established(state) => state.on_timeout(head, ctx),
            Self::Closing(state) => state.on_timeout(head, ctx),
            Self::ExpectAuthRequest(_)
            | Self::MakingKeys(_)
            | Self::FinishingInit(_)
            | Self::AnsweringInit(_)
            | Self::Gone => self,
        }
    }

    pub(crate) fn close(self, head: &mut Head, ctx: &mut Ctx<'_>, error: Error) -> Self {
        match self {
            Self::Established(state) => state.close(head, ctx, error),
            Self::Closing(_) => self,
            Self::MakingKeys(_)
            | Self::ExpectInitResponse(_)
            | Self::FinishingInit(_)
            | Self::ExpectAuthResponse(_)
            | Self::AnsweringInit(_)
            | Self::ExpectAuthRequest(_)
            | Self::Gone => Self::fail(head, ctx, error),
        }
    }

    /// Takes nothing on the children any more.
    pub(crate) fn deafen(&mut self, ctx: &mut Ctx<'_>) {
        match self {
            Self::Established(state) => {
                state.estate.children.values_mut().for_each(|child| child.deafen(ctx));
            }
            Self::Closing(state) => state.forget_children(ctx),
            Self::MakingKeys(_)
            | Self::ExpectInitResponse(_)
            | Self::FinishingInit(_)
            | Self::ExpectAuthResponse(_)
            | Self::AnsweringInit(_)
            | Self::ExpectAuthRequest(_)
            | Self::Gone => {}
        }
    }

    pub(crate) fn abandon(mut self, head: &Head, ctx: &mut Ctx<'_>, error: Error) -> Self {
        self.deafen(ctx);
        if let Self::Established(mut state) = self {
            state.estate.remove_children(ctx);
        }
        Self::fail(head, ctx, error)
    }

    pub(crate) fn deadline(&self, head: &Head) -> Option<(Instant, TimerKind)> {
        match self {
            Self::ExpectInitResponse(_) | Self::ExpectAuthResponse(_) => head.retransmit_deadline(),
            Self::AnsweringInit(state) => Some((state.give_up_at(), TimerKind::GiveUp)),
            Self::ExpectAuthRequest(state) => Some((state.give_up_at, TimerKind::GiveUp)),
            Self::Established(state) => state.deadline(head),
            Self::Closing(state) => state.deadline(head),
            Self::MakingKeys(_) | Self::FinishingInit(_) | Self::Gone => None,
        }
    }
}
