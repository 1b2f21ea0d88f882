//! The world in a test: seeded randomness, lossy links, hosts joined by them,
//! and an eavesdropper who sees every packet.
//!
//! Nothing here reads a clock: a [`World`] jumps from deadline to deadline, so
//! an hour of protocol takes microseconds and every run is reproduced by its
//! seed.
//!
//! ```
//! use adit_sim::{Link, LinkConfig};
//! use std::time::{Duration, Instant};
//!
//! let start = Instant::now();
//! let mut link = Link::new(LinkConfig { delay: Duration::from_millis(10), ..LinkConfig::default() }, 7);
//! link.send(start, "hello", 5);
//! assert_eq!(link.receive(start), None);
//! assert_eq!(link.receive(start + Duration::from_millis(10)), Some("hello"));
//! ```
#![forbid(unsafe_code)]

pub mod chance;
pub mod eavesdrop;
pub mod link;
pub mod pcapng;
pub mod world;

pub use chance::Chance;
pub use eavesdrop::Eavesdropper;
pub use link::{Link, LinkConfig};
pub use world::{Host, World};
