//! Management of the protocol (IEEE 802.1D-1998 §8.8): ports come, go and change, and so does the bridge.

use super::{Stp, StpPort, Times};
use crate::config::StpConfig;
use crate::frame::MacAddr;
use crate::ids::{PathCost, PortIdentifier, PriorityVector};
use crate::port::{PortId, PortState};
use std::time::Instant;

impl Stp {
    /// Adds a port, disabled (§8.8.1).
    pub(crate) fn add_port(
        &mut self,
        now: Instant,
        id: PortId,
        port_id: PortIdentifier,
        path_cost: PathCost,
    ) {
        let designated = PriorityVector {
            root: self.designated_root,
            cost: self.root_path_cost,
            bridge: self.bridge_id,
            port: port_id,
        };
        let port = StpPort {
            id: port_id,
            path_cost,
            state: PortState::Disabled,
            since: now,
            designated,
            topology_change_ack: false,
            config_pending: false,
            message_age: None,
            forward_delay: None,
            hold: None,
            sent: 0,
            received: 0,
            errors: 0,
        };
        self.ports.insert(id, port);
    }

    /// Takes a port away: as if its link went down first.
    pub(crate) fn remove_port(&mut self, now: Instant, id: PortId) {
        self.disable_port(now, id);
        self.ports.remove(&id);
    }

    /// §8.8.2: the link came up. By way of blocking and listening, never straight to forwarding.
    pub(crate) fn enable_port(&mut self, now: Instant, id: PortId) {
        if self.state(id) != Some(PortState::Disabled) {
            return;
        }
        self.become_designated_port(id);
        self.enter(now, id, PortState::Blocking);
        if let Some(port) = self.ports.get_mut(&id) {
            port.topology_change_ack = false;
            port.config_pending = false;
            port.message_age = None;
            port.forward_delay = None;
            port.hold = None;
        }
        self.port_state_selection(now);
        // The standard waits for the next hello; telling the segment at once finds loops sooner.
        if self.is_designated(id) {
            self.transmit_config(now, id);
        }
    }

    /// §8.8.3: the link went down.
    pub(crate) fn disable_port(&mut self, now: Instant, id: PortId) {
        if self.state(id).is_none_or(|state| state == PortState::Disabled) {
            return;
        }
        let was_root = self.is_root();
        self.become_designated_port(id);
        self.enter(now, id, PortState::Disabled);
        if let Some(port) = self.ports.get_mut(&id) {
            port.topology_change_ack = false;
            port.config_pending = false;
            port.message_age = None;
            port.forward_delay = None;
        }
        self.transmits.retain(|(port, _)| *port != id);
        self.configuration_update();
        self.port_state_selection(now);
        if self.is_root() && !was_root {
            self.become_root(now);
        }
    }

    /// §8.8.4, and the bridge's own times.
    pub(crate) fn set_config(&mut self, now: Instant, config: &StpConfig, address: MacAddr) {
        self.own = Times::of(config);
        if self.is_root() {
            self.times = self.own;
        }
        let new = config.bridge_id(address);
        if new == self.bridge_id {
            return;
        }
        let was_root = self.is_root();
        // Also ports that hear our own other ports: what they hold is ours as well.
        for held in self.ports.values_mut().map(|port| &mut port.designated) {
            if held.bridge == self.bridge_id {
                held.bridge = new;
                held.root = if held.root == self.bridge_id { new } else { held.root };
            }
        }
        self.bridge_id = new;
        self.configuration_update();
        self.port_state_selection(now);
        match (was_root, self.is_root()) {
            (false, true) => self.become_root(now),
            (true, false) => self.cease_to_be_root(now),
            (true, true) => self.config_bpdu_generation(now),
            (false, false) => {}
        }
    }

    /// §8.8.5: priority or number of a port. No other port is touched unless the order says so.
    pub(crate) fn set_port_id(&mut self, now: Instant, id: PortId, port_id: PortIdentifier) {
        let designated = self.is_designated(id);
        let Some(port) = self.ports.get_mut(&id).filter(|port| port.id != port_id) else { return };
        if designated {
            port.designated.port = port_id;
        }
        port.id = port_id;
        if port.designated.bridge == self.bridge_id && port.id < port.designated.port {
            self.become_designated_port(id);
        }
        self.configuration_update();
        self.port_state_selection(now);
    }

    /// §8.8.6.
    pub(crate) fn set_path_cost(&mut self, now: Instant, id: PortId, path_cost: PathCost) {
        let Some(port) = self.ports.get_mut(&id).filter(|port| port.path_cost != path_cost) else { return };
        port.path_cost = path_cost;
        self.configuration_update();
        self.port_state_selection(now);
    }

    /// Makes the tree learn anew, as if a port had changed (`stp/tcn`).
    pub(crate) fn force_topology_change(&mut self, now: Instant) {
        self.topology_change_detection(now);
    }
}
