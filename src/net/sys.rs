//! The two calls of this folder that the language cannot check.

use std::io;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::socket::{LinkAddr, SockaddrLike};

/// Has the kernel kill the command's process when the *thread* that starts it ends.
pub(super) fn die_with_starter(command: &mut Command) {
    // SAFETY: between fork and exec only prctl(2), which is async-signal-safe, is called.
    unsafe {
        command.pre_exec(|| prctl::set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from));
    }
}

/// The address of a device for packet sockets (packet(7)): every EtherType.
pub(super) fn packet_address(index: u32) -> LinkAddr {
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
        sll_ifindex: index as i32,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the pointer is to a whole, initialised sockaddr_ll that outlives the call,
    // and the length is its size.
    let converted = unsafe { LinkAddr::from_raw((&raw const address).cast(), Some(length)) };
    converted.expect("family and length are those of sockaddr_ll")
}

/// `tp_drops` of a packet socket since the last call (packet(7), `PACKET_STATISTICS`).
pub(super) fn packet_drops(socket: RawFd) -> io::Result<u32> {
    let mut statistics = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
    let mut length = size_of::<libc::tpacket_stats>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to a live, exclusively borrowed value.
    let result = unsafe {
        let value = (&raw mut statistics).cast();
        libc::getsockopt(socket, libc::SOL_PACKET, libc::PACKET_STATISTICS, value, &raw mut length)
    };
    if result == 0 { Ok(statistics.tp_drops) } else { Err(io::Error::last_os_error()) }
}
