//! The loop: wait, carry out requests, drain what is readable, flush.
//!
//! Control packets go first: requests (IKE datagrams and BPDUs to send, SAs to
//! install) are carried out before any packet is read. A source is drained until
//! it would block, or for a budget of rounds; epoll is level triggered, so what
//! is left comes at the next turn and no source starves another.

pub(crate) mod sockets;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, mpsc};
use std::time::Instant;

use adit_esp::Spi;
use adit_switch::PortId;
use arc_swap::ArcSwap;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::EventFd;

use super::counters::{DropReason, SaCounters, WorkerCounters};
use super::engine::{Engine, Packet};
use super::headers::ETHERNET;
use super::io::sys::{Receiver, thread_allocations};
use super::io::vnet_hdr::{self, VnetHdr};
use super::path_out::Origin;
use super::punt::{Path, PuntSender};
use super::tables::{At, BridgeKey, Link, PolicyId, Snapshot};
use super::{Carrier, Inbound, Options, Outbound, RequestError, SaId};
use sockets::{NewSocket, Role};

/// The answer to a request.
pub(crate) type Reply = mpsc::SyncSender<Result<(), RequestError>>;

/// What control asks for.
#[derive(Debug)]
pub(crate) enum Command {
    Reload(Reply),
    AddSockets(Vec<NewSocket>, Reply),
    InstallInbound(Box<Inbound>, Arc<SaCounters>, Reply),
    InstallOutbound(Box<Outbound>, Arc<SaCounters>, Reply),
    Remove(SaId, Reply),
    Move { policy: PolicyId, spi: Spi, carrier: Carrier, reply: Reply },
    Frame { bridge: BridgeKey, port: PortId, frame: Vec<u8> },
    Ike { path: Path, datagram: Vec<u8> },
    Stop,
}

/// What a worker is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub requests: rtrb::Consumer<Command>,
    pub waker: Arc<EventFd>,
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    pub punts: PuntSender,
    pub counters: Arc<WorkerCounters>,
}

/// Rounds of one source before the others have their turn.
const BUDGET: usize = 16;
/// Messages of one recvmmsg on UDP: each may be 64 KiB of joined datagrams.
const UDP_SLOTS: usize = 8;
const UDP_STRIDE: usize = 65_536 + 64;
/// Messages of one recvmmsg on raw sockets, up to jumbo packets. The stride is no multiple of a page, so
/// that packets do not compete for the same cache lines.
const RAW_SLOTS: usize = 64;
const RAW_STRIDE: usize = 9_728 + 64;
/// Room in front of a frame for a VLAN tag that is put back.
const TAG: usize = 4;
const DEVICE_BUFFER: usize = TAG + vnet_hdr::LEN + ETHERNET + 8 + 65_536;

/// What an epoll event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Waker,
    Socket(usize),
    Port(At),
    Routed(u32),
}

/// One worker: a plain thread.
#[derive(Debug)]
pub(crate) struct Worker {
    engine: Engine,
    requests: rtrb::Consumer<Command>,
    waker: Arc<EventFd>,
    published: Arc<ArcSwap<Snapshot>>,
    tables: Arc<Snapshot>,
    epoll: Epoll,
    /// By epoll token.
    sources: Vec<Source>,
    /// How many of the sources are not devices: the waker and the sockets.
    fixed: usize,
    datagrams: Receiver,
    packets: Receiver,
    frames: Receiver,
    device: Box<[u8]>,
    started: Instant,
    running: bool,
}

impl Worker {
    pub fn new(parts: Parts, options: &Options) -> Result<Self, RequestError> {
        let Parts { requests, waker, snapshot, punts, counters } = parts;
        let failed = |e: nix::Error| RequestError::Socket("epoll descriptor".into(), e.into());
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(failed)?;
        let tables = snapshot.load_full();
        let mut worker = Worker {
            engine: Engine::new(counters, punts),
            requests,
            waker,
            published: snapshot,
            tables,
            epoll,
            sources: Vec::new(),
            fixed: 0,
            datagrams: Receiver::new(UDP_SLOTS, UDP_STRIDE),
            packets: Receiver::new(RAW_SLOTS, RAW_STRIDE),
            frames: Receiver::new(1, DEVICE_BUFFER),
            device: vec![0; DEVICE_BUFFER].into_boxed_slice(),
            started: Instant::now(),
            running: true,
        };
        let waker = worker.waker.clone();
        watch(&worker.epoll, &mut worker.sources, waker.as_fd(), Source::Waker).map_err(failed)?;
        worker.fixed = worker.sources.len();
        worker.add_sockets(sockets::initial(options.ipsec)?)?;
        Ok(worker)
    }

    /// The loop; returns after [`Command::Stop`].
    pub fn run(mut self) {
        let mut events = [EpollEvent::empty(); 64];
        self.engine.excused = thread_allocations();
        while self.running {
            let ready = match self.epoll.wait(&mut events, EpollTimeout::NONE) {
                Ok(ready) => ready,
                Err(nix::Error::EINTR) => continue,
                Err(error) => return tracing::error!(%error, "the data path cannot wait for packets"),
            };
            self.engine.now = self.started.elapsed().as_micros() as u64;
            self.engine.counters.wakeups.add(1);
            // Requests allocate and free; packets must not. Only the latter are counted.
            let generation = Arc::as_ptr(&self.tables);
            let before = thread_allocations();
            self.carry_out_requests();
            self.engine.excused += thread_allocations() - before;
            if Arc::as_ptr(&self.tables) == generation {
                for event in &events[..ready] {
                    self.drain(event.data() as usize);
                }
            }
            self.engine.batch.flush();
            self.engine.counters.allocations.set(thread_allocations() - self.engine.excused);
        }
    }

    fn drain(&mut self, token: usize) {
        match self.sources.get(token).copied() {
            Some(Source::Waker) => {
                let _ = self.waker.read();
            }
            Some(Source::Socket(index)) => self.drain_socket(index),
            Some(Source::Port(at)) => self.drain_port(at),
            Some(Source::Routed(index)) => self.drain_routed(index),
            None => {}
        }
    }

    /// Receives until nothing is there or the slots are full, and only then writes: what is joined of a
    /// flow gets larger the more there is to do.
    fn drain_socket(&mut self, index: usize) {
        let (role, family) = self.engine.batch.sockets().roles[index];
        let raw = matches!(role, Role::Esp | Role::Gre);
        let receiver = if raw { &mut self.packets } else { &mut self.datagrams };
        let mut filled = 0;
        for _ in 0..BUDGET {
            let socket = &self.engine.batch.sockets().sockets[index];
            let count = match receiver.receive(socket.as_fd(), filled) {
                Ok(count) => count,
                // A pending error of an earlier send (say, unreachable) is told once, then all goes on.
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => continue,
                Err(_) => break,
            };
            for i in filled..filled + count {
                let meta = receiver.received(i);
                let range = receiver.range(i, meta.length);
                self.engine.message_in(&self.tables, (role, family), &meta, receiver.buffer(), range);
            }
            filled += count;
            if filled == receiver.slots() {
                self.engine.flush_joiner(&self.tables, receiver.buffer());
                filled = 0;
            }
        }
        self.engine.flush_joiner(&self.tables, receiver.buffer());
    }

    fn drain_port(&mut self, at: At) {
        let tables = self.tables.clone();
        let port = tables.port(at);
        for _ in 0..BUDGET {
            let read = match &port.link {
                Link::Local(tap) => read_device(tap.as_fd(), &mut self.device),
                Link::Packet(socket) => read_packet_socket(socket.as_fd(), &mut self.frames),
                Link::Tunnel(_) | Link::Protected(..) => return,
            };
            match read {
                Read::Packet(packet) => {
                    self.engine.counters.packets.add(1);
                    self.engine.frame_out(&tables, at, packet);
                }
                Read::Useless => port.counters.drops.count(DropReason::MalformedFrame),
                Read::Empty => return,
                Read::Gone => return self.forget(Source::Port(at)),
            }
        }
    }

    fn drain_routed(&mut self, index: u32) {
        let tables = self.tables.clone();
        let routed = &tables.routed[index as usize];
        for _ in 0..BUDGET {
            match read_device(routed.tun.as_fd(), &mut self.device) {
                Read::Packet(packet) => {
                    self.engine.counters.packets.add(1);
                    self.engine.packet_out(routed, packet);
                }
                Read::Useless => routed.counters.drops.count(DropReason::MalformedFrame),
                Read::Empty => return,
                Read::Gone => return self.forget(Source::Routed(index)),
            }
        }
    }

    /// A device is watched no more; control makes it anew and applies another snapshot.
    fn forget(&self, source: Source) {
        if let Some(fd) = device_of(&self.tables, source) {
            let _ = self.epoll.delete(fd);
        }
    }

    fn carry_out_requests(&mut self) {
        while let Ok(command) = self.requests.pop() {
            let engine = &mut self.engine;
            // A reply nobody waits for any more is no error of ours.
            let _ = match command {
                Command::Reload(reply) => reply.send(self.reload()),
                Command::AddSockets(sockets, reply) => reply.send(self.add_sockets(sockets)),
                Command::InstallInbound(sa, counters, reply) => {
                    reply.send(engine.sas.install_inbound(*sa, counters))
                }
                Command::InstallOutbound(sa, counters, reply) => {
                    reply.send(engine.sas.install_outbound(*sa, counters, engine.batch.sockets()))
                }
                Command::Remove(id, reply) => reply.send(engine.sas.remove(id)),
                Command::Move { policy, spi, carrier, reply } => {
                    reply.send(engine.sas.move_outbound(policy, spi, carrier, engine.batch.sockets()))
                }
                Command::Frame { bridge, port, frame } => {
                    self.control_frame(bridge, port, &frame);
                    Ok(())
                }
                Command::Ike { path, datagram } => {
                    engine.ike_out(path, &datagram);
                    Ok(())
                }
                Command::Stop => {
                    self.running = false;
                    Ok(())
                }
            };
        }
    }

    fn control_frame(&mut self, bridge: BridgeKey, port: PortId, frame: &[u8]) {
        match self.tables.find(bridge, port) {
            Some(at) => self.engine.emit(&self.tables, Origin::Nobody, at, Packet::plain(frame)),
            None => self.engine.dropped(DropReason::NoPort),
        }
    }

    fn add_sockets(&mut self, sockets: Vec<NewSocket>) -> Result<(), RequestError> {
        // Devices come behind the sockets in the token table: take them out, put them back.
        self.forget_devices();
        for new in sockets {
            let id = self.engine.batch.add_socket(new);
            let fd = self.engine.batch.sockets().sockets[usize::from(id.0)].as_fd();
            let source = Source::Socket(usize::from(id.0));
            watch(&self.epoll, &mut self.sources, fd, source)
                .map_err(|e| RequestError::Socket("a socket of the data path".into(), e.into()))?;
        }
        self.fixed = self.sources.len();
        self.watch_devices()
    }

    fn reload(&mut self) -> Result<(), RequestError> {
        self.engine.batch.flush();
        self.forget_devices();
        self.tables = self.published.load_full();
        self.watch_devices()
    }

    fn forget_devices(&mut self) {
        for source in self.sources.drain(self.fixed..) {
            if let Some(fd) = device_of(&self.tables, source) {
                let _ = self.epoll.delete(fd);
            }
        }
    }

    fn watch_devices(&mut self) -> Result<(), RequestError> {
        let tables = self.tables.clone();
        let ports = tables.bridges.iter().enumerate().flat_map(|(bridge, table)| {
            let at = move |port: usize| At { bridge: bridge as u32, port: port as u32 };
            (0..table.ports.len()).map(move |port| Source::Port(at(port)))
        });
        let routed = (0..tables.routed.len()).map(|i| Source::Routed(i as u32));
        for source in ports.chain(routed) {
            if let Some(fd) = device_of(&tables, source) {
                watch(&self.epoll, &mut self.sources, fd, source)
                    .map_err(|e| RequestError::Socket("a device".into(), e.into()))?;
            }
        }
        Ok(())
    }
}

fn device_of(tables: &Snapshot, source: Source) -> Option<BorrowedFd<'_>> {
    match source {
        Source::Port(at) => super::engine::device(&tables.port(at).link),
        Source::Routed(index) => Some(tables.routed[index as usize].tun.as_fd()),
        Source::Waker | Source::Socket(_) => None,
    }
}

fn watch(epoll: &Epoll, sources: &mut Vec<Source>, fd: BorrowedFd<'_>, source: Source) -> nix::Result<()> {
    epoll.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, sources.len() as u64))?;
    sources.push(source);
    Ok(())
}

/// What reading a device brought.
enum Read<'b> {
    Packet(Packet<'b>),
    /// Something that is no use.
    Useless,
    /// Nothing more for now.
    Empty,
    /// The device was deleted under us; its descriptor is readable for ever and brings nothing.
    Gone,
}

/// One frame or packet of a TUN device.
fn read_device<'b>(fd: BorrowedFd<'_>, buffer: &'b mut [u8]) -> Read<'b> {
    let length = match nix::unistd::read(fd, buffer) {
        Ok(length) => length,
        Err(nix::Error::EBADFD) => return Read::Gone,
        Err(_) => return Read::Empty,
    };
    let Some((head, bytes)) = buffer[..length].split_first_chunk() else { return Read::Useless };
    VnetHdr::parse(head).map_or(Read::Useless, |vnet| Read::Packet(Packet { bytes, vnet }))
}

/// One frame of a packet socket, a VLAN tag that the kernel took out put back.
fn read_packet_socket<'b>(fd: BorrowedFd<'_>, receiver: &'b mut Receiver) -> Read<'b> {
    // An error here is told once (the device went down) and then forgotten by the kernel.
    if receiver.receive(fd, 0).unwrap_or(0) == 0 {
        return Read::Empty;
    }
    let meta = receiver.received(0);
    let buffer = receiver.buffer();
    if meta.truncated || meta.length < vnet_hdr::LEN + ETHERNET {
        return Read::Useless;
    }
    let Some(mut vnet) = buffer.first_chunk().and_then(VnetHdr::parse) else { return Read::Useless };
    let frame = vnet_hdr::LEN..meta.length;
    let Some((tpid, tci)) = meta.vlan else { return Read::Packet(Packet { bytes: &buffer[frame], vnet }) };
    // The virtio header is read; its place takes the addresses, moved up by a tag.
    let start = frame.start - TAG;
    buffer.copy_within(frame.start..frame.start + 12, start);
    buffer[start + 12..start + 14].copy_from_slice(&tpid.to_be_bytes());
    buffer[start + 14..start + 16].copy_from_slice(&tci.to_be_bytes());
    vnet.checksum = vnet.checksum.map(|(at, offset)| (at + TAG as u16, offset));
    Read::Packet(Packet { bytes: &buffer[start..frame.end], vnet })
}
