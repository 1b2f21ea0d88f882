//! Two hosts in namespaces of their own, joined by a veth pair, each with a data
//! plane and a bridge `br0`, driven by hand-built snapshots: no IKE, fixed keys.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Instant;

use adit::dataplane::io::sys::thread_allocations;
use adit::dataplane::io::tap::{Kind, Tap};
use adit::dataplane::{
    Bridge, BridgeKey, Carrier, Handle, Inbound, Link, Mode, Options, Outbound, PolicyId, Port, PortCounters,
    Punts, Routed, SaId, Selector, Selectors, Snapshot, Tos, Ttl, TunnelPort, start,
};
use adit::net::netns::Namespace;
use adit_crypto::{Secret, Suite};
use adit_encap::{Geneve, Gre, Tunnel, UdpHeader, Vxlan};
use adit_esp::{InboundSa, OutboundSa, SaParams, Spi};
use adit_switch::{BridgeConfig, MacAddr, PortConfig};

/// Makes this process root where it is not: runs the named test again in a user namespace of its own.
/// Returns whether the test is to run here.
pub fn as_root(test: &str) -> bool {
    if nix::unistd::geteuid().is_root() {
        return true;
    }
    let me = std::env::current_exe().expect("the test knows its file");
    let status = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net"])
        .arg(me)
        .args(["--exact", test, "--nocapture"])
        .status()
        .expect("unshare(1) is there");
    assert!(status.success(), "{test} fails in a user namespace: {status}");
    false
}

/// What carries the frames between the two bridges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Gre,
    Vxlan,
    Geneve,
    /// GRE in ESP.
    ProtectedGre(EspBy),
    /// VXLAN in ESP.
    ProtectedVxlan(EspBy),
    /// Geneve in ESP.
    ProtectedGeneve(EspBy),
    /// IP packets in ESP tunnel mode, no bridge.
    Routed(EspBy),
}

/// How ESP travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EspBy {
    Protocol50,
    Udp4500,
}

pub const BRIDGE: BridgeKey = BridgeKey(7);
pub const POLICY: PolicyId = PolicyId(3);
pub const VXLAN_PORT: u16 = 4789;

pub struct Host {
    pub ns: Namespace,
    pub handle: Handle,
    pub punts: Punts,
    pub number: u8,
    pub local: Arc<PortCounters>,
    pub tunnel: Arc<PortCounters>,
    pub device: Arc<Tap>,
}

/// Two hosts; `fd00:100::1`/`192.168.100.1` and `.2` outside, `10.0.0.1`/`fd00::1` and `.2` inside.
pub struct Pair {
    pub one: Host,
    pub two: Host,
    pub way: Way,
}

/// Runs a command inside and expects it to succeed.
pub fn must(ns: &Namespace, line: &str) -> String {
    let output = run(ns, line);
    assert!(
        output.status.success(),
        "`{line}`: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a command inside.
pub fn run(ns: &Namespace, line: &str) -> Output {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().expect("a command"));
    command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    ns.spawn(command).expect("starts").wait_with_output().expect("ends")
}

pub fn underlay(number: u8, v6: bool) -> IpAddr {
    let text = if v6 { format!("fd00:100::{number}") } else { format!("192.168.100.{number}") };
    text.parse().expect("an address")
}

impl Pair {
    pub fn new(way: Way, v6: bool) -> Pair {
        Self::with_mtu(way, v6, 1500, None)
    }

    /// `inside`: MTU of the inner devices; by default what fits.
    pub fn with_mtu(way: Way, v6: bool, mtu: u16, inside: Option<u16>) -> Pair {
        let (a, b) = (namespace("dp1"), namespace("dp2"));
        wire((&a, "eth0"), (&b, "eth0"));
        for (ns, number) in [(&a, 1), (&b, 2)] {
            must(ns, &format!("ip addr add 192.168.100.{number}/24 dev eth0"));
            must(ns, &format!("ip addr add fd00:100::{number}/64 dev eth0 nodad"));
            must(ns, &format!("ip link set eth0 mtu {mtu} up"));
        }
        let inside = inside.unwrap_or_else(|| inner_mtu(way, v6, mtu));
        let one = Host::new(a, 1, way, v6, mtu, inside);
        let two = Host::new(b, 2, way, v6, mtu, inside);
        let pair = Pair { one, two, way };
        pair.one.install(way, v6);
        pair.two.install(way, v6);
        pair
    }

    /// Three pings through the tunnel, both inner families.
    pub fn ping(&self) {
        must(&self.one.ns, "ping -n -c 3 -i 0.1 -W 2 10.0.0.2");
        must(&self.one.ns, "ping -n -c 3 -i 0.1 -W 2 fd00::2");
        must(&self.two.ns, "ping -n -c 3 -i 0.1 -W 2 10.0.0.1");
    }

    /// One TCP stream from one to two for some seconds; bit/s received.
    pub fn tcp(&self, seconds: u32, to: &str) -> f64 {
        tcp(&self.one.ns, &self.two.ns, seconds, to)
    }
}

/// One TCP stream for some seconds; bit/s received.
pub fn tcp(from: &Namespace, at: &Namespace, seconds: u32, to: &str) -> f64 {
    let mut server = Command::new("iperf3");
    server.args(["-s", "-1"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut server = at.spawn(server).expect("iperf3 is installed");
    let give_up = Instant::now() + std::time::Duration::from_secs(10);
    let rate = loop {
        // With -J iperf3 says what failed in the JSON, not by its exit status.
        let output = run(from, &format!("iperf3 -J -c {to} -t {seconds} --connect-timeout 2000"));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        if let Some(rate) = report["end"]["sum_received"]["bits_per_second"].as_f64() {
            break rate;
        }
        assert!(Instant::now() < give_up, "iperf3: {}", report["error"]);
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    server.wait().expect("the server ends");
    rate
}

/// Lets traffic pass that is like what has passed before: these workers allocate nothing for it.
pub fn without_allocations<const N: usize>(handles: [&Handle; N], traffic: impl FnOnce()) {
    assert!(thread_allocations() > 0, "this program counts allocations");
    let counted = || handles.map(|handle| handle.counters().allocations.get());
    let packets = || handles.map(|handle| handle.counters().packets.get());
    let before = (counted(), packets());
    traffic();
    assert_eq!(counted(), before.0, "allocations; packets were {:?} and are {:?}", before.1, packets());
}

/// A namespace whose loopback is up.
pub fn namespace(label: &str) -> Namespace {
    let ns = Namespace::create(label).expect("namespaces can be made");
    must(&ns, "ip link set lo up");
    ns
}

/// Joins two namespaces by a veth pair.
pub fn wire(a: (&Namespace, &str), b: (&Namespace, &str)) {
    let path = format!("/proc/{}/fd/{}", std::process::id(), b.0.as_fd().as_raw_fd());
    must(a.0, &format!("ip link add {} type veth peer name {} netns {path}", a.1, b.1));
    must(a.0, &format!("ip link set {} up", a.1));
    must(b.0, &format!("ip link set {} up", b.1));
}

/// What fits inside, as the tables of sizes have it.
fn inner_mtu(way: Way, v6: bool, mtu: u16) -> u16 {
    let ip = if v6 { 40 } else { 20 };
    let udp = |by| if by == EspBy::Udp4500 { 8 } else { 0 };
    let esp = |by, head: u16| {
        let room = mtu - ip - udp(by);
        let geometry = Suite::AES_GCM_16_128.geometry().expect("built in");
        adit_esp::layout::max_payload(&geometry, usize::from(room)).expect("fits") as u16 - head
    };
    match way {
        Way::Gre => mtu - ip - 4 - 14,
        Way::Vxlan | Way::Geneve => mtu - ip - 16 - 14,
        Way::ProtectedGre(by) => esp(by, 4 + 14),
        Way::ProtectedVxlan(by) | Way::ProtectedGeneve(by) => esp(by, 16 + 14),
        Way::Routed(by) => esp(by, 0),
    }
}

/// Starts a data plane in the namespace, with one device of its own that has an address and an MTU.
pub fn begin(ns: &Namespace, kind: Kind, number: u8, inside: u16) -> (Handle, Punts, Arc<Tap>) {
    let name = if kind == Kind::Tap { "br0" } else { "tun0" };
    let begun = ns
        .run(|| {
            let device = Tap::open(name, kind).expect("a device");
            let (handle, punts) = start(Options::default()).expect("sockets");
            handle.listen_udp(VXLAN_PORT).expect("the VXLAN port");
            (handle, punts, Arc::new(device))
        })
        .expect("enters");
    must(ns, &format!("ip link set {name} mtu {inside} up"));
    must(ns, &format!("ip addr add 10.0.0.{number}/24 dev {name}"));
    must(ns, &format!("ip addr add fd00::{number}/64 dev {name} nodad"));
    begun
}

/// Applies a bridge of the device and these links, all forwarding; returns their counters in that order.
pub fn bridge(handle: &Handle, number: u8, device: &Arc<Tap>, links: Vec<Link>) -> Vec<Arc<PortCounters>> {
    let now = Instant::now();
    let address = MacAddr([2, 0, 0, 0, 0, number]);
    let mut bridge = adit_switch::Bridge::new(now, BridgeConfig::new(address), [number; 32]);
    let local = Link::Local(device.clone());
    let ports: Vec<Port> = std::iter::once(local)
        .chain(links)
        .map(|link| {
            let id = bridge.add_port(now, PortConfig::local()).expect("room");
            bridge.set_link(now, id, true);
            Port { id, link, counters: Arc::default() }
        })
        .collect();
    let counters = ports.iter().map(|port| port.counters.clone()).collect();
    let table = Bridge { key: BRIDGE, forwarding: bridge.forwarding(), ports };
    let snapshot = Snapshot::new(vec![table], vec![]).expect("unambiguous");
    handle.apply(snapshot).expect("applied");
    counters
}

impl Host {
    fn new(ns: Namespace, number: u8, way: Way, v6: bool, mtu: u16, inside: u16) -> Host {
        let routed = matches!(way, Way::Routed(_));
        let kind = if routed { Kind::Tun } else { Kind::Tap };
        let (handle, punts, device) = begin(&ns, kind, number, inside);
        let (local, tunnel) = if routed {
            let counters = Arc::<PortCounters>::default();
            let tun = device.clone();
            let entry = Routed { tun, policy: POLICY, underlay_mtu: mtu, counters: counters.clone() };
            handle.apply(Snapshot::new(vec![], vec![entry]).expect("unambiguous")).expect("applied");
            (Arc::default(), counters)
        } else {
            let counters = bridge(&handle, number, &device, vec![link(way, number, v6, mtu)]);
            (counters[0].clone(), counters[1].clone())
        };
        Host { ns, handle, punts, number, local, tunnel, device }
    }

    /// Installs both directions, keys fixed: each host's inbound SPI is 0x1000 + its number.
    fn install(&self, way: Way, v6: bool) {
        let by = match way {
            Way::Gre | Way::Vxlan | Way::Geneve => return,
            Way::ProtectedGre(by) | Way::ProtectedVxlan(by) | Way::ProtectedGeneve(by) | Way::Routed(by) => {
                by
            }
        };
        let peer = 3 - self.number;
        self.handle.install_inbound(inbound(way, by, self.number, v6)).expect("installed");
        self.handle.install_outbound(outbound(way, by, peer, v6)).expect("installed");
    }

    /// The inbound SA.
    pub fn inbound_sa(&self) -> SaId {
        SaId::Inbound { spi: spi(self.number) }
    }

    /// The outbound SA.
    pub fn outbound_sa(&self) -> SaId {
        SaId::Outbound { policy: POLICY, spi: spi(3 - self.number) }
    }

    /// Every drop of the worker, of the tunnel port and of the SAs, as text.
    pub fn drops(&self) -> Vec<(&'static str, u64)> {
        let mut all = self.handle.counters().drops.nonzero();
        all.extend(self.tunnel.drops.nonzero());
        all.extend(self.local.drops.nonzero());
        for id in [self.inbound_sa(), self.outbound_sa()] {
            all.extend(self.handle.sa_counters(id).map(|c| c.drops.nonzero()).unwrap_or_default());
        }
        all.into_iter().map(|(reason, n)| (reason.name(), n)).collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.handle.stop();
        let _ = self.device.remove();
    }
}

/// The tunnel link of host `number` of a pair.
pub fn link(way: Way, number: u8, v6: bool, mtu: u16) -> Link {
    let udp = UdpHeader { destination_port: VXLAN_PORT, checksum: None };
    let tunnel = |encap| TunnelPort {
        encap,
        in_key: 0,
        udp_port: VXLAN_PORT,
        local: Some(underlay(number, v6)),
        remote: underlay(3 - number, v6),
        tos: Tos::Fixed(0),
        ttl: Ttl::Fixed(64),
        mark: 0,
        underlay_mtu: mtu,
    };
    match way {
        Way::Gre => Link::Tunnel(tunnel(Tunnel::Gre(Gre::default()))),
        Way::Vxlan => Link::Tunnel(tunnel(Tunnel::Vxlan(Vxlan { vni: 0, udp: None }))),
        Way::Geneve => Link::Tunnel(tunnel(Tunnel::Geneve(Geneve { vni: 0, udp: None }))),
        Way::ProtectedGeneve(_) => {
            Link::Protected(tunnel(Tunnel::Geneve(Geneve { vni: 0, udp: Some(udp) })), POLICY)
        }
        Way::ProtectedGre(_) => Link::Protected(tunnel(Tunnel::Gre(Gre::default())), POLICY),
        Way::ProtectedVxlan(_) => {
            Link::Protected(tunnel(Tunnel::Vxlan(Vxlan { vni: 0, udp: Some(udp) })), POLICY)
        }
        Way::Routed(_) => unreachable!("a routed interface is no port"),
    }
}

pub fn spi(number: u8) -> Spi {
    Spi(0x1000 + u32::from(number))
}

/// Parameters of the SA that host `receiver` receives on.
pub fn params(receiver: u8) -> SaParams {
    let suite = Suite::AES_GCM_16_128;
    let key = vec![receiver; suite.key_len().expect("built in")];
    SaParams::new(spi(receiver), suite, Secret::new(key))
}

pub fn carrier(by: EspBy, us: u8, v6: bool) -> Carrier {
    let (local, remote) = (underlay(us, v6), underlay(3 - us, v6));
    match by {
        EspBy::Protocol50 => Carrier::Esp { local, remote },
        EspBy::Udp4500 => {
            Carrier::Udp { local: SocketAddr::new(local, 4500), remote: SocketAddr::new(remote, 4500) }
        }
    }
}

pub fn selectors(way: Way, us: u8) -> Selectors {
    let transport = |protocol| {
        let one = |any: Selector| Selector { protocol, ..any };
        let both = vec![one(Selector::any_v4()), one(Selector::any_v6())];
        Selectors { local: both.clone(), remote: both }
    };
    match way {
        Way::ProtectedVxlan(_) | Way::ProtectedGeneve(_) => transport(17),
        Way::Routed(_) => {
            let net = |n: u8| {
                let v4: IpAddr = format!("10.0.0.{n}").parse().expect("an address");
                let v6: IpAddr = format!("fd00::{n}").parse().expect("an address");
                let only = |address: IpAddr, any: Selector| Selector { addresses: address..=address, ..any };
                vec![only(v4, Selector::any_v4()), only(v6, Selector::any_v6())]
            };
            Selectors { local: net(us), remote: net(3 - us) }
        }
        Way::Gre | Way::Vxlan | Way::Geneve | Way::ProtectedGre(_) => transport(47),
    }
}

fn mode(way: Way) -> Mode {
    if matches!(way, Way::Routed(_)) { Mode::Tunnel } else { Mode::Transport }
}

pub fn inbound(way: Way, by: EspBy, us: u8, v6: bool) -> Inbound {
    let sa = InboundSa::new(params(us)).expect("built in");
    let (selectors, carrier) = (selectors(way, us), carrier(by, us, v6));
    Inbound { policy: POLICY, mode: mode(way), selectors, carrier, sa }
}

pub fn outbound(way: Way, by: EspBy, peer: u8, v6: bool) -> Outbound {
    let us = 3 - peer;
    let sa = OutboundSa::new(params(peer)).expect("built in");
    let (selectors, carrier) = (selectors(way, us), carrier(by, us, v6));
    Outbound { policy: POLICY, mode: mode(way), selectors, carrier, sa }
}
