//! What a port does with a probe that comes in: a neighbour's own, one to pass on, or an own one that went round.

use super::message::{self, Probe, ProbeError};
use super::{COPIES, Candidate, Hold, NONCE_LIFE, Passage, Prober, Watched};
use crate::event::HeldReason;
use crate::port::PortId;
use std::time::Instant;

impl Prober {
    /// Takes a frame of the probes' type.
    ///
    /// # Errors
    /// [`ProbeError`], for the log; counted.
    pub(crate) fn handle_frame(&mut self, now: Instant, id: PortId, frame: &[u8]) -> Result<(), ProbeError> {
        self.counters.probes_received += 1;
        let probe = message::parse_frame(frame).inspect_err(|_| self.counters.probe_errors += 1)?;
        if !self.ports.get(&id).is_some_and(|port| port.carrier && port.external) {
            return Ok(());
        }
        if probe.origin == self.id {
            self.came_home(now, id, &probe);
            return Ok(());
        }
        self.relearn.heard(now, &probe);
        if probe.hops == 0 {
            self.heard_directly(now, id, &probe);
        }
        if probe.hop_limit > 1 && !self.seen.contains(probe.origin, probe.nonce) {
            self.pass_on(now, id, &probe);
        }
        Ok(())
    }

    /// A neighbour's own probe: it is there, and perhaps hears us too.
    fn heard_directly(&mut self, now: Instant, id: PortId, probe: &Probe) {
        let Some(port) = self.ports.get_mut(&id) else { return };
        let mutual = port.nonces.iter().any(|(_, nonce)| *nonce == probe.echo);
        let (was_silent, was_known) = (port.neighbours.silent(), port.neighbours.any_known());
        let new = port.neighbours.heard(now, probe, mutual);
        let met = !was_known && port.neighbours.any_known();
        if met && (was_silent || port.hold.is_none()) {
            port.start(now);
            port.met = !was_silent;
            self.changed = true;
        }
        if new {
            // Let it know us.
            port.hurry(now);
        }
    }

    fn pass_on(&mut self, now: Instant, id: PortId, probe: &Probe) {
        let Passage::Open(ingress) = self.passage(id) else { return };
        let in_budget = self.ports.get_mut(&id).is_some_and(|port| port.budget.take(now));
        if !in_budget || !self.seen.insert(now, probe.origin, probe.nonce) {
            self.counters.probes_over_limit += 1;
            return;
        }
        let so_far = Candidate::better(probe.candidate, ingress);
        let others: Vec<PortId> = self.ports.keys().copied().filter(|other| *other != id).collect();
        for other in others {
            let Passage::Open(egress) = self.passage(other) else { continue };
            if !self.ports.get(&other).is_some_and(Watched::leads_on) {
                continue;
            }
            let onward = Probe {
                hop_limit: probe.hop_limit - 1,
                hops: probe.hops + 1,
                relay: self.id,
                candidate: Candidate::better(so_far, egress),
                ..*probe
            };
            self.counters.probes_relayed += 1 + COPIES.len() as u64;
            self.send(now, other, onward);
        }
    }

    /// An own probe came in on `ingress`: there is a way round.
    fn came_home(&mut self, now: Instant, ingress: PortId, probe: &Probe) {
        let left_by = probe.port;
        let ours = |port: &Watched| {
            let fresh = |at: Instant| now.saturating_duration_since(at) < NONCE_LIFE;
            port.nonces.iter().any(|(at, nonce)| *nonce == probe.nonce && fresh(*at))
        };
        if !self.ports.get(&left_by).is_some_and(ours) {
            // Forged, or older than any probe can be.
            self.counters.probe_errors += 1;
            return;
        }
        self.counters.loops_seen += 1;
        let holdable = |id: PortId| self.ports.get(&id).is_some_and(Watched::holdable);
        let (subject, by_own) = match (holdable(ingress), holdable(left_by)) {
            (true, _) => (ingress, false),
            (false, true) => (left_by, true),
            (false, false) => return,
        };
        // Came back on the port it left by after passing another adit: the ring is behind the port.
        let behind = ingress == left_by && probe.hops > 0;
        let other = if by_own { ingress } else { left_by };
        if other != subject && self.passage(other) == Passage::Closed {
            return;
        }
        let open = |id| match self.passage(id) {
            Passage::Open(candidate) => candidate,
            Passage::Closed => None,
        };
        let own = if behind { None } else { Candidate::better(open(ingress), open(left_by)) };
        let best = Candidate::better(probe.candidate, own);
        let chosen = best.is_none_or(|best| best.bridge == self.id && best.port == subject);
        let via = if probe.hops > 0 { Some(probe.relay) } else { None };
        let reason = HeldReason::Loop { other, hops: probe.hops, via };
        let Some(port) = self.ports.get_mut(&subject).filter(|port| port.carrier) else { return };
        let before = port.hold.map(|hold| hold.reason);
        match &mut port.hold {
            Some(hold) if hold.is_pending() && chosen => *hold = Hold::of_loop(now, reason, by_own),
            Some(hold) => hold.seen(now),
            None if chosen => port.hold = Some(Hold::of_loop(now, reason, by_own)),
            None => {}
        }
        self.changed |= before != port.hold.map(|hold| hold.reason);
    }
}
