//! Control plane: one task owns what runs.
//!
//! ```text
//! socket ── daemon ── source (file, or vsctl's database)
//!             │          └ config: raw → Desired
//!             └ reconcile ─┬ bridges      switch::Bridge, frames, probes
//!                          ├ ike_driver   ike::Endpoint, datagrams
//!                          │   └ install  ChildHalf → esp SA → data plane
//!                          └ devices, routes, underlay   netlink
//! ```

pub mod bridges;
pub mod connections;
pub mod credentials;
pub mod daemon;
pub mod devices;
pub mod failures;
pub mod ike_driver;
pub mod install;
pub mod mirror;
pub mod protocol;
pub mod reconcile;
pub mod removals;
pub mod routes;
pub mod runtime;
pub mod socket;
pub mod source;
pub mod state;
pub mod underlay;
pub mod vsctl;
