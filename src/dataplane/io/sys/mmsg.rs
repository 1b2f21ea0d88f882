//! sendmmsg and recvmmsg with addresses and control data for each message, and
//! writev that gathers from one buffer.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd};

use socket2::SockAddr;

/// Most messages in one system call.
pub const MAX_MESSAGES: usize = 128;
/// Room for the control messages of one message.
const CONTROL: usize = 160;

#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL]);

/// Sets an integer option of a socket.
pub fn set_option(fd: BorrowedFd<'_>, level: i32, name: i32, value: i32) -> io::Result<()> {
    // SAFETY: the pointer and the length describe `value`, which lives through the call.
    let code = unsafe {
        let length = size_of::<i32>() as libc::socklen_t;
        libc::setsockopt(fd.as_raw_fd(), level, name, std::ptr::from_ref(&value).cast(), length)
    };
    if code < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Where and how a message is sent: all that the kernel's outer headers need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wire {
    /// Destination; the port is 0 for raw sockets.
    pub remote: SocketAddr,
    /// Source address; `None` lets the kernel choose.
    pub local: Option<IpAddr>,
    /// TOS or traffic class.
    pub tos: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// SO_MARK; 0 is none.
    pub mark: u32,
}

/// Scratch of sendmmsg, allocated once.
pub struct Sender {
    headers: Vec<libc::mmsghdr>,
    pieces: Vec<libc::iovec>,
    names: Vec<SockAddr>,
    controls: Vec<Control>,
}

// SAFETY: the pointers in `headers` and `pieces` are written and used within one call of `send`
// and never read again; between calls the value is plain memory.
unsafe impl Send for Sender {}

/// One message: bytes of the arena, and the UDP_SEGMENT size where the kernel is to cut it (0: not).
#[derive(Debug, Clone)]
pub struct MessageIn {
    /// Where in the arena.
    pub bytes: Range<usize>,
    /// Where to.
    pub wire: Wire,
    /// Length of all segments but the last, or 0.
    pub segment: u16,
}

impl Default for Sender {
    fn default() -> Self {
        let address = SockAddr::from(SocketAddr::from(([0, 0, 0, 0], 0)));
        // SAFETY: mmsghdr and iovec are plain C structs for which all zeros is valid.
        let (header, piece) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        Sender {
            headers: vec![header; MAX_MESSAGES],
            pieces: vec![piece; MAX_MESSAGES],
            names: vec![address; MAX_MESSAGES],
            controls: vec![Control([0; CONTROL]); MAX_MESSAGES],
        }
    }
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sender")
    }
}

impl Sender {
    /// Sends the first messages (at most [`MAX_MESSAGES`]) and returns how many went.
    ///
    /// # Errors
    /// That of the first message, when none went.
    pub fn send(&mut self, fd: BorrowedFd<'_>, arena: &[u8], messages: &[MessageIn]) -> io::Result<usize> {
        let count = messages.len().min(MAX_MESSAGES);
        // Messages in a row to one place share an address and control data.
        let (mut shared, mut control_length) = (0, 0);
        for (i, message) in messages[..count].iter().enumerate() {
            let same =
                i > 0 && messages[i - 1].wire == message.wire && messages[i - 1].segment == message.segment;
            if !same {
                shared = i;
                self.names[i] = SockAddr::from(message.wire.remote);
                control_length = write_control(&mut self.controls[i], &message.wire, message.segment);
            }
            let bytes = &arena[message.bytes.clone()];
            self.pieces[i].iov_base = bytes.as_ptr().cast_mut().cast();
            self.pieces[i].iov_len = bytes.len();
            let header = &mut self.headers[i].msg_hdr;
            header.msg_name = self.names[shared].as_ptr().cast_mut().cast();
            header.msg_namelen = self.names[shared].len();
            header.msg_iov = &raw mut self.pieces[i];
            header.msg_iovlen = 1;
            header.msg_control = self.controls[shared].0.as_mut_ptr().cast();
            header.msg_controllen = control_length;
        }
        // SAFETY: the first `count` headers point to names, pieces and control data that live in
        // `self` and to bytes of `arena`, all borrowed through the call; the kernel only reads them.
        let sent = unsafe {
            libc::sendmmsg(fd.as_raw_fd(), self.headers.as_mut_ptr(), count as u32, libc::MSG_DONTWAIT)
        };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(sent as usize) }
    }
}

/// Appends one control message; returns the length so far.
fn append(control: &mut Control, at: usize, level: i32, kind: i32, data: &[u8]) -> usize {
    const HEADER: usize = 16; // cmsghdr on 64 bit: length, level, type
    control.0[at..at + 8].copy_from_slice(&(HEADER + data.len()).to_ne_bytes());
    control.0[at + 8..at + 12].copy_from_slice(&level.to_ne_bytes());
    control.0[at + 12..at + 16].copy_from_slice(&kind.to_ne_bytes());
    control.0[at + HEADER..at + HEADER + data.len()].copy_from_slice(data);
    at + HEADER + data.len().next_multiple_of(8)
}

fn write_control(control: &mut Control, wire: &Wire, segment: u16) -> usize {
    let (tos, ttl) = (i32::from(wire.tos).to_ne_bytes(), i32::from(wire.ttl).to_ne_bytes());
    let mut at = 0;
    match wire.remote {
        SocketAddr::V4(_) => {
            if let Some(IpAddr::V4(local)) = wire.local {
                let mut info = [0; 12]; // in_pktinfo: interface, source, (unused)
                info[4..8].copy_from_slice(&local.octets());
                at = append(control, at, libc::IPPROTO_IP, libc::IP_PKTINFO, &info);
            }
            at = append(control, at, libc::IPPROTO_IP, libc::IP_TOS, &tos);
            at = append(control, at, libc::IPPROTO_IP, libc::IP_TTL, &ttl);
        }
        SocketAddr::V6(_) => {
            if let Some(IpAddr::V6(local)) = wire.local {
                let mut info = [0; 20]; // in6_pktinfo: source, interface
                info[..16].copy_from_slice(&local.octets());
                at = append(control, at, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &info);
            }
            at = append(control, at, libc::IPPROTO_IPV6, libc::IPV6_TCLASS, &tos);
            at = append(control, at, libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT, &ttl);
        }
    }
    if wire.mark != 0 {
        at = append(control, at, libc::SOL_SOCKET, libc::SO_MARK, &wire.mark.to_ne_bytes());
    }
    if segment != 0 {
        at = append(control, at, libc::SOL_UDP, libc::UDP_SEGMENT, &segment.to_ne_bytes());
    }
    at
}

/// What the kernel says about a received message.
#[derive(Debug, Clone, Copy)]
pub struct Received {
    /// Bytes of the message in its slot.
    pub length: usize,
    /// Sender; the port is 0 for raw sockets.
    pub from: SocketAddr,
    /// Destination address of the packet.
    pub to: Option<IpAddr>,
    /// Length of each datagram but the last, where the kernel joined several (UDP_GRO).
    pub segment: Option<usize>,
    /// Outer TOS or traffic class.
    pub tos: u8,
    /// A VLAN tag the kernel took out of the frame: (TPID, TCI).
    pub vlan: Option<(u16, u16)>,
    /// The message was longer than its slot.
    pub truncated: bool,
}

/// Buffers and scratch of recvmmsg, allocated once: `slots` messages of up to `stride` bytes.
pub struct Receiver {
    buffer: Vec<u8>,
    stride: usize,
    headers: Vec<libc::mmsghdr>,
    pieces: Vec<libc::iovec>,
    names: Vec<libc::sockaddr_storage>,
    controls: Vec<Control>,
}

// SAFETY: as for `Sender`: the pointers are written and used within one call of `receive`.
unsafe impl Send for Receiver {}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Receiver({} slots of {} bytes)", self.headers.len(), self.stride)
    }
}

impl Receiver {
    /// `slots` messages of up to `stride` bytes.
    pub fn new(slots: usize, stride: usize) -> Self {
        // SAFETY: these are plain C structs for which all zeros is valid.
        let (header, piece, name) = unsafe { (std::mem::zeroed(), std::mem::zeroed(), std::mem::zeroed()) };
        Receiver {
            buffer: vec![0; slots * stride],
            stride,
            headers: vec![header; slots],
            pieces: vec![piece; slots],
            names: vec![name; slots],
            controls: vec![Control([0; CONTROL]); slots],
        }
    }

    /// How many messages one call can bring.
    pub fn slots(&self) -> usize {
        self.headers.len()
    }

    /// The buffer; message `i` begins at `i * stride`.
    pub fn buffer(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    /// Where message `i` of `length` bytes is in the buffer.
    pub fn range(&self, i: usize, length: usize) -> Range<usize> {
        i * self.stride..i * self.stride + length
    }

    /// Receives what is there into the slots from `first` on, without waiting.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there, or a pending error of the socket.
    pub fn receive(&mut self, fd: BorrowedFd<'_>, first: usize) -> io::Result<usize> {
        for (i, slot) in self.buffer.chunks_exact_mut(self.stride).enumerate().skip(first) {
            self.pieces[i].iov_base = slot.as_mut_ptr().cast();
            self.pieces[i].iov_len = slot.len();
            let header = &mut self.headers[i].msg_hdr;
            header.msg_name = (&raw mut self.names[i]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_iov = &raw mut self.pieces[i];
            header.msg_iovlen = 1;
            header.msg_control = self.controls[i].0.as_mut_ptr().cast();
            header.msg_controllen = CONTROL;
            header.msg_flags = 0;
        }
        // SAFETY: every header points to a name, a piece and control data in `self`, and every piece
        // to its own slot of `self.buffer`; all are borrowed mutably through the call.
        let got = unsafe {
            let (headers, timeout) = (&mut self.headers[first..], std::ptr::null_mut());
            let slots = headers.len() as u32;
            libc::recvmmsg(fd.as_raw_fd(), headers.as_mut_ptr(), slots, libc::MSG_DONTWAIT, timeout)
        };
        if got < 0 { Err(io::Error::last_os_error()) } else { Ok(got as usize) }
    }

    /// What came with message `i` of the last call.
    pub fn received(&self, i: usize) -> Received {
        let header = &self.headers[i];
        let name = &self.names[i];
        let mut received = Received {
            length: header.msg_len as usize,
            from: read_name(name, header.msg_hdr.msg_namelen),
            to: None,
            segment: None,
            tos: 0,
            vlan: None,
            truncated: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
        };
        let controls = &self.controls[i].0[..header.msg_hdr.msg_controllen.min(CONTROL)];
        read_control(controls, &mut received);
        received
    }
}

fn read_name(name: &libc::sockaddr_storage, length: libc::socklen_t) -> SocketAddr {
    let nobody = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let family = i32::from(name.ss_family);
    if family == libc::AF_INET && length as usize >= size_of::<libc::sockaddr_in>() {
        // SAFETY: the storage is larger than and aligned for every address, and the family says which it is.
        let v4 = unsafe { &*std::ptr::from_ref(name).cast::<libc::sockaddr_in>() };
        let address = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
        SocketAddr::from((address, u16::from_be(v4.sin_port)))
    } else if family == libc::AF_INET6 && length as usize >= size_of::<libc::sockaddr_in6>() {
        // SAFETY: as above.
        let v6 = unsafe { &*std::ptr::from_ref(name).cast::<libc::sockaddr_in6>() };
        SocketAddr::from((Ipv6Addr::from(v6.sin6_addr.s6_addr), u16::from_be(v6.sin6_port)))
    } else {
        nobody
    }
}

/// Reads the control messages we asked for; anything else is skipped.
fn read_control(mut control: &[u8], received: &mut Received) {
    const HEADER: usize = 16;
    while control.len() >= HEADER {
        let length = usize::from_ne_bytes(control[..8].try_into().expect("8 bytes"));
        let number = |at: usize| i32::from_ne_bytes(control[at..at + 4].try_into().expect("4 bytes"));
        let (level, kind) = (number(8), number(12));
        let Some(data) = control.get(HEADER..length) else { return };
        read_one(level, kind, data, received);
        control = control.get(length.next_multiple_of(8)..).unwrap_or(&[]);
    }
}

fn read_one(level: i32, kind: i32, data: &[u8], received: &mut Received) {
    let int = || data.first_chunk().map(|b| i32::from_ne_bytes(*b));
    match (level, kind) {
        (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
            let address = data.get(8..12).and_then(|b| b.first_chunk::<4>());
            received.to = address.map(|b| IpAddr::from(*b));
        }
        (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
            received.to = data.first_chunk::<16>().map(|b| IpAddr::from(*b));
        }
        (libc::IPPROTO_IP, libc::IP_TOS) => received.tos = data.first().copied().unwrap_or(0),
        (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => received.tos = int().unwrap_or(0) as u8,
        (libc::SOL_UDP, libc::UDP_GRO) => {
            received.segment = int().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0)
        }
        (libc::SOL_PACKET, libc::PACKET_AUXDATA) => {
            let Some(aux) = data.first_chunk::<20>() else { return };
            let half = |at: usize| u16::from_ne_bytes([aux[at], aux[at + 1]]);
            let status = u32::from_ne_bytes([aux[0], aux[1], aux[2], aux[3]]);
            let tpid = if status & libc::TP_STATUS_VLAN_TPID_VALID != 0 { half(18) } else { 0x8100 };
            received.vlan = (status & libc::TP_STATUS_VLAN_VALID != 0).then(|| (tpid, half(16)));
        }
        _ => {}
    }
}

/// Scratch of writev, allocated once: gathers ranges of a buffer behind a header.
#[derive(Default)]
pub struct Gather(Vec<libc::iovec>);

// SAFETY: as for `Sender`: the pointers are written and used within one call of `write`.
unsafe impl Send for Gather {}

impl std::fmt::Debug for Gather {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gather")
    }
}

impl Gather {
    /// Room for `pieces` ranges.
    pub fn new(pieces: usize) -> Self {
        Gather(Vec::with_capacity(pieces + 1))
    }

    /// Writes `head` and then the ranges of `buffer`, as one packet.
    ///
    /// # Errors
    /// Those of writev(2).
    pub fn write(
        &mut self,
        fd: BorrowedFd<'_>,
        head: &[u8],
        buffer: &[u8],
        ranges: impl Iterator<Item = Range<usize>>,
    ) -> io::Result<usize> {
        let piece =
            |bytes: &[u8]| libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        self.0.clear();
        self.0.push(piece(head));
        self.0.extend(ranges.map(|range| piece(&buffer[range])));
        // SAFETY: the pieces describe `head` and slices of `buffer`, borrowed through the call; the kernel only reads them.
        let written = unsafe { libc::writev(fd.as_raw_fd(), self.0.as_ptr(), self.0.len() as i32) };
        if written < 0 { Err(io::Error::last_os_error()) } else { Ok(written as usize) }
    }
}
