//! What the tests with real peers share: namespaces, processes that end with
//! the test, adit's daemon, and waiting for something to become true.

#![expect(dead_code, reason = "each test binary uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Runs a command to its end; its standard output.
///
/// # Panics
/// When it cannot be run or fails: the message says what it wrote.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Fails with the remedy when `program` is not installed: a peer that is missing is no test passed.
pub fn need(program: &str, package: &str) {
    let found =
        ["/usr/bin", "/usr/sbin", "/bin", "/sbin"].iter().any(|d| Path::new(d).join(program).exists());
    assert!(found, "{program} is missing: run `cargo xtask test`, or apt-get install {package}");
}

/// A network namespace of this test, removed with the value.
pub struct Namespace {
    name: String,
}

static SERIAL: AtomicU32 = AtomicU32::new(0);

impl Namespace {
    /// A new namespace with its loopback up.
    pub fn new(role: &str) -> Self {
        let name = format!("at{}-{}-{role}", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed));
        run(Command::new("ip").args(["netns", "add", &name]));
        let namespace = Self { name };
        namespace.ip(&["link", "set", "lo", "up"]);
        namespace
    }

    /// Its name, as `ip netns` knows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `ip -n NAMESPACE …`
    pub fn ip(&self, arguments: &[&str]) -> String {
        run(Command::new("ip").args(["-n", &self.name]).args(arguments))
    }

    /// A command to be run inside.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// A veth pair from here to another namespace, both ends up.
    pub fn wire(&self, name: &str, other: &Self, other_name: &str) {
        let far = ["type", "veth", "peer", "name", other_name, "netns", &other.name];
        run(Command::new("ip").args(["link", "add", name, "netns", &self.name]).args(far));
        self.ip(&["link", "set", name, "up"]);
        other.ip(&["link", "set", other_name, "up"]);
    }

    /// Joins two namespaces by a veth pair, `eth0` on both ends, with these addresses.
    pub fn join(&self, address: &str, other: &Self, other_address: &str) {
        self.wire("eth0", other, "eth0");
        for (namespace, address) in [(self, address), (other, other_address)] {
            let mut add = vec!["addr", "add", address, "dev", "eth0"];
            add.extend(address.contains(':').then_some("nodad"));
            namespace.ip(&add);
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).output();
    }
}

/// A process that ends with the value: first asked, then killed.
pub struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts `command` with its output in `log`.
    pub fn start(command: &mut Command, log: PathBuf) -> Self {
        let file = std::fs::File::create(&log).expect("log file");
        let clone = file.try_clone().expect("log file");
        let child = command.stdin(Stdio::null()).stdout(file).stderr(clone).spawn();
        Self { child: child.unwrap_or_else(|error| panic!("{command:?}: {error}")), log }
    }

    /// What it has written.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Ends it at once, as a crash would.
    pub fn crash(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Whether it has ended.
    pub fn ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Asks it to end and waits for it.
    pub fn end(&mut self) {
        if self.ended() {
            return;
        }
        let _ = Command::new("kill").arg(self.child.id().to_string()).output();
        let deadline = Instant::now() + Duration::from_secs(5);
        while !self.ended() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.crash();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            eprintln!("---- {} ----\n{}", self.log.display(), self.log());
        }
    }
}

/// adit's daemon in a namespace, with a run directory of its own.
pub struct Adit {
    /// The daemon.
    pub running: Running,
    namespace: String,
    run_dir: PathBuf,
}

impl Adit {
    /// Starts it with this configuration file, and waits until it answers.
    pub fn start(namespace: &Namespace, folder: &Path, toml: Option<&str>) -> Self {
        let run_dir = folder.join(format!("{}.run", namespace.name()));
        let mut command = namespace.command(env!("CARGO_BIN_EXE_adit"));
        command.arg("run").arg("--run-dir").arg(&run_dir).env("RUST_LOG", "adit=debug");
        if let Some(toml) = toml {
            let file = folder.join(format!("{}.toml", namespace.name()));
            std::fs::write(&file, toml).expect("configuration file");
            command.arg("-c").arg(&file);
        }
        let log = folder.join(format!("{}.log", namespace.name()));
        let running = Running::start(&mut command, log);
        let adit = Self { running, namespace: namespace.name().to_owned(), run_dir };
        wait_for("the daemon to answer", 10, || adit.cli(&["show"]).status.success().then_some(()));
        adit
    }

    /// `adit ARGUMENTS`, against this daemon.
    pub fn cli(&self, arguments: &[&str]) -> Output {
        Command::new("ip")
            .args(["netns", "exec", &self.namespace, env!("CARGO_BIN_EXE_adit")])
            .args(arguments)
            .env("ADIT_RUN_DIR", &self.run_dir)
            .output()
            .expect("adit can be run")
    }

    /// The same; it must succeed. Its standard output.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.cli(arguments);
        assert!(output.status.success(), "adit {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// `adit WHAT --json`, parsed.
    pub fn json(&self, what: &str) -> serde_json::Value {
        serde_json::from_str(&self.ok(&[what, "--json"])).expect("JSON")
    }
}

/// Polls until `check` gives a value.
///
/// # Panics
/// After `seconds`, naming `what`.
pub fn wait_for<T>(what: &str, seconds: u64, mut check: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(value) = check() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {seconds} s in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Pings in the background; [`Pings::lost`] ends it.
pub struct Pings(Child);

impl Pings {
    /// `ping` every 20 ms from `namespace`, for at most a minute.
    pub fn start(namespace: &Namespace, from: &str, to: &str) -> Self {
        let mut command = namespace.command("ping");
        command.args(["-q", "-i", "0.02", "-c", "3000", "-W", "1", "-I", from, to]).stdout(Stdio::piped());
        Self(command.spawn().expect("ping can be run"))
    }

    /// Sent and lost.
    pub fn end(self) -> (u64, u64) {
        let pid = self.0.id().to_string();
        run(Command::new("kill").args(["-INT", &pid]));
        let output = self.0.wait_with_output().expect("ping ends");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text.lines().find(|l| l.contains("packets transmitted")).expect("ping's summary");
        let numbers: Vec<u64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
        // A ping that is under way when ping ends is not lost.
        (numbers[0], numbers[0].saturating_sub(numbers[1]).saturating_sub(1))
    }
}
