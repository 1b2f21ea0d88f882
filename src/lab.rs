//! `adit lab`: three hosts, a ring, proof.

use std::process::ExitCode;

/// Arguments of `adit lab`.
#[derive(Clone, Debug, clap::Args)]
pub struct LabArgs {
    /// Print the result as JSON on standard output, and nothing else there
    #[arg(long)]
    pub json: bool,
    /// Leave the lab up until Ctrl-C, and say how to enter it
    #[arg(long)]
    pub keep: bool,
    /// Use the spanning tree's default timers (hello 2 s, max age 20 s, forward delay 15 s)
    #[arg(long)]
    pub standard_timers: bool,
    /// Make exactly this check false by really breaking what it looks at
    #[arg(long, hide = true, value_name = "CHECK")]
    pub sabotage: Option<String>,
}

/// Runs the lab. To be called before any thread or runtime is started: who is
/// not root needs a user namespace, which only a single-threaded process may
/// enter.
pub fn run(_args: LabArgs) -> ExitCode {
    eprintln!("adit: lab: not built yet");
    ExitCode::from(1)
}
