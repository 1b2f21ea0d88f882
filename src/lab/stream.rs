//! A TCP stream between two hosts, as fast as it goes.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::error::{LabError, io as doing};
use crate::net::netns::Namespace;

/// Size of one write and one read.
const CHUNK: usize = 128 << 10;

/// What came through.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throughput {
    /// Bytes handed to the sender's socket.
    pub sent: u64,
    /// Bytes that came out at the receiver.
    pub received: u64,
    /// From the first byte received to the last.
    pub time: Duration,
}

impl Throughput {
    /// Payload, in Mbit/s.
    pub fn mbits(&self) -> f64 {
        self.received as f64 * 8e-6 / self.time.as_secs_f64().max(1e-3)
    }
}

/// Streams from `from` to `to` (listening on `address`) for `time`. A
/// connection that does not come about, or stalls, for `patience` is the
/// inner error.
pub fn run(
    from: &Namespace,
    to: &Namespace,
    address: Ipv4Addr,
    time: Duration,
    patience: Duration,
) -> Result<io::Result<Throughput>, LabError> {
    let listener = to.run(|| TcpListener::bind((address, 0)))?.map_err(doing("listen"))?;
    let target = match listener.local_addr().map_err(doing("listen"))? {
        SocketAddr::V4(at) => SocketAddr::V4(SocketAddrV4::new(address, at.port())),
        other => other,
    };
    let receiver = to.thread("receiver", move || receive(&listener, patience))?;
    let sender = from.run(|| send(target, time, patience))?;
    let received = receiver.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    Ok(match (sender, received) {
        (Ok(sent), Ok((received, time))) => Ok(Throughput { sent, received, time }),
        (Err(error), _) | (_, Err(error)) => Err(error),
    })
}

fn send(target: SocketAddr, time: Duration, patience: Duration) -> io::Result<u64> {
    let mut stream = TcpStream::connect_timeout(&target, patience)?;
    stream.set_write_timeout(Some(patience))?;
    let chunk = vec![0x5a; CHUNK];
    let (start, mut sent) = (Instant::now(), 0);
    while start.elapsed() < time {
        sent += stream.write(&chunk)? as u64;
    }
    Ok(sent)
}

fn receive(listener: &TcpListener, patience: Duration) -> io::Result<(u64, Duration)> {
    listener.set_nonblocking(true)?;
    let deadline = Instant::now() + patience + Duration::from_secs(1);
    let mut stream = loop {
        match listener.accept() {
            Ok((stream, _)) => break stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if Instant::now() > deadline {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(error) => return Err(error),
        }
    };
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(patience))?;
    let mut buffer = vec![0; CHUNK];
    let (mut received, mut start) = (0, None);
    loop {
        let length = stream.read(&mut buffer)?;
        let start = *start.get_or_insert_with(Instant::now);
        if length == 0 {
            return Ok((received, start.elapsed()));
        }
        received += length as u64;
    }
}

#[cfg(test)]
mod tests;
