//! IKEv2 (RFC 7296), sans-IO: bytes, instants and commands in; bytes, deadlines and events out.
#![forbid(unsafe_code)]

pub mod config;
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
