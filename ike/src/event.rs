//! What goes in and out of an [`crate::Endpoint`] besides datagrams and time.

use crate::config::{ChildConfigId, ConnectionId, Mode, TrafficSelector};
use crate::failure::Failure;
use crate::job::{Job, JobId, Output};
use adit_crypto::{Secret, Suite};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

pub use crate::wire::spi::{IkeSpi, Spi};

/// Names an IKE SA of this endpoint; never used twice. A rekeyed IKE SA is a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IkeSaId(pub u64);

/// Names a pair of ESP SAs of this endpoint; never used twice. A rekeyed child is a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildId(pub u64);

/// Both ends of the datagrams of an IKE SA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    /// Our address and port.
    pub local: SocketAddr,
    /// The peer's.
    pub remote: SocketAddr,
}

/// Where to send the bytes that [`crate::Endpoint::poll_transmit`] wrote.
///
/// They are the whole UDP payload: on every port but that of plain IKE (500)
/// the non-ESP marker is in front already, a NAT keepalive is its one octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Send from `local` (address and port) to `remote`.
    pub path: Path,
}

/// When [`crate::Endpoint::handle_timeout`] wants to be called, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// Not before this time.
    pub at: Instant,
    /// For logs and tests.
    pub why: TimerKind,
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerKind {
    /// A request goes out again, or its peer is given up.
    Retransmit,
    /// Nothing was heard for long: ask.
    Liveness,
    /// The NAT's mapping is refreshed.
    Keepalive,
    /// A child SA is to be rekeyed.
    RekeyChild,
    /// A child SA has reached its age.
    ExpireChild,
    /// The IKE SA is to be rekeyed.
    RekeyIke,
    /// The IKE SA has reached its age.
    ExpireIke,
    /// A half-open or replaced IKE SA has been waited for long enough.
    GiveUp,
    /// A child that failed, or one the peer had the first go at, is tried (again).
    RetryChild,
    /// A redundant SA that the peer should have closed is closed by us.
    CloseRedundant,
    /// Reordered packets on a replaced inbound SA are no longer waited for.
    Linger,
    /// A connection is initiated, again.
    Initiate,
}

/// One direction of a child SA: everything the data path needs to make it.
///
/// It is moved, never shared: it owns the key.
#[derive(Debug)]
pub struct ChildHalf {
    /// The connection it belongs to.
    pub connection: ConnectionId,
    /// Which of its children.
    pub config: ChildConfigId,
    /// Common to both halves.
    pub child: ChildId,
    /// The IKE SA that made it.
    pub ike_sa: IkeSaId,
    /// Inbound: chosen by us, unique here. Outbound: chosen by the peer.
    pub spi: Spi,
    /// Algorithms and key length.
    pub suite: Suite,
    /// KEYMAT of this direction: encryption key (with salt for an AEAD), then integrity key. RFC 7296 §2.17.
    pub key: Secret,
    /// Extended sequence numbers were agreed.
    pub esn: bool,
    /// Transport or tunnel.
    pub mode: Mode,
    /// Our side of the packets, as negotiated.
    pub local_selectors: Vec<TrafficSelector>,
    /// The peer's side.
    pub remote_selectors: Vec<TrafficSelector>,
    /// What ESP travels in, from where to where.
    pub carrier: Carrier,
    /// When the data path has to speak up or stop.
    pub limits: Limits,
    /// The child this one takes the place of.
    pub replaces: Option<ChildId>,
}

/// What ESP packets travel in. Not the path of IKE: a MOBIKE peer has IKE on
/// port 4500 while ESP stays protocol 50.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Carrier {
    /// IP protocol 50.
    Esp {
        /// Our address.
        local: IpAddr,
        /// The peer's.
        remote: IpAddr,
    },
    /// UDP, RFC 3948.
    Udp {
        /// Our address and port.
        local: SocketAddr,
        /// The peer's, as the NAT shows it.
        remote: SocketAddr,
    },
}

/// Volume of one direction after which something has to happen; `None` is no
/// limit beyond the algorithm's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// After this many packets: [`Command::SoftLimit`], once.
    pub soft_packets: Option<u64>,
    /// After this many bytes: [`Command::SoftLimit`], once.
    pub soft_bytes: Option<u64>,
    /// Not one packet more.
    pub hard_packets: Option<u64>,
    /// Not one byte more.
    pub hard_bytes: Option<u64>,
}

/// What the endpoint wants done or known. To be drained *before* datagrams are
/// sent: an inbound half is installed before the message leaves that lets the
/// peer use it.
///
/// The data path keeps, for each `(connection, config)`, the outbound halves in
/// order of installation and sends on the newest; removing one uncovers the one before.
#[derive(Debug)]
pub enum Event {
    /// Heavy arithmetic to be done: answer with [`Command::JobDone`]. Anywhere, in any order.
    Job(JobId, Job),
    /// Accept ESP packets on this SPI.
    InstallInbound(Box<ChildHalf>),
    /// Send on this one from now on.
    InstallOutbound(Box<ChildHalf>),
    /// Forget an inbound half.
    RemoveInbound(ChildId, Spi),
    /// Forget an outbound half.
    RemoveOutbound(ChildId, Spi),
    /// Both halves of this child now travel this way.
    Redirect(ChildId, Carrier),
    /// An IKE SA of this connection stands, and none stood before.
    Up(ConnectionId),
    /// No IKE SA of this connection stands any more, or an attempt to make one failed.
    Down(ConnectionId, Failure),
    /// A child could not be had; the IKE SA stands. It is tried again.
    ChildFailed(ConnectionId, ChildConfigId, Failure),
    /// Something worth knowing that changed nothing, such as an unauthenticated error from the network.
    Hint(ConnectionId, Failure),
    /// IKE with this peer now takes this path.
    Moved(ConnectionId, Path),
}

/// What the driver tells the endpoint.
#[derive(Debug)]
pub enum Command {
    /// The result of an [`Event::Job`].
    JobDone(JobId, Output),
    /// The data path could not install a half of this child: it is taken down on both sides.
    InstallFailed(ChildId),
    /// The first authenticated packet arrived on this inbound SA. RFC 7296 §2.8.
    HeardOn(Spi),
    /// Authenticated packets arrived on this inbound SA since the last report: the peer lives. RFC 7296 §2.4.
    Usage(Spi),
    /// A soft limit of volume was reached on the child with this inbound SPI.
    SoftLimit(Spi),
    /// A child whose inbound SPI this is saw authenticated packets from a new address or port. RFC 7296 §2.23.
    PeerMoved {
        /// Inbound SPI.
        spi: Spi,
        /// Outer source of the packet.
        from: SocketAddr,
    },
    /// The addresses of this host, all of them, after a change.
    LocalAddresses(Vec<IpAddr>),
    /// Bring a connection up now: forgets back-off, and initiates even where configured not to.
    Initiate(ConnectionId),
    /// Close its IKE SAs; it stays configured, but down until [`Command::Initiate`]: the peer cannot
    /// bring it up either, and is told that it is not for ever (TEMPORARY_FAILURE).
    Terminate(ConnectionId),
    /// Rekey all its children now.
    RekeyChildren(ConnectionId),
    /// Rekey its IKE SA now.
    RekeyIke(ConnectionId),
    /// Delete everything, gracefully: send what [`crate::Endpoint::poll_transmit`]
    /// gives and go when [`crate::Endpoint::is_idle`], or when tired of waiting.
    Shutdown,
}

/// A [`Command`] that could not be carried out. The caller's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No such connection.
    #[error("no connection with that id")]
    UnknownConnection,
    /// Nothing stands that could be rekeyed or closed.
    #[error("the connection is not up")]
    NotUp,
    /// A pure responder for anyone has nobody to call.
    #[error("the connection names no remote address to initiate to")]
    NoRemoteAddress,
    /// The endpoint is shutting down.
    #[error("shutting down")]
    ShuttingDown,
}
