//! What runs, in the shapes of [`status`](crate::status).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use adit_ike::config::Mode;
use adit_ike::endpoint::{ChildView, IkeSaView};
use adit_ike::{Carrier, ConnectionId};

use super::{Running, RunningInterface};
use crate::config::desired::{Desired, DeviceName, Encap, PortKind};
use crate::control::bridges::{RunningBridge, RunningPort};
use crate::control::connections::{Wanted, child_of_interface, children_of_port, policy_of};
use crate::control::devices::Host;
use crate::dataplane::{Drops, PolicyId, SaCounters};
use crate::status::{
    ChildRow, Fdb, FdbBridge, FdbEntry, IkeRow, Sa, Show, ShowBridge, ShowIpsec, ShowPort, Stp, StpBridge,
    StpPort,
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
        Show { version: env!("CARGO_PKG_VERSION").to_owned(), bridges, ipsec }
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
            };
            match port_name == name {
                true => ports.insert(0, shown),
                false => ports.push(shown),
            }
        }
        let stp = if bridge.settings.stp.is_some() { "stp" } else { "none" };
        ShowBridge { name: name.to_string(), stp: stp.to_owned(), ports }
    }

    /// What is wrong with a port: its device or way, else its connection.
    pub(crate) fn port_error(&self, name: &DeviceName, port: &RunningPort) -> Option<String> {
        port.error.clone().or_else(|| {
            port.tunnel().filter(|tunnel| tunnel.protection.is_some())?;
            self.connection_error(name)
        })
    }

    /// Why a protected port or interface has no SA, where something went wrong.
    fn connection_error(&self, name: &DeviceName) -> Option<String> {
        let (id, wanted) = self.connection_of(name)?;
        if self.down.contains(&id) {
            return Some(format!("taken down; 'adit up {name}' brings it back"));
        }
        let established = self
            .ike
            .endpoint()
            .ike_sas(Instant::now())
            .iter()
            .any(|sa| sa.connection == Some(id) && sa.state == "established");
        let policies = wanted.connection.children.iter().map(|child| policy_of(child.id));
        let policy = policies.into_iter().find(|policy| self.book.name(*policy) == Some(name));
        let child = policy.and_then(|policy| self.ike.child_failure(policy));
        let ike = self.ike.failure(id).filter(|_| !established);
        child.or(ike).map(str::to_owned)
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
        let state = if let Some(error) = &interface.error {
            format!("error: {error}")
        } else if working {
            "up".to_owned()
        } else if let Some(error) = self.connection_error(name) {
            match self.connection_of(name) {
                Some((id, _)) if self.down.contains(&id) => "down".to_owned(),
                _ => format!("error: {error}"),
            }
        } else if interface.settings.protection.initiate {
            "connecting".to_owned()
        } else {
            "waiting".to_owned()
        };
        let device = interface.device.tap().map(|tap| tap.name().to_owned());
        ShowIpsec { name: name.to_string(), state, device }
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

    /// `adit sa`.
    pub fn sa(&self) -> Sa {
        let now = Instant::now();
        let (sas, children) = (self.ike.endpoint().ike_sas(now), self.ike.endpoint().children(now));
        let mut ike: Vec<IkeRow> = sas.iter().map(|sa| self.ike_row(sa)).collect();
        let mut child: Vec<ChildRow> = children.iter().filter_map(|view| self.child_row(view)).collect();
        for (id, wanted) in &self.connections {
            if !sas.iter().any(|sa| sa.connection == Some(*id)) {
                ike.push(self.row_without_sa(*id, wanted));
            }
            for config in &wanted.connection.children {
                if !children.iter().any(|view| view.config == config.id) {
                    child.extend(self.child_without_sa(policy_of(config.id), config.mode));
                }
            }
        }
        Sa { ike, child }
    }

    fn ike_row(&self, sa: &IkeSaView) -> IkeRow {
        let wanted = sa.connection.and_then(|id| self.connections.get(&id));
        let failure = sa.connection.and_then(|id| self.ike.failure(id)).filter(|_| sa.state == "connecting");
        IkeRow {
            connection: wanted.and_then(|w| w.members.first()).map(ToString::to_string),
            state: failure.map_or_else(|| sa.state.to_owned(), |failure| format!("{}: {failure}", sa.state)),
            local: Some(sa.path.local.to_string()),
            remote: Some(sa.path.remote.to_string()),
            local_id: sa.local_id.as_ref().map(ToString::to_string),
            remote_id: sa.remote_id.as_ref().map(ToString::to_string),
            spi_i: Some(sa.spi_i.to_string()),
            spi_r: (!sa.spi_r.is_zero()).then(|| sa.spi_r.to_string()),
            proposal: (!sa.proposal.is_empty()).then(|| sa.proposal.clone()),
            age: Some(sa.age.as_secs()),
            rekey_in: sa.rekey_in.as_ref().map(Duration::as_secs),
        }
    }

    /// A connection that has no IKE SA: it waits, is down, or failed.
    fn row_without_sa(&self, id: ConnectionId, wanted: &Wanted) -> IkeRow {
        let connection = &wanted.connection;
        let state = if self.down.contains(&id) {
            "down".to_owned()
        } else if let Some(failure) = self.ike.failure(id) {
            format!("failed: {failure}")
        } else if connection.initiate {
            "connecting".to_owned()
        } else {
            "waiting".to_owned()
        };
        IkeRow {
            connection: wanted.members.first().map(ToString::to_string),
            state,
            local: Some(connection.local.to_string()),
            remote: connection.remote.map(|remote| remote.to_string()),
            local_id: Some(connection.local_id.to_string()),
            remote_id: Some(connection.remote_id.to_string()),
            spi_i: None,
            spi_r: None,
            proposal: None,
            age: None,
            rekey_in: None,
        }
    }

    fn child_row(&self, view: &ChildView) -> Option<ChildRow> {
        let policy = policy_of(view.config);
        let counters = self.ike.counters(view.id);
        let mut drops = self.policy_drops(policy);
        let sum = |counters: &Option<std::sync::Arc<SaCounters>>, drops: &mut BTreeMap<String, u64>| {
            counters.as_ref().map_or((0, 0), |counters| {
                add_drops(&counters.drops, drops);
                (counters.packets.get(), counters.bytes.get())
            })
        };
        let (packets_in, bytes_in) = sum(&counters.inbound, &mut drops);
        let (packets_out, bytes_out) = sum(&counters.outbound, &mut drops);
        Some(ChildRow {
            connection: self.book.name(policy)?.to_string(),
            spi_in: Some(view.spi_in.to_string()),
            spi_out: Some(view.spi_out.to_string()),
            mode: mode(view.mode).to_owned(),
            carrier: Some(carrier(&view.carrier).to_owned()),
            proposal: Some(view.proposal.clone()),
            age: Some(view.age.as_secs()),
            rekey_in: view.rekey_in.as_ref().map(Duration::as_secs),
            packets_in,
            bytes_in,
            packets_out,
            bytes_out,
            drops,
        })
    }

    /// What is protected and has no SA now still drops, and shows it.
    fn child_without_sa(&self, policy: PolicyId, of: Mode) -> Option<ChildRow> {
        Some(ChildRow {
            connection: self.book.name(policy)?.to_string(),
            spi_in: None,
            spi_out: None,
            mode: mode(of).to_owned(),
            carrier: None,
            proposal: None,
            age: None,
            rekey_in: None,
            packets_in: 0,
            bytes_in: 0,
            packets_out: 0,
            bytes_out: 0,
            drops: self.policy_drops(policy),
        })
    }

    /// Drops charged to the port or interface of a policy, whatever its SAs.
    fn policy_drops(&self, policy: PolicyId) -> BTreeMap<String, u64> {
        let mut drops = BTreeMap::new();
        let Some(name) = self.book.name(policy) else { return drops };
        for port in self.bridges.values().filter_map(|bridge| bridge.ports.get(name)) {
            add_drops(&port.counters.drops, &mut drops);
        }
        if let Some(interface) = self.interfaces.get(name) {
            add_drops(&interface.counters.drops, &mut drops);
        }
        drops
    }
}

fn add_drops(drops: &Drops, sum: &mut BTreeMap<String, u64>) {
    for (reason, count) in drops.nonzero() {
        *sum.entry(reason.name().to_owned()).or_default() += count;
    }
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Transport => "transport",
        Mode::Tunnel => "tunnel",
    }
}

fn carrier(carrier: &Carrier) -> &'static str {
    match carrier {
        Carrier::Esp { .. } => "esp",
        Carrier::Udp { .. } => "udp",
    }
}

/// The type as it is written: `ipsec_gre` where a gre is protected.
pub(crate) fn kind(port: &RunningPort) -> &'static str {
    match &port.settings.kind {
        PortKind::Internal(_) => "internal",
        PortKind::Tap(_) => "tap",
        PortKind::System => "system",
        PortKind::Tunnel(tunnel) => match (&tunnel.encap, tunnel.protection.is_some()) {
            (Encap::Gre { .. }, false) => "gre",
            (Encap::Gre { .. }, true) => "ipsec_gre",
            (Encap::Vxlan { .. }, false) => "vxlan",
            (Encap::Vxlan { .. }, true) => "ipsec_vxlan",
        },
    }
}
