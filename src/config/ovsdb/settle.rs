//! What ovsdb-server does at commit: references checked, unreferenced rows
//! collected, weak references pruned, limits and indexes enforced (RFC 7047 §3.2, §4.1.3).

use std::collections::{BTreeMap, BTreeSet};

use super::schema::{self, Base, Type};
use super::{Database, Datum, RowRef, Uuid};

/// Why the database would not take a transaction: RFC 7047's error name and its details.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub error: &'static str,
    pub details: String,
}

/// Checks a value against a column's type: count, atoms' types, ranges, enumerations.
pub(super) fn check_value(kind: &Type, value: &Datum) -> Result<(), String> {
    if !(kind.min..=kind.max).contains(&value.len()) {
        return Err(format!("{} values do not fit a {}", value.len(), kind.to_english()));
    }
    for (key, beside) in value.pairs() {
        kind.key.check(key)?;
        match (kind.value, beside) {
            (Some(base), Some(atom)) => base.check(atom)?,
            (None, None) => {}
            _ => return Err(format!("expected a {}", kind.to_english())),
        }
    }
    Ok(())
}

/// One reference of a row: the table and row it names, and whether it is weak.
struct Reference {
    column: &'static str,
    table: usize,
    uuid: Uuid,
    weak: bool,
}

fn references(row: &RowRef<'_>) -> Vec<Reference> {
    let mut found = Vec::new();
    for (place, column) in row.table.columns.iter().enumerate() {
        for base in [Some(column.kind.key), column.kind.value].into_iter().flatten() {
            let Base::Reference { table, weak } = base else { continue };
            let Some(table) = schema::table(table) else { continue };
            let named = row.at(place).references();
            found.extend(named.map(|uuid| Reference { column: column.name, table, uuid, weak }));
        }
    }
    found
}

impl Database {
    /// Brings the database into the state a commit leaves: see the module.
    /// `before` is the database the transaction began with, for the error texts.
    pub(crate) fn settle(&mut self, before: &Database) -> Result<(), Rejected> {
        self.check_references(before)?;
        self.collect_garbage();
        self.prune_weak_references();
        self.check_limits()?;
        self.check_indexes(before)
    }

    fn all_rows(&self) -> impl Iterator<Item = (usize, RowRef<'_>)> {
        self.rows.iter().map(|((table, uuid), row)| {
            (*table, RowRef { table: &schema::tables()[*table], uuid: *uuid, row })
        })
    }

    fn check_references(&self, before: &Database) -> Result<(), Rejected> {
        let mut dangling: BTreeMap<(usize, Uuid), usize> = BTreeMap::new();
        for (_, row) in self.all_rows() {
            for reference in references(&row) {
                let target = (reference.table, reference.uuid);
                if reference.weak || self.rows.contains_key(&target) {
                    continue;
                }
                if before.rows.contains_key(&target) {
                    *dangling.entry(target).or_default() += 1;
                    continue;
                }
                let details = format!(
                    "Table {} column {} row {} references nonexistent row {} in table {}.",
                    row.table.name,
                    reference.column,
                    row.uuid,
                    reference.uuid,
                    schema::tables()[reference.table].name
                );
                return Err(Rejected { error: "referential integrity violation", details });
            }
        }
        match dangling.first_key_value() {
            None => Ok(()),
            Some(((table, uuid), count)) => {
                let table = schema::tables()[*table].name;
                let details =
                    format!("cannot delete {table} row {uuid} because of {count} remaining reference(s)");
                Err(Rejected { error: "referential integrity violation", details })
            }
        }
    }

    /// Rows of tables outside the root set live only while something refers to them.
    fn collect_garbage(&mut self) {
        let mut alive = BTreeSet::new();
        let mut pending: Vec<(usize, Uuid)> =
            self.rows.keys().filter(|(table, _)| schema::tables()[*table].root).copied().collect();
        while let Some(key) = pending.pop() {
            let Some(row) = self.row(key.0, key.1) else { continue };
            if alive.insert(key) {
                let strong = references(&row).into_iter().filter(|reference| !reference.weak);
                pending.extend(strong.map(|reference| (reference.table, reference.uuid)));
            }
        }
        self.rows.retain(|key, _| alive.contains(key));
    }

    fn prune_weak_references(&mut self) {
        let mut stale = Vec::new();
        for (table, row) in self.all_rows() {
            for reference in references(&row) {
                if reference.weak && !self.rows.contains_key(&(reference.table, reference.uuid)) {
                    stale.push((table, row.uuid, reference.column, reference.uuid));
                }
            }
        }
        for (table, uuid, column, gone) in stale {
            let Some(place) = schema::tables()[table].column(column) else { continue };
            let Some(row) = self.row(table, uuid) else { continue };
            let mut value = row.at(place).clone();
            value.remove(&super::Atom::Uuid(gone));
            self.write(table, uuid, place, value);
        }
    }

    fn check_limits(&self) -> Result<(), Rejected> {
        for (index, table) in schema::tables().iter().enumerate() {
            let count = self.rows(index).len();
            if count > table.max_rows {
                let details = format!(
                    "transaction causes {} table to contain {count} rows, greater than the \
                     schema-defined limit of {} row(s)",
                    table.name, table.max_rows
                );
                return Err(Rejected { error: "constraint violation", details });
            }
        }
        Ok(())
    }

    fn check_indexes(&self, before: &Database) -> Result<(), Rejected> {
        for (index, table) in schema::tables().iter().enumerate() {
            if table.index.is_empty() {
                continue;
            }
            let mut seen: BTreeMap<Vec<&Datum>, RowRef<'_>> = BTreeMap::new();
            for row in self.rows(index) {
                let key: Vec<_> = table.index.iter().map(|column| row.get(column)).collect();
                if let Some(first) = seen.insert(key, row) {
                    let details = identical(before, index, first, row);
                    return Err(Rejected { error: "constraint violation", details });
                }
            }
        }
        Ok(())
    }
}

fn identical(before: &Database, index: usize, one: RowRef<'_>, other: RowRef<'_>) -> String {
    let table = one.table;
    let origin = |row: RowRef<'_>| match before.row(index, row.uuid) {
        None => "was inserted by this transaction",
        Some(_) => "existed in the database before this transaction and was not modified by the transaction",
    };
    let (first, second) = if one.uuid < other.uuid { (one, other) } else { (other, one) };
    let values: Vec<_> = table
        .index
        .iter()
        .map(|column| first.get(column).single().map_or(String::new(), super::Atom::to_text))
        .collect();
    let columns: Vec<_> = table.index.iter().map(|column| format!("\"{column}\"")).collect();
    let noun = if columns.len() == 1 { "column" } else { "columns" };
    format!(
        "Transaction causes multiple rows in \"{}\" table to have identical values ({}) for index on \
         {noun} {}.  First row, with UUID {}, {}.  Second row, with UUID {}, {}.",
        table.name,
        values.join(", "),
        columns.join(" and "),
        first.uuid,
        origin(first),
        second.uuid,
        origin(second)
    )
}
