//! What the daemon observes, written into the columns of the database that are its own.

use std::time::Instant;

use super::bridges::{RunningBridge, RunningPort};
use super::reconcile::Running;
use crate::config::desired::DeviceName;
use crate::config::ovsdb::{Atom, Database, Datum};
use adit_switch::{PortView, StpPortView, StpView};

/// Says that what is configured now is applied.
pub fn applied(database: &mut Database) {
    let next = database.find("Open_vSwitch", ".").and_then(|root| root.get("next_cfg").single().cloned());
    if let Some(next) = next.as_ref().and_then(Atom::as_integer) {
        set(database, "Open_vSwitch", ".", "cur_cfg", Datum::integer(next));
    }
}

/// Writes what is so now.
pub fn write(database: &mut Database, running: &Running) {
    let version = format!("adit {}", env!("CARGO_PKG_VERSION"));
    set(database, "Open_vSwitch", ".", "ovs_version", Datum::text(&version));
    let types =
        ["geneve", "gre", "internal", "ipsec_geneve", "ipsec_gre", "ipsec_vxlan", "system", "tap", "vxlan"];
    set(database, "Open_vSwitch", ".", "iface_types", Datum::texts(types));
    set(database, "Open_vSwitch", ".", "datapath_types", Datum::texts(["netdev", "system"]));
    for (name, bridge) in running.bridges() {
        write_bridge(database, running, name, bridge);
    }
}

fn set(database: &mut Database, table: &str, row: &str, column: &str, value: Datum) {
    // A row that a transaction has just removed is not there; nothing else can fail.
    if let Err(error) = database.set_runtime(table, row, column, value) {
        tracing::trace!(%error, "database");
    }
}

fn write_bridge(database: &mut Database, running: &Running, name: &DeviceName, bridge: &RunningBridge) {
    let stp = bridge.switch.stp(Instant::now());
    let status = stp.as_ref().map(bridge_status).unwrap_or_default();
    set(database, "Bridge", name.as_str(), "status", Datum::text_map(status));
    let views = bridge.switch.ports();
    for (port_name, port) in &bridge.ports {
        let view = views.iter().find(|view| port.id == Some(view.port));
        let stp = stp.as_ref().and_then(|stp| stp.ports.iter().find(|view| port.id == Some(view.port)));
        write_port(database, port_name.as_str(), stp);
        write_interface(database, running, port_name, port, view);
    }
}

fn bridge_status(stp: &StpView) -> Vec<(&'static str, String)> {
    vec![
        ("stp_bridge_id", stp.bridge_id.to_string()),
        ("stp_designated_root", stp.root_id.to_string()),
        ("stp_root_path_cost", stp.root_path_cost.to_string()),
    ]
}

fn write_port(database: &mut Database, name: &str, stp: Option<&StpPortView>) {
    let status = stp.map(|view| {
        vec![
            // Decimal, as Open vSwitch has it.
            ("stp_port_id", view.port_id.0.to_string()),
            ("stp_state", view.state.name().to_owned()),
            ("stp_sec_in_state", view.in_state.as_secs().to_string()),
            ("stp_role", view.role.name().to_owned()),
        ]
    });
    set(database, "Port", name, "status", Datum::text_map(status.unwrap_or_default()));
    let statistics = stp.map(|view| {
        [("stp_tx_count", view.sent), ("stp_rx_count", view.received), ("stp_error_count", view.errors)]
    });
    let statistics = statistics.into_iter().flatten().map(|(key, count)| (key, integer(count)));
    set(database, "Port", name, "statistics", Datum::integer_map(statistics));
}

fn write_interface(
    database: &mut Database,
    running: &Running,
    name: &DeviceName,
    port: &RunningPort,
    view: Option<&PortView>,
) {
    let mut set = |column, value| set(database, "Interface", name.as_str(), column, value);
    let optional = |text: Option<String>| text.map_or_else(Datum::empty, |text| Datum::text(&text));
    // Without its device a port does not exist; without a way or an SA it exists and is down.
    let failed = port.id.is_none() || (port.tunnel().is_none() && !port.device.is_there());
    set("ofport", Datum::integer(if failed { -1 } else { port.ofport.into() }));
    set("error", optional(running.port_error(name, port)));
    let link = running.host().link(name.as_str()).filter(|_| port.tunnel().is_none() && !failed);
    let up = |up: bool| optional((!failed).then(|| if up { "up" } else { "down" }.to_owned()));
    set("link_state", up(view.is_some_and(|view| view.up)));
    set("admin_state", up(link.is_none_or(|link| link.up)));
    let mac = link.and_then(|link| link.mac).map(|mac| adit_switch::MacAddr(mac).to_string());
    set("mac_in_use", optional(mac));
    set("mtu", link.map_or_else(Datum::empty, |link| Datum::integer(link.mtu.into())));
    set("ifindex", Datum::integer(link.map_or(0, |link| link.index.into())));
    let counters = &port.counters;
    let dropped: u64 = counters.drops.nonzero().iter().map(|(_, count)| count).sum();
    let statistics = [
        ("rx_packets", counters.rx_packets.get()),
        ("rx_bytes", counters.rx_bytes.get()),
        ("tx_packets", counters.tx_packets.get()),
        ("tx_bytes", counters.tx_bytes.get()),
        ("rx_dropped", dropped),
    ];
    let statistics = statistics.into_iter().filter(|_| !failed).map(|(key, count)| (key, integer(count)));
    set("statistics", Datum::integer_map(statistics));
    let status = running.connection_state(name, port).map(|state| ("ipsec_state", state));
    set("status", Datum::text_map(status));
}

fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
