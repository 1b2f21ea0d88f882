//! Names of tables, columns and records, and arguments `COLUMN[:KEY][=VALUE]`.

use std::str::FromStr;

use super::Stop;
use super::session::{Session, table_index};
use crate::config::ovsdb::schema::{self, Column, Table};
use crate::config::ovsdb::text::token;
use crate::config::ovsdb::{Atom, Datum, RowRef, Uuid};

/// The names that `word` may mean: that very one, or all it abbreviates;
/// case does not matter, nor `-` for `_`.
fn candidates(word: &str, names: impl Iterator<Item = &'static str>) -> Vec<usize> {
    let fold = |text: &str| text.to_ascii_lowercase().replace('-', "_");
    let wanted = fold(word);
    let names: Vec<_> = names.collect();
    if let Some(exact) = names.iter().position(|name| *name == word) {
        return vec![exact];
    }
    if let Some(exact) = names.iter().position(|name| fold(name) == wanted) {
        return vec![exact];
    }
    if word.is_empty() {
        return Vec::new();
    }
    (0..names.len()).filter(|&i| fold(names[i]).starts_with(&wanted)).collect()
}

fn listed(indexes: &[usize], name: impl Fn(usize) -> &'static str) -> String {
    indexes.iter().map(|&i| name(i)).collect::<Vec<_>>().join(", ")
}

/// A table by name or abbreviation.
pub(super) fn find_table(name: &str) -> Result<usize, Stop> {
    let tables = schema::tables();
    match candidates(name, tables.iter().map(|table| table.name)).as_slice() {
        [one] => Ok(*one),
        [] => Err(Stop::fatal(format!("unknown table \"{name}\""))),
        several => {
            let names = listed(several, |i| tables[i].name);
            Err(Stop::fatal(format!("\"{name}\" matches multiple table names: {names}")))
        }
    }
}

/// A column by name or abbreviation.
pub(super) fn find_column(table: usize, name: &str) -> Result<usize, Stop> {
    let table = &schema::tables()[table];
    match candidates(name, table.columns.iter().map(|column| column.name)).as_slice() {
        [one] => Ok(*one),
        [] => Err(Stop::fatal(format!(
            "{} does not contain a column whose name matches \"{name}\"",
            table.name
        ))),
        several => {
            let names = listed(several, |i| table.columns[i].name);
            Err(Stop::fatal(format!(
                "{} contains more than one column whose name matches \"{name}\": {names}",
                table.name
            )))
        }
    }
}

/// `--columns=`: places of columns, `None` for `_uuid`; without it, all.
pub(super) fn find_columns(table: usize, names: Option<&str>) -> Result<Vec<Option<usize>>, Stop> {
    let count = schema::tables()[table].columns.len();
    let Some(names) = names else {
        return Ok(std::iter::once(None).chain((0..count).map(Some)).collect());
    };
    let mut places = Vec::new();
    for name in names.split([',', ' ']).filter(|name| !name.is_empty()) {
        let is_uuid = name.eq_ignore_ascii_case("_uuid");
        places.push(if is_uuid { None } else { Some(find_column(table, name)?) });
    }
    if places.is_empty() { Err(Stop::fatal("must specify at least one column name")) } else { Ok(places) }
}

/// An argument taken apart.
pub(super) struct Argument {
    pub place: usize,
    pub key: Option<String>,
    /// Which of the operators, and the text after it.
    pub value: Option<(usize, String)>,
}

/// Takes `COLUMN[:KEY]` apart, with one of `operators` and a value behind it
/// unless there are none.
pub(super) fn split(table: usize, argument: &str, operators: &[&str]) -> Result<Argument, Stop> {
    let (place, mut rest) = leading_column(table, argument)?;
    let mut key = None;
    if let Some(after) = rest.strip_prefix(':') {
        let (word, after) = token(after).map_err(Stop::fatal)?;
        key = Some(word);
        rest = after;
    }
    if operators.is_empty() {
        if !rest.is_empty() {
            return Err(Stop::fatal(format!("{argument}: trailing garbage \"{rest}\" in argument")));
        }
        return Ok(Argument { place, key, value: None });
    }
    let fits = |operator: &&str| rest.len() > operator.len() && rest.starts_with(*operator);
    let best = (0..operators.len()).filter(|&i| fits(&operators[i])).max_by_key(|&i| operators[i].len());
    match best {
        Some(best) => {
            let value = rest[operators[best].len()..].to_owned();
            Ok(Argument { place, key, value: Some((best, value)) })
        }
        None => Err(missing_operator(argument, operators)),
    }
}

/// The column at the front of an argument, and what follows it.
pub(super) fn leading_column(table: usize, argument: &str) -> Result<(usize, &str), Stop> {
    let (name, rest) = token(argument).map_err(Stop::fatal)?;
    if name.is_empty() {
        return Err(Stop::fatal(format!("{argument}: missing column name")));
    }
    Ok((find_column(table, &name)?, rest))
}

fn missing_operator(argument: &str, operators: &[&str]) -> Stop {
    let quoted: Vec<_> = operators.iter().map(|operator| format!("\"{operator}\"")).collect();
    let choice = match quoted.as_slice() {
        [front @ .., last] if front.len() > 1 => format!("{}, or {last}", front.join(", ")),
        _ => quoted.join(" or "),
    };
    Stop::fatal(format!("{argument}: argument does not end in {choice} followed by a value."))
}

/// By what a row may be named beside its UUID.
enum Handle {
    /// A column of its own.
    Own(&'static str),
    /// A row of that table, by name, that refers to it in that column.
    Through(&'static str, &'static str),
}

fn handle(table: &Table) -> Option<Handle> {
    Some(match table.name {
        "Bridge" | "Flow_Table" | "Interface" | "Mirror" | "Port" => Handle::Own("name"),
        "Manager" => Handle::Own("target"),
        "Flow_Sample_Collector_Set" => Handle::Own("id"),
        "AutoAttach" => Handle::Through("Bridge", "auto_attach"),
        "Controller" => Handle::Through("Bridge", "controller"),
        "IPFIX" => Handle::Through("Bridge", "ipfix"),
        "NetFlow" => Handle::Through("Bridge", "netflow"),
        "sFlow" => Handle::Through("Bridge", "sflow"),
        "QoS" => Handle::Through("Port", "qos"),
        _ => return None,
    })
}

/// A record by UUID, `.`, name, or the first digits of its UUID.
pub(super) fn find_record<'s>(
    session: &'s Session<'_>,
    table: usize,
    record: &str,
) -> Result<Option<RowRef<'s>>, Stop> {
    if let Some(row) = Uuid::from_str(record).ok().and_then(|uuid| session.row(table, uuid)) {
        return Ok(Some(row));
    }
    let rows = session.rows(table);
    if let (".", [only]) = (record, rows.as_slice()) {
        return Ok(Some(*only));
    }
    let named = match handle(&schema::tables()[table]) {
        Some(Handle::Own(column)) => unique(&rows, column, record)?,
        Some(Handle::Through(via, column)) => {
            let referrer = unique(&session.rows(table_index(via)), "name", record)?;
            referrer
                .and_then(|row| row.get(column).single()?.as_uuid())
                .and_then(|uuid| session.row(table, uuid))
        }
        None => None,
    };
    if named.is_some() || record.len() < 4 {
        return Ok(named);
    }
    let mut matching = rows.iter().filter(|row| row.uuid.starts_with(record));
    match (matching.next(), matching.next()) {
        (Some(one), Some(two)) => Err(Stop::fatal(format!(
            "{} contains 2 or more rows whose UUIDs begin with \"{record}\": at least {} and {}",
            schema::tables()[table].name,
            one.uuid,
            two.uuid
        ))),
        (first, _) => Ok(first.copied()),
    }
}

fn unique<'s>(rows: &[RowRef<'s>], column: &str, value: &str) -> Result<Option<RowRef<'s>>, Stop> {
    let is_it = |row: &&RowRef<'s>| match row.get(column).single() {
        Some(Atom::Text(text)) => text.as_str() == value,
        Some(Atom::Integer(number)) => value.parse() == Ok(*number),
        _ => false,
    };
    let mut found = rows.iter().filter(is_it);
    match (found.next(), found.next()) {
        (Some(row), Some(_)) => {
            Err(Stop::fatal(format!("multiple rows in {} match \"{value}\"", row.table.name)))
        }
        (first, _) => Ok(first.copied()),
    }
}

/// [`find_record`], where a missing one is an error unless `--if-exists` was given.
pub(super) fn need_record<'s>(
    session: &'s Session<'_>,
    table: usize,
    record: &str,
    must_exist: bool,
) -> Result<Option<RowRef<'s>>, Stop> {
    match find_record(session, table, record)? {
        None if must_exist => {
            Err(Stop::fatal(format!("no row \"{record}\" in table {}", schema::tables()[table].name)))
        }
        found => Ok(found),
    }
}

/// What stands for a pre-shared key in listings.
const MASK: &str = "***";

/// A column's value as it may be shown: pre-shared keys masked.
pub(super) fn shown(row: RowRef<'_>, column: &Column) -> Datum {
    let mut value = row.get(column.name).clone();
    if row.table.name == "Interface" && column.name == "options" {
        let psk = Atom::text("psk");
        if value.value_of(&psk).is_some() {
            value.insert(psk, Some(Atom::text(MASK)));
        }
    }
    value
}
