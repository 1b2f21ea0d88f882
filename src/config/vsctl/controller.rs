//! Controllers, fail mode, managers, SSL: stored and shown, and but for the
//! fail mode without effect in adit.

use super::Stop;
use super::bridge::Switch;
use super::command::Command;
use super::session::{Output, Session, table_index};
use crate::config::ovsdb::{Atom, Datum, Uuid};

fn parent_row(session: &Session<'_>, name: &str) -> Result<Uuid, Stop> {
    Ok(Switch::new(session).bridge(name)?.row)
}

fn real_row(session: &Session<'_>, name: &str) -> Result<Uuid, Stop> {
    Ok(Switch::new(session).real_bridge(name)?.row)
}

/// The `target`s of the rows a reference column names, in order.
fn targets(session: &Session<'_>, table: &'static str, uuid: Uuid, column: &str) -> Output {
    let Some(row) = session.row(table_index(table), uuid) else { return Output::nothing() };
    Output::lines(session.follow(row, column).iter().map(|row| row.name()))
}

/// Deletes the rows a reference column names, and the references.
fn drop_all(session: &mut Session<'_>, table: &'static str, uuid: Uuid, column: &str, of: &'static str) {
    let row = session.row(table_index(table), uuid);
    let rows = row.map(|row| session.follow(row, column)).unwrap_or_default();
    for doomed in rows.iter().map(|row| row.uuid).collect::<Vec<_>>() {
        session.delete(table_index(of), doomed);
    }
    session.write(table, uuid, column, Datum::empty());
}

/// True for what looks like a connection method of Open vSwitch.
fn is_method(target: &str, more: &[&str]) -> bool {
    let methods = ["tcp", "ssl", "unix", "ptcp", "pssl", "punix"];
    target.split_once(':').is_some_and(|(name, _)| methods.contains(&name) || more.contains(&name))
}

fn add_targets(
    session: &mut Session<'_>,
    command: &Command<'_>,
    table: &'static str,
    targets: &[String],
) -> Result<Datum, Stop> {
    let mut rows = Vec::new();
    for target in targets {
        if !is_method(target, &["fd"]) {
            session.warn(format!("target type \"{target}\" is possibly erroneous"));
        }
        let row = session.insert(table);
        session.write(table, row, "target", Datum::text(target));
        if let Some(probe) = command.value("--inactivity-probe") {
            let probe = probe.trim_start().parse().unwrap_or(0); // as C's atol
            session.write(table, row, "inactivity_probe", Datum::integer(probe));
        }
        rows.push(row);
    }
    Ok(Datum::uuids(rows))
}

/// `get-controller BRIDGE`
pub(super) fn get_controller(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let bridge = parent_row(session, &command.args[0])?;
    Ok(targets(session, "Bridge", bridge, "controller"))
}

/// `del-controller BRIDGE`
pub(super) fn del_controller(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let bridge = real_row(session, &command.args[0])?;
    drop_all(session, "Bridge", bridge, "controller", "Controller");
    Ok(Output::nothing())
}

/// `set-controller [--inactivity-probe=] BRIDGE TARGET...`
pub(super) fn set_controller(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let bridge = real_row(session, &command.args[0])?;
    drop_all(session, "Bridge", bridge, "controller", "Controller");
    let rows = add_targets(session, command, "Controller", &command.args[1..])?;
    session.write("Bridge", bridge, "controller", rows);
    Ok(Output::nothing())
}

/// `get-fail-mode BRIDGE`
pub(super) fn get_fail_mode(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let bridge = parent_row(session, &command.args[0])?;
    let row = session.row(table_index("Bridge"), bridge);
    Ok(Output::lines(row.and_then(|row| row.get("fail_mode").single_text())))
}

/// `del-fail-mode BRIDGE`
pub(super) fn del_fail_mode(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let bridge = real_row(session, &command.args[0])?;
    session.write("Bridge", bridge, "fail_mode", Datum::empty());
    Ok(Output::nothing())
}

/// `set-fail-mode BRIDGE MODE`
pub(super) fn set_fail_mode(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let bridge = real_row(session, &command.args[0])?;
    let mode = &command.args[1];
    if mode != "standalone" && mode != "secure" {
        return Err(Stop::fatal("fail-mode must be \"standalone\" or \"secure\""));
    }
    session.write("Bridge", bridge, "fail_mode", Datum::text(mode));
    Ok(Output::nothing())
}

/// `get-manager`
pub(super) fn get_manager(session: &mut Session<'_>, _: &Command<'_>) -> Result<Output, Stop> {
    Ok(targets(session, "Open_vSwitch", session.root(), "manager_options"))
}

/// `del-manager`
pub(super) fn del_manager(session: &mut Session<'_>, _: &Command<'_>) -> Result<Output, Stop> {
    let root = session.root();
    drop_all(session, "Open_vSwitch", root, "manager_options", "Manager");
    Ok(Output::nothing())
}

/// `set-manager [--inactivity-probe=] TARGET...`
pub(super) fn set_manager(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let root = session.root();
    drop_all(session, "Open_vSwitch", root, "manager_options", "Manager");
    let rows = add_targets(session, command, "Manager", command.args)?;
    session.write("Open_vSwitch", root, "manager_options", rows);
    Ok(Output::nothing())
}

/// `get-ssl`
pub(super) fn get_ssl(session: &mut Session<'_>, _: &Command<'_>) -> Result<Output, Stop> {
    let root = session.row(table_index("Open_vSwitch"), session.root());
    let rows = root.map(|root| session.follow(root, "ssl")).unwrap_or_default();
    let Some(ssl) = rows.first() else { return Ok(Output::nothing()) };
    let text = |column| ssl.get(column).single_text().unwrap_or_default();
    Ok(Output::lines([
        format!("Private key: {}", text("private_key")),
        format!("Certificate: {}", text("certificate")),
        format!("CA Certificate: {}", text("ca_cert")),
        format!("Bootstrap: {}", ssl.get("bootstrap_ca_cert").is_true()),
    ]))
}

/// `del-ssl`
pub(super) fn del_ssl(session: &mut Session<'_>, _: &Command<'_>) -> Result<Output, Stop> {
    let root = session.root();
    drop_all(session, "Open_vSwitch", root, "ssl", "SSL");
    Ok(Output::nothing())
}

/// `set-ssl [--bootstrap] PRIVATE-KEY CERTIFICATE CA-CERT`
pub(super) fn set_ssl(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let root = session.root();
    drop_all(session, "Open_vSwitch", root, "ssl", "SSL");
    let ssl = session.insert("SSL");
    for (column, value) in ["private_key", "certificate", "ca_cert"].into_iter().zip(command.args) {
        session.write("SSL", ssl, column, Datum::text(value));
    }
    session.write("SSL", ssl, "bootstrap_ca_cert", Datum::boolean(command.has("--bootstrap")));
    session.write("Open_vSwitch", root, "ssl", Datum::uuids([ssl]));
    Ok(Output::nothing())
}

/// `emer-reset`: clears what an OpenFlow manager would have set.
pub(super) fn emer_reset(session: &mut Session<'_>, _: &Command<'_>) -> Result<Output, Stop> {
    let root = session.root();
    drop_all(session, "Open_vSwitch", root, "manager_options", "Manager");
    drop_all(session, "Open_vSwitch", root, "ssl", "SSL");
    for bridge in uuids(session, "Bridge") {
        for column in ["controller", "fail_mode", "mirrors", "netflow", "sflow", "ipfix", "flood_vlans"] {
            session.write("Bridge", bridge, column, Datum::empty());
        }
        let row = session.row(table_index("Bridge"), bridge);
        let hwaddr = row.and_then(|row| row.get("other_config").get_text("hwaddr")).map(Atom::text);
        let mut kept = Datum::empty();
        if hwaddr.is_some() {
            kept.insert(Atom::text("hwaddr"), hwaddr);
        }
        session.write("Bridge", bridge, "other_config", kept);
    }
    for port in uuids(session, "Port") {
        session.write("Port", port, "other_config", Datum::empty());
    }
    for interface in uuids(session, "Interface") {
        for column in ["ingress_policing_rate", "ingress_policing_burst"] {
            session.write("Interface", interface, column, Datum::integer(0));
        }
    }
    Ok(Output::nothing())
}

fn uuids(session: &Session<'_>, table: &'static str) -> Vec<Uuid> {
    session.rows(table_index(table)).iter().map(|row| row.uuid).collect()
}
