//! How much an SA may carry: packets and bytes, soft and hard. RFC 4301 §4.4.2.1.

/// Limits of one direction of an SA; `u64::MAX` is none.
///
/// At the soft limit IKE is told to rekey; at the hard limit nothing passes any more. Bytes are those of the
/// payload, so both ends count the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Packets until rekeying.
    pub soft_packets: u64,
    /// Packets in all.
    pub hard_packets: u64,
    /// Bytes until rekeying.
    pub soft_bytes: u64,
    /// Bytes in all; the packet that reaches the limit still passes.
    pub hard_bytes: u64,
}

/// What an SA has carried.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Usage {
    /// Packets sealed, or opened.
    pub packets: u64,
    /// Bytes of their payload.
    pub bytes: u64,
}

impl Limits {
    /// No limits.
    pub const NONE: Self =
        Self { soft_packets: u64::MAX, hard_packets: u64::MAX, soft_bytes: u64::MAX, hard_bytes: u64::MAX };

    /// Without extended sequence numbers an SA asks to be rekeyed this many packets before they run out: over
    /// five minutes at 800,000 packets a second.
    pub const SEQUENCE_RESERVE: u64 = 1 << 28;
}

impl Default for Limits {
    fn default() -> Self {
        Self::NONE
    }
}

/// Counts and compares.
#[derive(Debug)]
pub(crate) struct Meter {
    limits: Limits,
    usage: Usage,
    soft_reported: bool,
}

impl Meter {
    /// Without extended sequence numbers the soft limit is brought below their end.
    pub(crate) fn new(limits: Limits, esn: bool) -> Self {
        let before_the_end = if esn { u64::MAX } else { (1 << 32) - Limits::SEQUENCE_RESERVE };
        let limits = Limits { soft_packets: limits.soft_packets.min(before_the_end), ..limits };
        Self { limits, usage: Usage::default(), soft_reported: false }
    }

    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    /// Whether the hard limit lets another packet pass.
    pub(crate) fn admits(&self) -> bool {
        self.usage.packets < self.limits.hard_packets && self.usage.bytes < self.limits.hard_bytes
    }

    pub(crate) fn count(&mut self, payload_len: usize) {
        self.usage.packets += 1;
        // A usize is at most 64 bits here, and a packet far shorter.
        self.usage.bytes = self.usage.bytes.saturating_add(payload_len as u64);
    }

    /// True once, after the soft limit was reached.
    pub(crate) fn take_soft_limit(&mut self) -> bool {
        let reached =
            self.usage.packets >= self.limits.soft_packets || self.usage.bytes >= self.limits.soft_bytes;
        reached && !std::mem::replace(&mut self.soft_reported, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hard_limit_stops_packets_and_bytes() {
        let mut packets = Meter::new(Limits { hard_packets: 2, ..Limits::NONE }, true);
        packets.count(100);
        assert!(packets.admits());
        packets.count(100);
        assert!(!packets.admits());
        let mut bytes = Meter::new(Limits { hard_bytes: 150, ..Limits::NONE }, true);
        bytes.count(100);
        assert!(bytes.admits(), "the packet that reaches the limit passes");
        bytes.count(100);
        assert!(!bytes.admits());
        assert_eq!(bytes.usage(), Usage { packets: 2, bytes: 200 });
    }

    #[test]
    fn the_soft_limit_is_told_once() {
        let mut meter = Meter::new(Limits { soft_packets: 3, soft_bytes: 1000, ..Limits::NONE }, true);
        meter.count(999);
        assert!(!meter.take_soft_limit());
        meter.count(1);
        assert!(meter.take_soft_limit());
        meter.count(1);
        assert!(!meter.take_soft_limit());
    }

    #[test]
    fn short_sequence_numbers_bring_a_soft_limit_of_their_own() {
        let soft =
            |esn, soft_packets| Meter::new(Limits { soft_packets, ..Limits::NONE }, esn).limits.soft_packets;
        assert_eq!(soft(true, u64::MAX), u64::MAX);
        assert_eq!(soft(false, u64::MAX), (1 << 32) - (1 << 28));
        assert_eq!(soft(false, 1000), 1000);
    }
}
