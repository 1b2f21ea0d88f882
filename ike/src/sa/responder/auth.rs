//! IKE_AUTH as responder: who calls, is it true, which child. RFC 7296 §1.2, §2.15, §2.21.2.

use crate::config::{Connection, ConnectionId};
use crate::error::{AuthError, Error, Local, Unacceptable};
use crate::event::{Event, Path};
use crate::exchange::{AuthAnswer, AuthRequest, AuthResponse, ChildOutcome};
use crate::sa::Head;
use crate::sa::closing::Closing;
use crate::sa::collision::NoncePair;
use crate::sa::context::{Ctx, Notice};
use crate::sa::established::{Established, Foundation};
use crate::sa::keys::Keys;
use crate::sa::nat::Nat;
use crate::sa::new_child;
use crate::sa::proof::{self, Claim, PeerAuthenticated};
use crate::sa::proposal::IkeChoice;
use crate::sa::state::State;
use crate::wire::{
    AuthMethod, Authentication, ExchangeType, Header, Identification, Message, Notify, NotifyType,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long an initiator has for saying who it is.
pub(crate) const HALF_OPEN: Duration = Duration::from_secs(30);

/// The initiator has yet to say who it is.
#[derive(Debug)]
pub(crate) struct ExpectAuthRequest {
    pub(crate) keys: Keys,
    /// The peer's IKE_SA_INIT message, as received.
    pub(crate) request: Vec<u8>,
    /// Ours, as sent.
    pub(crate) response: Vec<u8>,
    pub(crate) nonces: NoncePair,
    pub(crate) choice: IkeChoice,
    pub(crate) nat: Nat,
    pub(crate) udp: bool,
    pub(crate) give_up_at: Instant,
}

/// A peer that proved who it is, and our proof for it.
struct Believed {
    id: ConnectionId,
    connection: Arc<Connection>,
    proof: PeerAuthenticated,
    authentication: Authentication,
}

/// A peer not believed, and the connection it meant, if that much is clear.
struct Refused {
    connection: Option<ConnectionId>,
    error: Error,
}

impl ExpectAuthRequest {
    pub(crate) fn on_message(
        self: Box<Self>,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        path: Path,
        header: &Header,
        datagram: &mut [u8],
    ) -> State {
        let expected = !header.response
            && header.exchange == ExchangeType::IKE_AUTH
            && header.message_id == head.window.expected();
        // Addresses are not authenticated: only a peer behind a NAT may come from another (RFC 7296 §2.23).
        if !expected || !head.may_come_by(path, self.nat) {
            ctx.out.counters.out_of_window += 1;
            return State::ExpectAuthRequest(self);
        }
        let Some(opened) = Head::open(ctx, &self.keys.opener, datagram) else {
            return State::ExpectAuthRequest(self);
        };
        head.window.begin_answer(path);
        head.path = path;
        let request =
            opened.map_err(Error::from).and_then(|message: Message| AuthRequest::try_from(&message));
        let request = request.map_err(|error| Refused { connection: None, error });
        match request.and_then(|request| self.check(ctx, path, &request).map(|believed| (request, believed)))
        {
            Ok((request, believed)) => self.establish(head, ctx, request, believed),
            Err(refused) => self.refuse(head, ctx, refused),
        }
    }

    fn check(&self, ctx: &mut Ctx<'_>, path: Path, request: &AuthRequest) -> Result<Believed, Refused> {
        let (id, connection) = find(ctx, path, request)?;
        let refused = |error: Error| Refused { connection: Some(id), error };
        if !connection.accepts(&self.choice) {
            return Err(refused(Unacceptable::Proposal.into()));
        }
        let Connection { local_id, remote_id, .. } = &*connection;
        let psk = ctx.credentials.psk(local_id, remote_id);
        let psk = psk.ok_or_else(|| refused(AuthError::NoCredentials(remote_id.clone()).into()))?;
        let given = request.authentication.as_ref();
        let given = given.ok_or_else(|| refused(AuthError::Method(AuthMethod(0)).into()))?;
        let claim =
            Claim { message: &self.request, nonce: &self.nonces.responder, identity: &request.id_initiator };
        let proof = proof::check(&self.keys.proof, &psk, claim, given).map_err(refused)?;
        if ctx.down.contains(&id) {
            return Err(refused(Local::TakenDown.into()));
        }
        let claim = Claim { message: &self.response, nonce: &self.nonces.initiator, identity: local_id };
        let authentication = proof::prove(&self.keys.proof, &psk, claim);
        let authentication =
            authentication.ok_or_else(|| refused(Local::Unsupported(self.choice.prf.to_string()).into()))?;
        Ok(Believed { id, connection, proof, authentication })
    }

    fn establish(
        self: Box<Self>,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        request: AuthRequest,
        believed: Believed,
    ) -> State {
        let Self { keys, nonces, choice, nat, udp, .. } = *self;
        let Believed { id, connection, proof, authentication } = believed;
        head.window.set_retransmission(connection.retransmission);
        ctx.out.notices.push_back((head.id, Notice::Identified(id)));
        let initial_contact = !ctx.up.contains(&id);
        let udp = udp || (connection.force_udp && nat.found());
        let id_responder = connection.local_id.clone();
        let foundation = Foundation { id, connection, keys, nonces, choice, nat, udp };
        let mut established = Box::new(Established::new(head, ctx, proof, foundation));
        ctx.out
            .notices
            .push_back((head.id, Notice::Established { initial_contact: request.initial_contact }));
        let child = match &request.child {
            None => ChildOutcome::Absent,
            Some(offer) => match new_child::answer_first(&mut established, head, ctx, offer) {
                Ok(answer) => ChildOutcome::Created(answer),
                Err(error) => {
                    ctx.out.events.push_back(Event::Hint(id, error.clone().into()));
                    let refusal = error.notify().unwrap_or(Notify::new(NotifyType::NO_PROPOSAL_CHOSEN));
                    ChildOutcome::Refused(refusal)
                }
            },
        };
        let answer = AuthAnswer {
            id_responder,
            certificates: Vec::new(),
            authentication,
            configuration: None,
            child,
            initial_contact,
            mobike_supported: false,
            vendor_ids: Vec::new(),
            others: Vec::new(),
        };
        let payloads = AuthResponse::Accepted(Box::new(answer)).emit();
        if let Err(error) = head.respond(ctx, &mut established.sealer, ExchangeType::IKE_AUTH, payloads) {
            return established.fail(head, ctx, error);
        }
        established.want_children(head, ctx);
        established.proceed(head, ctx)
    }

    /// Says no, and stays a while for an initiator that missed it.
    fn refuse(self: Box<Self>, head: &mut Head, ctx: &mut Ctx<'_>, refused: Refused) -> State {
        let Refused { connection, error } = refused;
        ctx.out.counters.authentication_failures += u64::from(matches!(error, Error::Authentication(_)));
        if let Some(id) = connection {
            // A caller who fails takes nothing down that stands.
            let failure = error.clone().into();
            let stands = ctx.up.contains(&id);
            ctx.out.events.push_back(if stands {
                Event::Hint(id, failure)
            } else {
                Event::Down(id, failure)
            });
        }
        let notify = error.notify().unwrap_or(Notify::new(NotifyType::AUTHENTICATION_FAILED));
        let payloads = AuthResponse::Refused(notify).emit();
        let Keys { mut sealer, opener, .. } = self.keys;
        match head.respond(ctx, &mut sealer, ExchangeType::IKE_AUTH, payloads) {
            Ok(()) => {
                ctx.out.notices.push_back((head.id, Notice::Closed(error)));
                Closing::done(head, ctx, (sealer, opener))
            }
            Err(error) => State::fail(head, ctx, error),
        }
    }
}

/// The connection that IDi and IDr name.
fn find(
    ctx: &Ctx<'_>,
    path: Path,
    request: &AuthRequest,
) -> Result<(ConnectionId, Arc<Connection>), Refused> {
    let meant = |id: &Identification| request.id_responder.as_ref().is_none_or(|meant| meant == id);
    let mut here = ctx.connections.iter().filter(|(_, connection)| connection.serves(path));
    let fits =
        |connection: &Connection| connection.remote_id == request.id_initiator && meant(&connection.local_id);
    if let Some((id, connection)) = here.clone().find(|(_, connection)| fits(connection)) {
        return Ok((*id, Arc::clone(connection)));
    }
    // The only connection for this address must be the one: say what is different.
    let refused = match (here.next(), here.next()) {
        (Some((id, connection)), None) => {
            let (expected, found) = if connection.remote_id == request.id_initiator {
                (
                    connection.local_id.clone(),
                    request.id_responder.clone().unwrap_or(connection.local_id.clone()),
                )
            } else {
                (connection.remote_id.clone(), request.id_initiator.clone())
            };
            Refused { connection: Some(*id), error: AuthError::WrongIdentity { expected, found }.into() }
        }
        (Some(_), Some(_)) | (None, _) => {
            Refused { connection: None, error: AuthError::NoCredentials(request.id_initiator.clone()).into() }
        }
    };
    Err(refused)
}
