//! Tables, columns and types: what the database may hold (RFC 7047 §3.2).

use std::sync::LazyLock;

use super::uuid::Uuid;
use super::value::{Atom, Datum};

mod tables;

/// Any number of members.
pub const UNLIMITED: usize = usize::MAX;

/// The stock schema's name.
pub const NAME: &str = "Open_vSwitch";
/// The stock schema's version that the tables here agree with.
pub const VERSION: &str = "8.3.1";

/// The type of a key or a value, with what it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// A number in `min..=max`.
    Integer {
        /// smallest
        min: i64,
        /// largest
        max: i64,
    },
    /// `true` or `false`.
    Boolean,
    /// A string; one of `allowed` unless that is empty.
    Text {
        /// in alphabetical order
        allowed: &'static [&'static str],
    },
    /// A reference to a row of `table`; a weak one does not keep the row alive.
    Reference {
        /// the table's name
        table: &'static str,
        /// true: vanishes with the row
        weak: bool,
    },
}

impl Base {
    /// The type's name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Integer { .. } => "integer",
            Self::Boolean => "boolean",
            Self::Text { .. } => "string",
            Self::Reference { .. } => "uuid",
        }
    }

    /// 0, false, "" or the zero UUID.
    pub fn default_atom(self) -> Atom {
        match self {
            Self::Integer { .. } => Atom::Integer(0),
            Self::Boolean => Atom::Boolean(false),
            Self::Text { .. } => Atom::text(""),
            Self::Reference { .. } => Atom::Uuid(Uuid::ZERO),
        }
    }

    /// Checks range and enumeration; the text is ovsdb-server's.
    pub fn check(self, atom: &Atom) -> Result<(), String> {
        match (self, atom) {
            (Self::Integer { min, max }, Atom::Integer(number)) => check_range(*number, min, max),
            (Self::Text { allowed }, Atom::Text(text)) => {
                if allowed.is_empty() || allowed.contains(&text.as_str()) {
                    Ok(())
                } else {
                    let allowed = allowed.join(", ");
                    Err(format!("{} is not one of the allowed values ([{allowed}])", text.as_str()))
                }
            }
            (Self::Boolean, Atom::Boolean(_)) | (Self::Reference { .. }, Atom::Uuid(_)) => Ok(()),
            _ => Err(format!("expected {}", self.name())),
        }
    }
}

fn check_range(number: i64, min: i64, max: i64) -> Result<(), String> {
    if (min..=max).contains(&number) {
        return Ok(());
    }
    Err(match (min, max) {
        (i64::MIN, _) => format!("{number} is greater than maximum allowed value {max}"),
        (_, i64::MAX) => format!("{number} is less than minimum allowed value {min}"),
        _ => format!("{number} is not in the valid range {min} to {max} (inclusive)"),
    })
}

/// The type of a column: `min..=max` keys, each with a value in a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Type {
    /// type of a member, or of a map's key
    pub key: Base,
    /// type of a map's value
    pub value: Option<Base>,
    /// 0 or 1
    pub min: usize,
    /// at least 1; [`UNLIMITED`]
    pub max: usize,
}

impl Type {
    /// True for keys with values.
    pub fn is_map(&self) -> bool {
        self.value.is_some()
    }

    /// True for exactly one value.
    pub fn is_scalar(&self) -> bool {
        self.value.is_none() && self.min == 1 && self.max == 1
    }

    /// What a new row holds.
    pub fn default_datum(&self) -> Datum {
        if self.min == 0 { Datum::empty() } else { Datum::scalar(self.key.default_atom()) }
    }

    /// True for the value of a new row.
    pub fn is_default(&self, datum: &Datum) -> bool {
        datum.len() == self.min && datum.keys().all(Atom::is_default)
    }

    /// The type in words, for messages.
    pub fn to_english(&self) -> String {
        if self.is_scalar() {
            return self.key.name().to_owned();
        }
        let count = match (self.min, self.max) {
            (0, UNLIMITED) => String::new(),
            (min, UNLIMITED) => format!(" {min} or more"),
            (0, max) => format!(" up to {max}"),
            (min, max) => format!(" {min} to {max}"),
        };
        match self.value {
            None => format!("set of{count} {}s", self.key.name()),
            Some(value) => format!("map of{count} ({}, {}) pairs", self.key.name(), value.name()),
        }
    }
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// lower case, unique in its table
    pub name: &'static str,
    /// what it holds
    pub kind: Type,
    /// false: may be set only while its row is made
    pub mutable: bool,
    /// true: not worth keeping over a restart
    pub ephemeral: bool,
    /// true: written by the daemon, see [`super::Database::set_runtime`]
    pub runtime: bool,
}

/// A table.
#[derive(Debug)]
pub struct Table {
    /// as in the schema
    pub name: &'static str,
    /// true: rows stay though nothing refers to them
    pub root: bool,
    /// at most so many rows
    pub max_rows: usize,
    /// columns that no two rows may have alike; empty: no such rule
    pub index: &'static [&'static str],
    /// in alphabetical order
    pub columns: Vec<Column>,
}

impl Table {
    /// Place of a column by its exact name.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.binary_search_by(|column| column.name.cmp(name)).ok()
    }
}

static TABLES: LazyLock<Vec<Table>> = LazyLock::new(tables::all);

/// All tables, in alphabetical order (of lower-case names last, as ASCII has it).
pub fn tables() -> &'static [Table] {
    &TABLES
}

/// Place of a table by its exact name.
pub fn table(name: &str) -> Option<usize> {
    TABLES.binary_search_by(|table| table.name.cmp(name)).ok()
}
