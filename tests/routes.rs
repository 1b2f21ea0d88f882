//! Routes of `[ipsec]` interfaces: what is the host's stays the host's, what is adit's is
//! found again, and no way to a peer leads into the device it serves.

#[path = "support/support.rs"]
mod support;

use std::path::Path;

use support::{Adit, Namespace, wait_for};

/// A host with a peer that answers nothing: what is tested here is its own routing table.
fn host() -> (Namespace, Namespace, tempfile::TempDir) {
    let (host, other) = (Namespace::new("rt1"), Namespace::new("rt2"));
    host.join("192.168.60.1/24", &other, "192.168.60.2/24");
    for (namespace, outer) in [(&host, "fd60::1/64"), (&other, "fd60::2/64")] {
        namespace.ip(&["addr", "add", outer, "dev", "eth0", "nodad"]);
    }
    (host, other, tempfile::tempdir().expect("temporary folder"))
}

fn interface(name: &str, remote: &str, more: &str) -> String {
    format!("[ipsec.{name}]\nremote_ip = \"{remote}\"\npsk = \"swordfish\"\n{more}\n")
}

fn reload(adit: &Adit, host: &Namespace, folder: &Path, toml: &str) {
    std::fs::write(folder.join(format!("{}.toml", host.name())), toml).expect("configuration file");
    adit.ok(&["reload"]);
}

/// State and error of the interfaces by name, a line each.
fn states(adit: &Adit) -> Vec<String> {
    let show = adit.json("show");
    let line = |row: &serde_json::Value| {
        let state = row["state"].as_str().expect("a state");
        row["error"].as_str().map_or_else(|| state.to_owned(), |error| format!("{state}: {error}"))
    };
    show["ipsec"].as_array().expect("interfaces").iter().map(line).collect()
}

/// The first one's.
fn state(adit: &Adit) -> String {
    states(adit).swap_remove(0)
}

fn wait_for_state(adit: &Adit, parts: &[&str]) {
    let mut last = String::new();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(15);
    while !parts.iter().all(|part| last.contains(part)) {
        assert!(std::time::Instant::now() < deadline, "no {parts:?} in {last:?}");
        std::thread::sleep(std::time::Duration::from_millis(100));
        last = state(adit);
    }
}

/// Routes to exactly this destination, whichever table they are in.
fn routes(host: &Namespace, destination: &str) -> String {
    let family = if destination.contains(':') { "-6" } else { "-4" };
    host.ip(&[family, "route", "show", "table", "all", "exact", destination])
}

#[test]
fn the_hosts_own_routes_are_left_alone_and_named() {
    let (host, _other, folder) = host();
    host.ip(&["route", "add", "10.20.0.0/16", "via", "192.168.60.9"]);
    host.ip(&["route", "add", "fd20::/48", "via", "fd60::9"]);
    host.ip(&["route", "add", "blackhole", "10.22.0.0/16"]);
    let before = ["10.20.0.0/16", "fd20::/48", "10.22.0.0/16"].map(|net| routes(&host, net));
    let nets = "[\"10.20.0.0/16\", \"10.21.0.0/16\", \"fd20::/48\", \"10.22.0.0/16\"]";
    let toml = interface("t0", "192.168.60.2", &format!("inside = \"10.61.0.1/24\"\nroutes = {nets}"));
    let adit = Adit::start(&host, folder.path(), Some(&toml));
    let named = "the host has a route to 10.20.0.0/16 already (10.20.0.0/16 via 192.168.60.9 dev eth0)";
    wait_for_state(
        &adit,
        &[named, "delete it, or take 10.20.0.0/16 out", "fd20::/48 via fd60::9", "10.22.0.0"],
    );
    assert_eq!(before, ["10.20.0.0/16", "fd20::/48", "10.22.0.0/16"].map(|net| routes(&host, net)));
    assert!(routes(&host, "10.21.0.0/16").contains("dev t0"), "the others are added all the same");
    // A route through t0 that never gets its turn does not make the conflict go away.
    host.ip(&["route", "add", "10.22.0.0/16", "dev", "t0", "metric", "50"]);
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(state(&adit).contains("a route to 10.22.0.0/16 already"), "{}", state(&adit));
    host.ip(&["route", "del", "10.22.0.0/16", "dev", "t0"]);

    // What goes away is not in the way any more; what leaves the configuration is not either.
    host.ip(&["route", "del", "10.20.0.0/16"]);
    host.ip(&["route", "del", "10.22.0.0/16"]);
    wait_for("the route through t0", 10, || routes(&host, "10.20.0.0/16").contains("dev t0").then_some(()));
    assert!(state(&adit).contains("fd20::/48"));
    let toml = interface("t0", "192.168.60.2", "inside = \"10.61.0.1/24\"\nroutes = \"10.20.0.0/16\"");
    reload(&adit, &host, folder.path(), &toml);
    assert_eq!(state(&adit), "connecting");
    assert_eq!(routes(&host, "fd20::/48"), before[1]);
    assert_eq!(routes(&host, "10.21.0.0/16"), "");

    // It is compared with what the kernel has, not with what was once done.
    host.ip(&["route", "del", "10.20.0.0/16"]);
    wait_for("the route to be back", 10, || routes(&host, "10.20.0.0/16").contains("dev t0").then_some(()));
    host.ip(&["link", "set", "t0", "down"]);
    wait_for("the route to be back", 10, || routes(&host, "10.20.0.0/16").contains("dev t0").then_some(()));
    reload(&adit, &host, folder.path(), &toml.replace("10.61.0.1", "10.61.0.7"));
    assert!(routes(&host, "10.20.0.0/16").contains("src 10.61.0.7"));
}

#[test]
fn a_crash_leaves_routes_that_are_found_again() {
    let (host, _other, folder) = host();
    let with = |routes: &str| interface("t0", "192.168.60.2", &format!("routes = \"{routes}\""));
    let mut adit =
        Adit::start(&host, folder.path(), Some(&with("10.20.0.0/16,10.21.0.0/16,fd20::/48,fd21::/48")));
    host.ip(&["route", "add", "10.23.0.0/16", "dev", "t0"]);
    adit.running.crash();
    for net in ["10.20.0.0/16", "10.21.0.0/16", "10.23.0.0/16", "fd20::/48", "fd21::/48"] {
        assert!(routes(&host, net).contains("dev t0"), "the device outlives a crash, and so do its routes");
    }
    // 10.24/16 is routed through t0 by the user, as adit shall: that is no conflict, and stays the user's.
    host.ip(&["route", "add", "10.24.0.0/16", "dev", "t0"]);
    let adit =
        Adit::start(&host, folder.path(), Some(&with("10.20.0.0/16,10.22.0.0/16,10.24.0.0/16,fd20::/48")));
    assert_eq!(state(&adit), "connecting");
    for net in ["10.20.0.0/16", "10.22.0.0/16", "10.23.0.0/16", "10.24.0.0/16", "fd20::/48"] {
        assert!(routes(&host, net).contains("dev t0"), "{net}: {}", routes(&host, net));
    }
    for gone in ["10.21.0.0/16", "fd21::/48"] {
        assert_eq!(routes(&host, gone), "", "left by an earlier run, and not wanted any more");
    }
    reload(&adit, &host, folder.path(), &with(""));
    for gone in ["10.20.0.0/16", "10.22.0.0/16", "fd20::/48"] {
        assert_eq!(routes(&host, gone), "");
    }
    for theirs in ["10.23.0.0/16", "10.24.0.0/16"] {
        assert!(routes(&host, theirs).contains("dev t0"), "{theirs} is the user's");
    }
}

#[test]
fn a_route_moves_from_one_interface_to_another() {
    let (host, _other, folder) = host();
    let two = |first: &str, second: &str| {
        interface("a", "192.168.60.2", first) + &interface("b", "192.168.60.3", second)
    };
    let route = "routes = \"10.20.0.0/16\"";
    let adit = Adit::start(&host, folder.path(), Some(&two("", route)));
    assert!(routes(&host, "10.20.0.0/16").contains("dev b"));
    reload(&adit, &host, folder.path(), &two(route, ""));
    assert!(routes(&host, "10.20.0.0/16").contains("dev a"));
    assert_eq!(state(&adit), "connecting");
}

fn mtu(host: &Namespace, device: &str) -> u32 {
    let link = host.ip(&["-o", "link", "show", device]);
    let mut words = link.split(' ').skip_while(|word| *word != "mtu").skip(1);
    words.next().and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("no mtu in {link}"))
}

#[test]
fn a_way_into_the_own_device_is_an_error_and_gives_no_mtu() {
    let (host, _other, folder) = host();
    let port = "[bridge.br0.port.p]\ntype = \"gre\"\nremote_ip = \"192.168.60.2\"\n";
    let toml = interface("t0", "192.168.60.2", "inside = \"fd61::1/64\"") + port;
    let adit = Adit::start(&host, folder.path(), Some(&toml));
    let port_error = || adit.json("show")["bridges"][0]["ports"][1]["error"].clone();
    assert_eq!((state(&adit).as_str(), port_error()), ("connecting", serde_json::Value::Null));
    host.ip(&["link", "set", "br0", "up"]);
    let before = [mtu(&host, "t0"), mtu(&host, "br0")];

    host.ip(&["route", "add", "192.168.60.2", "dev", "t0"]);
    wait_for_state(&adit, &["failed: the way to 192.168.60.2 leads into t0", "off t0", "another way"]);
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(mtu(&host, "t0") >= 1280 && host.ip(&["addr", "show", "t0"]).contains("fd61::1/64"));
    // The port only has a tunnel under its tunnel.
    assert_eq!(port_error(), serde_json::Value::Null);

    host.ip(&["route", "replace", "192.168.60.2", "dev", "br0"]);
    wait_for("the port's error", 10, || {
        port_error().as_str().is_some_and(|error| error.contains("leads into br0")).then_some(())
    });
    wait_for_state(&adit, &["connecting"]);
    host.ip(&["route", "del", "192.168.60.2", "dev", "br0"]);
    wait_for("all to be well again", 10, || port_error().is_null().then_some(()));
    wait_for("the MTUs of before", 10, || (before == [mtu(&host, "t0"), mtu(&host, "br0")]).then_some(()));

    // Each through the other.
    let two = interface("t0", "192.168.70.2", "routes = \"192.168.80.0/24\"")
        + &interface("t1", "192.168.80.2", "routes = \"192.168.70.0/24\"");
    reload(&adit, &host, folder.path(), &two);
    wait_for("both errors", 10, || {
        let states = states(&adit);
        (states[0].contains("leads into t1") && states[1].contains("leads into t0")).then_some(())
    });
}

#[test]
fn a_default_route_leaves_the_hosts_and_the_way_to_the_peer_as_they_are() {
    let (host, other, folder) = host();
    // Both peers are behind the host's default routes; 198.51.100.7 is what only the tunnel knows.
    for address in ["192.168.70.2/32", "fd70::2/128", "198.51.100.7/32"] {
        other.ip(&["addr", "add", address, "dev", "lo"]);
    }
    host.ip(&["route", "add", "default", "via", "192.168.60.2"]);
    host.ip(&["-6", "route", "add", "default", "via", "fd60::2"]);
    // The strictest of hosts: what comes from the peer must come by the way to the peer.
    let strict = "echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter";
    support::run(host.command("sh").args(["-c", strict]));
    let defaults = || [host.ip(&["route", "show", "default"]), host.ip(&["-6", "route", "show", "default"])];
    let rules = || host.ip(&["rule"]) + &host.ip(&["-6", "rule"]);
    let (before, no_rules) = (defaults(), rules());
    let four = "inside = \"10.61.0.1/24\"\nlocal_ip = \"192.168.60.1\"\nroutes = \"0.0.0.0/0\"";
    let toml = interface("t0", "192.168.70.2", four)
        + &interface("t6", "fd70::2", "inside = \"fd61::1/64\"\nroutes = \"::/0\"");
    let peer = "local_ip = \"192.168.70.2\"\ninside = \"10.62.0.1/24\"\nroutes = \"10.61.0.0/24\"";
    let _peer = Adit::start(&other, folder.path(), Some(&interface("t0", "192.168.60.1", peer)));
    let mut adit = Adit::start(&host, folder.path(), Some(&toml));
    let goes = |to: &str| {
        let output = host.command("ip").args(["route", "get", to]).output().expect("ip can be run");
        let way = String::from_utf8_lossy(&output.stdout);
        way.split(' ').skip_while(|word| *word != "dev").nth(1).unwrap_or("nowhere").to_owned()
    };
    let well = || {
        for (to, device) in [
            ("198.51.100.7", "t0"),
            ("2001:db8::7", "t6"),
            ("192.168.70.2", "eth0"),
            ("fd70::2", "eth0"),
            ("192.168.60.9", "eth0"),
        ] {
            assert_eq!(goes(to), device, "{to}");
        }
        assert_eq!(defaults(), before);
        assert_eq!(rules().lines().count(), no_rules.lines().count() + 8, "{}", rules());
    };
    let ping = || {
        wait_for("a ping through the tunnel", 20, || {
            let mut command = host.command("ping");
            let output = command.args(["-c", "1", "-W", "1", "198.51.100.7"]).output().expect("ping");
            output.status.success().then_some(())
        });
    };
    well();
    ping();

    // A crash keeps all of it, and the next daemon takes it over.
    adit.running.crash();
    well();
    let adit = Adit::start(&host, folder.path(), Some(&toml));
    well();
    ping();

    // Without the host's route there is no way to the peer, not one through the tunnel to it.
    host.ip(&["route", "del", "default"]);
    wait_for_state(&adit, &["no way to 192.168.70.2"]);
    host.ip(&["route", "add", "default", "via", "192.168.60.2"]);
    wait_for_state(&adit, &["up"]);
    ping();
    // Who takes a rule away gets it back.
    host.ip(&["rule", "del", "pref", "32762"]);
    wait_for("the rule to be back", 10, || (goes("192.168.70.2") == "eth0").then_some(()));
    wait_for_state(&adit, &["up"]);
    well();

    reload(&adit, &host, folder.path(), &toml.replace("0.0.0.0/0", "198.51.100.0/24"));
    assert_eq!((goes("198.51.100.7"), goes("192.0.2.1")), ("t0".to_owned(), "eth0".to_owned()));
    assert_eq!(rules().lines().count(), no_rules.lines().count() + 4, "{}", rules());
    drop(adit);
    let _without = Adit::start(&host, folder.path(), Some("[bridge.br0]\n"));
    assert_eq!((rules(), defaults()), (no_rules, before));
    assert_eq!(goes("198.51.100.7"), "eth0");
}
