//! The spanning tree of IEEE 802.1D-1998 clause 8.
//!
//! [`Stp`] is one bridge's part in it: ports, timers and what it believes of
//! the root. It owns no clock; all instants come in. Where to look:
//!
//! | here | there |
//! |---|---|
//! | this file | state (§8.5), what is due when |
//! | `procedure.rs` | elements of procedure (§8.6) |
//! | `operation.rs` | received BPDUs and expired timers (§8.7) |
//! | `management.rs` | ports come, go and change; identifiers and times (§8.8) |
//!
//! A port is bound to its identifier for as long as it exists; adding one
//! touches no other.
//!
//! Where this is not the letter of the standard: a port that comes up speaks at
//! once instead of at the next hello; the hold time is half the hello time where
//! that is less than two seconds; times a root dictates are forced into the
//! ranges of table 8-3; what was learned on a port that stops learning is
//! forgotten at once, beside the fast ageing; RST BPDUs are errors.

mod management;
mod operation;
mod procedure;

use crate::bpdu::{Bpdu, BpduTime, Config};
use crate::config::StpConfig;
use crate::frame::MacAddr;
use crate::ids::{BridgeId, PathCost, PortIdentifier, PriorityVector};
use crate::port::{PortId, PortRole, PortState};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Least time between configuration BPDUs on one port (table 8-3).
const HOLD_TIME: Duration = Duration::from_secs(1);

/// What a message ages from arriving here to leaving here (§8.10.1): 1/64 s,
/// more than the control path ever takes, so that the age is never understated.
const MESSAGE_AGE_INCREMENT: Duration = Duration::from_micros(15_625);

/// Times in force (§8.5.3.5-7), the root's or, on the root, our own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Times {
    pub(crate) hello_time: Duration,
    pub(crate) max_age: Duration,
    pub(crate) forward_delay: Duration,
}

impl Times {
    fn of(config: &StpConfig) -> Self {
        let seconds = |s: u8| Duration::from_secs(u64::from(s));
        Self {
            hello_time: seconds(config.hello_time),
            max_age: seconds(config.max_age),
            forward_delay: seconds(config.forward_delay),
        }
    }

    /// As a BPDU says, forced into the ranges of table 8-3 so that no stranger
    /// can make us forward at once or remember for ever. What we pass on is
    /// what we use.
    fn heard(config: &Config) -> Self {
        let within = |time: BpduTime, low: u64, high: u64| {
            time.to_duration().clamp(Duration::from_secs(low), Duration::from_secs(high))
        };
        Self {
            hello_time: within(config.hello_time, 1, 10),
            max_age: within(config.max_age, 6, 40),
            forward_delay: within(config.forward_delay, 4, 30),
        }
    }
}

/// Age of the information a port holds: how old it was when heard, and when that was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct MessageAge {
    at_start: Duration,
    started: Instant,
}

/// BPDUs that wait to be sent, at most: the owner drains them at once.
const QUEUE_LIMIT: usize = 1024;

/// One port (§8.5.5), with its timers. A timer holds the instant it was
/// started; when it expires follows from the times in force.
#[derive(Clone, Debug)]
pub(crate) struct StpPort {
    pub(crate) id: PortIdentifier,
    pub(crate) path_cost: PathCost,
    pub(crate) state: PortState,
    /// When it entered that state.
    pub(crate) since: Instant,
    /// Best information heard or offered on the segment.
    pub(crate) designated: PriorityVector,
    topology_change_ack: bool,
    config_pending: bool,
    message_age: Option<MessageAge>,
    forward_delay: Option<Instant>,
    hold: Option<Instant>,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) errors: u64,
}

/// A timer that is running (§8.5.4, §8.5.6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Timer {
    MessageAge(PortId),
    ForwardDelay(PortId),
    TopologyChange,
    TopologyChangeNotification,
    Hello,
    Hold(PortId),
}

/// One bridge in the spanning tree.
#[derive(Debug)]
pub(crate) struct Stp {
    pub(crate) bridge_id: BridgeId,
    /// Our own times, for when we are the root.
    own: Times,
    pub(crate) designated_root: BridgeId,
    pub(crate) root_path_cost: u32,
    pub(crate) root_port: Option<PortId>,
    pub(crate) times: Times,
    pub(crate) topology_change: bool,
    topology_change_detected: bool,
    /// How often a change was detected here.
    pub(crate) topology_changes: u64,
    pub(crate) ports: BTreeMap<PortId, StpPort>,
    hello: Option<Instant>,
    tcn: Option<Instant>,
    topology_change_timer: Option<Instant>,
    transmits: VecDeque<(PortId, Bpdu)>,
}

impl Stp {
    /// A bridge without ports, its own root (§8.8.1).
    pub(crate) fn new(now: Instant, config: &StpConfig, address: MacAddr) -> Self {
        let bridge_id = config.bridge_id(address);
        let own = Times::of(config);
        Self {
            bridge_id,
            own,
            designated_root: bridge_id,
            root_path_cost: 0,
            root_port: None,
            times: own,
            topology_change: false,
            topology_change_detected: false,
            topology_changes: 0,
            ports: BTreeMap::new(),
            hello: Some(now),
            tcn: None,
            topology_change_timer: None,
            transmits: VecDeque::new(),
        }
    }

    pub(crate) fn is_root(&self) -> bool {
        self.designated_root == self.bridge_id
    }

    /// Whether we are the designated bridge of the port's segment, through this port.
    fn is_designated(&self, port: PortId) -> bool {
        let ours = |p: &StpPort| p.designated.bridge == self.bridge_id && p.designated.port == p.id;
        self.ports.get(&port).is_some_and(ours)
    }

    pub(crate) fn role(&self, port: PortId) -> PortRole {
        match self.ports.get(&port) {
            None => PortRole::Disabled,
            Some(p) if p.state == PortState::Disabled => PortRole::Disabled,
            Some(_) if self.root_port == Some(port) => PortRole::Root,
            Some(_) if self.is_designated(port) => PortRole::Designated,
            Some(_) => PortRole::Alternate,
        }
    }

    pub(crate) fn state(&self, port: PortId) -> Option<PortState> {
        self.ports.get(&port).map(|p| p.state)
    }

    /// With a hello time of 1 s a hold time as long would pass each hello on up
    /// to a second late, in every bridge, and a few bridges on it would be too
    /// old: half the hello time then. At the standard's 2 s it is the standard's.
    fn hold_time(&self) -> Duration {
        HOLD_TIME.min(self.times.hello_time / 2)
    }

    fn queue(&mut self, port: PortId, bpdu: Bpdu) {
        if self.transmits.len() < QUEUE_LIMIT {
            self.transmits.push_back((port, bpdu));
        }
    }

    /// The next BPDU to send.
    pub(crate) fn poll_transmit(&mut self) -> Option<(PortId, Bpdu)> {
        self.transmits.pop_front()
    }

    /// When [`Stp::handle_timeout`] is wanted next.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.running().map(|(at, _)| at).min()
    }

    /// Does what is due by `now`, earliest first.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        // Every timer that fires is stopped or started at `now`, so this ends.
        while let Some((at, timer)) = self.running().min() {
            if at > now {
                break;
            }
            match timer {
                Timer::MessageAge(port) => self.message_age_timer_expiry(now, port),
                Timer::ForwardDelay(port) => self.forward_delay_timer_expiry(now, port),
                Timer::TopologyChange => self.topology_change_timer_expiry(),
                Timer::TopologyChangeNotification => self.tcn_timer_expiry(now),
                Timer::Hello => self.hello_timer_expiry(now),
                Timer::Hold(port) => self.hold_timer_expiry(now, port),
            }
        }
    }

    /// The running timers and when each expires.
    fn running(&self) -> impl Iterator<Item = (Instant, Timer)> {
        let of_ports = self.ports.iter().flat_map(|(id, port)| {
            let age =
                port.message_age.map(|age| age.started + self.times.max_age.saturating_sub(age.at_start));
            let delay = port.forward_delay.map(|started| started + self.times.forward_delay);
            let hold = port.hold.map(|started| started + self.hold_time());
            [
                age.map(|at| (at, Timer::MessageAge(*id))),
                delay.map(|at| (at, Timer::ForwardDelay(*id))),
                hold.map(|at| (at, Timer::Hold(*id))),
            ]
        });
        let topology_change_time = self.own.max_age + self.own.forward_delay;
        let of_bridge = [
            self.hello.map(|started| (started + self.times.hello_time, Timer::Hello)),
            self.tcn.map(|started| (started + self.own.hello_time, Timer::TopologyChangeNotification)),
            self.topology_change_timer.map(|started| (started + topology_change_time, Timer::TopologyChange)),
        ];
        of_ports.chain(of_bridge).flatten()
    }
}

#[cfg(test)]
mod tests;
