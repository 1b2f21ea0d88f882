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

#[test]
fn check_tells_everything_at_once_in_the_order_of_lines() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("adit.toml");
    let text = "[bridge.b]\nstp = yes\n[bridge.b.port.p\ntype = \"gre\"\nremote_ip = \"x\"\nmtu = 1.5\n\
                [ipsec.t]\nremote_ip = \"192.0.2.1\"\npsk_file = \"/nonexistent/key\"\nwibble = 1\n";
    std::fs::write(&file, text).expect("the file");
    let output = adit(&["check", file.to_str().expect("a path")]).output().expect("adit can be run");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<_> =
        told.lines().filter_map(|line| line.split("line ").nth(1)?.split(':').next()).collect();
    assert_eq!(lines, ["2", "3", "5", "6", "9", "10"], "{told}");
    assert!(told.contains("6 to correct"), "{told}");
}
