//! The decision about one frame: what every worker asks for every frame.
//!
//! A [`Forwarding`] is a value for the data path's snapshot. It holds which
//! ports learn and forward, fixed when the snapshot was made, and the shared
//! filtering database, which all snapshots of a bridge have in common.
//!
//! ```text
//! source is a group or zero          -> drop
//! Bridge Group Address, port in STP  -> control      (IEEE 802.1D-1998 §7.12.3)
//! another reserved group             -> drop
//! a probe of adit's                  -> control, or drop on a host's port
//! port does not forward              -> drop         (§7.7.1; a learning port learns)
//! destination known                  -> that port, or drop if it is the ingress
//! otherwise                          -> every forwarding port but the ingress
//! ```

use crate::fdb::{Fdb, Key};
use crate::frame::{EtherType, HEADER_LEN, MacAddr, is_tag};
use crate::port::{PortId, PortSet};
use std::sync::Arc;

/// Why a frame is not forwarded. Names for counters by [`DropReason::name`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DropReason {
    /// Shorter than addresses and type.
    Malformed,
    /// The source address is a group address or zero.
    BadSource,
    /// For a reserved group that no bridge forwards.
    ReservedGroup,
    /// A probe from a host's port, where none belongs.
    StrayProbe,
    /// The ingress port is held, blocked, listening or learning, or its link is down.
    PortNotForwarding,
    /// The destination is behind the port the frame came in on.
    SameSegment,
    /// No other port forwards.
    NowhereToGo,
}

impl DropReason {
    /// All of them, for tables of counters.
    pub const ALL: [Self; 7] = [
        Self::Malformed,
        Self::BadSource,
        Self::ReservedGroup,
        Self::StrayProbe,
        Self::PortNotForwarding,
        Self::SameSegment,
        Self::NowhereToGo,
    ];

    /// The name in `snake_case`, as in the JSON `drops`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed_frame",
            Self::BadSource => "bad_source",
            Self::ReservedGroup => "reserved_group",
            Self::StrayProbe => "stray_probe",
            Self::PortNotForwarding => "port_not_forwarding",
            Self::SameSegment => "same_segment",
            Self::NowhereToGo => "nowhere_to_go",
        }
    }
}

/// What to do with a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Send it out of this port.
    Unicast(PortId),
    /// Send a copy out of each of these, at least one.
    Flood(PortSet),
    /// A BPDU or a probe: hand it, with its port, to [`Bridge::handle_control`](crate::Bridge::handle_control).
    Control,
    /// Count it and forget it.
    Drop(DropReason),
}

/// That an address was heard on a port; [`Forwarding::learn`] remembers it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Learn {
    key: Key,
    port: PortId,
}

/// A verdict, and what the frame teaches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    /// What to do with the frame.
    pub verdict: Verdict,
    /// What to remember, if the ingress port learns.
    pub learn: Option<Learn>,
}

/// The sets the decision reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Ports {
    /// Learn sources heard here.
    pub(crate) learning: PortSet,
    /// Data goes in and out here.
    pub(crate) forwarding: PortSet,
    /// BPDUs heard here are for our spanning tree.
    pub(crate) stp: PortSet,
    /// Probes heard here are for us.
    pub(crate) probes: PortSet,
    /// `forward-bpdu`, and no spanning tree of our own: reserved groups are like others.
    pub(crate) transparent: bool,
}

impl Ports {
    /// Ports to other bridges that carry data.
    pub(crate) fn in_service(&self) -> PortSet {
        self.forwarding.iter().filter(|port| self.probes.contains(*port)).collect()
    }
}

/// One bridge as the data path sees it; cheap to clone, shared freely.
#[derive(Clone, Debug)]
pub struct Forwarding {
    ports: Arc<Ports>,
    fdb: Arc<Fdb>,
}

impl Forwarding {
    pub(crate) fn new(ports: Ports, fdb: Arc<Fdb>) -> Self {
        Self { ports: Arc::new(ports), fdb }
    }

    /// Decides about one frame and learns from it: what a worker calls.
    #[inline]
    #[must_use]
    pub fn forward(&self, ingress: PortId, frame: &[u8]) -> Verdict {
        let decision = self.decide(ingress, frame);
        if let Some(learn) = decision.learn {
            self.learn(learn);
        }
        decision.verdict
    }

    /// Decides about one frame that came in on `ingress`. Pure: changes nothing.
    #[inline]
    #[must_use]
    pub fn decide(&self, ingress: PortId, frame: &[u8]) -> Decision {
        let drop = |reason| Decision { verdict: Verdict::Drop(reason), learn: None };
        let Some(head) = frame.first_chunk::<HEADER_LEN>() else {
            return drop(DropReason::Malformed);
        };
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] = *head;
        let destination = MacAddr([d0, d1, d2, d3, d4, d5]);
        let source = MacAddr([s0, s1, s2, s3, s4, s5]);
        let type_field = u16::from_be_bytes([t0, t1]);
        let ports = &*self.ports;
        if source.is_group() || source.is_zero() {
            return drop(DropReason::BadSource);
        }
        if destination.is_reserved() && !ports.transparent {
            let bpdu = destination == MacAddr::BRIDGE_GROUP && ports.stp.contains(ingress);
            let verdict = if bpdu { Verdict::Control } else { Verdict::Drop(DropReason::ReservedGroup) };
            return Decision { verdict, learn: None };
        }
        if destination == MacAddr::PROBE_GROUP && type_field == EtherType::PROBE.0 {
            let ours = ports.probes.contains(ingress);
            let verdict = if ours { Verdict::Control } else { Verdict::Drop(DropReason::StrayProbe) };
            return Decision { verdict, learn: None };
        }
        if !ports.learning.contains(ingress) {
            return drop(DropReason::PortNotForwarding);
        }
        let fid = filtering_id(type_field, frame);
        let learn = Some(Learn { key: Key::new(fid, source), port: ingress });
        let verdict = if ports.forwarding.contains(ingress) {
            self.towards(Key::new(fid, destination), destination, ingress)
        } else {
            Verdict::Drop(DropReason::PortNotForwarding)
        };
        Decision { verdict, learn }
    }

    #[inline]
    fn towards(&self, key: Key, destination: MacAddr, ingress: PortId) -> Verdict {
        let known = if destination.is_group() { None } else { self.fdb.lookup(key) };
        match known {
            Some(port) if port == ingress => return Verdict::Drop(DropReason::SameSegment),
            Some(port) if self.ports.forwarding.contains(port) => return Verdict::Unicast(port),
            // Learned on a port that is not in use now: as if unknown.
            Some(_) | None => {}
        }
        let others = self.ports.forwarding.without(ingress);
        if others.is_empty() { Verdict::Drop(DropReason::NowhereToGo) } else { Verdict::Flood(others) }
    }

    /// Remembers what [`Forwarding::decide`] said the frame teaches: relaxed
    /// stores, no lock, no allocation.
    #[inline]
    pub fn learn(&self, learn: Learn) {
        self.fdb.learn(learn.key, learn.port);
    }

    /// Ports that send and receive data.
    #[must_use]
    pub fn forwarding_ports(&self) -> PortSet {
        self.ports.forwarding
    }

    /// The filtering database behind it.
    #[must_use]
    pub fn fdb(&self) -> &Fdb {
        &self.fdb
    }

    #[cfg(test)]
    pub(crate) fn ports(&self) -> &Ports {
        &self.ports
    }
}

/// Addresses are kept apart by the VLAN of the outer tag: independent learning.
/// Frames pass as they are, tagged or not.
#[inline]
fn filtering_id(type_field: u16, frame: &[u8]) -> u16 {
    if !is_tag(type_field) {
        return 0;
    }
    crate::frame::be16(frame, HEADER_LEN).map_or(0, |tci| tci & 0x0fff)
}

#[cfg(test)]
mod tests;
