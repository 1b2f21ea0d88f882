//! What can go wrong, whose fault it is, and the one map to what the peer hears.

use adit_crypto::KeId;

use crate::wire::{ExchangeType, Identification, Malformed, Notify, NotifyType, PayloadType, Protocol, Spi};

/// Any failure of an exchange, by culprit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The peer's bytes are not a message.
    #[error("malformed message: {0}")]
    Malformed(#[from] Malformed),
    /// A message well formed but not allowed here.
    #[error("the peer broke the protocol: {0}")]
    PeerMisbehaved(#[from] Misbehaved),
    /// The peer said no, and why.
    #[error("the peer refused: {0}")]
    PeerRefused(Notify),
    /// Both ends are sound and have nothing in common.
    #[error("nothing in common: {0}")]
    Unacceptable(#[from] Unacceptable),
    /// An end could not prove who it is.
    #[error("authentication failed: {0}")]
    Authentication(#[from] AuthError),
    /// Our own limit or configuration.
    #[error("{0}")]
    Local(#[from] Local),
    /// The caller used this crate wrongly.
    #[error("misuse: {0}")]
    Misuse(#[from] Misuse),
}

/// What a peer did that the protocol forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misbehaved {
    /// A payload the exchange needs is absent.
    #[error("{exchange} without {payload} payload")]
    Missing {
        /// The exchange.
        exchange: ExchangeType,
        /// What is absent.
        payload: PayloadType,
    },
    /// A payload that may occur once occurs twice.
    #[error("{exchange} with two {payload} payloads")]
    Repeated {
        /// The exchange.
        exchange: ExchangeType,
        /// What is doubled.
        payload: PayloadType,
    },
    /// A payload that has no meaning in this message.
    #[error("{exchange} with {payload} payload")]
    Unexpected {
        /// The exchange.
        exchange: ExchangeType,
        /// What does not belong.
        payload: PayloadType,
    },
    /// A notification whose data or SPI the standard does not allow.
    #[error("{0} notification with wrong contents")]
    BadNotify(NotifyType),
    /// A notification that may occur once occurs twice.
    #[error("two {0} notifications")]
    RepeatedNotify(NotifyType),
    /// A proposal for a protocol this exchange does not negotiate, or numbered wrongly.
    #[error("proposal for {0} where it does not belong")]
    BadProposal(Protocol),
    /// An answer that is not one of the things asked for.
    #[error("the answer chose what was not offered")]
    NotOffered,
    /// An answer with other than one proposal.
    #[error("the answer has {0} proposals instead of one")]
    NotOneProposal(usize),
    /// A public value the method forbids.
    #[error("invalid public value for {0}")]
    BadPublicValue(KeId),
    /// An exchange nobody here speaks, or not now.
    #[error("{0} is not expected now")]
    UnexpectedExchange(ExchangeType),
    /// A request where a response was due or the other way round, or a flag that contradicts the role.
    #[error("header flags contradict the exchange")]
    WrongFlags,
    /// A message id outside the window.
    #[error("message id outside the window")]
    MessageId,
    /// An exchange that must be protected and was not, or the other way round.
    #[error("protection missing or out of place")]
    Protection,
}

/// Nothing in common with the peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unacceptable {
    /// No proposal of theirs is one of ours.
    #[error("no proposal in common")]
    Proposal,
    /// A proposal fits, but its key exchange method is not the one the value was for.
    #[error("key exchange with {wanted} wanted")]
    KeyExchange {
        /// The method to use instead.
        wanted: KeId,
    },
    /// No traffic selector in common.
    #[error("no traffic selector in common")]
    TrafficSelectors,
    /// Traffic selectors may only be negotiated one pair at a time.
    #[error("one pair of addresses at a time")]
    SinglePairRequired,
    /// Transport mode against tunnel mode.
    #[error("transport mode against tunnel mode")]
    Mode,
    /// The Child SA to be rekeyed is not there.
    #[error("there is no Child SA {0}")]
    NoSuchChild(Spi),
    /// The exchange collides with another and must be tried again later (RFC 7296 §2.25).
    #[error("busy with a conflicting exchange")]
    Busy,
}

/// Why an identity is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// There is no shared key for this pair of identities.
    #[error("no credentials for {0}")]
    NoCredentials(Identification),
    /// The MIC or signature is wrong: with a shared key, almost always two different keys.
    #[error("we refused {0}: its proof is wrong (different pre-shared keys?)")]
    BadProof(Identification),
    /// The peer is not who the configuration says.
    #[error("the peer is {found}, configured is {expected}")]
    WrongIdentity {
        /// From the configuration.
        expected: Identification,
        /// From the peer.
        found: Identification,
    },
    /// The peer proves itself by a method not configured or not known.
    #[error("the peer authenticates by {0}")]
    Method(crate::wire::AuthMethod),
    /// A certificate or key could not be used; the text says why.
    #[error("{0}")]
    Credentials(String),
    /// The peer does not believe us.
    #[error("the peer refused us: our proof is wrong to it (different pre-shared keys or identities?)")]
    RefusedByPeer,
}

/// Refusals that are ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Local {
    /// A named limit is reached.
    #[error("limit reached here: {0}")]
    Limit(&'static str),
    /// No connection is configured for this peer.
    #[error("no connection is configured here for this peer")]
    NoConnection,
    /// The connection was taken down or reconfigured meanwhile.
    #[error("the connection is being taken down")]
    GoingDown,
    /// The connection was taken down by hand, and the peer calls.
    #[error("the peer calls, but the connection is taken down here")]
    TakenDown,
    /// The peer did not answer.
    #[error("the peer does not answer")]
    Timeout,
    /// The peer closed the IKE SA.
    #[error("the peer closed the connection")]
    ClosedByPeer,
    /// The data path could not install an SA.
    #[error("the SA could not be installed here")]
    InstallFailed,
    /// A configured algorithm is not built in.
    #[error("algorithm not supported here: {0}")]
    Unsupported(String),
}

/// Mistakes of the calling code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// An id that names nothing.
    #[error("unknown {0} id")]
    UnknownId(&'static str),
    /// A message that cannot be protected.
    #[error(transparent)]
    Seal(#[from] crate::wire::SealError),
}

/// On whose side the remedy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Ours.
    Local,
    /// The peer's.
    Peer,
    /// Both configurations must be compared.
    Both,
    /// Between: nothing arrives.
    Network,
}

impl Error {
    /// What the peer hears, where it may hear anything. Only inside an IKE SA, or in answer to an
    /// IKE_SA_INIT request, is it sent at all (RFC 7296 §2.21).
    #[must_use]
    pub fn notify(&self) -> Option<Notify> {
        match self {
            Self::Malformed(malformed) => malformed_notify(malformed),
            Self::PeerMisbehaved(misbehaved) => misbehaved_notify(misbehaved),
            Self::PeerRefused(_) | Self::Misuse(_) => None,
            Self::Unacceptable(unacceptable) => Some(unacceptable_notify(unacceptable)),
            Self::Authentication(AuthError::RefusedByPeer) => None,
            Self::Authentication(_) => Some(Notify::new(NotifyType::AUTHENTICATION_FAILED)),
            Self::Local(local) => local_notify(local),
        }
    }

    /// Where to look for the remedy.
    #[must_use]
    pub const fn side(&self) -> Side {
        match self {
            Self::Malformed(_) | Self::PeerMisbehaved(_) => Side::Peer,
            Self::PeerRefused(notify) => refusal_side(notify.kind),
            Self::Unacceptable(_) => Side::Both,
            Self::Authentication(auth) => match auth {
                AuthError::BadProof(_) | AuthError::WrongIdentity { .. } | AuthError::RefusedByPeer => {
                    Side::Both
                }
                AuthError::NoCredentials(_) | AuthError::Credentials(_) => Side::Local,
                AuthError::Method(_) => Side::Both,
            },
            Self::Local(Local::Timeout) => Side::Network,
            Self::Local(Local::ClosedByPeer) => Side::Peer,
            Self::Local(_) | Self::Misuse(_) => Side::Local,
        }
    }
}

fn malformed_notify(malformed: &Malformed) -> Option<Notify> {
    match *malformed {
        Malformed::UnsupportedCritical(payload) => Some(Notify::unsupported_critical(payload)),
        // Version 1 is another protocol; its daemon listens elsewhere or not at all.
        Malformed::MajorVersion(version) => {
            (version > 2).then(|| Notify::new(NotifyType::INVALID_MAJOR_VERSION))
        }
        // Nothing that could be answered: the header itself cannot be believed.
        Malformed::TooShort(_) | Malformed::Length { .. } | Malformed::ZeroSpi => None,
        Malformed::Payload { .. } => Some(Notify::new(NotifyType::INVALID_SYNTAX)),
    }
}

fn misbehaved_notify(misbehaved: &Misbehaved) -> Option<Notify> {
    match misbehaved {
        Misbehaved::Missing { .. }
        | Misbehaved::Repeated { .. }
        | Misbehaved::Unexpected { .. }
        | Misbehaved::BadNotify(_)
        | Misbehaved::RepeatedNotify(_)
        | Misbehaved::BadProposal(_)
        | Misbehaved::NotOffered
        | Misbehaved::NotOneProposal(_)
        | Misbehaved::BadPublicValue(_)
        | Misbehaved::UnexpectedExchange(_) => Some(Notify::new(NotifyType::INVALID_SYNTAX)),
        Misbehaved::WrongFlags | Misbehaved::MessageId | Misbehaved::Protection => None,
    }
}

fn unacceptable_notify(unacceptable: &Unacceptable) -> Notify {
    match *unacceptable {
        Unacceptable::Proposal | Unacceptable::Mode => Notify::new(NotifyType::NO_PROPOSAL_CHOSEN),
        Unacceptable::KeyExchange { wanted } => Notify::invalid_ke(wanted),
        Unacceptable::TrafficSelectors => Notify::new(NotifyType::TS_UNACCEPTABLE),
        Unacceptable::SinglePairRequired => Notify::new(NotifyType::SINGLE_PAIR_REQUIRED),
        Unacceptable::NoSuchChild(spi) => Notify::for_child(NotifyType::CHILD_SA_NOT_FOUND, spi),
        Unacceptable::Busy => Notify::new(NotifyType::TEMPORARY_FAILURE),
    }
}

fn local_notify(local: &Local) -> Option<Notify> {
    match local {
        Local::Limit(_) => Some(Notify::new(NotifyType::NO_ADDITIONAL_SAS)),
        Local::NoConnection | Local::InstallFailed | Local::Unsupported(_) => {
            Some(Notify::new(NotifyType::NO_PROPOSAL_CHOSEN))
        }
        Local::GoingDown | Local::TakenDown => Some(Notify::new(NotifyType::TEMPORARY_FAILURE)),
        Local::Timeout | Local::ClosedByPeer => None,
    }
}

/// Whose remedy a refusal by the peer calls for.
const fn refusal_side(kind: NotifyType) -> Side {
    match kind {
        NotifyType::NO_PROPOSAL_CHOSEN
        | NotifyType::INVALID_KE_PAYLOAD
        | NotifyType::TS_UNACCEPTABLE
        | NotifyType::SINGLE_PAIR_REQUIRED
        | NotifyType::AUTHENTICATION_FAILED => Side::Both,
        NotifyType::INVALID_SYNTAX
        | NotifyType::INVALID_MAJOR_VERSION
        | NotifyType::UNSUPPORTED_CRITICAL_PAYLOAD
        | NotifyType::INVALID_MESSAGE_ID => Side::Local,
        _ => Side::Peer,
    }
}

#[cfg(test)]
mod tests;
