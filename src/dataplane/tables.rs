//! What the workers read: ports, tunnels and bridges as one immutable value.
//!
//! Control builds a [`Snapshot`] and publishes it with [`super::Handle::apply`];
//! a worker loads it once a batch. SAs are not in it: they are moved to the
//! worker that owns them, and a protected port names the [`PolicyId`] whose SAs
//! it uses. So a rekey changes no snapshot, and a port whose policy has no SA
//! sends nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use adit_encap::{Protocol, Tunnel};
use adit_switch::{Forwarding, PortId};

use super::counters::PortCounters;
use super::io::packet::PacketPort;
use super::io::tap::Tap;

/// A bridge, as control numbers it; never reused while a packet may be under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BridgeKey(pub u32);

/// What one protected port or routed interface may use: every SA is installed for exactly one policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyId(pub u32);

/// The outer side of a tunnel port.
#[derive(Debug, Clone)]
pub struct TunnelPort {
    /// The header. For VXLAN and Geneve `udp` is `Some` exactly where the port is protected, so that the
    /// UDP header is written inside ESP; otherwise the socket writes it.
    pub encap: Tunnel,
    /// Key or VNI of packets that belong here; 0 takes "no key" and key 0 alike. What is sent carries that of `encap`.
    pub in_key: u32,
    /// Destination port of VXLAN or Geneve; ignored for GRE.
    pub udp_port: u16,
    /// Our address; `None` accepts any and lets the kernel choose when sending.
    pub local: Option<IpAddr>,
    /// The peer's address.
    pub remote: IpAddr,
    /// Outer TOS or traffic class.
    pub tos: Tos,
    /// Outer TTL or hop limit.
    pub ttl: Ttl,
    /// SO_MARK of outer packets; 0 is none.
    pub mark: u32,
    /// MTU of the way to the peer, outer IP header included. What fits inside follows from it.
    pub underlay_mtu: u16,
}

/// `options:tos`. ECN is always inherited; CE is sent as ECT(0) outside (as Open vSwitch does).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tos {
    /// This value; its two low bits are ignored.
    Fixed(u8),
    /// That of the inner packet.
    Inherit,
}

/// `options:ttl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ttl {
    /// This value.
    Fixed(u8),
    /// That of the inner packet; 64 where it has none.
    Inherit,
}

/// What a port is attached to.
///
/// `Protected` holds no way of sending: a packet for it is made from an outbound SA of the policy,
/// or not at all. Plain sending exists for [`Link::Tunnel`] only.
#[derive(Debug, Clone)]
pub enum Link {
    /// A TAP device of ours: bridge local port, `internal`, `tap`.
    Local(Arc<Tap>),
    /// An existing device, by AF_PACKET: `system`.
    Packet(Arc<PacketPort>),
    /// A tunnel in the clear.
    Tunnel(TunnelPort),
    /// A tunnel that exists inside the SAs of its policy only.
    Protected(TunnelPort, PolicyId),
}

/// One port of a bridge.
#[derive(Debug, Clone)]
pub struct Port {
    /// Its number in the bridge.
    pub id: PortId,
    /// What it is attached to.
    pub link: Link,
    /// Its counters, kept by control over snapshots.
    pub counters: Arc<PortCounters>,
}

/// One bridge.
#[derive(Debug, Clone)]
pub struct Bridge {
    /// Control's number for it.
    pub key: BridgeKey,
    /// The switch's decision, as of now.
    pub forwarding: Forwarding,
    /// Its ports, in any order.
    pub ports: Vec<Port>,
}

/// A route-based IPsec interface: a TUN device whose packets exist outside only inside SAs of its policy.
#[derive(Debug, Clone)]
pub struct Routed {
    /// The device.
    pub tun: Arc<Tap>,
    /// Its SAs (tunnel mode).
    pub policy: PolicyId,
    /// MTU of the way to the peer, outer IP header included.
    pub underlay_mtu: u16,
    /// Its counters: `tx` is what went into the tunnel, `rx` what came out.
    pub counters: Arc<PortCounters>,
}

/// Why a [`Snapshot`] is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Two ports nobody could tell apart when a packet comes.
    #[error("ports {0:?} of bridge {1} and {2:?} of bridge {3} have the same tunnel type, addresses and key")]
    Ambiguous(PortId, u32, PortId, u32),
    /// A bridge or a port number is there twice.
    #[error("bridge {0} or one of its ports is there twice")]
    Twice(u32),
    /// The encapsulation of a port does not fit its protection (see [`TunnelPort::encap`]).
    #[error(
        "port {0:?} of bridge {1}: the UDP header belongs inside ESP exactly where the port is protected"
    )]
    UdpHeaderPlace(PortId, u32),
    /// Two ports use one UDP port for different encapsulations.
    #[error("UDP port {0} is that of VXLAN and of Geneve")]
    UdpPort(u16),
    /// Two ports or interfaces share one policy.
    #[error("policy {0} belongs to two ports or interfaces")]
    SharedPolicy(u32),
}

/// Where something is: index of the bridge, index of its port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    pub bridge: u32,
    pub port: u32,
}

/// Who uses a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum User {
    Port(At),
    Routed(u32),
}

/// What tells tunnel packets apart before the local address is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct DemuxKey {
    protocol: Protocol,
    udp_port: u16,
    remote: IpAddr,
    /// 0 where there is none: "no key" and key 0 are the same port.
    key: u32,
}

/// Ports, tunnels, bridges and routed interfaces, with their indexes. Immutable.
#[derive(Debug, Default)]
pub struct Snapshot {
    pub(crate) bridges: Vec<BridgeTable>,
    pub(crate) routed: Vec<Routed>,
    demux: BTreeMap<DemuxKey, Vec<(Option<IpAddr>, At)>>,
    policies: BTreeMap<PolicyId, User>,
    udp_ports: BTreeMap<u16, Protocol>,
    ike_peers: BTreeSet<IpAddr>,
}

/// A bridge with its ports findable by number.
#[derive(Debug)]
pub(crate) struct BridgeTable {
    pub key: BridgeKey,
    pub forwarding: Forwarding,
    pub ports: Vec<Port>,
    by_id: Vec<Option<u32>>,
}

impl BridgeTable {
    /// Index of a port.
    pub fn index(&self, id: PortId) -> Option<u32> {
        self.by_id.get(id.index()).copied().flatten()
    }
}

impl Snapshot {
    /// Builds the indexes.
    ///
    /// # Errors
    /// What is ambiguous or there twice; control refuses such configurations before, so this is the last guard.
    pub fn new(bridges: Vec<Bridge>, routed: Vec<Routed>) -> Result<Self, SnapshotError> {
        let mut snapshot = Snapshot { routed, ..Snapshot::default() };
        for bridge in bridges {
            if snapshot.bridges.iter().any(|b| b.key == bridge.key) {
                return Err(SnapshotError::Twice(bridge.key.0));
            }
            let index = snapshot.bridges.len() as u32;
            let mut by_id = Vec::new();
            for (n, port) in bridge.ports.iter().enumerate() {
                let slot = port.id.index();
                by_id.resize(by_id.len().max(slot + 1), None);
                if by_id[slot].replace(n as u32).is_some() {
                    return Err(SnapshotError::Twice(bridge.key.0));
                }
            }
            let Bridge { key, forwarding, ports } = bridge;
            snapshot.bridges.push(BridgeTable { key, forwarding, ports, by_id });
            snapshot.index_ports(index)?;
        }
        for index in 0..snapshot.routed.len() {
            snapshot.claim(snapshot.routed[index].policy, User::Routed(index as u32))?;
        }
        Ok(snapshot)
    }

    /// The same, with the addresses from which IKE is expected: a flood of strangers takes nothing from them.
    #[must_use]
    pub fn with_ike_peers(self, ike_peers: BTreeSet<IpAddr>) -> Self {
        Snapshot { ike_peers, ..self }
    }

    fn index_ports(&mut self, bridge: u32) -> Result<(), SnapshotError> {
        for port in 0..self.bridges[bridge as usize].ports.len() {
            let at = At { bridge, port: port as u32 };
            let port = &self.bridges[bridge as usize].ports[port];
            let (tunnel, policy) = match &port.link {
                Link::Tunnel(tunnel) => (tunnel, None),
                Link::Protected(tunnel, policy) => (tunnel, Some(*policy)),
                Link::Local(_) | Link::Packet(_) => continue,
            };
            let protocol = tunnel.encap.protocol();
            if protocol.is_udp() && tunnel.encap.udp().is_some() != policy.is_some() {
                return Err(SnapshotError::UdpHeaderPlace(port.id, self.bridges[bridge as usize].key.0));
            }
            if protocol.is_udp() && *self.udp_ports.entry(tunnel.udp_port).or_insert(protocol) != protocol {
                return Err(SnapshotError::UdpPort(tunnel.udp_port));
            }
            let (key, local) = (demux_key(tunnel), tunnel.local);
            if let Some((_, other)) = self.demux.get(&key).and_then(|v| v.iter().find(|(l, _)| *l == local)) {
                let name = |at: At| {
                    let bridge = &self.bridges[at.bridge as usize];
                    (bridge.ports[at.port as usize].id, bridge.key.0)
                };
                let ((a, a_bridge), (b, b_bridge)) = (name(*other), name(at));
                return Err(SnapshotError::Ambiguous(a, a_bridge, b, b_bridge));
            }
            self.demux.entry(key).or_default().push((local, at));
            if let Some(policy) = policy {
                self.claim(policy, User::Port(at))?;
            }
        }
        Ok(())
    }

    fn claim(&mut self, policy: PolicyId, user: User) -> Result<(), SnapshotError> {
        match self.policies.insert(policy, user) {
            None => Ok(()),
            Some(_) => Err(SnapshotError::SharedPolicy(policy.0)),
        }
    }

    /// The port a tunnel packet belongs to: exact local address before "any".
    pub(crate) fn demux(
        &self,
        protocol: Protocol,
        udp_port: u16,
        remote: IpAddr,
        local: IpAddr,
        key: Option<u32>,
    ) -> Option<At> {
        let key = DemuxKey { protocol, udp_port, remote, key: key.unwrap_or(0) };
        let candidates = self.demux.get(&key)?;
        let exact = candidates.iter().find(|(l, _)| *l == Some(local));
        exact.or_else(|| candidates.iter().find(|(l, _)| l.is_none())).map(|(_, at)| *at)
    }

    /// Whether IKE is expected from there.
    pub(crate) fn is_ike_peer(&self, address: IpAddr) -> bool {
        self.ike_peers.contains(&address)
    }

    /// Whose packets come to a UDP port.
    pub(crate) fn udp_protocol(&self, port: u16) -> Option<Protocol> {
        self.udp_ports.get(&port).copied()
    }

    /// Who may use the SAs of a policy.
    pub(crate) fn user(&self, policy: PolicyId) -> Option<User> {
        self.policies.get(&policy).copied()
    }

    pub(crate) fn port(&self, at: At) -> &Port {
        &self.bridges[at.bridge as usize].ports[at.port as usize]
    }

    /// Finds a port by control's names for it.
    pub(crate) fn find(&self, bridge: BridgeKey, port: PortId) -> Option<At> {
        let index = self.bridges.iter().position(|b| b.key == bridge)?;
        Some(At { bridge: index as u32, port: self.bridges[index].index(port)? })
    }
}

fn demux_key(tunnel: &TunnelPort) -> DemuxKey {
    let protocol = tunnel.encap.protocol();
    let udp_port = if protocol.is_udp() { tunnel.udp_port } else { 0 };
    DemuxKey { protocol, udp_port, remote: tunnel.remote, key: tunnel.in_key }
}

#[cfg(test)]
mod tests;
