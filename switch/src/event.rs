//! What a [`Bridge`](crate::Bridge) tells its owner.

use crate::ids::BridgeId;
use crate::port::{PortId, PortState};
use std::fmt;

/// Why a link counts as down.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DownReason {
    /// The owner said so ([`Bridge::set_link`](crate::Bridge::set_link)).
    Link,
    /// A protected port without an SA.
    NoSa,
    /// Three seconds without a probe from the adit at the other end.
    Silent,
}

impl fmt::Display for DownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Link => "link down",
            Self::NoSa => "no SA",
            Self::Silent => "no probes from the other end for 3 s",
        })
    }
}

/// Why a port without spanning tree carries no data though its link is up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum HeldReason {
    /// Just came up: listening for its own probes.
    Waiting,
    /// A loop was found, this port or another of it will be held.
    Contended,
    /// A loop, and this is the port of it that is held.
    Loop {
        /// The port of this bridge at the other end of the loop; the held port
        /// itself when its own probes are sent back to it.
        other: PortId,
        /// Adits that relayed the probe on its way round.
        hops: u8,
        /// The last of them, behind the held port, if there was one.
        via: Option<BridgeId>,
    },
}

/// Something the owner should know. Drain with [`Bridge::poll_event`](crate::Bridge::poll_event).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// [`Bridge::forwarding`](crate::Bridge::forwarding) gives a new value: put
    /// it into the next snapshot, before anything else is done.
    ForwardingChanged,
    /// A port changed its state.
    PortState(PortId, PortState),
    /// A port is held, or why it is held changed.
    Held(PortId, HeldReason),
    /// A port is not held any more.
    Released(PortId),
    /// A port's link went down.
    LinkDown(PortId, DownReason),
    /// A port's link is up again.
    LinkUp(PortId),
    /// Spanning tree: the topology changed; addresses age fast for a while.
    TopologyChange,
    /// Spanning tree: another root was chosen.
    NewRoot(BridgeId),
}
