//! IKE_SA_INIT as responder. RFC 7296 §1.2, §2.7.
//!
//! [`consider`] decides without keeping anything; only a request that can be
//! answered costs memory and a key exchange.

use crate::config::{Connection, ConnectionId};
use crate::error::{Error, Local};
use crate::event::{IkeSpi, Path};
use crate::exchange::sa_init::Features;
use crate::exchange::{SaInitAnswer, SaInitRequest, SaInitResponse};
use crate::job::{Job, JobId, Output};
use crate::sa::collision::NoncePair;
use crate::sa::context::Ctx;
use crate::sa::keys::{Keys, Material};
use crate::sa::proposal::{self, Chosen, IkeChoice};
use crate::sa::responder::auth::{ExpectAuthRequest, HALF_OPEN};
use crate::sa::state::State;
use crate::sa::{Head, Role, nat};
use crate::wire::{Header, KeyExchange, ProposalSpi};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

/// A request that can be answered.
pub(crate) struct Asked {
    pub(crate) header: Header,
    pub(crate) body: SaInitRequest,
    /// As received.
    pub(crate) datagram: Vec<u8>,
    pub(crate) chosen: Chosen<IkeChoice>,
    /// Of the connections it may be for, one wants ESP in UDP.
    pub(crate) force_udp: bool,
}

/// The key exchange is being answered.
#[derive(Debug)]
pub(crate) struct AnsweringInit {
    job: JobId,
    nonces: NoncePair,
    chosen: Chosen<IkeChoice>,
    request: Vec<u8>,
    nat: nat::Nat,
    udp: bool,
    force_udp: bool,
    give_up_at: Instant,
}

/// Chooses, by the addresses alone: who calls is not known yet.
///
/// # Errors
/// `NoConnection`, `TakenDown`, `Proposal`, and `KeyExchange` when another method is wanted.
pub(crate) fn consider(
    connections: &BTreeMap<ConnectionId, Arc<Connection>>,
    down: &BTreeSet<ConnectionId>,
    path: Path,
    body: &SaInitRequest,
) -> Result<(Chosen<IkeChoice>, bool), Error> {
    let (down, here): (Vec<_>, Vec<_>) = connections
        .iter()
        .filter(|(_, connection)| connection.serves(path))
        .partition(|(id, _)| down.contains(id));
    let nobody = Error::from(if down.is_empty() { Local::NoConnection } else { Local::TakenDown });
    let mut refusal = nobody.clone();
    for (_, connection) in here {
        match proposal::choose_ike(&connection.proposals, &body.proposals, body.ke.method, &ProposalSpi::None)
        {
            Ok(chosen) => return Ok((chosen, connection.force_udp)),
            // The first connection's wish for another method outranks a later one's "nothing in common".
            Err(error) if refusal == nobody => refusal = error,
            Err(_) => {}
        }
    }
    Err(refusal)
}

/// Begins.
pub(crate) fn start(head: &Head, ctx: &mut Ctx<'_>, asked: Asked) -> State {
    let Asked { body, datagram, chosen, force_udp, .. } = asked;
    let nonce = ctx.nonce();
    let peers = body.features.nat_detection.as_ref();
    let nat = nat::detect(head.spi_i, IkeSpi::ZERO, head.path, peers);
    let udp = nat.found() || (force_udp && peers.is_some());
    let rng = ctx.fork();
    let job = ctx.job(head.id, Job::Respond { method: body.ke.method, peer: body.ke.public, rng });
    let nonces = NoncePair { initiator: body.nonce, responder: nonce };
    State::AnsweringInit(Box::new(AnsweringInit {
        job,
        nonces,
        chosen,
        request: datagram,
        nat,
        udp,
        force_udp,
        give_up_at: ctx.now + HALF_OPEN,
    }))
}

impl AnsweringInit {
    /// True for the very request that is being answered.
    pub(crate) fn is_for(&self, datagram: &[u8]) -> bool {
        self.request == datagram
    }

    pub(crate) fn give_up_at(&self) -> Instant {
        self.give_up_at
    }

    /// A bad public value is not answered (RFC 6989 §2.5). It cost an exchange, so it stays half-open:
    /// whoever sends many is asked for cookies, and the same one again costs nothing.
    pub(crate) fn on_job(
        self: Box<Self>,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        job: JobId,
        output: Output,
    ) -> State {
        let (Output::Responded(public, shared), true) = (output, job == self.job) else {
            return State::AnsweringInit(self);
        };
        let Self { nonces, chosen, request, nat, udp, force_udp, .. } = *self;
        let choice = chosen.choice;
        let material =
            Material { choice: &choice, nonces: &nonces, spis: (head.spi_i, head.spi_r), shared: &shared };
        let Some(keys) = Keys::first(material, Role::Responder) else {
            return State::fail(head, ctx, Local::Unsupported(choice.suite.to_string()));
        };
        let hashes = nat::hashes(head.spi_i, head.spi_r, head.path, force_udp);
        let answer = SaInitAnswer {
            proposal: chosen.answer,
            ke: KeyExchange { method: choice.ke, public },
            nonce: nonces.responder.clone(),
            certificate_requests: Vec::new(),
            features: Features { nat_detection: Some(hashes), ..Features::default() },
        };
        let response = head.respond_in_clear(ctx, SaInitResponse::Accepted(Box::new(answer)).emit());
        let give_up_at = ctx.now + HALF_OPEN;
        State::ExpectAuthRequest(Box::new(ExpectAuthRequest {
            keys,
            request,
            response,
            nonces,
            choice,
            nat,
            udp,
            give_up_at,
        }))
    }
}
