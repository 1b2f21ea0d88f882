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

use crate::config::ovsdb::{Database, Uuid};

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

/// Runs one command line. The database is left as it was unless the whole of
/// it succeeded ([`Outcome::changed`]).
pub fn run(database: &mut Database, args: &[String], context: &mut Context<'_>) -> Outcome {
    let _ = (database, args);
    Outcome { exit: 1, stderr: format!("{}: not there yet\n", context.program), ..Outcome::default() }
}

/// What is to be printed on stderr once the change is applied: the new
/// interfaces that could not be set up, with the `error` of each.
pub fn setup_errors(database: &Database, interfaces: &[Uuid], program: &str) -> String {
    let Some(table) = crate::config::ovsdb::schema::table("Interface") else { return String::new() };
    let mut text = String::new();
    for interface in interfaces.iter().filter_map(|uuid| database.row(table, *uuid)) {
        let ofport = interface.get("ofport").single().and_then(crate::config::ovsdb::Atom::as_integer);
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
