//! The grammar against the original: the lines of `data/vsctl_lines.txt`, run
//! one after the other by Debian's ovs-vsctl on a stock ovsdb-server and by
//! adit, print the same and exit alike, but for the differences listed there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use adit::config::ovsdb::Database;
use adit::config::vsctl::{self, Context, Wait};

#[path = "vsctl_compare/daemon.rs"]
mod daemon;
#[path = "vsctl_compare/normal.rs"]
mod normal;
#[path = "vsctl_compare/script.rs"]
mod script;

use daemon::Daemon;
use normal::{Labels, unordered};
use script::{Expect, Line};

const INSTALL: &str = "this test compares with the original: apt-get install openvswitch-switch";
const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";

/// What a command line printed, and its exit status as a shell shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Printed {
    stdout: String,
    stderr: String,
    exit: i32,
}

/// A stock ovsdb-server in a directory of its own, ended on drop.
struct Original {
    directory: tempfile::TempDir,
    server: Child,
}

impl Original {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("conf.db");
        let created = Command::new("ovsdb-tool").arg("create").arg(&file).arg(SCHEMA).status();
        assert!(created.expect(INSTALL).success(), "{INSTALL}");
        let socket = directory.path().join("db.sock");
        let server = Command::new(program("ovsdb-server"))
            .arg(&file)
            .arg(format!("--remote=punix:{}", socket.display()))
            .arg(format!("--unixctl={}", directory.path().join("ctl").display()))
            .args(["--no-chdir", "-vconsole:off", "-vsyslog:off"])
            .stdin(Stdio::null())
            .spawn()
            .expect(INSTALL);
        let original = Self { directory, server };
        let deadline = Instant::now() + Duration::from_secs(20);
        while !socket.exists() {
            assert!(Instant::now() < deadline, "ovsdb-server made no socket within 20 s");
            std::thread::sleep(Duration::from_millis(20));
        }
        original
    }

    fn run(&self, args: &[String]) -> Printed {
        use std::os::unix::process::{CommandExt, ExitStatusExt};
        let output = Command::new(program("ovs-vsctl"))
            .arg0("ovs-vsctl")
            .arg(format!("--db=unix:{}", self.directory.path().join("db.sock").display()))
            .args(["--no-syslog", "--no-wait"])
            .args(args)
            .env("OVS_RUNDIR", self.directory.path())
            .env("OVS_LOGDIR", self.directory.path())
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .output()
            .expect(INSTALL);
        let status = output.status;
        Printed {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: normal::log_lines(&String::from_utf8_lossy(&output.stderr)),
            exit: status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1),
        }
    }
}

impl Drop for Original {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// System daemons are in sbin, which not everybody's PATH has.
fn program(name: &str) -> PathBuf {
    let places = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"];
    let found = places.iter().map(|place| Path::new(place).join(name)).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("no {name} here; {INSTALL}"))
}

/// adit's own: the function the daemon calls.
struct Own {
    database: Database,
    counter: u128,
    names: Vec<String>,
    validate: fn(&Database) -> Result<Vec<String>, String>,
}

impl Own {
    fn new(validate: fn(&Database) -> Result<Vec<String>, String>) -> Self {
        Self { database: Database::new(), counter: 1, names: Vec::new(), validate }
    }

    fn run(&mut self, args: &[String]) -> Printed {
        let args: Vec<_> = ["--no-wait".to_owned()].iter().chain(args).cloned().collect();
        let counter = &mut self.counter;
        let mut random = || {
            *counter = counter.wrapping_add(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            counter.to_be_bytes()
        };
        let mut context = Context {
            program: "ovs-vsctl",
            version: env!("CARGO_PKG_VERSION"),
            databases: &self.names,
            random: &mut random,
            validate: &self.validate,
        };
        let before = self.database.clone();
        let outcome = vsctl::run(&mut self.database, &args, &mut context);
        assert_eq!(outcome.changed, self.database != before, "`changed` tells whether it changed: {args:?}");
        // What the client does when the daemon keeps it waiting past its timeout.
        let timed_out = outcome.wait == Some(Wait::Until) && outcome.timeout.is_some();
        assert!(timed_out || outcome.wait.is_none(), "would wait for ever: {args:?}");
        let exit = if timed_out { 142 } else { i32::from(outcome.exit) };
        Printed { stdout: outcome.stdout, stderr: outcome.stderr, exit }
    }
}

/// Rows by identity, named so that both databases name them alike.
fn identities(run: &mut dyn FnMut(&[String]) -> Printed) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (table, name) in [
        ("Open_vSwitch", "_uuid"),
        ("Bridge", "name"),
        ("Port", "name"),
        ("Interface", "name"),
        ("Mirror", "name"),
        ("Controller", "target"),
        ("Manager", "target"),
        ("QoS", "type"),
        ("Queue", "dscp"),
    ] {
        let columns = format!("--columns=_uuid,{name}");
        let words = ["--format=csv", "--data=bare", "--no-headings", "--", &columns, "list", table];
        let args: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        for row in run(&args).stdout.lines() {
            if let Some((uuid, name)) = row.split_once(',') {
                let name = if table == "Open_vSwitch" { "." } else { name };
                found.insert(uuid.to_owned(), format!("<{table} {name}>"));
            }
        }
    }
    found
}

struct Both {
    original: Original,
    own: Own,
    original_labels: Labels,
    own_labels: Labels,
}

impl Both {
    fn run(&mut self, line: &Line) -> (Printed, Printed) {
        // What adit refuses must not make the databases differ.
        let dry: &[String] = if line.is_refused() { &["--dry-run".to_owned()] } else { &[] };
        let args: Vec<_> = dry.iter().chain(&line.args).cloned().collect();
        let original = self.original.run(&args);
        let own = self.own.run(&args);
        let mut learn = || identities(&mut |args| self.original.run(args));
        let original = self.original_labels.apply(original, &mut learn);
        let Self { own: engine, own_labels, .. } = self;
        let mut learn = || identities(&mut |args| engine.run(args));
        let own = own_labels.apply(own, &mut learn);
        if line.is_unordered { (unordered(original), unordered(own)) } else { (original, own) }
    }
}

/// Why this line is not as the script has it; `None` if it is.
fn verdict(line: &Line, original: &Printed, own: &Printed) -> Option<String> {
    let same = original == own;
    match &line.expect {
        Expect::Same if same => None,
        Expect::Same => Some("differs, and is not listed".to_owned()),
        _ if same => Some("is listed as a difference that does not occur any more".to_owned()),
        Expect::Masked => {
            let masked = Printed { stdout: normal::mask(&original.stdout), ..original.clone() };
            (masked != *own).then(|| "differs in more than masked keys".to_owned())
        }
        Expect::Warns(text) => {
            let (extra, rest): (Vec<_>, Vec<_>) =
                own.stderr.lines().partition(|line| line.contains("has no effect in adit"));
            let fits = original.stdout == own.stdout
                && original.exit == own.exit
                && original.stderr.lines().eq(rest)
                && extra.iter().any(|line| line.contains(text));
            (!fits).then(|| format!("differs in more than a warning {text:?}"))
        }
        Expect::Refused(text) => {
            let fits = own.exit == 1
                && own.stdout.is_empty()
                && own.stderr.lines().count() == 1
                && own.stderr.contains(text);
            (!fits).then(|| format!("is not refused by one line with {text:?}"))
        }
        Expect::Differs { stdout, stderr, exit } => {
            let fits = own.exit == *exit && own.stdout.contains(stdout) && own.stderr.contains(stderr);
            (!fits).then(|| format!("is not stdout {stdout:?}, stderr {stderr:?}, exit {exit}"))
        }
    }
}

#[test]
fn prints_and_exits_as_the_original() {
    let script = script::parse(include_str!("data/vsctl_lines.txt"));
    assert!(script.len() >= 200, "only {} lines", script.len());
    let mut both = Both {
        original: Original::start(),
        own: Own::new(|_| Ok(Vec::new())),
        original_labels: Labels::default(),
        own_labels: Labels::default(),
    };
    let mut failures = String::new();
    for line in &script {
        let before = both.own.database.clone();
        let (original, own) = both.run(line);
        if let Some(why) = verdict(line, &original, &own) {
            failures += &format!(
                "line {}: {:?} {why}\n  theirs {original:#?}\n  ours {own:#?}\n",
                line.number, line.args
            );
        }
        if line.is_refused() {
            assert!(before == both.own.database, "line {}: refused, yet it changed something", line.number);
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn a_listed_difference_must_occur_and_an_unlisted_one_must_not() {
    let printed = |stdout: &str, exit| Printed { stdout: stdout.to_owned(), stderr: String::new(), exit };
    let lines = script::parse(
        "one\n%masked\ntwo\n%refused tag\nthree\n%warns key\nfour\n%differs for a reason\n%stdout x\nfive\n",
    );
    let [same, masked, refused, warns, differs] = lines.as_slice() else { panic!("{lines:?}") };
    let (a, b) = (printed("a", 0), printed("b", 0));
    assert_eq!(verdict(same, &a, &a), None);
    for line in [same, masked, refused, warns, differs] {
        assert!(verdict(line, &a, &b).is_some(), "{line:?}");
    }
    for line in [masked, refused, warns, differs] {
        assert!(verdict(line, &a, &a).is_some(), "{line:?}");
    }
    assert_eq!(verdict(masked, &printed("{psk=secret, x=1}", 0), &printed("{psk=\"***\", x=1}", 0)), None);
    assert!(verdict(masked, &printed("{psk=secret, x=1}", 0), &printed("{psk=\"***\", x=2}", 0)).is_some());
    assert_eq!(verdict(differs, &a, &printed("xyz", 0)), None);
    assert!(verdict(differs, &a, &printed("xyz", 1)).is_some());
    let refusal = Printed { stderr: "ovs-vsctl: column tag of Port\n".to_owned(), ..printed("", 1) };
    assert_eq!(verdict(refused, &a, &refusal), None);
}

/// True for a line that prints what the daemon observes, or speaks of the program itself.
fn shows_runtime(line: &Line) -> bool {
    let whole = line.args.iter().any(|word| matches!(word.as_str(), "list" | "find" | "show"));
    let columns = line.args.iter().any(|word| word.starts_with("--columns="));
    let runtime = ["ofport", "error", "next_cfg", "datapath_id", "help", "-h"];
    (whole && !columns) || line.args.iter().any(|word| runtime.iter().any(|name| word.contains(name)))
}

#[test]
fn the_daemon_answers_as_the_grammar_does() {
    let daemon = Daemon::start();
    let mut own = Own::new(adit::control::vsctl::check);
    let (mut daemon_labels, mut own_labels) = (Labels::default(), Labels::default());
    let mut failures = String::new();
    for line in &script::parse(include_str!("data/vsctl_lines.txt")) {
        let theirs = daemon.run(&line.args);
        let ours = own.run(&line.args);
        let theirs = daemon_labels.apply(theirs, &mut || identities(&mut |args| daemon.run(args)));
        let ours = own_labels.apply(ours, &mut || identities(&mut |args| own.run(args)));
        let same = if shows_runtime(line) {
            (theirs.exit, &theirs.stderr) == (ours.exit, &ours.stderr)
        } else {
            theirs == ours
        };
        if !same {
            failures += &format!(
                "line {}: {:?}\n  daemon {theirs:#?}\n  function {ours:#?}\n",
                line.number, line.args
            );
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
