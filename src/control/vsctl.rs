//! Lines of ovs-vsctl on the running daemon: run, saved, applied, answered; and those
//! that wait.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::protocol::Reply;
use super::reconcile::{Running, seed};
use super::runtime;
use super::source::{Source, valid};
use crate::config::ovsdb::Database;
use crate::config::vsctl::{self, Context, Outcome, Wait};

/// How often what `wait-until` waits for is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Most lines that may wait.
const WAITING_MAX: usize = 64;
/// Exit status of a process that SIGALRM ended.
const TIMED_OUT: u8 = 142;
const PROGRAM: &str = "ovs-vsctl";

/// Lines whose `wait-until` does not hold yet.
pub struct Waiting {
    /// The names by which `--db` may call our database; the first is the usual one.
    databases: Vec<String>,
    lines: Vec<Line>,
    look_at: Option<Instant>,
}

struct Line {
    args: Vec<String>,
    reply: oneshot::Sender<Reply>,
    until: Option<Instant>,
}

impl Waiting {
    /// Nobody waits.
    pub fn new(database: String) -> Self {
        Self { databases: vec![database], lines: Vec::new(), look_at: None }
    }

    /// When [`Waiting::handle_timeout`] is wanted.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.look_at
    }

    /// Looks again at what is waited for.
    pub async fn handle_timeout(&mut self, now: Instant, source: &mut Source, running: &mut Running) {
        self.look_at = None;
        for line in std::mem::take(&mut self.lines) {
            if line.reply.is_closed() {
                continue;
            }
            if line.until.is_some_and(|until| until <= now) {
                let _ = line.reply.send(timed_out());
                continue;
            }
            let outcome = self.transact(&line.args, source, running).await;
            self.finish(line, outcome);
        }
    }

    /// Runs a line and answers it, now or when what it waits for has come.
    pub async fn run(
        &mut self,
        args: Vec<String>,
        reply: oneshot::Sender<Reply>,
        source: &mut Source,
        running: &mut Running,
    ) {
        let outcome = self.transact(&args, source, running).await;
        let until = outcome.timeout.map(|seconds| Instant::now() + Duration::from_secs(seconds.into()));
        self.finish(Line { args, reply, until }, outcome);
    }

    fn finish(&mut self, line: Line, outcome: Outcome) {
        if outcome.wait != Some(Wait::Until) {
            let Outcome { stdout, stderr, exit, .. } = outcome;
            let _ = line.reply.send(Reply::Printed { stdout, stderr, exit });
        } else if self.lines.len() == WAITING_MAX {
            let error = format!("{WAITING_MAX} lines wait already");
            let _ = line.reply.send(Reply::failed(error));
        } else {
            self.lines.push(line);
            self.look_at.get_or_insert_with(|| Instant::now() + LOOK_EVERY);
        }
    }

    async fn transact(&self, args: &[String], source: &mut Source, running: &mut Running) -> Outcome {
        runtime::write(source.database(), running);
        let mut database = source.database().clone();
        let mut context = Context {
            program: PROGRAM,
            version: env!("CARGO_PKG_VERSION"),
            databases: &self.databases,
            random: &mut random,
            validate: &check,
        };
        let mut outcome = vsctl::run(&mut database, args, &mut context);
        if !outcome.changed {
            return outcome;
        }
        if let Err(error) = commit(database, source, running).await {
            return refused(&error);
        }
        if let Some(Wait::Applied { interfaces, .. }) = &outcome.wait {
            outcome.stderr += &vsctl::setup_errors(source.database(), interfaces, PROGRAM);
        }
        outcome
    }
}

/// Saves a database and makes it run. Nothing has changed if it cannot be saved.
async fn commit(next: Database, source: &mut Source, running: &mut Running) -> Result<(), String> {
    match source {
        Source::File { path, .. } => Err(format!(
            "{} is the only source of configuration here (adit run -c); change it there, then 'adit reload'",
            path.display()
        )),
        Source::Database { database, state } => {
            let wanted = valid(&next)?.desired;
            let save = state.save(&next.to_json());
            save.map_err(|error| {
                format!("cannot save to {}, so nothing has changed: {error}", state.database().display())
            })?;
            **database = next;
            running.apply(wanted).await;
            runtime::applied(database);
            runtime::write(database, running);
            Ok(())
        }
    }
}

/// The last word before a commit: what it asks for must be valid as a whole. What is tolerated is
/// told.
pub fn check(database: &Database) -> Result<Vec<String>, String> {
    valid(database).map(|valid| valid.warnings.iter().map(ToString::to_string).collect())
}

fn random() -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = seed();
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

fn refused(error: &str) -> Outcome {
    Outcome { exit: 1, stderr: format!("{PROGRAM}: {error}\n"), ..Outcome::default() }
}

fn timed_out() -> Reply {
    Reply::Printed { stdout: String::new(), stderr: String::new(), exit: TIMED_OUT }
}
