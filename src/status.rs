//! What is shown, in the shapes other programs rely on: `--json` prints exactly these,
//! and the lab reads them.
//!
//! Seconds and bytes are integers; what is not known is null.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// `adit show`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Show {
    /// adit's version.
    pub version: String,
    /// Bridges by name.
    pub bridges: Vec<ShowBridge>,
    /// Route-based interfaces by name.
    pub ipsec: Vec<ShowIpsec>,
    /// What belongs to no bridge, port or SA.
    pub counters: Counters,
}

/// Numbers by name. Those of drops have reasons for names, and only reasons that occurred.
pub type Counts = BTreeMap<String, u64>;

/// What was counted since the daemon started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Of the data path.
    pub datapath: DatapathCounters,
    /// Of IKE: datagrams by what became of them, SAs, collisions.
    pub ike: Counts,
}

/// What the data path counted that belongs to no port and no SA.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatapathCounters {
    /// Read from any source; a super-packet counts once.
    pub packets: u64,
    /// Times it woke.
    pub wakeups: u64,
    /// Allocations on the packet path: does not grow with packets.
    pub allocations: u64,
    /// IKE datagrams handed to control.
    pub punted_ike: u64,
    /// BPDUs and probes handed to control.
    pub punted_control: u64,
    /// Dropped, by reason.
    pub drops: Counts,
}

impl Show {
    /// The port of that name, whatever its bridge.
    pub fn port(&self, name: &str) -> Option<&ShowPort> {
        self.bridges.iter().flat_map(|bridge| &bridge.ports).find(|port| port.name == name)
    }
}

/// A bridge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShowBridge {
    /// Its name, that of its local port too.
    pub name: String,
    /// `stp`, `rstp` or `none`.
    pub stp: String,
    /// Ports by name, the local one first.
    pub ports: Vec<ShowPort>,
    /// BPDUs and probes.
    pub counters: Counts,
}

/// A port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShowPort {
    /// Its name.
    pub name: String,
    /// As configured.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether its link is up.
    pub up: bool,
    /// The standard's state in lower case.
    pub state: String,
    /// Why it carries nothing though its link is up.
    pub held: Option<String>,
    /// What went wrong with it.
    pub error: Option<String>,
    /// The connection that protects it.
    pub connection: Option<String>,
    /// Dropped, by reason.
    pub drops: Counts,
}

/// A route-based interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShowIpsec {
    /// Its name.
    pub name: String,
    /// How far it is.
    pub state: IpsecState,
    /// What went wrong.
    pub error: Option<String>,
    /// The TUN device, if it is there.
    pub device: Option<String>,
    /// Dropped, by reason.
    pub drops: Counts,
}

/// How far a route-based interface is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IpsecState {
    /// The peer is to make the first step.
    Waiting,
    /// Being negotiated.
    Connecting,
    /// It has its SAs.
    Up,
    /// Taken down by hand.
    Down,
    /// `error` says why; what can be tried again is.
    Failed,
}

impl fmt::Display for IpsecState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// `adit stp`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stp {
    /// Bridges that run a spanning tree, by name.
    pub bridges: Vec<StpBridge>,
}

/// A bridge in its spanning tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StpBridge {
    /// Its name.
    pub name: String,
    /// `stp`.
    pub protocol: String,
    /// As `8000.9e0ec7e5894f`.
    pub bridge_id: String,
    /// As the bridge id.
    pub root_id: String,
    /// Cost to the root.
    pub root_path_cost: u32,
    /// Name of the port towards the root; null at the root.
    pub root_port: Option<String>,
    /// Ports that take part.
    pub ports: Vec<StpPort>,
}

/// A port in the spanning tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StpPort {
    /// Its name.
    pub name: String,
    /// `root`, `designated`, `alternate` or `disabled`.
    pub role: String,
    /// `disabled`, `blocking`, `listening`, `learning` or `forwarding`.
    pub state: String,
    /// Cost of its link.
    pub path_cost: u32,
    /// As `8002`.
    pub port_id: String,
}

/// `adit fdb`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fdb {
    /// Bridges by name.
    pub bridges: Vec<FdbBridge>,
}

/// What a bridge learned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FdbBridge {
    /// Its name.
    pub name: String,
    /// Oldest first.
    pub entries: Vec<FdbEntry>,
}

/// A learned address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FdbEntry {
    /// Where it is.
    pub port: String,
    /// 0 for untagged.
    pub vlan: u16,
    /// The address.
    pub mac: String,
    /// Seconds since it was last seen.
    pub age: u64,
}

/// `adit sa`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sa {
    /// IKE SAs, and connections that have none.
    pub ike: Vec<IkeRow>,
    /// Child SAs.
    pub child: Vec<ChildRow>,
}

impl Sa {
    /// How many packets were dropped for that reason, over all children.
    pub fn drops(&self, reason: &str) -> u64 {
        self.child.iter().filter_map(|child| child.drops.get(reason)).sum()
    }
}

/// An IKE SA, or a connection without one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IkeRow {
    /// Name of the connection; unknown until a stranger has said who it is.
    pub connection: Option<String>,
    /// How far it is.
    pub state: IkeState,
    /// What went wrong last, where it is not established.
    pub error: Option<String>,
    /// Our address and port.
    pub local: Option<String>,
    /// Theirs; unknown where any peer may come and none has.
    pub remote: Option<String>,
    /// Our identity.
    pub local_id: Option<String>,
    /// Theirs.
    pub remote_id: Option<String>,
    /// Initiator's SPI, 16 hexadecimal digits.
    pub spi_i: Option<String>,
    /// Responder's.
    pub spi_r: Option<String>,
    /// What was agreed.
    pub proposal: Option<String>,
    /// Seconds.
    pub age: Option<u64>,
    /// Seconds.
    pub rekey_in: Option<u64>,
}

/// How far an IKE SA is, or a connection without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IkeState {
    /// No IKE SA: the peer is to make the first step.
    Waiting,
    /// Being negotiated.
    Connecting,
    /// In use.
    Established,
    /// Replaced by the peer, which has yet to delete it.
    Rekeyed,
    /// Our Delete is not answered yet.
    Closing,
    /// No IKE SA: taken down by hand.
    Down,
    /// No IKE SA: `error` says why; what can be tried again is.
    Failed,
}

impl fmt::Display for IkeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// A child SA, or a child without one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildRow {
    /// Name of the port or interface it protects.
    pub connection: String,
    /// 8 hexadecimal digits.
    pub spi_in: Option<String>,
    /// 8 hexadecimal digits.
    pub spi_out: Option<String>,
    /// `transport` or `tunnel`.
    pub mode: String,
    /// `esp`, `udp` or `tcp`; unknown while there is no SA.
    pub carrier: Option<String>,
    /// What was agreed.
    pub proposal: Option<String>,
    /// Seconds.
    pub age: Option<u64>,
    /// Seconds.
    pub rekey_in: Option<u64>,
    /// Packets opened.
    pub packets_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Packets sealed.
    pub packets_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
    /// Dropped, by reason: by these SAs and, in the first row of each port or interface, by that.
    /// So each drop is in one row.
    pub drops: Counts,
    /// Why there is no SA, where that is this child's own failure.
    pub error: Option<String>,
}

#[cfg(test)]
mod tests;
