//! Brings links, tree, holds and what was told of them into agreement.

use super::{Bridge, EVENT_LIMIT, Shown};
use crate::event::{DownReason, Event};
use crate::forwarding::Ports;
use crate::port::{PortId, PortState};
use crate::stp::Stp;
use std::time::Instant;

impl Bridge {
    /// To be called after every change; does nothing when nothing changed.
    pub(super) fn sync(&mut self, now: Instant) {
        self.carry_links(now);
        let ids: Vec<PortId> = self.ports.keys().copied().collect();
        let mut ports =
            Ports { transparent: self.config.forward_bpdu && self.stp.is_none(), ..Ports::default() };
        let mut told = Vec::new();
        for id in ids {
            if let Some(shown) = self.tell(id, &mut told) {
                self.collect(id, shown, &mut ports);
            }
        }
        if ports != self.published {
            if ports.in_service() != self.published.in_service() {
                self.prober.tell_of_change(now);
            }
            self.published = ports;
            self.forwarding_changed = true;
        }
        self.relearn(now);
        self.follow_tree(&mut told);
        self.events.extend(told);
        while self.events.len() > EVENT_LIMIT {
            self.events.pop_front();
        }
    }

    /// Forgets what was learned from other bridges, when probes say it is elsewhere.
    pub(super) fn relearn(&mut self, now: Instant) {
        if self.prober.take_relearn(now) {
            self.fdb.flush_ports(self.published.probes);
        }
    }

    /// Links to probes and tree, silence to the tree, the tree's states to the probes.
    fn carry_links(&mut self, now: Instant) {
        for (id, port) in &self.ports {
            let carrier = port.no_carrier().is_none();
            self.prober.set_carrier(now, *id, carrier);
            let Some(stp) = self.stp.as_mut().filter(|stp| stp.state(*id).is_some()) else {
                self.prober.set_stp(now, *id, None);
                continue;
            };
            if carrier && !self.prober.is_silent(*id) {
                if self.prober.take_met(*id) && stp.state(*id) == Some(PortState::Forwarding) {
                    // To nobody so far; that somebody is there now is a link that came up.
                    stp.disable_port(now, *id);
                }
                stp.enable_port(now, *id);
            } else {
                stp.disable_port(now, *id);
            }
        }
        // A port's link moves others' states too.
        let Some(stp) = &self.stp else { return };
        for id in self.ports.keys() {
            self.prober.set_stp(now, *id, stp.state(*id));
        }
    }

    /// How a port is now; what changed since it was last told goes to `told`.
    fn tell(&mut self, id: PortId, told: &mut Vec<Event>) -> Option<Shown> {
        let silent = self.prober.is_silent(id);
        let tree = self.stp.as_ref().and_then(|stp| stp.state(id));
        let port = self.ports.get_mut(&id)?;
        let down = port.no_carrier().or(if silent { Some(DownReason::Silent) } else { None });
        let held = if down.is_none() && tree.is_none() { self.prober.held(id) } else { None };
        let state = match (down, tree, held) {
            (Some(_), _, _) => PortState::Disabled,
            (None, Some(state), _) => state,
            (None, None, Some(_)) => PortState::Blocking,
            (None, None, None) => PortState::Forwarding,
        };
        let old = std::mem::replace(&mut port.shown, Shown { down, held, state });
        if old.down != down {
            told.push(down.map_or(Event::LinkUp(id), |reason| Event::LinkDown(id, reason)));
        }
        match held {
            Some(reason) if old.held != held => told.push(Event::Held(id, reason)),
            None if old.held.is_some() => told.push(Event::Released(id)),
            Some(_) | None => {}
        }
        if old.state != state {
            told.push(Event::PortState(id, state));
            if !state.learns() {
                self.fdb.flush_port(id);
            }
        }
        Some(port.shown)
    }

    fn collect(&self, id: PortId, shown: Shown, ports: &mut Ports) {
        let Some(port) = self.ports.get(&id) else { return };
        if shown.state.learns() {
            ports.learning.insert(id);
        }
        if shown.state == PortState::Forwarding {
            ports.forwarding.insert(id);
        }
        // Also while the link counts as down for silence: a sign of life ends that.
        if port.no_carrier().is_none() && (port.config.external || port.config.tunnel) {
            ports.probes.insert(id);
            if self.stp.is_some() && port.in_tree() {
                ports.stp.insert(id);
            }
        }
    }

    /// Ageing, root and topology changes.
    fn follow_tree(&mut self, told: &mut Vec<Event>) {
        let changing = self.stp.as_ref().filter(|stp| stp.topology_change);
        let ageing = changing.map_or(self.config.mac_ageing, |stp| stp.times.forward_delay);
        self.fdb.set_ageing(ageing);
        let root = self.stp.as_ref().map(|stp| stp.designated_root);
        if let Some(new) = root.filter(|_| self.root != root) {
            told.push(Event::NewRoot(new));
        }
        self.root = root;
        let changes = self.stp.as_ref().map_or(0, |stp: &Stp| stp.topology_changes);
        if changes > self.topology_changes {
            told.push(Event::TopologyChange);
        }
        self.topology_changes = changes;
    }
}
