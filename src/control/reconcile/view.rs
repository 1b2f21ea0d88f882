//! What runs, in the shapes of [`status`](crate::status).

mod sa;

use std::collections::BTreeMap;
use std::time::Instant;

use adit_ike::ConnectionId;
use adit_ike::endpoint::IkeSaState;
use serde::Serialize;

use super::{Running, RunningInterface};
use crate::config::desired::{Desired, DeviceName, PortKind};
use crate::control::bridges::{RunningBridge, RunningPort};
use crate::control::connections::{Wanted, child_of_interface, children_of_port, policy_of};
use crate::control::devices::Host;
use crate::dataplane::{Drops, PortCounters};
use crate::status::{
    Counters, Counts, DatapathCounters, Fdb, FdbBridge, FdbEntry, IpsecState, Show, ShowBridge, ShowIpsec,
    ShowPort, Stp, StpBridge, StpPort,
};

impl Running {
    /// What is wanted.
    pub fn desired(&self) -> &Desired {
        &self.desired
    }

    /// The bridges that run.
    pub fn bridges(&self) -> &BTreeMap<DeviceName, RunningBridge> {
        &self.bridges
    }

    /// Devices and addresses as last seen.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// `up` or `down` for a protected port.
    pub fn connection_state(&self, name: &DeviceName, port: &RunningPort) -> Option<String> {
        let tunnel = port.tunnel().filter(|tunnel| tunnel.protection.is_some())?;
        let (policy, working) = (self.book.policy_of(name)?, self.ike.working());
        let up = children_of_port(policy, &tunnel.encap).iter().all(|child| working.contains(child));
        Some(if up { "up" } else { "down" }.to_owned())
    }

    /// `adit show`.
    pub fn show(&self) -> Show {
        let bridges = self.bridges.iter().map(|(name, bridge)| self.show_bridge(name, bridge)).collect();
        let ipsec =
            self.interfaces.iter().map(|(name, interface)| self.show_ipsec(name, interface)).collect();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Show { version, bridges, ipsec, counters: self.counters() }
    }

    /// What belongs to no bridge, port or SA.
    fn counters(&self) -> Counters {
        let counted = self.dataplane.counters();
        let mut drops = Counts::new();
        add_drops(&counted.drops, &mut drops);
        let datapath = DatapathCounters {
            packets: counted.packets.get(),
            wakeups: counted.wakeups.get(),
            allocations: counted.allocations.get(),
            punted_ike: counted.punted_ike.get(),
            punted_control: counted.punted_control.get(),
            drops,
        };
        Counters { datapath, ike: by_name(&self.ike.endpoint().counters()) }
    }

    fn show_bridge(&self, name: &DeviceName, bridge: &RunningBridge) -> ShowBridge {
        let views: BTreeMap<_, _> = bridge.switch.ports().into_iter().map(|view| (view.port, view)).collect();
        let mut ports: Vec<ShowPort> = Vec::new();
        for (port_name, port) in &bridge.ports {
            let view = port.id.and_then(|id| views.get(&id));
            let shown = ShowPort {
                name: port_name.to_string(),
                kind: kind(port).to_owned(),
                up: view.is_some_and(|view| view.up),
                state: view.map_or("disabled", |view| view.state.name()).to_owned(),
                held: port.id.and_then(|id| bridge.held_text(id)),
                error: self.port_error(port_name, port),
                connection: self.connection_name(port_name).map(ToString::to_string),
                drops: drops(&port.counters),
            };
            match port_name == name {
                true => ports.insert(0, shown),
                false => ports.push(shown),
            }
        }
        let stp = if bridge.settings.stp.is_some() { "stp" } else { "none" };
        let counters = by_name(&bridge.switch.counters());
        ShowBridge { name: name.to_string(), stp: stp.to_owned(), ports, counters }
    }

    /// What is wrong with a port: its device or way, else its connection.
    pub(crate) fn port_error(&self, name: &DeviceName, port: &RunningPort) -> Option<String> {
        port.error.clone().or_else(|| {
            port.tunnel().filter(|tunnel| tunnel.protection.is_some())?;
            self.connection_error(name)
        })
    }

    /// Why a protected port or interface has no SA, where something went wrong. What a child failed of
    /// is newer than what is told of its IKE SA.
    fn connection_error(&self, name: &DeviceName) -> Option<String> {
        let (id, wanted) = self.connection_of(name)?;
        if self.down.contains(&id) {
            return Some(super::taken_down(name.as_str()));
        }
        let (failures, working) = (self.ike.failures(), self.ike.working());
        let children = wanted.connection.children.iter().map(|child| child.id);
        let mut missing = children
            .filter(|child| self.book.name(policy_of(*child)) == Some(name) && !working.contains(child));
        let child = missing.find_map(|child| failures.of_child(child));
        child.or_else(|| failures.of(id).filter(|_| !self.is_established(id))).map(str::to_owned)
    }

    fn is_established(&self, id: ConnectionId) -> bool {
        let sas = self.ike.endpoint().ike_sas(Instant::now());
        sas.iter().any(|sa| sa.connection == Some(id) && sa.state == IkeSaState::Established)
    }

    fn connection_of(&self, name: &DeviceName) -> Option<(ConnectionId, &Wanted)> {
        let found = self.connections.iter().find(|(_, wanted)| wanted.members.contains(name));
        found.map(|(id, wanted)| (*id, wanted))
    }

    fn connection_name(&self, name: &DeviceName) -> Option<&DeviceName> {
        self.connection_of(name).and_then(|(_, wanted)| wanted.members.first())
    }

    fn show_ipsec(&self, name: &DeviceName, interface: &RunningInterface) -> ShowIpsec {
        let policy = self.book.policy_of(name);
        let working = policy.is_some_and(|policy| self.ike.working().contains(&child_of_interface(policy)));
        let down = self.connection_of(name).is_some_and(|(id, _)| self.down.contains(&id));
        let (state, error) = if let Some(error) = &interface.error {
            (IpsecState::Failed, Some(error.clone()))
        } else if working {
            (IpsecState::Up, None)
        } else if down {
            (IpsecState::Down, None)
        } else if let Some(error) = self.connection_error(name) {
            (IpsecState::Failed, Some(error))
        } else if interface.settings.protection.initiate {
            (IpsecState::Connecting, None)
        } else {
            (IpsecState::Waiting, None)
        };
        let device = interface.device.tap().map(|tap| tap.name().to_owned());
        let drops = drops(&interface.counters);
        ShowIpsec { name: name.to_string(), state, error, device, drops }
    }

    /// `adit stp`.
    pub fn stp(&self) -> Stp {
        let now = Instant::now();
        let view = |(name, bridge): (&DeviceName, &RunningBridge)| {
            let stp = bridge.switch.stp(now)?;
            let port = |id| bridge.name_of(id).map(ToString::to_string).unwrap_or_default();
            let ports = stp.ports.iter().map(|view| StpPort {
                name: port(view.port),
                role: view.role.name().to_owned(),
                state: view.state.name().to_owned(),
                path_cost: view.path_cost.0.into(),
                port_id: view.port_id.to_string(),
            });
            Some(StpBridge {
                name: name.to_string(),
                protocol: stp.protocol.to_owned(),
                bridge_id: stp.bridge_id.to_string(),
                root_id: stp.root_id.to_string(),
                root_path_cost: stp.root_path_cost,
                root_port: stp.root_port.map(port),
                ports: ports.collect(),
            })
        };
        Stp { bridges: self.bridges.iter().filter_map(view).collect() }
    }

    /// `adit fdb`.
    pub fn fdb(&self) -> Fdb {
        let view = |(name, bridge): (&DeviceName, &RunningBridge)| {
            let entries = bridge.switch.fdb_entries().into_iter().map(|entry| FdbEntry {
                port: bridge.name_of(entry.port).map(ToString::to_string).unwrap_or_default(),
                vlan: entry.vlan,
                mac: entry.mac.to_string(),
                age: entry.age.into(),
            });
            FdbBridge { name: name.to_string(), entries: entries.collect() }
        };
        Fdb { bridges: self.bridges.iter().map(view).collect() }
    }
}

fn drops(counters: &PortCounters) -> Counts {
    let mut sum = Counts::new();
    add_drops(&counters.drops, &mut sum);
    sum
}

fn add_drops(drops: &Drops, sum: &mut Counts) {
    for (reason, count) in drops.nonzero() {
        *sum.entry(reason.name().to_owned()).or_default() += count;
    }
}

/// Counters by the names of their fields.
fn by_name(counters: &impl Serialize) -> Counts {
    serde_json::to_value(counters).and_then(serde_json::from_value).unwrap_or_default()
}

/// The type as it was configured.
fn kind(port: &RunningPort) -> &str {
    match &port.settings.kind {
        PortKind::Internal(_) => "internal",
        PortKind::Tap(_) => "tap",
        PortKind::System => "system",
        PortKind::Tunnel(tunnel) => &tunnel.kind,
    }
}
