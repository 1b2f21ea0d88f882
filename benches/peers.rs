//! Throughput beside the peers, in one run and in turn, so that the machine's
//! mood cancels out: `cargo bench --bench peers` (root; Debian's strongSwan,
//! Open vSwitch and iperf3).
//!
//! | adit | beside | at least |
//! |---|---|---|
//! | `ipsec_gre`, AES-256-GCM | strongSwan's userspace ESP (kernel-libipsec), AES-256-GCM in UDP | 1.5 times |
//! | `vxlan` | Open vSwitch's userspace datapath, vxlan | level |
//!
//! Each pair of hosts is two namespaces joined by a veth. One TCP stream by iperf3. The exit status is 1 when
//! adit does not reach one of these.

#[path = "../tests/support/charon.rs"]
mod charon;
#[path = "../tests/support/ovs.rs"]
mod ovs;
#[path = "../tests/support/support.rs"]
mod support;

use charon::Charon;
use ovs::OpenVswitch;
use std::path::Path;
use std::process::ExitCode;
use support::{Adit, Namespace, Running, need, run, wait_for};

const ROUNDS: usize = 3;
const SECONDS: &str = "4";
/// Outer and inner address of either end.
const OUTER: [&str; 2] = ["192.168.88.1", "192.168.88.2"];
const INNER: [&str; 2] = ["10.0.0.1", "10.0.0.2"];

fn main() -> ExitCode {
    need("iperf3", "iperf3");
    let folder = tempfile::tempdir().expect("temporary folder");
    let folder = folder.path();
    let protected = adit(folder, "ipsec_gre", " options:psk=password");
    let mut reached = compare("ipsec_gre", &protected, "strongSwan", &strongswan(folder), 1.5);
    reached &= compare("vxlan", &adit(folder, "vxlan", ""), "Open vSwitch", &open_vswitch(folder), 1.0);
    if reached { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Two hosts that reach each other at [`INNER`] through what is measured.
struct Rig {
    // Dropped in this order: processes before their namespaces.
    _processes: Vec<Box<dyn std::any::Any>>,
    hosts: [Namespace; 2],
    folder: std::path::PathBuf,
}

impl Rig {
    /// Mbit/s of one TCP stream from the first host to the second.
    fn throughput(&self) -> f64 {
        let log = self.folder.join(format!("iperf3-{}.log", self.hosts[1].name()));
        let mut server = self.hosts[1].command("iperf3");
        let mut server = Running::start(server.args(["-s", "-1", "--forceflush", "-B", INNER[1]]), log);
        wait_for("iperf3's server", 5, || server.log().contains("Server listening").then_some(()));
        let mut client = self.hosts[0].command("iperf3");
        let report = run(client.args(["-J", "-t", SECONDS, "-O", "1", "-B", INNER[0], "-c", INNER[1]]));
        server.end();
        let report: serde_json::Value = serde_json::from_str(&report).expect("iperf3's JSON");
        report["end"]["sum_received"]["bits_per_second"].as_f64().expect("a rate") / 1e6
    }

    fn wait(&self) {
        wait_for("the first ping", 60, || {
            let mut ping = self.hosts[0].command("ping");
            let output = ping.args(["-c", "1", "-W", "1", "-I", INNER[0], INNER[1]]).output().ok()?;
            output.status.success().then_some(())
        });
    }
}

/// Measures both in turn; whether adit is at least `required` times as fast.
fn compare(ours: &str, adit: &Rig, peer: &str, theirs: &Rig, required: f64) -> bool {
    let mut rates = [Vec::new(), Vec::new()];
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let (a, b) = (adit.throughput(), theirs.throughput());
        rates[0].push(a);
        rates[1].push(b);
        ratios.push(a / b);
    }
    let ([a, b], ratio) = (rates.map(median), median(ratios));
    println!("adit {ours:<10} {a:>7.0} Mbit/s   {peer:<12} {b:>7.0} Mbit/s   ratio {ratio:.2}");
    if ratio < required {
        println!("NOT REACHED: {ours} is {ratio:.2} times {peer}, and {required} times is required");
    }
    ratio >= required
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn hosts(role: &str) -> [Namespace; 2] {
    let hosts = [Namespace::new(&format!("{role}1")), Namespace::new(&format!("{role}2"))];
    hosts[0].join(&format!("{}/24", OUTER[0]), &hosts[1], &format!("{}/24", OUTER[1]));
    hosts
}

fn adit(folder: &Path, kind: &str, options: &str) -> Rig {
    let hosts = hosts("a");
    let mut processes: Vec<Box<dyn std::any::Any>> = Vec::new();
    for (this, other) in [(0, 1), (1, 0)] {
        let adit = Adit::start(&hosts[this], folder, None);
        let line = format!(
            "vsctl add-br br0 -- add-port br0 t0 -- set Interface t0 type={kind} options:local_ip={} options:remote_ip={}{options}",
            OUTER[this], OUTER[other]
        );
        adit.ok(&line.split(' ').collect::<Vec<_>>());
        hosts[this].ip(&["addr", "add", &format!("{}/24", INNER[this]), "dev", "br0"]);
        hosts[this].ip(&["link", "set", "br0", "up"]);
        processes.push(Box::new(adit));
    }
    let rig = Rig { _processes: processes, hosts, folder: folder.to_owned() };
    rig.wait();
    rig
}

fn strongswan(folder: &Path) -> Rig {
    let hosts = hosts("s");
    let mut processes: Vec<Box<dyn std::any::Any>> = Vec::new();
    let mut charons = Vec::new();
    for (this, other) in [(0, 1), (1, 0)] {
        hosts[this].ip(&["addr", "add", &format!("{}/32", INNER[this]), "dev", "lo"]);
        charons.push(Charon::start(&hosts[this], folder, &swanctl_conf(this, other)));
    }
    charons[0].swanctl(&["--initiate", "--child", "t", "--timeout", "10"]);
    processes.extend(charons.into_iter().map(|charon| Box::new(charon) as Box<dyn std::any::Any>));
    let rig = Rig { _processes: processes, hosts, folder: folder.to_owned() };
    rig.wait();
    rig
}

fn swanctl_conf(this: usize, other: usize) -> String {
    let (local, remote) = (OUTER[this], OUTER[other]);
    let (inner, beyond) = (INNER[this], INNER[other]);
    format!(
        "connections {{\n t {{\n  version = 2\n  local_addrs = {local}\n  remote_addrs = {remote}\n  \
         proposals = aes256gcm16-prfsha256-x25519\n  encap = yes\n  mobike = no\n  \
         local {{\n   auth = psk\n   id = {local}\n  }}\n  remote {{\n   auth = psk\n   id = {remote}\n  }}\n  \
         children {{\n   t {{\n    mode = tunnel\n    local_ts = {inner}/32\n    remote_ts = {beyond}/32\n    \
         esp_proposals = aes256gcm16\n   }}\n  }}\n }}\n}}\n\
         secrets {{\n ike-1 {{\n  id-a = {local}\n  id-b = {remote}\n  secret = \"password\"\n }}\n}}\n"
    )
}

/// Open vSwitch with its userspace datapath: the outer address sits on a bridge that owns eth0.
fn open_vswitch(folder: &Path) -> Rig {
    let hosts = hosts("o");
    let mut processes: Vec<Box<dyn std::any::Any>> = Vec::new();
    for (this, other) in [(0, 1), (1, 0)] {
        let host = &hosts[this];
        let ovs = OpenVswitch::start(host, folder);
        let outer = format!("{}/24", OUTER[this]);
        host.ip(&["addr", "del", &outer, "dev", "eth0"]);
        ovs.vsctl("add-br br-phy -- set Bridge br-phy datapath_type=netdev -- add-port br-phy eth0");
        host.ip(&["addr", "add", &outer, "dev", "br-phy"]);
        host.ip(&["link", "set", "br-phy", "up"]);
        let (local, remote) = (OUTER[this], OUTER[other]);
        ovs.vsctl(&format!(
            "add-br br0 -- set Bridge br0 datapath_type=netdev -- add-port br0 t0 -- set Interface t0 type=vxlan options:local_ip={local} options:remote_ip={remote}"
        ));
        host.ip(&["addr", "add", &format!("{}/24", INNER[this]), "dev", "br0"]);
        host.ip(&["link", "set", "br0", "mtu", "1450", "up"]);
        processes.push(Box::new(ovs));
    }
    let rig = Rig { _processes: processes, hosts, folder: folder.to_owned() };
    rig.wait();
    rig
}
