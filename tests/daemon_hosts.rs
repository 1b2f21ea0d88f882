//! Daemons in namespaces, driven by the command line alone: tunnels of every kind, what
//! survives, and what is refused.

#[path = "support/hosts.rs"]
mod hosts;
#[path = "support/support.rs"]
mod support;

use std::time::{Duration, Instant};

use serde_json::Value;

use hosts::{Hosts, INNER, OUTER, installed, port, word_after};
use support::{Adit, Pings, run, wait_for};

#[test]
fn every_kind_of_tunnel_carries_pings_as_large_as_its_mtu() {
    let hosts = Hosts::new().start([None, None]);
    hosts.bridges();
    let six = ["fd60::1", "fd60::2"];
    let table = [
        ("gre", OUTER, "", 0),
        ("gre", six, "options:key=7", 0),
        ("vxlan", OUTER, "options:key=5", 0),
        ("vxlan", six, "", 0),
        ("geneve", six, "options:key=70000", 0),
        ("ipsec_geneve", OUTER, "options:psk=swordfish", 2),
        ("ipsec_gre", OUTER, "options:psk=swordfish", 1),
        ("vxlan", OUTER, "options:psk=swordfish", 2),
        ("gre", six, "options:psk=swordfish options:ipsec_encapsulation=yes", 1),
    ];
    for (kind, ends, options, children) in table {
        hosts.ports(kind, ends, options);
        hosts.ping();
        for adit in &hosts.adit {
            let show = adit.json("show");
            let port = port(&show, "p");
            assert_eq!((&port["up"], &port["error"]), (&Value::Bool(true), &Value::Null), "{kind}: {show}");
            assert_eq!(port["connection"].is_string(), children > 0, "{show}");
            assert_eq!(installed(adit).len(), children, "{kind} {options}");
        }
        for adit in &hosts.adit {
            adit.ok(&["vsctl", "del-port", "br0", "p"]);
            wait_for("the SAs to be gone", 5, || installed(adit).is_empty().then_some(()));
        }
    }
    // What is secret is nowhere but where it is asked for.
    for adit in &hosts.adit {
        assert!(!adit.running.log().contains("swordfish"), "the log tells a secret");
    }
    hosts.adit[0].ok(&["vsctl", "del-br", "br0"]);
    wait_for("the TAP to be gone", 5, || {
        (!hosts.namespaces[0].ip(&["-o", "link", "show"]).contains("br0:")).then_some(())
    });
}

fn toml(this: usize, more: &str) -> String {
    let (local, remote) = (OUTER[this], OUTER[1 - this]);
    format!(
        "[bridge.br0]\naddresses = [\"{}/24\"]\n\
         [bridge.br0.port.p]\ntype = \"ipsec_gre\"\nlocal_ip = \"{local}\"\nremote_ip = \"{remote}\"\npsk = \"one\"\n{more}",
        INNER[this]
    )
}

#[test]
fn a_reload_touches_only_what_differs() {
    let (first, second) = (toml(0, ""), toml(1, ""));
    let hosts = Hosts::new().start([Some(&first), Some(&second)]);
    hosts.ping();
    let before = installed(&hosts.adit[0]);
    assert_eq!(before.len(), 1);
    let file = hosts.folder.path().join(format!("{}.toml", hosts.namespaces[0].name()));
    let pings = Pings::start(&hosts.namespaces[0], INNER[0], INNER[1]);

    // Bad input: every error with its line, and nothing changes.
    std::fs::write(&file, toml(0, "wibble = 1\n[bridge.br0.port.q]\ntype = \"gre\"\n")).expect("file");
    let refused = hosts.adit[0].cli(&["reload"]);
    assert_eq!(refused.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(errors.contains("line 8: bridge.br0.port.p.wibble"), "{errors}");
    assert!(errors.contains("requires valid 'remote_ip'"), "{errors}");
    let check = hosts.adit[0].cli(&["check", file.to_str().expect("a path")]);
    assert_eq!(check.status.code(), Some(1));

    // Good input: the new port comes, the old one keeps its SAs and loses nothing.
    let more = "[bridge.br0.port.v]\ntype = \"vxlan\"\nremote_ip = \"192.168.60.77\"\n";
    std::fs::write(&file, toml(0, more)).expect("file");
    hosts.adit[0].ok(&["reload"]);
    let show = hosts.adit[0].json("show");
    assert_eq!(port(&show, "v")["type"], "vxlan");
    std::thread::sleep(Duration::from_millis(500));
    let after = installed(&hosts.adit[0]);
    assert_eq!(after[0]["spi_in"], before[0]["spi_in"], "the SA was replaced");
    let (sent, lost) = pings.end();
    assert!(sent > 10 && lost == 0, "{lost} of {sent} lost");

    // The file is the only source.
    let refused = hosts.adit[0].cli(&["vsctl", "add-br", "br1"]);
    assert_eq!(refused.status.code(), Some(1));
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(why.contains(".toml") && why.contains("only source"), "{why}");
    assert_eq!(hosts.adit[0].ok(&["vsctl", "list-ports", "br0"]), "p\nv\n");
    let psk = hosts.adit[0].ok(&["vsctl", "list", "Interface", "p"]);
    assert!(!psk.contains("\"one\"") && !psk.contains("psk=one"), "{psk}");
}

#[test]
fn what_vsctl_set_survives_a_crash() {
    let mut hosts = Hosts::new().start([None, None]);
    hosts.bridges();
    hosts.ports("ipsec_gre", OUTER, "options:psk=password");
    hosts.ping();
    let mac = |hosts: &Hosts| {
        let link = hosts.namespaces[0].ip(&["-o", "link", "show", "br0"]);
        word_after(&link, "link/ether").to_owned()
    };
    let before = mac(&hosts);
    let mut crashed = hosts.adit.remove(0);
    crashed.running.crash();
    // The TAP outlives it, with its addresses; so does a stale socket.
    assert!(hosts.namespaces[0].ip(&["-o", "addr", "show", "br0"]).contains(INNER[0]));
    let again = Adit::start(&hosts.namespaces[0], hosts.folder.path(), None);
    hosts.adit.insert(0, again);
    hosts.ping();
    assert_eq!(mac(&hosts), before);
    assert_eq!(hosts.adit[0].ok(&["vsctl", "get", "Interface", "p", "options:psk"]), "password\n");
    let state = hosts.folder.path().join(format!("{}.run/state/conf.json", hosts.namespaces[0].name()));
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(state).expect("saved").permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_second_daemon_is_refused_and_says_why() {
    let hosts = Hosts::new().start([None, None]);
    let second = |run_dir: &std::path::Path| {
        let mut command = hosts.namespaces[0].command(env!("CARGO_BIN_EXE_adit"));
        let output = command.arg("run").arg("--run-dir").arg(run_dir).output().expect("adit can be run");
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let same = hosts.folder.path().join(format!("{}.run", hosts.namespaces[0].name()));
    let why = second(&same);
    assert!(why.contains("adit runs already") && why.contains("pid "), "{why}");
    let why = second(&hosts.folder.path().join("other"));
    assert!(why.contains("network namespace") && why.contains("500"), "{why}");
    assert_eq!(why.matches("in use").count(), 1, "the cause is told twice: {why}");
    // The first one does not care.
    hosts.adit[0].ok(&["show"]);
}

#[test]
fn without_a_daemon_there_is_one_clear_line() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for words in [&["show"][..], &["vsctl", "show"], &["up", "x"], &["sa", "--json"]] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_adit"));
        let output =
            command.args(words).env("ADIT_RUN_DIR", folder.path()).output().expect("adit can be run");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        assert!(output.stdout.is_empty() && text.lines().count() == 1, "{words:?}: {text}");
        assert!(text.contains("no adit runs here"), "{text}");
    }
}

#[test]
fn a_wrong_key_is_refused_with_side_reason_and_remedy_and_nothing_leaves_in_clear() {
    let hosts = Hosts::new().start([None, None]);
    hosts.bridges();
    let mut capture = hosts.namespaces[1].command("tcpdump");
    let file = hosts.folder.path().join("wire.pcap");
    capture.args([
        "-i",
        "eth0",
        "-U",
        "-w",
        file.to_str().expect("a path"),
        "ip",
        "proto",
        "47",
        "or",
        "port",
        "4789",
    ]);
    let mut capture = support::Running::start(&mut capture, hosts.folder.path().join("tcpdump.log"));
    wait_for("tcpdump to listen", 10, || capture.log().contains("listening").then_some(()));
    for (at, psk) in ["right", "wrong"].into_iter().enumerate() {
        let options = [
            "type=ipsec_gre".to_owned(),
            format!("options:remote_ip={}", OUTER[1 - at]),
            format!("options:psk={psk}"),
        ];
        let mut words = vec!["vsctl", "add-port", "br0", "p", "--", "set", "Interface", "p"];
        words.extend(options.iter().map(String::as_str));
        hosts.adit[at].ok(&words);
    }
    for adit in &hosts.adit {
        let error = wait_for("the port to say why", 20, || {
            let show = adit.json("show");
            port(&show, "p")["error"].as_str().map(str::to_owned)
        });
        assert!(error.contains("side") && error.contains("remedy") && error.contains("key"), "{error}");
        assert_eq!(port(&adit.json("show"), "p")["up"], Value::Bool(false));
    }
    let mut ping = hosts.namespaces[0].command("ping");
    let lost = ping.args(["-c", "3", "-i", "0.2", "-W", "1", INNER[1]]).output().expect("ping can be run");
    assert!(!lost.status.success());
    capture.end();
    let seen = run(std::process::Command::new("tcpdump").args(["-r", file.to_str().expect("a path")]));
    assert_eq!(seen, "", "sent in clear");

    // Put right, it works without another step.
    hosts.adit[1].ok(&["vsctl", "set", "Interface", "p", "options:psk=right"]);
    hosts.ping();
}

#[test]
fn a_key_that_cannot_be_read_is_the_error_of_its_port_alone_until_it_can() {
    let mut hosts = Hosts::new().start([None, None]);
    hosts.bridges();
    let key = hosts.folder.path().join("key");
    let option = format!("options:psk_file={}", key.display());
    let remote = format!("options:remote_ip={}", OUTER[1]);
    let add = ["add-port", "br0", "p", "--", "set", "Interface", "p", "type=gre", &remote, &option];
    let added = hosts.adit[0].cli(&[&["vsctl"], &add[..]].concat());
    let warned = String::from_utf8_lossy(&added.stderr).into_owned();
    assert!(added.status.success(), "{warned}");
    assert!(warned.contains("No such file") && warned.contains("chmod 600"), "{warned}");
    // Said once; what else is edited is not concerned, nor is the start.
    let next =
        hosts.adit[0].cli(&["vsctl", "add-port", "br0", "t", "--", "set", "Interface", "t", "type=tap"]);
    assert!(next.status.success() && next.stderr.is_empty(), "{next:?}");
    hosts.adit.remove(0).running.crash();
    hosts.adit.insert(0, Adit::start(&hosts.namespaces[0], hosts.folder.path(), None));
    let show = hosts.adit[0].json("show");
    let error = port(&show, "p")["error"].as_str().expect("an error").to_owned();
    assert!(error.contains(key.to_str().expect("a path")) && error.contains("chmod 600"), "{error}");
    assert_eq!((&port(&show, "p")["up"], &port(&show, "p")["type"]), (&false.into(), &"gre".into()));
    let up = hosts.adit[0].cli(&["up", "p"]);
    assert!(String::from_utf8_lossy(&up.stderr).contains("No such file"), "{up:?}");

    // The peer has the key, and nothing it hears is in clear.
    let peer = [&format!("options:remote_ip={}", OUTER[0]), "options:psk=swordfish"];
    let peer =
        [&["vsctl", "add-port", "br0", "p", "--", "set", "Interface", "p", "type=gre"], &peer[..]].concat();
    hosts.adit[1].ok(&peer);
    let mut capture = hosts.namespaces[1].command("tcpdump");
    let capture = capture.args(["-i", "eth0", "-c", "1", "ip", "proto", "47"]);
    let mut capture = support::Running::start(capture, hosts.folder.path().join("tcpdump.log"));
    wait_for("tcpdump to listen", 10, || capture.log().contains("listening").then_some(()));
    let mut ping = hosts.namespaces[0].command("ping");
    let lost = ping.args(["-c", "3", "-i", "0.2", "-W", "1", INNER[1]]).output().expect("ping can be run");
    assert!(!lost.status.success() && !capture.ended(), "sent in clear: {}", capture.log());

    // Written, it is found without another word.
    std::fs::write(&key, "swordfish\n").expect("the key");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&key, private).expect("the key's mode");
    // Nor does a host on which something changes all the time put that off.
    let mut changes = (1..=200).map(|last| format!("198.51.100.{last}/32"));
    wait_for("the key to be found", 15, || {
        let address = changes.next()?;
        run(hosts.namespaces[0].command("ip").args(["address", "add", &address, "dev", "lo"]));
        port(&hosts.adit[0].json("show"), "p")["error"].is_null().then_some(())
    });
    hosts.ping();
    assert_eq!(port(&hosts.adit[0].json("show"), "p")["error"], Value::Null);
}

#[test]
fn a_flood_of_strangers_does_not_delay_a_rekey() {
    let hosts = Hosts::new().start([None, None]);
    hosts.bridges();
    hosts.ports("ipsec_gre", OUTER, "options:psk=password");
    hosts.ping();
    hosts.namespaces[1].ip(&["addr", "add", "192.168.60.77/24", "dev", "eth0"]);
    let name = hosts.namespaces[1].name().to_owned();
    // The flood ends with this value, however the test ends.
    let flooding = std::sync::Arc::new(());
    let goes_on = std::sync::Arc::downgrade(&flooding);
    let flood = std::thread::spawn(move || {
        let namespace = std::fs::File::open(format!("/run/netns/{name}")).expect("the namespace");
        nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).expect("enters");
        let socket = std::net::UdpSocket::bind("192.168.60.77:0").expect("bound");
        while goes_on.upgrade().is_some() {
            // Refused is what a full queue says.
            let _ = (0..50).try_for_each(|_| socket.send_to(&[9; 28], "192.168.60.1:500").map(drop));
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    std::thread::sleep(Duration::from_secs(1));
    let started = Instant::now();
    for _ in 0..5 {
        let before = installed(&hosts.adit[0])[0]["spi_in"].clone();
        hosts.adit[0].ok(&["rekey", "p", "--child"]);
        wait_for("a new child SA", 20, || {
            let now = installed(&hosts.adit[0]);
            (now.len() == 1 && now[0]["spi_in"] != before).then_some(())
        });
    }
    let took = started.elapsed();
    drop(flooding);
    flood.join().expect("the flood ran");
    // Every datagram lost costs half a second or more.
    assert!(took < Duration::from_secs(8), "five rekeys took {took:?}");
}

#[test]
fn down_stays_down_until_up() {
    let hosts = Hosts::new().start([None, None]);
    hosts.bridges();
    hosts.ports("ipsec_gre", OUTER, "options:psk=password");
    hosts.ping();
    hosts.adit[0].ok(&["down", "p"]);
    wait_for("both ends to be down", 10, || {
        hosts.adit.iter().all(|adit| port(&adit.json("show"), "p")["up"] == false).then_some(())
    });
    std::thread::sleep(Duration::from_secs(3));
    assert!(installed(&hosts.adit[0]).is_empty(), "the peer brought it up again");
    hosts.adit[0].ok(&["up", "p"]);
    hosts.ping();
    let unknown = hosts.adit[0].cli(&["up", "nope"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("there are p"));
}

#[test]
fn an_address_that_comes_later_and_a_device_that_is_not_ours() {
    let hosts = Hosts::new().start([None, None]);
    hosts.bridges();
    let early = ["options:local_ip=192.168.60.11", "options:remote_ip=192.168.60.2"];
    let add = ["vsctl", "add-port", "br0", "p", "--", "set", "Interface", "p", "type=gre"];
    hosts.adit[0].ok(&[&add[..], &early[..]].concat());
    let late = ["options:local_ip=192.168.60.2", "options:remote_ip=192.168.60.11"];
    hosts.adit[1].ok(&[&add[..], &late[..]].concat());
    let show = hosts.adit[0].json("show");
    assert!(port(&show, "p")["error"].as_str().expect("an error").contains("192.168.60.11"), "{show}");
    hosts.namespaces[0].ip(&["addr", "add", "192.168.60.11/24", "dev", "eth0"]);
    hosts.ping();
    hosts.namespaces[0].ip(&["link", "add", "br7", "type", "bridge"]);
    let output = hosts.adit[0].cli(&["vsctl", "add-br", "br7"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("not adit's"), "{text}");
    // A system port on a device that comes later.
    let output = hosts.adit[0].cli(&["vsctl", "add-port", "br0", "eth7"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("could not open network device eth7 (No such device)"), "{text}");
    hosts.namespaces[0].ip(&["link", "add", "eth7", "type", "veth", "peer", "name", "eth8"]);
    hosts.namespaces[0].ip(&["link", "set", "eth8", "up"]);
    wait_for("the device to be taken", 10, || {
        (port(&hosts.adit[0].json("show"), "eth7")["up"] == true).then_some(())
    });
}

#[test]
fn ovs_vsctl_by_name_waits_and_times_out_as_the_original() {
    let hosts = Hosts::new().start([None, None]);
    let link = hosts.folder.path().join("ovs-vsctl");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_adit"), &link).expect("a link");
    let run_dir = hosts.folder.path().join(format!("{}.run", hosts.namespaces[0].name()));
    let vsctl = |words: &[&str]| {
        let mut command = hosts.namespaces[0].command(&link);
        command.args(words).env("ADIT_RUN_DIR", &run_dir);
        command
    };
    run(&mut vsctl(&["add-br", "br0"]));
    assert_eq!(run(&mut vsctl(&["list-br"])), "br0\n");
    let missing = vsctl(&["br-exists", "br1"]).status().expect("can be run");
    assert_eq!(missing.code(), Some(2));
    let other = vsctl(&["--db=tcp:192.0.2.1:6640", "show"]).output().expect("can be run");
    assert_eq!(other.status.code(), Some(1));
    let late = vsctl(&["--timeout=1", "wait-until", "Bridge", "br1"]).status().expect("can be run");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&late), Some(libc::SIGALRM));
    let mut waits = vsctl(&["--timeout=20", "wait-until", "Interface", "p", "link_state=up"]);
    let mut waits = waits.spawn().expect("can be run");
    let add = ["add-port", "br0", "p", "--", "set", "Interface", "p", "type=internal"];
    run(&mut vsctl(&add));
    assert!(waits.wait().expect("ends").success());
}

#[test]
fn a_route_based_interface_carries_packets_and_goes_with_its_configuration() {
    let toml = |this: usize, more: &str| {
        format!(
            "[ipsec.t0]\nlocal_ip = \"{}\"\nremote_ip = \"{}\"\npsk_env = \"ADIT_TEST_PSK\"\n{more}",
            OUTER[this],
            OUTER[1 - this]
        )
    };
    let psk = "[ipsec.t0]\nremote_ip = \"192.168.60.2\"\npsk_env = \"ADIT_NO_SUCH\"\n";
    let check = |text: &str| {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("x.toml");
        std::fs::write(&file, text).expect("file");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_adit"));
        command.arg("check").arg(&file).env("ADIT_TEST_PSK", "swordfish");
        let output = command.output().expect("adit can be run");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, why) = check(psk);
    assert!(code == Some(1) && why.contains("line 3") && why.contains("ADIT_NO_SUCH"), "{why}");
    assert_eq!(check(&toml(0, "")).0, Some(0));

    let text = |this: usize| {
        let (inside, there) = [("10.61.0.1/24", "10.62.0.0/24"), ("10.62.0.1/24", "10.61.0.0/24")][this];
        let (six, six_there) = [("fd61::1/64", "fd62::/64"), ("fd62::1/64", "fd61::/64")][this];
        let more = format!("inside = [\"{inside}\", \"{six}\"]\nroutes = [\"{there}\", \"{six_there}\"]\n");
        toml(this, &more).replace("psk_env = \"ADIT_TEST_PSK\"", "psk = \"swordfish\"")
    };
    let (first, second) = (text(0), text(1) + "initiate = false\n");
    let hosts = Hosts::new().start([Some(&first), Some(&second)]);
    for (from, to) in [("10.61.0.1", "10.62.0.1"), ("fd61::1", "fd62::1")] {
        wait_for("a ping through the tunnel", 20, || {
            let mut command = hosts.namespaces[0].command("ping");
            let ping =
                command.args(["-c", "1", "-W", "1", "-I", from, to]).output().expect("ping can be run");
            ping.status.success().then_some(())
        });
    }
    let show = hosts.adit[0].json("show");
    assert_eq!((&show["ipsec"][0]["state"], &show["ipsec"][0]["device"]), (&"up".into(), &"t0".into()));
    let child = &installed(&hosts.adit[0])[0];
    assert_eq!((&child["mode"], &child["carrier"]), (&"tunnel".into(), &"esp".into()));
    let pings = Pings::start(&hosts.namespaces[0], "10.61.0.1", "10.62.0.1");
    for how in [&["rekey", "t0", "--child"][..], &["rekey", "t0", "--ike"], &["rekey", "t0"]] {
        let before = installed(&hosts.adit[0])[0]["spi_in"].clone();
        hosts.adit[0].ok(how);
        if how.last() != Some(&"--ike") {
            wait_for("a new child SA", 10, || {
                let now = installed(&hosts.adit[0]);
                (now.len() == 1 && now[0]["spi_in"] != before).then_some(())
            });
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    let (sent, lost) = pings.end();
    assert!(sent > 50 && lost == 0, "{lost} of {sent} lost");

    // Taken out of the file, its device goes; what was left of an earlier run goes at the start.
    let file = hosts.folder.path().join(format!("{}.toml", hosts.namespaces[0].name()));
    std::fs::write(&file, "[bridge.br0]\n").expect("file");
    hosts.adit[0].ok(&["reload"]);
    wait_for("the device to be gone", 5, || {
        let links = hosts.namespaces[0].ip(&["-o", "link", "show"]);
        (!links.contains("t0:") && links.contains("br0:")).then_some(())
    });
    let Hosts { mut adit, namespaces, folder } = hosts;
    adit.remove(0).running.crash();
    assert!(namespaces[0].ip(&["-o", "link", "show"]).contains("br0:"), "TAPs outlive a crash");
    let _again = Adit::start(&namespaces[0], folder.path(), Some("[bridge.br1]\n"));
    let links = namespaces[0].ip(&["-o", "link", "show"]);
    assert!(links.contains("br1:") && !links.contains("br0:"), "{links}");
}
