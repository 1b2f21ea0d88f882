//! What a bridge shows: values for `show`, `stp`, `fdb` and Open vSwitch's status columns.

use crate::event::{DownReason, HeldReason};
use crate::ids::{BridgeId, PathCost, PortIdentifier};
use crate::port::{PortId, PortRole, PortState};
use std::time::Duration;

/// The spanning tree of a bridge: `stp --json`, and OVS's `Bridge.status`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StpView {
    /// `stp`.
    pub protocol: &'static str,
    /// This bridge. Prints as `stp_bridge_id`.
    pub bridge_id: BridgeId,
    /// The root. Prints as `stp_designated_root`.
    pub root_id: BridgeId,
    /// `stp_root_path_cost`; 0 on the root.
    pub root_path_cost: u32,
    /// Towards the root; `None` on the root.
    pub root_port: Option<PortId>,
    /// Whether addresses age fast because the topology changed.
    pub topology_change: bool,
    /// Times the topology changed, as far as this bridge detected.
    pub topology_changes: u64,
    /// In force, as the root says.
    pub hello_time: Duration,
    /// In force, as the root says.
    pub max_age: Duration,
    /// In force, as the root says.
    pub forward_delay: Duration,
    /// The ports that take part, by number.
    pub ports: Vec<StpPortView>,
}

/// One port in the spanning tree: `stp --json`, and OVS's `Port.status` and `statistics`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StpPortView {
    /// Which.
    pub port: PortId,
    /// `stp_role`.
    pub role: PortRole,
    /// `stp_state`.
    pub state: PortState,
    /// What crossing its link costs.
    pub path_cost: PathCost,
    /// `stp_port_id`; OVS writes `.0` in decimal, `Display` is the manual's four hexadecimal digits.
    pub port_id: PortIdentifier,
    /// `stp_sec_in_state`.
    pub in_state: Duration,
    /// `stp_tx_count`: BPDUs sent.
    pub sent: u64,
    /// `stp_rx_count`: BPDUs received.
    pub received: u64,
    /// `stp_error_count`: of those, refused.
    pub errors: u64,
    /// Who offers the segment the way to the root.
    pub designated_bridge: BridgeId,
    /// Through which of its ports.
    pub designated_port: PortIdentifier,
}

/// One port, whatever the bridge runs: `show --json`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortView {
    /// Which.
    pub port: PortId,
    /// Whether its link is up.
    pub up: bool,
    /// Why not, if not.
    pub down: Option<DownReason>,
    /// What it does with data.
    pub state: PortState,
    /// If it is held: why; [`Bridge::held_text`](crate::Bridge::held_text) says it in words.
    pub held: Option<HeldReason>,
    /// Ports of adits heard directly on it within the last three seconds.
    pub peers: usize,
}

/// Control frames of a bridge so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct Counters {
    /// BPDUs received on ports in the spanning tree.
    pub bpdus_received: u64,
    /// BPDUs sent.
    pub bpdus_sent: u64,
    /// Frames for the Bridge Group Address that are no valid BPDU.
    pub bpdu_errors: u64,
    /// Probes received, own ones and copies included.
    pub probes_received: u64,
    /// Probes sent as our own, copies included.
    pub probes_sent: u64,
    /// Probes of others passed on, copies included.
    pub probes_relayed: u64,
    /// Frames of the probes' type that are no valid probe.
    pub probe_errors: u64,
    /// Probes ignored because more came in on a port than the limit allows.
    pub probes_over_limit: u64,
    /// Times an own probe came back: a loop was seen.
    pub loops_seen: u64,
    /// Control frames not sent because the queue was full.
    pub transmit_overflow: u64,
}
