//! Bridges and plain switches on wires, and a clock that jumps.

use adit_sim::Chance;
use adit_switch::{Bridge, BridgeConfig, Event, Forwarding, MacAddr, PortConfig, PortId, StpConfig, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// The short timers the standard allows.
pub const SHORT: StpConfig =
    StpConfig { system_id: None, priority: 0x8000, hello_time: 1, max_age: 6, forward_delay: 4 };

/// One of ours.
pub struct Adit {
    pub bridge: Bridge,
    pub forwarding: Forwarding,
    pub local: PortId,
    /// The bridge's port of each external plug.
    pub plugs: Vec<PortId>,
    config: BridgeConfig,
}

/// A learning switch without any spanning tree: floods groups, BPDUs among them.
#[derive(Default)]
pub struct Plain {
    learned: BTreeMap<[u8; 6], usize>,
}

pub enum Node {
    Adit(Box<Adit>),
    Plain(Plain),
}

/// A plug of a node.
pub type End = (usize, usize);

pub struct Wire {
    pub ends: [End; 2],
    pub cut: bool,
    delay: Duration,
}

/// The world of one test.
pub struct Net {
    pub now: Instant,
    pub start: Instant,
    pub nodes: Vec<Node>,
    pub wires: Vec<Wire>,
    pub chance: Chance,
    /// Probes and BPDUs lost, in a thousand.
    pub loss: u16,
    /// Probes and BPDUs that come twice, the second time late, in a thousand.
    pub duplicate: u16,
    /// What happened in all: events and states, by name.
    pub met: BTreeMap<String, u32>,
    seed: u64,
    plugged: BTreeMap<End, usize>,
    flying: BTreeMap<(Instant, u64), (End, usize, Vec<u8>)>,
    serial: u64,
    deadlines: Vec<Option<Instant>>,
    /// Per broadcast: copies sent on wires, and how often each host got it.
    pub frames: BTreeMap<u32, (usize, Vec<u32>)>,
    next_frame: u32,
    pub circulated: bool,
}

fn mac(node: usize, seed: u64) -> MacAddr {
    // Spread, so that the order of bridges is not that of their numbers.
    let spread =
        (node as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed.wrapping_mul(0x2545_f491_4f6c_dd1d);
    MacAddr::from_u64(0x0200_0000_0000 | (spread & 0x00ff_ffff_ff00) | node as u64)
}

impl Net {
    #[expect(clippy::disallowed_methods, reason = "an Instant cannot be made otherwise")]
    pub fn new(seed: u64, loss: u16) -> Self {
        let start = Instant::now();
        Self {
            now: start,
            start,
            nodes: Vec::new(),
            wires: Vec::new(),
            chance: Chance::new(seed),
            loss,
            duplicate: if seed % 4 == 1 { 50 } else { 0 },
            met: BTreeMap::new(),
            seed,
            plugged: BTreeMap::new(),
            flying: BTreeMap::new(),
            serial: 0,
            deadlines: Vec::new(),
            frames: BTreeMap::new(),
            next_frame: 0,
            circulated: false,
        }
    }

    pub fn add_adit(&mut self, stp: Option<StpConfig>) -> usize {
        let node = self.nodes.len();
        let config = BridgeConfig { stp, ..BridgeConfig::new(mac(node, self.seed)) };
        let adit = Self::boot(self.now, config, self.chance.seed32());
        self.nodes.push(Node::Adit(Box::new(adit)));
        self.deadlines.push(None);
        self.touch(node);
        node
    }

    fn boot(now: Instant, config: BridgeConfig, seed: [u8; 32]) -> Adit {
        let mut bridge = Bridge::new(now, config, seed);
        let local = bridge.add_port(now, PortConfig::local()).expect("the first port");
        bridge.set_link(now, local, true);
        Adit { forwarding: bridge.forwarding(), bridge, local, plugs: Vec::new(), config }
    }

    pub fn add_plain(&mut self) -> usize {
        self.nodes.push(Node::Plain(Plain::default()));
        self.deadlines.push(None);
        self.nodes.len() - 1
    }

    pub fn adit(&self, node: usize) -> &Adit {
        match &self.nodes[node] {
            Node::Adit(adit) => adit,
            Node::Plain(_) => panic!("node {node} is a plain switch"),
        }
    }

    fn adit_mut(&mut self, node: usize) -> &mut Adit {
        match &mut self.nodes[node] {
            Node::Adit(adit) => adit,
            Node::Plain(_) => panic!("node {node} is a plain switch"),
        }
    }

    pub fn adits(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| matches!(self.nodes[*node], Node::Adit(_))).collect()
    }

    /// Joins two nodes; a bridge's port is a tunnel, up at once.
    pub fn join(&mut self, a: usize, b: usize) -> usize {
        let wire = self.wires.len();
        let delay = Duration::from_micros(200 + self.chance.below(20_000));
        let ends =
            [a, b].map(|node| (node, self.wires.iter().flat_map(|w| w.ends).filter(|e| e.0 == node).count()));
        // A tunnel of a bridge to itself has two plugs there.
        let ends = if a == b { [ends[0], (b, ends[1].1 + 1)] } else { ends };
        self.wires.push(Wire { ends, cut: false, delay });
        for end in ends {
            self.plugged.insert(end, wire);
        }
        for (node, _) in ends {
            self.plug_in(node);
        }
        for (node, _) in ends {
            self.touch(node);
        }
        wire
    }

    fn plug_in(&mut self, node: usize) {
        let now = self.now;
        if let Node::Adit(adit) = &mut self.nodes[node] {
            let port = adit.bridge.add_port(now, PortConfig::tunnel(false)).expect("room");
            adit.bridge.set_link(now, port, true);
            adit.plugs.push(port);
        }
    }

    /// Cuts or mends a wire where no bridge can tell; a ring is allowed for a moment.
    pub fn set_cut_unheard(&mut self, wire: usize, cut: bool) {
        self.wires[wire].cut = cut;
    }

    pub fn set_cut(&mut self, wire: usize, cut: bool) {
        self.wires[wire].cut = cut;
        self.check_acyclic();
    }

    pub fn set_stp(&mut self, node: usize, stp: Option<StpConfig>) {
        let now = self.now;
        let adit = self.adit_mut(node);
        adit.config.stp = stp;
        let config = adit.config;
        adit.bridge.set_config(now, config);
        self.touch(node);
    }

    /// As after kill -9: everything forgotten but the configuration.
    pub fn restart(&mut self, node: usize) {
        let (now, seed) = (self.now, self.chance.seed32());
        let adit = self.adit_mut(node);
        let plugs = adit.plugs.len();
        *adit = Self::boot(now, adit.config, seed);
        for _ in 0..plugs {
            self.plug_in(node);
        }
        self.touch(node);
    }

    /// Restarts a bridge unless one of its links is cut: where both ends forgot
    /// each other while a link was cut, they may both use it when it heals,
    /// until they meet. Waits until all have met.
    pub fn restart_where_safe(&mut self, node: usize) {
        if self.wires.iter().all(|wire| !wire.cut || wire.ends.iter().all(|end| end.0 != node)) {
            self.restart(node);
            self.run_for(Duration::from_secs(2));
        }
    }

    pub fn run_for(&mut self, time: Duration) {
        self.run_until(self.now + time);
    }

    pub fn run_until(&mut self, end: Instant) {
        loop {
            let arrival = self.flying.keys().next().map(|key| key.0);
            let deadline = self.deadlines.iter().flatten().min().copied();
            let Some(next) = [arrival, deadline].into_iter().flatten().min().filter(|at| *at <= end) else {
                break;
            };
            self.now = self.now.max(next);
            if arrival.is_some_and(|at| at <= self.now) {
                let (_, (end, wire, frame)) = self.flying.pop_first().expect("just seen");
                if !self.wires[wire].cut {
                    self.arrive(end, &frame);
                }
                continue;
            }
            for node in 0..self.nodes.len() {
                if self.deadlines[node].is_some_and(|at| at <= self.now) {
                    let now = self.now;
                    self.adit_mut(node).bridge.handle_timeout(now);
                    self.touch(node);
                    let due = self.deadlines[node].is_some_and(|at| at <= now);
                    assert!(!due, "seed {}: what is due stays due", self.seed);
                }
            }
        }
        self.now = end;
    }

    /// After anything happened to a node: its events, its frames, its deadline.
    fn touch(&mut self, node: usize) {
        let mut changed = false;
        let mut out = Vec::new();
        let mut frame = Vec::new();
        let Node::Adit(adit) = &mut self.nodes[node] else { return };
        while let Some(event) = adit.bridge.poll_event() {
            *self.met.entry(name(event)).or_default() += 1;
            if event == Event::ForwardingChanged {
                adit.forwarding = adit.bridge.forwarding();
                changed = true;
            }
        }
        while let Some(port) = adit.bridge.poll_transmit(&mut frame) {
            let plug = adit.plugs.iter().position(|p| *p == port).expect("a port of the bridge");
            out.push((plug, frame.clone()));
        }
        let deadline = adit.bridge.poll_timeout().map(|deadline| deadline.at);
        self.deadlines[node] = deadline;
        for (plug, frame) in out {
            self.send((node, plug), frame);
        }
        if changed {
            self.check_acyclic();
        }
    }

    fn send(&mut self, from: End, frame: Vec<u8>) {
        let Some(number) = self.plugged.get(&from) else { return };
        let wire = &self.wires[*number];
        let control = frame[12..14] != [0x08, 0x00];
        if wire.cut || (control && self.chance.happens(self.loss)) {
            return;
        }
        let to = if wire.ends[0] == from { wire.ends[1] } else { wire.ends[0] };
        if control && self.chance.happens(self.duplicate) {
            let late = wire.delay + Duration::from_millis(self.chance.below(500));
            self.serial += 1;
            self.flying.insert((self.now + late, self.serial), (to, *number, frame.clone()));
        }
        self.serial += 1;
        self.flying.insert((self.now + wire.delay, self.serial), (to, *number, frame));
    }

    fn arrive(&mut self, (node, plug): End, frame: &[u8]) {
        let now = self.now;
        match &mut self.nodes[node] {
            Node::Adit(adit) => {
                let ingress = adit.plugs[plug];
                match adit.forwarding.forward(ingress, frame) {
                    Verdict::Control => {
                        adit.bridge.handle_control(now, ingress, frame);
                        self.touch(node);
                    }
                    verdict => self.carry_out(node, verdict, frame),
                }
            }
            Node::Plain(plain) => {
                let (to, from) = (&frame[..6], &frame[6..12]);
                plain.learned.insert(from.try_into().expect("six"), plug);
                let known = plain.learned.get(to).copied().filter(|_| to[0] & 1 == 0);
                let plugs: Vec<usize> = self.plugged.keys().filter(|e| e.0 == node).map(|e| e.1).collect();
                for out in plugs.into_iter().filter(|out| *out != plug && known.is_none_or(|k| k == *out)) {
                    self.send_data((node, out), frame);
                }
            }
        }
    }

    fn carry_out(&mut self, node: usize, verdict: Verdict, frame: &[u8]) {
        let ports = match verdict {
            Verdict::Unicast(port) => [port].into_iter().collect(),
            Verdict::Flood(ports) => ports,
            Verdict::Drop(_) | Verdict::Control => return,
        };
        let adit = self.adit(node);
        let (local, plugs) = (adit.local, adit.plugs.clone());
        for port in ports {
            if port == local {
                if let Some((_, got)) = self.frames.get_mut(&frame_id(frame)) {
                    got[node] += 1;
                }
            } else if let Some(plug) = plugs.iter().position(|p| *p == port) {
                self.send_data((node, plug), frame);
            }
        }
    }

    fn send_data(&mut self, from: End, frame: &[u8]) {
        if frame[12..14] == [0x08, 0x00] {
            let limit = 2 * self.wires.len();
            let Some((copies, _)) = self.frames.get_mut(&frame_id(frame)) else { return };
            *copies += 1;
            if *copies > limit {
                self.circulated = true;
                return;
            }
        }
        self.send(from, frame.to_vec());
    }

    /// The host behind a bridge sends a broadcast; returns its number.
    pub fn broadcast(&mut self, node: usize) -> u32 {
        self.send_frame(node, [0xff; 6])
    }

    /// The host behind a bridge sends a frame to that behind another; returns its number.
    pub fn unicast(&mut self, from: usize, to: usize) -> u32 {
        self.send_frame(from, [0x02, 0xaa, 0, 0, 0, to as u8])
    }

    fn send_frame(&mut self, node: usize, to: [u8; 6]) -> u32 {
        self.next_frame += 1;
        let id = self.next_frame;
        self.frames.insert(id, (0, vec![0; self.nodes.len()]));
        let mut frame = to.to_vec();
        frame.extend_from_slice(&[0x02, 0xaa, 0, 0, 0, node as u8, 0x08, 0x00]);
        frame.extend_from_slice(&id.to_be_bytes());
        let adit = self.adit(node);
        let verdict = adit.forwarding.forward(adit.local, &frame);
        self.carry_out(node, verdict, &frame);
        id
    }

    /// Whether data passes a port now.
    pub fn passes(&self, (node, plug): End) -> bool {
        match &self.nodes[node] {
            Node::Adit(adit) => adit.forwarding.forwarding_ports().contains(adit.plugs[plug]),
            Node::Plain(_) => true,
        }
    }

    /// The one thing that must hold at every instant: the wires that carry data form no ring.
    pub fn check_acyclic(&self) {
        let mut group: Vec<usize> = (0..self.nodes.len()).collect();
        for (number, wire) in self.wires.iter().enumerate() {
            let [a, b] = wire.ends;
            let plugged = |end: End| match &self.nodes[end.0] {
                Node::Adit(adit) => end.1 < adit.plugs.len(),
                Node::Plain(_) => true,
            };
            if wire.cut || !plugged(a) || !plugged(b) || !self.passes(a) || !self.passes(b) {
                continue;
            }
            let (ga, gb) = (group[a.0], group[b.0]);
            assert_ne!(
                ga,
                gb,
                "seed {}: after {:?} wire {number} {:?} closes a ring",
                self.seed,
                self.now - self.start,
                wire.ends
            );
            group.iter_mut().filter(|g| **g == ga).for_each(|g| *g = gb);
        }
    }

    /// Groups of nodes that wires connect, whatever the bridges do.
    pub fn components(&self) -> Vec<usize> {
        let mut group: Vec<usize> = (0..self.nodes.len()).collect();
        for wire in self.wires.iter().filter(|wire| !wire.cut) {
            let (ga, gb) = (group[wire.ends[0].0], group[wire.ends[1].0]);
            group.iter_mut().filter(|g| **g == ga).for_each(|g| *g = gb);
        }
        group
    }

    /// Every bridge's host sends one broadcast; every other reachable host gets it exactly once.
    pub fn check_broadcasts(&mut self) {
        let (adits, group) = (self.adits(), self.components());
        for from in adits.clone() {
            let id = self.broadcast(from);
            self.run_for(Duration::from_millis(500));
            let got = &self.frames[&id].1;
            for to in adits.iter().filter(|to| **to != from) {
                let expected = u32::from(group[*to] == group[from]);
                assert_eq!(got[*to], expected, "seed {}: broadcast of {from} at {to}", self.seed);
            }
        }
    }

    /// How many ports hold back data, beside the fewest that would do.
    pub fn check_exactly_enough(&self) {
        let live: Vec<&Wire> = self.wires.iter().filter(|wire| !wire.cut).collect();
        let held = live.iter().flat_map(|wire| wire.ends).filter(|end| !self.passes(*end)).count();
        let components = self.components().into_iter().collect::<BTreeSet<_>>().len();
        let fewest = live.len() + components - self.nodes.len();
        assert_eq!(held, fewest, "seed {}: ports held, and the fewest that would do", self.seed);
    }
}

/// The event without its values.
fn name(event: Event) -> String {
    let text = match event {
        Event::PortState(_, state) => format!("PortState {state}"),
        Event::Held(_, reason) => format!("Held {reason:?}"),
        Event::LinkDown(_, reason) => format!("LinkDown {reason:?}"),
        other => format!("{other:?}"),
    };
    text.split(['(', '{']).next().unwrap_or_default().trim().to_owned()
}

/// Fails if something a simulation is meant to meet was never met.
pub fn check_met(met: &BTreeMap<String, u32>, wanted: &[&str]) {
    for name in wanted {
        assert!(met.contains_key(*name), "never met: {name}, only {met:?}");
    }
}

fn frame_id(frame: &[u8]) -> u32 {
    frame.get(14..18).map_or(0, |id| u32::from_be_bytes(id.try_into().expect("four")))
}
