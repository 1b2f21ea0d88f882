//! Commands: what the driver and the data path have to say.

use crate::config::{Connection, ConnectionId};
use crate::endpoint::Endpoint;
use crate::error::Local;
use crate::event::{Command, CommandError, IkeSaId, Spi};
use crate::sa::context::Ctx;
use crate::sa::established::Established;
use crate::sa::state::State;
use crate::sa::tasks::Task;
use crate::sa::{Head, IkeSa};
use std::sync::Arc;
use std::time::Instant;

impl Endpoint {
    pub(super) fn command(&mut self, now: Instant, command: Command) -> Result<(), CommandError> {
        match command {
            Command::JobDone(job, output) => {
                if let Some(id) = self.out.jobs.remove(&job) {
                    self.with_sa(now, id, |sa, ctx| sa.handle_job(ctx, job, output));
                }
            }
            Command::InstallFailed(child) => {
                let owner = self.sas.iter().find_map(|(id, sa)| match &sa.state {
                    State::Established(state) if state.estate.children.contains_key(&child) => Some(*id),
                    _ => None,
                });
                if let Some(id) = owner {
                    self.with_established(now, id, |established, _, ctx| {
                        established.install_failed(ctx, child)
                    });
                }
            }
            Command::HeardOn(spi) => {
                self.with_child(now, spi, |established, ctx| established.heard_on(ctx, spi))
            }
            Command::Usage(spi) => self.with_child(now, spi, |established, ctx| established.heard = ctx.now),
            Command::SoftLimit(spi) => {
                self.with_child(now, spi, |established, _| established.soft_limit(spi))
            }
            Command::PeerMoved { spi, from } => {
                if let Some(id) = self.out.esp.get(&spi).copied() {
                    self.with_established(now, id, |established, head, ctx| {
                        established.peer_moved(head, ctx, from)
                    });
                }
            }
            Command::LocalAddresses(addresses) => self.local_addresses(now, &addresses),
            Command::Initiate(id) => self.initiate_by_hand(now, id)?,
            Command::Terminate(id) => self.terminate(now, id)?,
            Command::RekeyChildren(id) => {
                self.for_current(now, id, |established, _, _| established.rekey_children())?
            }
            Command::RekeyIke(id) => {
                self.for_current(now, id, |established, _, _| established.intend(Task::RekeyIke))?
            }
            Command::Shutdown => self.shut_down(now),
        }
        Ok(())
    }

    fn with_child(&mut self, now: Instant, spi: Spi, act: impl FnOnce(&mut Established, &mut Ctx<'_>)) {
        if let Some(id) = self.out.esp.get(&spi).copied() {
            self.with_established(now, id, |established, _, ctx| act(established, ctx));
        }
    }

    fn local_addresses(&mut self, now: Instant, addresses: &[std::net::IpAddr]) {
        let here = |connection: &Connection| addresses.contains(&connection.local);
        let back: Vec<ConnectionId> =
            self.connections.iter().filter(|(_, c)| here(c)).map(|(id, _)| *id).collect();
        for id in back {
            // A route may have changed under an IKE SA that stands; one that waited need wait no more.
            if self.for_current(now, id, |established, _, ctx| established.hint(ctx)).is_err()
                && self.wants(id)
            {
                self.schedule_attempt(id, Some(now));
            }
        }
    }

    fn initiate_by_hand(&mut self, now: Instant, id: ConnectionId) -> Result<(), CommandError> {
        let connection = self.connections.get(&id).ok_or(CommandError::UnknownConnection)?;
        if self.shutting_down {
            return Err(CommandError::ShuttingDown);
        }
        self.down.remove(&id);
        if connection.remote.is_none() {
            return Err(CommandError::NoRemoteAddress);
        }
        let peer = self.peers.entry(id).or_default();
        (peer.forced, peer.failures) = (true, 0);
        if !self.up.contains(&id) {
            self.schedule_attempt(id, Some(now));
        }
        Ok(())
    }

    fn terminate(&mut self, now: Instant, id: ConnectionId) -> Result<(), CommandError> {
        if !self.connections.contains_key(&id) {
            return Err(CommandError::UnknownConnection);
        }
        self.down.insert(id);
        self.peers.entry(id).or_default().forced = false;
        self.schedule_attempt(id, None);
        self.cut_all(now, id);
        Ok(())
    }

    /// The connection shall not be: from now on nothing of it is taken, and its peer is told.
    fn cut_all(&mut self, now: Instant, id: ConnectionId) {
        let sas: Vec<IkeSaId> = self.peers.get(&id).into_iter().flat_map(|peer| &peer.sas).copied().collect();
        for sa in sas {
            self.with_sa(now, sa, |sa, ctx| sa.cut(ctx, Local::GoingDown.into()));
        }
        self.out.end_lingering(|half| half.connection == id);
    }

    fn shut_down(&mut self, now: Instant) {
        self.shutting_down = true;
        for id in self.connections.keys().copied().collect::<Vec<_>>() {
            self.schedule_attempt(id, None);
            self.cut_all(now, id);
        }
    }

    /// The IKE SA that serves a connection; while one replaces another, the newest.
    fn for_current(
        &mut self,
        now: Instant,
        id: ConnectionId,
        act: impl FnOnce(&mut Established, &mut Head, &mut Ctx<'_>),
    ) -> Result<(), CommandError> {
        let peer = self.peers.get(&id).ok_or(CommandError::UnknownConnection)?;
        let stands = |sa: &IkeSaId| matches!(self.sas.get(sa).map(|sa| &sa.state), Some(State::Established(state)) if !state.estate.doomed && state.estate.redundant_at.is_none());
        let current = peer.sas.iter().copied().rfind(stands).ok_or(CommandError::NotUp)?;
        self.with_established(now, current, act);
        Ok(())
    }

    /// A connection is new, changed or gone.
    pub(super) fn reconfigure(&mut self, now: Instant, id: ConnectionId, wanted: Option<Arc<Connection>>) {
        let old = match &wanted {
            Some(connection) => self.connections.insert(id, Arc::clone(connection)),
            None => self.connections.remove(&id),
        };
        self.down.remove(&id);
        let Some(wanted) = wanted else {
            self.schedule_attempt(id, None);
            self.cut_all(now, id);
            return;
        };
        let peer = self.peers.entry(id).or_default();
        let sas: Vec<IkeSaId> = peer.sas.iter().copied().collect();
        if old.is_some_and(|old| old.is_same_peer(&wanted)) {
            for sa in sas {
                let connection = Arc::clone(&wanted);
                self.with_established(now, sa, |established, head, ctx| {
                    established.reconfigure(head, ctx, connection)
                });
                if self.sas.get(&sa).is_some_and(IkeSa::is_attempt) {
                    self.with_sa(now, sa, |sa, ctx| sa.cut(ctx, Local::GoingDown.into()));
                }
            }
        } else {
            self.cut_all(now, id);
        }
        self.settle(now);
        if self.wants(id) && !self.up.contains(&id) {
            self.schedule_attempt(id, Some(now));
        }
    }
}
