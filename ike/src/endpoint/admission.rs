//! How much strangers may cost: half-open IKE SAs and unprotected replies. RFC 7296 §2.4, §2.21.4.

use crate::event::{IkeSaId, IkeSpi};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// The IKE SAs others began, by what their first message shows.
#[derive(Debug, Default)]
pub(crate) struct Callers {
    by_origin: BTreeSet<(IkeSpi, SocketAddr, IkeSaId)>,
    origins: BTreeMap<IkeSaId, (IkeSpi, SocketAddr)>,
    half_open: BTreeSet<IkeSaId>,
    per_address: BTreeMap<IpAddr, usize>,
}

impl Callers {
    pub(crate) fn add(&mut self, id: IkeSaId, spi: IkeSpi, from: SocketAddr) {
        self.by_origin.insert((spi, from, id));
        self.origins.insert(id, (spi, from));
        self.half_open.insert(id);
        *self.per_address.entry(from.ip()).or_default() += 1;
    }

    /// The IKE SA is half-open no more; repetitions of its first message are still known.
    pub(crate) fn opened(&mut self, id: IkeSaId) {
        if self.half_open.remove(&id)
            && let Some((_, from)) = self.origins.get(&id)
            && let Some(count) = self.per_address.get_mut(&from.ip())
        {
            *count -= 1;
            if *count == 0 {
                self.per_address.remove(&from.ip());
            }
        }
    }

    pub(crate) fn remove(&mut self, id: IkeSaId) {
        self.opened(id);
        if let Some((spi, from)) = self.origins.remove(&id) {
            self.by_origin.remove(&(spi, from, id));
        }
    }

    /// IKE SAs that began with this SPI from there.
    pub(crate) fn with_origin(&self, spi: IkeSpi, from: SocketAddr) -> impl Iterator<Item = IkeSaId> {
        let (first, last) = ((spi, from, IkeSaId(0)), (spi, from, IkeSaId(u64::MAX)));
        self.by_origin.range(first..=last).map(|(_, _, id)| *id)
    }

    pub(crate) fn half_open(&self) -> usize {
        self.half_open.len()
    }

    pub(crate) fn half_open_from(&self, address: IpAddr) -> usize {
        self.per_address.get(&address).copied().unwrap_or(0)
    }
}

/// So many a second, and as many at once.
#[derive(Debug)]
pub(crate) struct RateLimit {
    per_second: u32,
    spent: u32,
    since: Option<Instant>,
}

impl RateLimit {
    pub(crate) fn new(per_second: u32) -> Self {
        Self { per_second, spent: 0, since: None }
    }

    /// True when one more may pass.
    pub(crate) fn admits(&mut self, now: Instant) -> bool {
        if self.since.is_none_or(|since| since + Duration::from_secs(1) <= now) {
            self.since = Some(now);
            self.spent = 0;
        }
        self.spent += 1;
        self.spent <= self.per_second
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its own clock")]
mod tests {
    use super::*;

    #[test]
    fn counts_follow_what_comes_and_goes() {
        let (mut callers, from) = (Callers::default(), "192.0.2.1:500".parse::<SocketAddr>().unwrap());
        for id in 1..=3 {
            callers.add(IkeSaId(id), IkeSpi(7), from);
        }
        callers.opened(IkeSaId(2));
        callers.opened(IkeSaId(2));
        assert_eq!((callers.half_open(), callers.half_open_from(from.ip())), (2, 2));
        callers.remove(IkeSaId(1));
        assert_eq!(callers.with_origin(IkeSpi(7), from).collect::<Vec<_>>(), [IkeSaId(2), IkeSaId(3)]);
        callers.remove(IkeSaId(2));
        callers.remove(IkeSaId(3));
        assert_eq!((callers.half_open(), callers.half_open_from(from.ip())), (0, 0));
        assert!(callers.per_address.is_empty() && callers.origins.is_empty());
    }

    #[test]
    fn so_many_a_second() {
        let (mut limit, start) = (RateLimit::new(3), Instant::now());
        let passed = (0..10).filter(|_| limit.admits(start)).count();
        assert_eq!(passed, 3);
        assert!(limit.admits(start + Duration::from_secs(1)));
    }
}
