//! IKE_SA_INIT as initiator: agree on algorithms, exchange keys, find NATs. RFC 7296 §1.2, §2.6, §2.7.
//!
//! Nothing here is authenticated. COOKIE and INVALID_KE_PAYLOAD are acted on,
//! any other refusal is remembered and waited out (§2.21.1).

use crate::config::{Connection, ConnectionId};
use crate::error::{Error, Local, Misbehaved};
use crate::event::{Event, IkeSpi, Path};
use crate::exchange::sa_init::Features;
use crate::exchange::{Cookie, SaInitAnswer, SaInitRequest, SaInitResponse};
use crate::job::{Job, JobId, Output};
use crate::sa::collision::NoncePair;
use crate::sa::context::Ctx;
use crate::sa::initiator::auth::{self, Opened};
use crate::sa::keys::{Keys, Material};
use crate::sa::proposal::{self, IkeChoice};
use crate::sa::state::State;
use crate::sa::{Head, Role, nat};
use crate::wire::{ExchangeType, Header, KeyExchange, Message, Nonce, Notify, Proposal, ProposalSpi};
use adit_crypto::kex::Started;
use adit_crypto::{KeId, kex};
use std::sync::Arc;

/// Cookies, other key exchange methods and bad public values followed before the responder is left to itself.
const MAX_RESTARTS: u8 = 8;

/// What stays the same however often the request changes.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) id: ConnectionId,
    pub(crate) connection: Arc<Connection>,
    nonce: Nonce,
    cookie: Option<Cookie>,
    method: KeId,
    restarts: u8,
    refused: Option<Notify>,
}

/// A key pair is being made.
#[derive(Debug)]
pub(crate) struct MakingKeys {
    pub(crate) attempt: Attempt,
    job: JobId,
}

/// The request is on its way.
#[derive(Debug)]
pub(crate) struct ExpectInitResponse {
    pub(crate) attempt: Attempt,
    started: Box<Started>,
    public: Vec<u8>,
    offered: Vec<Proposal>,
    request: Vec<u8>,
}

/// The shared secret is being computed.
#[derive(Debug)]
pub(crate) struct FinishingInit {
    pub(crate) attempt: Attempt,
    job: JobId,
    request: Vec<u8>,
    response: Vec<u8>,
    nonces: NoncePair,
    choice: IkeChoice,
    nat: nat::Nat,
    udp: bool,
}

/// Begins.
pub(crate) fn start(head: &Head, ctx: &mut Ctx<'_>, id: ConnectionId, connection: Arc<Connection>) -> State {
    let nonce = ctx.nonce();
    let methods = connection.proposals.iter().flat_map(|proposal| &proposal.key_exchange);
    let Some(method) = methods.copied().find(|method| kex::public_len(*method).is_some()) else {
        return State::fail(head, ctx, Local::Unsupported("no key exchange method of the proposals".into()));
    };
    make_keys(head, ctx, Attempt { id, connection, nonce, cookie: None, method, restarts: 0, refused: None })
}

fn make_keys(head: &Head, ctx: &mut Ctx<'_>, attempt: Attempt) -> State {
    let rng = ctx.fork();
    let job = ctx.job(head.id, Job::Initiate { method: attempt.method, rng });
    State::MakingKeys(Box::new(MakingKeys { attempt, job }))
}

impl MakingKeys {
    pub(crate) fn on_job(
        self: Box<Self>,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        job: JobId,
        output: Output,
    ) -> State {
        match output {
            _ if job != self.job => State::MakingKeys(self),
            Output::Initiated(started, public) => ask(head, ctx, self.attempt, started, public),
            Output::Responded(..) | Output::Shared(_) | Output::Refused(_) => {
                State::fail(head, ctx, Local::Unsupported(self.attempt.method.to_string()))
            }
        }
    }
}

/// Sends the request. The first of its retries repeats all but the cookie (§2.6).
fn ask(
    head: &mut Head,
    ctx: &mut Ctx<'_>,
    attempt: Attempt,
    started: Box<Started>,
    public: Vec<u8>,
) -> State {
    let offered = proposal::ike_offer(&attempt.connection.proposals, &ProposalSpi::None);
    let hashes = nat::hashes(head.spi_i, IkeSpi::ZERO, head.path, attempt.connection.force_udp);
    let body = SaInitRequest {
        cookie: attempt.cookie.clone(),
        proposals: offered.clone(),
        ke: KeyExchange { method: attempt.method, public: public.clone() },
        nonce: attempt.nonce.clone(),
        features: Features { nat_detection: Some(hashes), ..Features::default() },
    };
    let request = head.request_in_clear(ctx, body.emit());
    State::ExpectInitResponse(Box::new(ExpectInitResponse { attempt, started, public, offered, request }))
}

impl ExpectInitResponse {
    pub(crate) fn on_message(
        mut self: Box<Self>,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        path: Path,
        header: &Header,
        datagram: &[u8],
    ) -> State {
        let expected = header.exchange == ExchangeType::IKE_SA_INIT
            && header.response
            && head.window.awaits(header.message_id)
            && path == head.path;
        let body = Message::parse(datagram)
            .map_err(Error::from)
            .and_then(|message| SaInitResponse::try_from(&message));
        match body {
            _ if !expected => ctx.out.counters.stray += 1,
            Err(_) => ctx.out.counters.malformed += 1,
            Ok(SaInitResponse::Cookie(cookie)) if self.may_restart() => {
                self.attempt.cookie = Some(cookie);
                return ask(head, ctx, self.attempt, self.started, self.public);
            }
            Ok(SaInitResponse::InvalidKe(wanted)) if self.may_use(wanted) && self.may_restart() => {
                head.window.forget_request();
                self.attempt.method = wanted;
                return make_keys(head, ctx, self.attempt);
            }
            Ok(SaInitResponse::Cookie(_)) => {}
            Ok(SaInitResponse::InvalidKe(wanted)) => self.note_refusal(ctx, Notify::invalid_ke(wanted)),
            Ok(SaInitResponse::Refused(notify)) => self.note_refusal(ctx, notify),
            Ok(SaInitResponse::Accepted(answer)) => return self.accept(head, ctx, header, *answer, datagram),
        }
        State::ExpectInitResponse(self)
    }

    fn may_restart(&mut self) -> bool {
        self.attempt.restarts += 1;
        self.attempt.restarts <= MAX_RESTARTS
    }

    // Only a method we offered: nobody may talk us into another.
    fn may_use(&self, wanted: KeId) -> bool {
        let mut methods =
            self.attempt.connection.proposals.iter().flat_map(|proposal| &proposal.key_exchange);
        wanted != self.attempt.method
            && methods.any(|method| *method == wanted)
            && kex::public_len(wanted).is_some()
    }

    // Anyone may have sent it: it is told, once, and not obeyed.
    fn note_refusal(&mut self, ctx: &mut Ctx<'_>, notify: Notify) {
        if self.attempt.refused.is_none() {
            let failure = Error::PeerRefused(notify.clone()).into();
            ctx.out.events.push_back(Event::Hint(self.attempt.id, failure));
        }
        self.attempt.refused = Some(notify);
    }

    fn accept(
        self: Box<Self>,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        header: &Header,
        answer: SaInitAnswer,
        datagram: &[u8],
    ) -> State {
        let choice = match proposal::read_ike(&self.offered, &answer.proposal) {
            Ok((choice, _))
                if choice.ke == answer.ke.method
                    && choice.ke == self.attempt.method
                    && !header.responder_spi.is_zero() =>
            {
                choice
            }
            Ok(_) | Err(_) => {
                let failure = Error::from(Misbehaved::NotOffered).into();
                ctx.out.events.push_back(Event::Hint(self.attempt.id, failure));
                return State::ExpectInitResponse(self);
            }
        };
        let Self { attempt, started, request, .. } = *self;
        head.window.answered_by_peer();
        head.spi_r = header.responder_spi;
        let peers = answer.features.nat_detection.as_ref();
        let nat = nat::detect(head.spi_i, head.spi_r, head.path, peers);
        let udp = nat.found() || (attempt.connection.force_udp && peers.is_some());
        let job = ctx.job(head.id, Job::Finish { started, peer: answer.ke.public });
        let nonces = NoncePair { initiator: attempt.nonce.clone(), responder: answer.nonce };
        let response = datagram.to_vec();
        State::FinishingInit(Box::new(FinishingInit {
            attempt,
            job,
            request,
            response,
            nonces,
            choice,
            nat,
            udp,
        }))
    }

    pub(crate) fn on_timeout(self: Box<Self>, head: &mut Head, ctx: &mut Ctx<'_>) -> State {
        if head.retransmit(ctx) {
            let error = self.attempt.refused.map_or(Error::Local(Local::Timeout), Error::PeerRefused);
            return State::fail(head, ctx, error);
        }
        State::ExpectInitResponse(self)
    }
}

impl FinishingInit {
    pub(crate) fn on_job(
        self: Box<Self>,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        job: JobId,
        output: Output,
    ) -> State {
        if job != self.job {
            return State::FinishingInit(self);
        }
        let Self { mut attempt, request, response, nonces, choice, nat, udp, .. } = *self;
        let Output::Shared(shared) = output else {
            // Whoever sent that value was no peer, or a broken one: another key pair, another try.
            attempt.restarts += 1;
            if attempt.restarts > MAX_RESTARTS {
                return State::fail(head, ctx, Misbehaved::BadPublicValue(attempt.method));
            }
            head.window.restart();
            head.spi_r = IkeSpi::ZERO;
            return make_keys(head, ctx, attempt);
        };
        let material =
            Material { choice: &choice, nonces: &nonces, spis: (head.spi_i, head.spi_r), shared: &shared };
        let Some(keys) = Keys::first(material, Role::Initiator) else {
            return State::fail(head, ctx, Local::Unsupported(choice.suite.to_string()));
        };
        if udp {
            head.path = nat::floated(head.path, ctx.config.natt_port);
        }
        let Attempt { id, connection, .. } = attempt;
        auth::ask(head, ctx, Opened { id, connection, keys, request, response, nonces, choice, nat, udp })
    }
}
