//! One direction of a wire: delay, jitter, loss, duplication, reordering, MTU.

use crate::Chance;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What a [`Link`] does to packets. The default is a perfect wire.
#[derive(Clone, Debug, Default)]
pub struct LinkConfig {
    /// Time every packet takes.
    pub delay: Duration,
    /// Up to this much more, evenly spread. Order is kept unless `reorder` says otherwise.
    pub jitter: Duration,
    /// Packets lost, in a thousand.
    pub loss: u16,
    /// Packets delivered twice, in a thousand.
    pub duplicate: u16,
    /// Packets that may overtake or fall behind others, in a thousand.
    pub reorder: u16,
    /// Longer packets vanish, as with "don't fragment".
    pub mtu: Option<usize>,
}

/// What happened on a link so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounts {
    /// Given to [`Link::send`].
    pub sent: u64,
    /// Lost by chance, by the MTU, or because the link was cut.
    pub lost: u64,
    /// Additional copies made.
    pub duplicated: u64,
    /// Moved out of order.
    pub reordered: u64,
}

/// A one-way wire between two hosts of a test.
#[derive(Debug)]
pub struct Link<T> {
    config: LinkConfig,
    chance: Chance,
    cut: bool,
    // Keyed by arrival and a serial number, so that equal arrivals stay in order.
    flying: BTreeMap<(Instant, u64), T>,
    serial: u64,
    last_arrival: Option<Instant>,
    counts: LinkCounts,
}

impl<T: Clone> Link<T> {
    /// A link whose chances follow from `seed`.
    pub fn new(config: LinkConfig, seed: u64) -> Self {
        Self {
            config,
            chance: Chance::new(seed),
            cut: false,
            flying: BTreeMap::new(),
            serial: 0,
            last_arrival: None,
            counts: LinkCounts::default(),
        }
    }

    /// Puts a packet of `len` bytes on the wire.
    pub fn send(&mut self, now: Instant, packet: T, len: usize) {
        self.counts.sent += 1;
        let too_long = self.config.mtu.is_some_and(|mtu| len > mtu);
        if self.cut || too_long || self.chance.happens(self.config.loss) {
            self.counts.lost += 1;
            return;
        }
        if self.chance.happens(self.config.duplicate) {
            self.counts.duplicated += 1;
            self.fly(now, packet.clone());
        }
        self.fly(now, packet);
    }

    fn fly(&mut self, now: Instant, packet: T) {
        let jitter = self.chance.below(self.config.jitter.as_nanos() as u64 + 1);
        let mut arrival = now + self.config.delay + Duration::from_nanos(jitter);
        if self.chance.happens(self.config.reorder) {
            self.counts.reordered += 1;
            // Late by up to four delays (at least 4 ms): behind packets sent after it.
            let span = (self.config.delay.max(Duration::from_millis(1)) * 4).as_nanos() as u64;
            arrival += Duration::from_nanos(self.chance.below(span));
        } else {
            arrival = self.last_arrival.map_or(arrival, |last| arrival.max(last));
            self.last_arrival = Some(arrival);
        }
        self.serial += 1;
        self.flying.insert((arrival, self.serial), packet);
    }

    /// The next packet that has arrived by `now`.
    pub fn receive(&mut self, now: Instant) -> Option<T> {
        let first = self.flying.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// When the next packet arrives.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.flying.keys().next().map(|key| key.0)
    }

    /// Cuts or mends the wire; what flies already still arrives.
    pub fn set_cut(&mut self, cut: bool) {
        self.cut = cut;
    }

    /// Forgets what flies.
    pub fn clear(&mut self) {
        self.flying.clear();
    }

    /// Changes what the wire does from now on.
    pub fn set_config(&mut self, config: LinkConfig) {
        self.config = config;
    }

    /// What happened so far.
    pub fn counts(&self) -> LinkCounts {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(link: &mut Link<u32>, end: Instant) -> Vec<u32> {
        std::iter::from_fn(|| link.receive(end)).collect()
    }

    #[test]
    fn jitter_alone_keeps_order() {
        let start = Instant::now();
        let config = LinkConfig { jitter: Duration::from_millis(50), ..LinkConfig::default() };
        let mut link = Link::new(config, 1);
        (0..100).for_each(|i| link.send(start + Duration::from_millis(u64::from(i)), i, 100));
        assert_eq!(drain(&mut link, start + Duration::from_secs(9)), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn loss_duplication_and_reordering_happen_about_as_often_as_asked() {
        let start = Instant::now();
        let config = LinkConfig { loss: 200, duplicate: 100, reorder: 100, ..LinkConfig::default() };
        let mut link = Link::new(config, 2);
        (0..10_000).for_each(|i| link.send(start + Duration::from_micros(u64::from(i) * 100), i, 100));
        let counts = link.counts();
        assert!((1_800..2_200).contains(&counts.lost), "{counts:?}");
        assert!((700..900).contains(&counts.duplicated), "{counts:?}");
        let arrived = drain(&mut link, start + Duration::from_secs(9));
        assert_eq!(arrived.len() as u64, counts.sent - counts.lost + counts.duplicated);
        assert!(arrived.windows(2).filter(|w| w[0] > w[1]).count() > 300);
    }

    #[test]
    fn mtu_and_cut_swallow() {
        let start = Instant::now();
        let mut link = Link::new(LinkConfig { mtu: Some(1500), ..LinkConfig::default() }, 3);
        link.send(start, 1, 1501);
        link.send(start, 2, 1500);
        link.set_cut(true);
        link.send(start, 3, 10);
        link.set_cut(false);
        link.send(start, 4, 10);
        assert_eq!(drain(&mut link, start), [2, 4]);
        assert_eq!(link.counts().lost, 2);
    }
}
