//! The database as JSON, for the state file. Pre-shared keys are in it: the
//! caller writes it readable by its owner only.

use std::str::FromStr;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;
use zeroize::Zeroizing;

use super::schema::{self, Base, Column, Type};
use super::{Atom, Database, Datum, Row, Uuid, settle};
use crate::config::one_line;

/// Why a state file is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Not JSON at all.
    #[error("not JSON: {0}")]
    Syntax(String),
    /// JSON, but not a database of this schema; where, and what was expected there.
    #[error("{place}: {why}")]
    Content {
        /// table, row and column
        place: String,
        /// which rule
        why: String,
    },
}

fn bad(place: impl Into<String>, why: impl Into<String>) -> LoadError {
    LoadError::Content { place: one_line(&place.into()), why: one_line(&why.into()) }
}

impl Database {
    /// The database as JSON: `{"schema","version","tables":{T:{UUID:{COLUMN:VALUE}}}}` in the
    /// notation of RFC 7047 §5.1, without columns at their default and ephemeral ones.
    pub fn to_json(&self) -> Zeroizing<String> {
        // One allocation that holds all, so that no outgrown copy of a key stays behind.
        let mut text = Zeroizing::new(Vec::with_capacity(64 * 1024 + self.rows.len() * 4096));
        if serde_json::to_writer_pretty(&mut *text, &File(self)).is_err() {
            text.clear(); // cannot happen: writing to memory, string keys
        }
        Zeroizing::new(String::from_utf8_lossy(&text).into_owned())
    }

    /// Reads what [`Database::to_json`] wrote.
    ///
    /// # Errors
    /// [`LoadError`] names the place.
    pub fn from_json(text: &str) -> Result<Self, LoadError> {
        let json: Value = serde_json::from_str(text).map_err(|error| LoadError::Syntax(error.to_string()))?;
        if json.get("schema").and_then(Value::as_str) != Some(schema::NAME) {
            return Err(bad("schema", format!("expected \"{}\"", schema::NAME)));
        }
        let tables = json.get("tables").and_then(Value::as_object).ok_or_else(|| bad("tables", "missing"))?;
        let mut database = Self::new();
        for (name, rows) in tables {
            let table = schema::table(name).ok_or_else(|| bad(name, "no such table"))?;
            for (uuid, columns) in rows.as_object().ok_or_else(|| bad(name, "expected an object"))? {
                let place = format!("{name} {uuid}");
                let uuid = Uuid::from_str(uuid).map_err(|_| bad(&place, "not a UUID"))?;
                database.insert(table, uuid);
                let columns = columns.as_object().ok_or_else(|| bad(&place, "expected an object"))?;
                for (column, value) in columns {
                    let place = format!("{place} {column}");
                    let index = schema::tables()[table]
                        .column(column)
                        .ok_or_else(|| bad(&place, "no such column"))?;
                    let kind = &schema::tables()[table].columns[index].kind;
                    let datum = datum_from_json(kind, value).map_err(|why| bad(&place, why))?;
                    settle::check_value(kind, &datum).map_err(|why| bad(&place, why))?;
                    database.write(table, uuid, index, datum);
                }
            }
        }
        let before = database.clone();
        database.settle(&before).map_err(|rejected| bad(rejected.error, rejected.details))?;
        Ok(database)
    }
}

struct File<'a>(&'a Database);
struct Tables<'a>(&'a Database);
struct Rows<'a>(&'a Database, usize);
struct Columns<'a>(&'static [Column], &'a Row);

impl Serialize for File<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("schema", schema::NAME)?;
        map.serialize_entry("version", schema::VERSION)?;
        map.serialize_entry("tables", &Tables(self.0))?;
        map.end()
    }
}

impl Serialize for Tables<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (index, table) in schema::tables().iter().enumerate() {
            if self.0.rows.keys().any(|(table, _)| *table == index) {
                map.serialize_entry(table.name, &Rows(self.0, index))?;
            }
        }
        map.end()
    }
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let columns = &schema::tables()[self.1].columns;
        for ((_, uuid), row) in self.0.rows.iter().filter(|((table, _), _)| *table == self.1) {
            map.serialize_entry(&uuid.to_string(), &Columns(columns, row))?;
        }
        map.end()
    }
}

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (column, value) in self.0.iter().zip(&self.1.0) {
            if !column.ephemeral && !column.kind.is_default(value) {
                map.serialize_entry(column.name, &Wire(&column.kind, value))?;
            }
        }
        map.end()
    }
}

/// A value in the notation of RFC 7047 §5.1.
pub(crate) struct Wire<'a>(pub &'a Type, pub &'a Datum);
struct WireAtom<'a>(&'a Atom);
struct WireMembers<'a>(&'a Datum);
struct WirePairs<'a>(&'a Datum);

impl Serialize for Wire<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(kind, datum) = self;
        if kind.is_map() {
            return ("map", WirePairs(datum)).serialize(serializer);
        }
        match datum.single() {
            Some(atom) => WireAtom(atom).serialize(serializer),
            None => ("set", WireMembers(datum)).serialize(serializer),
        }
    }
}

impl Serialize for WireAtom<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Atom::Integer(number) => serializer.serialize_i64(*number),
            Atom::Boolean(value) => serializer.serialize_bool(*value),
            Atom::Text(text) => serializer.serialize_str(text.as_str()),
            Atom::Uuid(uuid) => ("uuid", uuid.to_string()).serialize(serializer),
        }
    }
}

impl Serialize for WireMembers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_seq(Some(self.0.len()))?;
        for atom in self.0.keys() {
            members.serialize_element(&WireAtom(atom))?;
        }
        members.end()
    }
}

impl Serialize for WirePairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pairs = serializer.serialize_seq(Some(self.0.len()))?;
        for (key, value) in self.0.pairs() {
            pairs.serialize_element(&(WireAtom(key), value.map(WireAtom)))?;
        }
        pairs.end()
    }
}

fn tagged<'a>(json: &'a Value, tag: &str) -> Option<&'a Value> {
    match json.as_array().map(Vec::as_slice) {
        Some([name, content]) if name == tag => Some(content),
        _ => None,
    }
}

fn atom_from_json(base: Base, json: &Value) -> Result<Atom, String> {
    let atom = match base {
        Base::Integer { .. } => json.as_i64().map(Atom::Integer),
        Base::Boolean => json.as_bool().map(Atom::Boolean),
        Base::Text { .. } => json.as_str().map(Atom::text),
        Base::Reference { .. } => {
            let text = tagged(json, "uuid").and_then(Value::as_str);
            text.and_then(|text| Uuid::from_str(text).ok()).map(Atom::Uuid)
        }
    };
    atom.ok_or_else(|| format!("expected {}", base.name()))
}

fn datum_from_json(kind: &Type, json: &Value) -> Result<Datum, String> {
    let mut datum = Datum::empty();
    let expected = || format!("expected {}", kind.to_english());
    if let Some(base) = kind.value {
        for pair in tagged(json, "map").and_then(Value::as_array).ok_or_else(expected)? {
            let Some([key, value]) = pair.as_array().map(Vec::as_slice) else { return Err(expected()) };
            datum.insert(atom_from_json(kind.key, key)?, Some(atom_from_json(base, value)?));
        }
    } else if let Some(members) = tagged(json, "set").and_then(Value::as_array) {
        for member in members {
            datum.insert(atom_from_json(kind.key, member)?, None);
        }
    } else {
        datum.insert(atom_from_json(kind.key, json)?, None);
    }
    Ok(datum)
}
