//! Who may bother the IKE endpoint, and how often.
//!
//! A datagram costs the endpoint more than it costs its sender, so there is a rate. A flood of
//! strangers must not use up that of the peers: an address that is known has tokens of its own, strangers
//! share theirs, and no network of them has more than a part.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use super::punt::RateLimit;

/// From one known address, a second; several connections may be to it.
const KNOWN_RATE: u64 = 2000;
/// From all strangers, a second; against floods beyond it cookies (RFC 7296 §2.6) cannot help.
const STRANGERS_RATE: u64 = 4000;
/// From one network of strangers, a second.
const NETWORK_RATE: u64 = 1000;
/// Addresses and networks share buckets where there are more of them, or by accident; which do is different
/// in every run.
const BUCKETS: usize = 256;

/// Whom a datagram is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    /// The peer of a configured connection or of an SA.
    Known,
    /// Anybody else.
    Stranger,
}

/// Token buckets, as many as there will ever be.
#[derive(Debug)]
pub(crate) struct IkeGate {
    hasher: RandomState,
    known: Vec<RateLimit>,
    networks: Vec<RateLimit>,
    strangers: RateLimit,
}

impl Default for IkeGate {
    fn default() -> Self {
        let buckets = |rate| (0..BUCKETS).map(|_| RateLimit::per_second(rate)).collect();
        IkeGate {
            hasher: RandomState::new(),
            known: buckets(KNOWN_RATE),
            networks: buckets(NETWORK_RATE),
            strangers: RateLimit::per_second(STRANGERS_RATE),
        }
    }
}

impl IkeGate {
    /// Whether a datagram from there may pass at `now` (microseconds).
    pub fn admits(&mut self, from: IpAddr, sender: Sender, now: u64) -> bool {
        match sender {
            Sender::Known => {
                let bucket = self.bucket(from);
                self.known[bucket].take(now)
            }
            // The network first: what it has too much of takes nothing from the others.
            Sender::Stranger => {
                let bucket = self.bucket(network(from));
                self.networks[bucket].take(now) && self.strangers.take(now)
            }
        }
    }

    fn bucket(&self, address: IpAddr) -> usize {
        self.hasher.hash_one(address) as usize % BUCKETS
    }
}

/// What one subscriber has, or a small network (RFC 6177 §2).
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4((u32::from(address) & !0xff).into()),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 72 << 72).into()),
    }
}

#[cfg(test)]
mod tests;
