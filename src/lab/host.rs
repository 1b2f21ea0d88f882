//! One host: its namespace, its daemon, and a shell to type on.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::net::Ipv4Addr;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::de::DeserializeOwned;

use super::error::{LabError, io};
use crate::net::netlink;
use crate::net::netns::Namespace;
use crate::status::{Sa, Show, Stp};

/// The bridge of the ring on every host.
pub const BRIDGE: &str = "testbr";
/// How long a daemon may take until it answers.
const START: Duration = Duration::from_secs(60);
/// How long it may take to end when asked to.
const STOP: Duration = Duration::from_secs(5);
/// How long one command may take.
const COMMAND: Duration = Duration::from_secs(60);

/// Address of a host (0 to 2) on the bridges: 10.0.0.1 to .3.
pub fn inner(host: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, 1 + host as u8)
}

/// What a command printed.
#[derive(Debug)]
pub struct Answer {
    /// Exit status; `None` when a signal ended it.
    pub exit: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// A host of the lab.
#[derive(Debug)]
pub struct Host {
    /// 0 to 2; shown as 1 to 3.
    pub number: usize,
    /// Its network.
    pub namespace: Namespace,
    directory: PathBuf,
    adit: PathBuf,
    daemon: Option<Child>,
}

impl Host {
    /// A host whose files are in `directory` (made here). `adit` is the binary.
    pub fn new(
        number: usize,
        namespace: Namespace,
        directory: PathBuf,
        adit: &Path,
    ) -> Result<Self, LabError> {
        let make = |path: &Path| fs::create_dir(path).map_err(io(format!("make {}", path.display())));
        make(&directory)?;
        make(&directory.join("bin"))?;
        // The binary under the name the user types.
        let vsctl = directory.join("bin/ovs-vsctl");
        symlink(adit, &vsctl).map_err(io(format!("make {}", vsctl.display())))?;
        Ok(Self { number, namespace, directory, adit: adit.to_owned(), daemon: None })
    }

    /// Where the daemon's socket is.
    pub fn run_dir(&self) -> PathBuf {
        self.directory.join("run")
    }

    /// Where it keeps what vsctl configured.
    pub fn state_dir(&self) -> PathBuf {
        self.directory.join("state")
    }

    fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// Process id of the daemon, while one runs.
    pub fn pid(&self) -> Option<u32> {
        self.daemon.as_ref().map(Child::id)
    }

    /// Starts the daemon and waits until it answers.
    pub fn start(&mut self) -> Result<(), LabError> {
        let path = self.log();
        let open = OpenOptions::new().create(true).append(true).open(&path);
        let log = open.map_err(io(format!("open {}", path.display())))?;
        let mut command = Command::new(&self.adit);
        command.arg("run").arg("--run-dir").arg(self.run_dir()).arg("--state-dir").arg(self.state_dir());
        // Two labs at once, or one inside a unit with a notify socket, must not mix.
        command.env_remove("NOTIFY_SOCKET").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.daemon = Some(self.namespace.spawn(command).map_err(io("start adit"))?);
        let deadline = Instant::now() + START;
        loop {
            self.check_alive()?;
            if UnixStream::connect(self.run_dir().join("control.sock")).is_ok() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(self.failed("does not answer"));
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// An error if the daemon has ended by itself.
    pub fn check_alive(&mut self) -> Result<(), LabError> {
        let Some(daemon) = &mut self.daemon else { return Ok(()) };
        match daemon.try_wait().map_err(io("wait for adit"))? {
            Some(status) => Err(self.failed(&format!("ended by itself ({status})"))),
            None => Ok(()),
        }
    }

    fn failed(&self, what: &str) -> LabError {
        LabError::Daemon { host: self.number + 1, what: what.to_owned() }
    }

    /// `kill -9`: no goodbye to the peers, nothing tidied.
    pub fn kill(&mut self) -> Result<(), LabError> {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill().and_then(|()| daemon.wait()).map_err(io("kill adit"))?;
        }
        Ok(())
    }

    /// Asks the daemon to end, and makes it if it does not.
    pub fn stop(&mut self) {
        let Some(mut daemon) = self.daemon.take() else { return };
        // A child not yet waited for: its number cannot be another process's.
        let _ = kill(Pid::from_raw(daemon.id() as i32), Signal::SIGTERM);
        let deadline = Instant::now() + STOP;
        while Instant::now() < deadline {
            match daemon.try_wait() {
                Ok(None) => thread::sleep(Duration::from_millis(10)),
                _ => return,
            }
        }
        let _ = daemon.kill();
        let _ = daemon.wait();
    }

    /// The last lines of the daemon's log.
    pub fn log_tail(&self, lines: usize) -> String {
        let mut text = String::new();
        if let Ok(mut file) = File::open(self.log()) {
            let length = file.metadata().map_or(0, |m| m.len());
            let _ = file.seek(SeekFrom::Start(length.saturating_sub(16 << 10)));
            let mut bytes = Vec::new();
            let _ = file.read_to_end(&mut bytes);
            text = String::from_utf8_lossy(&bytes).into_owned();
        }
        let all: Vec<_> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// Types `adit ARGS`.
    pub fn adit(&self, args: &[&str]) -> Result<Answer, LabError> {
        self.run(Command::new(&self.adit), "adit", args)
    }

    /// Types `ovs-vsctl ARGS`, whatever comes of it.
    pub fn try_vsctl(&self, args: &[&str]) -> Result<Answer, LabError> {
        self.run(Command::new(self.directory.join("bin/ovs-vsctl")), "ovs-vsctl", args)
    }

    /// Types `ovs-vsctl ARGS`; a refusal is an error. Returns what it printed.
    pub fn vsctl(&self, args: &[&str]) -> Result<String, LabError> {
        let answer = self.try_vsctl(args)?;
        self.accepted("ovs-vsctl", args, answer)
    }

    fn accepted(&self, program: &str, args: &[&str], answer: Answer) -> Result<String, LabError> {
        if answer.exit == Some(0) {
            return Ok(answer.stdout);
        }
        let exit = answer.exit.map_or("a signal".to_owned(), |code| format!("exit {code}"));
        let command = format!("{program} {}", args.join(" "));
        let answer = format!("{} ({exit})", answer.stderr.trim());
        Err(LabError::Command { host: self.number + 1, command, answer })
    }

    fn run(&self, mut command: Command, program: &str, args: &[&str]) -> Result<Answer, LabError> {
        command.args(args).env("ADIT_RUN_DIR", self.run_dir());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.namespace.spawn(command).map_err(io(format!("start {program}")))?;
        // Both outputs are small (far below a pipe's 64 KiB), so waiting before reading is safe.
        let deadline = Instant::now() + COMMAND;
        while child.try_wait().map_err(io(format!("wait for {program}")))?.is_none() {
            if Instant::now() > deadline {
                let _ = child.kill();
                let answer = format!("still busy after {} s", COMMAND.as_secs());
                let command = format!("{program} {}", args.join(" "));
                return Err(LabError::Command { host: self.number + 1, command, answer });
            }
            thread::sleep(Duration::from_millis(3));
        }
        let output = child.wait_with_output().map_err(io(format!("read from {program}")))?;
        Ok(Answer {
            exit: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    fn json<T: DeserializeOwned>(&self, what: &str) -> Result<T, LabError> {
        let args = [what, "--json"];
        let answer = self.adit(&args)?;
        let text = self.accepted("adit", &args, answer)?;
        let command = format!("adit {what} --json");
        serde_json::from_str(&text).map_err(|source| LabError::Json {
            host: self.number + 1,
            command,
            source,
        })
    }

    /// `adit show --json`.
    pub fn show(&self) -> Result<Show, LabError> {
        self.json("show")
    }

    /// `adit stp --json`.
    pub fn stp(&self) -> Result<Stp, LabError> {
        self.json("stp")
    }

    /// `adit sa --json`.
    pub fn sa(&self) -> Result<Sa, LabError> {
        self.json("sa")
    }

    /// What `ifconfig DEVICE ADDRESS` does: the address, and up.
    pub fn ifconfig(&self, device: &str, address: IpNet) -> Result<(), LabError> {
        Ok(self.namespace.run(|| {
            netlink::blocking(async |net| {
                let index = net.link(device).await?.index;
                net.add_address(index, address).await?;
                net.set_up(index, true).await
            })
        })??)
    }

    /// A device's index, Ethernet address and addresses.
    pub fn device(&self, name: &str) -> Result<(netlink::Link, Vec<IpNet>), LabError> {
        Ok(self.namespace.run(|| {
            netlink::blocking(async |net| {
                let link = net.link(name).await?;
                let addresses = net.addresses_of(link.index).await?;
                Ok((link, addresses))
            })
        })??)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop();
    }
}
