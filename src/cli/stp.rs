//! `adit stp` for people.

use super::table::{row, table};
use crate::status::Stp;

pub(super) fn text(stp: &Stp) -> String {
    if stp.bridges.is_empty() {
        return "no bridge runs a spanning tree; 'adit vsctl set Bridge BRIDGE stp_enable=true' starts one\n"
            .to_owned();
    }
    let mut text = String::new();
    for bridge in &stp.bridges {
        text += &format!("bridge {}  ({}, {})\n", bridge.name, bridge.protocol, bridge.bridge_id);
        text += &match &bridge.root_port {
            None => "  this bridge is the root\n".to_owned(),
            Some(port) => {
                format!("  root {} through {port} at cost {}\n", bridge.root_id, bridge.root_path_cost)
            }
        };
        let mut rows = vec![row(["PORT", "ROLE", "STATE", "COST", "ID"])];
        for port in &bridge.ports {
            rows.push(row([&port.name, &port.role, &port.state, &port.path_cost.to_string(), &port.port_id]));
        }
        text += &table("  ", &rows);
    }
    text
}
