//! What passes each host's `eth0`, kept with its time, and how much per
//! second.

use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use super::dissect::{Packet, dissect};
use super::error::{LabError, io as doing};
use crate::net::netns::{self, Namespace};
use crate::net::packet::{Direction, Filter, PacketSocket};

/// Most packets kept per host; beyond it they are only counted.
const KEPT: usize = 100_000;
/// How often a listener looks whether it shall end.
const TICK: Duration = Duration::from_millis(50);

/// A captured frame.
#[derive(Clone, Debug)]
pub struct Captured {
    /// When it was read.
    pub at: Instant,
    /// Time of day, since midnight UTC.
    pub clock: Duration,
    /// On which host's `eth0`: 0 to 2.
    pub host: usize,
    /// Which way it went there.
    pub direction: Direction,
    /// The Ethernet frame.
    pub frame: Vec<u8>,
}

impl Captured {
    /// Taken apart.
    pub fn packet(&self) -> Packet {
        dissect(&self.frame)
    }

    /// The line tcpdump would print, time first.
    pub fn line(&self) -> String {
        let (s, us) = (self.clock.as_secs() % 86_400, self.clock.subsec_micros());
        let (hours, minutes, seconds) = (s / 3600, s / 60 % 60, s % 60);
        format!("{hours:02}:{minutes:02}:{seconds:02}.{us:06} {}", self.packet().line)
    }

    /// Whether those bytes occur in it.
    pub fn contains(&self, bytes: &[u8]) -> bool {
        self.frame.windows(bytes.len()).any(|window| window == bytes)
    }
}

#[derive(Debug, Default)]
struct Book {
    packets: Vec<Arc<Captured>>,
    /// Second of the current count, frames in it, and the most of any second.
    rate: (u64, u32, u32),
    /// Frames beyond what is kept, or than the kernel's queue could take.
    missed: usize,
}

/// Listeners on every host's `eth0`; they end on drop.
#[derive(Debug)]
pub struct Capture {
    books: Vec<Arc<Mutex<Book>>>,
    sockets: Vec<Arc<PacketSocket>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<io::Result<()>, netns::Error>>>,
}

impl Capture {
    /// Starts listening on the device of each host with the given index.
    pub fn start(hosts: &[(Namespace, u32)]) -> Result<Self, LabError> {
        let mut capture =
            Self { books: Vec::new(), sockets: Vec::new(), stop: Arc::default(), threads: Vec::new() };
        for (host, (namespace, device)) in hosts.iter().enumerate() {
            let socket = namespace.run(|| PacketSocket::open(*device, Filter::All, TICK))?;
            let socket = Arc::new(socket.map_err(doing("capture packets"))?);
            let book = Arc::new(Mutex::new(Book::default()));
            capture.books.push(book.clone());
            capture.sockets.push(socket.clone());
            let stop = capture.stop.clone();
            capture.threads.push(namespace.thread("capture", move || listen(host, &socket, &book, &stop))?);
        }
        Ok(capture)
    }

    /// Stops listening for a while (bulk traffic), or goes on; at once.
    pub fn set_pause(&self, pause: bool) -> Result<(), LabError> {
        let filter = if pause { Filter::Nothing } else { Filter::All };
        let each = self.sockets.iter().try_for_each(|socket| socket.set_filter(filter));
        each.map_err(doing("pause the capture"))
    }

    /// The packets for which `wanted` holds, host by host, in the order seen.
    pub fn select(&self, mut wanted: impl FnMut(&Captured) -> bool) -> Vec<Arc<Captured>> {
        self.books.iter().flat_map(|book| packets(book)).filter(|packet| wanted(packet)).collect()
    }

    /// The first packet for which `wanted` holds.
    pub fn find(&self, mut wanted: impl FnMut(&Captured) -> bool) -> Option<Arc<Captured>> {
        self.books.iter().flat_map(|book| packets(book)).find(|packet| wanted(packet))
    }

    /// The most frames that any host's `eth0` carried in one second (pauses excepted).
    pub fn busiest_second(&self) -> u32 {
        self.books.iter().map(|book| lock(book).rate.2).max().unwrap_or(0)
    }

    /// How many frames outside the pauses came too fast to be kept.
    pub fn missed(&self) -> usize {
        self.books.iter().map(|book| lock(book).missed).sum()
    }

    /// Whether two addresses are the ends of a packet, in either order.
    pub fn between(packet: &Packet, a: Ipv4Addr, b: Ipv4Addr) -> bool {
        packet.ends == Some((a, b)) || packet.ends == Some((b, a))
    }

    /// Ends the listening once all that has come is read; an error if one of
    /// the listeners failed.
    pub fn finish(&mut self) -> Result<(), LabError> {
        self.set_pause(true)?;
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let ended = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            ended?.map_err(doing("capture packets"))?;
        }
        Ok(())
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is in a book now. Looking at packets takes long: the listener must not wait for it.
fn packets(book: &Mutex<Book>) -> Vec<Arc<Captured>> {
    lock(book).packets.clone()
}

fn listen(host: usize, socket: &PacketSocket, book: &Mutex<Book>, stop: &AtomicBool) -> io::Result<()> {
    let mut buffer = vec![0; 65_536];
    let start = Instant::now();
    loop {
        let last = stop.load(Ordering::Relaxed);
        let Some((length, direction)) = socket.receive(&mut buffer)? else {
            if last {
                break;
            }
            continue;
        };
        // What is for another host is not this host's traffic.
        if direction == Direction::Elsewhere {
            continue;
        }
        let at = Instant::now();
        let clock = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let frame = buffer[..length].to_vec();
        let second = at.duration_since(start).as_secs();
        let mut book = lock(book);
        let (current, count, most) = book.rate;
        let count = if current == second { count + 1 } else { 1 };
        book.rate = (second, count, most.max(count));
        if book.packets.len() < KEPT {
            book.packets.push(Arc::new(Captured { at, clock, host, direction, frame }));
        } else {
            book.missed += 1;
        }
    }
    lock(book).missed += socket.lost()? as usize;
    Ok(())
}

#[cfg(test)]
mod tests;
