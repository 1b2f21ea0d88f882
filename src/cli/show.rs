//! `adit show` for people.

use super::table::{row, table};
use crate::status::{Show, ShowPort};

pub(super) fn text(show: &Show) -> String {
    let mut text = format!("adit {}\n", show.version);
    for bridge in &show.bridges {
        text += &format!("\nbridge {}  (spanning tree: {})\n", bridge.name, bridge.stp);
        let mut rows = vec![row(["PORT", "TYPE", "LINK", "STATE", "CONNECTION", ""])];
        rows.extend(bridge.ports.iter().map(port));
        text += &table("  ", &rows);
    }
    if !show.ipsec.is_empty() {
        text += "\nipsec\n";
        let mut rows = vec![row(["NAME", "DEVICE", "STATE"])];
        for interface in &show.ipsec {
            let device = interface.device.as_deref().unwrap_or("-");
            rows.push(row([&interface.name, device, &interface.state]));
        }
        text += &table("  ", &rows);
    }
    if show.bridges.is_empty() && show.ipsec.is_empty() {
        text += "nothing is configured; try 'adit vsctl add-br br0'\n";
    }
    text
}

fn port(port: &ShowPort) -> Vec<String> {
    let link = if port.up { "up" } else { "down" };
    let mut remarks = Vec::new();
    remarks.extend(port.held.as_ref().map(|held| format!("held: {held}")));
    remarks.extend(port.error.as_ref().map(|error| format!("error: {error}")));
    let connection = port.connection.as_deref().unwrap_or("-");
    row([&port.name, &port.kind, link, &port.state, connection, &remarks.join("; ")])
}
