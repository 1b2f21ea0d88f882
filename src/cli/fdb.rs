//! `adit fdb` for people.

use super::table::{row, seconds, table};
use crate::status::Fdb;

pub(super) fn text(fdb: &Fdb) -> String {
    let mut text = String::new();
    for bridge in &fdb.bridges {
        text += &format!("bridge {}\n", bridge.name);
        let mut rows = vec![row(["PORT", "VLAN", "MAC", "AGE"])];
        for entry in &bridge.entries {
            rows.push(row([&entry.port, &entry.vlan.to_string(), &entry.mac, &seconds(entry.age)]));
        }
        text += &table("  ", &rows);
    }
    text
}
