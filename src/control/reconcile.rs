//! The only writer of running state: takes steps towards what is wanted, and keeps
//! what is wanted true while the host around it changes.
//!
//! ```text
//! apply   the steps of a plan              configuration changed
//! settle  devices, ways, MTUs, links       configuration or host changed
//! turn    events, snapshot, frames, IKE    anything happened at all
//! ```

mod settle;
mod steps;
mod view;
mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_ike::{Command, CommandError, ConnectionId};

use super::bridges::RunningBridge;
use super::connections::{self, Book, Wanted};
use super::credentials::Keys;
use super::devices::{Device, Done, Host};
use super::ike_driver::IkeDriver;
use super::underlay::Underlay;
use crate::config::desired::{Desired, DeviceName, IpsecInterface};
use crate::config::plan::diff;
use crate::dataplane::{Handle, PortCounters, Punt, Routed, Snapshot};
use crate::net::netlink::Netlink;

/// How often the endpoint hears which SAs are in use.
const USAGE_EVERY: Duration = Duration::from_secs(2);
/// How soon what failed is tried again.
const RETRY_EVERY: Duration = Duration::from_secs(5);
/// When the data plane is told again what it could not take.
const TOLD_AGAIN: Duration = Duration::from_millis(100);

/// All that runs.
pub struct Running {
    desired: Desired,
    bridges: BTreeMap<DeviceName, RunningBridge>,
    interfaces: BTreeMap<DeviceName, RunningInterface>,
    book: Book,
    keys: Keys,
    ike: IkeDriver,
    connections: BTreeMap<ConnectionId, Wanted>,
    /// Connections an operator took down.
    down: BTreeSet<ConnectionId>,
    /// From where IKE is expected, as the data plane knows it.
    told_peers: BTreeSet<IpAddr>,
    dataplane: Handle,
    netlink: Netlink,
    host: Host,
    next_key: u32,
    /// The data plane is to be told.
    stale: bool,
    usage_at: Instant,
    retry_at: Option<Instant>,
}

/// A route-based interface that runs.
struct RunningInterface {
    settings: IpsecInterface,
    device: Device,
    done: Done,
    underlay: Option<Underlay>,
    counters: Arc<PortCounters>,
    error: Option<String>,
}

impl Running {
    /// Nothing, yet.
    pub fn new(now: Instant, dataplane: Handle, netlink: Netlink) -> Self {
        let keys = Keys::default();
        let ike = IkeDriver::new(dataplane.clone(), keys.clone(), seed());
        Self {
            desired: Desired::default(),
            bridges: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            book: Book::default(),
            keys,
            ike,
            connections: BTreeMap::new(),
            down: BTreeSet::new(),
            told_peers: BTreeSet::new(),
            dataplane,
            netlink,
            host: Host::default(),
            next_key: 0,
            stale: false,
            usage_at: now + USAGE_EVERY,
            retry_at: None,
        }
    }

    /// Makes `next` run: only what differs from now is touched. What fails is told by the
    /// port it fails for, and tried again. Returns whether anything differed.
    pub async fn apply(&mut self, next: Desired) -> bool {
        let plan = diff(&self.desired, &next);
        if plan.is_empty() {
            return false;
        }
        for step in plan.steps {
            self.take(step);
        }
        self.desired = next;
        self.settle().await;
        true
    }

    /// Takes a punt of the data plane.
    pub fn handle_punt(&mut self, punt: Punt) {
        let now = Instant::now();
        match punt {
            Punt::Ike { path, mut datagram } => self.ike.handle_datagram(now, path, &mut datagram),
            Punt::Control { bridge, port, frame } => {
                if let Some(bridge) = self.bridges.values_mut().find(|running| running.key == bridge) {
                    bridge.switch.handle_control(now, port, &frame);
                }
            }
            Punt::HeardOn { spi } => self.ike.heard_on(now, spi),
            Punt::SoftLimit { sa } => self.ike.soft_limit(now, sa),
            Punt::PeerMoved { spi, path } => self.ike.peer_moved(now, spi, path.remote),
        }
    }

    /// When [`Running::handle_timeout`] is wanted.
    pub fn poll_timeout(&self) -> Instant {
        let bridges = self.bridges.values().filter_map(|bridge| bridge.switch.poll_timeout());
        let deadlines =
            bridges.map(|deadline| deadline.at).chain(self.ike.poll_timeout()).chain(self.retry_at);
        deadlines.fold(self.usage_at, Instant::min)
    }

    /// Whether it is time to look again for keys that could not be read.
    pub fn wants_keys(&self, now: Instant) -> bool {
        self.retry_at.is_some_and(|at| at <= now) && self.desired.lacks_keys()
    }

    /// Does what is due.
    pub async fn handle_timeout(&mut self) {
        let now = Instant::now();
        for bridge in self.bridges.values_mut() {
            if bridge.switch.poll_timeout().is_some_and(|deadline| deadline.at <= now) {
                bridge.switch.handle_timeout(now);
            }
        }
        if self.ike.poll_timeout().is_some_and(|at| at <= now) {
            self.ike.handle_timeout(now);
        }
        if self.usage_at <= now {
            self.usage_at = now + USAGE_EVERY;
            self.ike.report_usage(now);
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            self.settle().await;
        }
    }

    /// Carries out what the last input led to: SAs first, then what the data plane reads,
    /// then frames and datagrams.
    pub fn turn(&mut self) {
        let now = Instant::now();
        if self.ike.drain(now) {
            self.update_secured(now);
            self.stale |= self.ike_peers() != self.told_peers;
        }
        for (name, bridge) in &mut self.bridges {
            self.stale |= bridge.drain_events(name);
        }
        if self.stale {
            self.publish();
        }
        for bridge in self.bridges.values_mut() {
            bridge.transmit(&self.dataplane);
        }
    }

    /// Tells the switches which protected ports have SAs.
    fn update_secured(&mut self, now: Instant) {
        let working = self.ike.working();
        for bridge in self.bridges.values_mut() {
            for (name, port) in &bridge.ports {
                let Some(tunnel) = port.tunnel().filter(|tunnel| tunnel.protection.is_some()) else {
                    continue;
                };
                let Some(id) = port.id else { continue };
                let policy = self.book.policy(name);
                let needed = connections::children_of_port(policy, &tunnel.encap);
                bridge.switch.set_secured(now, id, needed.iter().all(|child| working.contains(child)));
            }
        }
    }

    /// From where IKE is expected: those configured, and where the peers of SAs are now.
    fn ike_peers(&self) -> BTreeSet<IpAddr> {
        let configured = self.connections.values().filter_map(|wanted| wanted.connection.remote);
        configured.chain(self.ike.peers()).collect()
    }

    /// Gives the data plane its next snapshot.
    fn publish(&mut self) {
        self.stale = false;
        let mut policies = BTreeMap::new();
        for (name, port) in self.bridges.values().flat_map(|bridge| &bridge.ports) {
            if port.tunnel().is_some_and(|tunnel| tunnel.protection.is_some()) {
                policies.insert(name.clone(), self.book.policy(name));
            }
        }
        let bridges = self.bridges.values().map(|bridge| bridge.snapshot(|name| policies.get(name).copied()));
        let bridges = bridges.collect();
        let mut routed = Vec::new();
        for (name, interface) in &self.interfaces {
            if let (Some(tun), Some(underlay)) = (interface.device.tap(), interface.underlay) {
                routed.push(Routed {
                    tun: tun.clone(),
                    policy: self.book.policy(name),
                    underlay_mtu: u16::try_from(underlay.mtu).unwrap_or(u16::MAX),
                    counters: interface.counters.clone(),
                });
            }
        }
        let snapshot = match Snapshot::new(bridges, routed) {
            Ok(snapshot) => {
                self.told_peers = self.ike_peers();
                snapshot.with_ike_peers(self.told_peers.clone())
            }
            Err(error) => return tracing::error!(%error, "the new state contradicts itself"),
        };
        if let Err(error) = self.dataplane.apply(snapshot) {
            tracing::error!(%error, "the data plane did not take the new state, and is told again");
            self.stale = true;
            self.retry_at = Some(Instant::now() + TOLD_AGAIN);
        }
    }

    /// Wants a connection up.
    ///
    /// # Errors
    /// One line.
    pub fn up(&mut self, name: &str) -> Result<(), String> {
        let (now, id) = (Instant::now(), self.connection(name)?);
        self.down.remove(&id);
        self.ike.command(now, Command::Initiate(id)).map_err(|error| self.refusal(name, id, error))
    }

    /// Wants a connection down; the peer cannot bring it up either.
    ///
    /// # Errors
    /// One line.
    pub fn down(&mut self, name: &str) -> Result<(), String> {
        let (now, id) = (Instant::now(), self.connection(name)?);
        self.down.insert(id);
        self.ike.command(now, Command::Terminate(id)).map_err(|error| format!("{name}: {error}"))
    }

    /// Replaces SAs of a connection.
    ///
    /// # Errors
    /// One line.
    pub fn rekey(&mut self, name: &str, ike: bool, child: bool) -> Result<(), String> {
        let (now, id) = (Instant::now(), self.connection(name)?);
        let children = child.then_some(Command::RekeyChildren(id));
        for command in children.into_iter().chain(ike.then_some(Command::RekeyIke(id))) {
            self.ike.command(now, command).map_err(|error| self.refusal(name, id, error))?;
        }
        Ok(())
    }

    /// Why a command was not carried out, and what to do.
    fn refusal(&self, name: &str, id: ConnectionId, error: CommandError) -> String {
        match error {
            _ if self.down.contains(&id) => format!("{name} is {}", taken_down(name)),
            CommandError::NotUp => format!("{name} is not up; 'adit sa' says why"),
            CommandError::ShuttingDown => "adit is going down".to_owned(),
            CommandError::UnknownConnection | CommandError::NoRemoteAddress => format!("{name}: {error}"),
        }
    }

    /// The connection that protects the port or interface of this name.
    fn connection(&self, name: &str) -> Result<ConnectionId, String> {
        let member = |wanted: &Wanted| wanted.members.iter().any(|member| member.as_str() == name);
        if let Some((id, _)) = self.connections.iter().find(|(_, wanted)| member(wanted)) {
            return Ok(*id);
        }
        if let Some(error) = self.key_error(name) {
            return Err(format!("{name}: {error}"));
        }
        let known: Vec<&str> =
            self.connections.values().flat_map(|wanted| &wanted.members).map(DeviceName::as_str).collect();
        Err(match known.is_empty() {
            true => format!("no connection {name}, nor any other"),
            false => format!("no connection {name}; there are {}", known.join(" ")),
        })
    }

    /// Why the port or interface of this name has no key, where it needs one.
    fn key_error(&self, name: &str) -> Option<String> {
        let ports = self.bridges.values().flat_map(|bridge| &bridge.ports);
        let port = ports.filter(|(other, _)| other.as_str() == name).find_map(|(_, port)| port.key_error());
        port.or_else(|| {
            let (_, interface) = self.interfaces.iter().find(|(other, _)| other.as_str() == name)?;
            interface.settings.protection.key_error().map(str::to_owned)
        })
    }

    /// Starts going down: peers are told.
    pub fn shut_down(&mut self) {
        let _ = self.ike.command(Instant::now(), Command::Shutdown);
        self.turn();
    }

    /// Whether all peers have been told.
    pub fn is_idle(&self) -> bool {
        self.ike.endpoint().is_idle()
    }
}

/// What is said of a connection that was taken down by hand.
fn taken_down(name: &str) -> String {
    format!("taken down; 'adit up {name}' brings it back")
}

/// 32 bytes nobody else knows.
pub fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).expect("the kernel has entropy");
    seed
}
