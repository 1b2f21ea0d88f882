//! The lab proves the product; this proves the lab: it holds, each of its
//! checks can fail, it needs no root, and it leaves nothing behind.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

const CHECKS: [&str; 10] =
    ["ring", "ping", "loops", "wire", "sa", "cut", "psk", "forgery", "crash", "throughput"];
/// No lab may take longer, on a machine that is busy with others.
const LIMIT: Duration = Duration::from_secs(600);

/// How many labs run at once: they wait more than they compute.
const AT_ONCE: usize = 2;
static RUNNING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

/// Permission to run a lab.
struct Turn;

impl Turn {
    fn wait() -> Self {
        let running = RUNNING.lock().unwrap();
        *ENDED.wait_while(running, |running| *running >= AT_ONCE).unwrap() += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(|e| e.into_inner()) -= 1;
        ENDED.notify_one();
    }
}

fn lab(args: &[&str], scratch: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adit"));
    command.arg("lab").args(args);
    dress(&mut command, scratch);
    command
}

fn dress(command: &mut Command, scratch: &Path) {
    command.env("TMPDIR", scratch).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
}

/// Runs to the end, reading both outputs meanwhile.
fn run(mut command: Command) -> Output {
    let _turn = Turn::wait();
    let child = command.spawn().unwrap();
    let id = child.id();
    let (done, when_done) = std::sync::mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        if when_done.recv_timeout(LIMIT) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            // Our child, not yet waited for: the number is still its own.
            Command::new("kill").args(["-TERM", &id.to_string()]).status().unwrap();
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(done);
    watchdog.join().unwrap();
    output
}

/// The JSON, and which checks do not hold.
fn failed(output: &Output) -> Vec<String> {
    let told = String::from_utf8_lossy(&output.stderr);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| {
        panic!("not JSON alone: {e}\n{}\n{told}", String::from_utf8_lossy(&output.stdout))
    });
    let checks = json["checks"].as_array().unwrap();
    let names: Vec<_> = checks.iter().map(|check| check["name"].as_str().unwrap()).collect();
    assert_eq!(names, CHECKS, "{told}");
    assert!(checks.iter().all(|check| check["detail"].is_string()));
    let failed: Vec<String> =
        checks.iter().filter(|c| c["ok"] != true).map(|c| c["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(json["ok"], Value::Bool(failed.is_empty()));
    assert_eq!(output.status.code(), Some(i32::from(!failed.is_empty())), "{told}");
    failed
}

fn empty(directory: &Path) -> bool {
    fs::read_dir(directory).unwrap().next().is_none()
}

#[test]
fn every_check_holds() {
    let scratch = tempfile::tempdir().unwrap();
    let output = run(lab(&["--json"], scratch.path()));
    assert!(failed(&output).is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(empty(scratch.path()), "files are left behind");
}

#[test]
fn each_check_can_fail_and_fails_alone() {
    let queue = Mutex::new(VecDeque::from(CHECKS));
    let complaints = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(check) = queue.lock().unwrap().pop_front() else { return };
                    let scratch = tempfile::tempdir().unwrap();
                    let output = run(lab(&["--json", "--sabotage", check], scratch.path()));
                    let failed = failed(&output);
                    if failed != [check] {
                        let told = String::from_utf8_lossy(&output.stderr);
                        complaints
                            .lock()
                            .unwrap()
                            .push(format!("--sabotage {check} failed {failed:?}:\n{told}"));
                    }
                }
            });
        }
    });
    let complaints = complaints.into_inner().unwrap();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn no_root_is_needed() {
    let scratch = tempfile::tempdir().unwrap();
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let command = if nix::unistd::geteuid().is_root() {
        // A directory that user may read, whatever the one of the build is.
        let adit = scratch.path().join("adit");
        fs::copy(env!("CARGO_BIN_EXE_adit"), &adit).unwrap();
        fs::set_permissions(&adit, fs::Permissions::from_mode(0o755)).unwrap();
        let work = scratch.path().join("work");
        fs::create_dir(&work).unwrap();
        fs::set_permissions(&work, fs::Permissions::from_mode(0o777)).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]);
        command.arg(adit).args(["lab", "--json"]).current_dir(&work);
        dress(&mut command, &work);
        command
    } else {
        lab(&["--json"], scratch.path())
    };
    let output = run(command);
    assert!(failed(&output).is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Processes whose command line names the directory.
fn processes_of(directory: &Path) -> Vec<PathBuf> {
    let needle = directory.to_str().unwrap();
    let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    all.filter(|process| {
        fs::read(process.join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(needle))
    })
    .collect()
}

/// Starts a lab and waits until its three daemons run.
fn started(scratch: &Path) -> Child {
    let mut command = lab(&[], scratch);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while processes_of(scratch).len() < 3 {
        assert!(Instant::now() < deadline, "the daemons did not start");
        std::thread::sleep(Duration::from_millis(50));
    }
    child
}

fn wait_until_gone(scratch: &Path) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !processes_of(scratch).is_empty() {
        assert!(Instant::now() < deadline, "still there: {:?}", processes_of(scratch));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn ctrl_c_leaves_nothing_behind() {
    let _turn = Turn::wait();
    // Early and later: while daemons start, and while commands are typed and counters run.
    for pause in [0, 3000] {
        let scratch = tempfile::tempdir().unwrap();
        let mut child = started(scratch.path());
        std::thread::sleep(Duration::from_millis(pause));
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        wait_until_gone(scratch.path());
        assert!(empty(scratch.path()), "files are left behind");
    }
}

#[test]
fn a_killed_lab_takes_its_daemons_along() {
    let _turn = Turn::wait();
    let scratch = tempfile::tempdir().unwrap();
    let mut child = started(scratch.path());
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until_gone(scratch.path());
}

#[test]
fn the_setting_that_forbids_namespaces_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    // Root of a user namespace without capabilities, where making another is forbidden.
    let script = "echo 0 > /proc/sys/user/max_user_namespaces; \
                  exec setpriv --inh-caps=-all --bounding-set=-all \"$0\" lab --json";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "sh", "-c", script, env!("CARGO_BIN_EXE_adit")]);
    dress(&mut command, scratch.path());
    let output = run(command);
    assert_eq!(failed(&output), CHECKS);
    let told = String::from_utf8_lossy(&output.stderr);
    let setting =
        "/proc/sys/user/max_user_namespaces is 0; run as root, or: sysctl user.max_user_namespaces=";
    assert!(told.contains(setting), "{told}");
}

#[test]
fn an_unknown_sabotage_is_a_usage_error() {
    let scratch = tempfile::tempdir().unwrap();
    let output = lab(&["--sabotage", "everything"], scratch.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
}
