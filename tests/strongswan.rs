//! A stranger at the other end: Debian's strongSwan with its own configuration
//! and adit's `[ipsec.NAME]`. IKE that only speaks with itself is not IKE.

#[path = "support/charon.rs"]
mod charon;
#[path = "support/support.rs"]
mod support;

use charon::Charon;
use serde_json::Value;
use support::{Adit, Namespace, Pings, need, wait_for};

const CHARON: &str = "192.168.77.1";
const ADIT: &str = "192.168.77.2";
const BEHIND_CHARON: &str = "10.81.0.1";
const BEHIND_ADIT: &str = "10.82.0.2";

/// Two hosts, strongSwan on one, adit on the other.
struct Pair {
    // Dropped in this order: processes before their namespaces.
    adit: Adit,
    charon: Charon,
    hosts: [Namespace; 2],
    _folder: tempfile::TempDir,
}

impl Pair {
    /// `proposals` of IKE and ESP in strongSwan's words; `initiate` is adit's.
    fn new(ike: &str, esp: &str, initiate: bool, psk: &str) -> Self {
        need("ping", "iputils-ping");
        let folder = tempfile::tempdir().expect("temporary folder");
        let hosts = [Namespace::new("charon"), Namespace::new("adit")];
        hosts[0].join(&format!("{CHARON}/24"), &hosts[1], &format!("{ADIT}/24"));
        hosts[0].ip(&["addr", "add", &format!("{BEHIND_CHARON}/32"), "dev", "lo"]);
        let charon = Charon::start(&hosts[0], folder.path(), &swanctl_conf(ike, esp));
        let toml = format!(
            "[ipsec.peer]\nlocal_ip = \"{ADIT}\"\nremote_ip = \"{CHARON}\"\npsk = \"{psk}\"\n\
             inside = \"{BEHIND_ADIT}/24\"\nroutes = [\"10.81.0.0/24\"]\ninitiate = {initiate}\n"
        );
        let adit = Adit::start(&hosts[1], folder.path(), Some(&toml));
        Self { adit, charon, hosts, _folder: folder }
    }

    /// Waits until adit has a child SA and pings pass both ways.
    fn up(&self) {
        wait_for("a child SA", 15, || self.child());
        for (host, from, to) in [(0, BEHIND_CHARON, BEHIND_ADIT), (1, BEHIND_ADIT, BEHIND_CHARON)] {
            let mut command = self.hosts[host].command("ping");
            command.args(["-c", "3", "-i", "0.1", "-W", "2", "-I", from, to]);
            support::run(&mut command);
        }
    }

    /// The only child SA, once there is exactly one.
    fn child(&self) -> Option<Value> {
        let sa = self.adit.json("sa");
        // A connection without an SA has a row for its drops, with null SPIs.
        let rows = sa["child"].as_array().expect("an array").iter();
        let children: Vec<_> = rows.filter(|row| !row["spi_in"].is_null()).collect();
        (children.len() == 1).then(|| children[0].clone())
    }

    /// The SPIs of the only IKE SA, once there is exactly one.
    fn ike_spis(&self) -> Option<(Value, Value)> {
        let sa = self.adit.json("sa");
        // A replaced one may linger a moment, closing.
        let rows = sa["ike"].as_array().expect("an array").iter();
        let up: Vec<_> = rows.filter(|row| row["state"] == "established").collect();
        (up.len() == 1).then(|| (up[0]["spi_i"].clone(), up[0]["spi_r"].clone()))
    }

    /// Runs `act` under pings and waits for a new child SA; no ping may be lost.
    fn child_is_rekeyed_by(&self, act: impl FnOnce()) {
        let before = wait_for("one child SA", 10, || self.child());
        let pings = Pings::start(&self.hosts[1], BEHIND_ADIT, BEHIND_CHARON);
        act();
        wait_for("a new child SA", 10, || {
            self.child()
                .filter(|now| now["spi_in"] != before["spi_in"] && now["spi_out"] != before["spi_out"])
        });
        self.nothing_lost(pings);
    }

    /// Runs `act` under pings and waits for a new IKE SA with the child kept; no ping may be lost.
    fn ike_is_rekeyed_by(&self, act: impl FnOnce()) {
        let before = wait_for("one IKE SA", 10, || self.ike_spis());
        let child = wait_for("one child SA", 10, || self.child());
        let pings = Pings::start(&self.hosts[1], BEHIND_ADIT, BEHIND_CHARON);
        act();
        wait_for("a new IKE SA", 10, || self.ike_spis().filter(|now| *now != before));
        self.nothing_lost(pings);
        let now = wait_for("the child to stay", 10, || self.child());
        assert_eq!(now["spi_in"], child["spi_in"], "a rekeyed IKE SA inherits its children");
    }

    fn nothing_lost(&self, pings: Pings) {
        std::thread::sleep(std::time::Duration::from_secs(1));
        let (sent, lost) = pings.end();
        assert!(sent > 20, "only {sent} pings");
        assert_eq!(lost, 0, "{lost} of {sent} pings lost");
    }

    /// Rekeys of both SAs from both sides, then the tunnel still passes.
    fn rekey_from_both_sides(&self) {
        self.child_is_rekeyed_by(|| drop(self.adit.ok(&["rekey", "peer", "--child"])));
        self.ike_is_rekeyed_by(|| drop(self.adit.ok(&["rekey", "peer", "--ike"])));
        self.child_is_rekeyed_by(|| drop(self.charon.swanctl(&["--rekey", "--child", "t"])));
        self.ike_is_rekeyed_by(|| drop(self.charon.swanctl(&["--rekey", "--ike", "t"])));
        self.up();
    }

    /// A connection that is down has a row too, without SPIs.
    fn holds_no_sa(&self) -> bool {
        let sa = self.adit.json("sa");
        let ike = sa["ike"].as_array().expect("an array");
        ike.iter().all(|row| row["spi_r"].is_null()) && self.child().is_none()
    }

    fn charon_holds_no_sa(&self) -> bool {
        self.charon.swanctl(&["--list-sas"]).trim().is_empty()
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- adit's SAs ----\n{:#}", self.adit.json("sa"));
        }
    }
}

fn swanctl_conf(ike: &str, esp: &str) -> String {
    format!(
        "connections {{
  t {{
    version = 2
    local_addrs = {CHARON}
    remote_addrs = {ADIT}
    proposals = {ike}
    encap = yes
    mobike = no
    dpd_delay = 10s
    rekey_time = 4h
    local {{
      auth = psk
      id = {CHARON}
    }}
    remote {{
      auth = psk
      id = {ADIT}
    }}
    children {{
      t {{
        mode = tunnel
        local_ts = 10.81.0.0/24
        remote_ts = 10.82.0.0/24
        esp_proposals = {esp}
        rekey_time = 1h
      }}
    }}
  }}
}}
secrets {{
  ike-1 {{
    id-a = {CHARON}
    id-b = {ADIT}
    secret = \"correct horse\"
  }}
}}
"
    )
}

const IKE: &str = "aes256gcm16-prfsha256-x25519";
const ESP: &str = "aes256gcm16-x25519";

#[test]
fn adit_initiates_rekeys_and_deletes() {
    let pair = Pair::new(IKE, ESP, true, "correct horse");
    pair.up();
    let child = pair.child().expect("one child");
    assert_eq!((&child["mode"], &child["carrier"]), (&"tunnel".into(), &"udp".into()), "{child}");
    pair.rekey_from_both_sides();
    pair.adit.ok(&["down", "peer"]);
    wait_for("strongSwan to hold no SA", 10, || pair.charon_holds_no_sa().then_some(()));
    wait_for("adit to hold no SA", 10, || pair.holds_no_sa().then_some(()));
    pair.adit.ok(&["up", "peer"]);
    pair.up();
}

#[test]
fn strongswan_initiates_rekeys_and_deletes() {
    let pair = Pair::new(IKE, ESP, false, "correct horse");
    assert!(pair.child().is_none(), "a pure responder waits");
    pair.charon.swanctl(&["--initiate", "--child", "t", "--timeout", "10"]);
    pair.up();
    pair.rekey_from_both_sides();
    pair.charon.swanctl(&["--terminate", "--ike", "t", "--timeout", "10"]);
    wait_for("adit to hold no SA", 10, || pair.holds_no_sa().then_some(()));
    pair.charon.swanctl(&["--initiate", "--child", "t", "--timeout", "10"]);
    pair.up();
}

#[test]
fn every_algorithm_adit_has_is_understood_by_strongswan() {
    for (ike, esp) in [
        ("aes128gcm16-prfsha256-ecp256", "aes128gcm16-ecp256"),
        ("aes256gcm16-prfsha384-modp2048", "aes256gcm16-modp2048"),
        ("chacha20poly1305-prfsha512-x25519", "chacha20poly1305-x25519"),
    ] {
        let pair = Pair::new(ike, esp, true, "correct horse");
        pair.up();
        let sas = pair.charon.swanctl(&["--list-sas"]);
        assert!(sas.contains("ESTABLISHED") && sas.contains("INSTALLED"), "{ike}: {sas}");
        pair.child_is_rekeyed_by(|| drop(pair.adit.ok(&["rekey", "peer", "--child"])));
    }
}

#[test]
fn a_wrong_psk_is_refused_and_explained() {
    let pair = Pair::new(IKE, ESP, true, "wrong horse");
    let why = wait_for("adit to say why", 15, || {
        let text = pair.adit.ok(&["show"]);
        text.contains("pre-shared key").then_some(text)
    });
    assert!(pair.child().is_none());
    assert!(!why.contains("wrong horse"), "the PSK itself is never shown: {why}");
    assert!(pair.charon.log().contains("MAC mismatched"), "strongSwan saw a wrong MAC");
}
