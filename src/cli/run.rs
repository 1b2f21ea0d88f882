//! `adit run`.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::fail;
use crate::control::daemon::{self, Options};
use crate::control::state::{RUN_DIR, STATE_DIR};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Take the configuration from this file alone
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where what vsctl configures is kept [default: /var/lib/adit, or `state` in a named run directory]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// What to log: a level (error, warn, info, debug, trace) or a filter like ike=debug
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value = "info")]
    log: String,
}

pub(super) fn run(run_dir: &Path, args: RunArgs) -> ExitCode {
    let state_dir = args.state_dir.unwrap_or_else(|| {
        if run_dir == Path::new(RUN_DIR) { STATE_DIR.into() } else { run_dir.join("state") }
    });
    let filter = match tracing_subscriber::EnvFilter::try_new(&args.log) {
        Ok(filter) => filter,
        Err(error) => {
            eprintln!("adit: --log {}: {error}", args.log);
            return ExitCode::from(2);
        }
    };
    let stderr = std::io::stderr();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(stderr.is_terminal())
        .with_target(false)
        .with_writer(std::io::stderr)
        .init();
    match daemon::run(&Options { run_dir: run_dir.to_owned(), state_dir, config: args.config }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(in_one_line(&error)),
    }
}

/// An error with its causes, but for those that the text in front of them tells already.
fn in_one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if line.is_empty() {
            line = cause;
        } else if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn a_cause_is_told_once() {
        let cause = || std::io::Error::from_raw_os_error(libc::EADDRINUSE);
        let socket = crate::dataplane::RequestError::Socket("UDP port 500".into(), cause());
        let error = anyhow::Error::from(socket).context("a second daemon");
        let told = format!("a second daemon: cannot open UDP port 500: {}", cause());
        assert_eq!(in_one_line(&error), told);
        let plain = Err::<(), _>(cause()).context("cannot listen").unwrap_err();
        assert_eq!(in_one_line(&plain), format!("cannot listen: {}", cause()));
    }
}
