//! ioctls of TUN devices and of interfaces.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// A request whose argument is a name and up to 24 bytes (netdevice(7)).
#[repr(C)]
struct IfReq {
    name: [u8; libc::IFNAMSIZ],
    data: [u8; 24],
}

impl IfReq {
    fn new(name: &str) -> io::Result<Self> {
        let mut request = IfReq { name: [0; libc::IFNAMSIZ], data: [0; 24] };
        if name.is_empty() || name.len() >= libc::IFNAMSIZ || name.bytes().any(|b| b == 0 || b == b'/') {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "an interface name has 1 to 15 bytes"));
        }
        request.name[..name.len()].copy_from_slice(name.as_bytes());
        Ok(request)
    }
}

fn result(code: libc::c_int) -> io::Result<()> {
    if code < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn with_request(fd: BorrowedFd<'_>, code: libc::Ioctl, request: &mut IfReq) -> io::Result<()> {
    // SAFETY: the codes used with this function take a pointer to an ifreq (40 bytes on 64 bit),
    // which `request` is; it lives through the call.
    result(unsafe { libc::ioctl(fd.as_raw_fd(), code, std::ptr::from_mut(request)) })
}

fn with_number(fd: BorrowedFd<'_>, code: libc::Ioctl, value: libc::c_ulong) -> io::Result<()> {
    // SAFETY: the codes used with this function take an integer by value and touch no memory of ours.
    result(unsafe { libc::ioctl(fd.as_raw_fd(), code, value) })
}

/// TUNSETIFF: makes or attaches to the device `name`.
pub fn tun_attach(fd: BorrowedFd<'_>, name: &str, flags: libc::c_int) -> io::Result<()> {
    let mut request = IfReq::new(name)?;
    request.data[..2].copy_from_slice(&(flags as u16).to_ne_bytes());
    with_request(fd, libc::TUNSETIFF, &mut request)
}

/// TUNSETOFFLOAD: what the kernel may hand over unfinished.
pub fn tun_set_offload(fd: BorrowedFd<'_>, offloads: libc::c_uint) -> io::Result<()> {
    with_number(fd, libc::TUNSETOFFLOAD, libc::c_ulong::from(offloads))
}

/// TUNSETPERSIST: whether the device outlives its last descriptor.
pub fn tun_set_persistent(fd: BorrowedFd<'_>, persistent: bool) -> io::Result<()> {
    with_number(fd, libc::TUNSETPERSIST, libc::c_ulong::from(persistent))
}

/// A socket to ask the interface table of this namespace with.
fn any_socket() -> io::Result<std::net::UdpSocket> {
    std::net::UdpSocket::bind((std::net::Ipv4Addr::UNSPECIFIED, 0))
}

/// SIOCGIFHWADDR: the device's MAC address.
pub fn interface_mac(name: &str) -> io::Result<[u8; 6]> {
    let mut request = IfReq::new(name)?;
    with_request(any_socket()?.as_fd(), libc::SIOCGIFHWADDR as libc::Ioctl, &mut request)?;
    let mut mac = [0; 6];
    mac.copy_from_slice(&request.data[2..8]); // a sockaddr: family, then the address
    Ok(mac)
}

/// Binds a packet socket to one device and one EtherType.
pub fn bind_packet(fd: BorrowedFd<'_>, index: i32, ether_type: u16) -> io::Result<()> {
    // SAFETY: sockaddr_ll is a plain C struct for which all zeros is valid.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = ether_type.to_be();
    address.sll_ifindex = index;
    // SAFETY: pointer and length describe `address`, which lives through the call.
    result(unsafe {
        let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        libc::bind(fd.as_raw_fd(), std::ptr::from_ref(&address).cast(), length)
    })
}

/// Makes the device promiscuous for as long as the packet socket lives.
pub fn packet_promiscuous(fd: BorrowedFd<'_>, index: i32) -> io::Result<()> {
    // SAFETY: packet_mreq is a plain C struct for which all zeros is valid.
    let mut request: libc::packet_mreq = unsafe { std::mem::zeroed() };
    request.mr_ifindex = index;
    request.mr_type = libc::PACKET_MR_PROMISC as u16;
    // SAFETY: pointer and length describe `request`, which lives through the call.
    result(unsafe {
        let length = size_of::<libc::packet_mreq>() as libc::socklen_t;
        let (level, name) = (libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP);
        libc::setsockopt(fd.as_raw_fd(), level, name, std::ptr::from_ref(&request).cast(), length)
    })
}
