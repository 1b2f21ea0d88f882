//! Makes devices, ways, sizes, connections and links agree with what is wanted and with
//! the host as it is now. Idempotent: called after every change of either.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Instant;

use adit_ike::Command;

use super::{RETRY_EVERY, Running, RunningInterface};
use crate::config::desired::{Desired, DeviceName, PortKind, TapSettings};
use crate::control::bridges::{RunningBridge, RunningPort};
use crate::control::credentials::Entry;
use crate::control::devices::{self, Device, Host, Wanted};
use crate::control::routes::{self, Through};
use crate::control::underlay;
use crate::dataplane::io::tap::{ALIAS, Kind};
use crate::net::netlink::{Link, Netlink};

impl Running {
    /// Looks at the host and does what is missing.
    pub async fn settle(&mut self) {
        let now = Instant::now();
        self.drop_lost_devices().await;
        for (name, port) in self.bridges.values_mut().flat_map(|bridge| &mut bridge.ports) {
            if port.id.is_some() {
                port.error = open_port(name, port).err().or_else(|| port.key_error());
            }
        }
        for (name, interface) in &mut self.interfaces {
            let key_error = interface.settings.protection.key_error().map(str::to_owned);
            interface.error = open_interface(name, interface).err().or(key_error);
        }
        self.look(now).await;
        self.find_ways().await;
        for (name, bridge) in &mut self.bridges {
            size_bridge(&self.netlink, &self.host, name, bridge).await;
        }
        for (name, interface) in &mut self.interfaces {
            if let Err(error) = size_interface(&self.netlink, &self.host, name, interface).await {
                interface.error.get_or_insert(error);
            }
        }
        self.set_routes().await;
        self.set_connections(now);
        self.update_secured(now);
        for bridge in self.bridges.values_mut() {
            set_links(now, &self.host, bridge);
        }
        self.stale = true;
        let failed =
            self.bridges.values().flat_map(|bridge| bridge.ports.values()).any(|p| p.error.is_some())
                || self.interfaces.values().any(|interface| interface.error.is_some());
        // One that is not due stays: a host that changes all the time shall not put it off for ever.
        let due = self.retry_at.filter(|at| *at > now);
        self.retry_at = failed.then(|| due.unwrap_or(now + RETRY_EVERY));
        self.turn();
    }

    /// Removes devices (and rules of routing) of an earlier adit that nothing wants any more: those of a
    /// configuration that was changed while none ran.
    pub async fn remove_leftovers(&self, wanted: &Desired) {
        if wanted.ipsec.is_empty() {
            routes::settle(&self.netlink, &self.host, &[]).await;
        }
        let Ok(links) = self.netlink.links().await else { return };
        let ports = wanted.bridges.values().flat_map(|bridge| bridge.ports.keys());
        let names: BTreeSet<&str> =
            wanted.bridges.keys().chain(ports).chain(wanted.ipsec.keys()).map(DeviceName::as_str).collect();
        let left = |link: &&Link| link.alias.as_deref() == Some(ALIAS) && !names.contains(link.name.as_str());
        for link in links.iter().filter(left) {
            tracing::info!(device = link.name, "removed: left by an earlier adit, and not wanted any more");
            if let Err(error) = self.netlink.delete_link(link.index).await {
                tracing::warn!(%error, "cannot remove a device");
            }
        }
    }

    /// Lets go of devices that somebody removed; they are made or bound to again.
    async fn drop_lost_devices(&mut self) {
        let Ok(links) = self.netlink.links().await else { return };
        for (name, port) in self.bridges.values_mut().flat_map(|bridge| &mut bridge.ports) {
            if port.device.is_lost(name, &links) {
                (port.device, port.done) = Default::default();
                self.stale = true;
            }
        }
        for (name, interface) in &mut self.interfaces {
            if interface.device.is_lost(name, &links) {
                (interface.device, interface.done) = Default::default();
                self.stale = true;
            }
        }
        if self.stale {
            self.publish();
        }
    }

    async fn look(&mut self, now: Instant) {
        match Host::look(&self.netlink).await {
            Ok(host) => {
                let addresses = |host: &Host| -> Vec<IpAddr> {
                    host.addresses.iter().map(|address| address.net.addr()).collect()
                };
                let there = addresses(&host);
                if there != addresses(&self.host) {
                    let _ = self.ike.command(now, Command::LocalAddresses(there));
                }
                self.host = host;
            }
            Err(error) => tracing::warn!(%error, "cannot look at the host's devices"),
        }
    }

    /// Routes what is to go through the interfaces.
    async fn set_routes(&mut self) {
        let through = self.interfaces.iter().filter(|(_, interface)| interface.device.is_there());
        let through: Vec<Through<'_>> = through
            .filter_map(|(name, interface)| {
                let index = self.host.link(name.as_str())?.index;
                Some(Through { name, index, settings: &interface.settings })
            })
            .collect();
        for (name, error) in routes::settle(&self.netlink, &self.host, &through).await {
            if let Some(interface) = self.interfaces.get_mut(&name) {
                interface.error.get_or_insert(error);
            }
        }
    }

    /// Tells the endpoint what is wanted now, and only what differs.
    fn set_connections(&mut self, now: Instant) {
        let mut locals: BTreeMap<&DeviceName, IpAddr> = BTreeMap::new();
        for (name, port) in self.bridges.values().flat_map(|bridge| &bridge.ports) {
            let local = port.tunnel().and_then(|tunnel| tunnel.local);
            locals.extend(local.or(port.underlay.map(|way| way.local)).map(|local| (name, local)));
        }
        for (name, interface) in &self.interfaces {
            let local = interface.settings.local.or(interface.underlay.map(|way| way.local));
            locals.extend(local.map(|local| (name, local)));
        }
        let wanted = self.book.wanted(&self.desired, |name| locals.get(name).copied());
        let entries = wanted.values().map(|wanted| Entry {
            local: wanted.connection.local_id.clone(),
            remote: wanted.connection.remote_id.clone(),
            psk: wanted.psk.clone(),
        });
        self.keys.replace(entries.collect());
        for id in self.connections.keys().filter(|id| !wanted.contains_key(id)) {
            self.ike.set_connection(now, *id, None);
            self.down.remove(id);
        }
        for (id, next) in &wanted {
            let known = self.connections.get(id);
            if known.is_none_or(|known| known.connection != next.connection) {
                self.down.remove(id);
                self.ike.set_connection(now, *id, Some(next.connection.clone()));
            }
        }
        self.connections = wanted;
    }
}

fn open_port(name: &DeviceName, port: &mut RunningPort) -> Result<(), String> {
    if port.device.is_there() {
        return Ok(());
    }
    port.device = match &port.settings.kind {
        PortKind::Internal(_) | PortKind::Tap(_) => Device::open_tap(name, Kind::Tap)?,
        PortKind::System => Device::open_packet(name)?,
        PortKind::Tunnel(_) => Device::Absent,
    };
    Ok(())
}

fn open_interface(name: &DeviceName, interface: &mut RunningInterface) -> Result<(), String> {
    if !interface.device.is_there() {
        interface.device = Device::open_tap(name, Kind::Tun)?;
    }
    Ok(())
}

/// Gives the TAPs of a bridge the MTU of its narrowest tunnel, and what else is configured.
async fn size_bridge(netlink: &Netlink, host: &Host, name: &DeviceName, bridge: &mut RunningBridge) {
    let inner = |port: &RunningPort| Some(underlay::inner_mtu(port.underlay?.mtu, port.tunnel()?));
    let narrowest = bridge.ports.values().filter_map(inner).min();
    let mtu = bridge.settings.mtu.or(narrowest);
    for (port_name, port) in &mut bridge.ports {
        if !port.device.is_there() {
            continue;
        }
        let wanted = match &port.settings.kind {
            PortKind::Internal(settings) => wanted(settings, mtu, !settings.addresses.is_empty()),
            PortKind::Tap(settings) => wanted(settings, mtu, true),
            PortKind::System => Wanted { up: true, ..Wanted::default() },
            PortKind::Tunnel(_) => continue,
        };
        if let Err(error) = devices::configure(netlink, host, port_name, &wanted, &mut port.done).await {
            tracing::warn!(bridge = name.as_str(), port = port_name.as_str(), %error, "device");
            port.error.get_or_insert(error);
        }
    }
}

fn wanted(settings: &TapSettings, mtu: Option<u16>, up: bool) -> Wanted<'_> {
    Wanted {
        mac: settings.mac,
        mtu: settings.mtu.or(mtu),
        addresses: &settings.addresses,
        up,
        ..Wanted::default()
    }
}

async fn size_interface(
    netlink: &Netlink,
    host: &Host,
    name: &DeviceName,
    interface: &mut RunningInterface,
) -> Result<(), String> {
    if !interface.device.is_there() {
        return Ok(());
    }
    let settings = &interface.settings;
    let fits = interface.underlay.map(|way| underlay::routed_mtu(way.mtu, settings));
    let wanted =
        Wanted { mac: None, mtu: settings.mtu.or(fits), addresses: &settings.inside, up: true, exact: true };
    devices::configure(netlink, host, name, &wanted, &mut interface.done).await
}

/// Tells the switch which links work. Whether a protected one has its SA it hears apart.
fn set_links(now: Instant, host: &Host, bridge: &mut RunningBridge) {
    for (name, port) in &bridge.ports {
        let Some(id) = port.id else { continue };
        let up = match &port.settings.kind {
            PortKind::Internal(_) | PortKind::Tap(_) => port.device.is_there(),
            PortKind::System => {
                port.device.is_there() && host.link(name.as_str()).is_some_and(|link| link.running)
            }
            PortKind::Tunnel(_) => port.underlay.is_some(),
        };
        bridge.switch.set_link(now, id, up);
    }
}
