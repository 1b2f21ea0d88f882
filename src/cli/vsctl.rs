//! `adit vsctl`, also called `ovs-vsctl`.

use std::path::Path;
use std::process::ExitCode;

use super::{client, print};
use crate::config::vsctl::{self, Outcome};
use crate::control::protocol::{Reply, Request};
use crate::control::state::socket_in;

/// Exit status a shell shows for a process ended by SIGALRM, as ovs-vsctl ends on `--timeout`.
const TIMED_OUT: u8 = 142;

pub(super) fn run(run_dir: &Path, args: Vec<String>) -> ExitCode {
    let database = format!("unix:{}", socket_in(run_dir).display());
    let alone = vsctl::run_alone(&args, "ovs-vsctl", env!("CARGO_PKG_VERSION"), &[database]);
    if let Some(Outcome { stdout, stderr, exit, .. }) = alone {
        print(&stdout);
        eprint!("{stderr}");
        return ExitCode::from(exit);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_and_wrong_options_need_no_daemon() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let alone = |args: &[&str]| vsctl::run_alone(&words(args), "ovs-vsctl", "1", &["unix:/x".to_owned()]);
        assert!(
            alone(&["--help"]).is_some_and(|outcome| outcome.stdout.contains("add-br") && outcome.exit == 0)
        );
        assert!(alone(&["--nope", "show"]).is_some_and(|outcome| outcome.exit == 1));
        assert!(alone(&["--timeout=1", "show"]).is_none());
    }
}
