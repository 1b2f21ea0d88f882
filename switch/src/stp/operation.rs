//! Operation of the protocol (IEEE 802.1D-1998 §8.7): what a BPDU or the end of a timer brings about.

use super::Stp;
use crate::bpdu::{Bpdu, BpduError, Config, parse_frame};
use crate::port::{PortId, PortState};
use std::time::Instant;

impl Stp {
    /// Takes a frame for the Bridge Group Address. What is wrong with it is counted.
    ///
    /// # Errors
    /// [`BpduError`], for the log.
    pub(crate) fn handle_frame(&mut self, now: Instant, id: PortId, frame: &[u8]) -> Result<(), BpduError> {
        let Some(port) = self.ports.get_mut(&id) else { return Ok(()) };
        port.received += 1;
        let bpdu = parse_frame(frame).inspect_err(|_| port.errors += 1)?;
        if port.state == PortState::Disabled {
            return Ok(());
        }
        match bpdu {
            // Our own, sent back by the segment: says nothing about other bridges (§9.3.4).
            Bpdu::Config(config)
                if config.vector.bridge == self.bridge_id && config.vector.port == port.id => {}
            Bpdu::Config(config) => self.received_config_bpdu(now, id, &config),
            Bpdu::Tcn => self.received_tcn_bpdu(now, id),
        }
        Ok(())
    }

    /// §8.7.1.
    fn received_config_bpdu(&mut self, now: Instant, id: PortId, config: &Config) {
        if !self.supersedes_port_info(id, config) {
            // Worse than what we know: tell the segment.
            if self.is_designated(id) {
                self.transmit_config(now, id);
            }
            return;
        }
        let was_root = self.is_root();
        self.record_config_information(now, id, config);
        self.configuration_update();
        self.port_state_selection(now);
        if was_root && !self.is_root() {
            self.cease_to_be_root(now);
        }
        if self.root_port == Some(id) {
            self.record_config_timeout_values(config);
            self.config_bpdu_generation(now);
            if config.topology_change_ack {
                self.topology_change_acknowledged();
            }
        }
    }

    /// §8.7.2.
    fn received_tcn_bpdu(&mut self, now: Instant, id: PortId) {
        if self.is_designated(id) {
            self.topology_change_detection(now);
            self.acknowledge_topology_change(now, id);
        }
    }

    /// §8.7.3.
    pub(super) fn hello_timer_expiry(&mut self, now: Instant) {
        self.config_bpdu_generation(now);
        self.hello = Some(now);
    }

    /// §8.7.4: the segment's designated bridge is gone; we take its place until we hear better.
    pub(super) fn message_age_timer_expiry(&mut self, now: Instant, id: PortId) {
        let was_root = self.is_root();
        if let Some(port) = self.ports.get_mut(&id) {
            port.message_age = None;
        }
        self.become_designated_port(id);
        self.configuration_update();
        self.port_state_selection(now);
        if self.is_root() && !was_root {
            self.become_root(now);
        }
    }

    /// §8.7.5.
    pub(super) fn forward_delay_timer_expiry(&mut self, now: Instant, id: PortId) {
        let Some(port) = self.ports.get_mut(&id) else { return };
        match port.state {
            PortState::Listening => {
                port.forward_delay = Some(now);
                self.enter(now, id, PortState::Learning);
            }
            PortState::Learning => {
                port.forward_delay = None;
                self.enter(now, id, PortState::Forwarding);
                if self.is_designated_for_some_port() {
                    self.topology_change_detection(now);
                }
            }
            PortState::Disabled | PortState::Blocking | PortState::Forwarding => port.forward_delay = None,
        }
    }

    fn is_designated_for_some_port(&self) -> bool {
        self.ports.values().any(|port| port.designated.bridge == self.bridge_id)
    }

    /// §8.7.6.
    pub(super) fn tcn_timer_expiry(&mut self, now: Instant) {
        self.transmit_tcn();
        self.tcn = Some(now);
    }

    /// §8.7.7.
    pub(super) fn topology_change_timer_expiry(&mut self) {
        self.topology_change_detected = false;
        self.topology_change = false;
        self.topology_change_timer = None;
    }

    /// §8.7.8.
    pub(super) fn hold_timer_expiry(&mut self, now: Instant, id: PortId) {
        let Some(port) = self.ports.get_mut(&id) else { return };
        port.hold = None;
        if port.config_pending {
            self.transmit_config(now, id);
        }
    }
}
