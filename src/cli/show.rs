//! `adit show` for people.

use super::table::{counts, row, table};
use crate::status::{Counts, DatapathCounters, IpsecState, Show, ShowIpsec, ShowPort};

/// Bridges, ports and interfaces; with `counters` also what was counted and dropped.
pub(super) fn text(show: &Show, counters: bool) -> String {
    let mut text = format!("adit {}\n", show.version);
    for bridge in &show.bridges {
        text += &format!("\nbridge {}  (spanning tree: {})\n", bridge.name, bridge.stp);
        let mut rows = vec![row(["PORT", "TYPE", "LINK", "STATE", "CONNECTION", ""])];
        rows.extend(bridge.ports.iter().map(port));
        text += &table("  ", &rows);
        if counters {
            bridge.ports.iter().for_each(|port| text += &dropped(&port.name, &port.drops));
            text += &format!("  counted: {}\n", counts(&bridge.counters));
        }
    }
    if !show.ipsec.is_empty() {
        text += "\nipsec\n";
        let mut rows = vec![row(["NAME", "DEVICE", "STATE", ""])];
        rows.extend(show.ipsec.iter().map(interface));
        text += &table("  ", &rows);
        if counters {
            show.ipsec.iter().for_each(|interface| text += &dropped(&interface.name, &interface.drops));
        }
    }
    if show.bridges.is_empty() && show.ipsec.is_empty() {
        text += "nothing is configured; try 'adit vsctl add-br br0'\n";
    }
    if counters {
        let (datapath, ike) = (&show.counters.datapath, &show.counters.ike);
        let DatapathCounters { packets, wakeups, allocations, punted_ike, punted_control, drops } = datapath;
        text += &format!("\ndata path: packets {packets}, wakeups {wakeups}, allocations {allocations}, ");
        text += &format!("punted_ike {punted_ike}, punted_control {punted_control}\n");
        text += &dropped("data path", drops);
        text += &format!("ike: {}\n", counts(ike));
    }
    text
}

fn dropped(of: &str, drops: &Counts) -> String {
    if drops.is_empty() { String::new() } else { format!("  {of} dropped: {}\n", counts(drops)) }
}

fn interface(interface: &ShowIpsec) -> Vec<String> {
    let device = interface.device.as_deref().unwrap_or("-");
    let remark = match (&interface.error, interface.state) {
        (Some(error), _) => format!("error: {error}"),
        (None, IpsecState::Down) => format!("'adit up {}' brings it back", interface.name),
        (None, _) => String::new(),
    };
    row([&interface.name, device, &interface.state.to_string(), &remark])
}

fn port(port: &ShowPort) -> Vec<String> {
    let link = if port.up { "up" } else { "down" };
    let mut remarks = Vec::new();
    remarks.extend(port.held.as_ref().map(|held| format!("held: {held}")));
    remarks.extend(port.error.as_ref().map(|error| format!("error: {error}")));
    let connection = port.connection.as_deref().unwrap_or("-");
    row([&port.name, &port.kind, link, &port.state, connection, &remarks.join("; ")])
}
