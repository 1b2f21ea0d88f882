//! Devices that go down, go away and come again, under running ports and tunnels.

#[path = "support/support.rs"]
mod support;

use std::process::Command;
use std::time::Duration;

use support::{Adit, Namespace, run, wait_for};

fn pings(from: &Namespace, to: &str) -> bool {
    let mut ping = from.command("ping");
    ping.args(["-c", "1", "-W", "1", to]).output().expect("ping can be run").status.success()
}

fn eventually_pings(what: &str, from: &Namespace, to: &str) {
    wait_for(&format!("a ping {what}"), 30, || pings(from, to).then_some(()));
}

#[test]
fn a_system_port_follows_its_device() {
    let (host, guest) = (Namespace::new("dv1"), Namespace::new("dv2"));
    // The device is a port and nothing else: the host does not answer for itself there.
    run(host.command("sysctl").args(["-qw", "net.ipv4.conf.all.arp_ignore=1"]));
    let folder = tempfile::tempdir().expect("temporary folder");
    // In one go: no time for anybody to see that the name was free.
    let batch = folder.path().join("again");
    let again =
        format!("link del g\nlink add g type veth peer name eth0 netns {}\nlink set g up\n", guest.name());
    std::fs::write(&batch, again).expect("a file");
    let guest_address = || guest.ip(&["addr", "add", "10.71.0.2/24", "dev", "eth0"]);
    host.wire("g", &guest, "eth0");
    guest_address();
    let adit = Adit::start(&host, folder.path(), None);
    adit.ok(&["vsctl", "add-br", "br0", "--", "add-port", "br0", "g"]);
    host.ip(&["addr", "add", "10.71.0.1/24", "dev", "br0"]);
    host.ip(&["link", "set", "br0", "up"]);
    eventually_pings("at first", &guest, "10.71.0.1");

    host.ip(&["link", "set", "g", "down"]);
    wait_for("the port to be down", 10, || {
        (adit.json("show")["bridges"][0]["ports"].to_string().contains(r#""up":false"#)).then_some(())
    });
    host.ip(&["link", "set", "g", "up"]);
    eventually_pings("after down and up", &guest, "10.71.0.1");

    run(Command::new("ip").args(["-n", host.name(), "-batch"]).arg(&batch));
    guest.ip(&["link", "set", "eth0", "up"]);
    guest_address();
    eventually_pings("through another device of that name", &guest, "10.71.0.1");

    host.ip(&["link", "del", "g"]);
    wait_for("the port to say what is missing", 10, || {
        adit.json("show").to_string().contains("No such device").then_some(())
    });
    host.wire("g", &guest, "eth0");
    guest_address();
    eventually_pings("through a third", &guest, "10.71.0.1");
}

#[test]
fn tunnels_survive_their_underlay() {
    const OUTER: [&str; 2] = ["192.168.72.1", "192.168.72.2"];
    const KINDS: [(&str, &str); 3] =
        [("gre", ""), ("vxlan", ""), ("vxlan", "options:dst_port=4790 options:psk=swordfish")];
    let hosts = [Namespace::new("ul1"), Namespace::new("ul2")];
    let folder = tempfile::tempdir().expect("temporary folder");
    let wire = || hosts[0].join(&format!("{}/24", OUTER[0]), &hosts[1], &format!("{}/24", OUTER[1]));
    wire();
    let mut daemons = Vec::new();
    for this in 0..2 {
        let adit = Adit::start(&hosts[this], folder.path(), None);
        for (n, (kind, options)) in KINDS.iter().enumerate() {
            let line = format!(
                "vsctl add-br br{n} -- add-port br{n} p{n} -- set Interface p{n} type={kind} options:local_ip={} options:remote_ip={} {options}",
                OUTER[this],
                OUTER[1 - this],
            );
            adit.ok(&line.split_whitespace().collect::<Vec<_>>());
            let (bridge, address) = (format!("br{n}"), format!("10.72.{n}.{}/24", this + 1));
            hosts[this].ip(&["addr", "add", &address, "dev", &bridge]);
            hosts[this].ip(&["link", "set", &bridge, "up"]);
        }
        daemons.push(adit);
    }
    let all_ping = |when: &str| {
        for (n, (kind, _)) in KINDS.iter().enumerate() {
            eventually_pings(&format!("through {kind} {when}"), &hosts[0], &format!("10.72.{n}.2"));
        }
    };
    all_ping("at first");
    hosts[0].ip(&["link", "set", "eth0", "down"]);
    std::thread::sleep(Duration::from_secs(2));
    assert!(!pings(&hosts[0], "10.72.0.2"), "the wire was cut");
    hosts[0].ip(&["link", "set", "eth0", "up"]);
    all_ping("after down and up");
    hosts[0].ip(&["link", "del", "eth0"]);
    std::thread::sleep(Duration::from_secs(2));
    wire();
    all_ping("over another device");
    drop(daemons);
}
