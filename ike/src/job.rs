//! Work handed out: a key exchange takes as long as thousands of packets.
//!
//! The endpoint never waits for it. A driver may run jobs where it stands
//! ([`Job::run`]) or on other threads; results may come in any order, late, or
//! after the SA that wanted them is gone.

use adit_crypto::kex::{self, KexError, Started};
use adit_crypto::{KeId, Rng, Secret};

/// Names a job; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// One piece of arithmetic, with everything it needs.
#[derive(Debug)]
pub enum Job {
    /// Make a key pair to send.
    Initiate {
        /// Transform type 4.
        method: KeId,
        /// Randomness of this job alone, so that the order of jobs decides nothing.
        rng: Box<Rng>,
    },
    /// Answer the peer's public value.
    Respond {
        /// Transform type 4.
        method: KeId,
        /// What the peer sent.
        peer: Vec<u8>,
        /// Randomness of this job alone.
        rng: Box<Rng>,
    },
    /// Come to the shared secret.
    Finish {
        /// From [`Output::Initiated`].
        started: Box<Started>,
        /// What the peer sent.
        peer: Vec<u8>,
    },
}

/// What came out of a [`Job`].
#[derive(Debug)]
pub enum Output {
    /// Of [`Job::Initiate`]: the private half, and what to send.
    Initiated(Box<Started>, Vec<u8>),
    /// Of [`Job::Respond`]: what to send, and the shared secret.
    Responded(Vec<u8>, Secret),
    /// Of [`Job::Finish`].
    Shared(Secret),
    /// The peer's value is no public value of this method, or the method is not built in.
    Refused(KexError),
}

impl Job {
    /// Does the work, here and now. Takes from 50 µs (X25519) to milliseconds (MODP).
    pub fn run(self) -> Output {
        match self {
            Self::Initiate { method, mut rng } => kex::initiate(method, &mut rng)
                .map(|(started, public)| Output::Initiated(Box::new(started), public)),
            Self::Respond { method, peer, mut rng } => kex::respond(method, &peer, &mut rng)
                .map(|(public, secret)| Output::Responded(public, secret)),
            Self::Finish { started, peer } => started.finish(&peer).map(Output::Shared),
        }
        .unwrap_or_else(Output::Refused)
    }
}
