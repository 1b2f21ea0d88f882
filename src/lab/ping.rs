//! Echo requests (RFC 792, RFC 4443 §4), one by one or in a steady stream.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use super::error::{LabError, io as doing};
use crate::net::netns::{self, Namespace};

/// Tells this process's streams apart on a host.
static NEXT_IDENTIFIER: AtomicU16 = AtomicU16::new(1);
/// Type, code, checksum, identifier, sequence number: 8 bytes.
const HEADER: usize = 8;

/// A raw socket for echo messages to one target, in the thread's namespace.
struct Echo {
    socket: Socket,
    target: SocketAddr,
    identifier: u16,
    payload: Vec<u8>,
}

impl Echo {
    fn open(target: SocketAddr, payload: &[u8]) -> io::Result<Self> {
        let socket = match target {
            SocketAddr::V4(_) => Socket::new(Domain::IPV4, Type::RAW.cloexec(), Some(Protocol::ICMPV4))?,
            SocketAddr::V6(_) => Socket::new(Domain::IPV6, Type::RAW.cloexec(), Some(Protocol::ICMPV6))?,
        };
        let identifier = NEXT_IDENTIFIER.fetch_add(1, Ordering::Relaxed);
        Ok(Self { socket, target, identifier, payload: payload.to_vec() })
    }

    fn send(&self, sequence: u16) -> io::Result<()> {
        let message = request(self.target.is_ipv4(), self.identifier, sequence, &self.payload);
        self.socket.send_to(&message, &self.target.into()).map(|_| ())
    }

    /// The sequence number of the next reply to us, or `None` by `deadline`.
    fn receive(&self, deadline: Instant) -> io::Result<Option<u16>> {
        let mut buffer = [0; 2048];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.socket.set_read_timeout(Some(left.max(Duration::from_micros(100))))?;
            match (&self.socket).read(&mut buffer) {
                Ok(length) => {
                    let found =
                        reply(self.target.is_ipv4(), self.identifier, &self.payload, &buffer[..length]);
                    if found.is_some() {
                        return Ok(found);
                    }
                }
                // An ICMP error for an earlier request is reported here; the request stays unanswered.
                Err(error) if passing(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Errors that mean "not now": nothing came, or there is no way there yet.
fn passing(error: &io::Error) -> bool {
    use io::ErrorKind::{HostUnreachable, Interrupted, NetworkUnreachable, WouldBlock};
    matches!(error.kind(), WouldBlock | Interrupted | HostUnreachable | NetworkUnreachable)
        || matches!(
            error.raw_os_error(),
            Some(libc::ENOBUFS | libc::EMSGSIZE | libc::EINVAL | libc::ENETDOWN | libc::EADDRNOTAVAIL)
        )
}

/// An echo request. The kernel fills in ICMPv6's checksum, not ICMP's.
fn request(v4: bool, identifier: u16, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut message = vec![if v4 { 8 } else { 128 }, 0, 0, 0];
    message.extend(identifier.to_be_bytes());
    message.extend(sequence.to_be_bytes());
    message.extend(payload);
    if v4 {
        let sum = adit_encap::checksum::Sum::of(&message).checksum();
        message[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    message
}

/// The sequence number, if `packet` is the reply to a request of ours. Raw
/// sockets deliver the IPv4 header, but not the IPv6 one.
fn reply(v4: bool, identifier: u16, payload: &[u8], packet: &[u8]) -> Option<u16> {
    let message = if v4 { packet.get(usize::from(packet.first()? & 15) * 4..)? } else { packet };
    let header = message.get(..HEADER)?;
    let kind = if v4 { 0 } else { 129 };
    let ours = header[0] == kind && header[4..6] == identifier.to_be_bytes() && &message[HEADER..] == payload;
    ours.then(|| u16::from_be_bytes([header[6], header[7]]))
}

/// Sends `count` requests one after the other, up to the first that is not
/// answered within `timeout`; the times of the answered ones.
pub fn ping(
    namespace: &Namespace,
    target: SocketAddr,
    payload: &[u8],
    count: u16,
    timeout: Duration,
) -> Result<Vec<Duration>, LabError> {
    let work = || {
        let echo = Echo::open(target, payload)?;
        let mut times = Vec::new();
        for sequence in 0..count {
            let sent = Instant::now();
            if let Err(error) = echo.send(sequence)
                && !passing(&error)
            {
                return Err(error);
            }
            while times.len() == usize::from(sequence) {
                match echo.receive(sent + timeout)? {
                    Some(answered) if answered == sequence => times.push(sent.elapsed()),
                    Some(_) => {}
                    None => return Ok(times),
                }
            }
        }
        Ok(times)
    };
    namespace.run(work)?.map_err(doing(format!("ping {}", target.ip())))
}

/// One request of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shot {
    /// When it was sent.
    pub sent: Instant,
    /// When its reply came, if one did.
    pub answered: Option<Instant>,
}

/// A steady stream of requests, with account of every one; ends on drop.
#[derive(Debug)]
pub struct Pinger {
    shots: Arc<Mutex<Vec<Shot>>>,
    /// Ends the sending, and says how long late replies are waited for.
    stop: Sender<Duration>,
    thread: JoinHandle<Result<io::Result<()>, netns::Error>>,
}

impl Pinger {
    /// Starts one from `namespace` to `target`, a request every `interval`
    /// (an hour of 60 ms intervals at most: sequence numbers are not reused).
    pub fn start(
        namespace: &Namespace,
        target: SocketAddr,
        payload: &[u8],
        interval: Duration,
    ) -> Result<Self, LabError> {
        let shots = Arc::new(Mutex::new(Vec::new()));
        let (stop, when_stop) = mpsc::channel();
        let (book, payload) = (shots.clone(), payload.to_vec());
        let thread = namespace.thread("pinger", move || {
            let echo = Echo::open(target, &payload)?;
            let patience = shoot(&echo, interval, &book, &when_stop)?;
            let deadline = Instant::now() + patience;
            while lock(&book).iter().any(|shot| shot.answered.is_none()) && Instant::now() < deadline {
                collect(&echo, deadline.min(Instant::now() + interval), &book)?;
            }
            Ok(())
        })?;
        Ok(Self { shots, stop, thread })
    }

    /// The account so far.
    pub fn shots(&self) -> Vec<Shot> {
        lock(&self.shots).clone()
    }

    /// Whether a request sent after `since` was answered.
    pub fn answered_since(&self, since: Instant) -> bool {
        lock(&self.shots).iter().any(|shot| shot.sent >= since && shot.answered.is_some())
    }

    /// Stops sending and waits until every request is answered, at most for
    /// `patience`; the whole account.
    pub fn finish(self, patience: Duration) -> Result<Vec<Shot>, LabError> {
        // A thread that has failed does not hear it, but says why.
        let _ = self.stop.send(patience);
        let ended = self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        ended?.map_err(doing("ping"))?;
        Ok(std::mem::take(&mut lock(&self.shots)))
    }
}

/// Sends until told to stop; how long to wait for what is still unanswered.
fn shoot(
    echo: &Echo,
    interval: Duration,
    book: &Mutex<Vec<Shot>>,
    when_stop: &Receiver<Duration>,
) -> io::Result<Duration> {
    let mut next = Instant::now();
    for sequence in 0..u16::MAX {
        match when_stop.try_recv() {
            Ok(patience) => return Ok(patience),
            Err(TryRecvError::Disconnected) => break,
            Err(TryRecvError::Empty) => {}
        }
        lock(book).push(Shot { sent: Instant::now(), answered: None });
        if let Err(error) = echo.send(sequence)
            && !passing(&error)
        {
            return Err(error);
        }
        next = (next + interval).max(Instant::now());
        collect(echo, next, book)?;
    }
    Ok(Duration::ZERO)
}

/// Books the replies that come until then.
fn collect(echo: &Echo, until: Instant, book: &Mutex<Vec<Shot>>) -> io::Result<()> {
    while let Some(answered) = echo.receive(until)? {
        if let Some(shot) = lock(book).get_mut(usize::from(answered)) {
            shot.answered.get_or_insert_with(Instant::now);
        }
    }
    Ok(())
}

/// From the first unanswered request to the next answered one, at the longest.
pub fn longest_gap(shots: &[Shot], since: Instant) -> Duration {
    let (mut longest, mut lost_from) = (Duration::ZERO, None);
    for shot in shots.iter().filter(|shot| shot.sent >= since) {
        match (shot.answered, lost_from) {
            (None, None) => lost_from = Some(shot.sent),
            (Some(_), Some(from)) => {
                longest = longest.max(shot.sent.duration_since(from));
                lost_from = None;
            }
            _ => {}
        }
    }
    longest
}

fn lock(shots: &Mutex<Vec<Shot>>) -> MutexGuard<'_, Vec<Shot>> {
    shots.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
