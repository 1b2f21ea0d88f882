//! Two IKE endpoints and a network that the fuzzer owns.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_crypto::Secret;
use adit_ike::config::{ChildLifetime, EspProposal, IkeLifetime, IkeProposal, Mode, Retransmission};
use adit_ike::event::{ChildId, Spi};
use adit_ike::{
    ChildConfig, ChildConfigId, Command, Connection, ConnectionId, Credentials, Endpoint, EndpointConfig,
    Event, Identity, Path, TrafficSelector,
};

use crate::input::Input;

const ID: ConnectionId = ConnectionId(1);
const HALF_OPEN: usize = 6;
/// Things the fuzzer does in one run; each may cost a key exchange.
const MAX_STEPS: usize = 48;
/// Datagrams under way; beyond, the oldest is lost.
const MAX_UNDER_WAY: usize = 64;
/// Long enough for every back-off there is.
const TIME_TO_HEAL: Duration = Duration::from_secs(900);

struct Psk;

impl Credentials for Psk {
    fn psk(&self, _local: &Identity, _remote: &Identity) -> Option<Secret> {
        Some(Secret::from_slice(b"password"))
    }
}

/// Two endpoints that want a child of each other. The fuzzer delivers, loses, repeats, changes and makes
/// datagrams, lets time pass and gives commands; then it leaves the network alone, and they must agree.
pub fn ike_endpoint(data: &[u8]) {
    let mut world = World::new();
    let mut input = Input::new(data);
    for _ in 0..MAX_STEPS {
        if input.is_empty() {
            break;
        }
        world.step(&mut input);
    }
    world.heal();
}

struct World {
    now: Instant,
    hosts: [Host; 2],
    /// Where to, where from, what.
    under_way: VecDeque<(usize, Path, Vec<u8>)>,
}

struct Host {
    endpoint: Endpoint,
    inbound: BTreeSet<Spi>,
    outbound: BTreeMap<ChildId, Spi>,
}

impl World {
    fn new() -> Self {
        let now = Instant::now();
        let hosts = [0, 1].map(|here| {
            let config = EndpointConfig {
                max_half_open: HALF_OPEN,
                cookie_threshold: HALF_OPEN / 2,
                max_half_open_per_address: HALF_OPEN,
                ..EndpointConfig::default()
            };
            let endpoint = Endpoint::new(config, Box::new(Psk), [here + 1; 32]);
            Host { endpoint, inbound: BTreeSet::new(), outbound: BTreeMap::new() }
        });
        let mut world = Self { now, hosts, under_way: VecDeque::new() };
        for here in 0..2 {
            world.hosts[here].endpoint.set_connection(now, ID, Some(Arc::new(connection(here))));
            world.drain(here);
        }
        world
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let what = input.u8();
        let here = usize::from(what & 1);
        match (what >> 1) % 8 {
            0 | 1 => self.deliver(|_| {}),
            2 => drop(self.under_way.pop_front()),
            3 => self.under_way.extend(self.under_way.front().cloned()),
            4 => {
                let (at, bits) = (usize::from(input.u16()), input.u8());
                self.deliver(|datagram| {
                    if let Some(octet) = datagram.get_mut(at) {
                        *octet ^= bits;
                    }
                });
            }
            5 => {
                let datagram = input.run().to_vec();
                self.under_way.push_front((here, path(here, 500), datagram));
                self.deliver(|_| {});
            }
            6 => self.pass(Duration::from_millis(u64::from(input.u8()) * 250)),
            _ => self.command(here, input.u8()),
        }
    }

    fn command(&mut self, here: usize, which: u8) {
        let host = &mut self.hosts[here];
        let spi = host.inbound.first().copied().unwrap_or(Spi(0));
        let child = host.outbound.keys().next().copied();
        let command = match (which % 6, child) {
            (0, _) => Command::RekeyChildren(ID),
            (1, _) => Command::RekeyIke(ID),
            (2, _) => Command::HeardOn(spi),
            (3, _) => Command::SoftLimit(spi),
            (4, Some(child)) => Command::InstallFailed(child),
            _ => Command::Usage(spi),
        };
        let _ = host.endpoint.handle_command(self.now, command);
        self.drain(here);
    }

    /// Delivers the oldest datagram, changed.
    fn deliver(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        let Some((to, path, mut datagram)) = self.under_way.pop_front() else { return };
        change(&mut datagram);
        self.hosts[to].endpoint.handle_datagram(self.now, path, &mut datagram);
        self.drain(to);
    }

    /// Lets time pass, deadline by deadline; nothing is delivered meanwhile.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for round in 0.. {
            assert!(round < 10_000, "a deadline that does not move");
            let due = self.next_deadline().filter(|at| *at <= end);
            self.now = due.unwrap_or(end).max(self.now);
            if due.is_none() {
                break;
            }
            for here in 0..2 {
                self.hosts[here].endpoint.handle_timeout(self.now);
                self.drain(here);
            }
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.hosts.iter().filter_map(|host| host.endpoint.poll_timeout()).map(|deadline| deadline.at).min()
    }

    /// Does what the endpoint wants, and checks what it may want.
    fn drain(&mut self, here: usize) {
        let now = self.now;
        let host = &mut self.hosts[here];
        for count in 0.. {
            assert!(count < 1000, "events without end");
            let Some(event) = host.endpoint.poll_event() else { break };
            match event {
                Event::Job(id, job) => {
                    let done = Command::JobDone(id, job.run());
                    host.endpoint.handle_command(now, done).expect("a job may always be done");
                }
                event => host.act(event),
            }
        }
        let mut datagram = Vec::new();
        for count in 0.. {
            assert!(count < 1000, "one input makes a storm");
            let Some(transmit) = host.endpoint.poll_transmit(&mut datagram) else { break };
            let Path { local, remote } = transmit.path;
            assert!(!datagram.is_empty());
            if self.under_way.len() == MAX_UNDER_WAY {
                self.under_way.pop_front();
            }
            self.under_way.push_back((1 - here, Path { local: remote, remote: local }, datagram.clone()));
        }
        assert!(host.endpoint.ike_sas(now).len() <= HALF_OPEN + 8, "IKE SAs without end");
        assert!(host.endpoint.children(now).len() <= 16, "children without end");
    }

    /// An honest network: afterwards both have a child, and what one sends on, the other receives on.
    fn heal(&mut self) {
        let end = self.now + TIME_TO_HEAL;
        for round in 0.. {
            assert!(round < 100_000, "never quiet");
            while !self.under_way.is_empty() {
                self.deliver(|_| {});
            }
            let Some(at) = self.next_deadline().filter(|at| *at <= end) else { break };
            self.pass(at.saturating_duration_since(self.now));
        }
        while !self.under_way.is_empty() {
            self.deliver(|_| {});
        }
        let [a, b] = &self.hosts;
        for (sender, receiver) in [(a, b), (b, a)] {
            assert_eq!(sender.outbound.len(), 1, "one policy, one child");
            for spi in sender.outbound.values() {
                assert!(receiver.inbound.contains(spi), "{spi} is sent on and not received on");
            }
        }
    }
}

impl Host {
    fn act(&mut self, event: Event) {
        match event {
            Event::InstallInbound(half) => {
                assert!(self.inbound.insert(half.spi), "an inbound SPI serves twice");
            }
            Event::InstallOutbound(half) => {
                assert!(self.outbound.insert(half.child, half.spi).is_none(), "an outbound half comes twice");
            }
            Event::RemoveInbound(_, spi) => drop(self.inbound.remove(&spi)),
            Event::RemoveOutbound(child, _) => drop(self.outbound.remove(&child)),
            Event::Job(..)
            | Event::Redirect(..)
            | Event::Up(_)
            | Event::Down(..)
            | Event::ChildFailed(..)
            | Event::Hint(..)
            | Event::Moved(..) => {}
        }
    }
}

fn address(host: usize) -> IpAddr {
    let last = if host == 0 { 1 } else { 2 };
    Ipv4Addr::new(192, 0, 2, last).into()
}

/// How a datagram of the other host reaches this one.
fn path(here: usize, port: u16) -> Path {
    Path { local: SocketAddr::new(address(here), port), remote: SocketAddr::new(address(1 - here), port) }
}

fn connection(here: usize) -> Connection {
    let name = |host: usize| Identity::fqdn(if host == 0 { "left.example" } else { "right.example" });
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    let child = ChildConfig {
        id: ChildConfigId(0),
        name: "child".into(),
        mode: Mode::Transport,
        local: vec![TrafficSelector::host(address(here), 47)],
        remote: vec![TrafficSelector::host(address(1 - here), 47)],
        proposals: vec![EspProposal::modern()],
        lifetime: ChildLifetime::default(),
    };
    Connection {
        name: "fuzz".into(),
        local: address(here),
        remote: Some(address(1 - here)),
        local_id: name(here),
        remote_id: name(1 - here),
        credential_revision: 0,
        proposals: vec![IkeProposal::modern()],
        lifetime: IkeLifetime { rekey: hours(4), jitter: hours(1), hard: hours(5) },
        initiate: true,
        force_udp: false,
        liveness: Duration::from_secs(30),
        keepalive: Duration::from_secs(20),
        retransmission: Retransmission::default(),
        children: vec![child],
    }
}
