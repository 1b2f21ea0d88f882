//! Tunnels to Open vSwitch's userspace datapath, of every kind that both have.

#[path = "support/ovs.rs"]
mod ovs;
#[path = "support/support.rs"]
mod support;

use ovs::OpenVswitch;
use support::{Adit, Namespace, need, run, wait_for};

const OUTER: [&str; 2] = ["192.168.74.1", "192.168.74.2"];
const KINDS: [(&str, &str); 4] = [("gre", "7"), ("vxlan", "5"), ("geneve", "0"), ("geneve", "70000")];

#[test]
fn frames_cross_to_open_vswitch_and_back() {
    need("ethtool", "ethtool");
    let (here, there) = (Namespace::new("ot1"), Namespace::new("ot2"));
    let folder = tempfile::tempdir().expect("temporary folder");
    here.join(&format!("{}/24", OUTER[0]), &there, &format!("{}/24", OUTER[1]));
    // A veth leaves checksums to the receiver, and Open vSwitch's packet socket cannot know.
    run(here.command("ethtool").args(["-K", "eth0", "tx", "off"]));
    let adit = Adit::start(&here, folder.path(), None);
    let ovs = OpenVswitch::start(&there, folder.path());
    // The outer address sits on a bridge that owns eth0.
    there.ip(&["addr", "flush", "dev", "eth0"]);
    ovs.vsctl("add-br br-phy -- set Bridge br-phy datapath_type=netdev -- add-port br-phy eth0");
    there.ip(&["addr", "add", &format!("{}/24", OUTER[1]), "dev", "br-phy"]);
    there.ip(&["link", "set", "br-phy", "up"]);
    for (n, (kind, key)) in KINDS.iter().enumerate() {
        let port = |this: usize| {
            format!(
                "add-port br{n} p{n} -- set Interface p{n} type={kind} options:key={key} options:local_ip={} options:remote_ip={}",
                OUTER[this],
                OUTER[1 - this]
            )
        };
        let ours = format!("vsctl add-br br{n} -- {}", port(0));
        adit.ok(&ours.split(' ').collect::<Vec<_>>());
        ovs.vsctl(&format!("add-br br{n} -- set Bridge br{n} datapath_type=netdev -- {}", port(1)));
        for (namespace, host) in [(&here, 1), (&there, 2)] {
            namespace.ip(&["addr", "add", &format!("10.74.{n}.{host}/24"), "dev", &format!("br{n}")]);
            namespace.ip(&["link", "set", &format!("br{n}"), "up"]);
        }
        let ping = |from: &Namespace, host: u8| {
            let mut ping = from.command("ping");
            let to = format!("10.74.{n}.{host}");
            let output = ping.args(["-c", "1", "-W", "1", "-s", "1300", &to]).output();
            output.expect("ping can be run").status.success().then_some(())
        };
        wait_for(&format!("a ping through {kind} {key}"), 20, || ping(&here, 2));
        wait_for(&format!("a ping back through {kind} {key}"), 20, || ping(&there, 1));
    }
}
