//! An Ethernet bridge: learning, flooding, spanning tree, loop probes.
//!
//! Two halves. The **control half** is [`Bridge`]: it owns time, and has the
//! four verbs of a protocol without I/O. The **data half** is [`Forwarding`],
//! a value the bridge hands out, which workers ask about every frame.
//!
//! Invariants: nothing here reads a clock, opens a socket or spawns; a port that
//! is held, blocked or down neither learns nor forwards; no input panics.
#![forbid(unsafe_code)]

pub mod config;
pub mod event;
pub mod fdb;
pub mod forwarding;
pub mod frame;
pub mod ids;
pub mod port;
pub mod view;

pub use config::{BridgeConfig, StpConfig, StpConfigError};
pub use event::{DownReason, Event, HeldReason};
pub use fdb::{Fdb, FdbEntry};
pub use forwarding::{Decision, DropReason, Forwarding, Learn, Verdict};
pub use frame::MacAddr;
pub use ids::{BridgeId, PathCost, PortIdentifier};
pub use port::{MAX_PORTS, PortConfig, PortId, PortRole, PortSet, PortState};
pub use view::{Counters, PortView, StpPortView, StpView};

use forwarding::Ports;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Why a port is not taken or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// There are [`MAX_PORTS`] already.
    #[error("a bridge has at most {MAX_PORTS} ports")]
    TooMany,
    /// `stp-port-num` 0, or a number another port was given explicitly.
    #[error("stp-port-num {0} is not free; give each port its own number, 1 to 255, or none")]
    NumberTaken(u8),
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

struct Port {
    config: PortConfig,
    link: bool,
    secured: bool,
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
    next_port: usize,
    fdb: Arc<Fdb>,
    events: VecDeque<Event>,
}

impl Bridge {
    /// A bridge without ports. `seed`: 32 bytes nobody else knows; probes are
    /// told from forged ones by what follows from them.
    #[must_use]
    pub fn new(now: Instant, config: BridgeConfig, seed: [u8; 32]) -> Self {
        let config = config.forced();
        let [a, b, c, d, e, f, g, h, ..] = seed;
        let secret = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        Self {
            config,
            began: now,
            ports: BTreeMap::new(),
            next_port: 0,
            fdb: Arc::new(Fdb::new(config.mac_table_size, config.mac_ageing, secret)),
            events: VecDeque::new(),
        }
    }

    /// Changes the settings; what stays the same is not disturbed. Turning the
    /// spanning tree on starts it, with every port blocking; turning it off
    /// holds tunnel ports until probes find no loop.
    pub fn set_config(&mut self, _now: Instant, config: BridgeConfig) {
        self.config = config.forced();
        self.events.push_back(Event::ForwardingChanged);
    }

    /// Adds a port with its link down; [`set_link`](Bridge::set_link) puts it
    /// into service. No other port is disturbed.
    ///
    /// # Errors
    /// [`PortError::TooMany`], [`PortError::NumberTaken`].
    pub fn add_port(&mut self, _now: Instant, config: PortConfig) -> Result<PortId, PortError> {
        let free = (0..MAX_PORTS).map(|step| (self.next_port + step) % MAX_PORTS).filter_map(PortId::new);
        let port = free.into_iter().find(|port| !self.ports.contains_key(port)).ok_or(PortError::TooMany)?;
        self.next_port = port.index() + 1;
        self.ports.insert(port, Port { config, link: false, secured: false });
        Ok(port)
    }

    /// Changes what a port is set to; its place in the spanning tree is kept.
    ///
    /// # Errors
    /// [`PortError::Unknown`], [`PortError::NumberTaken`].
    pub fn set_port(&mut self, _now: Instant, port: PortId, config: PortConfig) -> Result<(), PortError> {
        self.ports.get_mut(&port).ok_or(PortError::Unknown)?.config = config;
        Ok(())
    }

    /// Takes a port away and forgets what was learned there.
    pub fn remove_port(&mut self, _now: Instant, port: PortId) {
        self.ports.remove(&port);
        self.fdb.flush_port(port);
        self.events.push_back(Event::ForwardingChanged);
    }

    /// Says whether the device or tunnel under the port works.
    pub fn set_link(&mut self, _now: Instant, port: PortId, up: bool) {
        if let Some(port) = self.ports.get_mut(&port) {
            port.link = up;
            self.events.push_back(Event::ForwardingChanged);
        }
    }

    /// Says whether a protected port has its SA; without, its link is down.
    pub fn set_secured(&mut self, _now: Instant, port: PortId, secured: bool) {
        if let Some(port) = self.ports.get_mut(&port) {
            port.secured = secured;
            self.events.push_back(Event::ForwardingChanged);
        }
    }

    /// Takes a frame whose verdict was [`Verdict::Control`]. Whatever is wrong
    /// with it is a counter.
    pub fn handle_control(&mut self, _now: Instant, _port: PortId, _frame: &[u8]) {}

    /// Does what is due by `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.fdb.set_clock(u32::try_from((now - self.began).as_secs()).unwrap_or(u32::MAX));
        self.fdb.sweep();
    }

    /// When [`handle_timeout`](Bridge::handle_timeout) is wanted next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Deadline> {
        None
    }

    /// The next frame to send, written to `out` (cleared first), and the port:
    /// it goes out whatever the port's state, but only if its link is up and,
    /// on a protected port, sealed.
    pub fn poll_transmit(&mut self, _out: &mut Vec<u8>) -> Option<PortId> {
        None
    }

    /// The next thing to know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The data half as of now; ask again after [`Event::ForwardingChanged`].
    #[must_use]
    pub fn forwarding(&self) -> Forwarding {
        let up = |port: &Port| port.link && (!port.config.protected || port.secured);
        let live: PortSet = self.ports.iter().filter(|(_, port)| up(port)).map(|(id, _)| *id).collect();
        let ports = Ports { learning: live, forwarding: live, ..Ports::default() };
        Forwarding::new(ports, self.fdb.clone())
    }

    /// Forgets all learned addresses (`fdb/flush`).
    pub fn flush_fdb(&mut self) {
        self.fdb.flush();
    }

    /// Learned addresses, oldest first.
    #[must_use]
    pub fn fdb_entries(&self) -> Vec<FdbEntry> {
        self.fdb.entries()
    }

    /// The ports, by number.
    #[must_use]
    pub fn ports(&self) -> Vec<PortView> {
        Vec::new()
    }

    /// The spanning tree, if the bridge runs one.
    #[must_use]
    pub fn stp(&self, _now: Instant) -> Option<StpView> {
        None
    }

    /// Control frames so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters::default()
    }

    /// Time since the bridge began.
    #[must_use]
    pub fn uptime(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.began)
    }
}
