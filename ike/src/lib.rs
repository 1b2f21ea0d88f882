//! IKEv2 (RFC 7296), sans-IO: bytes, instants and commands in; bytes, deadlines and events out.
//!
//! An [`Endpoint`] is all of IKE for one host. It opens no socket, reads no
//! clock, knows no file and installs nothing: it says what it wants done. This
//! is a whole program: two endpoints in one memory, a tunnel between them.
//!
//! ```
//! use adit_crypto::Secret;
//! use adit_ike::config::{ChildLifetime, EspProposal, IkeLifetime, IkeProposal, Mode, Retransmission};
//! use adit_ike::*;
//! use std::net::IpAddr;
//! use std::sync::Arc;
//! use std::time::{Duration, Instant};
//!
//! // Who knows the secrets. The daemon reads files here.
//! struct Keyring;
//! impl Credentials for Keyring {
//!     fn psk(&self, _local: &Identity, _remote: &Identity) -> Option<Secret> {
//!         Some(Secret::from_slice(b"correct horse"))
//!     }
//! }
//!
//! // What one end wants: one peer, one pair of ESP SAs between two networks.
//! fn wanted(local: IpAddr, remote: IpAddr, here: TrafficSelector, there: TrafficSelector) -> Connection {
//!     Connection {
//!         name: "example".into(),
//!         local,
//!         remote: Some(remote),
//!         local_id: Identity::address(local),
//!         remote_id: Identity::address(remote),
//!         credential_revision: 0,
//!         proposals: vec![IkeProposal::modern()],
//!         lifetime: IkeLifetime::default(),
//!         initiate: true,
//!         force_udp: false,
//!         liveness: Duration::from_secs(30),
//!         keepalive: Duration::from_secs(20),
//!         retransmission: Retransmission::default(),
//!         children: vec![ChildConfig {
//!             id: ChildConfigId(1),
//!             name: "networks".into(),
//!             mode: Mode::Tunnel,
//!             local: vec![here],
//!             remote: vec![there],
//!             proposals: vec![EspProposal::modern()],
//!             lifetime: ChildLifetime::default(),
//!         }],
//!     }
//! }
//!
//! // The run loop of a driver: events, then datagrams, then (not here) the deadline.
//! fn drain(endpoint: &mut Endpoint, now: Instant, installed: &mut Vec<ChildHalf>, wire: &mut Vec<(Path, Vec<u8>)>) {
//!     while let Some(event) = endpoint.poll_event() {
//!         match event {
//!             // Heavy arithmetic: here and now, or on another thread.
//!             Event::Job(id, job) => endpoint.handle_command(now, Command::JobDone(id, job.run())).unwrap(),
//!             // The data path must have it before anything is sent.
//!             Event::InstallInbound(half) | Event::InstallOutbound(half) => installed.push(*half),
//!             Event::Down(_, failure) => panic!("{failure}"),
//!             _ => {}
//!         }
//!     }
//!     let mut datagram = Vec::new();
//!     while let Some(Transmit { path }) = endpoint.poll_transmit(&mut datagram) {
//!         wire.push((path, datagram.clone()));
//!     }
//! }
//!
//! let (left, right): (IpAddr, IpAddr) = ("2001:db8::1".parse()?, "2001:db8::2".parse()?);
//! let (here, there) = (TrafficSelector::prefix("10.1.0.0".parse()?, 16), TrafficSelector::prefix("10.2.0.0".parse()?, 16));
//! let mut now = Instant::now();
//! let mut ends = [[1; 32], [2; 32]].map(|seed| Endpoint::new(EndpointConfig::default(), Box::new(Keyring), seed));
//! ends[0].set_connection(now, ConnectionId(1), Some(Arc::new(wanted(left, right, here, there))));
//! let mut passive = wanted(right, left, there, here);
//! passive.initiate = false;
//! ends[1].set_connection(now, ConnectionId(1), Some(Arc::new(passive)));
//!
//! let mut installed = [Vec::new(), Vec::new()];
//! for _ in 0..8 {
//!     for end in 0..2 {
//!         ends[end].handle_timeout(now);
//!         let mut wire = Vec::new();
//!         drain(&mut ends[end], now, &mut installed[end], &mut wire);
//!         now += Duration::from_millis(10);
//!         for (Path { local, remote }, mut datagram) in wire {
//!             let path = Path { local: remote, remote: local };
//!             ends[1 - end].handle_datagram(now, path, &mut datagram);
//!         }
//!     }
//! }
//! // Inbound and outbound on both sides, and what one seals the other can open.
//! assert_eq!((installed[0].len(), installed[1].len()), (2, 2));
//! let outbound = installed[0].iter().find(|half| installed[1].iter().any(|other| other.spi == half.spi));
//! assert!(outbound.is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Four storeys, imports only downwards: [`wire`] (bytes), [`exchange`] (what a
//! message of each exchange holds), `sa` (one IKE SA), [`endpoint`] (all of them).
//!
//! # Assumptions and omissions
//!
//! - The window is one request in each direction (§2.3); SET_WINDOW_SIZE is passed over.
//! - Peers prove themselves by pre-shared key (§2.15). No EAP (§2.16), no configuration payloads (§2.19), no IPComp (§2.22).
//! - A policy has one pair of SAs: of two with the same selectors the one with
//!   the lowest nonce is closed after a grace, also where RFC 7296 §2.8 would let both stand.
//! - Not yet: fragmentation (RFC 7383), MOBIKE (RFC 4555), certificates, additional key exchanges (RFC 9370).
#![forbid(unsafe_code)]

pub mod config;
mod counters;
pub mod credentials;
pub mod endpoint;
pub mod error;
pub mod event;
pub mod exchange;
pub mod failure;
pub mod job;
mod sa;
pub mod wire;

pub use config::{
    ChildConfig, ChildConfigId, Connection, ConnectionId, EndpointConfig, Identity, TrafficSelector,
};
pub use credentials::Credentials;
pub use endpoint::Endpoint;
pub use error::{Error, Side};
pub use event::{Carrier, ChildHalf, Command, CommandError, Deadline, Event, Path, Transmit};
pub use failure::Failure;
pub use job::{Job, JobId, Output};
