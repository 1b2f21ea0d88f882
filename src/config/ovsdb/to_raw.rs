//! From the database's rows to the raw configuration.

use std::fmt;

use super::{Database, RowRef, served};
use crate::config::raw::{RawBridge, RawConfig, RawTable};

/// Something stored that has no effect in adit, named once to whoever set it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning(pub String);

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Keys of Bridge.other_config that are served, and the raw key of each.
const BRIDGE_OTHER: [(&str, &str); 9] = [
    ("forward-bpdu", "forward_bpdu"),
    ("hwaddr", "hwaddr"),
    ("mac-aging-time", "mac_aging_time"),
    ("mac-table-size", "mac_table_size"),
    ("stp-forward-delay", "stp_forward_delay"),
    ("stp-hello-time", "stp_hello_time"),
    ("stp-max-age", "stp_max_age"),
    ("stp-priority", "stp_priority"),
    ("stp-system-id", "stp_system_id"),
];

/// Keys of Bridge.other_config whose number Open vSwitch forces into a range.
const CLAMPED: [(&str, &str, i64, i64); 2] =
    [("mac-aging-time", "mac_aging_time", 15, 3600), ("mac-table-size", "mac_table_size", 10, 1_000_000)];

/// Keys of Port.other_config that are served, and the raw key of each.
const PORT_OTHER: [(&str, &str); 4] = [
    ("stp-enable", "stp"),
    ("stp-path-cost", "stp_path_cost"),
    ("stp-port-num", "stp_port_num"),
    ("stp-port-priority", "stp_port_priority"),
];

/// True if adit acts on this key of Bridge.other_config.
pub(super) fn serves_bridge_key(key: &str) -> bool {
    BRIDGE_OTHER.iter().any(|(name, _)| *name == key)
}

/// True if adit acts on this key of Port.other_config.
pub(super) fn serves_port_key(key: &str) -> bool {
    PORT_OTHER.iter().any(|(name, _)| *name == key)
}

/// The configuration that the database asks for, and what of it has no effect.
/// What is refused ([`served::refusals`]) never gets into the database.
pub fn to_raw(database: &Database) -> (RawConfig, Vec<Warning>) {
    let mut config = RawConfig::default();
    let root = database.find("Open_vSwitch", ".");
    for bridge in root.map(|root| database.follow(root, "bridges")).unwrap_or_default() {
        config.bridges.insert(bridge.name().to_owned(), raw_bridge(database, bridge));
    }
    (config, served::warnings(database))
}

fn raw_bridge(database: &Database, bridge: RowRef<'_>) -> RawBridge {
    let mut raw = RawBridge::default();
    raw.settings.set("stp", bridge.get("stp_enable").is_true());
    copy_keys(bridge, &BRIDGE_OTHER, &mut raw.settings);
    for (key, name, min, max) in CLAMPED {
        let number = bridge.get("other_config").get_text(key).and_then(|text| text.parse::<i64>().ok());
        if let Some(number) = number {
            raw.settings.set(name, number.clamp(min, max));
        }
    }
    for port in database.follow(bridge, "ports") {
        let Some(interface) = database.follow(port, "interfaces").into_iter().next() else { continue };
        if port.name() == bridge.name() {
            copy_number(interface, "mtu_request", "mtu", &mut raw.settings);
            if let (Some(mac), None) = (interface.get("mac").single_text(), raw.settings.get("hwaddr")) {
                raw.settings.set("hwaddr", mac);
            }
        } else {
            raw.ports.insert(port.name().to_owned(), raw_port(port, interface));
        }
    }
    raw
}

fn raw_port(port: RowRef<'_>, interface: RowRef<'_>) -> RawTable {
    let mut raw = RawTable::default();
    copy_keys(port, &PORT_OTHER, &mut raw);
    let kind = interface.get("type").single_text().unwrap_or_default();
    raw.set("type", if kind.is_empty() { "system" } else { kind });
    copy_number(interface, "ofport_request", "ofport", &mut raw);
    if served::is_local_device(kind) {
        copy_number(interface, "mtu_request", "mtu", &mut raw);
        if let Some(mac) = interface.get("mac").single_text() {
            raw.set("mac", mac);
        }
    }
    for (key, value) in interface.get("options").pairs() {
        let (Some(key), Some(value)) = (key.as_text(), value.and_then(super::Atom::as_text)) else {
            continue;
        };
        if let Some(name) = served::raw_option(kind, key) {
            raw.set(name, value);
        }
    }
    raw
}

fn copy_keys(row: RowRef<'_>, keys: &[(&str, &str)], raw: &mut RawTable) {
    for (key, name) in keys {
        if let Some(value) = row.get("other_config").get_text(key) {
            raw.set(*name, value);
        }
    }
}

fn copy_number(row: RowRef<'_>, column: &str, name: &str, raw: &mut RawTable) {
    if let Some(number) = row.get(column).single().and_then(super::Atom::as_integer) {
        raw.set(name, number);
    }
}
