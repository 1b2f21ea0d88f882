//! UDP sockets: IKE and ESP on 500 and 4500, VXLAN, and the pool of source ports
//! that spreads VXLAN flows over the links between (RFC 7348 §5).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

use super::sys;

/// 4 or 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both.
    pub const ALL: [Family; 2] = [Family::V4, Family::V6];

    /// That of an address.
    pub fn of(address: std::net::IpAddr) -> Self {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    pub(crate) fn domain(self) -> Domain {
        match self {
            Family::V4 => Domain::IPV4,
            Family::V6 => Domain::IPV6,
        }
    }

    pub(crate) fn any(self, port: u16) -> SocketAddr {
        match self {
            Family::V4 => (Ipv4Addr::UNSPECIFIED, port).into(),
            Family::V6 => (Ipv6Addr::UNSPECIFIED, port).into(),
        }
    }
}

/// What is asked for; without CAP_NET_ADMIN the kernel gives what `net.core.rmem_max` allows.
pub(crate) const RECEIVE_BUFFER: usize = 16 << 20;
pub(crate) const SEND_BUFFER: usize = 4 << 20;

/// A socket bound to `port` (0: any) on every address, told where datagrams were sent to, setting DF,
/// taking several joined (UDP_GRO) where the kernel can.
///
/// # Errors
/// `AddrInUse` when another program (or another adit of this namespace) has the port.
pub fn open(family: Family, port: u16) -> io::Result<Socket> {
    let socket = Socket::new(family.domain(), Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))?;
    if family == Family::V6 {
        socket.set_only_v6(true)?;
    }
    tune(&socket, family)?;
    if let Err(error) = sys::set_option(std::os::fd::AsFd::as_fd(&socket), libc::SOL_UDP, libc::UDP_GRO, 1) {
        tracing::debug!(%error, "no UDP_GRO");
    }
    socket.bind(&family.any(port).into())?;
    Ok(socket)
}

/// What UDP and raw sockets have in common.
pub(crate) fn tune(socket: &Socket, family: Family) -> io::Result<()> {
    let fd = std::os::fd::AsFd::as_fd(socket);
    let (level, options) = match family {
        Family::V4 => {
            let options =
                [(libc::IP_PKTINFO, 1), (libc::IP_RECVTOS, 1), (libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DO)];
            (libc::IPPROTO_IP, options)
        }
        Family::V6 => {
            let options = [
                (libc::IPV6_RECVPKTINFO, 1),
                (libc::IPV6_RECVTCLASS, 1),
                (libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DO),
            ];
            (libc::IPPROTO_IPV6, options)
        }
    };
    for (name, value) in options {
        sys::set_option(fd, level, name, value)?;
    }
    // First the privileged way, past net.core.*mem_max; then what is allowed.
    for (force, plain, bytes) in [
        (libc::SO_RCVBUFFORCE, libc::SO_RCVBUF, RECEIVE_BUFFER),
        (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF, SEND_BUFFER),
    ] {
        if sys::set_option(fd, libc::SOL_SOCKET, force, bytes as i32).is_err() {
            sys::set_option(fd, libc::SOL_SOCKET, plain, bytes as i32)?;
        }
    }
    Ok(())
}
