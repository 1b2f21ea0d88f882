//! The worker's SAs: owned by it, moved to it, never shared.

use std::net::{IpAddr, SocketAddr};

pub(crate) mod table;

use adit_esp::{InboundSa, OutboundSa, Spi};

use super::selectors::Selectors;
use super::tables::PolicyId;

/// RFC 4301 §4.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// ESP carries a GRE packet or a UDP datagram of a bridge port's tunnel.
    Transport,
    /// ESP carries IP packets of a routed interface.
    Tunnel,
}

/// How ESP packets of an SA travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// IP protocol 50.
    Esp {
        /// Our address.
        local: IpAddr,
        /// The peer's.
        remote: IpAddr,
    },
    /// UDP (RFC 3948); the local port is 4500.
    Udp {
        /// Our address and port.
        local: SocketAddr,
        /// The peer's, as seen here.
        remote: SocketAddr,
    },
}

impl Carrier {
    /// Our address.
    pub fn local(&self) -> IpAddr {
        match self {
            Carrier::Esp { local, .. } => *local,
            Carrier::Udp { local, .. } => local.ip(),
        }
    }

    /// The peer's address.
    pub fn remote(&self) -> IpAddr {
        match self {
            Carrier::Esp { remote, .. } => *remote,
            Carrier::Udp { remote, .. } => remote.ip(),
        }
    }
}

/// Names one SA. Inbound SPIs are ours and unique in the daemon; outbound ones are the peer's and
/// unique within a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SaId {
    /// What we receive on.
    Inbound {
        /// Our SPI.
        spi: Spi,
    },
    /// What we send on.
    Outbound {
        /// Whose traffic it carries.
        policy: PolicyId,
        /// The peer's SPI.
        spi: Spi,
    },
}

/// An inbound SA on its way to its worker.
#[derive(Debug)]
pub struct Inbound {
    /// Whose packets may come out of it.
    pub policy: PolicyId,
    /// What it carries.
    pub mode: Mode,
    /// What it may carry.
    pub selectors: Selectors,
    /// How the peer is expected to send; a packet from elsewhere is accepted when it authenticates,
    /// and reported ([`super::punt::Punt::PeerMoved`]) where UDP carries it.
    pub carrier: Carrier,
    /// The transform; its SPI is the SA's name.
    pub sa: InboundSa,
}

/// An outbound SA on its way to its worker. Of the SAs of a policy whose selectors cover a packet,
/// the one installed last carries it.
#[derive(Debug)]
pub struct Outbound {
    /// Whose packets may go into it.
    pub policy: PolicyId,
    /// What it carries.
    pub mode: Mode,
    /// What it may carry.
    pub selectors: Selectors,
    /// How it is sent.
    pub carrier: Carrier,
    /// The transform; its SPI is the SA's name.
    pub sa: OutboundSa,
}
