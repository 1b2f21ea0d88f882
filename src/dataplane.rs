//! Data plane: the stations a packet passes.
//!
//! ```text
//! OUT  read batch   io/tap.rs      super-frame of up to 64 KiB behind its virtio header
//!      decide       switch         Forwarding::decide: which ports            (bridge ports)
//!        or select  selectors.rs   which SA                                   (routed interfaces)
//!      cut          segment.rs     to the tunnel's MTU, written once, at its final place in the arena
//!      push         encap          header into the headroom                   (tunnel ports)
//!      seal         esp            in place, same bytes                       (protected ports)
//!      commit       batch.rs       joins the batch of its destination
//!      flush        io/udp.rs …    one sendmmsg a socket
//!
//! IN   read batch   io/udp.rs …    recvmmsg, UDP_GRO
//!      classify     esp::udp       ESP | IKE (to control, bounded, rate limited) | keepalive
//!      open         esp            SPI → SA; window, authenticate, window
//!      select       selectors.rs   what came through this SA: may it? (RFC 4301 §5.2)
//!      pop          encap          (tunnel ports)
//!      decide       switch         which ports; BPDUs and probes to control
//!      join         coalesce.rs    TCP segments to a super-packet again
//!      write        io/tap.rs      one gathered write
//! ```
//!
//! [`path_out`] and [`path_in`] follow this list station by station. Every
//! station returns a [`DropReason`] on failure, and the path file counts it;
//! there is no other error handling. A frame that comes in through one tunnel
//! and leaves through another starts OUT at "cut".
//!
//! A worker is a plain thread with epoll. It owns its SAs, sockets and buffers;
//! control reaches it by a ring ([`Handle`]) and by the [`Snapshot`], it reaches
//! control by [`Punts`] and counters. In steady state it neither allocates nor
//! locks nor logs, whatever the number of packets.

mod batch;
mod coalesce;
pub mod counters;
mod ecn;
mod engine;
mod headers;
mod ike_gate;
pub mod io;
mod path_in;
mod path_out;
pub mod punt;
pub mod sa;
mod segment;
pub mod selectors;
pub mod tables;
mod too_big;
#[doc(hidden)]
pub mod trial;
mod worker;

pub use counters::{Counter, DropReason, Drops, PortCounters, SaCounters, WorkerCounters};
pub use punt::{Path, Punt, Punts};
pub use sa::{Carrier, Inbound, Mode, Outbound, SaId};
pub use selectors::{Selector, Selectors};
pub use tables::{
    Bridge, BridgeKey, Link, PolicyId, Port, Routed, Snapshot, SnapshotError, Tos, Ttl, TunnelPort,
};

use std::collections::BTreeMap;
use std::io as stdio;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use adit_esp::Spi;
use adit_switch::PortId;
use arc_swap::ArcSwap;
use nix::sys::eventfd::EventFd;

use worker::{Command, Reply};

/// How the data plane is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Open UDP 500 and 4500 and raw ESP, for IKE and IPsec.
    pub ipsec: bool,
    /// Punts of each kind that may wait for control.
    pub punt_queue: usize,
    /// Source ports over which flows of unprotected VXLAN and Geneve are spread, per address family.
    pub tunnel_source_ports: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { ipsec: true, punt_queue: 1024, tunnel_source_ports: 16 }
    }
}

/// Why a request to a worker was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// An SA of that name is there already.
    #[error("an SA with SPI {0} is installed already")]
    Duplicate(Spi),
    /// No such SA.
    #[error("no SA with SPI {0}")]
    Unknown(Spi),
    /// [`MAX_SAS`] are installed.
    #[error("more than {MAX_SAS} SAs")]
    TooMany,
    /// The queue to the worker is full; what was to be sent is lost, as on any wire.
    #[error("the queue to the data path is full")]
    QueueFull,
    /// The request was handed over and not answered in time: it may be carried out yet.
    #[error("the data path does not answer")]
    Unanswered,
    /// The worker ended.
    #[error("the data path has stopped")]
    Stopped,
    /// A socket could not be opened.
    #[error("cannot open {0}: {1}")]
    Socket(String, #[source] stdio::Error),
}

/// Most SAs of each direction that a worker holds.
pub const MAX_SAS: usize = 16_384;
/// Requests that may wait for the worker.
const REQUESTS: usize = 1024;
/// A worker answers within a batch; longer means that it is gone or stuck.
const PATIENCE: Duration = Duration::from_secs(5);

/// Control's grip on the data plane. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    requests: Mutex<rtrb::Producer<Command>>,
    waker: Arc<EventFd>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    sas: Mutex<BTreeMap<SaId, Arc<SaCounters>>>,
    tunnel_ports: Mutex<Vec<u16>>,
    worker: Arc<WorkerCounters>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
    tunnel_source_ports: usize,
}

/// Opens the sockets and starts the worker.
///
/// # Errors
/// Names the socket that could not be opened: the port is in use, or a capability is missing.
pub fn start(options: Options) -> Result<(Handle, Punts), RequestError> {
    let (requests, request_queue) = rtrb::RingBuffer::new(REQUESTS);
    let (punt_sender, punts) = punt::queues(options.punt_queue);
    let socket = |e: nix::Error| RequestError::Socket("event descriptor".into(), e.into());
    let waker = Arc::new(EventFd::from_value_and_flags(0, nonblocking()).map_err(socket)?);
    let snapshot = Arc::new(ArcSwap::from_pointee(Snapshot::default()));
    let counters = Arc::new(WorkerCounters::default());
    let parts = worker::Parts {
        requests: request_queue,
        waker: waker.clone(),
        snapshot: snapshot.clone(),
        punts: punt_sender,
        counters: counters.clone(),
    };
    let worker = worker::Worker::new(parts, &options)?;
    let thread = std::thread::Builder::new()
        .name("adit-data".into())
        .spawn(move || worker.run())
        .map_err(|e| RequestError::Socket("worker thread".into(), e))?;
    let shared = Shared {
        requests: Mutex::new(requests),
        waker,
        snapshot,
        sas: Mutex::default(),
        tunnel_ports: Mutex::default(),
        worker: counters,
        thread: Mutex::new(Some(thread)),
        tunnel_source_ports: options.tunnel_source_ports,
    };
    Ok((Handle { shared: Arc::new(shared) }, punts))
}

fn nonblocking() -> nix::sys::eventfd::EfdFlags {
    nix::sys::eventfd::EfdFlags::EFD_NONBLOCK | nix::sys::eventfd::EfdFlags::EFD_CLOEXEC
}

impl Handle {
    /// Publishes ports, tunnels, bridges and routed interfaces. When it returns the worker uses them,
    /// and has let go of devices that are not in it any more.
    ///
    /// # Errors
    /// [`RequestError::Stopped`].
    pub fn apply(&self, snapshot: Snapshot) -> Result<(), RequestError> {
        self.shared.snapshot.store(Arc::new(snapshot));
        self.ask(Command::Reload)
    }

    /// Opens the sockets of a destination port of VXLAN or Geneve, once; needed before a port that uses it is applied.
    ///
    /// # Errors
    /// Another program, or the kernel's own VXLAN, has the port.
    pub fn listen_udp(&self, port: u16) -> Result<(), RequestError> {
        let mut open = self.shared.tunnel_ports.lock().unwrap_or_else(PoisonError::into_inner);
        if open.contains(&port) {
            return Ok(());
        }
        let sockets = worker::sockets::tunnel(port, self.shared.tunnel_source_ports, open.is_empty())?;
        self.ask(|reply| Command::AddSockets(sockets, reply))?;
        open.push(port);
        Ok(())
    }

    /// Moves an inbound SA to its worker. When it returns, packets on it are taken: only now may the
    /// peer be told to use it.
    ///
    /// # Errors
    /// The SA is not installed.
    pub fn install_inbound(&self, sa: Inbound) -> Result<(), RequestError> {
        let (id, counters) = (SaId::Inbound { spi: sa.sa.spi() }, Arc::<SaCounters>::default());
        let (sa, given) = (Box::new(sa), counters.clone());
        self.ask(|reply| Command::InstallInbound(sa, given, reply))?;
        self.sas().insert(id, counters);
        Ok(())
    }

    /// Moves an outbound SA to its worker. When it returns, what its selectors cover leaves through it.
    ///
    /// # Errors
    /// The SA is not installed.
    pub fn install_outbound(&self, sa: Outbound) -> Result<(), RequestError> {
        let id = SaId::Outbound { policy: sa.policy, spi: sa.sa.spi() };
        let counters = Arc::<SaCounters>::default();
        let (sa, given) = (Box::new(sa), counters.clone());
        self.ask(|reply| Command::InstallOutbound(sa, given, reply))?;
        self.sas().insert(id, counters);
        Ok(())
    }

    /// Ends an SA; its keys are wiped before this returns.
    ///
    /// # Errors
    /// It is not there.
    pub fn remove(&self, id: SaId) -> Result<(), RequestError> {
        self.sas().remove(&id);
        self.ask(|reply| Command::Remove(id, reply))
    }

    /// Sends an outbound SA's packets elsewhere from now on (the peer moved: RFC 7296 §2.23, RFC 4555).
    ///
    /// # Errors
    /// It is not there.
    pub fn move_outbound(&self, policy: PolicyId, spi: Spi, carrier: Carrier) -> Result<(), RequestError> {
        self.ask(|reply| Command::Move { policy, spi, carrier, reply })
    }

    /// Sends a frame of the control plane (BPDU, probe) out of a port, whatever the port's state, through
    /// push and seal like any frame. A protected port without SA drops it, counted.
    ///
    /// # Errors
    /// [`RequestError::QueueFull`].
    pub fn send_frame(&self, bridge: BridgeKey, port: PortId, frame: Vec<u8>) -> Result<(), RequestError> {
        self.tell(Command::Frame { bridge, port, frame })
    }

    /// Sends a UDP payload of the IKE endpoint (marker or keepalive byte included) from `path.local` to
    /// `path.remote`, unchanged.
    ///
    /// # Errors
    /// [`RequestError::QueueFull`].
    pub fn send_ike(&self, path: Path, datagram: Vec<u8>) -> Result<(), RequestError> {
        self.tell(Command::Ike { path, datagram })
    }

    /// What the worker counted that belongs to no port and no SA.
    pub fn counters(&self) -> &WorkerCounters {
        &self.shared.worker
    }

    /// The counters of one SA.
    pub fn sa_counters(&self, id: SaId) -> Option<Arc<SaCounters>> {
        self.sas().get(&id).cloned()
    }

    /// Stops the worker and waits for it. SAs are wiped, sockets closed; persistent devices stay.
    pub fn stop(&self) {
        let _ = self.tell(Command::Stop);
        let thread = self.shared.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    fn sas(&self) -> std::sync::MutexGuard<'_, BTreeMap<SaId, Arc<SaCounters>>> {
        self.shared.sas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, command: Command) -> Result<(), RequestError> {
        let mut requests = self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if requests.is_abandoned() {
            return Err(RequestError::Stopped);
        }
        requests.push(command).map_err(|_| RequestError::QueueFull)?;
        let _ = self.shared.waker.write(1);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).is_full()
    }

    fn ask(&self, command: impl FnOnce(Reply) -> Command) -> Result<(), RequestError> {
        let (reply, answer) = mpsc::sync_channel(1);
        // What must be done waits for room; only frames and datagrams may be dropped.
        let deadline = Instant::now() + PATIENCE;
        while self.is_full() && Instant::now() < deadline {
            let _ = self.shared.waker.write(1);
            std::thread::sleep(Duration::from_millis(1));
        }
        self.tell(command(reply))?;
        answer.recv_timeout(PATIENCE).unwrap_or_else(|error| {
            Err(match error {
                mpsc::RecvTimeoutError::Timeout => RequestError::Unanswered,
                mpsc::RecvTimeoutError::Disconnected => RequestError::Stopped,
            })
        })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let requests = self.requests.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = requests.push(Command::Stop);
        let _ = self.waker.write(1);
    }
}
