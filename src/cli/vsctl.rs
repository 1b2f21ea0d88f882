//! `adit vsctl`, also called `ovs-vsctl`.

use std::path::Path;
use std::process::ExitCode;

use super::{client, print};
use crate::config::vsctl;
use crate::control::protocol::{Reply, Request};

/// Exit status a shell shows for a process ended by SIGALRM, as ovs-vsctl ends on `--timeout`.
const TIMED_OUT: u8 = 142;

pub(super) fn run(run_dir: &Path, args: Vec<String>) -> ExitCode {
    // The process ends wherever it waits then: the daemon may be stopped, or busy with others.
    if let Some(seconds) = vsctl::timeout(&args) {
        nix::unistd::alarm::set(seconds);
    }
    match client::ask(run_dir, &Request::Vsctl { args }) {
        Ok(Reply::Printed { stdout, stderr, exit }) => {
            print(&stdout);
            eprint!("{stderr}");
            if exit == TIMED_OUT {
                end_by_alarm();
            }
            ExitCode::from(exit)
        }
        Ok(Reply::Failed { error }) | Err(error) => {
            eprintln!("ovs-vsctl: {error}");
            ExitCode::from(1)
        }
        Ok(Reply::Done { .. }) => {
            eprintln!("ovs-vsctl: adit answered something else");
            ExitCode::from(1)
        }
    }
}

/// Scripts see the same signal as with ovs-vsctl. If it cannot be raised the exit status says it.
fn end_by_alarm() {
    use nix::sys::signal::{Signal, raise};
    let _ = raise(Signal::SIGALRM);
}
