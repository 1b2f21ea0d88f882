//! What the data path hands to control: small facts and control packets, over
//! bounded queues. Nothing of a user's traffic passes here.

use std::net::SocketAddr;

use adit_esp::Spi;
use adit_switch::PortId;
use tokio::sync::mpsc;

use super::sa::SaId;
use super::tables::BridgeKey;

/// The two ends of an IKE datagram's way; the local port is 500 or 4500.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    /// Our address and port.
    pub local: SocketAddr,
    /// The peer's address and port.
    pub remote: SocketAddr,
}

/// Something for control.
#[derive(Debug)]
pub enum Punt {
    /// An IKE datagram.
    Ike {
        /// How it came.
        path: Path,
        /// The whole UDP payload; on 4500 with the non-ESP marker.
        datagram: Vec<u8>,
    },
    /// A BPDU or a loop probe.
    Control {
        /// On which bridge.
        bridge: BridgeKey,
        /// On which port.
        port: PortId,
        /// The Ethernet frame.
        frame: Vec<u8>,
    },
    /// First authenticated packet on an inbound SA.
    HeardOn {
        /// Its SPI.
        spi: Spi,
    },
    /// An SA passed its soft limit of packets or bytes. Said once.
    SoftLimit {
        /// Which SA.
        sa: SaId,
    },
    /// An authenticated, fresh packet on a UDP-encapsulated SA came from another address or port than
    /// the SA's outbound side sends to (RFC 7296 §2.23). Said once for each new address.
    PeerMoved {
        /// The inbound SPI.
        spi: Spi,
        /// How the packet came.
        path: Path,
    },
}

/// The receiving ends. Packets of control protocols come before facts, and strangers come last.
#[derive(Debug)]
pub struct Punts {
    pub(crate) packets: mpsc::Receiver<Punt>,
    pub(crate) facts: mpsc::Receiver<Punt>,
    pub(crate) strangers: mpsc::Receiver<Punt>,
}

impl Punts {
    /// The next one; `None` after the data plane ended. Cancel safe.
    pub async fn recv(&mut self) -> Option<Punt> {
        tokio::select! {
            biased;
            punt = self.packets.recv() => punt,
            punt = self.facts.recv() => punt,
            punt = self.strangers.recv() => punt,
        }
    }

    /// The next one, if there is one now.
    pub fn try_recv(&mut self) -> Option<Punt> {
        let known = self.packets.try_recv().or_else(|_| self.facts.try_recv());
        known.or_else(|_| self.strangers.try_recv()).ok()
    }
}

/// The sending ends, one set a worker.
#[derive(Debug)]
pub(crate) struct PuntSender {
    /// BPDUs, probes, and IKE datagrams of known peers.
    pub packets: mpsc::Sender<Punt>,
    pub facts: mpsc::Sender<Punt>,
    /// IKE datagrams of others.
    pub strangers: mpsc::Sender<Punt>,
}

/// Both ends of bounded queues of `depth` punts each.
pub(crate) fn queues(depth: usize) -> (PuntSender, Punts) {
    let (packets, packets_out) = mpsc::channel(depth);
    let (facts, facts_out) = mpsc::channel(depth);
    let (strangers, strangers_out) = mpsc::channel(depth);
    let punts = Punts { packets: packets_out, facts: facts_out, strangers: strangers_out };
    (PuntSender { packets, facts, strangers }, punts)
}

/// So much of a second's rate may come at once.
const BURST_SHARE: u64 = 4;

/// Tokens that come back with time: so many a second, so many at once.
#[derive(Debug)]
pub(crate) struct RateLimit {
    per_second: u64,
    burst_micros: u64,
    /// Microseconds on the data plane's clock up to which tokens are spent.
    spent_until: u64,
}

impl RateLimit {
    /// So many a second, the usual part of them at once.
    pub fn per_second(rate: u64) -> Self {
        Self::new(rate, rate / BURST_SHARE)
    }

    fn new(per_second: u64, burst: u64) -> Self {
        RateLimit { per_second, burst_micros: burst * 1_000_000 / per_second, spent_until: 0 }
    }

    /// Takes a token at `now` (microseconds), if there is one.
    pub fn take(&mut self, now: u64) -> bool {
        let from = self.spent_until.max(now.saturating_sub(self.burst_micros));
        let next = from + 1_000_000 / self.per_second;
        if next > now {
            return false;
        }
        self.spent_until = next;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let mut limit = RateLimit::new(100, 10);
        let second = 1_000_000;
        let taken = |limit: &mut RateLimit, now: u64| (0..1000).filter(|_| limit.take(now)).count();
        assert_eq!(taken(&mut limit, 10 * second), 10);
        assert_eq!(taken(&mut limit, 10 * second), 0);
        assert_eq!(taken(&mut limit, 10 * second + second / 20), 5);
        assert_eq!(taken(&mut limit, 1000 * second), 10, "time does not save up more than a burst");
    }

    #[test]
    fn packets_come_before_facts_and_strangers_last() {
        let (sender, mut punts) = queues(4);
        sender.facts.try_send(Punt::HeardOn { spi: Spi(1) }).expect("room");
        let path = Path { local: ([127, 0, 0, 1], 500).into(), remote: ([127, 0, 0, 1], 500).into() };
        sender.strangers.try_send(Punt::Ike { path, datagram: vec![2] }).expect("room");
        sender.packets.try_send(Punt::Ike { path, datagram: vec![1] }).expect("room");
        assert!(matches!(punts.try_recv(), Some(Punt::Ike { datagram, .. }) if datagram == [1]));
        assert!(matches!(punts.try_recv(), Some(Punt::HeardOn { .. })));
        assert!(matches!(punts.try_recv(), Some(Punt::Ike { datagram, .. }) if datagram == [2]));
        assert!(punts.try_recv().is_none());
    }
}
