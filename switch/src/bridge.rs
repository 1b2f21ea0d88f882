//! The control half: owns time, wires ports, probes, spanning tree and filtering database.

mod numbers;
mod sync;
mod views;

use crate::bpdu;
use crate::config::BridgeConfig;
use crate::event::{DownReason, Event, HeldReason};
use crate::fdb::Fdb;
use crate::forwarding::{Forwarding, Ports};
use crate::frame::{Frame, MacAddr};
use crate::ids::{BridgeId, PathCost, PortIdentifier};
use crate::port::{MAX_PORTS, PortConfig, PortId, PortState};
use crate::probe::{self, Prober};
use crate::stp::Stp;
use numbers::Numbers;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the filtering database's clock advances.
const TICK: Duration = Duration::from_secs(1);
/// Expired addresses are swept out every so many ticks.
const SWEEP_EVERY: u32 = 5;
/// Events that wait, at most; the oldest give way. `ForwardingChanged` is never lost.
const EVENT_LIMIT: usize = 1024;

/// Why a port is not taken or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// There are [`MAX_PORTS`] already.
    #[error("a bridge has at most {MAX_PORTS} ports")]
    TooMany,
    /// `stp-port-num` 0, or a number another port was given explicitly.
    #[error("stp-port-num {0} is not free; give each port its own number, 1 to 255, or none")]
    NumberTaken(u8),
    /// All 255 numbers are in use.
    #[error("255 ports take part in the spanning tree already; set stp-enable=false on some")]
    NoNumber,
    /// No such port.
    #[error("the bridge has no such port")]
    Unknown,
}

/// What woke the bridge, for logs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TimerKind {
    /// Coarse clock of the filtering database.
    Ageing,
    /// Spanning tree.
    Stp,
    /// Probes: send, release, silence.
    Probe,
}

/// When [`Bridge::handle_timeout`] is wanted, and what for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Deadline {
    /// Not before.
    pub at: Instant,
    /// Why.
    pub why: TimerKind,
}

/// What was last told of a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Shown {
    down: Option<DownReason>,
    held: Option<HeldReason>,
    state: PortState,
}

#[derive(Debug)]
struct Port {
    config: PortConfig,
    link: bool,
    secured: bool,
    shown: Shown,
}

impl Port {
    /// Why nothing can be sent or received, as far as the owner says.
    const fn no_carrier(&self) -> Option<DownReason> {
        match (self.link, self.config.protected && !self.secured) {
            (false, _) => Some(DownReason::Link),
            (true, true) => Some(DownReason::NoSa),
            (true, false) => None,
        }
    }

    /// Whether it takes part when there is a spanning tree.
    const fn in_tree(&self) -> bool {
        self.config.stp && (self.config.external || self.config.tunnel)
    }

    fn path_cost(&self) -> PathCost {
        PathCost(self.config.path_cost.map_or(PathCost::TUNNEL.0, |cost| cost.max(1)))
    }
}

/// One bridge. After any `handle_*`, `set_*`, `add_port` or `remove_port`:
/// drain [`poll_event`](Bridge::poll_event), then
/// [`poll_transmit`](Bridge::poll_transmit), then ask
/// [`poll_timeout`](Bridge::poll_timeout). Any order of calls is legal; queues
/// are bounded.
pub struct Bridge {
    config: BridgeConfig,
    began: Instant,
    ports: BTreeMap<PortId, Port>,
    numbers: Numbers,
    next_port: usize,
    fdb: Arc<Fdb>,
    secret: u64,
    stp: Option<Stp>,
    prober: Prober,
    /// What the data half has.
    published: Ports,
    forwarding_changed: bool,
    events: VecDeque<Event>,
    next_tick: Instant,
    ticks: u32,
    root: Option<BridgeId>,
    topology_changes: u64,
    bpdus_received: u64,
    bpdus_sent: u64,
    bpdu_errors: u64,
}

impl Bridge {
    /// A bridge without ports. `seed`: 32 bytes nobody else knows; own probes
    /// are told from forged ones by what follows from them.
    #[must_use]
    pub fn new(now: Instant, config: BridgeConfig, seed: [u8; 32]) -> Self {
        let config = config.forced();
        let prober = Prober::new(now, config.address, seed);
        let [a, b, c, d, e, f, g, h, ..] = seed;
        let secret = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let mut bridge = Self {
            config,
            began: now,
            ports: BTreeMap::new(),
            numbers: Numbers::default(),
            next_port: 0,
            fdb: Arc::new(Fdb::new(config.mac_table_size, config.mac_ageing, secret)),
            secret,
            stp: config.stp.map(|stp| Stp::new(now, &stp, config.address)),
            prober,
            published: Ports::default(),
            forwarding_changed: false,
            events: VecDeque::new(),
            next_tick: now + TICK,
            ticks: 0,
            root: None,
            topology_changes: 0,
            bpdus_received: 0,
            bpdus_sent: 0,
            bpdu_errors: 0,
        };
        bridge.sync(now);
        bridge
    }

    /// Changes the settings; what stays the same is not disturbed. Turning the
    /// spanning tree on starts it, with every port listening; turning it off
    /// holds tunnel ports until probes find no loop. Another `mac_table_size`
    /// begins an empty table.
    pub fn set_config(&mut self, now: Instant, config: BridgeConfig) {
        let config = config.forced();
        let old = std::mem::replace(&mut self.config, config);
        if old.mac_table_size != config.mac_table_size {
            self.fdb = Arc::new(Fdb::new(config.mac_table_size, config.mac_ageing, self.secret));
            self.forwarding_changed = true;
        }
        if old.address != config.address {
            self.prober.set_address(config.address);
        }
        match (&mut self.stp, config.stp) {
            (Some(stp), Some(wanted)) => stp.set_config(now, &wanted, config.address),
            (running @ None, Some(wanted)) => {
                let mut stp = Stp::new(now, &wanted, config.address);
                for (id, port) in self.ports.iter().filter(|(_, port)| port.in_tree()) {
                    let number = self.numbers.of(*id).unwrap_or(0);
                    let port_id = PortIdentifier::new(port.config.priority, number);
                    stp.add_port(now, *id, port_id, port.path_cost());
                }
                *running = Some(stp);
            }
            (running, None) => *running = None,
        }
        self.sync(now);
    }

    /// Adds a port with its link down; [`set_link`](Bridge::set_link) puts it
    /// into service. No other port is disturbed.
    ///
    /// # Errors
    /// [`PortError::TooMany`], [`PortError::NumberTaken`], [`PortError::NoNumber`].
    pub fn add_port(&mut self, now: Instant, config: PortConfig) -> Result<PortId, PortError> {
        let mut numbers =
            (0..MAX_PORTS).map(|step| (self.next_port + step) % MAX_PORTS).filter_map(PortId::new);
        let id = numbers.find(|id| !self.ports.contains_key(id)).ok_or(PortError::TooMany)?;
        let shown = Shown { down: Some(DownReason::Link), held: None, state: PortState::Disabled };
        let port = Port { config, link: false, secured: false, shown };
        if port.in_tree() {
            self.numbers.assign(id, config.number)?;
        }
        self.next_port = id.index() + 1;
        self.prober.add_port(now, id, config.tunnel, config.external);
        self.ports.insert(id, port);
        self.place_in_tree(now, id);
        self.sync(now);
        Ok(id)
    }

    /// Changes what a port is set to; its place in the spanning tree is kept.
    ///
    /// # Errors
    /// [`PortError::Unknown`], [`PortError::NumberTaken`], [`PortError::NoNumber`].
    pub fn set_port(&mut self, now: Instant, id: PortId, config: PortConfig) -> Result<(), PortError> {
        let port = self.ports.get_mut(&id).ok_or(PortError::Unknown)?;
        let old = std::mem::replace(&mut port.config, config);
        if !port.in_tree() {
            self.numbers.release(id);
        } else if let Err(error) = self.numbers.assign(id, config.number) {
            port.config = old;
            return Err(error);
        }
        if (old.tunnel, old.external) != (config.tunnel, config.external) {
            self.prober.remove_port(id);
            self.prober.add_port(now, id, config.tunnel, config.external);
        }
        self.place_in_tree(now, id);
        self.sync(now);
        Ok(())
    }

    /// Tells the spanning tree what `id` is set to, and other ports whose number it took.
    fn place_in_tree(&mut self, now: Instant, id: PortId) {
        let Some(stp) = &mut self.stp else { return };
        for (other, port) in self.ports.iter().filter(|(_, port)| port.in_tree()) {
            let number = self.numbers.of(*other).unwrap_or(0);
            let port_id = PortIdentifier::new(port.config.priority, number);
            if stp.state(*other).is_none() {
                stp.add_port(now, *other, port_id, port.path_cost());
            } else {
                stp.set_port_id(now, *other, port_id);
                stp.set_path_cost(now, *other, port.path_cost());
            }
        }
        if !self.ports.get(&id).is_some_and(Port::in_tree) {
            stp.remove_port(now, id);
        }
    }

    /// Takes a port away and forgets what was learned there.
    pub fn remove_port(&mut self, now: Instant, id: PortId) {
        if self.ports.remove(&id).is_none() {
            return;
        }
        self.numbers.release(id);
        self.prober.remove_port(id);
        if let Some(stp) = &mut self.stp {
            stp.remove_port(now, id);
        }
        self.fdb.flush_port(id);
        self.sync(now);
    }

    /// Says whether the device or tunnel under the port works.
    pub fn set_link(&mut self, now: Instant, id: PortId, up: bool) {
        if let Some(port) = self.ports.get_mut(&id) {
            port.link = up;
            self.sync(now);
        }
    }

    /// Says whether a protected port has its SA; without, its link is down.
    pub fn set_secured(&mut self, now: Instant, id: PortId, secured: bool) {
        if let Some(port) = self.ports.get_mut(&id) {
            port.secured = secured;
            self.sync(now);
        }
    }

    /// Takes a frame whose verdict was [`Verdict::Control`](crate::Verdict::Control):
    /// a BPDU or a probe. Whatever is wrong with it is a counter.
    pub fn handle_control(&mut self, now: Instant, id: PortId, frame: &[u8]) {
        let Some(port) = self.ports.get(&id) else { return };
        if port.no_carrier().is_some() {
            return;
        }
        match Frame::parse(frame).map(|frame| frame.destination()) {
            Ok(MacAddr::PROBE_GROUP) => {
                // The prober counts what is wrong.
                let _ = self.prober.handle_frame(now, id, frame);
                if self.prober.take_changed() {
                    self.sync(now);
                }
                self.relearn(now);
            }
            Ok(MacAddr::BRIDGE_GROUP) => {
                self.handle_bpdu(now, id, frame);
                self.sync(now);
            }
            Ok(_) | Err(_) => self.bpdu_errors += 1,
        }
    }

    fn handle_bpdu(&mut self, now: Instant, id: PortId, frame: &[u8]) {
        let Some(stp) = self.stp.as_mut().filter(|stp| stp.state(id).is_some()) else { return };
        self.bpdus_received += 1;
        if bpdu::parse_frame(frame).is_ok() && self.prober.is_silent(id) {
            // Somebody is there after all: the link comes up, by way of listening.
            self.prober.link_proved(now, id);
            stp.enable_port(now, id);
        }
        if stp.handle_frame(now, id, frame).is_err() {
            self.bpdu_errors += 1;
        }
    }

    /// Does what is due by `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.next_tick <= now {
            self.next_tick = now + TICK;
            self.ticks = self.ticks.wrapping_add(1);
            self.fdb.set_clock(u32::try_from((now - self.began).as_secs()).unwrap_or(u32::MAX));
            if self.ticks.is_multiple_of(SWEEP_EVERY) {
                self.fdb.sweep();
            }
        }
        self.prober.handle_timeout(now);
        // A link the prober found silent goes down before the tree's timers are looked at.
        if self.prober.take_changed() {
            self.sync(now);
        }
        self.relearn(now);
        if let Some(stp) = self.stp.as_mut().filter(|stp| stp.poll_timeout().is_some_and(|at| at <= now)) {
            stp.handle_timeout(now);
            self.sync(now);
        }
    }

    /// When [`handle_timeout`](Bridge::handle_timeout) is wanted next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Deadline> {
        if self.ports.is_empty() {
            return None;
        }
        let ageing = Some(Deadline { at: self.next_tick, why: TimerKind::Ageing });
        let stp =
            self.stp.as_ref().and_then(Stp::poll_timeout).map(|at| Deadline { at, why: TimerKind::Stp });
        let probe = self.prober.poll_timeout().map(|at| Deadline { at, why: TimerKind::Probe });
        [ageing, stp, probe].into_iter().flatten().min()
    }

    /// The next frame to send, written to `out` (cleared first), and the port:
    /// it goes out whatever the port's state, sealed where the port is protected.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> Option<PortId> {
        if let Some((port, bpdu)) = self.stp.as_mut().and_then(Stp::poll_transmit) {
            self.bpdus_sent += 1;
            bpdu::emit_frame(&bpdu, control_address(self.config.address, port), out);
            return Some(port);
        }
        let (port, message) = self.prober.poll_transmit()?;
        probe::message::emit_frame(&message, control_address(self.config.address, port), out);
        Some(port)
    }

    /// The next thing to know; [`Event::ForwardingChanged`] comes first.
    pub fn poll_event(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.forwarding_changed) {
            return Some(Event::ForwardingChanged);
        }
        self.events.pop_front()
    }

    /// The data half as of now; ask again after [`Event::ForwardingChanged`].
    #[must_use]
    pub fn forwarding(&self) -> Forwarding {
        Forwarding::new(self.published, self.fdb.clone())
    }

    /// Forgets all learned addresses (`fdb/flush`).
    pub fn flush_fdb(&mut self) {
        self.fdb.flush();
    }

    /// Makes the spanning tree act as if the topology had changed (`stp/tcn`).
    pub fn force_topology_change(&mut self, now: Instant) {
        if let Some(stp) = &mut self.stp {
            stp.force_topology_change(now);
            self.sync(now);
        }
    }
}

/// Source address of a port's control frames: follows from the bridge's, but
/// differs, so that a switch between two ports does not take the bridge's own
/// address to move about.
fn control_address(bridge: MacAddr, port: PortId) -> MacAddr {
    let [a, b, c, d, e, f] = bridge.0;
    let [high, low] = (port.index() as u16 + 1).to_be_bytes();
    MacAddr([((a & 0xfe) | 0x02) ^ 0x40, b, c, d, e ^ high, f ^ low])
}

#[cfg(test)]
mod tests;
