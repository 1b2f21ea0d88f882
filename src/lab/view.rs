//! The JSON that `adit … --json` promises, as the lab reads it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// `adit show --json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Show {
    /// Bridges with their ports.
    pub bridges: Vec<ShowBridge>,
}

/// A bridge in [`Show`].
#[derive(Clone, Debug, Deserialize)]
pub struct ShowBridge {
    /// Its ports.
    pub ports: Vec<ShowPort>,
}

/// A port in [`ShowBridge`].
#[derive(Clone, Debug, Deserialize)]
pub struct ShowPort {
    /// Its name.
    pub name: String,
    /// Why it is held, if it is.
    pub held: Option<String>,
    /// What is wrong with it, if something is.
    pub error: Option<String>,
    /// The IPsec connection that protects it.
    pub connection: Option<String>,
}

impl Show {
    /// The port of that name, whatever its bridge.
    pub fn port(&self, name: &str) -> Option<&ShowPort> {
        self.bridges.iter().flat_map(|bridge| &bridge.ports).find(|port| port.name == name)
    }
}

/// `adit stp --json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Stp {
    /// Bridges, with or without a spanning tree.
    pub bridges: Vec<StpBridge>,
}

/// A bridge in [`Stp`].
#[derive(Clone, Debug, Deserialize)]
pub struct StpBridge {
    /// Its name.
    pub name: String,
    /// `stp`, `rstp` or `none`.
    pub protocol: String,
    /// Its own identifier.
    pub bridge_id: Option<String>,
    /// The root's identifier.
    pub root_id: Option<String>,
    /// Its ports that take part.
    #[serde(default)]
    pub ports: Vec<StpPort>,
}

/// A port in [`StpBridge`].
#[derive(Clone, Debug, Deserialize)]
pub struct StpPort {
    /// Its name.
    pub name: String,
    /// `root`, `designated`, `alternate`, ….
    pub role: String,
    /// `blocking`, `listening`, `learning`, `forwarding`, `disabled`.
    pub state: String,
}

/// `adit sa --json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Sa {
    /// IKE SAs.
    pub ike: Vec<IkeSa>,
    /// Their children.
    pub child: Vec<ChildSa>,
}

/// An IKE SA in [`Sa`].
#[derive(Clone, Debug, Deserialize)]
pub struct IkeSa {
    /// The connection's name.
    pub connection: String,
    /// `established`, ….
    pub state: String,
    /// Initiator's SPI, hexadecimal.
    pub spi_i: String,
    /// Responder's SPI, hexadecimal, once it is known.
    pub spi_r: Option<String>,
    /// Algorithms.
    pub proposal: Option<String>,
    /// Seconds since it was made.
    pub age: Option<u64>,
    /// Seconds until it is replaced.
    pub rekey_in: Option<u64>,
}

/// A child SA in [`Sa`].
#[derive(Clone, Debug, Deserialize)]
pub struct ChildSa {
    /// The connection's name.
    pub connection: String,
    /// Our SPI, hexadecimal.
    pub spi_in: Option<String>,
    /// The peer's SPI, hexadecimal.
    pub spi_out: Option<String>,
    /// `transport` or `tunnel`.
    pub mode: String,
    /// `esp`, `udp` or `tcp`.
    pub carrier: String,
    /// Algorithms.
    pub proposal: Option<String>,
    /// Seconds since it was made.
    pub age: Option<u64>,
    /// Seconds until it is replaced.
    pub rekey_in: Option<u64>,
    /// Counters of this SA.
    pub packets_in: Option<u64>,
    /// Bytes received.
    pub bytes_in: Option<u64>,
    /// Packets sent.
    pub packets_out: Option<u64>,
    /// Bytes sent.
    pub bytes_out: Option<u64>,
    /// Packets dropped, by reason.
    #[serde(default)]
    pub drops: BTreeMap<String, u64>,
}

impl Sa {
    /// How many packets were dropped for that reason, over all children.
    pub fn drops(&self, reason: &str) -> u64 {
        self.child.iter().filter_map(|child| child.drops.get(reason)).sum()
    }
}
