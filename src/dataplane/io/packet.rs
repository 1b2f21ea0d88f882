//! An existing device as a bridge port, by AF_PACKET: `system` interfaces.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::net::if_::if_nametoindex;
use socket2::{Domain, Socket, Type};

use super::sys;

const PACKET_IGNORE_OUTGOING: i32 = 23;
const ETH_P_ALL: u16 = 3;

/// A packet socket on one device. Frames carry virtio headers, so that super-packets and partial
/// checksums cross as they do on a TAP; VLAN tags the kernel took out come as control data.
#[derive(Debug)]
pub struct PacketPort {
    name: String,
    index: u32,
    fd: OwnedFd,
}

impl PacketPort {
    /// Opens the device `name`, promiscuously.
    ///
    /// # Errors
    /// `NotFound` when there is no such device; those of packet(7).
    pub fn open(name: &str) -> io::Result<Self> {
        let index = if_nametoindex(name)?;
        // Protocol 0: nothing arrives before the socket is bound to its device.
        let socket = Socket::new(Domain::PACKET, Type::RAW.nonblocking().cloexec(), None)?;
        let fd = socket.as_fd();
        sys::set_option(fd, libc::SOL_PACKET, libc::PACKET_VNET_HDR, 1)?;
        sys::set_option(fd, libc::SOL_PACKET, libc::PACKET_AUXDATA, 1)?;
        sys::set_option(fd, libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)?;
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        sys::bind_packet(fd, index as i32, ETH_P_ALL)?;
        sys::packet_promiscuous(fd, index as i32)?;
        Ok(PacketPort { name: name.to_owned(), index, fd: socket.into() })
    }

    /// The device's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its number: another device of the same name has another, and this socket hears nothing of it.
    pub fn index(&self) -> u32 {
        self.index
    }
}

impl AsFd for PacketPort {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

const RECEIVE_BUFFER: usize = 4 << 20;
