//! Storey 4: all IKE SAs of one host, and the four verbs.
//!
//! Methods come in four kinds. *Getters* look. `handle_*` and
//! [`Endpoint::set_connection`] put something in, at a time that must not run
//! backwards. `poll_*` take out what came of it. Any order is legal, but only
//! one is useful: after whatever went in, drain [`Endpoint::poll_event`], act
//! on each event, then drain [`Endpoint::poll_transmit`], then ask
//! [`Endpoint::poll_timeout`]. Events come first because an inbound SA has to
//! stand before the message leaves that lets the peer use it.

mod admission;
mod command;
mod cookie;
mod demux;
mod peer;
mod view;

pub use crate::counters::Counters;
pub use view::{ChildView, IkeSaState, IkeSaView};

use crate::config::{Connection, ConnectionId, EndpointConfig};
use crate::credentials::Credentials;
use crate::event::{Command, CommandError, Deadline, Event, IkeSaId, Path, TimerKind, Transmit};
use crate::sa::context::{Ctx, Out};
use crate::sa::established::Established;
use crate::sa::state::State;
use crate::sa::{Head, IkeSa};
use adit_crypto::Rng;
use admission::{Callers, RateLimit};
use cookie::Cookies;
use peer::Peer;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// IKEv2 for one host.
pub struct Endpoint {
    config: EndpointConfig,
    credentials: Box<dyn Credentials>,
    rng: Rng,
    connections: BTreeMap<ConnectionId, Arc<Connection>>,
    peers: BTreeMap<ConnectionId, Peer>,
    /// Connections with an IKE SA that stands.
    up: BTreeSet<ConnectionId>,
    /// Connections taken down by hand: neither end brings them up.
    down: BTreeSet<ConnectionId>,
    /// When which connection is initiated.
    attempts: BTreeSet<(Instant, ConnectionId)>,
    sas: BTreeMap<IkeSaId, IkeSa>,
    owners: BTreeMap<IkeSaId, ConnectionId>,
    deadlines: BTreeMap<IkeSaId, (Instant, TimerKind)>,
    schedule: BTreeSet<(Instant, TimerKind, IkeSaId)>,
    callers: Callers,
    cookies: Cookies,
    replies: RateLimit,
    shutting_down: bool,
    out: Out,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("connections", &self.connections)
            .field("sas", &self.sas)
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    /// An endpoint without connections. `seed` is 32 octets of the system's
    /// entropy: with the same seed and the same inputs everything happens again.
    #[must_use]
    pub fn new(config: EndpointConfig, credentials: Box<dyn Credentials>, seed: [u8; 32]) -> Self {
        Self {
            replies: RateLimit::new(config.stray_replies_per_second),
            config,
            credentials,
            rng: Rng::from_seed(seed),
            connections: BTreeMap::new(),
            peers: BTreeMap::new(),
            up: BTreeSet::new(),
            down: BTreeSet::new(),
            attempts: BTreeSet::new(),
            sas: BTreeMap::new(),
            owners: BTreeMap::new(),
            deadlines: BTreeMap::new(),
            schedule: BTreeSet::new(),
            callers: Callers::default(),
            cookies: Cookies::default(),
            shutting_down: false,
            out: Out::default(),
        }
    }

    /// States what is wanted of a connection; `None` that it shall not be.
    ///
    /// What did not change is left alone: adding a child keeps the IKE SA and
    /// the other children. Another address, identity, proposal or credential
    /// closes the IKE SA and makes a new one. One taken down by hand may come up again.
    pub fn set_connection(&mut self, now: Instant, id: ConnectionId, wanted: Option<Arc<Connection>>) {
        self.reconfigure(now, id, wanted);
        self.settle(now);
    }

    /// Takes the payload of a UDP datagram, the non-ESP marker included where
    /// the local port is not that of plain IKE. Bad input changes nothing but a counter.
    pub fn handle_datagram(&mut self, now: Instant, path: Path, datagram: &mut [u8]) {
        self.route(now, path, datagram);
        self.settle(now);
    }

    /// Takes a command.
    ///
    /// # Errors
    /// [`CommandError`]; nothing has changed then. Reports about SAs that are
    /// gone are none: they may have crossed with the removal.
    pub fn handle_command(&mut self, now: Instant, command: Command) -> Result<(), CommandError> {
        let done = self.command(now, command);
        self.settle(now);
        done
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.out.end_lingering(|half| half.until <= now);
        let due = self.schedule.iter().take_while(|(at, ..)| *at <= now).map(|(_, _, id)| *id);
        for id in due.collect::<Vec<_>>() {
            self.with_sa(now, id, |sa, ctx| sa.handle_timeout(ctx));
        }
        self.settle(now);
        self.begin_attempts(now);
        self.settle(now);
    }

    /// The next event, before any datagram is sent.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.out.events.pop_front()
    }

    /// Replaces `out` by the next datagram to send.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> Option<Transmit> {
        let (path, datagram) = self.out.datagrams.pop_front()?;
        out.clear();
        out.extend_from_slice(&datagram);
        Some(Transmit { path })
    }

    /// When to call [`Endpoint::handle_timeout`] next.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        let sas = self.schedule.first().map(|(at, why, _)| (*at, *why));
        let attempts = self.attempts.first().map(|(at, _)| (*at, TimerKind::Initiate));
        let lingering = self.out.lingering_until().map(|at| (at, TimerKind::Linger));
        let (at, why) = [sas, attempts, lingering].into_iter().flatten().min()?;
        Some(Deadline { at, why })
    }

    /// True when no IKE SA is left that its peer has to be told about; after
    /// [`Command::Shutdown`] this is the time to go.
    pub fn is_idle(&self) -> bool {
        self.sas.values().all(|sa| matches!(&sa.state, State::Closing(closing) if closing.is_done()))
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        self.out.counters
    }

    fn with_ctx<R>(&mut self, now: Instant, act: impl FnOnce(&mut Ctx<'_>) -> R) -> R {
        act(&mut Ctx {
            now,
            rng: &mut self.rng,
            credentials: &*self.credentials,
            config: &self.config,
            connections: &self.connections,
            up: &self.up,
            down: &self.down,
            out: &mut self.out,
        })
    }

    /// Lends an IKE SA what it needs for one input, and sees where that left it.
    fn with_sa<R>(
        &mut self,
        now: Instant,
        id: IkeSaId,
        act: impl FnOnce(&mut IkeSa, &mut Ctx<'_>) -> R,
    ) -> Option<R> {
        let mut sa = self.sas.remove(&id)?;
        let result = self.with_ctx(now, |ctx| act(&mut sa, ctx));
        self.add_sa(sa);
        Some(result)
    }

    /// The same for one that stands; it goes on with its tasks afterwards.
    fn with_established(
        &mut self,
        now: Instant,
        id: IkeSaId,
        act: impl FnOnce(&mut Established, &mut Head, &mut Ctx<'_>),
    ) {
        self.with_sa(now, id, |sa, ctx| {
            sa.step(|state, head| match state {
                State::Established(mut established) => {
                    act(&mut established, head, ctx);
                    established.proceed(head, ctx)
                }
                other => other,
            });
        });
    }

    fn add_sa(&mut self, sa: IkeSa) {
        let id = sa.head.id;
        if matches!(sa.state, State::Gone) {
            self.out.ike.remove(&sa.head.own_spi());
            return self.forget_sa(id);
        }
        if !sa.is_half_open() {
            self.callers.opened(id);
        }
        self.plan(id, sa.deadline());
        self.sas.insert(id, sa);
    }

    fn remove_sa(&mut self, id: IkeSaId) {
        if let Some(sa) = self.sas.remove(&id) {
            self.out.ike.remove(&sa.head.own_spi());
            self.forget_sa(id);
        }
    }

    fn forget_sa(&mut self, id: IkeSaId) {
        self.plan(id, None);
        self.callers.remove(id);
        self.out.jobs.retain(|_, owner| *owner != id);
        // Its last notice may still wait to be told whose it was.
        self.out.forgotten.push(id);
    }

    fn plan(&mut self, id: IkeSaId, deadline: Option<(Instant, TimerKind)>) {
        let old = match deadline {
            Some(deadline) => self.deadlines.insert(id, deadline),
            None => self.deadlines.remove(&id),
        };
        if let Some((at, why)) = old {
            self.schedule.remove(&(at, why, id));
        }
        self.schedule.extend(deadline.map(|(at, why)| (at, why, id)));
    }
}
