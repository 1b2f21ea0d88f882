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
use super::tag::{Tag, TagSocket};
use crate::net::netns::{self, Namespace};

/// Time between two broadcasts of one host.
pub const INTERVAL: Duration = Duration::from_millis(100);

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
    hosts: u8,
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
        let mut census = Self {
            hosts: hosts.len() as u8,
            book: Arc::default(),
            stop: Arc::default(),
            threads: Vec::new(),
        };
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
        for (&tag, _) in book.sent.iter().filter(|(_, at)| (from..=to).contains(*at)) {
            outcome.sent += 1;
            for host in 0..self.hosts {
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

    /// Whether every host has seen a broadcast of each other one sent since
    /// then. Frames do not overtake each other, so what was on its way at
    /// that time has arrived, or never will.
    pub fn caught_up(&self, since: Instant) -> bool {
        let book = lock(&self.book);
        let hosts = self.hosts;
        let heard = |origin: u8, host: u8| {
            let mut recent = book.sent.iter().filter(|(tag, at)| tag.origin == origin && **at >= since);
            recent.any(|(tag, _)| book.seen.contains_key(&(*tag, host)))
        };
        (0..hosts).all(|origin| (0..hosts).all(|host| host == origin || heard(origin, host)))
    }

    /// How many frames of an origin that is not a host's were seen anywhere.
    pub fn strangers(&self, origin: u8) -> u32 {
        let book = lock(&self.book);
        book.seen.iter().filter(|((tag, _), _)| tag.origin == origin).map(|(_, count)| count).sum()
    }

    /// Ends the counting; an error if one of the threads failed.
    pub fn finish(&mut self) -> Result<(), LabError> {
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
    let socket = TagSocket::listening(device, INTERVAL)?;
    while !stop.load(Ordering::Relaxed) {
        if let Some(tag) = socket.receive()? {
            *lock(book).seen.entry((tag, host)).or_default() += 1;
        }
    }
    Ok(())
}

fn send(device: u32, host: u8, book: &Mutex<Book>, stop: &AtomicBool) -> io::Result<()> {
    let socket = TagSocket::mute(device)?;
    for sequence in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let tag = Tag { origin: host, sequence };
        // Booked before it is sent: nobody can see it earlier.
        lock(book).sent.insert(tag, Instant::now());
        if !socket.send(tag)? {
            lock(book).sent.remove(&tag);
        }
        std::thread::sleep(INTERVAL);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
