//! What the daemon shows of itself, as JSON and for people: states are words of a closed set, what
//! went wrong stands beside them and is the newest, each drop is counted once, names are names.

#[path = "support/hosts.rs"]
mod hosts;
#[path = "support/support.rs"]
mod support;

use hosts::{Hosts, INNER, OUTER, installed, port};
use serde_json::Value;
use support::{Adit, run, wait_for};

const IKE_STATES: [&str; 7] =
    ["waiting", "connecting", "established", "rekeyed", "closing", "down", "failed"];
const IPSEC_STATES: [&str; 5] = ["waiting", "connecting", "up", "down", "failed"];

fn rows(adit: &Adit, of: &str) -> Vec<Value> {
    adit.json("sa")[of].as_array().expect("an array").clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn error(adit: &Adit) -> Option<String> {
    port(&adit.json("show"), "p")["error"].as_str().map(str::to_owned)
}

#[test]
fn states_are_words_and_what_went_wrong_stands_beside_them() {
    let toml = |this: usize, psk: &str| {
        let (local, remote) = (OUTER[this], OUTER[1 - this]);
        let ends = format!("local_ip = \"{local}\"\nremote_ip = \"{remote}\"\npsk = \"{psk}\"\n");
        let ids = ["one", "two"];
        let (us, them) = (ids[this], ids[1 - this]);
        format!(
            "[bridge.br0.port.p]\ntype = \"gre\"\n{ends}\
             [ipsec.t0]\n{ends}local_id = \"{us}\"\nremote_id = \"{them}\"\n"
        )
    };
    let hosts = Hosts::new().start([Some(&toml(0, "right")), Some(&toml(1, "wrong"))]);
    let adit = &hosts.adit[0];
    let failed = |row: &Value, name: &str| {
        assert!(IKE_STATES.contains(&text(&row["state"])), "{row}");
        row["connection"] == name && row["error"].as_str().is_some_and(|error| error.contains("remedy"))
    };
    for name in ["p", "t0"] {
        wait_for("sa to say why", 20, || rows(adit, "ike").iter().any(|row| failed(row, name)).then_some(()));
        wait_for("sa to say it to people", 5, || {
            let shown = adit.ok(&["sa"]);
            shown.lines().any(|line| line.contains(name) && line.contains("remedy")).then_some(())
        });
    }
    let interface = adit.json("show")["ipsec"][0].clone();
    assert!(IPSEC_STATES.contains(&text(&interface["state"])), "{interface}");
    assert!(text(&interface["error"]).contains("remedy"), "{interface}");
    assert!(adit.ok(&["show"]).lines().any(|line| line.contains("t0") && line.contains("remedy")));
    // The log calls connections by their names.
    let log = adit.running.log();
    let told: Vec<_> = log.lines().filter(|line| line.contains("connection=")).collect();
    assert!(told.iter().any(|line| line.contains("connection=\"p\"")), "{told:#?}");
    assert!(told.iter().any(|line| line.contains("connection=\"t0\"")), "{told:#?}");
    assert!(!told.iter().any(|line| line.contains("connection=1")), "{told:#?}");
}

#[test]
fn the_newest_failure_is_the_one_that_is_shown() {
    let hosts = Hosts::new().start([None, None]);
    hosts.bridges();
    for (at, esp) in ["aes128gcm16", "aes256gcm16"].into_iter().enumerate() {
        let remote = format!("options:remote_ip={}", OUTER[1 - at]);
        let esp = format!("options:esp={esp}");
        let port =
            ["vsctl", "add-port", "br0", "p", "--", "set", "Interface", "p", "type=gre", "options:psk=one"];
        hosts.adit[at].ok(&[&port[..], &[remote.as_str(), esp.as_str()]].concat());
    }
    let shown = |what: &str| {
        wait_for(&format!("the port to speak of {what}"), 20, || {
            hosts.adit.iter().all(|adit| error(adit).is_some_and(|error| error.contains(what))).then_some(())
        });
    };
    shown("proposal");
    // The IKE SA stands, and only then another thing goes wrong with it.
    hosts.adit[1].ok(&["vsctl", "set", "Interface", "p", "options:psk=two"]);
    shown("pre-shared key");
    // Success ends both.
    for adit in &hosts.adit {
        adit.ok(&["vsctl", "set", "Interface", "p", "options:psk=two", "options:esp=aes256gcm16"]);
    }
    hosts.ping();
    assert_eq!(hosts.adit.iter().find_map(error), None);
}

#[test]
fn each_drop_is_counted_once() {
    let hosts = Hosts::new().start([None, None]);
    hosts.bridges();
    let port =
        ["vsctl", "add-port", "br0", "p", "--", "set", "Interface", "p", "type=vxlan", "options:psk=one"];
    hosts.adit[0].ok(&[&port[..], &[&format!("options:remote_ip={}", OUTER[1])]].concat());
    // VXLAN in clear for a port that is protected.
    let plain = ["vsctl", "add-port", "br0", "p", "--", "set", "Interface", "p", "type=vxlan"];
    hosts.adit[1].ok(&[&plain[..], &[&format!("options:remote_ip={}", OUTER[0])]].concat());
    let mut ping = hosts.namespaces[1].command("ping");
    let _ = ping.args(["-c", "3", "-i", "0.2", "-W", "1", INNER[0]]).output().expect("ping can be run");
    let drops = |row: &Value| row["drops"]["plaintext_on_protected"].as_u64();
    // Probes come in clear all the time: what is counted in both is compared with what was before and after.
    let shown = || drops(self::port(&hosts.adit[0].json("show"), "p")).expect("drops of the port");
    let before = shown();
    let children = rows(&hosts.adit[0], "child");
    let after = shown();
    let counted: Vec<u64> = children.iter().filter_map(drops).collect();
    assert_eq!(children.len(), 2, "{children:#?}");
    assert!(before > 0 && counted.len() == 1, "{children:#?}");
    assert!((before..=after).contains(&counted[0]), "{counted:?} is not from {before} to {after}");
}

#[test]
fn what_is_closed_is_not_shown_as_closing() {
    let hosts = Hosts::new().start([None, None]);
    hosts.bridges();
    hosts.ports("gre", OUTER, "options:psk=one");
    hosts.ping();
    assert_eq!(installed(&hosts.adit[0]).len(), 1);
    hosts.adit[0].ok(&["down", "p"]);
    wait_for("the closed IKE SA to be gone from sa", 4, || {
        let closing = |adit: &Adit| rows(adit, "ike").iter().any(|row| row["state"] == "closing");
        (!hosts.adit.iter().any(closing)).then_some(())
    });
    // What is shown is what was configured.
    assert_eq!(port(&hosts.adit[0].json("show"), "p")["type"], "gre");
    let down = &rows(&hosts.adit[0], "ike")[0];
    assert_eq!((text(&down["state"]), &down["error"]), ("down", &Value::Null));
}

#[test]
fn malformed_datagrams_are_counted_where_one_can_see_it() {
    let hosts = Hosts::new().start([Some("[bridge.br0]\n"), None]);
    let send = format!("printf nonsense > /dev/udp/{}/500", OUTER[0]);
    let mut shell = hosts.namespaces[1].command("bash");
    run(shell.args(["-c", &send]));
    wait_for("the datagram to be counted", 5, || {
        (hosts.adit[0].json("show")["counters"]["ike"]["malformed"] == 1).then_some(())
    });
    let shown = hosts.adit[0].ok(&["show", "-v"]);
    assert!(shown.contains("malformed 1"), "{shown}");
    let counters = &hosts.adit[0].json("show")["counters"]["datapath"];
    assert!(counters["punted_ike"].as_u64() > Some(0) && counters["drops"].is_object(), "{counters}");
    let bridge = &hosts.adit[0].json("show")["bridges"][0]["counters"];
    assert_eq!(bridge["bpdu_errors"], 0, "{bridge}");
}

#[test]
fn what_cannot_be_done_says_why_and_what_to_do() {
    let hosts = Hosts::new().start([None, None]);
    hosts.bridges();
    hosts.ports("gre", OUTER, "options:psk=one options:initiate=false");
    let adit = &hosts.adit[0];
    let refused = |words: &[&str]| {
        let output = adit.cli(words);
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert_eq!(refused(&["rekey", "p"]), "adit: p is not up; 'adit sa' says why\n");
    adit.ok(&["down", "p"]);
    assert_eq!(refused(&["rekey", "p"]), "adit: p is taken down; 'adit up p' brings it back\n");
    // No route: the cause once, and the remedy.
    adit.ok(&[
        "vsctl",
        "set",
        "Interface",
        "p",
        "options:remote_ip=198.51.100.1",
        "--",
        "remove",
        "Interface",
        "p",
        "options",
        "local_ip",
    ]);
    let why = error(adit).expect("an error");
    assert_eq!(why.matches("198.51.100.1").count(), 1, "{why}");
    assert!(
        why.starts_with("no way to") && why.contains("unreachable") && why.contains("add a route"),
        "{why}"
    );
}
