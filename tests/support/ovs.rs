//! Open vSwitch with a database of its own, in a namespace.

use super::support::{Namespace, Running, need, run, wait_for};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A running ovs-vswitchd and its ovsdb-server.
pub struct OpenVswitch {
    // Dropped in this order.
    _switch: Running,
    _server: Running,
    namespace: String,
    folder: PathBuf,
}

impl OpenVswitch {
    /// Starts both, with an empty database.
    pub fn start(namespace: &Namespace, folder: &Path) -> Self {
        for program in ["ovs-vswitchd", "ovsdb-server", "ovs-vsctl"] {
            need(program, "openvswitch-switch");
        }
        let (name, folder) = (namespace.name(), folder.join(namespace.name()));
        std::fs::create_dir_all(&folder).expect("folder");
        let database = folder.join("conf.db");
        let schema = "/usr/share/openvswitch/vswitch.ovsschema";
        run(Command::new("ovsdb-tool").arg("create").arg(&database).arg(schema));
        let socket = folder.join("db.sock");
        let mut server = inside(name, &folder, "ovsdb-server");
        server.arg(&database).arg(format!("--remote=punix:{}", socket.display()));
        server.arg(format!("--unixctl={}", folder.join("d.ctl").display()));
        let server = Running::start(&mut server, folder.join("ovsdb.log"));
        wait_for("ovsdb-server", 5, || socket.exists().then_some(()));
        vsctl(name, &folder, "--no-wait init");
        let mut switch = inside(name, &folder, "ovs-vswitchd");
        switch.arg(format!("unix:{}", socket.display()));
        switch.arg(format!("--unixctl={}", folder.join("v.ctl").display()));
        let switch = Running::start(&mut switch, folder.join("vswitchd.log"));
        Self { _switch: switch, _server: server, namespace: name.to_owned(), folder }
    }

    /// `ovs-vsctl WORDS`; it must succeed. Its output.
    pub fn vsctl(&self, words: &str) -> String {
        vsctl(&self.namespace, &self.folder, words)
    }
}

fn vsctl(namespace: &str, folder: &Path, words: &str) -> String {
    let database = format!("--db=unix:{}", folder.join("db.sock").display());
    let mut command = inside(namespace, folder, "ovs-vsctl");
    run(command.args([&database, "--timeout=20"]).args(words.split(' ')))
}

fn inside(namespace: &str, folder: &Path, program: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace, program]);
    for name in ["OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"] {
        command.env(name, folder);
    }
    command
}
