//! Why something is not up: whose side, what, and what to do.

use crate::error::{AuthError, Error, Local, Side, Unacceptable};
use crate::wire::NotifyType;
use std::fmt;

/// A failure as a person wants it told. Displays as one sentence: who refused, why, and the remedy with its side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub error: Error,
}

impl Failure {
    /// On whose side the remedy is.
    #[must_use]
    pub fn side(&self) -> Side {
        self.error.side()
    }

    /// True when an end agreed to it, or asked for it: nothing is broken.
    #[must_use]
    pub fn is_orderly(&self) -> bool {
        matches!(self.error, Error::Local(Local::GoingDown | Local::ClosedByPeer))
    }

    /// What to do.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match &self.error {
            Error::Malformed(_) | Error::PeerMisbehaved(_) => {
                "look at the peer's log, and whether something between alters packets"
            }
            Error::PeerRefused(notify) => refusal_remedy(notify.kind),
            Error::Unacceptable(unacceptable) => unacceptable_remedy(unacceptable),
            Error::Authentication(auth) => auth_remedy(auth),
            Error::Local(local) => local_remedy(local),
            Error::Misuse(_) => "this is a defect of adit; please report it",
        }
    }
}

fn refusal_remedy(kind: NotifyType) -> &'static str {
    match kind {
        NotifyType::NO_PROPOSAL_CHOSEN => {
            "give both ends a proposal in common, the same mode, and check that the peer expects this address"
        }
        NotifyType::TS_UNACCEPTABLE => {
            "make local and remote selectors of one end the remote and local ones of the other"
        }
        NotifyType::AUTHENTICATION_FAILED => "set the same pre-shared key and matching identities",
        NotifyType::TEMPORARY_FAILURE => {
            "none: it is tried again; should it go on, see whether the connection is taken down at the peer"
        }
        NotifyType::NO_ADDITIONAL_SAS => "raise the peer's limit of child SAs, or ask for fewer",
        _ => "look at the peer's log",
    }
}

fn unacceptable_remedy(unacceptable: &Unacceptable) -> &'static str {
    match unacceptable {
        Unacceptable::Proposal | Unacceptable::KeyExchange { .. } => "give both ends a proposal in common",
        Unacceptable::TrafficSelectors | Unacceptable::SinglePairRequired => {
            "make local and remote selectors of one end the remote and local ones of the other"
        }
        Unacceptable::Mode => "configure transport or tunnel mode on both ends alike",
        Unacceptable::NoSuchChild(_) | Unacceptable::Busy => "none: it is tried again",
    }
}

fn auth_remedy(auth: &AuthError) -> &'static str {
    match auth {
        AuthError::NoCredentials(_) => "configure a pre-shared key for this pair of identities here",
        AuthError::BadProof(_) | AuthError::RefusedByPeer => {
            "set the same pre-shared key and matching identities"
        }
        AuthError::WrongIdentity { .. } => {
            "set remote_id here to what the peer calls itself, or change the peer's local_id"
        }
        AuthError::Method(_) => "configure a pre-shared key on both ends",
        AuthError::Credentials(_) => "correct the certificate or key that is named",
    }
}

fn local_remedy(local: &Local) -> &'static str {
    match local {
        Local::Limit(_) => "find out who fills it, or wait",
        Local::NoConnection => {
            "configure a connection for this peer here, or correct its address and identity"
        }
        Local::GoingDown => "none: somebody asked for it",
        Local::TakenDown => "none if that is meant; else bring the connection up again here",
        Local::Timeout => {
            "check that the peer runs, that UDP ports 500 and 4500 pass in both directions, and the address"
        }
        Local::ClosedByPeer => "none if somebody there asked for it; else look at the peer's log",
        Local::InstallFailed => "look at the log of the data path here",
        Local::Unsupported(_) => "choose an algorithm that is built in",
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side() {
            Side::Local => "on this side",
            Side::Peer => "on the peer's side",
            Side::Both => "on both sides",
            Side::Network => "in the network",
        };
        write!(f, "{}; remedy {side}: {}", self.error, self.remedy())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error }
    }
}
