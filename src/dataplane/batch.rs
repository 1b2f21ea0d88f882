//! What waits to be sent: packets written once, at their final place in one
//! arena, and joined to UDP_SEGMENT batches where destination and lengths allow.
//!
//! [`SendBatch::reserve`] gives the place, [`SendBatch::commit`] keeps what was
//! written there; without a commit nothing happened (rollback is doing nothing).

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use super::counters::{DropReason, Drops, WorkerCounters};
use super::io::sys::{MAX_MESSAGES, MessageIn, Sender, Wire};
use super::worker::sockets::{NewSocket, Role, SocketId, Sockets};

/// Bytes of the arena: a few super-packets, small enough to stay in the second-level cache.
const ARENA: usize = 384 * 1024;
/// Messages of one socket that may wait.
const MAX_WAITING: usize = 512;
/// Segments of one UDP_SEGMENT batch: kernels before 6.9 take 64.
const MAX_SEGMENTS: u16 = 64;
/// Bytes of one UDP_SEGMENT batch: above this Linux cuts it in software before the device (65535 less
/// Ethernet, IP and UDP headers).
const MAX_BATCH: usize = 65_400;

#[derive(Debug)]
struct Queue {
    messages: Vec<MessageIn>,
    /// Segments of the last message.
    segments: u16,
    /// The last message takes no more.
    closed: bool,
    /// The kernel cuts for this socket.
    gso: bool,
}

impl Queue {
    fn new(gso: bool) -> Self {
        Queue { messages: Vec::with_capacity(MAX_WAITING), segments: 0, closed: true, gso }
    }
}

/// The worker's sockets, and the packets waiting to be sent on each.
#[derive(Debug)]
pub(crate) struct SendBatch {
    sockets: Sockets,
    arena: Box<[u8]>,
    used: usize,
    queues: Vec<Queue>,
    sender: Sender,
    counters: Arc<WorkerCounters>,
}

impl SendBatch {
    pub fn new(counters: Arc<WorkerCounters>) -> Self {
        SendBatch {
            sockets: Sockets::default(),
            arena: vec![0; ARENA].into_boxed_slice(),
            used: 0,
            queues: Vec::new(),
            sender: Sender::default(),
            counters,
        }
    }

    /// One more socket.
    pub fn add_socket(&mut self, socket: NewSocket) -> SocketId {
        let udp = !matches!(socket.role, Role::Esp | Role::Gre);
        self.queues.push(Queue::new(udp));
        self.sockets.add(socket)
    }

    /// The sockets.
    pub fn sockets(&self) -> &Sockets {
        &self.sockets
    }

    /// A place for a packet of `length` bytes (at most 64 KiB and a little); sends what waits when there is
    /// no room.
    pub fn reserve(&mut self, length: usize) -> &mut [u8] {
        if self.used + length > ARENA {
            self.flush();
        }
        &mut self.arena[self.used..self.used + length]
    }

    /// Keeps the first `length` bytes of the place reserved last as a packet for `wire`.
    pub fn commit(&mut self, socket: SocketId, wire: &Wire, length: usize) {
        let start = self.used;
        self.used += length;
        let queue = &mut self.queues[usize::from(socket.0)];
        if queue.gso && !queue.closed && queue.join(wire, start, length) {
            return;
        }
        queue.messages.push(MessageIn { bytes: start..start + length, wire: *wire, segment: 0 });
        queue.segments = 1;
        queue.closed = false;
        if queue.messages.len() == MAX_WAITING {
            self.flush();
        }
    }

    /// Sends everything; what the kernel does not take is counted and forgotten.
    pub fn flush(&mut self) {
        if self.used == 0 {
            return;
        }
        for (queue, socket) in self.queues.iter_mut().zip(&self.sockets.sockets) {
            if !queue.messages.is_empty() {
                queue.flush(socket.as_fd(), &mut self.sender, &self.arena, &self.counters.drops);
            }
        }
        self.used = 0;
    }
}

impl Queue {
    /// Makes the packet a segment of the last message, if it may be one.
    fn join(&mut self, wire: &Wire, start: usize, length: usize) -> bool {
        let Some(last) = self.messages.last_mut() else { return false };
        let size = if last.segment == 0 { last.bytes.len() } else { usize::from(last.segment) };
        let fits = last.bytes.end == start
            && last.wire == *wire
            && length <= size
            && self.segments < MAX_SEGMENTS
            && last.bytes.len() + length <= MAX_BATCH;
        if fits {
            last.segment = size as u16;
            last.bytes.end += length;
            self.segments += 1;
            self.closed = length < size;
        }
        fits
    }

    fn flush(&mut self, fd: BorrowedFd<'_>, sender: &mut Sender, arena: &[u8], drops: &Drops) {
        let mut at = 0;
        while at < self.messages.len() {
            let end = (at + MAX_MESSAGES).min(self.messages.len());
            match sender.send(fd, arena, &self.messages[at..end]) {
                Ok(sent) => at += sent.max(1),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    drops.add(DropReason::SendBufferFull, self.messages[at..].iter().map(packets).sum());
                    break;
                }
                Err(error) => {
                    let message = self.messages[at].clone();
                    self.failed(&error, &message, fd, sender, arena, drops);
                    at += 1;
                }
            }
        }
        self.messages.clear();
        self.closed = true;
    }

    /// The kernel refused one message. A batch is sent again in single packets; where the kernel cannot cut
    /// at all it is not asked again.
    fn failed(
        &mut self,
        error: &io::Error,
        message: &MessageIn,
        fd: BorrowedFd<'_>,
        sender: &mut Sender,
        arena: &[u8],
        drops: &Drops,
    ) {
        if message.segment == 0 {
            drops.count(DropReason::SendFailed);
            return;
        }
        // EIO: no transmit checksum here. EINVAL: too many segments for this kernel, or no UDP_SEGMENT.
        if matches!(error.raw_os_error(), Some(libc::EIO | libc::EINVAL)) {
            self.gso = false;
        }
        let mut single = MessageIn { segment: 0, ..message.clone() };
        for start in message.bytes.clone().step_by(usize::from(message.segment)) {
            single.bytes = start..(start + usize::from(message.segment)).min(message.bytes.end);
            if sender.send(fd, arena, std::slice::from_ref(&single)).is_err() {
                drops.count(DropReason::SendFailed);
            }
        }
    }
}

fn packets(message: &MessageIn) -> u64 {
    match message.segment {
        0 => 1,
        size => message.bytes.len().div_ceil(usize::from(size)) as u64,
    }
}

#[cfg(test)]
mod tests;
