//! The command line without a daemon behind it.

use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

/// `adit ARGUMENTS`, as `timeout` of coreutils lets it run.
fn adit(arguments: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", "20", env!("CARGO_BIN_EXE_adit")]).args(arguments);
    command
}

/// A daemon that is stopped takes connections, for the kernel does, and answers nothing.
#[test]
fn vsctl_ends_by_sigalrm_when_its_time_is_up_and_nobody_answers() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let _socket = UnixListener::bind(folder.path().join("control.sock")).expect("a socket");
    for words in [&["vsctl", "--timeout=1", "show"][..], &["vsctl", "-t1", "--no-wait", "list-br"]] {
        let start = Instant::now();
        let output = adit(words).env("ADIT_RUN_DIR", folder.path()).output().expect("adit can be run");
        // `timeout` ends as what it runs does.
        let status = output.status.signal().map(|signal| 128 + signal).or(output.status.code());
        assert_eq!(status, Some(142), "{words:?}: {output:?}");
        assert!(start.elapsed() < Duration::from_secs(10), "{words:?}: {:?}", start.elapsed());
    }
}
