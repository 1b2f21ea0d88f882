//! Commands that change records: `set`, `add`, `remove`, `clear`, `create`, `destroy`.

use super::Stop;
use super::column::{find_column, find_table, need_record, split};
use super::command::Command;
use super::session::{Output, Session};
use crate::config::ovsdb::schema::{self, Column, Type, UNLIMITED};
use crate::config::ovsdb::{Datum, Uuid};

/// The record a command names; `None`: `--if-exists`, and it does not.
fn target(session: &Session<'_>, command: &Command<'_>) -> Result<Option<(usize, Uuid)>, Stop> {
    let table = find_table(&command.args[0])?;
    let row = need_record(session, table, &command.args[1], !command.has("--if-exists"))?;
    Ok(row.map(|row| (table, row.uuid)))
}

fn check_mutable(session: &Session<'_>, table: usize, uuid: Uuid, column: &Column) -> Result<(), Stop> {
    if column.mutable || session.is_new(table, uuid) {
        return Ok(());
    }
    let table = schema::tables()[table].name;
    Err(Stop::fatal(format!("cannot modify read-only column {} in table {table}", column.name)))
}

/// `COLUMN[:KEY]=VALUE` on a record.
pub(super) fn assign(
    session: &mut Session<'_>,
    table: usize,
    uuid: Uuid,
    argument: &str,
) -> Result<(), Stop> {
    let argument = split(table, argument, &["="])?;
    let Some((_, value)) = argument.value else { return Ok(()) };
    let column = &schema::tables()[table].columns[argument.place];
    check_mutable(session, table, uuid, column)?;
    let datum = match argument.key {
        None => session.datum(&column.kind, &value)?,
        Some(key) => {
            let Some(base) = column.kind.value else {
                return Err(Stop::fatal(format!(
                    "cannot specify key to set for non-map column {}",
                    column.name
                )));
            };
            let key = session.atom(column.kind.key, &key)?;
            let value = session.atom(base, &value)?;
            let mut datum = current(session, table, uuid, argument.place);
            datum.insert(key, Some(value));
            datum
        }
    };
    session.write_at(table, uuid, argument.place, datum);
    Ok(())
}

fn current(session: &Session<'_>, table: usize, uuid: Uuid, place: usize) -> Datum {
    session.row(table, uuid).map(|row| row.at(place).clone()).unwrap_or_default()
}

/// `set [--if-exists] TABLE RECORD COLUMN[:KEY]=VALUE...`
pub(super) fn set(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    if let Some((table, uuid)) = target(session, command)? {
        for argument in &command.args[2..] {
            assign(session, table, uuid, argument)?;
        }
    }
    Ok(Output::nothing())
}

fn noun(kind: &Type) -> &'static str {
    if kind.is_map() { "pairs" } else { "values" }
}

/// `add [--if-exists] TABLE RECORD COLUMN [KEY=]VALUE...`
pub(super) fn add(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let Some((table, uuid)) = target(session, command)? else { return Ok(Output::nothing()) };
    let place = find_column(table, &command.args[2])?;
    let column = &schema::tables()[table].columns[place];
    check_mutable(session, table, uuid, column)?;
    let mut datum = current(session, table, uuid, place);
    let kind = Type { min: 1, max: UNLIMITED, ..column.kind };
    for value in &command.args[3..] {
        let more = session.datum(&kind, value)?;
        for (key, value) in more.pairs() {
            datum.insert(key.clone(), value.cloned());
        }
    }
    if datum.len() > column.kind.max {
        return Err(Stop::fatal(format!(
            "\"add\" operation would put {} {} in column {} of table {} but the maximum number is {}",
            datum.len(),
            noun(&kind),
            column.name,
            schema::tables()[table].name,
            column.kind.max
        )));
    }
    session.write_at(table, uuid, place, datum);
    Ok(Output::nothing())
}

/// `remove [--if-exists] TABLE RECORD COLUMN (KEY | VALUE | KEY=VALUE)...`
pub(super) fn remove(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let Some((table, uuid)) = target(session, command)? else { return Ok(Output::nothing()) };
    let place = find_column(table, &command.args[2])?;
    let column = &schema::tables()[table].columns[place];
    check_mutable(session, table, uuid, column)?;
    let mut datum = current(session, table, uuid, place);
    let kind = Type { min: 1, max: UNLIMITED, ..column.kind };
    for value in &command.args[3..] {
        let less = match session.datum(&kind, value) {
            // Not pairs: keys alone, whatever is beside them.
            Err(_) if kind.is_map() => session.datum(&Type { value: None, ..kind }, value)?,
            other => other?,
        };
        datum.subtract(&less);
    }
    if datum.len() < column.kind.min {
        return Err(Stop::fatal(format!(
            "\"remove\" operation would put {} {} in column {} of table {} but the minimum number is {}",
            datum.len(),
            noun(&kind),
            column.name,
            schema::tables()[table].name,
            column.kind.min
        )));
    }
    session.write_at(table, uuid, place, datum);
    Ok(Output::nothing())
}

/// `clear [--if-exists] TABLE RECORD COLUMN...`
pub(super) fn clear(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let Some((table, uuid)) = target(session, command)? else { return Ok(Output::nothing()) };
    for name in &command.args[2..] {
        let place = find_column(table, name)?;
        let column = &schema::tables()[table].columns[place];
        check_mutable(session, table, uuid, column)?;
        if column.kind.min > 0 {
            return Err(Stop::fatal(format!(
                "\"clear\" operation cannot be applied to column {} of table {}, which is not allowed to \
                 be empty",
                column.name,
                schema::tables()[table].name
            )));
        }
        session.write_at(table, uuid, place, Datum::empty());
    }
    Ok(Output::nothing())
}

/// Checks the table; without `--id` a row outside the root set cannot last.
pub(super) fn prepare_create(session: &mut Session<'_>, command: &Command<'_>) -> Result<(), Stop> {
    let table = &schema::tables()[find_table(&command.args[0])?];
    if !command.has("--id") && !table.root {
        session.warn(format!(
            "applying \"create\" command to table {} without --id option will have no effect",
            table.name
        ));
    }
    Ok(())
}

/// `create [--id=@x] TABLE COLUMN[:KEY]=VALUE...`
pub(super) fn create(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let table = find_table(&command.args[0])?;
    let id = match command.value("--id") {
        None => None,
        Some(id) => Some(session.define(id, None, schema::tables()[table].root)?),
    };
    let uuid = session.insert_as(table, id)?;
    for argument in &command.args[1..] {
        assign(session, table, uuid, argument)?;
    }
    Ok(Output::lines([uuid.to_string()]))
}

/// `destroy [--if-exists] TABLE RECORD...`, `destroy --all TABLE`
pub(super) fn destroy(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let table = find_table(&command.args[0])?;
    let records = &command.args[1..];
    if command.has("--all") {
        if !records.is_empty() {
            return Err(Stop::fatal("--all and records argument should not be specified together"));
        }
        if command.has("--if-exists") {
            return Err(Stop::fatal("--all and --if-exists should not be specified together"));
        }
        let uuids: Vec<_> = session.rows(table).iter().map(|row| row.uuid).collect();
        uuids.into_iter().for_each(|uuid| session.delete(table, uuid));
    }
    for record in records {
        let row = need_record(session, table, record, !command.has("--if-exists"))?;
        if let Some(uuid) = row.map(|row| row.uuid) {
            session.delete(table, uuid);
        }
    }
    Ok(Output::nothing())
}
