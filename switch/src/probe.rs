//! Loop probes: no frame circulates, with or without a spanning tree.
//!
//! **What is sent.** Every tunnel port sends a [`Probe`] each second, whatever
//! its state, with a fresh nonce; adits pass it on, each nonce once, out of
//! every other port that leads to another bridge, *also ports that are held
//! because nobody knows yet whether they close a loop*. Every probe leaves as
//! three copies about 100 ms apart: a way of twelve bridges that each lose a tenth
//! still brings 99 of 100 home. A probe that comes home, told by its nonce,
//! has found a way round.
//!
//! **What a port is** (only tunnel ports outside the spanning tree are ever held):
//!
//! - *pending*: held, may come into service. Probes pass.
//! - *settled*: held to break a loop. No probes of others pass, because no data does.
//! - *released*: in service. Probes pass.
//!
//! A tunnel port starts pending. A probe coming home on a pending port puts its
//! release off; after `RELEASE_AFTER` without one it is
//! released. A settled port becomes pending again when the loop was not seen
//! for `RELENT_AFTER`.
//!
//! **Which one.** A probe carries the best *candidate* of the ports it passed:
//! one not in service before one in service, then that of the lowest bridge id,
//! then the highest port. The bridge whose probe comes home adds the two ports
//! it left and came by; if the best of all is the port it came in on, that port
//! settles. Otherwise another bridge, or this one when the other port's probe
//! comes home the other way, comes to the same result and does it.
//!
//! **Why nothing circulates.** Take a loop and the port of it released last, at
//! T. It was pending for `PENDING_LEAST` before T, and so
//! was, or was released already, every other port of the loop for at least as
//! long: probes passed all of them. So one of its bridge's probes came home in
//! that time, and it was not released at T. What remains is a link that was cut
//! meanwhile and mended: if for more than three seconds, its ports saw the
//! silence and start anew as pending; if for less, `RELEASE_AFTER` leaves time
//! for a probe after that.
//!
//! **Why not too many.** In each ring of ports that are pending or released the
//! best candidate settles, and it is the best of its ring: as with the longest
//! edges of a graph's cycles, taking all of these away leaves everything
//! connected and no ring. A settled port whose loop has gone is told by silence.
//!
//! **Addresses.** When ports of a bridge come into or go out of service its
//! probes carry a new generation. Whoever hears of one forgets what it learned
//! from other bridges, at most once a second, and learns where it is now.
//!
//! **With a spanning tree** on a port, its states stand in for these: blocking
//! stops probes, listening and learning let them pass, so that a bridge without
//! one holds its port before the tree's comes into service; no such port is
//! ever a candidate. Three seconds without a probe from a neighbour that was
//! known to be an adit mean that the link is down.
//!
//! **What remains.** Two adits that have *both* forgotten each other while the
//! link between them was cut may both have it in service when it heals. They
//! start anew when they meet, which is at the next probe, within a second. As
//! long may a loop last that closes by way of switches that are no adits, in a
//! place where no adit hears its neighbour come or go.
//!
//! **Strangers.** A probe is not authenticated. What one can do: a nonce is
//! unguessable, so only a probe that really went round comes home, and it acts
//! on the port it came in on (on the one it left by, if that it came in on is no
//! tunnel). Neighbours count once they echo our nonce. A flood takes the budget
//! of its own port. All tables have limits.

pub(crate) mod hold;
pub mod message;
mod neighbours;
mod receive;
mod relearn;
mod seen;

use crate::event::HeldReason;
use crate::frame::MacAddr;
use crate::ids::BridgeId;
use crate::port::{PortId, PortState};
use crate::view::Counters;
pub use hold::Candidate;
use hold::Hold;
use message::{Generation, Probe};
use neighbours::Neighbours;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use relearn::Relearn;
use seen::{Budget, Seen};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Time between probes of a port.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);
/// When the copies of a probe leave, after the first; rounded up to [`GRAIN`].
const COPIES: [Duration; 2] = [Duration::from_millis(80), Duration::from_millis(180)];
/// Copies leave together at multiples of this, so that a busy net wakes us no oftener.
const GRAIN: Duration = Duration::from_millis(20);
/// Bridges a probe may visit.
const HOP_LIMIT: u8 = 32;
/// How long an own nonce is ours; longer than a probe is under way.
const NONCE_LIFE: Duration = Duration::from_secs(8);
/// Least time between two probes of a port, when a new neighbour asks for one at once.
const EARLIEST: Duration = Duration::from_millis(250);
/// With a tunnel port we are woken every second; after more we have overslept.
const NAP: Duration = Duration::from_millis(1500);
/// Copies that wait to be sent, at most.
const QUEUE_LIMIT: usize = 16_384;

/// What a port is to probes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Passage {
    /// No data passes, none will without a port becoming pending first: no probes either.
    Closed,
    /// Data passes or may soon; perhaps it can be held instead.
    Open(Option<Candidate>),
}

/// A port as the prober knows it.
#[derive(Debug)]
struct Watched {
    tunnel: bool,
    external: bool,
    carrier: bool,
    /// State in the spanning tree, if that governs the port.
    stp: Option<PortState>,
    neighbours: Neighbours,
    hold: Option<Hold>,
    budget: Budget,
    next: Option<Instant>,
    last_sent: Option<Instant>,
    nonces: VecDeque<(Instant, u64)>,
    /// Was in service without a known neighbour, and now has one.
    met: bool,
}

impl Watched {
    /// Whether probes may hold it.
    const fn holdable(&self) -> bool {
        self.tunnel && self.stp.is_none()
    }

    /// Sends the next probe without waiting for its turn, but after all that happens at once.
    fn hurry(&mut self, now: Instant) {
        let soon = self.last_sent.map_or(now, |last| last + EARLIEST).max(now + GRAIN);
        self.next = self.next.map(|next| next.min(soon));
    }

    fn start(&mut self, now: Instant) {
        self.hold = if self.carrier && self.holdable() { Some(Hold::new(now)) } else { None };
    }
}

/// One bridge's probes.
pub(crate) struct Prober {
    id: BridgeId,
    random: ChaCha20Rng,
    ports: BTreeMap<PortId, Watched>,
    seen: Seen,
    /// Copies to be sent later; the number keeps their order.
    later: BTreeMap<(Instant, u64), (PortId, Probe)>,
    ready: VecDeque<(PortId, Probe)>,
    serial: u64,
    generation: Generation,
    relearn: Relearn,
    began: Instant,
    /// When time was last looked at.
    awake: Instant,
    /// A hold, a silence or a first meeting came or went since it was asked.
    changed: bool,
    pub(crate) counters: Counters,
}

impl Prober {
    pub(crate) fn new(now: Instant, address: MacAddr, seed: [u8; 32]) -> Self {
        let mut random = ChaCha20Rng::from_seed(seed);
        let start = random.next_u32() as u16;
        Self {
            id: BridgeId { priority: BridgeId::DEFAULT_PRIORITY, address },
            generation: Generation { start, count: 0 },
            relearn: Relearn::default(),
            random,
            ports: BTreeMap::new(),
            seen: Seen::default(),
            later: BTreeMap::new(),
            ready: VecDeque::new(),
            serial: 0,
            began: now,
            awake: now,
            changed: false,
            counters: Counters::default(),
        }
    }

    pub(crate) fn set_address(&mut self, address: MacAddr) {
        self.id.address = address;
    }

    pub(crate) fn add_port(&mut self, now: Instant, id: PortId, tunnel: bool, external: bool) {
        let watched = Watched {
            tunnel,
            external: external || tunnel,
            carrier: false,
            stp: None,
            neighbours: Neighbours::default(),
            hold: None,
            budget: Budget::new(now),
            next: None,
            last_sent: None,
            nonces: VecDeque::new(),
            met: false,
        };
        self.ports.insert(id, watched);
    }

    pub(crate) fn remove_port(&mut self, id: PortId) {
        self.ports.remove(&id);
        self.ready.retain(|(port, _)| *port != id);
        self.later.retain(|_, (port, _)| *port != id);
    }

    /// Says whether something can be sent on the port at all. What was known of
    /// its neighbours is forgotten.
    pub(crate) fn set_carrier(&mut self, now: Instant, id: PortId, carrier: bool) {
        let Some(port) = self.ports.get_mut(&id).filter(|port| port.carrier != carrier) else { return };
        port.carrier = carrier;
        port.neighbours = Neighbours::default();
        port.next = if carrier && port.tunnel { Some(now) } else { None };
        port.start(now);
    }

    /// Says that the spanning tree governs the port, and how it is now; or that it does not.
    pub(crate) fn set_stp(&mut self, now: Instant, id: PortId, state: Option<PortState>) {
        let Some(port) = self.ports.get_mut(&id) else { return };
        let was_governed = port.stp.is_some();
        port.stp = state;
        if was_governed != state.is_some() {
            port.start(now);
        }
    }

    /// Whether a neighbour that was known is not heard any more.
    pub(crate) fn is_silent(&self, id: PortId) -> bool {
        self.ports.get(&id).is_some_and(|port| port.neighbours.silent())
    }

    /// Ports came into or went out of service: tells everyone, soon.
    pub(crate) fn tell_of_change(&mut self, now: Instant) {
        self.generation.count = self.generation.count.wrapping_add(1);
        self.relearn.ask(now);
        self.ports.values_mut().for_each(|port| port.hurry(now));
    }

    /// Whether addresses learned from other bridges are to be forgotten now; asks once.
    pub(crate) fn take_relearn(&mut self, now: Instant) -> bool {
        self.relearn.take(now)
    }

    /// Whether what a port may do can have changed; asks once.
    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Whether a port in service has just met its first neighbour; asks once.
    pub(crate) fn take_met(&mut self, id: PortId) -> bool {
        self.ports.get_mut(&id).is_some_and(|port| std::mem::take(&mut port.met))
    }

    /// Something else proved that the link works: a BPDU.
    pub(crate) fn link_proved(&mut self, now: Instant, id: PortId) {
        if let Some(port) = self.ports.get_mut(&id).filter(|port| port.neighbours.silent()) {
            port.neighbours = Neighbours::default();
            port.start(now);
        }
    }

    /// Why the port is held, if it is.
    pub(crate) fn held(&self, id: PortId) -> Option<HeldReason> {
        self.ports.get(&id)?.hold.map(|hold| hold.reason)
    }

    pub(crate) fn neighbours(&self, id: PortId) -> usize {
        self.ports.get(&id).map_or(0, |port| port.neighbours.len())
    }

    fn passage(&self, id: PortId) -> Passage {
        let Some(port) = self.ports.get(&id) else { return Passage::Closed };
        let candidate = |pending| Some(Candidate { pending, bridge: self.id, port: id });
        match (port.stp, port.hold) {
            _ if !port.carrier || port.neighbours.silent() => Passage::Closed,
            (Some(PortState::Disabled | PortState::Blocking), _) => Passage::Closed,
            (Some(PortState::Listening | PortState::Learning | PortState::Forwarding), _) => {
                Passage::Open(None)
            }
            (None, Some(hold)) if !hold.is_pending() => Passage::Closed,
            (None, hold) => Passage::Open(if port.tunnel { candidate(hold.is_some()) } else { None }),
        }
    }

    /// Does what is due by `now`.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let slept = now.saturating_duration_since(self.awake);
        self.awake = now;
        if slept > NAP {
            // Who was not heard meanwhile may well have spoken.
            self.ports.values_mut().for_each(|port| port.neighbours.forgive(slept));
        }
        let ids: Vec<PortId> = self.ports.keys().copied().collect();
        for id in ids {
            let Some(port) = self.ports.get_mut(&id) else { continue };
            let silent = port.neighbours.expire(now);
            if silent || port.hold.as_mut().is_some_and(|hold| !hold.keep(now)) {
                port.hold = None;
                self.changed = true;
            }
            if port.next.is_some_and(|next| next <= now) {
                self.originate(now, id);
            }
        }
        while let Some(entry) = self.later.first_entry().filter(|entry| entry.key().0 <= now) {
            self.ready.push_back(entry.remove());
        }
    }

    /// Sends a probe of our own.
    fn originate(&mut self, now: Instant, id: PortId) {
        let nonce = self.random.next_u64();
        let leaf = self.ports.values().filter(|port| port.external && port.carrier).count() < 2;
        let tests = !leaf && self.ports.values().any(|port| port.carrier && port.holdable());
        let closed = self.passage(id) == Passage::Closed;
        let Some(port) = self.ports.get_mut(&id) else { return };
        // Where no data passes there is no loop to look for, unless nobody else looks for this one.
        let far = tests && (!closed || port.hold.is_some_and(|hold| hold.by_own));
        port.next = Some(now + INTERVAL);
        port.last_sent = Some(now);
        if let Some(hold) = &mut port.hold {
            hold.sent(now);
        }
        port.nonces.retain(|(at, _)| now.saturating_duration_since(*at) < NONCE_LIFE);
        port.nonces.push_back((now, nonce));
        let probe = Probe {
            origin: self.id,
            port: id,
            nonce,
            echo: port.neighbours.echo(),
            hop_limit: if far { HOP_LIMIT } else { 1 },
            hops: 0,
            relay: self.id,
            leaf,
            generation: self.generation,
            candidate: None,
        };
        self.counters.probes_sent += 1 + COPIES.len() as u64;
        self.send(now, id, probe);
    }

    fn send(&mut self, now: Instant, id: PortId, probe: Probe) {
        if self.later.len() + self.ready.len() >= QUEUE_LIMIT {
            self.counters.transmit_overflow += 1;
            return;
        }
        self.ready.push_back((id, probe));
        for after in COPIES {
            let grains =
                (now + after).saturating_duration_since(self.began).as_nanos().div_ceil(GRAIN.as_nanos());
            let at = self.began + GRAIN * u32::try_from(grains).unwrap_or(u32::MAX);
            self.serial += 1;
            self.later.insert((at, self.serial), (id, probe));
        }
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<(PortId, Probe)> {
        self.ready.pop_front()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let of_ports = self.ports.values().flat_map(|port| {
            [port.next, port.hold.and_then(|hold| hold.deadline()), port.neighbours.deadline()]
        });
        let later = self.later.keys().map(|key| key.0).next();
        of_ports.flatten().chain(later).chain(self.relearn.deadline()).min()
    }
}

impl Watched {
    /// Whether behind the port there may be a bridge that passes probes on. On
    /// a tunnel such a bridge probes too, and was heard.
    fn leads_on(&self) -> bool {
        self.external && (!self.tunnel || self.neighbours.any_passes_on())
    }
}

#[cfg(test)]
mod tests;
