//! What can be seen of the SAs from outside: a copy of the moment, no keys.

use crate::config::{ChildConfigId, ConnectionId, Identity, Mode, TrafficSelector};
use crate::event::{Carrier, ChildId, IkeSaId, IkeSpi, Path, Spi};
use std::time::Duration;

/// One IKE SA. Ages are at the `now` of the call.
#[derive(Clone, Debug)]
pub struct IkeSaView {
    /// Its name here.
    pub id: IkeSaId,
    /// `None` for a half-open one whose initiator has not said who it is.
    pub connection: Option<ConnectionId>,
    /// `connecting`, `established`, `rekeyed` or `closing`.
    pub state: &'static str,
    /// Addresses and ports of both ends.
    pub path: Path,
    /// Who we are; known once the connection is.
    pub local_id: Option<Identity>,
    /// Who the peer is.
    pub remote_id: Option<Identity>,
    /// Of the original initiator.
    pub spi_i: IkeSpi,
    /// Of the original responder; 0 until it answered.
    pub spi_r: IkeSpi,
    /// True when we are the original initiator.
    pub initiator: bool,
    /// Agreed algorithms, such as `AES_GCM_16_256/PRF_HMAC_SHA2_256/CURVE_25519`; empty until agreed.
    pub proposal: String,
    /// Since it was made.
    pub age: Duration,
    /// Until it is rekeyed.
    pub rekey_in: Option<Duration>,
    /// Messages sent again so far.
    pub retransmissions: u64,
}

/// One child SA, both halves.
#[derive(Clone, Debug)]
pub struct ChildView {
    /// Its name here.
    pub id: ChildId,
    /// The IKE SA that controls it.
    pub ike_sa: IkeSaId,
    /// Its connection.
    pub connection: ConnectionId,
    /// Which child of it.
    pub config: ChildConfigId,
    /// `installed`, `rekeying`, `closing`, or `inbound` while we only receive on it.
    pub state: &'static str,
    /// Ours.
    pub spi_in: Spi,
    /// The peer's.
    pub spi_out: Spi,
    /// Whether the outbound half is installed.
    pub outbound_installed: bool,
    /// Transport or tunnel.
    pub mode: Mode,
    /// What it travels in.
    pub carrier: Carrier,
    /// Agreed algorithms.
    pub proposal: String,
    /// Extended sequence numbers.
    pub esn: bool,
    /// Our side.
    pub local_selectors: Vec<TrafficSelector>,
    /// The peer's side.
    pub remote_selectors: Vec<TrafficSelector>,
    /// Since it was made.
    pub age: Duration,
    /// Until it is rekeyed.
    pub rekey_in: Option<Duration>,
}

/// What happened so far, for metrics. All count up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams received.
    pub datagrams_in: u64,
    /// Of those, not IKE messages.
    pub malformed: u64,
    /// Of those, for no IKE SA known here.
    pub stray: u64,
    /// Of those, failing their integrity check.
    pub bad_icv: u64,
    /// Of those, with a message id that was not expected.
    pub out_of_window: u64,
    /// Requests seen again and answered from the cache.
    pub repeated_requests: u64,
    /// IKE_SA_INIT requests answered by a cookie.
    pub cookies_demanded: u64,
    /// IKE_SA_INIT requests ignored because too many were half-open.
    pub half_open_refused: u64,
    /// Replies to strays and refusals not sent because of the rate limit.
    pub replies_suppressed: u64,
    /// Peers whose proof was wrong.
    pub authentication_failures: u64,
    /// IKE SAs that came to stand.
    pub ike_sas_established: u64,
    /// Child SAs that came to stand.
    pub children_established: u64,
    /// Requests sent again.
    pub retransmissions: u64,
}
