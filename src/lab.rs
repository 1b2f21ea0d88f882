//! `adit lab`: three hosts, a ring of gre, vxlan and ipsec_gre, and proof.
//!
//! The lab sees adit from outside, as a user does: it runs this very binary
//! as daemons and as command line in namespaces of its own, reads what
//! `--json` promises, and looks at the wire itself. It needs no other program
//! and no root.
//!
//! * [`scenario`]: the order of events; [`checks`]: what is proved; [`verdict`]: what came of it.
//! * [`stage`]: what they all act on, and how to wait for something.
//! * [`underlay`], [`host`], [`commands`]: the network, the daemons, what is typed.
//! * [`ping`], [`tag`], [`census`], [`capture`], [`stream`], [`forge`]: traffic and eyes.
//! * [`ring`], [`dissect`], [`report`]: what is shown.

mod capture;
mod census;
mod checks;
mod commands;
mod dissect;
mod error;
mod forge;
mod host;
mod interrupt;
mod ping;
mod report;
mod ring;
mod scenario;
mod scratch;
mod stage;
mod stream;
mod tag;
mod underlay;
mod verdict;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use error::LabError;
use interrupt::Interrupt;
use report::Report;
use stage::Lab;
use verdict::Check;

use crate::net::netns;

/// Arguments of `adit lab`.
#[derive(Clone, Debug, clap::Args)]
pub struct LabArgs {
    /// Print the result as JSON on standard output, and nothing else there (progress goes to standard error)
    #[arg(long)]
    pub json: bool,
    /// Leave the lab up until Ctrl-C, and say how to enter it
    #[arg(long)]
    pub keep: bool,
    /// Use the spanning tree's default timers (hello 2 s, max age 20 s, forward delay 15 s): takes minutes
    #[arg(long)]
    pub standard_timers: bool,
    /// Make exactly this check false by really breaking what it looks at
    #[arg(long, hide = true, value_name = "CHECK")]
    sabotage: Option<Check>,
}

/// Runs the lab: 0 if every check holds, 1 if one does not, 130 after Ctrl-C.
///
/// To be called before any thread or runtime is started: who is not root
/// needs a user namespace, which only a single-threaded process may enter.
pub fn run(args: LabArgs) -> ExitCode {
    let mut report = Report::new(args.json);
    let outcome = prepare().and_then(|interrupt| play(&mut report, interrupt, &args));
    conclude(&mut report, outcome)
}

fn play(report: &mut Report, interrupt: Interrupt, args: &LabArgs) -> Result<(), LabError> {
    let mut lab = Lab::build(report, interrupt, args.sabotage, args.standard_timers)?;
    let outcome = scenario::play(&mut lab);
    if matches!(outcome, Err(LabError::Interrupted)) {
        return outcome;
    }
    if outcome.is_err() {
        lab.report.title("The lab could not go on");
    }
    if outcome.is_err() || !lab.report.all_hold() {
        let logs = lab.logs();
        lab.report.block(&logs);
    }
    if args.keep {
        keep(&mut lab);
    }
    outcome
}

/// Rights, and ears for Ctrl-C.
fn prepare() -> Result<Interrupt, LabError> {
    if !netns::can_make_namespaces() {
        netns::become_root_of_own()?;
    }
    Interrupt::listen()
}

fn conclude(report: &mut Report, outcome: Result<(), LabError>) -> ExitCode {
    report.not_reached(&outcome.as_ref().map_or_else(LabError::to_string, |()| "no outcome".to_owned()));
    let ok = report.finish();
    match outcome {
        Err(LabError::Interrupted) => ExitCode::from(130),
        Err(error) => {
            eprintln!("adit: lab: {error}");
            ExitCode::from(1)
        }
        Ok(()) => ExitCode::from(u8::from(!ok)),
    }
}

/// Says how to enter, and waits for Ctrl-C.
fn keep(lab: &mut Lab) {
    lab.report.title("The lab stays up until Ctrl-C. To enter a host:");
    let user = if netns::is_root_of_own() { " --user --preserve-credentials" } else { "" };
    for host in &lab.hosts {
        let (pid, run) = (host.pid().unwrap_or(0), host.run_dir());
        let line = format!(
            "host {}:  nsenter --target {pid}{user} --net env ADIT_RUN_DIR={} {}",
            host.number + 1,
            run.display(),
            "bash"
        );
        lab.report.line(&line);
    }
    lab.report.line("and there, for example: adit show; adit stp; ping 10.0.0.1");
    let start = Instant::now();
    while lab.interrupt.pause(Duration::from_millis(500)).is_ok() {
        lab.report.waiting("Ctrl-C takes the lab down", start);
    }
}
