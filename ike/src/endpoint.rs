//! All IKE SAs of one host: the four verbs.

mod view;

pub use view::{ChildView, Counters, IkeSaView};

use crate::config::{Connection, ConnectionId, EndpointConfig};
use crate::credentials::Credentials;
use crate::event::{Command, CommandError, Deadline, Event, Path, Transmit};
use std::sync::Arc;
use std::time::Instant;

/// IKEv2 for one host.
pub struct Endpoint {
    config: EndpointConfig,
}

impl Endpoint {
    /// An endpoint without connections. `seed` is 32 octets of the system's entropy.
    pub fn new(config: EndpointConfig, _credentials: Box<dyn Credentials>, _seed: [u8; 32]) -> Self {
        Self { config }
    }

    /// States what is wanted of a connection; `None` that it shall not be.
    ///
    /// What did not change is left alone: adding a child keeps the IKE SA and
    /// the other children.
    pub fn set_connection(&mut self, _now: Instant, _id: ConnectionId, _wanted: Option<Arc<Connection>>) {}

    /// Takes the payload of a UDP datagram, non-ESP marker included where the
    /// local port is not that of plain IKE. Bad input changes nothing but a counter.
    pub fn handle_datagram(&mut self, _now: Instant, _path: Path, _datagram: &mut [u8]) {}

    /// Takes a command.
    ///
    /// # Errors
    /// [`CommandError`]; nothing has changed then.
    pub fn handle_command(&mut self, _now: Instant, _command: Command) -> Result<(), CommandError> {
        Ok(())
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, _now: Instant) {}

    /// The next event, before any datagram is sent.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// Replaces `out` by the next datagram to send.
    pub fn poll_transmit(&mut self, _out: &mut Vec<u8>) -> Option<Transmit> {
        None
    }

    /// When to call [`Endpoint::handle_timeout`] next.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        None
    }

    /// True when no IKE SA is left; after [`Command::Shutdown`] this is the time to go.
    pub fn is_idle(&self) -> bool {
        true
    }

    /// All IKE SAs, half-open ones included, in order of their making.
    pub fn ike_sas(&self, _now: Instant) -> Vec<IkeSaView> {
        Vec::new()
    }

    /// All child SAs, in order of their making.
    pub fn children(&self, _now: Instant) -> Vec<ChildView> {
        Vec::new()
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        let _ = &self.config;
        Counters::default()
    }
}
