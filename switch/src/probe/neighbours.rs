//! The adits heard directly on one port, and their silence.

use super::message::Probe;
use crate::ids::BridgeId;
use std::collections::BTreeMap;
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
}

/// Who is on the other side of a port.
#[derive(Debug, Default)]
pub(crate) struct Neighbours {
    all: BTreeMap<BridgeId, Neighbour>,
    /// The last that was known fell silent, and nobody became known since.
    silent: bool,
    echo: u64,
}

impl Neighbours {
    /// Notes a probe that came straight from its origin; true if that is new here.
    pub(crate) fn heard(&mut self, now: Instant, probe: &Probe, mutual: bool) -> bool {
        self.echo = probe.nonce;
        let new = !self.all.contains_key(&probe.origin);
        if new && self.all.len() >= MOST {
            return false;
        }
        let known = mutual || self.all.get(&probe.origin).is_some_and(|neighbour| neighbour.known);
        // Silence ends when the link is proved to work both ways again.
        self.silent &= !known;
        self.all.insert(probe.origin, Neighbour { heard: now, known, leaf: probe.leaf });
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

    /// The nonce heard last, to be echoed.
    pub(crate) const fn echo(&self) -> u64 {
        self.echo
    }

    /// When the next of them is to be forgotten.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.all.values().map(|neighbour| neighbour.heard + SILENCE).min()
    }
}
