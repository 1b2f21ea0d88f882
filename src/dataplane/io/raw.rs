//! Raw sockets: GRE (protocol 47) and ESP (protocol 50). No GSO and no GRO exist
//! for them; batches save the system calls only.

use std::io;
use std::os::fd::AsFd;

use socket2::{Domain, Protocol, Socket, Type};

use super::sys;
use super::udp::{Family, tune};

/// IP protocol of GRE.
pub const GRE: u8 = 47;
/// IP protocol of ESP.
pub const ESP: u8 = 50;

/// A raw socket for one protocol on every address. The kernel writes the outer IP header, with DF.
/// IPv4 packets are received with their header, IPv6 ones without.
///
/// # Errors
/// `PermissionDenied` without CAP_NET_RAW.
pub fn open(family: Family, protocol: u8) -> io::Result<Socket> {
    let protocol = Protocol::from(i32::from(protocol));
    let socket = Socket::new(family.domain(), Type::RAW.nonblocking().cloexec(), Some(protocol))?;
    tune(&socket, family)?;
    if family.domain() == Domain::IPV6 {
        // No checksum of the kernel's own in the payload.
        sys::set_option(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_CHECKSUM, -1)?;
    }
    Ok(socket)
}

/// The payload of a received IPv4 packet: behind the header, within its total length.
pub fn ipv4_payload(packet: &[u8]) -> Option<std::ops::Range<usize>> {
    let first = *packet.first()?;
    let header = usize::from(first & 0x0f) * 4;
    let total = usize::from(u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]));
    (first >> 4 == 4 && header >= 20 && header <= total && total <= packet.len()).then_some(header..total)
}
