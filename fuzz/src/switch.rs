//! Frames, BPDUs and probes; and a bridge that is fed any of them.

use std::time::{Duration, Instant};

use adit_switch::bpdu::{self, Bpdu};
use adit_switch::frame::{EtherType, Frame};
use adit_switch::probe::message;
use adit_switch::{Bridge, BridgeConfig, MacAddr, PortConfig, PortId, PortState, StpConfig, Verdict};

use crate::input::Input;

const ADDRESS: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
/// Addresses a bridge may know in these runs: few, so that the limit is met.
const TABLE: usize = 10;

/// Ethernet frames through a bridge of four ports.
pub fn ethernet_frame(data: &[u8]) {
    let mut input = Input::new(data);
    let mut world = World::new(input.u8());
    while !input.is_empty() {
        let port = world.ports[usize::from(input.u8()) % world.ports.len()];
        let frame = input.run();
        if let Ok(view) = Frame::parse(frame) {
            assert!(frame.starts_with(&view.destination().0));
            let _ = (view.body(), view.tag());
        }
        world.forward(port, frame);
    }
    assert!(world.bridge.fdb_entries().len() <= TABLE, "the table outgrows its limit");
}

/// A BPDU, alone and to a bridge that runs the spanning tree.
pub fn bpdu(data: &[u8]) {
    if let Ok(parsed) = bpdu::parse(data) {
        let mut frame = Vec::new();
        bpdu::emit_frame(&parsed, ADDRESS, &mut frame);
        assert_eq!(bpdu::parse_frame(&frame), Ok(parsed));
    }
    let _ = bpdu::parse_frame(data);
    let mut input = Input::new(data);
    let mut world = World::new(1);
    while !input.is_empty() {
        let port = world.ports[usize::from(input.u8()) % world.ports.len()];
        let body = input.run();
        let length = u16::try_from(body.len() + 3).unwrap_or(u16::MAX).to_be_bytes();
        let source = [2, 0, 0, 0, 0, 9];
        let frame = [&MacAddr::BRIDGE_GROUP.0[..], &source, &length, &[0x42, 0x42, 3], body].concat();
        world.bridge.handle_control(world.now, port, &frame);
        if let Ok(Bpdu::Config(config)) = bpdu::parse(body) {
            assert!(config.message_age < config.max_age);
        }
        world.pass(Duration::from_millis(u64::from(input.u8()) * 100));
    }
    world.tree_holds();
}

/// A loop probe, alone and to a bridge with and without a spanning tree.
pub fn probe(data: &[u8]) {
    if let Ok(parsed) = message::parse_frame(data) {
        let mut frame = Vec::new();
        message::emit_frame(&parsed, ADDRESS, &mut frame);
        assert_eq!(message::parse_frame(&frame), Ok(parsed));
    }
    let mut input = Input::new(data);
    let mut world = World::new(input.u8());
    while !input.is_empty() {
        let port = world.ports[usize::from(input.u8()) % world.ports.len()];
        let body = input.run();
        let source = [2, 0, 0, 0, 0, 9];
        let kind = EtherType::PROBE.0.to_be_bytes();
        let frame = [&MacAddr::PROBE_GROUP.0[..], &source, &kind, body].concat();
        world.bridge.handle_control(world.now, port, &frame);
        world.pass(Duration::from_millis(u64::from(input.u8()) * 100));
    }
    let counters = world.bridge.counters();
    assert!(counters.probe_errors <= counters.probes_received + counters.probe_errors);
}

/// A bridge: one local port, one device, two tunnels of which one is protected and has its SA.
struct World {
    now: Instant,
    bridge: Bridge,
    ports: Vec<PortId>,
    out: Vec<u8>,
}

impl World {
    /// The lowest bit of `options` turns the spanning tree on.
    fn new(options: u8) -> Self {
        let now = Instant::now();
        let stp = (options & 1 == 1).then(StpConfig::default);
        let config = BridgeConfig { stp, mac_table_size: TABLE, ..BridgeConfig::new(ADDRESS) };
        let mut bridge = Bridge::new(now, config, [7; 32]);
        let wanted = [
            PortConfig::local(),
            PortConfig::external(),
            PortConfig::tunnel(false),
            PortConfig::tunnel(true),
        ];
        let ports: Vec<_> =
            wanted.iter().map(|config| bridge.add_port(now, *config).expect("room for four")).collect();
        for port in &ports {
            bridge.set_link(now, *port, true);
            bridge.set_secured(now, *port, true);
        }
        let mut world = Self { now, bridge, ports, out: Vec::new() };
        // Until listening and learning are over, or the tunnels are released.
        for _ in 0..40 {
            world.pass(Duration::from_secs(1));
        }
        world
    }

    /// Lets time pass, and takes what the bridge sends.
    fn pass(&mut self, time: Duration) {
        self.now += time;
        let mut timeouts = 0;
        while self.bridge.poll_timeout().is_some_and(|deadline| deadline.at <= self.now) {
            self.bridge.handle_timeout(self.now);
            timeouts += 1;
            assert!(timeouts < 10_000, "a deadline that does not move");
        }
        let mut sent = 0;
        while let Some(port) = self.bridge.poll_transmit(&mut self.out) {
            assert!(self.ports.contains(&port) && self.out.len() >= 14);
            sent += 1;
            assert!(sent < 10_000, "one input makes a storm");
        }
        while self.bridge.poll_event().is_some() {}
    }

    fn forward(&mut self, port: PortId, frame: &[u8]) {
        let forwarding = self.bridge.forwarding();
        let decision = forwarding.decide(port, frame);
        assert_eq!(decision, forwarding.decide(port, frame), "deciding changes nothing");
        match forwarding.forward(port, frame) {
            Verdict::Unicast(to) => {
                assert!(to != port && forwarding.forwarding_ports().contains(to));
            }
            Verdict::Flood(to) => {
                assert!(!to.is_empty() && !to.contains(port));
                assert!(to.iter().all(|port| forwarding.forwarding_ports().contains(port)));
            }
            Verdict::Control => {
                self.bridge.handle_control(self.now, port, frame);
                self.pass(Duration::ZERO);
            }
            Verdict::Drop(_) => {}
        }
    }

    /// What is true of a spanning tree whoever spoke to it.
    fn tree_holds(&self) {
        let stp = self.bridge.stp(self.now).expect("runs the spanning tree");
        assert_eq!(stp.root_port.is_none(), stp.root_id == stp.bridge_id, "{stp:?}");
        assert!(stp.root_id <= stp.bridge_id, "{stp:?}");
        for port in stp.ports {
            let forwards = self.bridge.forwarding().forwarding_ports().contains(port.port);
            assert!(!forwards || port.state == PortState::Forwarding, "{port:?}");
        }
    }
}
