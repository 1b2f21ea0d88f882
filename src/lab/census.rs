//! Tagged broadcasts: every host sends one now and then from its bridge
//! device, every host counts how often it sees each. Once is right; more is
//! a loop.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::error::{LabError, io as doing};
use crate::net::netns::{self, Namespace};
use crate::net::packet::{Direction, Filter, PacketSocket};

/// EtherType of the tagged frames: IEEE 802 local experimental 2.
pub const ETHERTYPE: u16 = 0x88b6;
/// What follows the EtherType, before origin and sequence number.
const MAGIC: [u8; 8] = *b"adit-lab";
/// Shortest Ethernet frame without its check sequence.
const FRAME: usize = 60;
/// Time between two broadcasts of one host.
pub const INTERVAL: Duration = Duration::from_millis(100);

/// Who sent a tagged frame, and the how-manieth it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    /// 0 to 2 for the hosts; other numbers for frames made to deceive.
    pub origin: u8,
    /// Counts up per origin.
    pub sequence: u32,
}

impl Tag {
    /// The broadcast frame with this tag.
    pub fn frame(self) -> Vec<u8> {
        let mut frame = vec![0xff; 6];
        frame.extend([0x02, 0xad, 0x17, 0, 0, self.origin]);
        frame.extend(ETHERTYPE.to_be_bytes());
        frame.extend(MAGIC);
        frame.push(self.origin);
        frame.extend(self.sequence.to_be_bytes());
        frame.resize(FRAME, 0);
        frame
    }

    /// The tag of a frame, if it is a tagged one.
    pub fn of(frame: &[u8]) -> Option<Self> {
        let rest = frame.get(12..)?.strip_prefix(&ETHERTYPE.to_be_bytes())?.strip_prefix(&MAGIC)?;
        let (origin, rest) = rest.split_first()?;
        let sequence = rest.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))?;
        Some(Self { origin: *origin, sequence })
    }
}

/// What was sent and seen.
#[derive(Debug, Default)]
struct Book {
    /// When each was sent.
    sent: BTreeMap<Tag, Instant>,
    /// How often each host (by number) saw it.
    seen: BTreeMap<(Tag, u8), u32>,
}

/// The counting; ends on drop.
#[derive(Debug)]
pub struct Census {
    book: Arc<Mutex<Book>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<io::Result<()>, netns::Error>>>,
}

/// The outcome for the broadcasts sent in a stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Broadcasts sent.
    pub sent: usize,
    /// Sightings that had to be and were: one per broadcast and other host.
    pub once: usize,
    /// Broadcasts that a host never saw.
    pub missed: Vec<(Tag, u8)>,
    /// Sightings too many: seen again, or seen by its own sender.
    pub again: Vec<(Tag, u8, u32)>,
}

impl Census {
    /// Starts senders and counters on `device` of every host. `index` finds
    /// the device's index.
    pub fn start(hosts: &[(Namespace, u32)]) -> Result<Self, LabError> {
        let mut census = Self { book: Arc::default(), stop: Arc::default(), threads: Vec::new() };
        for (number, (namespace, device)) in hosts.iter().enumerate() {
            let (number, device) = (number as u8, *device);
            let (book, stop) = (census.book.clone(), census.stop.clone());
            let count = move || count(device, number, &book, &stop);
            census.threads.push(namespace.thread("counter", count)?);
        }
        for (number, (namespace, device)) in hosts.iter().enumerate() {
            let (number, device) = (number as u8, *device);
            let (book, stop) = (census.book.clone(), census.stop.clone());
            let send = move || send(device, number, &book, &stop);
            census.threads.push(namespace.thread("broadcaster", send)?);
        }
        Ok(census)
    }

    /// The outcome for the broadcasts of the hosts sent from `from` to `to`.
    pub fn outcome(&self, from: Instant, to: Instant) -> Outcome {
        let book = lock(&self.book);
        let mut outcome = Outcome::default();
        let hosts = self.threads.len() as u8 / 2;
        for (&tag, _) in book.sent.iter().filter(|(_, at)| (from..=to).contains(*at)) {
            outcome.sent += 1;
            for host in 0..hosts {
                let expected = u32::from(host != tag.origin);
                let seen = book.seen.get(&(tag, host)).copied().unwrap_or(0);
                if seen > expected {
                    outcome.again.push((tag, host, seen));
                } else if seen < expected {
                    outcome.missed.push((tag, host));
                } else if expected == 1 {
                    outcome.once += 1;
                }
            }
        }
        outcome
    }

    /// How many frames of an origin that is not a host's were seen anywhere.
    pub fn strangers(&self, origin: u8) -> u32 {
        let book = lock(&self.book);
        book.seen.iter().filter(|((tag, _), _)| tag.origin == origin).map(|(_, count)| count).sum()
    }

    /// An error if one of the threads failed.
    pub fn finish(mut self) -> Result<(), LabError> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let ended = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            ended?.map_err(doing("count broadcasts"))?;
        }
        Ok(())
    }
}

impl Drop for Census {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

fn count(device: u32, host: u8, book: &Mutex<Book>, stop: &AtomicBool) -> io::Result<()> {
    let socket = PacketSocket::open(device, Filter::EtherType(ETHERTYPE), Duration::from_millis(100))?;
    let mut buffer = [0; 128];
    while !stop.load(Ordering::Relaxed) {
        match socket.receive(&mut buffer) {
            Ok(Some((length, direction))) => {
                if let Some(tag) = Tag::of(&buffer[..length])
                    && direction != Direction::Out
                {
                    *lock(book).seen.entry((tag, host)).or_default() += 1;
                }
            }
            Ok(None) => {}
            // The daemon is away and the device without carrier: it comes back.
            Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn send(device: u32, host: u8, book: &Mutex<Book>, stop: &AtomicBool) -> io::Result<()> {
    let socket = PacketSocket::open(device, Filter::Nothing, Duration::from_millis(100))?;
    for sequence in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let tag = Tag { origin: host, sequence };
        // Booked before it is sent: nobody can see it earlier.
        lock(book).sent.insert(tag, Instant::now());
        match socket.send(&tag.frame()) {
            Ok(()) => {}
            Err(error)
                if matches!(error.raw_os_error(), Some(libc::ENETDOWN | libc::ENOBUFS | libc::EIO)) =>
            {
                lock(book).sent.remove(&tag);
            }
            Err(error) => return Err(error),
        }
        std::thread::sleep(INTERVAL);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
