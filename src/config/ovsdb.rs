//! The configuration database: what a stock `ovsdb-server` holds under the
//! Open_vSwitch schema 8.3.1, in memory, with the same types, defaults,
//! constraints, references and garbage collection (RFC 7047).
//!
//! [`crate::config::vsctl::run`] edits it by transactions, the daemon writes
//! what it observes by [`Database::set_runtime`], and [`to_raw()`] turns it into
//! the configuration that is validated and applied.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub mod schema;
pub mod uuid;
pub mod value;

mod served;
mod settle;
mod state_file;
pub(crate) mod text;
mod to_raw;

#[cfg(test)]
mod tests;

pub use served::{refusals, warnings};
pub use state_file::LoadError;
pub use to_raw::{Warning, to_raw};
pub use uuid::Uuid;
pub use value::{Atom, Datum, Text};

use schema::Table;

/// One row: a value for each column of its table, in the schema's order.
#[derive(Clone, PartialEq, Eq)]
pub struct Row(Vec<Datum>);

/// All tables with their rows. Cloning is cheap: rows are shared until written.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Database {
    /// by table (index into [`schema::tables`]) and row
    rows: BTreeMap<(usize, Uuid), Arc<Row>>,
}

/// Says how many rows there are, and nothing of their contents: they hold pre-shared keys.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({} rows)", self.rows.len())
    }
}

/// A row seen together with its table and identity.
#[derive(Clone, Copy)]
pub struct RowRef<'a> {
    /// its table
    pub table: &'static Table,
    /// its identity
    pub uuid: Uuid,
    row: &'a Row,
}

impl<'a> RowRef<'a> {
    /// The value of the column at `place` in [`Table::columns`].
    pub fn at(&self, place: usize) -> &'a Datum {
        &self.row.0[place]
    }

    /// The value of a column by exact name; an unknown name reads as empty.
    pub fn get(&self, column: &str) -> &'a Datum {
        static EMPTY: Datum = Datum(BTreeMap::new());
        self.table.column(column).map_or(&EMPTY, |place| self.at(place))
    }

    /// The column `name` (of Controller and Manager: `target`), or "".
    pub fn name(&self) -> &'a str {
        let named = self.get("name").single_text().or_else(|| self.get("target").single_text());
        named.unwrap_or("")
    }
}

/// Why [`Database::set_runtime`] wrote nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// No such table, or no such column in it.
    #[error("no column {column} in table {table}")]
    NoColumn {
        /// as given
        table: String,
        /// as given
        column: String,
    },
    /// The column is the user's, not the daemon's.
    #[error("column {column} of table {table} is configuration")]
    NotRuntime {
        /// as given
        table: String,
        /// as given
        column: String,
    },
    /// No row of that name: deleted meanwhile.
    #[error("no row {name} in table {table}")]
    NoRow {
        /// as given
        table: String,
        /// as given
        name: String,
    },
    /// A value of the wrong type or out of range.
    #[error("column {column} of table {table}: {why}")]
    BadValue {
        /// as given
        table: String,
        /// as given
        column: String,
        /// which rule
        why: String,
    },
}

impl Database {
    /// An empty database; the first transaction makes the one Open_vSwitch row.
    pub fn new() -> Self {
        Self::default()
    }

    /// The rows of a table (by place in [`schema::tables`]): by name, then by identity.
    pub fn rows(&self, table: usize) -> Vec<RowRef<'_>> {
        let mut rows: Vec<_> = self
            .rows
            .range((table, Uuid::ZERO)..(table + 1, Uuid::ZERO))
            .map(|((_, uuid), row)| RowRef { table: &schema::tables()[table], uuid: *uuid, row })
            .collect();
        rows.sort_by_key(|row| row.name());
        rows
    }

    /// The rows of a table by its exact name; none if there is no such table.
    pub fn rows_of(&self, table: &str) -> Vec<RowRef<'_>> {
        schema::table(table).map(|table| self.rows(table)).unwrap_or_default()
    }

    /// A row by identity.
    pub fn row(&self, table: usize, uuid: Uuid) -> Option<RowRef<'_>> {
        let row = self.rows.get(&(table, uuid))?;
        Some(RowRef { table: &schema::tables()[table], uuid, row })
    }

    /// A row by its table's exact name and its own; `.` is the only row of a table.
    pub fn find(&self, table: &str, name: &str) -> Option<RowRef<'_>> {
        let rows = self.rows_of(table);
        match name {
            "." if rows.len() == 1 => rows.first().copied(),
            _ => rows.into_iter().find(|row| row.name() == name),
        }
    }

    /// The rows that a reference column of `row` names, by name.
    pub fn follow(&self, row: RowRef<'_>, column: &str) -> Vec<RowRef<'_>> {
        let Some(place) = row.table.column(column) else { return Vec::new() };
        let kind = &row.table.columns[place].kind;
        let table = [Some(kind.key), kind.value].into_iter().flatten().find_map(|base| match base {
            schema::Base::Reference { table, .. } => schema::table(table),
            _ => None,
        });
        let Some(table) = table else { return Vec::new() };
        let mut rows: Vec<_> = row.at(place).references().filter_map(|uuid| self.row(table, uuid)).collect();
        rows.sort_by_key(|row| row.name());
        rows
    }

    /// Adds a row with every column at its default.
    pub(crate) fn insert(&mut self, table: usize, uuid: Uuid) {
        let columns = schema::tables()[table].columns.iter();
        let row = Row(columns.map(|column| column.kind.default_datum()).collect());
        self.rows.insert((table, uuid), Arc::new(row));
    }

    /// Takes a row away, whatever refers to it.
    pub(crate) fn delete(&mut self, table: usize, uuid: Uuid) {
        self.rows.remove(&(table, uuid));
    }

    /// Writes a column (by place); true if that changed it.
    pub(crate) fn write(&mut self, table: usize, uuid: Uuid, place: usize, value: Datum) -> bool {
        let Some(row) = self.rows.get_mut(&(table, uuid)) else { return false };
        if row.0[place] == value {
            return false;
        }
        Arc::make_mut(row).0[place] = value;
        true
    }

    /// Writes what the daemon observed, in a column that is its to write:
    /// `ofport`, `error`, `status`, `statistics`, `mac_in_use`, `link_state`, `cur_cfg` …
    /// `name` is the row's name, `.` for the Open_vSwitch row. True if it changed anything.
    ///
    /// # Errors
    /// [`RuntimeError`]; nothing is written then.
    pub fn set_runtime(
        &mut self,
        table: &str,
        name: &str,
        column: &str,
        value: Datum,
    ) -> Result<bool, RuntimeError> {
        let no_column = || RuntimeError::NoColumn { table: table.to_owned(), column: column.to_owned() };
        let index = schema::table(table).ok_or_else(no_column)?;
        let place = schema::tables()[index].column(column).ok_or_else(no_column)?;
        let facts = &schema::tables()[index].columns[place];
        if !facts.runtime {
            return Err(RuntimeError::NotRuntime { table: table.to_owned(), column: column.to_owned() });
        }
        settle::check_value(&facts.kind, &value).map_err(|why| RuntimeError::BadValue {
            table: table.to_owned(),
            column: column.to_owned(),
            why,
        })?;
        let row = self
            .find(table, name)
            .ok_or_else(|| RuntimeError::NoRow { table: table.to_owned(), name: name.to_owned() })?;
        let uuid = row.uuid;
        Ok(self.write(index, uuid, place, value))
    }

    /// Forgets what a daemon that is no more observed: every ephemeral column.
    pub fn clear_ephemeral(&mut self) {
        for ((table, _), row) in &mut self.rows {
            for (place, column) in schema::tables()[*table].columns.iter().enumerate() {
                if column.ephemeral && !column.kind.is_default(&row.0[place]) {
                    Arc::make_mut(row).0[place] = column.kind.default_datum();
                }
            }
        }
    }
}
