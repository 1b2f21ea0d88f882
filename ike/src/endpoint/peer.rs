//! One connection at run time: its IKE SAs, when to initiate, which of two stays. DESIGN: a peer owns one
//! IKE SA; while one replaces another, or two cross, it has more.

use crate::config::{Connection, ConnectionId};
use crate::endpoint::Endpoint;
use crate::error::{Error, Local};
use crate::event::{Event, IkeSaId, Path};
use crate::sa::collision::{self, Redundant};
use crate::sa::context::Notice;
use crate::sa::established::{Established, Estate};
use crate::sa::state::State;
use crate::sa::{IkeSa, Role};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Wait before a failed attempt is repeated; doubled each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The doubling stops here.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How long the peer has for closing a redundant IKE SA it made.
const GRACE: Duration = Duration::from_secs(5);

/// A connection at run time.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    pub(crate) sas: BTreeSet<IkeSaId>,
    /// Asked for by hand, though configured as a pure responder.
    pub(crate) forced: bool,
    pub(crate) failures: u32,
    pub(crate) next_attempt: Option<Instant>,
}

impl Endpoint {
    /// Acts on what IKE SAs reported, until nothing is left.
    pub(super) fn settle(&mut self, now: Instant) {
        while let Some((from, notice)) = self.out.notices.pop_front() {
            match notice {
                Notice::Identified(connection) => self.bind(from, connection),
                Notice::Established { initial_contact } => self.on_established(now, from, initial_contact),
                Notice::Born(sa) => {
                    if let Some(connection) = self.owners.get(&from).copied() {
                        self.bind(sa.head.id, connection);
                    }
                    self.claim_children(&sa);
                    let heir = sa.head.id;
                    self.add_sa(*sa);
                    self.with_established(now, heir, |established, head, ctx| {
                        // One born redundant has inherited nothing, and wants nothing.
                        if established.estate.redundant_at.is_none() {
                            established.want_what_is_missing(head, ctx);
                        }
                    });
                }
                Notice::Inherit(heir, estate) => self.inherit(now, heir, *estate),
                Notice::Release(heir) => self.release(now, heir),
                Notice::Closed(error) => self.on_closed(now, from, error),
            }
        }
        for id in std::mem::take(&mut self.out.forgotten) {
            if let Some(connection) = self.owners.remove(&id)
                && let Some(peer) = self.peers.get_mut(&connection)
            {
                peer.sas.remove(&id);
                if peer.sas.is_empty() && !self.connections.contains_key(&connection) {
                    self.peers.remove(&connection);
                }
            }
        }
    }

    pub(super) fn bind(&mut self, sa: IkeSaId, connection: ConnectionId) {
        self.owners.insert(sa, connection);
        self.peers.entry(connection).or_default().sas.insert(sa);
    }

    fn claim_children(&mut self, sa: &IkeSa) {
        if let State::Established(established) = &sa.state {
            let spis = established.estate.children.values().map(|child| (child.spi_in, sa.head.id));
            self.out.esp.extend(spis);
        }
    }

    fn inherit(&mut self, now: Instant, heir: IkeSaId, mut estate: Estate) {
        let stands = self.sas.get(&heir).is_some_and(|sa| matches!(&sa.state, State::Established(_)));
        if !stands {
            // The peer closed what it had just made: nothing is left to control the children.
            self.with_ctx(now, |ctx| estate.remove_children(ctx));
            return self.on_closed(now, heir, Local::ClosedByPeer.into());
        }
        self.out.esp.extend(estate.children.values().map(|child| (child.spi_in, heir)));
        self.with_established(now, heir, |established, head, ctx| {
            established.inherit(estate);
            established.want_what_is_missing(head, ctx);
        });
    }

    fn release(&mut self, now: Instant, heir: IkeSaId) {
        self.with_established(now, heir, |established, _, _| established.hold_until = None);
    }

    /// The IKE SAs of a connection that stand.
    fn standing(
        &self,
        connection: ConnectionId,
    ) -> impl Iterator<Item = (IkeSaId, &Established, Instant, Role)> {
        let sas = self.peers.get(&connection).into_iter().flat_map(|peer| &peer.sas);
        sas.filter_map(|id| {
            let sa = self.sas.get(id)?;
            match &sa.state {
                State::Established(state) if !state.estate.doomed => {
                    Some((*id, &**state, sa.head.created, sa.head.role))
                }
                _ => None,
            }
        })
    }

    fn on_established(&mut self, now: Instant, id: IkeSaId, initial_contact: bool) {
        let Some(connection) = self.owners.get(&id).copied() else { return };
        if self.up.insert(connection) {
            self.out.events.push_back(Event::Up(connection));
        }
        self.schedule_attempt(connection, None);
        if let Some(peer) = self.peers.get_mut(&connection) {
            peer.failures = 0;
        }
        self.drop_early_attempts(connection);
        let Some((_, _, created, _)) = self.standing(connection).find(|(sa, ..)| *sa == id) else { return };
        if initial_contact {
            let lost = self.standing(connection).any(|(sa, state, ..)| sa != id && state.since < created);
            self.out.counters.initial_contacts += u64::from(lost);
            let others =
                self.standing(connection).filter(|(sa, state, ..)| *sa != id && state.since < created);
            // The peer has forgotten them (RFC 7296 §2.4).
            for other in others.map(|(sa, ..)| sa).collect::<Vec<_>>() {
                self.with_sa(now, other, |sa, ctx| sa.abandon(ctx, Local::ClosedByPeer.into()));
            }
        }
        self.settle_duplicates(now, connection, id);
    }

    /// Our attempts that have said nothing but IKE_SA_INIT: the peer loses nothing with them.
    fn drop_early_attempts(&mut self, connection: ConnectionId) {
        let sas = self.peers.get(&connection).into_iter().flat_map(|peer| &peer.sas).copied();
        let early = |id: &IkeSaId| {
            matches!(
                self.sas.get(id).map(|sa| &sa.state),
                Some(State::MakingKeys(_) | State::ExpectInitResponse(_) | State::FinishingInit(_))
            )
        };
        for id in sas.filter(early).collect::<Vec<_>>() {
            self.remove_sa(id);
        }
    }

    /// One IKE SA stays. Of two that crossed, the one with the lowest nonce
    /// goes (DESIGN: as in RFC 7296 §2.8.1); else the older. Who made it closes it.
    fn settle_duplicates(&mut self, now: Instant, connection: ConnectionId, new: IkeSaId) {
        let Some((_, state, created, _)) = self.standing(connection).find(|(sa, ..)| *sa == new) else {
            return;
        };
        let rivals = self
            .standing(connection)
            .filter(|(sa, state, ..)| *sa != new && state.estate.redundant_at.is_none());
        let redundant = |(other, rival, ..): (IkeSaId, &Established, Instant, Role)| {
            let crossed = created <= rival.since;
            match collision::redundant(&state.nonces, &rival.nonces) {
                Redundant::First if crossed => new,
                Redundant::First | Redundant::Second => other,
            }
        };
        let redundant: BTreeSet<IkeSaId> = rivals.map(redundant).collect();
        for id in redundant {
            self.out.counters.duplicate_ike_sas += 1;
            let ours = self.sas.get(&id).is_some_and(|sa| sa.head.role == Role::Initiator);
            if ours {
                self.with_sa(now, id, |sa, ctx| sa.close(ctx, Local::GoingDown.into()));
            } else {
                self.with_established(now, id, |established, _, ctx| {
                    established.estate.redundant_at = Some(ctx.now + GRACE)
                });
            }
        }
    }

    fn on_closed(&mut self, now: Instant, id: IkeSaId, error: Error) {
        let Some(connection) = self.owners.get(&id).copied() else { return };
        if self.standing(connection).next().is_some() {
            return;
        }
        let was_up = self.up.remove(&connection);
        let peer_is_deaf = matches!(error, Error::Local(Local::Timeout));
        self.out.events.push_back(Event::Down(connection, error.into()));
        let attempts = self.peers.get(&connection).into_iter().flat_map(|peer| &peer.sas);
        let trying =
            attempts.filter(|sa| **sa != id).any(|sa| self.sas.get(sa).is_some_and(IkeSa::is_attempt));
        if trying || !self.wants(connection) {
            return;
        }
        let Some(peer) = self.peers.get_mut(&connection) else { return };
        peer.failures = if was_up { 0 } else { peer.failures + 1 };
        let wait = LONGEST_WAIT.min(FIRST_WAIT * 2u32.saturating_pow(peer.failures.min(16)));
        // A peer that fell silent may be back already; one that said goodbye meant it.
        let wait = if was_up && peer_is_deaf { Duration::ZERO } else { wait };
        let jitter = Duration::from_millis(self.rng.below(wait.as_millis() as u64 / 4 + 1));
        self.schedule_attempt(connection, Some(now + wait + jitter));
    }

    /// True when we should have an IKE SA for it without being called.
    pub(super) fn wants(&self, id: ConnectionId) -> bool {
        let (Some(connection), Some(peer)) = (self.connections.get(&id), self.peers.get(&id)) else {
            return false;
        };
        let active = connection.initiate || peer.forced;
        !self.shutting_down
            && !self.down.contains(&id)
            && active
            && connection.remote.is_some()
            && !connection.children.is_empty()
    }

    /// When the connection is initiated next.
    pub(super) fn schedule_attempt(&mut self, id: ConnectionId, at: Option<Instant>) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if let Some(old) = std::mem::replace(&mut peer.next_attempt, at) {
            self.attempts.remove(&(old, id));
        }
        self.attempts.extend(at.map(|at| (at, id)));
    }

    /// Initiates what is due.
    pub(super) fn begin_attempts(&mut self, now: Instant) {
        while let Some(&(at, id)) = self.attempts.first()
            && at <= now
        {
            self.schedule_attempt(id, None);
            let busy = self.peers.get(&id).is_some_and(|peer| {
                peer.sas.iter().any(|sa| self.sas.get(sa).is_some_and(IkeSa::is_attempt))
            });
            if self.wants(id) && !busy && !self.up.contains(&id) {
                self.initiate(now, id);
            }
        }
    }

    fn initiate(&mut self, now: Instant, id: ConnectionId) {
        let Some(connection) = self.connections.get(&id).map(Arc::clone) else { return };
        let Connection { local, remote: Some(remote), .. } = *connection else { return };
        let port = self.config.ike_port;
        let path = Path { local: (local, port).into(), remote: (remote, port).into() };
        let sa = self.with_ctx(now, |ctx| IkeSa::initiate(ctx, path, id, connection));
        self.bind(sa.head.id, id);
        self.add_sa(sa);
    }
}
