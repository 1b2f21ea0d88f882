//! The spanning tree beside others: adit's bridge joined twice to that of the Linux kernel (802.1D-1998), and
//! to Open vSwitch's. The one or the other is root; one port blocks; a link is cut.

#[path = "support/ovs.rs"]
mod ovs;
#[path = "support/support.rs"]
mod support;

use std::time::Duration;

use ovs::OpenVswitch;
use support::{Adit, Namespace, Pings, Running, run, wait_for};

const INNER: [&str; 2] = ["10.70.0.1", "10.70.0.2"];
const BROADCAST: &str = "10.70.0.255";
const LINKS: [&str; 2] = ["w1", "w2"];
const QUIET_HOST: &str = "02:00:00:00:00:dd";
/// Shortest the standard allows: hello 1, max age 6, forward delay 4. How long a root announces a change:
const CHANGE: Duration = Duration::from_secs(6 + 4);
const FORWARD_DELAY: Duration = Duration::from_secs(4);
const ROOT: u16 = 4096;
const OTHER: u16 = 32768;

/// The bridge `br0` at the other end.
enum Peer {
    Linux,
    OpenVswitch(OpenVswitch),
}

impl Peer {
    fn linux(namespace: &Namespace, priority: u16) -> Self {
        let timers = ["stp_state", "1", "hello_time", "100", "max_age", "600", "forward_delay", "400"];
        let priority = priority.to_string();
        let bridge = ["link", "add", "br0", "type", "bridge", "priority", &priority];
        namespace.ip(&[&bridge[..], &timers].concat());
        // A bridge that is designated nowhere has no change to tell of (802.1D-1998, 8.6.14).
        namespace.wire("leaf", namespace, "end");
        for link in LINKS.into_iter().chain(["leaf"]) {
            namespace.ip(&["link", "set", link, "master", "br0"]);
        }
        Self::Linux
    }

    fn open_vswitch(namespace: &Namespace, folder: &std::path::Path, priority: u16) -> Self {
        let ovs = OpenVswitch::start(namespace, folder);
        let bridge = "add-br br0 -- set Bridge br0 datapath_type=netdev fail_mode=standalone";
        ovs.vsctl(&format!("{bridge} {}", stp(priority)));
        ovs.vsctl("add-port br0 w1 -- add-port br0 w2");
        Self::OpenVswitch(ovs)
    }

    /// State of its port.
    fn state(&self, namespace: &Namespace, link: &str) -> String {
        match self {
            Self::Linux => {
                let state = sysfs(namespace, &format!("{link}/brport/state"));
                let names = ["disabled", "listening", "learning", "forwarding", "blocking"];
                names[state.parse::<usize>().expect("a number")].to_owned()
            }
            Self::OpenVswitch(ovs) => {
                ovs.vsctl(&format!("--if-exists get Port {link} status:stp_state")).trim().to_owned()
            }
        }
    }

    /// The root as it sees it: priority, a dot and the address.
    fn root(&self, namespace: &Namespace) -> String {
        match self {
            Self::Linux => sysfs(namespace, "br0/bridge/root_id"),
            Self::OpenVswitch(ovs) => {
                let root = ovs.vsctl("--if-exists get Bridge br0 status:stp_designated_root");
                root.trim().trim_matches('"').to_owned()
            }
        }
    }
}

fn sysfs(namespace: &Namespace, path: &str) -> String {
    run(namespace.command("cat").arg(format!("/sys/class/net/{path}"))).trim().to_owned()
}

fn stp(priority: u16) -> String {
    format!(
        "stp_enable=true other_config:stp-priority={priority} other_config:stp-hello-time=1 \
         other_config:stp-max-age=6 other_config:stp-forward-delay=4"
    )
}

/// adit, the peer, and behind adit a host that hardly ever speaks.
struct Ring {
    // Dropped in this order: processes before their namespaces.
    adit: Adit,
    peer: Peer,
    here: Namespace,
    there: Namespace,
    quiet: Namespace,
    folder: tempfile::TempDir,
}

impl Ring {
    fn new(adit_is_root: bool, peer: impl FnOnce(&Namespace, &std::path::Path, u16) -> Peer) -> Self {
        let [here, there, quiet] = ["st1", "st2", "st3"].map(Namespace::new);
        let folder = tempfile::tempdir().expect("temporary folder");
        for namespace in [&here, &there, &quiet] {
            // What nobody asked for would be traffic all the same.
            run(namespace.command("sysctl").args(["-qw", "net.ipv6.conf.all.disable_ipv6=1"]));
            run(namespace.command("sysctl").args(["-qw", "net.ipv6.conf.default.disable_ipv6=1"]));
        }
        for link in LINKS {
            here.wire(link, &there, link);
        }
        here.wire("quiet", &quiet, "eth0");
        quiet.ip(&["link", "set", "eth0", "address", QUIET_HOST]);
        quiet.ip(&["addr", "add", "10.70.0.3/24", "brd", "+", "dev", "eth0"]);
        let priorities = if adit_is_root { [ROOT, OTHER] } else { [OTHER, ROOT] };
        let adit = Adit::start(&here, folder.path(), None);
        let bridge = format!("vsctl add-br br0 -- set Bridge br0 {}", stp(priorities[0]));
        adit.ok(&bridge.split_whitespace().collect::<Vec<_>>());
        for port in LINKS.into_iter().chain(["quiet"]) {
            adit.ok(&["vsctl", "add-port", "br0", port]);
        }
        let peer = peer(&there, folder.path(), priorities[1]);
        for (namespace, inner) in [&here, &there].into_iter().zip(INNER) {
            namespace.ip(&["addr", "add", &format!("{inner}/24"), "brd", "+", "dev", "br0"]);
            namespace.ip(&["link", "set", "br0", "up"]);
        }
        Self { adit, peer, here, there, quiet, folder }
    }

    /// State of adit's port.
    fn state(&self, link: &str) -> String {
        let stp = self.adit.json("stp");
        let ports = stp["bridges"][0]["ports"].as_array().expect("ports");
        let port = ports.iter().find(|port| port["name"] == link).expect("the port");
        port["state"].as_str().expect("a state").to_owned()
    }

    /// Both agree on the root, and what is not blocked forwards: the link in use and the one that is not.
    fn settled(&self, adit_is_root: bool) -> Option<(&'static str, &'static str)> {
        let stp = &self.adit.json("stp")["bridges"][0];
        let root = stp["root_id"].as_str().expect("an identifier");
        if (stp["bridge_id"] == root) != adit_is_root || self.peer.root(&self.there) != root {
            return None;
        }
        let ours = LINKS.map(|link| self.state(link));
        let theirs = LINKS.map(|link| self.peer.state(&self.there, link));
        let (roots, others) = if adit_is_root { (ours, theirs) } else { (theirs, ours) };
        if roots != ["forwarding", "forwarding"] || self.state("quiet") != "forwarding" {
            return None;
        }
        match others.each_ref().map(String::as_str) {
            ["forwarding", "blocking"] => Some((LINKS[0], LINKS[1])),
            ["blocking", "forwarding"] => Some((LINKS[1], LINKS[0])),
            _ => None,
        }
    }

    /// One broadcast of the quiet host; how often adit's host, the peer's and it itself get it.
    fn broadcast(&self) -> [usize; 3] {
        let seen = [(&self.here, "br0"), (&self.there, "br0"), (&self.quiet, "eth0")];
        let seen = seen.map(|(namespace, device)| {
            let mut command = namespace.command("tcpdump");
            command.args(["-n", "-l", "--immediate-mode", "-Q", "in", "-i", device]);
            command.args(["icmp", "and", "dst", "host", BROADCAST]);
            let log = self.folder.path().join(format!("{}.tcpdump", namespace.name()));
            let running = Running::start(&mut command, log);
            wait_for("tcpdump", 10, || running.log().contains("listening on").then_some(()));
            running
        });
        // Nobody answers it, and that is what ping calls a failure.
        let mut ping = self.quiet.command("ping");
        ping.args(["-b", "-c", "1", "-W", "1", BROADCAST]).output().expect("ping can be run");
        seen.map(|mut running| {
            running.end();
            running.log().matches("ICMP echo request").count()
        })
    }

    fn knows_the_quiet_host(&self) -> bool {
        let fdb = self.adit.json("fdb");
        let entries = fdb["bridges"][0]["entries"].as_array().expect("entries");
        entries.iter().any(|entry| entry["mac"] == QUIET_HOST)
    }
}

/// One port blocks, nothing circulates, and a cut is healed and told.
fn one_tree(adit_is_root: bool, peer: impl FnOnce(&Namespace, &std::path::Path, u16) -> Peer) {
    let ring = Ring::new(adit_is_root, peer);
    let (active, spare) = wait_for("one tree", 40, || ring.settled(adit_is_root));
    // When the change of coming up is over, addresses are remembered for long again.
    std::thread::sleep(CHANGE + Duration::from_secs(2));
    assert_eq!(ring.settled(adit_is_root), Some((active, spare)), "it stays so");
    let pings = Pings::start(&ring.here, INNER[0], INNER[1]);
    assert_eq!(ring.broadcast(), [1, 1, 0]);
    std::thread::sleep(FORWARD_DELAY + Duration::from_secs(2));
    assert!(ring.knows_the_quiet_host(), "forgotten without a change");
    let (sent, lost) = pings.end();
    assert!(sent > 100 && lost == 0, "{lost} of {sent} lost in peace");

    ring.there.ip(&["link", "set", active, "down"]);
    wait_for("the other link to forward", 20, || {
        let states = [ring.state(spare), ring.peer.state(&ring.there, spare)];
        (states == ["forwarding", "forwarding"]).then_some(())
    });
    if let Peer::Linux = ring.peer {
        wait_for("the kernel to hear of the change", 10, || {
            (sysfs(&ring.there, "br0/bridge/topology_change") == "1").then_some(())
        });
    }
    wait_for("what was learnt to be forgotten", 12, || (!ring.knows_the_quiet_host()).then_some(()));
    let mut ping = ring.here.command("ping");
    run(ping.args(["-c", "3", "-i", "0.2", "-W", "2", "-I", INNER[0], INNER[1]]));
    assert_eq!(ring.broadcast(), [1, 1, 0]);
}

#[test]
fn adit_is_root_of_a_linux_bridge() {
    one_tree(true, |namespace, _, priority| Peer::linux(namespace, priority));
}

#[test]
fn a_linux_bridge_is_root_of_adit() {
    one_tree(false, |namespace, _, priority| Peer::linux(namespace, priority));
}

#[test]
fn adit_is_root_of_open_vswitch() {
    one_tree(true, Peer::open_vswitch);
}

#[test]
fn open_vswitch_is_root_of_adit() {
    one_tree(false, Peer::open_vswitch);
}
