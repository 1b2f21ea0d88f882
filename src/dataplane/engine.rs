//! What the two paths share: SAs, what waits to be sent or written, and the way
//! to control.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use adit_switch::PortId;
use tokio::sync::mpsc::Sender;

use super::batch::SendBatch;
use super::coalesce::Joiner;
use super::counters::{DropReason, PortCounters, WorkerCounters};
use super::ike_gate::{self, IkeGate};
use super::io::sys::{Gather, thread_allocations};
use super::io::vnet_hdr::VnetHdr;
use super::punt::{Path, Punt, PuntSender, RateLimit};
use super::sa::table::SaTable;
use super::tables::{At, BridgeKey, Link, Port, Snapshot, User};
use super::too_big;

/// A frame or IP packet, with what its virtio header said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packet<'p> {
    pub bytes: &'p [u8],
    pub vnet: VnetHdr,
}

impl<'p> Packet<'p> {
    /// One packet with nothing left to do.
    pub fn plain(bytes: &'p [u8]) -> Self {
        Packet { bytes, vnet: VnetHdr::PLAIN }
    }
}

/// BPDUs and probes to control, a second.
const CONTROL_RATE: u64 = 2000;
/// "Too big" answers, a second.
const TOO_BIG_RATE: u64 = 100;

/// The state of a worker that packets pass by. Receive buffers are beside it, so that a packet can be
/// borrowed from one while the engine works on it.
#[derive(Debug)]
pub(crate) struct Engine {
    pub sas: SaTable,
    pub batch: SendBatch,
    pub joiner: Joiner,
    pub counters: Arc<WorkerCounters>,
    pub punts: PuntSender,
    /// Microseconds since the worker started, as of this wake-up.
    pub now: u64,
    /// Allocations that were not made for a user's packet.
    pub excused: u64,
    gather: Gather,
    ike_gate: IkeGate,
    control_rate: RateLimit,
    too_big_rate: RateLimit,
    /// Where "too big" answers are written.
    pub answer: [u8; too_big::MAX_ANSWER],
}

impl Engine {
    pub fn new(counters: Arc<WorkerCounters>, punts: PuntSender) -> Self {
        Engine {
            sas: SaTable::default(),
            batch: SendBatch::new(counters.clone()),
            joiner: Joiner::default(),
            counters,
            punts,
            now: 0,
            excused: 0,
            gather: Gather::new(1),
            ike_gate: IkeGate::default(),
            control_rate: RateLimit::per_second(CONTROL_RATE),
            too_big_rate: RateLimit::per_second(TOO_BIG_RATE),
            answer: [0; too_big::MAX_ANSWER],
        }
    }

    /// Counts a drop that belongs to no port or SA.
    #[inline]
    pub fn dropped(&self, reason: DropReason) {
        self.counters.drops.count(reason);
    }

    /// Milliseconds since the worker started, never 0.
    #[inline]
    pub fn millis(&self) -> u64 {
        self.now / 1000 + 1
    }

    /// Whether a "too big" answer may be sent now.
    pub fn may_answer(&mut self) -> bool {
        self.too_big_rate.take(self.now)
    }

    /// Hands an IKE datagram to control.
    pub fn punt_ike(&mut self, tables: &Snapshot, path: Path, datagram: &[u8]) {
        let from = path.remote.ip();
        let sender =
            if tables.is_ike_peer(from) { ike_gate::Sender::Known } else { ike_gate::Sender::Stranger };
        let admitted = self.ike_gate.admits(from, sender, self.now);
        let queue = match sender {
            ike_gate::Sender::Known => &self.punts.packets,
            ike_gate::Sender::Stranger => &self.punts.strangers,
        };
        let punt = || Punt::Ike { path, datagram: datagram.to_vec() };
        if admitted && hand_over(queue, &mut self.excused, punt) {
            self.counters.punted_ike.add(1);
        } else {
            self.dropped(DropReason::PuntOverflow);
        }
    }

    /// Hands a BPDU or probe to control.
    pub fn punt_control(&mut self, bridge: BridgeKey, port: PortId, frame: &[u8]) {
        let admitted = self.control_rate.take(self.now);
        let punt = || Punt::Control { bridge, port, frame: frame.to_vec() };
        if admitted && hand_over(&self.punts.packets, &mut self.excused, punt) {
            self.counters.punted_control.add(1);
        } else {
            self.dropped(DropReason::PuntOverflow);
        }
    }

    /// Writes a frame to a device now, as it is.
    pub fn write_device(&mut self, port: &Port, packet: Packet<'_>) -> Result<(), DropReason> {
        let Some(fd) = device(&port.link) else { return Err(DropReason::NoPort) };
        self.write_fd(fd, packet)?;
        count_out(&port.counters, 1, packet.bytes.len());
        Ok(())
    }

    /// Writes a packet to a descriptor.
    pub fn write_fd(&mut self, fd: BorrowedFd<'_>, packet: Packet<'_>) -> Result<(), DropReason> {
        let whole = std::iter::once(0..packet.bytes.len());
        let written = self.gather.write(fd, &packet.vnet.emit(), packet.bytes, whole);
        written.map(|_| ()).map_err(|_| DropReason::DeviceWrite)
    }

    /// Writes what the joiner holds; `buffer` is the one its packets are in.
    pub fn flush_joiner(&mut self, tables: &Snapshot, buffer: &mut [u8]) {
        let counters = |user: User| match user {
            User::Port(at) => &tables.port(at).counters,
            User::Routed(i) => &tables.routed[i as usize].counters,
        };
        let fd = |user: User| match user {
            User::Port(at) => device(&tables.port(at).link),
            User::Routed(i) => Some(tables.routed[i as usize].tun.as_fd()),
        };
        self.joiner.flush(buffer, fd, |user, packets, bytes, result: io::Result<()>| match result {
            // A routed interface counts what crosses the tunnel, and did so when it came in.
            Ok(()) if matches!(user, User::Routed(_)) => {}
            Ok(()) => count_out(counters(user), packets, bytes as usize),
            Err(_) => counters(user).drops.add(DropReason::DeviceWrite, packets),
        });
    }

    /// Queues a frame for a device; it is written with others of its flow at the next flush.
    pub fn queue(
        &mut self,
        tables: &Snapshot,
        to: User,
        buffer: &mut [u8],
        range: std::ops::Range<usize>,
        alone: bool,
    ) {
        if self.joiner.is_full() {
            self.flush_joiner(tables, buffer);
        }
        self.joiner.offer(to, buffer, range, matches!(to, User::Port(_)), alone);
    }
}

/// Puts a control packet into a queue to control; `false` when that is full. Control packets alone are copied
/// to the heap, and that is not held against the packet path.
fn hand_over(queue: &Sender<Punt>, excused: &mut u64, punt: impl FnOnce() -> Punt) -> bool {
    let before = thread_allocations();
    let sent = queue.try_reserve().map(|room| room.send(punt()));
    *excused += thread_allocations() - before;
    sent.is_ok()
}

/// The descriptor of a port that is a device.
pub(crate) fn device(link: &Link) -> Option<BorrowedFd<'_>> {
    match link {
        Link::Local(tap) => Some(tap.as_fd()),
        Link::Packet(port) => Some(port.as_fd()),
        Link::Tunnel(_) | Link::Protected(..) => None,
    }
}

/// Counts what left through a port.
#[inline]
pub(crate) fn count_out(counters: &PortCounters, packets: u64, bytes: usize) {
    counters.tx_packets.add(packets);
    counters.tx_bytes.add(bytes as u64);
}

/// Counts what came in through a port.
#[inline]
pub(crate) fn count_in(counters: &PortCounters, bytes: usize) {
    counters.rx_packets.add(1);
    counters.rx_bytes.add(bytes as u64);
}

/// Where a port of a bridge is, by its number.
#[inline]
pub(crate) fn neighbour(tables: &Snapshot, at: At, id: PortId) -> Option<At> {
    let port = tables.bridges[at.bridge as usize].index(id)?;
    Some(At { bridge: at.bridge, port })
}
