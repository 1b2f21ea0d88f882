//! Storey 3: one IKE SA.
//!
//! An [`IkeSa`] is a [`Head`] (what it always has) and a [`state::State`] (what
//! it waits for). The handshake is a line of states, each eaten by its handler;
//! after it everything overlaps, and [`established::Established`] has a place
//! for our exchange and one for the peer's.

pub(crate) mod child;
pub(crate) mod closing;
pub(crate) mod collision;
pub(crate) mod context;
pub(crate) mod established;
pub(crate) mod initiator;
pub(crate) mod keys;
pub(crate) mod nat;
pub(crate) mod proof;
pub(crate) mod proposal;
pub(crate) mod responder;
pub(crate) mod state;

mod delete;
mod liveness;
mod narrow;
mod new_child;
mod rekey_child;
mod rekey_ike;
mod reports;
pub(crate) mod tasks;
mod timers;
mod window;

use crate::config::{Connection, ConnectionId};
use crate::error::{Error, Misuse};
use crate::event::{IkeSaId, IkeSpi, Path, TimerKind};
use crate::job::{JobId, Output};
use crate::wire::encrypted::OpenError;
use crate::wire::{ExchangeType, Header, Malformed, Message, MessageId, Payload, SkOpener, SkSealer};
use context::Ctx;
use state::State;
use std::sync::Arc;
use std::time::Instant;
use window::{Due, Place, Window};

/// Which end of an IKE SA or of an exchange we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Initiator,
    Responder,
}

/// What an IKE SA has in every state.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) id: IkeSaId,
    /// Original initiator or responder of this IKE SA.
    pub(crate) role: Role,
    pub(crate) spi_i: IkeSpi,
    /// Zero until the responder has chosen.
    pub(crate) spi_r: IkeSpi,
    pub(crate) path: Path,
    pub(crate) created: Instant,
    pub(crate) window: Window,
    pub(crate) retransmissions: u64,
}

/// One IKE SA.
#[derive(Debug)]
pub(crate) struct IkeSa {
    pub(crate) head: Head,
    pub(crate) state: State,
}

impl Head {
    /// The SPI we chose.
    pub(crate) fn own_spi(&self) -> IkeSpi {
        match self.role {
            Role::Initiator => self.spi_i,
            Role::Responder => self.spi_r,
        }
    }

    /// True when a header's SPIs and I bit are those of our peer on this IKE SA.
    pub(crate) fn is_from_peer(&self, header: &Header) -> bool {
        let responder_spi = header.responder_spi == self.spi_r || self.spi_r.is_zero();
        header.initiator_spi == self.spi_i
            && responder_spi
            && header.initiator != (self.role == Role::Initiator)
    }

    fn header(&self, exchange: ExchangeType, response: bool, message_id: MessageId) -> Header {
        Header {
            initiator_spi: self.spi_i,
            responder_spi: self.spi_r,
            exchange,
            initiator: self.role == Role::Initiator,
            response,
            message_id,
        }
    }

    /// Sends our next request, unprotected: IKE_SA_INIT.
    pub(crate) fn request_in_clear(&mut self, ctx: &mut Ctx<'_>, payloads: Vec<Payload>) -> Vec<u8> {
        let header = self.header(ExchangeType::IKE_SA_INIT, false, self.window.next_request());
        let datagram = Message { header, payloads }.emit();
        self.window.send(ctx.now, &datagram);
        ctx.transmit(self.path, &datagram);
        datagram
    }

    /// Answers the peer's request, unprotected: IKE_SA_INIT.
    pub(crate) fn respond_in_clear(&mut self, ctx: &mut Ctx<'_>, payloads: Vec<Payload>) -> Vec<u8> {
        let header = self.header(ExchangeType::IKE_SA_INIT, true, MessageId(0));
        let datagram = Message { header, payloads }.emit();
        self.window.answer(&datagram);
        ctx.transmit(self.path, &datagram);
        datagram
    }

    /// Sends our next request.
    ///
    /// # Errors
    /// `Misuse`, when it cannot be protected.
    pub(crate) fn request(
        &mut self,
        ctx: &mut Ctx<'_>,
        sealer: &mut SkSealer,
        exchange: ExchangeType,
        payloads: Vec<Payload>,
    ) -> Result<(), Error> {
        let header = self.header(exchange, false, self.window.next_request());
        let datagram = seal(ctx, sealer, &Message { header, payloads })?;
        self.window.send(ctx.now, &datagram);
        ctx.transmit(self.path, &datagram);
        Ok(())
    }

    /// Answers the peer's request that is in work.
    ///
    /// # Errors
    /// `Misuse`, when it cannot be protected.
    pub(crate) fn respond(
        &mut self,
        ctx: &mut Ctx<'_>,
        sealer: &mut SkSealer,
        exchange: ExchangeType,
        payloads: Vec<Payload>,
    ) -> Result<(), Error> {
        let header = self.header(exchange, true, self.window.expected());
        let datagram = seal(ctx, sealer, &Message { header, payloads })?;
        let path = self.window.answer_path().unwrap_or(self.path);
        self.window.answer(&datagram);
        ctx.transmit(path, &datagram);
        Ok(())
    }

    /// Whether a message that came by `path` may be the peer's: an address is changed by a NAT or not at all.
    pub(crate) fn may_come_by(&self, path: Path, nat: nat::Nat) -> bool {
        nat.peer || path.remote.ip() == self.path.remote.ip()
    }

    /// Authenticates and reads what the peer sent. `None` for what anyone may have sent;
    /// what is authentic but malformed inside is the peer's mistake.
    pub(crate) fn open(
        ctx: &mut Ctx<'_>,
        opener: &SkOpener,
        datagram: &mut [u8],
    ) -> Option<Result<Message, Malformed>> {
        match opener.open(datagram) {
            Ok(message) => Some(Ok(message)),
            Err(OpenError::Inner(malformed)) => Some(Err(malformed)),
            Err(OpenError::BadIcv) => {
                ctx.out.counters.bad_icv += 1;
                None
            }
            Err(OpenError::Outer(_) | OpenError::NotProtected | OpenError::Fragment) => {
                ctx.out.counters.malformed += 1;
                None
            }
        }
    }

    /// Steps the retransmission; true when the peer is to be given up.
    pub(crate) fn retransmit(&mut self, ctx: &mut Ctx<'_>) -> bool {
        match self.window.on_timeout(ctx.now) {
            Due::Wait => false,
            Due::GiveUp => true,
            Due::Repeat(datagram) => {
                self.retransmissions += 1;
                ctx.out.counters.retransmissions += 1;
                ctx.transmit(self.path, datagram);
                false
            }
        }
    }

    /// True for a request to be worked on; answers one seen before from the cache.
    pub(crate) fn admit_request(&self, ctx: &mut Ctx<'_>, path: Path, header: &Header) -> bool {
        match self.window.place(header.message_id) {
            Place::New => true,
            Place::Repeated(answer) => {
                ctx.out.counters.repeated_requests += 1;
                ctx.transmit(path, answer);
                false
            }
            Place::Outside => {
                ctx.out.counters.out_of_window += 1;
                false
            }
        }
    }

    pub(crate) fn retransmit_deadline(&self) -> Option<(Instant, TimerKind)> {
        self.window.due().map(|at| (at, TimerKind::Retransmit))
    }
}

fn seal(ctx: &mut Ctx<'_>, sealer: &mut SkSealer, message: &Message) -> Result<Vec<u8>, Error> {
    sealer.seal(message, ctx.rng).map_err(|error| Misuse::Seal(error).into())
}

impl IkeSa {
    /// Begins an IKE SA as its initiator.
    pub(crate) fn initiate(
        ctx: &mut Ctx<'_>,
        path: Path,
        id: ConnectionId,
        connection: Arc<Connection>,
    ) -> Self {
        let sa = ctx.out.fresh_sa();
        let head = Head {
            id: sa,
            role: Role::Initiator,
            spi_i: ctx.allocate_ike_spi(sa),
            spi_r: IkeSpi::ZERO,
            path,
            created: ctx.now,
            window: Window::new(connection.retransmission),
            retransmissions: 0,
        };
        let state = initiator::sa_init::start(&head, ctx, id, connection);
        Self { head, state }
    }

    /// Begins an IKE SA as its responder.
    pub(crate) fn respond(ctx: &mut Ctx<'_>, path: Path, asked: responder::sa_init::Asked) -> Self {
        let sa = ctx.out.fresh_sa();
        let mut window = Window::new(crate::config::Retransmission::default());
        window.begin_answer(path);
        let head = Head {
            id: sa,
            role: Role::Responder,
            spi_i: asked.header.initiator_spi,
            spi_r: ctx.allocate_ike_spi(sa),
            path,
            created: ctx.now,
            window,
            retransmissions: 0,
        };
        let state = responder::sa_init::start(&head, ctx, asked);
        Self { head, state }
    }

    /// A message with our SPI, authentic or not.
    pub(crate) fn handle_message(
        &mut self,
        ctx: &mut Ctx<'_>,
        path: Path,
        header: &Header,
        datagram: &mut [u8],
    ) {
        if !self.head.is_from_peer(header) {
            ctx.out.counters.stray += 1;
            return;
        }
        self.step(|state, head| state.on_message(head, ctx, path, header, datagram));
    }

    /// A job is done.
    pub(crate) fn handle_job(&mut self, ctx: &mut Ctx<'_>, job: JobId, output: Output) {
        self.step(|state, head| state.on_job(head, ctx, job, output));
    }

    /// A deadline passed.
    pub(crate) fn handle_timeout(&mut self, ctx: &mut Ctx<'_>) {
        self.step(|state, head| state.on_timeout(head, ctx));
    }

    /// Closes the IKE SA, telling the peer if there is one that knows it.
    pub(crate) fn close(&mut self, ctx: &mut Ctx<'_>, error: Error) {
        self.step(|state, head| state.close(head, ctx, error));
    }

    /// The same because it shall not be: what the peer still sends on its children is not taken.
    pub(crate) fn cut(&mut self, ctx: &mut Ctx<'_>, error: Error) {
        self.step(|mut state, head| {
            state.deafen(ctx);
            state.close(head, ctx, error)
        });
    }

    /// Forgets the IKE SA without a word.
    pub(crate) fn abandon(&mut self, ctx: &mut Ctx<'_>, error: Error) {
        self.step(|state, head| state.abandon(head, ctx, error));
    }

    /// Somebody says, unprotected, that the peer knows nothing of this IKE SA.
    pub(crate) fn hint(&mut self, ctx: &mut Ctx<'_>) {
        self.step(|state, head| match state {
            State::Established(mut established) => {
                established.hint(ctx);
                established.proceed(head, ctx)
            }
            other => other,
        });
    }

    /// True while we are trying to make it stand.
    pub(crate) fn is_attempt(&self) -> bool {
        matches!(
            self.state,
            State::MakingKeys(_)
                | State::ExpectInitResponse(_)
                | State::FinishingInit(_)
                | State::ExpectAuthResponse(_)
        )
    }

    /// True while its initiator has yet to prove itself to us.
    pub(crate) fn is_half_open(&self) -> bool {
        matches!(self.state, State::AnsweringInit(_) | State::ExpectAuthRequest(_))
    }

    /// Hands the state to a step that eats it and gives the next.
    pub(crate) fn step(&mut self, step: impl FnOnce(State, &mut Head) -> State) {
        let state = std::mem::replace(&mut self.state, State::Gone);
        self.state = step(state, &mut self.head);
    }

    /// When [`IkeSa::handle_timeout`] is to be called.
    pub(crate) fn deadline(&self) -> Option<(Instant, TimerKind)> {
        self.state.deadline(&self.head)
    }
}
