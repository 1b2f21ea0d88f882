//! What is wanted of one peer: addresses, identities, proposals, children, lifetimes.
//!
//! A [`Connection`] is immutable and shared (`Arc`); a change is a new value
//! given to [`crate::Endpoint::set_connection`], which finds the difference.

use crate::event::Path;
use crate::sa::proposal::IkeChoice;
use adit_crypto::{EncrId, IntegId, KeId, PrfId};
use std::net::IpAddr;
use std::time::Duration;

mod identity;
mod selector;

pub use crate::wire::ts::{AddressRange, PortRange, TrafficSelector};
pub use identity::Identity;

/// Names a [`Connection`]; chosen by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u32);

/// Names a [`ChildConfig`] within its connection; chosen by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildConfigId(pub u32);

/// One peer and the children wanted with it. RFC 7296 calls the first half the
/// Peer Authorization Database entry, the second the SPD (RFC 4301 §4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// For logs and failures only.
    pub name: String,
    /// Our address.
    pub local: IpAddr,
    /// The peer's address; `None` is anyone who proves [`Connection::remote_id`],
    /// who then has to initiate.
    pub remote: Option<IpAddr>,
    /// Who we say we are.
    pub local_id: Identity,
    /// Who the peer has to prove to be.
    pub remote_id: Identity,
    /// Raise it when the secret behind the identities changed: the IKE SA is then
    /// closed and authenticated anew. The secret itself never stands here.
    pub credential_revision: u64,
    /// In order of preference.
    pub proposals: Vec<IkeProposal>,
    /// When to rekey the IKE SA.
    pub lifetime: IkeLifetime,
    /// False makes a pure responder: never opens an IKE SA, but keeps one that stands.
    pub initiate: bool,
    /// ESP in UDP 4500 although no NAT is found (strongSwan's `encap = yes`).
    pub force_udp: bool,
    /// How long nothing may be heard before the peer is asked whether it lives.
    /// Zero never asks. RFC 7296 §2.4.
    pub liveness: Duration,
    /// How often the NAT's mapping is refreshed when we are behind one (RFC 3948 §4).
    pub keepalive: Duration,
    /// Retransmission of requests.
    pub retransmission: Retransmission,
    /// The SAs wanted; ids are unique within the connection.
    pub children: Vec<ChildConfig>,
}

impl Connection {
    /// True for the two ends of this path.
    pub(crate) fn serves(&self, path: Path) -> bool {
        self.local == path.local.ip() && self.remote.is_none_or(|remote| remote == path.remote.ip())
    }

    /// True when these algorithms are among the proposals.
    pub(crate) fn accepts(&self, choice: &IkeChoice) -> bool {
        self.proposals.iter().any(|proposal| {
            let encryption = Encryption { id: choice.suite.encr, key_bits: choice.suite.key_bits };
            proposal.encryption.contains(&encryption)
                && choice.suite.integ.is_none_or(|id| proposal.integrity.contains(&id))
                && proposal.prf.contains(&choice.prf)
                && proposal.key_exchange.contains(&choice.ke)
        })
    }

    /// The child of this id.
    #[must_use]
    pub fn child(&self, id: ChildConfigId) -> Option<&ChildConfig> {
        self.children.iter().find(|child| child.id == id)
    }

    /// True when an IKE SA made for `other` serves us: all but children and times are the same.
    pub(crate) fn is_same_peer(&self, other: &Self) -> bool {
        let identity = |c: &Self| (c.local, c.remote, c.credential_revision, c.force_udp);
        identity(self) == identity(other)
            && self.local_id == other.local_id
            && self.remote_id == other.remote_id
            && self.proposals == other.proposals
    }
}

/// When a request is sent again, and when its peer is given up (RFC 7296 §2.1, §2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retransmission {
    /// Wait before the first repetition; doubled each time.
    pub first: Duration,
    /// The doubling stops here.
    pub longest: Duration,
    /// Repetitions before the peer counts as gone.
    pub tries: u8,
}

impl Default for Retransmission {
    /// 0.5, 1, 2, 4, 8, 8, 8 seconds and as much again: 31.5 seconds in all.
    fn default() -> Self {
        Self { first: Duration::from_millis(500), longest: Duration::from_secs(8), tries: 6 }
    }
}

/// An encryption algorithm and its key length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encryption {
    /// Transform type 1.
    pub id: EncrId,
    /// Bits of key, without the salt of an AEAD; `None` where there is only one length.
    pub key_bits: Option<u16>,
}

/// One proposal for an IKE SA: any one of each list, in order of preference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IkeProposal {
    /// Either AEADs only or none (RFC 7296 §3.3.3).
    pub encryption: Vec<Encryption>,
    /// Pseudo-random functions.
    pub prf: Vec<PrfId>,
    /// Empty with AEADs.
    pub integrity: Vec<IntegId>,
    /// Key exchange methods; the first is the one guessed.
    pub key_exchange: Vec<KeId>,
}

/// One proposal for a pair of ESP SAs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EspProposal {
    /// Either AEADs only or none.
    pub encryption: Vec<Encryption>,
    /// Empty with AEADs.
    pub integrity: Vec<IntegId>,
    /// Key exchange of its own for every child but the first; empty means keys
    /// derived from those of the IKE SA.
    pub key_exchange: Vec<KeId>,
    /// Extended sequence numbers acceptable, in order of preference.
    pub esn: Vec<bool>,
}

/// Transport or tunnel (RFC 7296 §1.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// The outer addresses are the inner ones.
    Transport,
    /// A whole IP packet inside.
    Tunnel,
}

/// One pair of ESP SAs that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildConfig {
    /// Unique within the connection.
    pub id: ChildConfigId,
    /// For logs and failures only.
    pub name: String,
    /// A peer that insists on the other mode is refused.
    pub mode: Mode,
    /// What we send from, the peer sends to.
    pub local: Vec<TrafficSelector>,
    /// What the peer sends from, we send to.
    pub remote: Vec<TrafficSelector>,
    /// In order of preference.
    pub proposals: Vec<EspProposal>,
    /// When to rekey.
    pub lifetime: ChildLifetime,
}

/// Age of an IKE SA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IkeLifetime {
    /// Rekeyed at this age, less the jitter.
    pub rekey: Duration,
    /// Up to this much earlier, evenly spread, so that both ends seldom rekey at once (RFC 7296 §2.8).
    pub jitter: Duration,
    /// Closed at this age if rekeying has not succeeded.
    pub hard: Duration,
}

impl Default for IkeLifetime {
    /// Four hours, 24 minutes of jitter, closed after four hours and a half.
    fn default() -> Self {
        let hours = |n: u64| Duration::from_secs(n * 3600);
        Self { rekey: hours(4), jitter: hours(4) / 10, hard: hours(4) + hours(1) / 2 }
    }
}

/// Age and volume of a child SA. Volumes are per direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildLifetime {
    /// Rekeyed at this age, less the jitter.
    pub rekey: Duration,
    /// Up to this much earlier, evenly spread.
    pub jitter: Duration,
    /// Closed at this age if rekeying has not succeeded.
    pub hard: Duration,
    /// Rekeyed after this many packets, less up to a tenth.
    pub packets: Option<u64>,
    /// Rekeyed after this many bytes, less up to a tenth.
    pub bytes: Option<u64>,
}

impl Default for ChildLifetime {
    /// One hour, six minutes of jitter, closed after 66 minutes; no limit of
    /// volume but that of the algorithm, which the data path knows.
    fn default() -> Self {
        let hour = Duration::from_secs(3600);
        Self { rekey: hour, jitter: hour / 10, hard: hour + hour / 10, packets: None, bytes: None }
    }
}

/// Limits and ports of an [`crate::Endpoint`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointConfig {
    /// UDP port of IKE without the non-ESP marker: 500.
    pub ike_port: u16,
    /// UDP port of IKE with the marker, and of ESP in UDP: 4500.
    pub natt_port: u16,
    /// Half-open IKE SAs before cookies are demanded (RFC 7296 §2.6).
    pub cookie_threshold: usize,
    /// Half-open IKE SAs before further ones are ignored.
    pub max_half_open: usize,
    /// The same for one address.
    pub max_half_open_per_address: usize,
    /// Replies per second to messages that belong to no IKE SA (RFC 7296 §2.21.4).
    pub stray_replies_per_second: u32,
    /// Inbound SPIs of a connection are congruent to its id modulo this number,
    /// so that the worker that owns the SA follows from the SPI. At least 1.
    pub spi_shards: u32,
}

impl Default for EndpointConfig {
    fn default() -> Self {
        Self {
            ike_port: 500,
            natt_port: 4500,
            cookie_threshold: 32,
            max_half_open: 512,
            max_half_open_per_address: 64,
            stray_replies_per_second: 20,
            spi_shards: 1,
        }
    }
}

impl IkeProposal {
    /// What two adits agree on, and nearly everyone else: AEADs, SHA-2, curves before MODP.
    #[must_use]
    pub fn modern() -> Self {
        Self {
            encryption: Encryption::modern(),
            prf: vec![PrfId::HMAC_SHA2_256, PrfId::HMAC_SHA2_384, PrfId::HMAC_SHA2_512],
            integrity: Vec::new(),
            key_exchange: vec![KeId::CURVE_25519, KeId::ECP_256, KeId::MODP_2048],
        }
    }

    /// For peers without AEADs in IKE.
    #[must_use]
    pub fn cbc() -> Self {
        Self {
            encryption: Encryption::cbc(),
            integrity: vec![
                IntegId::HMAC_SHA2_256_128,
                IntegId::HMAC_SHA2_384_192,
                IntegId::HMAC_SHA2_512_256,
            ],
            ..Self::modern()
        }
    }
}

impl EspProposal {
    /// AEADs; a key exchange of its own where the peer wants one, extended sequence numbers where it can.
    #[must_use]
    pub fn modern() -> Self {
        Self {
            encryption: Encryption::modern(),
            integrity: Vec::new(),
            key_exchange: vec![KeId::CURVE_25519, KeId::ECP_256, KeId::MODP_2048, KeId::NONE],
            esn: vec![true, false],
        }
    }

    /// For peers without AEADs in ESP.
    #[must_use]
    pub fn cbc() -> Self {
        Self {
            encryption: Encryption::cbc(),
            integrity: vec![
                IntegId::HMAC_SHA2_256_128,
                IntegId::HMAC_SHA2_384_192,
                IntegId::HMAC_SHA2_512_256,
            ],
            ..Self::modern()
        }
    }
}

impl Encryption {
    fn modern() -> Vec<Self> {
        vec![
            Self { id: EncrId::AES_GCM_16, key_bits: Some(256) },
            Self { id: EncrId::AES_GCM_16, key_bits: Some(128) },
            Self { id: EncrId::CHACHA20_POLY1305, key_bits: None },
        ]
    }

    fn cbc() -> Vec<Self> {
        vec![
            Self { id: EncrId::AES_CBC, key_bits: Some(256) },
            Self { id: EncrId::AES_CBC, key_bits: Some(128) },
        ]
    }
}

impl ChildConfig {
    /// True when an SA made for `other` serves us: all but name and times are the same.
    pub(crate) fn has_same_policy(&self, other: &Self) -> bool {
        (self.mode, &self.local, &self.remote, &self.proposals)
            == (other.mode, &other.local, &other.remote, &other.proposals)
    }
}
