//! A configuration file in vsctl's tables, so that its reading words work there too.

use crate::config::ovsdb::Database;
use crate::config::raw::{RawConfig, RawTable, RawValue};
use crate::config::vsctl::{self, Context};

/// Raw keys of a bridge that are keys of `other_config` there.
const BRIDGE_OTHER: [(&str, &str); 9] = [
    ("forward_bpdu", "forward-bpdu"),
    ("hwaddr", "hwaddr"),
    ("mac_aging_time", "mac-aging-time"),
    ("mac_table_size", "mac-table-size"),
    ("stp_forward_delay", "stp-forward-delay"),
    ("stp_hello_time", "stp-hello-time"),
    ("stp_max_age", "stp-max-age"),
    ("stp_priority", "stp-priority"),
    ("stp_system_id", "stp-system-id"),
];
/// Raw keys of a port that are keys of `other_config` there.
const PORT_OTHER: [(&str, &str); 4] = [
    ("stp", "stp-enable"),
    ("stp_path_cost", "stp-path-cost"),
    ("stp_port_num", "stp-port-num"),
    ("stp_port_priority", "stp-port-priority"),
];
/// Raw keys of a port that are no option of the interface.
const NO_OPTION: [&str; 5] = ["type", "ofport", "mtu", "mac", "addresses"];

/// What the file says. What has no place in the tables is left out.
pub fn database(raw: &RawConfig) -> Database {
    let mut database = Database::new();
    // Without its first row even a reading line would have to write, which is refused.
    line(&mut database, &["init"]);
    for (name, bridge) in &raw.bridges {
        line(&mut database, &["--may-exist", "add-br", name]);
        if let Some(RawValue::Boolean(true)) = bridge.settings.get("stp") {
            line(&mut database, &["set", "Bridge", name, "stp_enable=true"]);
        }
        other_config(&mut database, "Bridge", name, &BRIDGE_OTHER, &bridge.settings);
        for (port, table) in &bridge.ports {
            line(&mut database, &["--may-exist", "add-port", name, port]);
            other_config(&mut database, "Port", port, &PORT_OTHER, table);
            interface(&mut database, port, table);
        }
    }
    database
}

fn interface(database: &mut Database, port: &str, table: &RawTable) {
    let mut words = vec!["set".to_owned(), "Interface".to_owned(), port.to_owned()];
    if let Some(kind) = table.get("type").and_then(text).filter(|kind| kind != "system") {
        words.push(format!("type={kind}"));
    }
    for (key, entry) in table.entries() {
        if !NO_OPTION.contains(&key.as_str())
            && !PORT_OTHER.iter().any(|(raw, _)| raw == key)
            && let Some(value) = text(&entry.value)
        {
            words.push(format!("options:{key}={value}"));
        }
    }
    if words.len() > 3 {
        line(database, &words.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

fn other_config(database: &mut Database, kind: &str, name: &str, keys: &[(&str, &str)], table: &RawTable) {
    for (raw, key) in keys {
        if let Some(value) = table.get(raw).and_then(text) {
            line(database, &["set", kind, name, &format!("other_config:{key}={value}")]);
        }
    }
}

fn text(value: &RawValue) -> Option<String> {
    match value {
        RawValue::Text(text) => Some(text.clone()),
        RawValue::Integer(number) => Some(number.to_string()),
        RawValue::Boolean(truth) => Some(truth.to_string()),
        RawValue::List(_) | RawValue::Unreadable => None,
    }
}

fn line(database: &mut Database, words: &[&str]) {
    let args: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let mut context = Context {
        program: "adit",
        version: env!("CARGO_PKG_VERSION"),
        databases: &[],
        random: &mut || {
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&super::reconcile::seed()[..16]);
            bytes
        },
        validate: &|_| Ok(Vec::new()),
    };
    let outcome = vsctl::run(database, &args, &mut context);
    if outcome.exit != 0 {
        tracing::debug!(error = outcome.stderr.trim_end(), "no place for it in the database");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_line_changes_nothing_whatever_the_file_says() {
        for file in ["", "[ipsec.office]\n", "[bridge.b]\n"] {
            let (raw, _) = RawConfig::read(file.as_bytes());
            let mut database = database(&raw);
            let before = database.clone();
            line(&mut database, &["list-br"]);
            assert!(database == before, "{file}");
        }
    }
}
