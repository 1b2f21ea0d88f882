//! Commands that look at records: `get`, `list`, `find`, `wait-until`.

use super::Stop;
use super::column::{find_column, find_columns, find_table, leading_column, need_record, shown, split};
use super::command::Command;
use super::session::{Output, Session};
use super::table::Table;
use crate::config::ovsdb::schema::{self, Base, Type};
use crate::config::ovsdb::{Datum, RowRef};

type Done = Result<(), Stop>;

/// Checks the table's name.
pub(super) fn prepare_table(_: &mut Session<'_>, command: &Command<'_>) -> Done {
    find_table(&command.args[0]).map(drop)
}

/// Checks the table and `TABLE RECORD COLUMN`.
pub(super) fn prepare_column(_: &mut Session<'_>, command: &Command<'_>) -> Done {
    find_column(find_table(&command.args[0])?, &command.args[2]).map(drop)
}

/// Checks the table and `TABLE RECORD COLUMN...`.
pub(super) fn prepare_columns(_: &mut Session<'_>, command: &Command<'_>) -> Done {
    let table = find_table(&command.args[0])?;
    command.args[2..].iter().try_for_each(|column| find_column(table, column).map(drop))
}

/// Checks the table and `TABLE RECORD COLUMN[:KEY]=VALUE...`.
pub(super) fn prepare_assignments(_: &mut Session<'_>, command: &Command<'_>) -> Done {
    prepare_arguments(command, 2)
}

/// Checks `TABLE RECORD [COLUMN[:KEY]]...`.
pub(super) fn prepare_get(_: &mut Session<'_>, command: &Command<'_>) -> Done {
    prepare_arguments(command, 2)
}

/// Checks `TABLE [CONDITION]...` and `--columns`.
pub(super) fn prepare_find(session: &mut Session<'_>, command: &Command<'_>) -> Done {
    prepare_list(session, command)?;
    prepare_arguments(command, 1)
}

/// Checks the table and `--columns`.
pub(super) fn prepare_list(_: &mut Session<'_>, command: &Command<'_>) -> Done {
    find_columns(find_table(&command.args[0])?, command.value("--columns")).map(drop)
}

fn prepare_arguments(command: &Command<'_>, from: usize) -> Done {
    let table = find_table(&command.args[0])?;
    for argument in &command.args[from..] {
        if !(command.syntax.name == "get" && is_uuid_column(argument)) {
            leading_column(table, argument)?;
        }
    }
    Ok(())
}

fn is_uuid_column(argument: &str) -> bool {
    argument.eq_ignore_ascii_case("_uuid") || argument.eq_ignore_ascii_case("-uuid")
}

/// `get [--if-exists] [--id=@x] TABLE RECORD [COLUMN[:KEY]]...`
pub(super) fn get(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let must_exist = !command.has("--if-exists");
    if command.has("--id") && !must_exist {
        return Err(Stop::fatal("--if-exists and --id may not be specified together"));
    }
    let (name, record) = (&command.args[0], &command.args[1]);
    let table = find_table(name)?;
    let Some(row) = need_record(session, table, record, must_exist)? else { return Ok(Output::nothing()) };
    let uuid = row.uuid;
    if let Some(id) = command.value("--id") {
        session.define(id, Some(uuid), true)?;
    }
    let mut lines = Vec::new();
    for argument in &command.args[2..] {
        if is_uuid_column(argument) {
            lines.push(uuid.to_string());
            continue;
        }
        let argument = split(table, argument, &[])?;
        let column = &schema::tables()[table].columns[argument.place];
        let Some(key) = argument.key else {
            let Some(row) = session.row(table, uuid) else { continue };
            lines.push(column.kind.text_of(&shown(row, column)));
            continue;
        };
        if !column.kind.is_map() {
            return Err(Stop::fatal(format!("cannot specify key to get for non-map column {}", column.name)));
        }
        let wanted = session.atom(column.kind.key, &key)?;
        let value = session.row(table, uuid).and_then(|row| row.at(argument.place).value_of(&wanted));
        match value {
            Some(value) => lines.push(value.to_text()),
            None if !must_exist => lines.push(String::new()),
            None => {
                return Err(Stop::fatal(format!(
                    "no key \"{key}\" in {} record \"{record}\" column {}",
                    schema::tables()[table].name,
                    column.name
                )));
            }
        }
    }
    Ok(Output::lines(lines))
}

fn new_table(table: usize, places: &[Option<usize>]) -> Table {
    let columns = &schema::tables()[table].columns;
    let heading = |place: &Option<usize>| place.map_or("_uuid", |place| columns[place].name);
    Table { headings: places.iter().map(heading).collect(), rows: Vec::new() }
}

fn cells(row: RowRef<'_>, places: &[Option<usize>]) -> Vec<(Type, Datum)> {
    let uuid =
        Type { key: Base::Reference { table: row.table.name, weak: true }, value: None, min: 1, max: 1 };
    let cell = |place: &Option<usize>| match place {
        None => (uuid, Datum::uuids([row.uuid])),
        Some(place) => (row.table.columns[*place].kind, shown(row, &row.table.columns[*place])),
    };
    places.iter().map(cell).collect()
}

/// `list [--if-exists] [--columns=] TABLE [RECORD]...`
pub(super) fn list(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let index = find_table(&command.args[0])?;
    let places = find_columns(index, command.value("--columns"))?;
    let mut table = new_table(index, &places);
    if command.args.len() == 1 {
        table.rows = session.rows(index).into_iter().map(|row| cells(row, &places)).collect();
    }
    for record in &command.args[1..] {
        if let Some(row) = need_record(session, index, record, !command.has("--if-exists"))? {
            table.rows.push(cells(row, &places));
        }
    }
    Ok(Output::Table(table))
}

/// `find [--columns=] TABLE [CONDITION]...`
pub(super) fn find(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let index = find_table(&command.args[0])?;
    let places = find_columns(index, command.value("--columns"))?;
    let mut table = new_table(index, &places);
    let uuids: Vec<_> = session.rows(index).iter().map(|row| row.uuid).collect();
    'rows: for uuid in uuids {
        for condition in &command.args[1..] {
            let Some(row) = session.row(index, uuid).map(|row| row_values(row, index)) else {
                continue 'rows;
            };
            if !holds(session, index, &row, condition)? {
                continue 'rows;
            }
        }
        table.rows.extend(session.row(index, uuid).map(|row| cells(row, &places)));
    }
    Ok(Output::Table(table))
}

/// `wait-until TABLE RECORD [CONDITION]...`
pub(super) fn wait_until(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let table = find_table(&command.args[0])?;
    let Some(row) = need_record(session, table, &command.args[1], false)? else { return Err(Stop::Until) };
    let row = row_values(row, table);
    for condition in &command.args[2..] {
        if !holds(session, table, &row, condition)? {
            return Err(Stop::Until);
        }
    }
    Ok(Output::nothing())
}

fn row_values(row: RowRef<'_>, table: usize) -> Vec<Datum> {
    (0..schema::tables()[table].columns.len()).map(|place| row.at(place).clone()).collect()
}

/// The operators of conditions.
const OPERATORS: [&str; 14] =
    ["=", "!=", "<", ">", "<=", ">=", "{=}", "{!=}", "{<}", "{>}", "{<=}", "{>=}", "{in}", "{not-in}"];

fn holds(session: &mut Session<'_>, table: usize, row: &[Datum], condition: &str) -> Result<bool, Stop> {
    let argument = split(table, condition, &OPERATORS)?;
    let Some((operator, value)) = argument.value else { return Ok(false) };
    let operator = OPERATORS[operator];
    let column = &schema::tables()[table].columns[argument.place];
    let have = &row[argument.place];
    let Some(key) = argument.key else {
        let want = session.datum(&column.kind, &value)?;
        return Ok(compare(have, operator, &want));
    };
    let Some(base) = column.kind.value else {
        return Err(Stop::fatal(format!("cannot specify key to check for non-map column {}", column.name)));
    };
    let key = session.atom(column.kind.key, &key)?;
    let want = session.datum(&Type { key: base, value: None, ..column.kind }, &value)?;
    let have = have.value_of(&key).cloned();
    if have.is_none() && !operator.starts_with('{') {
        return Ok(false);
    }
    Ok(compare(&have.map(Datum::scalar).unwrap_or_default(), operator, &want))
}

fn compare(have: &Datum, operator: &str, want: &Datum) -> bool {
    match operator {
        "=" | "{=}" => have == want,
        "!=" | "{!=}" => have != want,
        "<" => have < want,
        ">" => have > want,
        "<=" => have <= want,
        ">=" => have >= want,
        "{<}" => have.len() < want.len() && have.is_within(want),
        "{>}" => want.len() < have.len() && want.is_within(have),
        "{<=}" | "{in}" => have.is_within(want),
        "{>=}" => want.is_within(have),
        _ => !have.pairs().any(|(key, value)| Datum::single_pair(key, value).is_within(want)),
    }
}
