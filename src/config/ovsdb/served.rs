//! What adit serves of the schema. A column that decides what may reach whom,
//! and that adit does not act on, is refused by name: stored, it would be a
//! promise nobody keeps. Anything else without effect is stored and named in
//! a [`Warning`].

use super::schema::Column;
use super::to_raw::{serves_bridge_key, serves_port_key};
use super::{Atom, Database, RowRef, Warning};
use crate::config::desired::TUNNEL_TYPES;

/// Interface types that are devices of this host, made by adit.
pub(super) fn is_local_device(kind: &str) -> bool {
    matches!(kind, "internal" | "tap")
}

fn is_tunnel(kind: &str) -> bool {
    TUNNEL_TYPES.contains(&kind)
}

const TUNNEL_OPTIONS: [&str; 12] = [
    "csum",
    "df_default",
    "egress_pkt_mark",
    "in_key",
    "key",
    "local_ip",
    "out_key",
    "packet_type",
    "psk",
    "remote_ip",
    "tos",
    "ttl",
];

/// Options of adit's own for protected tunnels, named like the keys of the TOML file.
const PROTECTION_OPTIONS: [&str; 13] = [
    "child_bytes",
    "child_lifetime",
    "child_packets",
    "encapsulation",
    "esp",
    "ike",
    "ike_lifetime",
    "initiate",
    "liveness",
    "local_id",
    "psk_env",
    "psk_file",
    "remote_id",
];

/// The raw key that an option of an interface of this type becomes; `None` if it has no effect.
pub(super) fn raw_option<'k>(kind: &str, option: &'k str) -> Option<&'k str> {
    let served = match option {
        _ if !is_tunnel(kind) => false,
        "seq" => kind.ends_with("gre"),
        "dst_port" => !kind.ends_with("gre"),
        "ipsec_encapsulation" => return Some("encapsulation"),
        _ => TUNNEL_OPTIONS.contains(&option) || PROTECTION_OPTIONS.contains(&option),
    };
    served.then_some(option)
}

/// Everything in the database that adit will not keep, each as one line that
/// names table, record and column. Empty for a database that was committed.
pub fn refusals(database: &Database) -> Vec<String> {
    let mut found = Vec::new();
    for bridge in database.rows_of("Bridge") {
        refuse_bridge(bridge, &mut found);
    }
    for port in database.rows_of("Port") {
        refuse_port(port, &mut found);
    }
    for interface in database.rows_of("Interface") {
        refuse_interface(interface, &mut found);
    }
    found
}

fn refuse(row: RowRef<'_>, column: &str, why: &str, found: &mut Vec<String>) {
    found.push(format!(
        "adit does not serve column {column} of {} \"{}\": {why}",
        row.table.name,
        row.name()
    ));
}

fn refuse_bridge(bridge: RowRef<'_>, found: &mut Vec<String>) {
    if bridge.get("rstp_enable").is_true() {
        refuse(bridge, "rstp_enable", "there is no RSTP yet (use stp_enable)", found);
    }
    if !bridge.get("mirrors").is_empty() {
        refuse(bridge, "mirrors", "there are no mirrors yet", found);
    }
    if !bridge.get("flood_vlans").is_empty() {
        refuse(bridge, "flood_vlans", "VLANs are not told apart yet", found);
    }
    if !bridge.get("flow_tables").is_empty() {
        refuse(bridge, "flow_tables", "there is no OpenFlow", found);
    }
    if bridge.get("fail_mode").single_text() == Some("secure") {
        let why = "without OpenFlow flows nothing would pass (use standalone)";
        refuse(bridge, "fail_mode", why, found);
    }
    let datapath = bridge.get("datapath_type").single_text().unwrap_or_default();
    if !matches!(datapath, "" | "system" | "netdev") {
        let why = "the datapath is adit's own (\"\", system and netdev name it)";
        refuse(bridge, "datapath_type", why, found);
    }
}

fn refuse_port(port: RowRef<'_>, found: &mut Vec<String>) {
    for column in ["tag", "trunks", "vlan_mode", "cvlans"] {
        if !port.get(column).is_empty() {
            refuse(port, column, "VLANs are not told apart yet, tagged frames pass as they are", found);
        }
    }
    if port.get("fake_bridge").is_true() {
        refuse(port, "fake_bridge", "VLANs are not told apart yet", found);
    }
    if port.get("protected").is_true() {
        refuse(port, "protected", "ports are not kept apart yet", found);
    }
    if !port.get("qos").is_empty() {
        refuse(port, "qos", "nothing is shaped or queued", found);
    }
    if port.get("interfaces").len() > 1 {
        refuse(port, "interfaces", "there are no bonds, one interface a port", found);
    }
}

fn refuse_interface(interface: RowRef<'_>, found: &mut Vec<String>) {
    let kind = interface.get("type").single_text().unwrap_or_default();
    if !(matches!(kind, "" | "system") || is_local_device(kind) || is_tunnel(kind)) {
        let why = format!("no type {kind:?} (there are internal, system, tap, {})", TUNNEL_TYPES.join(", "));
        refuse(interface, "type", &why, found);
    }
    for column in ["ingress_policing_rate", "ingress_policing_kpkts_rate"] {
        if interface.get(column).single() != Some(&Atom::Integer(0)) {
            refuse(interface, column, "nothing is policed", found);
        }
    }
    let options = interface.get("options");
    for (key, value) in options.pairs() {
        let (Some(key), Some(value)) = (key.as_text(), value.and_then(Atom::as_text)) else { continue };
        if let Some(why) = refused_option(kind, key, value) {
            refuse(interface, &format!("options:{key}"), why, found);
        }
    }
}

/// Options that change who reaches what, or that promise protection, and are not served.
fn refused_option(kind: &str, key: &str, value: &str) -> Option<&'static str> {
    // Protection misspelt must not become a tunnel in the clear.
    let lower = key.to_ascii_lowercase();
    let protects = ["psk", "ipsec"].iter().any(|word| lower.contains(word));
    if raw_option(kind, key).is_none() && protects {
        return Some(if is_tunnel(kind) {
            "no such setting of the protection"
        } else {
            "this type has no IPsec"
        });
    }
    match key {
        "remote_cert" | "remote_name" | "certificate" | "private_key" | "ca_cert" | "use_ssl_cert" => {
            Some("there are no certificates yet (use psk)")
        }
        "exts" => Some("there are no VXLAN extensions"),
        "remote_ip" | "local_ip" | "key" | "in_key" | "out_key" if value == "flow" => {
            Some("flow-based tunnels need OpenFlow")
        }
        "packet_type" if value != "legacy_l2" => Some("ports carry Ethernet frames (legacy_l2)"),
        _ => None,
    }
}

/// Everything stored that has no effect, each named once.
pub fn warnings(database: &Database) -> Vec<Warning> {
    let mut found = Vec::new();
    for root in database.rows_of("Open_vSwitch") {
        warn_columns(root, &["manager_options", "ssl"], &mut found);
    }
    for bridge in database.rows_of("Bridge") {
        let unserved = ["auto_attach", "controller", "ipfix", "mcast_snooping_enable", "netflow", "sflow"];
        warn_columns(bridge, &unserved, &mut found);
        warn_keys(bridge, serves_bridge_key, &mut found);
    }
    for port in database.rows_of("Port") {
        let unserved = ["bond_downdelay", "bond_fake_iface", "bond_mode", "bond_updelay", "lacp", "mac"];
        warn_columns(port, &unserved, &mut found);
        warn_keys(port, serves_port_key, &mut found);
    }
    for interface in database.rows_of("Interface") {
        let kind = interface.get("type").single_text().unwrap_or_default();
        warn_columns(interface, &["bfd", "cfm_mpid", "lldp"], &mut found);
        if !is_local_device(kind) {
            warn_columns(interface, &["mac", "mtu_request"], &mut found);
        }
        for key in interface.get("options").keys().filter_map(Atom::as_text) {
            if raw_option(kind, key).is_none() {
                found.push(warning(interface, &format!("options:{key}")));
            }
        }
    }
    found
}

fn warning(row: RowRef<'_>, column: &str) -> Warning {
    Warning(format!("{column} of {} \"{}\" has no effect in adit", row.table.name, row.name()))
}

fn is_set(row: RowRef<'_>, column: &Column) -> bool {
    !column.kind.is_default(row.get(column.name))
}

fn warn_columns(row: RowRef<'_>, columns: &[&str], found: &mut Vec<Warning>) {
    let unserved = row.table.columns.iter().filter(|column| columns.contains(&column.name));
    found.extend(unserved.filter(|column| is_set(row, column)).map(|column| warning(row, column.name)));
}

fn warn_keys(row: RowRef<'_>, served: fn(&str) -> bool, found: &mut Vec<Warning>) {
    let keys = row.get("other_config").keys().filter_map(Atom::as_text);
    found.extend(keys.filter(|key| !served(key)).map(|key| warning(row, &format!("other_config:{key}"))));
}
