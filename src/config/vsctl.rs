//! The ovs-vsctl command line, as edits of the configuration database: the
//! grammar, output, error texts and exit statuses of ovs-vsctl 3.1.
//!
//! [`run`] is a function: no clock, no socket, no file. The daemon calls it
//! with the arguments a client sent, applies the database it leaves, and
//! sends back what is to be printed.
//!
//! ```text
//! args ── options ── commands ── Session (a copy of the database)
//!            │           │           │ all commands in order, or none
//!          usage       syntax        ├ settle   references, limits, garbage
//!                                    ├ served   what adit refuses
//!                                    └ validate the caller's word
//! ```

use crate::config::ovsdb::{self, Database, Uuid};

mod bridge;
mod bridge_edit;
mod column;
mod command;
mod controller;
mod help;
mod options;
mod record;
mod record_edit;
mod session;
mod show;
mod table;
mod unserved;

#[cfg(test)]
mod tests;

use command::Command;
use options::{Options, Parsed};
use session::{Output, Session};

/// What the caller lends to [`run`].
pub struct Context<'a> {
    /// Name before each error: `ovs-vsctl`.
    pub program: &'a str,
    /// adit's version, for `--version`.
    pub version: &'a str,
    /// The names of this database that `--db` may give; the first is the default.
    pub databases: &'a [String],
    /// 16 random bytes for each new row.
    pub random: &'a mut dyn FnMut() -> [u8; 16],
    /// The last word before a commit: warnings to print, or why not.
    pub validate: &'a dyn Fn(&Database) -> Result<Vec<String>, String>,
}

/// What a command line came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// To be printed at once.
    pub stdout: String,
    /// To be printed at once.
    pub stderr: String,
    /// Exit status: 0 done, 1 refused, 2 from `br-exists` of a missing bridge.
    pub exit: u8,
    /// True if the database is not what it was: save and apply it.
    pub changed: bool,
    /// What is still to be waited for before the client may exit.
    pub wait: Option<Wait>,
    /// `--timeout`: seconds after which the client ends by SIGALRM (status 142).
    pub timeout: Option<u32>,
}

/// Why a client is kept waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// A `wait-until` does not hold yet. Nothing was committed or printed:
    /// run the same arguments again after each change of the database.
    Until,
    /// Committed, with `next_cfg` as given: the change is applied once
    /// Open_vSwitch.cur_cfg reaches it. Then [`setup_errors`] tells how the
    /// new interfaces fared.
    Applied {
        /// the value to wait for
        next_cfg: i64,
        /// interfaces made by `add-br` and `add-port` in this run
        interfaces: Vec<Uuid>,
    },
}

/// How a command line ends before its end.
#[derive(Debug)]
enum Stop {
    /// One line on stderr, status 1.
    Fatal(String),
    /// That status, and nothing printed.
    Exit(u8),
    /// A `wait-until` does not hold yet.
    Until,
}

impl Stop {
    fn fatal(text: impl Into<String>) -> Self {
        Self::Fatal(text.into())
    }
}

/// What `--timeout` says of a command line that runs something, in seconds.
pub fn timeout(args: &[String]) -> Option<u32> {
    match options::parse(args) {
        Ok(Parsed::Run(options, _)) => options.timeout,
        Ok(Parsed::Print(_)) | Err(_) => None,
    }
}

/// What is answered without a database: `--help` and its like, and wrong options.
pub fn run_alone(args: &[String], program: &str, version: &str, databases: &[String]) -> Option<Outcome> {
    if matches!(options::parse(args), Ok(Parsed::Run(..))) {
        return None;
    }
    let (random, validate) = (&mut || [0; 16], &|_: &Database| Ok(Vec::new()));
    let mut context = Context { program, version, databases, random, validate };
    Some(run(&mut Database::new(), args, &mut context))
}

/// Runs one command line. The database is left as it was unless the whole of
/// it succeeded ([`Outcome::changed`]).
pub fn run(database: &mut Database, args: &[String], context: &mut Context<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    let stop = match try_run(database, args, context, &mut outcome) {
        Ok(()) => return outcome,
        Err(stop) => stop,
    };
    outcome.stdout.clear();
    match stop {
        Stop::Fatal(text) => {
            outcome.stderr += &format!("{}: {text}\n", context.program);
            outcome.exit = 1;
        }
        Stop::Exit(status) => outcome.exit = status,
        Stop::Until => {
            outcome.stderr.clear();
            outcome.wait = Some(Wait::Until);
        }
    }
    outcome
}

fn try_run(
    database: &mut Database,
    args: &[String],
    context: &mut Context<'_>,
    outcome: &mut Outcome,
) -> Result<(), Stop> {
    let (options, first) = match options::parse(args)? {
        Parsed::Print(info) => {
            outcome.stdout = help::text(info, context);
            return Ok(());
        }
        Parsed::Run(options, first) => (options, first),
    };
    outcome.timeout = options.timeout;
    let mut options = options;
    let local = std::mem::take(&mut options.local);
    let commands = command::parse(args.get(first..).unwrap_or_default(), local)?;
    check_database(options.database.as_deref(), context)?;

    let mut session = Session::new(database, &mut *context.random);
    let ran = run_all(&mut session, &commands);
    let finished = ran.and_then(|outputs| Ok((outputs, session.finish()?)));
    let Session { new_interfaces: interfaces, warnings, .. } = session;
    for warning in warnings {
        warn(outcome, context.program, &warning);
    }
    let (outputs, mut next) = finished?;
    if next != *database {
        check_served(database, &next, context, outcome)?;
    }
    outcome.stdout = print(&outputs, &options);
    if options.dry_run || next == *database {
        return Ok(());
    }
    if !options.no_wait {
        let next_cfg = increment_next_cfg(&mut next);
        outcome.wait = Some(Wait::Applied { next_cfg, interfaces });
    }
    outcome.changed = true;
    *database = next;
    Ok(())
}

fn warn(outcome: &mut Outcome, program: &str, warning: &str) {
    outcome.stderr += &format!("{program}: warning: {warning}\n");
}

fn check_database(wanted: Option<&str>, context: &Context<'_>) -> Result<(), Stop> {
    let Some(wanted) = wanted else { return Ok(()) };
    // Several may be given; the client takes the first that answers.
    if wanted.split(',').any(|name| context.databases.iter().any(|own| own == name)) {
        return Ok(());
    }
    let own = context.databases.first().map_or("", String::as_str);
    Err(Stop::fatal(format!("--db={wanted} is another database than adit's own; leave it out, or say {own}")))
}

fn run_all(session: &mut Session<'_>, commands: &[Command<'_>]) -> Result<Vec<Output>, Stop> {
    for command in commands {
        if let Some(prepare) = command.syntax.prepare {
            prepare(session, command)?;
        }
    }
    commands.iter().map(|command| (command.syntax.run)(session, command)).collect()
}

/// What adit refuses of the next database, what it warns of for the first
/// time, and what the caller says.
fn check_served(
    database: &Database,
    next: &Database,
    context: &Context<'_>,
    outcome: &mut Outcome,
) -> Result<(), Stop> {
    if let Some(refusal) = ovsdb::refusals(next).into_iter().next() {
        return Err(Stop::Fatal(refusal));
    }
    let known = ovsdb::warnings(database);
    for warning in ovsdb::warnings(next).iter().filter(|warning| !known.contains(warning)) {
        warn(outcome, context.program, &warning.0);
    }
    let warnings = (context.validate)(next).map_err(Stop::Fatal)?;
    let known =
        if warnings.is_empty() { Vec::new() } else { (context.validate)(database).unwrap_or_default() };
    for warning in warnings.iter().filter(|warning| !known.contains(warning)) {
        warn(outcome, context.program, warning);
    }
    Ok(())
}

fn increment_next_cfg(database: &mut Database) -> i64 {
    let root =
        database.find("Open_vSwitch", ".").map(|root| (root.uuid, root.get("next_cfg").single().cloned()));
    let Some((uuid, Some(ovsdb::Atom::Integer(number)))) = root else { return 0 };
    let table = session::table_index("Open_vSwitch");
    let next = number.wrapping_add(1);
    if let Some(place) = ovsdb::schema::tables()[table].column("next_cfg") {
        database.write(table, uuid, place, ovsdb::Datum::integer(next));
    }
    next
}

fn print(outputs: &[Output], options: &Options) -> String {
    let mut text = String::new();
    let mut tables = 0;
    for output in outputs {
        match output {
            Output::Table(table) => {
                text += &table.print(options.style, tables == 0);
                tables += 1;
            }
            Output::Text(lines) if options.oneline => {
                let line = lines.strip_suffix('\n').unwrap_or(lines);
                text += &line.replace('\\', "\\\\").replace('\n', "\\n");
                text.push('\n');
            }
            Output::Text(lines) => text += lines,
        }
    }
    text
}

/// What is to be printed on stderr once the change is applied: the new
/// interfaces that could not be set up, with the `error` of each.
pub fn setup_errors(database: &Database, interfaces: &[Uuid], program: &str) -> String {
    let Some(table) = ovsdb::schema::table("Interface") else { return String::new() };
    let mut text = String::new();
    for interface in interfaces.iter().filter_map(|uuid| database.row(table, *uuid)) {
        let ofport = interface.get("ofport").single().and_then(ovsdb::Atom::as_integer);
        if ofport.is_some_and(|number| number >= 0) {
            continue;
        }
        let reason =
            interface.get("error").single_text().map(|error| format!(": {error}")).unwrap_or_default();
        text += &format!(
            "{program}: Error detected while setting up '{}'{reason}.  See the log of adit for details.\n",
            interface.name()
        );
    }
    text
}
