//! `show`: the database as a tree.

use super::Stop;
use super::column::shown;
use super::command::Command;
use super::session::{Output, Session, table_index};
use crate::config::ovsdb::RowRef;
use crate::config::ovsdb::schema::Base;

/// What is shown of a table's rows: the columns, references followed.
fn columns(table: &str) -> &'static [&'static str] {
    match table {
        "Open_vSwitch" => &["manager_options", "bridges", "ovs_version"],
        "Bridge" => &["controller", "fail_mode", "datapath_type", "ports"],
        "Port" => &["tag", "trunks", "interfaces"],
        "Interface" => &["type", "options", "error", "bfd_status"],
        "Controller" | "Manager" => &["is_connected"],
        _ => &[],
    }
}

/// `init`, `comment`: nothing to do, nothing to print.
pub(super) fn nothing(_: &mut Session<'_>, _: &Command<'_>) -> Result<Output, Stop> {
    Ok(Output::nothing())
}

/// `show`
pub(super) fn show(session: &mut Session<'_>, _: &Command<'_>) -> Result<Output, Stop> {
    let mut text = String::new();
    for root in session.rows(table_index("Open_vSwitch")) {
        show_row(session, root, 0, &mut text);
    }
    Ok(Output::Text(text))
}

fn show_row(session: &Session<'_>, row: RowRef<'_>, level: usize, text: &mut String) {
    let indent = "    ".repeat(level);
    let title = row.get(if row.table.column("name").is_some() { "name" } else { "target" });
    match title.single() {
        Some(name) => *text += &format!("{indent}{} {}\n", row.table.name, name.to_text()),
        None => *text += &format!("{indent}{}\n", row.uuid),
    }
    for column in columns(row.table.name).iter().filter_map(|name| row.table.column(name)) {
        let column = &row.table.columns[column];
        if matches!(column.kind.key, Base::Reference { .. }) {
            for inner in session.follow(row, column.name) {
                show_row(session, inner, level + 1, text);
            }
        } else if !column.kind.is_default(row.get(column.name)) {
            *text += &format!("{indent}    {}: {}\n", column.name, column.kind.text_of(&shown(row, column)));
        }
    }
}
