//! A host of the simulation: an endpoint, a data path in a few lines, and a
//! check of the drivers' rule: without an SA nothing of the user's leaves.

use adit_crypto::Secret;
use adit_crypto::digest::sha256;
use adit_ike::endpoint::Counters;
use adit_ike::event::{Carrier, ChildHalf, ChildId, Spi};
use adit_ike::{
    ChildConfigId, Command, Connection, ConnectionId, Credentials, Endpoint, EndpointConfig, Event, Failure,
    Identity, Job, JobId, Output, Path,
};
use adit_sim::Chance;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the peers' children carry. Nobody else may see it.
pub const PAYLOAD: &[u8] = b"user's own bytes";
/// Port of protocol 50, which has none.
const ESP: u16 = 0;

/// One pre-shared key for everybody it is meant for.
pub struct Psk(pub Option<Vec<u8>>);

impl Credentials for Psk {
    fn psk(&self, _: &Identity, _: &Identity) -> Option<Secret> {
        self.0.as_ref().map(|psk| Secret::from_slice(psk))
    }
}

/// A packet of the simulation: where from, where to, UDP payload (or ESP, on port 0).
pub struct Packet {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub payload: Vec<u8>,
}

impl Packet {
    pub fn emit(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for end in [self.from, self.to] {
            let IpAddr::V4(address) = end.ip() else { panic!("the simulation speaks IPv4") };
            out.extend(address.octets());
            out.extend(end.port().to_be_bytes());
        }
        out.extend(&self.payload);
        out
    }

    pub fn parse(packet: &[u8]) -> Self {
        let end = |at: usize| {
            let address = Ipv4Addr::new(packet[at], packet[at + 1], packet[at + 2], packet[at + 3]);
            SocketAddr::from((address, u16::from_be_bytes([packet[at + 4], packet[at + 5]])))
        };
        Self { from: end(0), to: end(6), payload: packet[12..].to_vec() }
    }
}

/// Names of things that happened, and how often.
#[derive(Default, Clone, Debug)]
pub struct Met(pub BTreeMap<String, u64>);

impl Met {
    pub fn count(&mut self, what: impl Into<String>, times: u64) {
        *self.0.entry(what.into()).or_default() += times;
    }

    /// Adds what an endpoint counted.
    pub fn count_all(&mut self, counters: Counters) {
        let text = format!("{counters:?}");
        let fields = text.trim_start_matches("Counters {").trim_end_matches('}');
        for (name, value) in fields.split(',').filter_map(|field| field.split_once(':')) {
            self.count(
                format!("counter {}", name.trim()),
                value.trim().parse().expect("a counter is a number"),
            );
        }
    }

    pub fn merge(&mut self, other: Self) {
        other.0.into_iter().for_each(|(what, times)| self.count(what, times));
    }
}

/// KEYMAT of one direction of a child, as it was installed.
pub struct InstalledKey {
    pub spi: Spi,
    pub inbound: bool,
    pub key: Vec<u8>,
}

/// A host.
pub struct Node {
    pub endpoint: Endpoint,
    pub address: Ipv4Addr,
    pub connections: BTreeMap<ConnectionId, Arc<Connection>>,
    pub psk: Option<Vec<u8>>,
    pub inbound: BTreeMap<Spi, ChildHalf>,
    /// In order of installation: the last one sends.
    pub outbound: BTreeMap<(ConnectionId, ChildConfigId), Vec<ChildHalf>>,
    pub config: EndpointConfig,
    pub met: Met,
    /// Jobs take up to this long.
    pub job_delay: Duration,
    /// Every so often one packet of each child, if at all.
    pub traffic: Option<Duration>,
    /// The next installations that fail.
    pub failing_installs: u32,
    /// Every key that was ever installed.
    pub keys: Vec<InstalledKey>,
    /// What every key exchange came to.
    pub shared: Vec<Vec<u8>>,
    /// So many of the next public values it sends are none.
    pub bad_values: u32,
    pub log: Vec<String>,
    /// What failed, in order.
    pub failures: Vec<Failure>,
    /// The packets of this host that get lost, by their number.
    pub lose: BTreeSet<usize>,
    /// So many IKE messages pass before one gets lost.
    pub lose_ike_after: Option<u32>,
    /// All its packets, lost ones too.
    pub sent: Vec<Vec<u8>>,
    jobs: Vec<(Instant, JobId, Job)>,
    heard: BTreeSet<Spi>,
    chance: Chance,
    out: VecDeque<Packet>,
    next_traffic: Option<Instant>,
    /// The host's clock runs ahead of the world's.
    ahead: Duration,
    last: Option<Instant>,
    born: Option<Instant>,
}

impl Node {
    pub fn new(address: Ipv4Addr, psk: &[u8], seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let psk = Some(psk.to_vec());
        let config = EndpointConfig::default();
        let endpoint = Endpoint::new(config.clone(), Box::new(Psk(psk.clone())), chance.seed32());
        Self {
            endpoint,
            address,
            connections: BTreeMap::new(),
            psk,
            inbound: BTreeMap::new(),
            outbound: BTreeMap::new(),
            config,
            met: Met::default(),
            job_delay: Duration::ZERO,
            traffic: None,
            failing_installs: 0,
            keys: Vec::new(),
            shared: Vec::new(),
            bad_values: 0,
            log: Vec::new(),
            failures: Vec::new(),
            lose: BTreeSet::new(),
            lose_ike_after: None,
            sent: Vec::new(),
            jobs: Vec::new(),
            heard: BTreeSet::new(),
            chance,
            out: VecDeque::new(),
            next_traffic: None,
            ahead: Duration::ZERO,
            last: None,
            born: None,
        }
    }

    pub fn clock(&self, now: Instant) -> Instant {
        now + self.ahead
    }

    /// Configures a connection.
    pub fn connect(&mut self, now: Instant, id: ConnectionId, connection: Connection) {
        let connection = Arc::new(connection);
        self.connections.insert(id, Arc::clone(&connection));
        self.endpoint.set_connection(self.clock(now), id, Some(connection));
        self.drain(now);
    }

    /// Takes a connection out of the configuration.
    pub fn disconnect(&mut self, now: Instant, id: ConnectionId) {
        self.connections.remove(&id);
        self.endpoint.set_connection(self.clock(now), id, None);
        self.drain(now);
    }

    pub fn command(&mut self, now: Instant, command: Command) {
        let name = format!("command {}", word(&command));
        if self.endpoint.handle_command(self.clock(now), command).is_ok() {
            self.met.count(name, 1);
        }
        self.drain(now);
    }

    /// Loses everything but its configuration.
    pub fn restart(&mut self, now: Instant) {
        self.met.count_all(self.endpoint.counters());
        self.endpoint =
            Endpoint::new(self.config.clone(), Box::new(Psk(self.psk.clone())), self.chance.seed32());
        self.inbound.clear();
        self.outbound.clear();
        self.jobs.clear();
        self.heard.clear();
        self.out.clear();
        self.log.push("restart".into());
        for (id, connection) in self.connections.clone() {
            self.endpoint.set_connection(self.clock(now), id, Some(connection));
        }
        self.drain(now);
    }

    pub fn jump(&mut self, ahead: Duration) {
        self.ahead += ahead;
    }

    /// Starts anew with another key, or other limits.
    pub fn reset(&mut self, now: Instant, psk: Option<&[u8]>, config: EndpointConfig) {
        self.psk = psk.map(<[u8]>::to_vec);
        self.config = config;
        self.restart(now);
    }

    /// Events first, then datagrams.
    fn drain(&mut self, now: Instant) {
        let clock = self.clock(now);
        assert!(self.last.is_none_or(|last| last <= clock), "time ran backwards");
        self.last = Some(clock);
        while let Some(event) = self.endpoint.poll_event() {
            self.met.count(format!("event {}", word(&event)), 1);
            match event {
                Event::Job(id, job) if self.job_delay.is_zero() => {
                    let done = Command::JobDone(id, self.work(job));
                    self.endpoint.handle_command(clock, done).expect("a job may always be done");
                }
                Event::Job(id, job) => {
                    let delay = self.chance.below(self.job_delay.as_nanos() as u64);
                    self.jobs.push((now + Duration::from_nanos(delay), id, job));
                }
                event => self.act(clock, event),
            }
        }
        self.sample();
        let mut datagram = Vec::new();
        while let Some(transmit) = self.endpoint.poll_transmit(&mut datagram) {
            let Path { local, remote } = transmit.path;
            self.out.push_back(Packet { from: local, to: remote, payload: datagram.clone() });
        }
        let deadline = self.endpoint.poll_timeout();
        if let Some(deadline) = deadline {
            self.met.count(format!("timer {:?}", deadline.why), 1);
        }
    }

    fn work(&mut self, job: Job) -> Output {
        let mut output = job.run();
        match &mut output {
            Output::Initiated(_, public) => self.spoil(public),
            Output::Responded(public, secret) => {
                self.shared.push(secret.expose().to_vec());
                self.spoil(public);
            }
            Output::Shared(secret) => self.shared.push(secret.expose().to_vec()),
            Output::Refused(_) => {}
        }
        output
    }

    fn spoil(&mut self, public: &mut [u8]) {
        if let Some(left) = self.bad_values.checked_sub(1) {
            self.bad_values = left;
            public.fill(0);
        }
    }

    fn note(&mut self, clock: Instant, line: &str) {
        let age = clock.saturating_duration_since(*self.born.get_or_insert(clock)).as_millis();
        self.log.push(format!("{age:>6} ms {line}"));
    }

    fn learn_key(&mut self, half: &ChildHalf, inbound: bool) {
        self.keys.push(InstalledKey { spi: half.spi, inbound, key: half.key.expose().to_vec() });
    }

    fn act(&mut self, clock: Instant, event: Event) {
        let line: String = format!("{event:?}").chars().take(150).collect();
        self.note(clock, &line);
        match event {
            Event::InstallInbound(half) if self.failing_installs > 0 => {
                self.failing_installs -= 1;
                self.met.count("install failed", 1);
                let failed = Command::InstallFailed(half.child);
                self.endpoint.handle_command(clock, failed).expect("a report is never refused");
            }
            Event::InstallInbound(half) => {
                self.learn_key(&half, true);
                assert!(self.inbound.insert(half.spi, *half).is_none(), "an inbound SPI serves twice");
            }
            Event::InstallOutbound(half) => {
                self.learn_key(&half, false);
                let halves = self.outbound.entry((half.connection, half.config)).or_default();
                assert!(halves.iter().all(|other| other.child != half.child), "an outbound half comes twice");
                halves.push(*half);
            }
            Event::RemoveInbound(_, spi) => {
                self.inbound.remove(&spi);
                self.heard.remove(&spi);
            }
            Event::RemoveOutbound(child, _) => self.halves(child, |halves, at| drop(halves.remove(at))),
            Event::Redirect(child, carrier) => {
                self.halves(child, |halves, at| halves[at].carrier = carrier);
                self.inbound
                    .values_mut()
                    .filter(|half| half.child == child)
                    .for_each(|half| half.carrier = carrier);
            }
            Event::Down(_, failure) | Event::ChildFailed(_, _, failure) | Event::Hint(_, failure) => {
                self.met.count(format!("failure {}", words(&failure.error)), 1);
                self.failures.push(failure);
            }
            Event::Job(..) | Event::Up(_) | Event::Moved(..) => {}
        }
    }

    fn halves(&mut self, child: ChildId, act: impl Fn(&mut Vec<ChildHalf>, usize)) {
        for halves in self.outbound.values_mut() {
            if let Some(at) = halves.iter().position(|half| half.child == child) {
                act(halves, at);
            }
        }
    }

    fn sample(&mut self) {
        let clock = self.last.expect("set by drain");
        for sa in self.endpoint.ike_sas(clock) {
            self.met.count(format!("ike {}", sa.state), 1);
        }
        for child in self.endpoint.children(clock) {
            self.met.count(format!("child {}", child.state), 1);
        }
    }

    /// One packet of each policy, if there is an SA; else nothing.
    fn send_traffic(&mut self) {
        for connection in self.connections.keys().copied().collect::<Vec<_>>() {
            let children = self.connections[&connection].children.iter().map(|child| child.id);
            for config in children.collect::<Vec<_>>() {
                let Some(half) = self.outbound.get(&(connection, config)).and_then(|halves| halves.last())
                else {
                    self.met.count("traffic dropped for want of an SA", 1);
                    let clock = self.last.expect("set by drain");
                    self.note(clock, "nothing to send on");
                    continue;
                };
                let payload = esp(half.spi, half.key.expose());
                let (from, to) = match half.carrier {
                    Carrier::Esp { local, remote } => ((local, ESP).into(), (remote, ESP).into()),
                    Carrier::Udp { local, remote } => (local, remote),
                };
                self.met.count("traffic sent", 1);
                self.out.push_back(Packet { from, to, payload });
            }
        }
    }

    fn receive_esp(&mut self, clock: Instant, packet: &Packet) {
        let Some(spi) = packet.payload.first_chunk().map(|spi| Spi(u32::from_be_bytes(*spi))) else { return };
        let Some(half) = self.inbound.get(&spi) else {
            self.met.count("traffic for an unknown SPI", 1);
            self.note(clock, &format!("packet on unknown {spi}"));
            return;
        };
        assert_eq!(packet.payload, esp(spi, half.key.expose()), "two ends of one SA have different keys");
        self.met.count("traffic received", 1);
        let expected = match half.carrier {
            Carrier::Esp { remote, .. } => SocketAddr::from((remote, ESP)),
            Carrier::Udp { remote, .. } => remote,
        };
        let first = self.heard.insert(spi);
        let mut reports = vec![if first { Command::HeardOn(spi) } else { Command::Usage(spi) }];
        if expected != packet.from {
            self.met.count("peer moved", 1);
            reports.push(Command::PeerMoved { spi, from: packet.from });
        }
        for report in reports {
            self.endpoint.handle_command(clock, report).expect("a report is never refused");
        }
    }

    fn finish_jobs(&mut self, now: Instant) {
        while let Some(at) = self.jobs.iter().position(|(at, ..)| *at <= now) {
            let (_, id, job) = self.jobs.remove(at);
            let done = Command::JobDone(id, self.work(job));
            self.endpoint.handle_command(self.clock(now), done).expect("a job may always be done");
            self.drain(now);
        }
    }

    pub fn handle_packet(&mut self, now: Instant, packet: Vec<u8>) {
        let mut packet = Packet::parse(&packet);
        if packet.to.ip() != IpAddr::V4(self.address) {
            return;
        }
        let clock = self.clock(now);
        let marked = packet.payload.starts_with(&[0; 4]);
        if packet.to.port() == ESP || (packet.to.port() == 4500 && !marked && packet.payload.len() > 1) {
            self.receive_esp(clock, &packet);
        } else {
            let path = Path { local: packet.to, remote: packet.from };
            self.endpoint.handle_datagram(clock, path, &mut packet.payload);
        }
        self.drain(now);
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.finish_jobs(now);
        if self.next_traffic.is_some_and(|at| at <= now) {
            self.send_traffic();
            self.next_traffic = None;
        }
        if self.endpoint.poll_timeout().is_some_and(|deadline| deadline.at <= self.clock(now)) {
            self.endpoint.handle_timeout(self.clock(now));
        }
        if let (Some(every), None) = (self.traffic, self.next_traffic) {
            self.next_traffic = Some(now + every);
        }
        self.drain(now);
    }

    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        loop {
            let packet = self.out.pop_front()?;
            let is_ike = packet.from.port() == self.config.ike_port || packet.payload.starts_with(&[0; 4]);
            let packet = packet.emit();
            self.sent.push(packet.clone());
            let unlucky = is_ike && self.lose_ike_after == Some(0);
            if is_ike {
                self.lose_ike_after = self.lose_ike_after.and_then(|left| left.checked_sub(1));
            }
            if !unlucky && !self.lose.contains(&(self.sent.len() - 1)) {
                return Some(packet);
            }
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let endpoint = self.endpoint.poll_timeout().map(|deadline| deadline.at);
        // The world's time for what the host's clock will show.
        let endpoint = endpoint.map(|at| at.checked_sub(self.ahead).unwrap_or(at));
        let jobs = self.jobs.iter().map(|(at, ..)| *at).min();
        endpoint.into_iter().chain(jobs).chain(self.next_traffic).min()
    }

    /// The first traffic, from which on it goes by itself.
    pub fn start_traffic(&mut self, now: Instant, every: Duration) {
        self.traffic = Some(every);
        self.next_traffic = Some(now);
    }

    pub fn stop_traffic(&mut self) {
        self.traffic = None;
        self.next_traffic = None;
    }
}

/// Stands for a sealed packet: only who has the key can make it.
fn esp(spi: Spi, key: &[u8]) -> Vec<u8> {
    let sealed = sha256(&[key, PAYLOAD]);
    [&spi.0.to_be_bytes()[..], &sealed].concat()
}

/// The name of an enum's variant.
fn word(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

/// The name of an error: its class and what it says first.
fn words(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    let mut parts = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|part| !part.is_empty());
    let (class, kind) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    match class {
        // PeerRefused(Notify { kind: X, .. })
        "PeerRefused" => format!("{class} {}", parts.nth(1).unwrap_or_default()),
        _ => format!("{class} {kind}"),
    }
}
