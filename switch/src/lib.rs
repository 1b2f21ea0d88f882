//! An Ethernet bridge: learning, flooding, spanning tree, loop probes.
//!
//! Two halves. The **control half** is [`Bridge`]: it owns time, and has the
//! four verbs of a protocol without I/O. The **data half** is [`Forwarding`],
//! a value the bridge hands out, which workers ask about every frame.
//!
//! Invariants: nothing here reads a clock, opens a socket or spawns; a port that
//! is held, blocked or down neither learns nor forwards; no input panics.
//!
//! ```
//! use adit_switch::{Bridge, BridgeConfig, Event, MacAddr, PortConfig, Verdict};
//! use std::time::Instant;
//!
//! # fn main() -> Result<(), adit_switch::PortError> {
//! let mut now = Instant::now();
//! let mut bridge = Bridge::new(now, BridgeConfig::new(MacAddr([2, 0, 0, 0, 0, 1])), [7; 32]);
//! let local = bridge.add_port(now, PortConfig::local())?;
//! let tunnel = bridge.add_port(now, PortConfig::tunnel(false))?;
//! bridge.set_link(now, local, true);
//! bridge.set_link(now, tunnel, true);
//! let mut forwarding = bridge.forwarding();
//! let mut frame = Vec::new();
//! // The tunnel starts held and probes for a loop; nobody answers; it is released.
//! while let Some(deadline) = bridge.poll_timeout().filter(|_| forwarding.forwarding_ports().len() < 2) {
//!     now = now.max(deadline.at);
//!     bridge.handle_timeout(now);
//!     while let Some(event) = bridge.poll_event() {
//!         if event == Event::ForwardingChanged {
//!             forwarding = bridge.forwarding();
//!         }
//!     }
//!     while let Some(_port) = bridge.poll_transmit(&mut frame) { /* send it */ }
//! }
//! let ping = [[0xff; 6].as_slice(), &[2, 0, 0, 0, 0, 9], &[8, 0]].concat();
//! assert_eq!(forwarding.forward(local, &ping), Verdict::Flood([tunnel].into_iter().collect()));
//! # Ok(())
//! # }
//! ```
//!
//! *Not here yet*: RSTP, VLAN membership (tagged frames pass as they are, each
//! VLAN with its own learned addresses), multicast snooping, static entries.
#![forbid(unsafe_code)]

pub mod bpdu;
mod bridge;
pub mod config;
pub mod event;
pub mod fdb;
pub mod forwarding;
pub mod frame;
pub mod ids;
pub mod port;
pub mod probe;
mod stp;
#[cfg(test)]
mod tests;
pub mod view;

pub use bridge::{Bridge, Deadline, PortError, TimerKind};
pub use config::{BridgeConfig, StpConfig, StpConfigError};
pub use event::{DownReason, Event, HeldReason};
pub use fdb::{Fdb, FdbCounts, FdbEntry};
pub use forwarding::{Decision, DropReason, Forwarding, Learn, Verdict};
pub use frame::MacAddr;
pub use ids::{BridgeId, PathCost, PortIdentifier};
pub use port::{MAX_PORTS, PortConfig, PortId, PortRole, PortSet, PortState};
pub use view::{Counters, PortView, StpPortView, StpView};
