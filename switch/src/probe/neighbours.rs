//! The ports of adits heard directly on one port, and their silence.

use super::message::Probe;
use crate::ids::BridgeId;
use crate::port::PortId;
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::time::{Duration, Instant};

/// Without a probe for so long, a neighbour is gone.
pub(crate) const SILENCE: Duration = Duration::from_secs(3);
/// Neighbours remembered on one port; a segment with more works, their silence goes unnoticed.
const MOST: usize = 32;

#[derive(Clone, Copy, Debug)]
struct Neighbour {
    heard: Instant,
    /// It has echoed a nonce of ours: no forged one, and the link works both ways.
    known: bool,
    leaf: bool,
    /// The last it sent, to be echoed.
    nonce: u64,
}

/// Who is on the other side of a port.
#[derive(Debug, Default)]
pub(crate) struct Neighbours {
    all: BTreeMap<(BridgeId, PortId), Neighbour>,
    /// The last that was known fell silent, and nobody became known since.
    silent: bool,
    /// Who was echoed last.
    echoed: Option<(BridgeId, PortId)>,
}

impl Neighbours {
    /// Notes a probe that came straight from its origin; true if that is new here.
    pub(crate) fn heard(&mut self, now: Instant, probe: &Probe, mutual: bool) -> bool {
        let who = (probe.origin, probe.port);
        let new = !self.all.contains_key(&who);
        if new && self.all.len() >= MOST {
            return false;
        }
        let known = mutual || self.all.get(&who).is_some_and(|neighbour| neighbour.known);
        // Silence ends when the link is proved to work both ways again.
        self.silent &= !known;
        self.all.insert(who, Neighbour { heard: now, known, leaf: probe.leaf, nonce: probe.nonce });
        new
    }

    /// Forgets who was not heard for [`SILENCE`]; true if the port has just fallen silent by that.
    pub(crate) fn expire(&mut self, now: Instant) -> bool {
        let was_known = self.any_known();
        self.all.retain(|_, neighbour| neighbour.heard + SILENCE > now);
        let fell_silent = was_known && !self.any_known();
        self.silent |= fell_silent;
        fell_silent
    }

    /// We did not listen for `time`: as if it had not passed.
    pub(crate) fn forgive(&mut self, time: Duration) {
        self.all.values_mut().for_each(|neighbour| neighbour.heard += time);
    }

    /// Whether one of them is certain to be there and to hear us.
    pub(crate) fn any_known(&self) -> bool {
        self.all.values().any(|neighbour| neighbour.known)
    }

    pub(crate) const fn silent(&self) -> bool {
        self.silent
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether one of them passes probes on.
    pub(crate) fn any_passes_on(&self) -> bool {
        self.all.values().any(|neighbour| !neighbour.leaf)
    }

    /// A nonce to echo: each neighbour's in turn; 0 for none.
    pub(crate) fn echo(&mut self) -> u64 {
        let after = self.echoed.and_then(|last| self.all.range((Excluded(last), Unbounded)).next());
        let next = after.or_else(|| self.all.iter().next());
        let (who, nonce) = next.map_or((None, 0), |(who, neighbour)| (Some(*who), neighbour.nonce));
        self.echoed = who;
        nonce
    }

    /// When the next of them is to be forgotten.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.all.values().map(|neighbour| neighbour.heard + SILENCE).min()
    }
}
