//! Commands that change bridges and ports: `add-br`, `del-br`, `add-port`, `del-port`.

use super::Stop;
use super::bridge::{BridgeView, PortView, Switch};
use super::command::Command;
use super::record_edit::assign;
use super::session::{Output, Session, table_index};
use crate::config::ovsdb::{Datum, Uuid};

/// Refuses a name that is in use, for a bridge, port or interface to be made.
fn check_conflicts(switch: &Switch, name: &str, what: &str) -> Result<(), Stop> {
    let doing = format!("cannot create {what} named {name}");
    if switch.bridges.contains_key(name) {
        return Err(Stop::fatal(format!("{doing} because a bridge named {name} already exists")));
    }
    if let Some(port) = switch.ports.get(name) {
        return Err(Stop::fatal(format!(
            "{doing} because a port named {name} already exists on bridge {}",
            port.bridge
        )));
    }
    if let Some(port) = switch.interfaces.get(name).and_then(|port| switch.ports.get(port)) {
        return Err(Stop::fatal(format!(
            "{doing} because an interface named {name} already exists on bridge {}",
            port.bridge
        )));
    }
    Ok(())
}

/// Refuses a name of no letters.
fn check_named(name: &str, what: &str) -> Result<(), Stop> {
    if name.is_empty() {
        return Err(Stop::fatal(format!("{what} name must not be empty string")));
    }
    Ok(())
}

fn insert_interface(session: &mut Session<'_>, name: &str, kind: &str) -> Uuid {
    let interface = session.insert("Interface");
    session.write("Interface", interface, "name", Datum::text(name));
    session.write("Interface", interface, "type", Datum::text(kind));
    session.new_interfaces.push(interface);
    interface
}

fn insert_port(session: &mut Session<'_>, name: &str, interfaces: Vec<Uuid>, bridge: Uuid) -> Uuid {
    let port = session.insert("Port");
    session.write("Port", port, "name", Datum::text(name));
    session.write("Port", port, "interfaces", Datum::uuids(interfaces));
    session.link("Bridge", bridge, "ports", port, true);
    port
}

/// `add-br [--may-exist] BRIDGE [PARENT VLAN]`
pub(super) fn add_br(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    check_named(&command.args[0], "bridge")?;
    let (name, parent) = match command.args {
        [name] => (name, None),
        [name, parent, vlan] => {
            // As C's atoi reads it: what is no number is 0.
            let vlan = vlan.trim_start().parse::<i64>().unwrap_or(0);
            if !(0..=4095).contains(&vlan) {
                return Err(Stop::fatal("add-br: vlan must be between 0 and 4095"));
            }
            (name, Some((parent.as_str(), vlan)))
        }
        _ => return Err(Stop::fatal("'add-br' command takes exactly 1 or 3 arguments")),
    };
    let switch = Switch::new(session);
    if let Some(bridge) = switch.bridges.get(name).filter(|_| command.has("--may-exist")) {
        return check_same_bridge(bridge, parent);
    }
    check_conflicts(&switch, name, "a bridge")?;
    match parent {
        None => {
            let bridge = session.insert("Bridge");
            session.write("Bridge", bridge, "name", Datum::text(name));
            let interface = insert_interface(session, name, "internal");
            insert_port(session, name, vec![interface], bridge);
            let root = session.root();
            session.link("Open_vSwitch", root, "bridges", bridge, true);
        }
        Some((parent, vlan)) => {
            let bridge = fake_parent(&switch, parent, vlan)?;
            let interface = insert_interface(session, name, "internal");
            let port = insert_port(session, name, vec![interface], bridge);
            session.write("Port", port, "fake_bridge", Datum::boolean(true));
            session.write("Port", port, "tag", Datum::integer(vlan));
        }
    }
    Ok(Output::nothing())
}

/// The row of the bridge in which a fake one may be made.
fn fake_parent(switch: &Switch, parent: &str, vlan: i64) -> Result<Uuid, Stop> {
    let Some(bridge) = switch.bridges.get(parent) else {
        return Err(Stop::fatal(format!("parent bridge {parent} does not exist")));
    };
    if bridge.fake.is_some() {
        return Err(Stop::fatal("cannot create bridge with fake bridge as parent"));
    }
    let taken = switch.bridges.values().find(|other| other.fake == Some((parent.to_owned(), vlan)));
    match taken {
        None => Ok(bridge.row),
        Some(child) => Err(Stop::fatal(format!(
            "bridge {parent} already has a child VLAN bridge {} on VLAN {vlan}",
            child.name
        ))),
    }
}

/// `--may-exist add-br` of a bridge that exists: it must be the one meant.
fn check_same_bridge(bridge: &BridgeView, wanted: Option<(&str, i64)>) -> Result<Output, Stop> {
    let name = &bridge.name;
    let asked = match wanted {
        None => format!("\"--may-exist add-br {name}\""),
        Some((parent, vlan)) => format!("\"--may-exist add-br {name} {parent} {vlan}\""),
    };
    let but = match (wanted, &bridge.fake) {
        (None, Some((_, vlan))) => format!("is a VLAN bridge for VLAN {vlan}"),
        (Some(_), None) => "is not a VLAN bridge".to_owned(),
        (Some((parent, _)), Some((other, _))) if parent != other => format!("has the wrong parent {other}"),
        (Some((_, vlan)), Some((_, other))) if vlan != *other => {
            format!("is a VLAN bridge for the wrong VLAN {other}")
        }
        _ => return Ok(Output::nothing()),
    };
    Err(Stop::fatal(format!("{asked} but {name} {but}")))
}

fn delete_port(session: &mut Session<'_>, bridge: Uuid, port: &PortView) {
    session.link("Bridge", bridge, "ports", port.row, false);
    for (_, interface) in &port.interfaces {
        session.delete(table_index("Interface"), *interface);
    }
    session.delete(table_index("Port"), port.row);
}

/// `del-br [--if-exists] BRIDGE`
pub(super) fn del_br(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let name = &command.args[0];
    let switch = Switch::new(session);
    let Some(bridge) = switch.bridges.get(name) else {
        return if command.has("--if-exists") {
            Ok(Output::nothing())
        } else {
            switch.bridge(name).map(|_| Output::nothing())
        };
    };
    let is_child = |other: &&BridgeView| other.fake.as_ref().is_some_and(|(parent, _)| parent == name);
    let children: Vec<_> = switch.bridges.values().filter(is_child).map(|child| &child.name).collect();
    for doomed in children.into_iter().chain([name]) {
        for (_, port) in switch.ports_on(doomed) {
            delete_port(session, bridge.row, port);
        }
    }
    if bridge.fake.is_none() {
        let samples = session.rows(table_index("Flow_Sample_Collector_Set"));
        let samples = samples.iter().filter(|row| row.get("bridge") == &Datum::uuids([bridge.row]));
        for sample in samples.map(|row| row.uuid).collect::<Vec<_>>() {
            session.delete(table_index("Flow_Sample_Collector_Set"), sample);
        }
        let root = session.root();
        session.link("Open_vSwitch", root, "bridges", bridge.row, false);
        session.delete(table_index("Bridge"), bridge.row);
    }
    Ok(Output::nothing())
}

/// `add-port [--may-exist] BRIDGE PORT [COLUMN[:KEY]=VALUE]...`
pub(super) fn add_port(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let interface = std::slice::from_ref(&command.args[1]);
    add_ports(session, command, interface, &command.args[2..])
}

/// Makes a port of the interfaces named; several make a bond.
pub(super) fn add_ports(
    session: &mut Session<'_>,
    command: &Command<'_>,
    interfaces: &[String],
    settings: &[String],
) -> Result<Output, Stop> {
    let (bridge_name, name) = (&command.args[0], &command.args[1]);
    check_named(name, "port")?;
    for interface in interfaces {
        check_named(interface, "interface")?;
    }
    let switch = Switch::new(session);
    if let Some(port) = switch.port(name).filter(|_| command.has("--may-exist")) {
        check_same_port(port, command, interfaces)?;
        return Ok(Output::nothing());
    }
    check_conflicts(&switch, name, "a port")?;
    for interface in interfaces {
        check_conflicts(&switch, interface, "an interface")?;
    }
    let bridge = switch.bridge(bridge_name)?;
    let rows = interfaces.iter().map(|interface| insert_interface(session, interface, "")).collect();
    let port = insert_port(session, name, rows, bridge.row);
    if command.has("--fake-iface") {
        session.write("Port", port, "bond_fake_iface", Datum::boolean(true));
    }
    if let Some((_, vlan)) = &bridge.fake {
        session.write("Port", port, "tag", Datum::integer(*vlan));
    }
    for setting in settings {
        assign(session, table_index("Port"), port, setting)?;
    }
    Ok(Output::nothing())
}

/// `--may-exist add-port` of a port that exists: it must be the one meant.
fn check_same_port(port: &PortView, command: &Command<'_>, interfaces: &[String]) -> Result<(), Stop> {
    let (bridge, name, asked) = (&command.args[0], &command.args[1], command.to_text());
    if port.bridge != *bridge {
        let actual = &port.bridge;
        return Err(Stop::fatal(format!("\"{asked}\" but {name} is actually attached to bridge {actual}")));
    }
    let mut wanted: Vec<_> = interfaces.iter().map(String::as_str).collect();
    wanted.sort_unstable();
    let have: Vec<_> = port.interfaces.iter().map(|(name, _)| name.as_str()).collect();
    if wanted != have {
        let have = have.join(", ");
        return Err(Stop::fatal(format!("\"{asked}\" but {name} actually has interface(s) {have}")));
    }
    Ok(())
}

/// `del-port [--if-exists] [--with-iface] [BRIDGE] PORT`
pub(super) fn del_port(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let must_exist = !command.has("--if-exists");
    let (bridge, target) = match command.args {
        [bridge, target] => (Some(bridge), target),
        _ => (None, &command.args[0]),
    };
    let switch = Switch::new(session);
    if switch.bridges.contains_key(target) {
        return if must_exist {
            Err(Stop::fatal(format!(
                "cannot delete port {target} because it is the local port for bridge {target} (deleting \
                 this port requires deleting the entire bridge)"
            )))
        } else {
            Ok(Output::nothing())
        };
    }
    let with_interface = command.has("--with-iface");
    let by_interface = || switch.port_of(target).filter(|_| with_interface);
    let Some(port) = switch.port(target).or_else(by_interface) else {
        let noun = if with_interface { "port or interface" } else { "port" };
        return if must_exist {
            Err(Stop::fatal(format!("no {noun} named {target}")))
        } else {
            Ok(Output::nothing())
        };
    };
    if let Some(bridge) = bridge {
        check_is_on(&switch, port, switch.bridge(bridge)?, target)?;
    }
    let row = switch.bridge(&port.bridge)?.row;
    delete_port(session, row, port);
    Ok(Output::nothing())
}

fn check_is_on(switch: &Switch, port: &PortView, bridge: &BridgeView, target: &str) -> Result<(), Stop> {
    let name = &bridge.name;
    if port.bridge == *name {
        return Ok(());
    }
    let parent = |bridge: &BridgeView| bridge.fake.as_ref().map(|(parent, _)| parent.clone());
    let actual = &port.bridge;
    let hint = if switch.bridges.get(actual).and_then(parent).as_ref() == Some(name) {
        format!(" (although its child bridge {actual} does)")
    } else if parent(bridge).as_ref() == Some(actual) {
        format!(" (although its parent bridge {actual} does)")
    } else {
        String::new()
    };
    Err(Stop::fatal(format!("bridge {name} does not have a port {target}{hint}")))
}
