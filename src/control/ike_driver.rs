//! Drives [`ike::Endpoint`](adit_ike::Endpoint): events, then datagrams, then the deadline.
//!
//! An SA is installed, and the data plane has said so, before the datagram leaves that
//! lets the peer use it. Key exchanges run inline: tens of microseconds, a millisecond
//! for MODP.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use adit_ike::event::{ChildId, Spi};
use adit_ike::{
    ChildConfigId, ChildHalf, Command, CommandError, Connection, ConnectionId, Endpoint, EndpointConfig,
    Event,
};

use super::connections::policy_of;
use super::credentials::Keys;
use super::failures::Failures;
use super::install::{self, EspSpi, esp_spi, ike_spi};
use super::removals::Removals;
use crate::dataplane::{Handle, Path, RequestError, SaCounters, SaId};

/// The endpoint with what the daemon knows of its SAs.
pub struct IkeDriver {
    endpoint: Endpoint,
    dataplane: Handle,
    connections: BTreeMap<ConnectionId, Known>,
    children: BTreeMap<ChildId, Installed>,
    failures: Failures,
    /// Packets of each inbound SA when they were last reported.
    heard: BTreeMap<Spi, u64>,
    removals: Removals,
    datagram: Vec<u8>,
}

/// A connection as it was told to the endpoint last. One that is not wanted any more is known until
/// its last IKE SA is gone: what is logged of its end has its name.
struct Known {
    connection: Arc<Connection>,
    wanted: bool,
}

/// The installed halves of a child.
struct Installed {
    config: ChildConfigId,
    inbound: Option<(Spi, Arc<SaCounters>)>,
    outbound: Option<(Spi, Arc<SaCounters>)>,
    /// Where the peer is.
    peer: Option<IpAddr>,
}

/// Counters of one child SA.
#[derive(Clone, Default)]
pub struct ChildCounters {
    /// Of the inbound half.
    pub inbound: Option<Arc<SaCounters>>,
    /// Of the outbound half.
    pub outbound: Option<Arc<SaCounters>>,
}

impl IkeDriver {
    /// An endpoint without connections.
    pub fn new(dataplane: Handle, keys: Keys, seed: [u8; 32]) -> Self {
        Self {
            endpoint: Endpoint::new(EndpointConfig::default(), Box::new(keys), seed),
            dataplane,
            connections: BTreeMap::new(),
            children: BTreeMap::new(),
            failures: Failures::default(),
            heard: BTreeMap::new(),
            removals: Removals::default(),
            datagram: Vec::with_capacity(2048),
        }
    }

    /// The endpoint, to look at.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// States what is wanted of a connection.
    pub fn set_connection(&mut self, now: Instant, id: ConnectionId, wanted: Option<Connection>) {
        let wanted = wanted.map(Arc::new);
        let children = wanted.iter().flat_map(|connection| &connection.children).map(|child| child.id);
        self.failures.keep(id, &children.collect::<Vec<_>>());
        match &wanted {
            Some(connection) => {
                self.connections.insert(id, Known { connection: connection.clone(), wanted: true });
            }
            None => {
                if let Some(known) = self.connections.get_mut(&id) {
                    known.wanted = false;
                }
            }
        }
        self.endpoint.set_connection(now, id, wanted);
    }

    /// Takes a datagram that the data plane handed over.
    pub fn handle_datagram(&mut self, now: Instant, path: Path, datagram: &mut [u8]) {
        let path = adit_ike::Path { local: path.local, remote: path.remote };
        self.endpoint.handle_datagram(now, path, datagram);
    }

    /// Hands a command on.
    ///
    /// # Errors
    /// The endpoint's.
    pub fn command(&mut self, now: Instant, command: Command) -> Result<(), CommandError> {
        if let Command::Initiate(id) = command {
            self.failures.forget(id);
        }
        self.endpoint.handle_command(now, command)
    }

    /// The first packet arrived on an inbound SA.
    pub fn heard_on(&mut self, now: Instant, spi: EspSpi) {
        self.tell(now, Command::HeardOn(ike_spi(spi)));
    }

    /// An SA reached its soft limit.
    pub fn soft_limit(&mut self, now: Instant, sa: SaId) {
        let of = |installed: &&Installed| match sa {
            SaId::Inbound { spi } => installed.inbound.as_ref().is_some_and(|(own, _)| esp_spi(*own) == spi),
            SaId::Outbound { policy, spi } => {
                policy_of(installed.config) == policy
                    && installed.outbound.as_ref().is_some_and(|(own, _)| esp_spi(*own) == spi)
            }
        };
        let spi = self.children.values().find(of).and_then(|installed| installed.inbound.as_ref());
        if let Some((spi, _)) = spi {
            let spi = *spi;
            self.tell(now, Command::SoftLimit(spi));
        }
    }

    /// Authenticated packets of an SA come from somewhere else.
    pub fn peer_moved(&mut self, now: Instant, spi: EspSpi, from: std::net::SocketAddr) {
        self.tell(now, Command::PeerMoved { spi: ike_spi(spi), from });
    }

    /// Tells the endpoint on which SAs packets arrived since the last time.
    pub fn report_usage(&mut self, now: Instant) {
        let mut used = Vec::new();
        for (spi, counters) in self.children.values().filter_map(|installed| installed.inbound.as_ref()) {
            let packets = counters.packets.get();
            if self.heard.insert(*spi, packets).is_none_or(|before| before != packets) && packets > 0 {
                used.push(*spi);
            }
        }
        for spi in used {
            self.tell(now, Command::Usage(spi));
        }
    }

    fn tell(&mut self, now: Instant, command: Command) {
        if let Err(error) = self.endpoint.handle_command(now, command) {
            tracing::debug!(%error, "ike");
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.removals.handle_timeout(now, |sa| self.dataplane.remove(sa));
        self.endpoint.handle_timeout(now);
    }

    /// When to call [`IkeDriver::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        let endpoint = self.endpoint.poll_timeout().map(|deadline| deadline.at);
        endpoint.into_iter().chain(self.removals.poll_timeout()).min()
    }

    /// Carries out events and sends datagrams until there are none.
    ///
    /// Returns whether SAs came, went or moved: then who has an SA is to be asked again.
    pub fn drain(&mut self, now: Instant) -> bool {
        let mut changed = false;
        loop {
            while let Some(event) = self.endpoint.poll_event() {
                changed |= self.carry_out(now, event);
            }
            let mut datagram = std::mem::take(&mut self.datagram);
            let transmit = self.endpoint.poll_transmit(&mut datagram);
            if let Some(transmit) = transmit {
                let path = Path { local: transmit.path.local, remote: transmit.path.remote };
                if let Err(error) = self.dataplane.send_ike(path, datagram.clone()) {
                    tracing::debug!(%error, "an IKE datagram is lost");
                }
            }
            self.datagram = datagram;
            if transmit.is_none() {
                self.forget_ended(now);
                return changed;
            }
        }
    }

    fn forget_ended(&mut self, now: Instant) {
        if self.connections.values().all(|known| known.wanted) {
            return;
        }
        let left: BTreeSet<_> = self.endpoint.ike_sas(now).iter().filter_map(|sa| sa.connection).collect();
        self.connections.retain(|id, known| known.wanted || left.contains(id));
    }

    /// Carries out one event; returns whether SAs came, went or moved.
    fn carry_out(&mut self, now: Instant, event: Event) -> bool {
        match event {
            Event::Job(id, job) => {
                let output = job.run();
                self.tell(now, Command::JobDone(id, output));
                return false;
            }
            Event::InstallInbound(half) => self.install_inbound(now, *half),
            Event::InstallOutbound(half) => self.install_outbound(now, *half),
            Event::RemoveInbound(child, spi) => {
                self.heard.remove(&spi);
                self.removed(child, |installed| installed.inbound = None);
                self.remove(now, SaId::Inbound { spi: esp_spi(spi) });
            }
            Event::RemoveOutbound(child, spi) => {
                if let Some(installed) = self.children.get(&child) {
                    let policy = policy_of(installed.config);
                    self.remove(now, SaId::Outbound { policy, spi: esp_spi(spi) });
                }
                self.removed(child, |installed| installed.outbound = None);
            }
            Event::Redirect(child, carrier) => {
                if let Some(installed) = self.children.get_mut(&child)
                    && let Some((spi, _)) = installed.outbound
                {
                    let (config, carrier) = (installed.config, install::carrier(carrier));
                    installed.peer = Some(carrier.remote());
                    if let Err(error) = self.dataplane.move_outbound(policy_of(config), esp_spi(spi), carrier)
                    {
                        let child = self.child_name(config);
                        tracing::warn!(child, %error, "an SA could not follow its peer");
                    }
                }
            }
            Event::Up(id) => {
                self.failures.up(id);
                tracing::info!(connection = self.name(id), "IKE SA up");
            }
            Event::Down(id, failure) => {
                let wanted = self.connections.get(&id).is_some_and(|known| known.wanted);
                let orderly = failure.is_orderly();
                if orderly {
                    self.failures.closed(id);
                }
                if !wanted || orderly || self.failures.ended(id, failure.to_string()) {
                    tracing::info!(connection = self.name(id), %failure, "no IKE SA");
                }
            }
            Event::ChildFailed(id, child, failure) => {
                if self.failures.no_child(id, child, failure.to_string()) {
                    let child = self.child_name(child);
                    tracing::info!(connection = self.name(id), child, %failure, "no child SA");
                }
            }
            Event::Hint(id, failure) => {
                if self.failures.heard(id, failure.to_string()) {
                    tracing::info!(connection = self.name(id), %failure, "heard, and nothing changed");
                }
            }
            Event::Moved(id, path) => {
                let (local, remote) = (path.local, path.remote);
                tracing::info!(connection = self.name(id), %local, %remote, "IKE takes another path");
                return false;
            }
        }
        true
    }

    fn name(&self, id: ConnectionId) -> &str {
        self.connections.get(&id).map_or("(removed)", |known| &known.connection.name)
    }

    fn child_name(&self, id: ChildConfigId) -> &str {
        let mut all = self.connections.values().flat_map(|known| &known.connection.children);
        all.find(|child| child.id == id).map_or("(removed)", |child| &child.name)
    }

    fn install_inbound(&mut self, now: Instant, half: ChildHalf) {
        let (child, config, spi) = (half.child, half.config, half.spi);
        let id = SaId::Inbound { spi: esp_spi(spi) };
        match install::inbound(&self.dataplane, policy_of(config), half) {
            Ok(()) => {
                let counters = self.dataplane.sa_counters(id).unwrap_or_default();
                self.installed(child, config).inbound = Some((spi, counters));
                self.removals.installed(id);
            }
            Err(error) => self.not_installed(now, (child, config), id, &error),
        }
    }

    fn install_outbound(&mut self, now: Instant, half: ChildHalf) {
        let (child, config, spi, carrier) = (half.child, half.config, half.spi, half.carrier);
        let policy = policy_of(config);
        let id = SaId::Outbound { policy, spi: esp_spi(spi) };
        match install::outbound(&self.dataplane, policy, half) {
            Ok(()) => {
                let counters = self.dataplane.sa_counters(id);
                let installed = self.installed(child, config);
                installed.outbound = Some((spi, counters.unwrap_or_default()));
                installed.peer = Some(install::carrier(carrier).remote());
                self.failures.child_up(config);
                self.removals.installed(id);
            }
            Err(error) => self.not_installed(now, (child, config), id, &error),
        }
    }

    fn installed(&mut self, child: ChildId, config: ChildConfigId) -> &mut Installed {
        let none = Installed { config, inbound: None, outbound: None, peer: None };
        self.children.entry(child).or_insert(none)
    }

    fn not_installed(
        &mut self,
        now: Instant,
        (child, config): (ChildId, ChildConfigId),
        sa: SaId,
        error: &install::InstallError,
    ) {
        tracing::warn!(child = self.child_name(config), %error, "an SA could not be installed");
        if matches!(error, install::InstallError::Refused(RequestError::Unanswered)) {
            // The data plane may have done it, or may yet.
            self.remove(now, sa);
        }
        self.tell(now, Command::InstallFailed(child));
    }

    fn removed(&mut self, child: ChildId, take: impl FnOnce(&mut Installed)) {
        if let Some(installed) = self.children.get_mut(&child) {
            take(installed);
            if installed.inbound.is_none() && installed.outbound.is_none() {
                self.children.remove(&child);
            }
        }
    }

    fn remove(&mut self, now: Instant, sa: SaId) {
        self.removals.remove(now, sa, |sa| self.dataplane.remove(sa));
    }

    /// The children that can send and receive now.
    pub fn working(&self) -> BTreeSet<ChildConfigId> {
        let both = |installed: &&Installed| installed.inbound.is_some() && installed.outbound.is_some();
        self.children.values().filter(both).map(|installed| installed.config).collect()
    }

    /// Where the peers of SAs are.
    pub fn peers(&self) -> impl Iterator<Item = IpAddr> {
        self.children.values().filter_map(|installed| installed.peer)
    }

    /// Counters of a child SA.
    pub fn counters(&self, child: ChildId) -> ChildCounters {
        let installed = self.children.get(&child);
        ChildCounters {
            inbound: installed.and_then(|installed| installed.inbound.as_ref()).map(|(_, own)| own.clone()),
            outbound: installed.and_then(|installed| installed.outbound.as_ref()).map(|(_, own)| own.clone()),
        }
    }

    /// What went wrong last, and has not gone well since.
    pub fn failures(&self) -> &Failures {
        &self.failures
    }
}
