//! Two hosts on one wire, each with adit's daemon.

use serde_json::Value;

use crate::support::{Adit, Namespace, run, wait_for};

/// Addresses of the two hosts on their wire.
pub const OUTER: [&str; 2] = ["192.168.60.1", "192.168.60.2"];
/// Addresses of their bridges.
pub const INNER: [&str; 2] = ["10.60.0.1", "10.60.0.2"];

/// Two hosts on one wire.
pub struct Hosts {
    // Dropped in this order: daemons before their namespaces.
    /// The daemons.
    pub adit: Vec<Adit>,
    /// The hosts.
    pub namespaces: [Namespace; 2],
    /// Their files.
    pub folder: tempfile::TempDir,
}

impl Hosts {
    /// The hosts without daemons.
    pub fn new() -> Self {
        let namespaces = [Namespace::new("ct1"), Namespace::new("ct2")];
        namespaces[0].join(&format!("{}/24", OUTER[0]), &namespaces[1], &format!("{}/24", OUTER[1]));
        for (namespace, outer) in namespaces.iter().zip(["fd60::1/64", "fd60::2/64"]) {
            namespace.ip(&["addr", "add", outer, "dev", "eth0", "nodad"]);
        }
        Self { adit: Vec::new(), namespaces, folder: tempfile::tempdir().expect("temporary folder") }
    }

    /// Starts both daemons with these files, or without.
    pub fn start(mut self, toml: [Option<&str>; 2]) -> Self {
        for (namespace, toml) in self.namespaces.iter().zip(toml) {
            self.adit.push(Adit::start(namespace, self.folder.path(), toml));
        }
        self
    }

    /// A bridge on each with an address, by vsctl.
    pub fn bridges(&self) {
        for (at, inner) in INNER.iter().enumerate() {
            self.adit[at].ok(&["vsctl", "add-br", "br0"]);
            self.namespaces[at].ip(&["addr", "add", &format!("{inner}/24"), "dev", "br0"]);
            self.namespaces[at].ip(&["link", "set", "br0", "up"]);
        }
    }

    /// Adds port `p` to both, `options` with the two addresses in.
    pub fn ports(&self, kind: &str, ends: [&str; 2], options: &str) {
        for (at, (local, remote)) in [(ends[0], ends[1]), (ends[1], ends[0])].into_iter().enumerate() {
            let mut words = vec!["vsctl", "add-port", "br0", "p", "--", "set", "Interface", "p"];
            let settings = [
                format!("type={kind}"),
                format!("options:local_ip={local}"),
                format!("options:remote_ip={remote}"),
            ];
            words.extend(settings.iter().map(String::as_str));
            words.extend(options.split(' ').filter(|word| !word.is_empty()));
            self.adit[at].ok(&words);
        }
    }

    /// Waits for a ping through the tunnel, then sends some that are as large as they may be.
    pub fn ping(&self) {
        wait_for("a ping through the tunnel", 20, || {
            let mut command = self.namespaces[0].command("ping");
            let output = command.args(["-c", "1", "-W", "1", INNER[1]]).output().expect("ping can be run");
            output.status.success().then_some(())
        });
        // As large as the device says it may be: nothing is lost on the way for its size.
        let link = self.namespaces[0].ip(&["-o", "link", "show", "br0"]);
        let mtu: u32 = word_after(&link, "mtu").parse().expect("a number");
        let mut command = self.namespaces[0].command("ping");
        let size = (mtu - 28).to_string();
        run(command.args(["-c", "3", "-i", "0.1", "-W", "2", "-M", "do", "-s", &size, INNER[1]]));
    }
}

/// The word that follows `word`.
pub fn word_after<'t>(text: &'t str, word: &str) -> &'t str {
    let mut words = text.split_whitespace().skip_while(|other| *other != word).skip(1);
    words.next().unwrap_or_else(|| panic!("no {word} in {text}"))
}

/// A port of the first bridge in `adit show --json`.
pub fn port<'v>(show: &'v Value, name: &str) -> &'v Value {
    let ports = show["bridges"][0]["ports"].as_array().expect("ports");
    ports.iter().find(|port| port["name"] == name).unwrap_or_else(|| panic!("no {name} in {show}"))
}

/// The child SAs that are there.
pub fn installed(adit: &Adit) -> Vec<Value> {
    let sa = adit.json("sa");
    let rows = sa["child"].as_array().expect("an array").iter();
    rows.filter(|row| !row["spi_in"].is_null()).cloned().collect()
}
