//! Bridges and ports that run: drives [`switch::Bridge`](adit_switch::Bridge) and describes
//! both to the data plane.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use adit_encap::{Geneve, Gre, UdpHeader, Vxlan};
use adit_switch::{Bridge, BridgeConfig, Event, MacAddr, PortConfig, PortId, StpConfig};

use super::devices::{Device, Done};
use super::underlay::Underlay;
use crate::config::desired::{
    self, DeviceName, Encap, Inheritable, Port, PortKind, TapSettings, Tunnel, UdpTunnel,
};
use crate::dataplane::{self, BridgeKey, Handle, Link, PolicyId, PortCounters, Tos, Ttl, TunnelPort};

/// OpenFlow number of a local port.
pub const OFPORT_LOCAL: u16 = 65534;

/// A bridge that runs.
pub struct RunningBridge {
    /// The data plane's number for it.
    pub key: BridgeKey,
    /// The switch.
    pub switch: Bridge,
    /// As configured, without ports.
    pub settings: desired::Bridge,
    /// Its address where `hwaddr` does not say another.
    pub own_address: MacAddr,
    /// Ports by name, the local one too.
    pub ports: BTreeMap<DeviceName, RunningPort>,
}

/// A port that runs.
pub struct RunningPort {
    /// The switch's number for it; none if the switch refused it.
    pub id: Option<PortId>,
    /// As configured.
    pub settings: Port,
    /// OpenFlow number, only shown.
    pub ofport: u16,
    /// Its device.
    pub device: Device,
    /// What we did to the device.
    pub done: Done,
    /// Where its tunnel goes, while there is a way.
    pub underlay: Option<Underlay>,
    /// Its counters.
    pub counters: Arc<PortCounters>,
    /// What is wrong with it now.
    pub error: Option<String>,
}

impl RunningBridge {
    /// A bridge with nothing but its local port.
    pub fn new(
        now: Instant,
        key: BridgeKey,
        name: &DeviceName,
        settings: desired::Bridge,
        address: MacAddr,
        seed: [u8; 32],
    ) -> Self {
        let switch = Bridge::new(now, bridge_config(&settings, address), seed);
        let mut bridge = Self { key, switch, settings, own_address: address, ports: BTreeMap::new() };
        let local = local_port(&bridge.settings);
        bridge.add_port(now, name.clone(), local);
        if let Some(port) = bridge.ports.get_mut(name) {
            port.ofport = OFPORT_LOCAL;
        }
        bridge
    }

    /// Takes other settings; the ports stay.
    pub fn set(&mut self, now: Instant, name: &DeviceName, settings: desired::Bridge) {
        self.settings = settings;
        self.switch.set_config(now, bridge_config(&self.settings, self.own_address));
        if let Some(local) = self.ports.get_mut(name) {
            local.settings = local_port(&self.settings);
        }
    }

    /// Adds a port, its link down.
    pub fn add_port(&mut self, now: Instant, name: DeviceName, settings: Port) {
        let (id, error) = match self.switch.add_port(now, port_config(&settings)) {
            Ok(id) => (Some(id), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let ofport = self.free_ofport(settings.ofport);
        let port = RunningPort {
            id,
            settings,
            ofport,
            device: Device::Absent,
            done: Done::default(),
            underlay: None,
            counters: Arc::default(),
            error,
        };
        self.ports.insert(name, port);
    }

    /// Changes a port that stays the same port.
    pub fn set_port(&mut self, now: Instant, name: &DeviceName, settings: Port) {
        let Some(port) = self.ports.get_mut(name) else { return };
        if let Some(id) = port.id
            && let Err(error) = self.switch.set_port(now, id, port_config(&settings))
        {
            port.error = Some(error.to_string());
        }
        port.settings = settings;
    }

    /// Takes a port away; its device goes with it if it is ours.
    pub fn remove_port(&mut self, now: Instant, name: &DeviceName) {
        if let Some(port) = self.ports.remove(name) {
            if let Some(id) = port.id {
                self.switch.remove_port(now, id);
            }
            port.device.discard();
        }
    }

    fn free_ofport(&self, asked: Option<u16>) -> u16 {
        let taken = |number: u16| self.ports.values().any(|port| port.ofport == number);
        let asked = asked.filter(|number| !taken(*number));
        asked.or_else(|| (1..OFPORT_LOCAL).find(|number| !taken(*number))).unwrap_or(OFPORT_LOCAL - 1)
    }

    /// The name of a port.
    pub fn name_of(&self, id: PortId) -> Option<&DeviceName> {
        self.ports.iter().find(|(_, port)| port.id == Some(id)).map(|(name, _)| name)
    }

    /// Why a port is held, if it is, with the names of ports.
    pub fn held_text(&self, id: PortId) -> Option<String> {
        let name = |id| self.name_of(id).map_or_else(|| format!("{id:?}"), ToString::to_string);
        self.switch.held_text(id, name)
    }

    /// Logs what the switch has to say; returns whether the data plane needs to know.
    pub fn drain_events(&mut self, name: &DeviceName) -> bool {
        let mut changed = false;
        while let Some(event) = self.switch.poll_event() {
            let port = |id| self.name_of(id).map_or_else(|| format!("{id:?}"), ToString::to_string);
            let bridge = name.as_str();
            match event {
                Event::ForwardingChanged => changed = true,
                Event::PortState(id, state) => tracing::info!(bridge, port = port(id), %state, "port"),
                Event::Held(id, _) => {
                    // Why may have changed again since; what is shown then is logged too.
                    let reason = self.held_text(id);
                    tracing::info!(bridge, port = port(id), reason, "port held");
                }
                Event::Released(id) => tracing::info!(bridge, port = port(id), "port released"),
                Event::LinkDown(id, reason) => tracing::info!(bridge, port = port(id), %reason, "link down"),
                Event::LinkUp(id) => tracing::info!(bridge, port = port(id), "link up"),
                Event::TopologyChange => tracing::info!(bridge, "topology change"),
                Event::NewRoot(root) => tracing::info!(bridge, %root, "new root"),
            }
        }
        changed
    }

    /// Sends the BPDUs and probes that are due.
    pub fn transmit(&mut self, dataplane: &Handle) {
        let mut frame = Vec::new();
        while let Some(port) = self.switch.poll_transmit(&mut frame) {
            if let Err(error) = dataplane.send_frame(self.key, port, std::mem::take(&mut frame)) {
                tracing::debug!(%error, "a control frame is lost");
            }
        }
    }

    /// What the data plane is to know of it.
    pub fn snapshot(&self, policy: impl Fn(&DeviceName) -> Option<PolicyId>) -> dataplane::Bridge {
        let port = |(name, port): (&DeviceName, &RunningPort)| {
            let link = port.link(|| policy(name))?;
            Some(dataplane::Port { id: port.id?, link, counters: port.counters.clone() })
        };
        dataplane::Bridge {
            key: self.key,
            forwarding: self.switch.forwarding(),
            ports: self.ports.iter().filter_map(port).collect(),
        }
    }
}

impl RunningPort {
    /// The tunnel behind it.
    pub fn tunnel(&self) -> Option<&Tunnel> {
        match &self.settings.kind {
            PortKind::Tunnel(tunnel) => Some(tunnel),
            PortKind::Internal(_) | PortKind::Tap(_) | PortKind::System => None,
        }
    }

    /// Why there is no key for it, if it needs one and has none.
    pub fn key_error(&self) -> Option<String> {
        self.tunnel()?.protection.as_ref()?.key_error().map(str::to_owned)
    }

    /// A protected tunnel becomes [`Link::Protected`] or nothing.
    fn link(&self, policy: impl FnOnce() -> Option<PolicyId>) -> Option<Link> {
        match &self.device {
            Device::Tap(tap) => return Some(Link::Local(tap.clone())),
            Device::Packet(packet) => return Some(Link::Packet(packet.clone())),
            Device::Absent => {}
        }
        let tunnel = self.tunnel()?;
        let port = tunnel_port(tunnel, self.underlay?);
        match tunnel.protection {
            Some(_) => Some(Link::Protected(port, policy()?)),
            None => Some(Link::Tunnel(port)),
        }
    }
}

fn tunnel_port(tunnel: &Tunnel, underlay: Underlay) -> TunnelPort {
    let (encap, in_key, udp_port) = match tunnel.encap {
        Encap::Gre { in_key, out_key, csum, seq } => {
            let gre = Gre { key: out_key, checksum: csum, sequence: seq.then_some(0) };
            (adit_encap::Tunnel::Gre(gre), in_key.unwrap_or(0), 0)
        }
        Encap::Udp { header, in_vni, out_vni, csum, dst_port } => {
            let checksum = csum.unwrap_or(tunnel.remote.is_ipv6());
            let udp = tunnel.protection.is_some().then_some(UdpHeader {
                destination_port: dst_port,
                checksum: checksum.then_some((underlay.local, tunnel.remote)),
            });
            let encap = match header {
                UdpTunnel::Vxlan => adit_encap::Tunnel::Vxlan(Vxlan { vni: out_vni, udp }),
                UdpTunnel::Geneve => adit_encap::Tunnel::Geneve(Geneve { vni: out_vni, udp }),
            };
            (encap, in_vni, dst_port)
        }
    };
    TunnelPort {
        encap,
        in_key,
        mark: tunnel.mark,
        udp_port,
        local: tunnel.local,
        remote: tunnel.remote,
        tos: match tunnel.tos {
            Inheritable::Fixed(tos) => Tos::Fixed(tos),
            Inheritable::Inherit => Tos::Inherit,
        },
        ttl: match tunnel.ttl {
            Inheritable::Fixed(ttl) => Ttl::Fixed(ttl),
            Inheritable::Inherit => Ttl::Inherit,
        },
        underlay_mtu: u16::try_from(underlay.mtu).unwrap_or(u16::MAX),
    }
}

fn local_port(settings: &desired::Bridge) -> Port {
    let tap = TapSettings { mac: settings.hwaddr, mtu: settings.mtu, addresses: settings.addresses.clone() };
    Port { kind: PortKind::Internal(tap), stp: Default::default(), ofport: None }
}

fn address(mac: desired::MacAddress) -> MacAddr {
    MacAddr(mac.octets())
}

fn bridge_config(settings: &desired::Bridge, own: MacAddr) -> BridgeConfig {
    let seconds = |time: std::time::Duration| u8::try_from(time.as_secs()).unwrap_or(u8::MAX);
    BridgeConfig {
        address: settings.hwaddr.map_or(own, address),
        stp: settings.stp.as_ref().map(|stp| StpConfig {
            system_id: stp.system_id.map(address),
            priority: stp.priority,
            hello_time: seconds(stp.hello_time),
            max_age: seconds(stp.max_age),
            forward_delay: seconds(stp.forward_delay),
        }),
        mac_ageing: settings.mac_aging,
        mac_table_size: settings.mac_table_size,
        forward_bpdu: settings.forward_bpdu,
    }
}

fn port_config(port: &Port) -> PortConfig {
    let base = match &port.kind {
        PortKind::Internal(_) => PortConfig::local(),
        PortKind::Tap(_) | PortKind::System => PortConfig::external(),
        PortKind::Tunnel(tunnel) => PortConfig::tunnel(tunnel.protection.is_some()),
    };
    PortConfig {
        stp: base.stp && port.stp.enabled,
        path_cost: port.stp.path_cost,
        priority: port.stp.priority,
        number: port.stp.number,
        ..base
    }
}
