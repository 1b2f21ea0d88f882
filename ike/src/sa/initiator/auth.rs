//! IKE_AUTH as initiator: prove, ask for the first child, check the peer's proof. RFC 7296 §1.2, §2.15.

use crate::config::{Connection, ConnectionId};
use crate::error::{AuthError, Error, Local};
use crate::event::Path;
use crate::exchange::{AuthAnswer, AuthRequest, AuthResponse, ChildOutcome, Informational};
use crate::sa::Head;
use crate::sa::closing::Closing;
use crate::sa::collision::NoncePair;
use crate::sa::context::{Ctx, Notice};
use crate::sa::established::{Established, Foundation};
use crate::sa::keys::Keys;
use crate::sa::nat::Nat;
use crate::sa::new_child::{self, Offered};
use crate::sa::proof::{self, Claim, PeerAuthenticated};
use crate::sa::proposal::IkeChoice;
use crate::sa::state::State;
use crate::wire::{ExchangeType, Header, Message, Notify, NotifyType};
use std::sync::Arc;

/// What IKE_SA_INIT came to.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) id: ConnectionId,
    pub(crate) connection: Arc<Connection>,
    pub(crate) keys: Keys,
    /// Our IKE_SA_INIT message, as sent.
    pub(crate) request: Vec<u8>,
    /// The peer's, as received.
    pub(crate) response: Vec<u8>,
    pub(crate) nonces: NoncePair,
    pub(crate) choice: IkeChoice,
    pub(crate) nat: Nat,
    pub(crate) udp: bool,
}

/// The request is on its way.
#[derive(Debug)]
pub(crate) struct ExpectAuthResponse {
    pub(crate) opened: Opened,
    offered: Option<Offered>,
}

/// Sends the request.
pub(crate) fn ask(head: &mut Head, ctx: &mut Ctx<'_>, mut opened: Opened) -> State {
    let Connection { local_id, remote_id, children, .. } = &*opened.connection;
    let Some(psk) = ctx.credentials.psk(local_id, remote_id) else {
        return State::fail(head, ctx, AuthError::NoCredentials(remote_id.clone()));
    };
    let claim = Claim { message: &opened.request, nonce: &opened.nonces.responder, identity: local_id };
    let Some(authentication) = proof::prove(&opened.keys.proof, &psk, claim) else {
        return State::fail(head, ctx, Local::Unsupported(opened.choice.prf.to_string()));
    };
    let offered = children.first().map(|child| Offered::new(child, ctx.allocate_spi(opened.id), None, true));
    let body = AuthRequest {
        id_initiator: local_id.clone(),
        certificates: Vec::new(),
        certificate_requests: Vec::new(),
        id_responder: Some(remote_id.clone()),
        authentication: Some(authentication),
        configuration: None,
        child: offered.as_ref().map(Offered::emit),
        initial_contact: !ctx.up.contains(&opened.id),
        mobike_supported: false,
        vendor_ids: Vec::new(),
        others: Vec::new(),
    };
    match head.request(ctx, &mut opened.keys.sealer, ExchangeType::IKE_AUTH, body.emit()) {
        Ok(()) => State::ExpectAuthResponse(Box::new(ExpectAuthResponse { opened, offered })),
        Err(error) => State::fail(head, ctx, error),
    }
}

impl ExpectAuthResponse {
    pub(crate) fn on_message(
        self: Box<Self>,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        path: Path,
        header: &Header,
        datagram: &mut [u8],
    ) -> State {
        let expected = header.response
            && header.exchange == ExchangeType::IKE_AUTH
            && head.window.awaits(header.message_id);
        if !expected || !head.may_come_by(path, self.opened.nat) {
            ctx.out.counters.out_of_window += 1;
            return State::ExpectAuthResponse(self);
        }
        let Some(opened) = Head::open(ctx, &self.opened.keys.opener, datagram) else {
            return State::ExpectAuthResponse(self);
        };
        head.window.answered_by_peer();
        // As in what follows: behind a NAT we follow nobody (RFC 7296 §2.23).
        if !self.opened.nat.local {
            head.path = path;
        }
        match opened.map_err(Error::from).and_then(|message: Message| AuthResponse::try_from(&message)) {
            Ok(AuthResponse::Accepted(answer)) => match self.check(ctx, &answer) {
                Ok(proof) => self.establish(head, ctx, proof, *answer),
                Err(error) => self.refuse(head, ctx, error),
            },
            Ok(AuthResponse::Refused(notify)) if notify.kind == NotifyType::AUTHENTICATION_FAILED => {
                State::fail(head, ctx, AuthError::RefusedByPeer)
            }
            Ok(AuthResponse::Refused(notify)) => State::fail(head, ctx, Error::PeerRefused(notify)),
            Err(error) => self.refuse(head, ctx, error),
        }
    }

    fn check(&self, ctx: &mut Ctx<'_>, answer: &AuthAnswer) -> Result<PeerAuthenticated, Error> {
        let Opened { connection, keys, response, nonces, .. } = &self.opened;
        let Connection { local_id, remote_id, .. } = &**connection;
        if answer.id_responder != *remote_id {
            let (expected, found) = (remote_id.clone(), answer.id_responder.clone());
            return Err(AuthError::WrongIdentity { expected, found }.into());
        }
        let psk = ctx
            .credentials
            .psk(local_id, remote_id)
            .ok_or_else(|| AuthError::NoCredentials(remote_id.clone()))?;
        let claim = Claim { message: response, nonce: &nonces.initiator, identity: &answer.id_responder };
        proof::check(&keys.proof, &psk, claim, &answer.authentication)
    }

    /// The peer believes in the IKE SA already: it is told (RFC 7296 §2.21.2).
    fn refuse(self: Box<Self>, head: &mut Head, ctx: &mut Ctx<'_>, error: Error) -> State {
        ctx.out.counters.authentication_failures += u64::from(matches!(error, Error::Authentication(_)));
        ctx.out.notices.push_back((head.id, Notice::Closed(error)));
        let word = Informational::notify(Notify::new(NotifyType::AUTHENTICATION_FAILED));
        let Keys { sealer, opener, .. } = self.opened.keys;
        Closing::last_request(head, ctx, (sealer, opener), &word, Vec::new())
    }

    fn establish(
        self: Box<Self>,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        proof: PeerAuthenticated,
        answer: AuthAnswer,
    ) -> State {
        let Self { opened, offered } = *self;
        let Opened { id, connection, keys, nonces, choice, nat, udp, .. } = opened;
        let foundation = Foundation { id, connection, keys, nonces, choice, nat, udp };
        let mut established = Box::new(Established::new(head, ctx, proof, foundation));
        ctx.out.notices.push_back((head.id, Notice::Established { initial_contact: answer.initial_contact }));
        if let Some(offered) = offered {
            match answer.child {
                ChildOutcome::Created(answer) => {
                    new_child::adopt_first(&mut established, head, ctx, &offered, answer)
                }
                ChildOutcome::Refused(notify) => {
                    established.child_failed(ctx, offered.config, Error::PeerRefused(notify))
                }
                ChildOutcome::Absent => established.child_failed(
                    ctx,
                    offered.config,
                    Local::Unsupported("peer makes no first child".into()).into(),
                ),
            }
        }
        established.want_children(head, ctx);
        established.proceed(head, ctx)
    }

    pub(crate) fn on_timeout(self: Box<Self>, head: &mut Head, ctx: &mut Ctx<'_>) -> State {
        if head.retransmit(ctx) {
            return State::fail(head, ctx, Local::Timeout);
        }
        State::ExpectAuthResponse(self)
    }
}
