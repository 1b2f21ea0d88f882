//! Bridges, ports and interfaces as ovs-vsctl sees them, fake bridges
//! included, and the commands that look at them.

use std::collections::BTreeMap;

use super::Stop;
use super::command::Command;
use super::session::{Output, Session, table_index};
use crate::config::ovsdb::{Atom, Datum, RowRef, Uuid};

/// A bridge; a fake one is a port with a VLAN of its parent.
#[derive(Clone)]
pub(super) struct BridgeView {
    pub name: String,
    /// Row of the real bridge.
    pub row: Uuid,
    /// Name of the real bridge, and the VLAN, of a fake one.
    pub fake: Option<(String, i64)>,
}

/// A port with the names and rows of its interfaces.
pub(super) struct PortView {
    pub row: Uuid,
    /// The bridge it counts to: a fake one, if its VLAN is that bridge's.
    pub bridge: String,
    pub interfaces: Vec<(String, Uuid)>,
}

/// All of them, by name.
pub(super) struct Switch {
    pub bridges: BTreeMap<String, BridgeView>,
    pub ports: BTreeMap<String, PortView>,
    /// Interface to port.
    pub interfaces: BTreeMap<String, String>,
}

fn tag(port: RowRef<'_>) -> Option<i64> {
    port.get("tag").single().and_then(Atom::as_integer)
}

impl Switch {
    pub(super) fn new(session: &Session<'_>) -> Self {
        let mut switch =
            Self { bridges: BTreeMap::new(), ports: BTreeMap::new(), interfaces: BTreeMap::new() };
        let Some(root) = session.row(table_index("Open_vSwitch"), session.root()) else { return switch };
        for bridge in session.follow_all(root, "bridges") {
            let name = bridge.name().to_owned();
            let view = BridgeView { name: name.clone(), row: bridge.uuid, fake: None };
            switch.bridges.insert(name.clone(), view);
            let ports = session.follow_all(bridge, "ports");
            let fakes = ports.iter().filter(|port| port.get("fake_bridge").is_true());
            let fakes: Vec<_> =
                fakes.filter_map(|port| Some((port.name().to_owned(), tag(*port)?))).collect();
            for (fake, vlan) in &fakes {
                let view =
                    BridgeView { name: fake.clone(), row: bridge.uuid, fake: Some((name.clone(), *vlan)) };
                switch.bridges.entry(fake.clone()).or_insert(view);
            }
            for port in ports {
                let fake = fakes.iter().find(|(_, vlan)| tag(port) == Some(*vlan));
                let bridge = fake.map_or(&name, |(fake, _)| fake);
                switch.add_port(session, port, bridge);
            }
        }
        switch
    }

    fn add_port(&mut self, session: &Session<'_>, port: RowRef<'_>, bridge: &str) {
        let interfaces = session.follow_all(port, "interfaces");
        let interfaces: Vec<_> = interfaces.iter().map(|row| (row.name().to_owned(), row.uuid)).collect();
        for (interface, _) in &interfaces {
            self.interfaces.insert(interface.clone(), port.name().to_owned());
        }
        let view = PortView { row: port.uuid, bridge: bridge.to_owned(), interfaces };
        self.ports.insert(port.name().to_owned(), view);
    }

    pub(super) fn bridge(&self, name: &str) -> Result<&BridgeView, Stop> {
        self.bridges.get(name).ok_or_else(|| Stop::fatal(format!("no bridge named {name}")))
    }

    pub(super) fn real_bridge(&self, name: &str) -> Result<&BridgeView, Stop> {
        match self.bridge(name)? {
            BridgeView { fake: Some(_), .. } => Err(Stop::fatal(format!("{name} is a fake bridge"))),
            bridge => Ok(bridge),
        }
    }

    /// A port that is not its bridge's local one.
    pub(super) fn port(&self, name: &str) -> Option<&PortView> {
        self.ports.get(name).filter(|port| port.bridge != name)
    }

    /// The port of an interface that is not its bridge's local one.
    pub(super) fn port_of(&self, interface: &str) -> Option<&PortView> {
        let port = self.ports.get(self.interfaces.get(interface)?)?;
        Some(port).filter(|port| port.bridge != interface)
    }

    /// Ports that count to this bridge, with their names.
    pub(super) fn ports_on<'s>(
        &'s self,
        bridge: &'s str,
    ) -> impl Iterator<Item = (&'s String, &'s PortView)> {
        self.ports.iter().filter(move |(_, port)| port.bridge == bridge)
    }
}

/// `list-br [--real] [--fake]`
pub(super) fn list_br(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let (real, fake) = (command.has("--real"), command.has("--fake"));
    let wanted = |bridge: &&BridgeView| real == fake || bridge.fake.is_some() == fake;
    let switch = Switch::new(session);
    Ok(Output::lines(switch.bridges.values().filter(wanted).map(|bridge| &bridge.name)))
}

/// `br-exists BRIDGE`: exit status 2 if not.
pub(super) fn br_exists(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    match Switch::new(session).bridges.get(&command.args[0]) {
        Some(_) => Ok(Output::nothing()),
        None => Err(Stop::Exit(2)),
    }
}

/// `br-to-vlan BRIDGE`
pub(super) fn br_to_vlan(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let switch = Switch::new(session);
    let bridge = switch.bridge(&command.args[0])?;
    Ok(Output::lines([bridge.fake.as_ref().map_or(0, |(_, vlan)| *vlan).to_string()]))
}

/// `br-to-parent BRIDGE`
pub(super) fn br_to_parent(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let switch = Switch::new(session);
    let bridge = switch.bridge(&command.args[0])?;
    Ok(Output::lines([bridge.fake.as_ref().map_or(&bridge.name, |(parent, _)| parent)]))
}

/// `list-ports BRIDGE`
pub(super) fn list_ports(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let switch = Switch::new(session);
    let bridge = &switch.bridge(&command.args[0])?.name;
    Ok(Output::lines(switch.ports_on(bridge).map(|(name, _)| name).filter(|name| *name != bridge)))
}

/// `list-ifaces BRIDGE`
pub(super) fn list_ifaces(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let switch = Switch::new(session);
    let bridge = &switch.bridge(&command.args[0])?.name;
    let interfaces = switch.ports_on(bridge).flat_map(|(_, port)| &port.interfaces);
    let mut names: Vec<_> = interfaces.map(|(name, _)| name).filter(|name| *name != bridge).collect();
    names.sort();
    Ok(Output::lines(names))
}

/// `port-to-br PORT`
pub(super) fn port_to_br(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let name = &command.args[0];
    match Switch::new(session).port(name) {
        Some(port) => Ok(Output::lines([&port.bridge])),
        None => Err(Stop::fatal(format!("no port named {name}"))),
    }
}

/// `iface-to-br INTERFACE`
pub(super) fn iface_to_br(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let name = &command.args[0];
    match Switch::new(session).port_of(name) {
        Some(port) => Ok(Output::lines([&port.bridge])),
        None => Err(Stop::fatal(format!("no interface named {name}"))),
    }
}

/// Where a bridge keeps its external ids: table, row, prefix of the keys.
fn external_ids(switch: &Switch, name: &str) -> Result<(&'static str, Uuid, &'static str), Stop> {
    let bridge = switch.bridge(name)?;
    Ok(match switch.ports.get(name) {
        Some(port) if bridge.fake.is_some() => ("Port", port.row, "fake-bridge-"),
        _ => ("Bridge", bridge.row, ""),
    })
}

/// `br-set-external-id BRIDGE KEY [VALUE]`
pub(super) fn br_set_external_id(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let (table, uuid, prefix) = external_ids(&Switch::new(session), &command.args[0])?;
    let key = Atom::Text(format!("{prefix}{}", command.args[1]).into());
    let row = session.row(table_index(table), uuid);
    let mut ids = row.map(|row| row.get("external_ids").clone()).unwrap_or_default();
    match command.args.get(2) {
        Some(value) => ids.insert(key, Some(Atom::text(value))),
        None => ids.remove(&key),
    }
    session.write(table, uuid, "external_ids", ids);
    Ok(Output::nothing())
}

/// `br-get-external-id BRIDGE [KEY]`
pub(super) fn br_get_external_id(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let (table, uuid, prefix) = external_ids(&Switch::new(session), &command.args[0])?;
    let row = session.row(table_index(table), uuid);
    let ids: &Datum = match row.as_ref() {
        Some(row) => row.get("external_ids"),
        None => return Ok(Output::nothing()),
    };
    if let Some(key) = command.args.get(1) {
        return Ok(Output::lines(ids.get_text(&format!("{prefix}{key}"))));
    }
    let line = |(key, value): (&Atom, Option<&Atom>)| {
        Some(format!("{}={}", key.as_text()?.strip_prefix(prefix)?, value?.as_text()?))
    };
    Ok(Output::lines(ids.pairs().filter_map(line)))
}
