//! Two hosts, perhaps a NAT between, and somebody who listens.

use crate::host::{Met, Node, PAYLOAD, Packet};
use adit_ike::config::{ChildLifetime, EspProposal, IkeLifetime, IkeProposal, Mode, Retransmission};
use adit_ike::event::Spi;
use adit_ike::{ChildConfig, ChildConfigId, Connection, ConnectionId, Identity, TrafficSelector};
use adit_sim::{Eavesdropper, Host, LinkConfig, World};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

pub const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub const B: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
/// So many bytes of a key in a row are there by no accident.
const PIECE: usize = 8;
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
pub const PSK: &[u8] = b"correct horse battery";
pub const PEER: ConnectionId = ConnectionId(7);

pub const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Whatever stands on the network.
pub enum Machine {
    Node(Box<Node>),
    Nat(Nat),
}

/// Rewrites what comes from inside (port 0), and back.
#[derive(Default)]
pub struct Nat {
    /// Inside address and port, by the port outside.
    mapped: BTreeMap<u16, SocketAddr>,
    next: u16,
    out: Vec<(usize, Vec<u8>)>,
}

impl Nat {
    fn new() -> Self {
        Self { next: 1024, ..Self::default() }
    }

    /// Forgets its mappings, as after a power cut.
    pub fn rebind(&mut self) {
        self.mapped.clear();
    }

    fn pass(&mut self, port: usize, packet: &[u8]) {
        let mut packet = Packet::parse(packet);
        if port == 0 {
            let known = self.mapped.iter().find(|(_, inside)| **inside == packet.from).map(|(port, _)| *port);
            let outside = known.unwrap_or_else(|| {
                self.next += 1;
                self.mapped.insert(self.next, packet.from);
                self.next
            });
            packet.from = (OUTSIDE, outside).into();
            self.out.push((1, packet.emit()));
        } else if let Some(inside) = self.mapped.get(&packet.to.port()) {
            packet.to = *inside;
            self.out.push((0, packet.emit()));
        }
    }
}

impl Host for Machine {
    fn handle_packet(&mut self, now: Instant, port: usize, packet: Vec<u8>) {
        match self {
            Self::Node(node) => node.handle_packet(now, packet),
            Self::Nat(nat) => nat.pass(port, &packet),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if let Self::Node(node) = self {
            node.handle_timeout(now);
        }
    }

    fn poll_transmit(&mut self, _: Instant) -> Option<(usize, Vec<u8>)> {
        match self {
            Self::Node(node) => node.poll_transmit().map(|packet| (0, packet)),
            Self::Nat(nat) => nat.out.pop(),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Node(node) => node.poll_timeout(),
            Self::Nat(_) => None,
        }
    }
}

/// Two hosts and what is between them.
pub struct Network {
    pub world: World<Machine>,
    wires: Vec<usize>,
    eve: Eavesdropper,
    natted: bool,
}

impl Network {
    pub fn new(natted: bool, link: &LinkConfig, seed: u64) -> Self {
        let start = Instant::now();
        let node = |address, salt| Machine::Node(Box::new(Node::new(address, PSK, seed ^ salt)));
        let mut machines = vec![node(A, 0xa), node(B, 0xb)];
        machines.extend(natted.then(|| Machine::Nat(Nat::new())));
        let mut world = World::new(machines, start);
        let ends: &[_] = if natted { &[((0, 0), (2, 0)), ((2, 1), (1, 0))] } else { &[((0, 0), (1, 0))] };
        let salted = ends.iter().zip(seed.wrapping_mul(31)..);
        let wires = salted.map(|((a, b), seed)| world.join(*a, *b, link, seed)).collect();
        let mut eve = Eavesdropper::new();
        eve.must_never_see("the pre-shared key", PSK);
        eve.must_never_see("an identity", *b"left.example");
        eve.must_never_see("an identity", *b"right.example");
        eve.must_never_see("what the user sends", PAYLOAD);
        Self { world, wires, eve, natted }
    }

    pub fn now(&self) -> Instant {
        self.world.now()
    }

    pub fn node(&mut self, index: usize) -> &mut Node {
        match &mut self.world.hosts[index] {
            Machine::Node(node) => node,
            Machine::Nat(_) => panic!("not a node"),
        }
    }

    pub fn rebind(&mut self) {
        if let Some(Machine::Nat(nat)) = self.world.hosts.get_mut(2) {
            nat.rebind();
        }
    }

    /// What the other end sees of host 0.
    pub fn address_of_a(&self) -> Option<IpAddr> {
        if self.natted { None } else { Some(A.into()) }
    }

    pub fn set_link(&mut self, link: &LinkConfig) {
        self.wires.iter().for_each(|wire| self.world.set_config(*wire, link));
    }

    pub fn set_cut(&mut self, cut: bool) {
        self.wires.iter().for_each(|wire| self.world.set_cut(*wire, cut));
    }

    /// Does something at both ends at the same time.
    pub fn both(&mut self, mut act: impl FnMut(&mut Node, Instant)) {
        let now = self.now();
        (0..2).for_each(|index| act(self.node(index), now));
    }

    pub fn run(&mut self, span: Duration) {
        let eve = &mut self.eve;
        self.world.run(span, &mut |_, _, packet| {
            if let Err(leak) = eve.see(packet) {
                panic!("seen in clear: {leak:?}");
            }
        });
    }

    pub fn packets_seen(&self) -> u64 {
        self.eve.seen().0
    }

    /// What is wrong with the keys that were used so far: seen on the wire, different at the two ends,
    /// related to each other, or under an SPI that served before.
    pub fn wrong_keys(&mut self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut inbound: [BTreeMap<Spi, Vec<u8>>; 2] = Default::default();
        for (host, inbound) in inbound.iter_mut().enumerate() {
            for key in self.node(host).keys.iter().filter(|key| key.inbound) {
                if inbound.insert(key.spi, key.key.clone()).is_some() {
                    wrong.push(format!("host {host}: inbound SPI {} served twice", key.spi));
                }
            }
        }
        for host in 0..2 {
            for key in self.node(host).keys.iter().filter(|key| !key.inbound) {
                if inbound[1 - host].get(&key.spi).is_some_and(|theirs| *theirs != key.key) {
                    wrong.push(format!("host {host}: {} has another key at the peer", key.spi));
                }
            }
        }
        let mut pieces: BTreeSet<&[u8]> = BTreeSet::new();
        for (host, spi, key) in (0..2).flat_map(|host| inbound[host].iter().map(move |(s, k)| (host, s, k))) {
            let own: BTreeSet<&[u8]> = key.windows(PIECE).collect();
            if own.intersection(&pieces).next().is_some() {
                wrong.push(format!("host {host}: the key of {spi} is part of another"));
            }
            pieces.extend(own);
        }
        let shared: Vec<Vec<u8>> = (0..2).flat_map(|host| self.node(host).shared.clone()).collect();
        pieces.extend(shared.iter().flat_map(|secret| secret.windows(PIECE)));
        for host in 0..2 {
            for (number, packet) in self.node(host).sent.iter().enumerate() {
                if packet.windows(PIECE).any(|seen| pieces.contains(seen)) {
                    wrong.push(format!("host {host}: a key is seen in its packet {number}"));
                }
            }
        }
        wrong
    }

    /// What is wrong with the SAs of two hosts at rest; empty when they agree.
    pub fn disagreements(&mut self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (here, there) in [(0, 1), (1, 0)] {
            let inbound: BTreeMap<Spi, Vec<u8>> = {
                let node = self.node(there);
                node.inbound.iter().map(|(spi, half)| (*spi, half.key.expose().to_vec())).collect()
            };
            let now = self.now();
            let node = self.node(here);
            for half in node.outbound.values().flatten() {
                if inbound.get(&half.spi).is_none_or(|key| key != half.key.expose()) {
                    wrong.push(format!("host {here}: outbound {} has no inbound half at the peer", half.spi));
                }
            }
            let views = node.endpoint.children(node.clock(now));
            for (id, connection) in &node.connections {
                for child in &connection.children {
                    let live = views.iter().filter(|view| view.connection == *id && view.config == child.id);
                    let sending = node.outbound.get(&(*id, child.id)).map_or(0, Vec::len);
                    let count = live.count();
                    if (count, sending) != (1, 1) {
                        wrong.push(format!(
                            "host {here}: {} has {count} children, {sending} outbound halves",
                            child.name
                        ));
                    }
                }
            }
        }
        wrong
    }

    /// Waits for rest, up to `patience`.
    pub fn settle(&mut self, patience: Duration) -> Result<(), String> {
        let until = self.now() + patience;
        loop {
            let wrong = self.disagreements();
            if wrong.is_empty() {
                return Ok(());
            }
            if self.now() >= until {
                let logs: Vec<String> = (0..2)
                    .map(|host| {
                        let now = self.now();
                        let node = self.node(host);
                        let sas = node.endpoint.ike_sas(node.clock(now));
                        let sas = sas.iter().map(|sa| {
                            format!("{:?} {} {:?} initiator: {}", sa.id, sa.state, sa.age, sa.initiator)
                        });
                        let tail: Vec<String> = node
                            .log
                            .iter()
                            .rev()
                            .take(400)
                            .rev()
                            .cloned()
                            .chain(sas)
                            .chain([format!("{:?}", node.endpoint)])
                            .collect();
                        format!("host {host}:\n  {}\n", tail.join("\n  "))
                    })
                    .collect();
                return Err(format!("{}\n{}", wrong.join("\n"), logs.join("\n")));
            }
            self.run(Duration::from_millis(500));
        }
    }

    /// What happened, from both hosts.
    pub fn met(&mut self) -> Met {
        let mut met = Met::default();
        for host in 0..2 {
            let node = self.node(host);
            met.merge(node.met.clone());
            met.count_all(node.endpoint.counters());
        }
        met
    }
}

/// A connection of host `here` with quick timers, to be varied.
pub fn connection(here: usize, network: &Network, children: u32) -> Connection {
    let (name, other) =
        if here == 0 { ("left.example", "right.example") } else { ("right.example", "left.example") };
    let (local, remote) =
        if here == 0 { (A.into(), Some(B.into())) } else { (B.into(), network.address_of_a()) };
    Connection {
        name: "test".into(),
        local,
        remote,
        local_id: Identity::fqdn(name),
        remote_id: Identity::fqdn(other),
        credential_revision: 0,
        proposals: vec![IkeProposal::modern()],
        lifetime: IkeLifetime { rekey: seconds(3600), jitter: seconds(60), hard: seconds(4000) },
        initiate: true,
        force_udp: false,
        liveness: seconds(5),
        keepalive: seconds(20),
        retransmission: Retransmission { first: Duration::from_millis(500), longest: seconds(4), tries: 6 },
        children: (0..children).map(|id| child(here, id)).collect(),
    }
}

/// A child in tunnel mode: 10.(10 + id).x behind host 0, 10.(20 + id).x behind host 1.
pub fn child(here: usize, id: u32) -> ChildConfig {
    let net = |base: u32| TrafficSelector::prefix(Ipv4Addr::new(10, (base + id) as u8, 0, 0).into(), 16);
    let (local, remote) = if here == 0 { (net(10), net(20)) } else { (net(20), net(10)) };
    ChildConfig {
        id: ChildConfigId(id),
        name: format!("child{id}"),
        mode: Mode::Tunnel,
        local: vec![local],
        remote: vec![remote],
        proposals: vec![EspProposal::modern()],
        lifetime: ChildLifetime {
            rekey: seconds(3000),
            jitter: seconds(60),
            hard: seconds(3600),
            packets: None,
            bytes: None,
        },
    }
}
