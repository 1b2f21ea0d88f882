//! The same lines through the whole of adit: binary, control socket, daemon.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Printed;

const BINARY: &str = env!("CARGO_BIN_EXE_adit");

/// A daemon in a network namespace and a directory of its own, ended on drop.
pub struct Daemon {
    directory: tempfile::TempDir,
    process: Child,
}

impl Daemon {
    /// Starts it; `unshare` of util-linux makes the namespace, without root one of users as well.
    pub fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let users: &[&str] = if nix::unistd::geteuid().is_root() { &[] } else { &["--map-root-user"] };
        let process = Command::new("unshare")
            .args(users)
            .args(["--net", "--", BINARY, "run"])
            .args(["--run-dir".as_ref(), directory.path()])
            .args(["--state-dir".as_ref(), directory.path().join("state").as_path()])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("unshare, of util-linux");
        let mut daemon = Self { directory, process };
        let socket = daemon.run_dir().join("control.sock");
        let deadline = Instant::now() + Duration::from_secs(20);
        while !socket.exists() {
            let ended = daemon.process.try_wait().expect("its own child");
            assert!(ended.is_none(), "adit run ended at once: {ended:?}");
            assert!(Instant::now() < deadline, "adit run made no {} within 20 s", socket.display());
            std::thread::sleep(Duration::from_millis(20));
        }
        daemon
    }

    fn run_dir(&self) -> &Path {
        self.directory.path()
    }

    /// Runs a line as a user would, without waiting for interfaces.
    pub fn run(&self, args: &[String]) -> Printed {
        use std::os::unix::process::{CommandExt, ExitStatusExt};
        let output = Command::new(BINARY)
            .arg0("ovs-vsctl")
            .arg("--no-wait")
            .args(args)
            .env("ADIT_RUN_DIR", self.run_dir())
            .stdin(Stdio::null())
            .output()
            .expect("adit");
        let status = output.status;
        Printed {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            exit: status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1),
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
