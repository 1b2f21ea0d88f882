//! Raw Ethernet frames of one device (packet(7)): what tcpdump listens on,
//! and a way to put a frame on a wire.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::sys::socket::sockopt::RcvBufForce;
use nix::sys::socket::{LinkAddr, MsgFlags, bind, recvfrom, setsockopt};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use super::sys;

/// Bytes of frames not yet read: seconds of ordinary traffic.
const RECEIVE_BUFFER: usize = 8 << 20;

/// Which way a frame went, seen from the device's host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// It came in, for this host or for all.
    In,
    /// It came in, addressed to another host.
    Elsewhere,
    /// It went out.
    Out,
}

/// A socket that sees every frame of one device, both ways.
#[derive(Debug)]
pub struct PacketSocket {
    socket: Socket,
}

/// What to let through, applied by the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Every frame.
    All,
    /// No frame.
    Nothing,
    /// Frames of this EtherType, untagged.
    EtherType(u16),
}

impl PacketSocket {
    /// Opens one on the device of that index in the calling thread's
    /// namespace. Reads wait at most `timeout`.
    pub fn open(index: u32, filter: Filter, timeout: Duration) -> io::Result<Self> {
        // Protocol 0: nothing is received before the filter is in place and the device is bound.
        let socket = Socket::new(Domain::PACKET, Type::RAW.cloexec(), Some(Protocol::from(0)))?;
        let this = Self { socket };
        this.set_filter(filter)?;
        this.socket.set_read_timeout(Some(timeout))?;
        // An ordinary user gets what the kernel's limit (net.core.rmem_max) allows.
        if setsockopt(&this.socket, RcvBufForce, &RECEIVE_BUFFER).is_err() {
            this.socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        }
        bind(this.socket.as_raw_fd(), &sys::packet_address(index))?;
        Ok(this)
    }

    /// Replaces the filter.
    pub fn set_filter(&self, filter: Filter) -> io::Result<()> {
        // Classic BPF: load half word at 12, compare, return the length to keep.
        let instruction = |code: u32, jf: u8, k: u32| SockFilter::new(code as u16, 0, jf, k);
        let keep = |length: u32| instruction(libc::BPF_RET | libc::BPF_K, 0, length);
        let program = match filter {
            Filter::All => vec![keep(u32::MAX)],
            Filter::Nothing => vec![keep(0)],
            Filter::EtherType(number) => vec![
                instruction(libc::BPF_LD | libc::BPF_H | libc::BPF_ABS, 0, 12),
                instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, u32::from(number)),
                keep(u32::MAX),
                keep(0),
            ],
        };
        self.socket.attach_filter(&program)
    }

    /// The next frame into `buffer`: its length (cut to the buffer's) and
    /// direction; `None` when the timeout passed without one.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<(usize, Direction)>> {
        match recvfrom::<LinkAddr>(self.socket.as_raw_fd(), buffer) {
            Ok((length, from)) => {
                let direction = match from.map(|address| address.pkttype()) {
                    Some(libc::PACKET_OUTGOING) => Direction::Out,
                    Some(libc::PACKET_OTHERHOST) => Direction::Elsewhere,
                    _ => Direction::In,
                };
                Ok(Some((length, direction)))
            }
            Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Frames the kernel had to drop since the last call because they were
    /// not read in time (`PACKET_STATISTICS`).
    pub fn lost(&self) -> io::Result<u32> {
        sys::packet_drops(self.socket.as_raw_fd())
    }

    /// Sends a whole Ethernet frame.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        let sent = nix::sys::socket::send(self.socket.as_raw_fd(), frame, MsgFlags::empty())?;
        if sent == frame.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }
}
