//! Elements of procedure (IEEE 802.1D-1998 §8.6), one function each, in its order.

use super::{MESSAGE_AGE_INCREMENT, MessageAge, Stp, Times};
use crate::bpdu::{Bpdu, BpduTime, Config};
use crate::ids::PriorityVector;
use crate::port::{PortId, PortState};
use std::cmp::Ordering;
use std::time::{Duration, Instant};

impl Stp {
    /// §8.6.1: at most one per hold time; what is asked for meanwhile is sent when it is over.
    pub(super) fn transmit_config(&mut self, now: Instant, id: PortId) {
        let message_age = self.message_age(now);
        let Some(port) = self.ports.get_mut(&id) else { return };
        if port.hold.is_some() {
            port.config_pending = true;
            return;
        }
        let config = Config {
            vector: PriorityVector {
                root: self.designated_root,
                cost: self.root_path_cost,
                bridge: self.bridge_id,
                port: port.id,
            },
            topology_change: self.topology_change,
            topology_change_ack: port.topology_change_ack,
            message_age: BpduTime::from_duration(message_age),
            max_age: BpduTime::from_duration(self.times.max_age),
            hello_time: BpduTime::from_duration(self.times.hello_time),
            forward_delay: BpduTime::from_duration(self.times.forward_delay),
        };
        if config.message_age < config.max_age {
            port.topology_change_ack = false;
            port.config_pending = false;
            port.hold = Some(now);
            port.sent += 1;
            self.queue(id, Bpdu::Config(config));
        }
    }

    /// Age of what we are about to say: 0 from the root, else that of what the root port heard.
    fn message_age(&self, now: Instant) -> Duration {
        let heard = self.root_port.and_then(|port| self.ports.get(&port)?.message_age);
        heard.map_or(Duration::ZERO, |age| {
            age.at_start + now.saturating_duration_since(age.started) + MESSAGE_AGE_INCREMENT
        })
    }

    /// §8.6.2.2: whether a message is better than, or the same as, what the port holds.
    pub(super) fn supersedes_port_info(&self, id: PortId, config: &Config) -> bool {
        let Some(port) = self.ports.get(&id) else { return false };
        let (heard, held) = (config.vector, port.designated);
        match (heard.root, heard.cost, heard.bridge).cmp(&(held.root, held.cost, held.bridge)) {
            Ordering::Less => true,
            Ordering::Equal => heard.bridge != self.bridge_id || heard.port <= held.port,
            Ordering::Greater => false,
        }
    }

    /// §8.6.2: takes over what a message says about the segment.
    pub(super) fn record_config_information(&mut self, now: Instant, id: PortId, config: &Config) {
        if let Some(port) = self.ports.get_mut(&id) {
            port.designated = config.vector;
            port.message_age = Some(MessageAge { at_start: config.message_age.to_duration(), started: now });
        }
    }

    /// §8.6.3: takes over the root's times.
    pub(super) fn record_config_timeout_values(&mut self, config: &Config) {
        self.times = Times::heard(config);
        self.topology_change = config.topology_change;
    }

    /// §8.6.4: a message on every segment we are designated for.
    pub(super) fn config_bpdu_generation(&mut self, now: Instant) {
        let live = self.ports.iter().filter(|(_, port)| port.state != PortState::Disabled);
        let designated: Vec<_> = live.map(|(id, _)| *id).filter(|id| self.is_designated(*id)).collect();
        for id in designated {
            self.transmit_config(now, id);
        }
    }

    /// §8.6.6: tells the designated bridge of the root port's segment. Not held back.
    pub(super) fn transmit_tcn(&mut self) {
        let Some(id) = self.root_port else { return };
        if let Some(port) = self.ports.get_mut(&id) {
            port.sent += 1;
            self.queue(id, Bpdu::Tcn);
        }
    }

    /// §8.6.7.
    pub(super) fn configuration_update(&mut self) {
        self.root_selection();
        self.designated_port_selection();
    }

    /// §8.6.8: the best of what other bridges offer, if it is better than ourselves.
    fn root_selection(&mut self) {
        let candidates = self.ports.iter().filter(|(id, port)| {
            port.state != PortState::Disabled
                && port.designated.root < self.bridge_id
                && !self.is_designated(**id)
        });
        let best = candidates
            .map(|(id, port)| {
                let offer = port.designated;
                let cost = offer.cost.saturating_add(u32::from(port.path_cost.0));
                ((offer.root, cost, offer.bridge, offer.port, port.id), *id)
            })
            .min();
        (self.designated_root, self.root_path_cost, self.root_port) = match best {
            Some(((root, cost, ..), id)) => (root, cost, Some(id)),
            None => (self.bridge_id, 0, None),
        };
    }

    /// §8.6.9: where what we would say is better than, or the same as, what was said.
    fn designated_port_selection(&mut self) {
        let (root, cost, bridge) = (self.designated_root, self.root_path_cost, self.bridge_id);
        let ours = self.ports.iter().filter(|(id, port)| {
            let held = port.designated;
            self.is_designated(**id)
                || held.root != root
                || (cost, bridge, port.id) <= (held.cost, held.bridge, held.port)
        });
        let ours: Vec<_> = ours.map(|(id, _)| *id).collect();
        for id in ours {
            self.become_designated_port(id);
        }
    }

    /// §8.6.10.
    pub(super) fn become_designated_port(&mut self, id: PortId) {
        let (root, cost, bridge) = (self.designated_root, self.root_path_cost, self.bridge_id);
        if let Some(port) = self.ports.get_mut(&id) {
            port.designated = PriorityVector { root, cost, bridge, port: port.id };
        }
    }

    /// §8.6.11: root port and designated ports on their way to forwarding, the others blocked.
    pub(super) fn port_state_selection(&mut self, now: Instant) {
        let ids: Vec<_> = self.ports.keys().copied().collect();
        for id in ids {
            let root = self.root_port == Some(id);
            let designated = self.is_designated(id);
            let Some(port) = self.ports.get_mut(&id) else { continue };
            if !root && designated {
                port.message_age = None;
            } else {
                port.config_pending = false;
                port.topology_change_ack = false;
            }
            if root || designated {
                self.make_forwarding(now, id);
            } else {
                self.make_blocking(now, id);
            }
        }
    }

    /// §8.6.12: by way of listening and learning.
    fn make_forwarding(&mut self, now: Instant, id: PortId) {
        if self.state(id) == Some(PortState::Blocking) {
            self.enter(now, id, PortState::Listening);
            if let Some(port) = self.ports.get_mut(&id) {
                port.forward_delay = Some(now);
            }
        }
    }

    /// §8.6.13: at once.
    fn make_blocking(&mut self, now: Instant, id: PortId) {
        let Some(state) = self.state(id) else { return };
        if matches!(state, PortState::Disabled | PortState::Blocking) {
            return;
        }
        if state.learns() {
            self.topology_change_detection(now);
        }
        self.enter(now, id, PortState::Blocking);
        if let Some(port) = self.ports.get_mut(&id) {
            port.forward_delay = None;
        }
    }

    /// Notes a port's state and when it began.
    pub(super) fn enter(&mut self, now: Instant, id: PortId, state: PortState) {
        if let Some(port) = self.ports.get_mut(&id).filter(|port| port.state != state) {
            port.state = state;
            port.since = now;
        }
    }

    /// §8.6.14: the root tells everyone, others tell the root.
    pub(super) fn topology_change_detection(&mut self, now: Instant) {
        if self.is_root() {
            self.topology_change = true;
            self.topology_change_timer = Some(now);
        } else if !self.topology_change_detected {
            self.transmit_tcn();
            self.tcn = Some(now);
        }
        self.topology_change_detected = true;
        self.topology_changes += 1;
    }

    /// §8.6.15: the designated bridge has heard us.
    pub(super) fn topology_change_acknowledged(&mut self) {
        self.topology_change_detected = false;
        self.tcn = None;
    }

    /// §8.6.16: tells the sender of a notification that it was heard.
    pub(super) fn acknowledge_topology_change(&mut self, now: Instant, id: PortId) {
        if let Some(port) = self.ports.get_mut(&id) {
            port.topology_change_ack = true;
        }
        self.transmit_config(now, id);
    }

    /// What becoming the root brings with it, whichever way it came about.
    pub(super) fn become_root(&mut self, now: Instant) {
        self.times = self.own;
        self.topology_change_detection(now);
        self.tcn = None;
        self.config_bpdu_generation(now);
        self.hello = Some(now);
    }

    /// What ceasing to be the root brings with it.
    pub(super) fn cease_to_be_root(&mut self, now: Instant) {
        self.hello = None;
        if self.topology_change_detected {
            self.topology_change_timer = None;
            self.transmit_tcn();
            self.tcn = Some(now);
        }
    }
}
