//! A transaction under way: a copy of the database that commands read and
//! change, and what else lives as long as one command line.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use super::Stop;
use super::table::Table;
use crate::config::ovsdb::schema::{self, Base};
use crate::config::ovsdb::text::{self, Symbols, json_string};
use crate::config::ovsdb::{Database, Datum, RowRef, Uuid};

/// What a command prints: text, or a table in the format asked for.
#[derive(Debug)]
pub(super) enum Output {
    Text(String),
    Table(Table),
}

impl Output {
    pub(super) const fn nothing() -> Self {
        Self::Text(String::new())
    }

    /// Each line ended.
    pub(super) fn lines<L: AsRef<str>>(lines: impl IntoIterator<Item = L>) -> Self {
        Self::Text(lines.into_iter().map(|line| format!("{}\n", line.as_ref())).collect())
    }
}

/// A row that `@name` stands for.
#[derive(Clone, Copy)]
struct Symbol {
    uuid: Uuid,
    created: bool,
    strong: bool,
    weak: bool,
}

/// A transaction under way.
pub(super) struct Session<'a> {
    before: &'a Database,
    database: Database,
    /// Rows destroyed in tables outside the root set: out of sight, but alive
    /// at commit while something refers to them.
    hidden: BTreeSet<(usize, Uuid)>,
    symbols: BTreeMap<String, Symbol>,
    random: &'a mut dyn FnMut() -> [u8; 16],
    pub warnings: Vec<String>,
    /// Made by `add-br` and `add-port`.
    pub new_interfaces: Vec<Uuid>,
}

/// Where the tables stand that commands name themselves.
pub(super) fn table_index(name: &'static str) -> usize {
    schema::table(name).unwrap_or_default()
}

impl Symbols for Session<'_> {
    fn refer(&mut self, name: &str, weak: bool) -> Uuid {
        let symbol = self.symbol(name);
        if weak {
            symbol.weak = true;
        } else {
            symbol.strong = true;
        }
        symbol.uuid
    }
}

impl<'a> Session<'a> {
    /// Begins a transaction; an empty database gets its one Open_vSwitch row.
    pub(super) fn new(before: &'a Database, random: &'a mut dyn FnMut() -> [u8; 16]) -> Self {
        let mut session = Self {
            before,
            database: before.clone(),
            hidden: BTreeSet::new(),
            symbols: BTreeMap::new(),
            random,
            warnings: Vec::new(),
            new_interfaces: Vec::new(),
        };
        if session.rows(table_index("Open_vSwitch")).is_empty() {
            session.insert("Open_vSwitch");
        }
        session
    }

    pub(super) fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    /// The rows of a table, by name.
    pub(super) fn rows(&self, table: usize) -> Vec<RowRef<'_>> {
        let mut rows = self.database.rows(table);
        rows.retain(|row| !self.hidden.contains(&(table, row.uuid)));
        rows
    }

    pub(super) fn row(&self, table: usize, uuid: Uuid) -> Option<RowRef<'_>> {
        self.database.row(table, uuid).filter(|_| !self.hidden.contains(&(table, uuid)))
    }

    /// The rows a reference column names, by name.
    pub(super) fn follow(&self, row: RowRef<'_>, column: &str) -> Vec<RowRef<'_>> {
        let mut rows = self.database.follow(row, column);
        rows.retain(|row| !self.hidden.contains(&(table_index(row.table.name), row.uuid)));
        rows
    }

    /// As [`Session::follow`], destroyed rows included: to the commands for
    /// bridges and ports they are there until the commit.
    pub(super) fn follow_all(&self, row: RowRef<'_>, column: &str) -> Vec<RowRef<'_>> {
        self.database.follow(row, column)
    }

    /// The Open_vSwitch row.
    pub(super) fn root(&self) -> Uuid {
        self.rows(table_index("Open_vSwitch")).first().map_or(Uuid::ZERO, |row| row.uuid)
    }

    /// Makes a row with default values.
    pub(super) fn insert(&mut self, table: &'static str) -> Uuid {
        let uuid = Uuid::from_random((self.random)());
        self.database.insert(table_index(table), uuid);
        uuid
    }

    /// Makes the row `uuid` (one of `create --id`, or a fresh one).
    pub(super) fn insert_as(&mut self, table: usize, uuid: Option<Uuid>) -> Result<Uuid, Stop> {
        let uuid = uuid.unwrap_or_else(|| Uuid::from_random((self.random)()));
        if self.database.row(table, uuid).is_some() {
            let details = "This UUID would duplicate a UUID already present within the table or deleted \
                           within the same transaction.";
            let syntax = json_string(&json_string(&uuid.to_string()));
            let details = json_string(details);
            return Err(Stop::fatal(format!(
                "transaction error: {{\"details\":{details},\"error\":\"duplicate uuid\",\"syntax\":{syntax}}}"
            )));
        }
        self.database.insert(table, uuid);
        Ok(uuid)
    }

    /// True for a row made by this transaction.
    pub(super) fn is_new(&self, table: usize, uuid: Uuid) -> bool {
        self.before.row(table, uuid).is_none()
    }

    /// Writes a column by its exact name.
    pub(super) fn write(&mut self, table: &'static str, uuid: Uuid, column: &str, value: Datum) {
        let table = table_index(table);
        if let Some(place) = schema::tables()[table].column(column) {
            self.database.write(table, uuid, place, value);
        }
    }

    /// Writes a column by its place.
    pub(super) fn write_at(&mut self, table: usize, uuid: Uuid, place: usize, value: Datum) {
        self.database.write(table, uuid, place, value);
    }

    /// Adds a reference to (or takes it from) a set of references.
    pub(super) fn link(&mut self, table: &'static str, uuid: Uuid, column: &str, to: Uuid, present: bool) {
        let Some(row) = self.row(table_index(table), uuid) else { return };
        let mut set = row.get(column).clone();
        if present {
            set.unite(&Datum::uuids([to]));
        } else {
            set.subtract(&Datum::uuids([to]));
        }
        self.write(table, uuid, column, set);
    }

    /// Deletes a row: at once in a root table or if it is new; else it is out
    /// of sight, and gone at commit unless still referred to.
    pub(super) fn delete(&mut self, table: usize, uuid: Uuid) {
        if schema::tables()[table].root || self.is_new(table, uuid) {
            self.database.delete(table, uuid);
        } else {
            self.hidden.insert((table, uuid));
        }
    }

    fn symbol(&mut self, name: &str) -> &mut Symbol {
        let random = &mut self.random;
        self.symbols.entry(name.to_owned()).or_insert_with(|| Symbol {
            uuid: Uuid::from_random(random()),
            created: false,
            strong: false,
            weak: false,
        })
    }

    /// Takes `--id=@name` of a `create`, or of a `get` of the row `existing`.
    pub(super) fn define(&mut self, id: &str, existing: Option<Uuid>, rooted: bool) -> Result<Uuid, Stop> {
        if existing.is_none()
            && let Ok(uuid) = Uuid::from_str(id)
        {
            return Ok(uuid);
        }
        if !id.starts_with('@') {
            return Err(Stop::fatal(format!("row id \"{id}\" does not begin with \"@\"")));
        }
        let known = self.symbols.contains_key(id);
        let symbol = self.symbol(id);
        if symbol.created {
            return Err(Stop::fatal(format!("row id \"{id}\" may only be specified on one --id option")));
        }
        symbol.created = true;
        if let Some(uuid) = existing {
            if known {
                return Err(Stop::fatal(format!(
                    "row id \"{id}\" specified on \"get\" command was used before it was defined"
                )));
            }
            symbol.uuid = uuid;
        }
        symbol.strong |= rooted || existing.is_some();
        Ok(symbol.uuid)
    }

    fn check_symbols(&mut self) -> Result<(), Stop> {
        for (name, symbol) in &self.symbols {
            if !symbol.created {
                return Err(Stop::fatal(format!(
                    "row id \"{name}\" is referenced but never created (e.g. with \"-- --id={name} create ...\")"
                )));
            }
            if symbol.strong {
                continue;
            }
            let what = if symbol.weak { "only a weak reference to it" } else { "no reference to it" };
            self.warnings.push(format!(
                "row id \"{name}\" was created but {what} was inserted, so it will not actually appear in \
                 the database"
            ));
        }
        Ok(())
    }

    /// Ends the transaction: the database to commit.
    pub(super) fn finish(&mut self) -> Result<Database, Stop> {
        self.check_symbols()?;
        self.database.settle(self.before).map_err(|rejected| {
            Stop::fatal(format!(
                "transaction error: {{\"details\":{},\"error\":{}}}",
                json_string(&rejected.details),
                json_string(rejected.error)
            ))
        })?;
        Ok(self.database.clone())
    }

    /// Reads a value of a column's type.
    pub(super) fn datum(&mut self, kind: &schema::Type, value: &str) -> Result<Datum, Stop> {
        text::datum(kind, value, self).map_err(Stop::fatal)
    }

    /// Reads one atom.
    pub(super) fn atom(&mut self, base: Base, value: &str) -> Result<crate::config::ovsdb::Atom, Stop> {
        text::atom(base, value, self).map_err(Stop::fatal)
    }
}
