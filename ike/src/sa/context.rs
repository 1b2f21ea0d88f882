//! What one IKE SA may touch besides itself: time, chance, secrets, and the way out.

use crate::config::{ChildConfigId, Connection, ConnectionId, EndpointConfig};
use crate::counters::Counters;
use crate::credentials::Credentials;
use crate::error::Error;
use crate::event::{ChildId, Event, IkeSaId, IkeSpi, Path, Spi};
use crate::job::{Job, JobId};
use crate::sa::IkeSa;
use crate::sa::established::Estate;
use crate::wire::Nonce;
use adit_crypto::Rng;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Datagrams waiting to be sent; more are dropped, as a network would.
const MAX_QUEUED_DATAGRAMS: usize = 1024;
/// Replaced inbound SAs that may listen on at once.
const MAX_LINGERING: usize = 4096;
/// SPIs below are reserved (RFC 4303 §2.1).
const FIRST_SPI: u32 = 256;
/// The non-ESP marker (RFC 3948 §2.2).
const NON_ESP_MARKER: [u8; 4] = [0; 4];

/// Lent to an IKE SA for one input.
pub(crate) struct Ctx<'a> {
    pub(crate) now: Instant,
    pub(crate) rng: &'a mut Rng,
    pub(crate) credentials: &'a dyn Credentials,
    pub(crate) config: &'a EndpointConfig,
    pub(crate) connections: &'a BTreeMap<ConnectionId, Arc<Connection>>,
    /// Connections with an IKE SA that stands.
    pub(crate) up: &'a BTreeSet<ConnectionId>,
    /// Connections taken down by hand.
    pub(crate) down: &'a BTreeSet<ConnectionId>,
    pub(crate) out: &'a mut Out,
}

/// Everything that leaves an IKE SA, and the numbers it is known by.
#[derive(Default)]
pub(crate) struct Out {
    pub(crate) events: VecDeque<Event>,
    pub(crate) datagrams: VecDeque<(Path, Vec<u8>)>,
    pub(crate) notices: VecDeque<(IkeSaId, Notice)>,
    pub(crate) counters: Counters,
    /// IKE SAs by the SPI we chose.
    pub(crate) ike: BTreeMap<IkeSpi, IkeSaId>,
    /// Children by the SPI we chose.
    pub(crate) esp: BTreeMap<Spi, IkeSaId>,
    /// Who waits for which job.
    pub(crate) jobs: BTreeMap<JobId, IkeSaId>,
    /// In order of time.
    lingering: VecDeque<Lingering>,
    /// IKE SAs that are gone, once the notices are through.
    pub(crate) forgotten: Vec<IkeSaId>,
    next_id: u64,
}

/// The inbound half of a child whose place another has taken.
pub(crate) struct Lingering {
    pub(crate) until: Instant,
    pub(crate) connection: ConnectionId,
    pub(crate) config: ChildConfigId,
    pub(crate) child: ChildId,
    pub(crate) spi: Spi,
}

/// What the endpoint has to know of an IKE SA's doings.
pub(crate) enum Notice {
    /// A responder learned who calls.
    Identified(ConnectionId),
    /// The IKE SA stands.
    Established { initial_contact: bool },
    /// A new IKE SA in place of this one, or one born redundant.
    Born(Box<IkeSa>),
    /// The children go to this other IKE SA.
    Inherit(IkeSaId, Box<Estate>),
    /// The peer knows that the IKE SA which took this one's place stands.
    Release(IkeSaId),
    /// The IKE SA is of no use any more, and nothing takes its place.
    Closed(Error),
}

impl Ctx<'_> {
    /// Sends a message; puts the non-ESP marker in front where the port asks for it.
    pub(crate) fn transmit(&mut self, path: Path, message: &[u8]) {
        let marker: &[u8] = if path.local.port() == self.config.ike_port { &[] } else { &NON_ESP_MARKER };
        self.transmit_raw(path, [marker, message].concat());
    }

    /// Sends a datagram that is no IKE message.
    pub(crate) fn transmit_raw(&mut self, path: Path, datagram: Vec<u8>) {
        if self.out.datagrams.len() < MAX_QUEUED_DATAGRAMS {
            self.out.datagrams.push_back((path, datagram));
        }
    }

    /// Hands work out on behalf of an IKE SA.
    pub(crate) fn job(&mut self, owner: IkeSaId, job: Job) -> JobId {
        let id = JobId(self.out.fresh());
        self.out.jobs.insert(id, owner);
        self.out.events.push_back(Event::Job(id, job));
        id
    }

    /// A nonce, as long as the longest key of a PRF half needs (RFC 7296 §2.10).
    pub(crate) fn nonce(&mut self) -> Nonce {
        Nonce::new(self.rng.bytes::<32>().to_vec()).expect("32 octets are an allowed length")
    }

    /// A generator for one job alone.
    pub(crate) fn fork(&mut self) -> Box<Rng> {
        Box::new(self.rng.fork())
    }

    /// An SPI for an inbound ESP SA of this connection: not in use, random but for its class.
    pub(crate) fn allocate_spi(&mut self, connection: ConnectionId) -> Spi {
        let shards = self.config.spi_shards.max(1);
        loop {
            let random = self.rng.u32();
            let spi = Spi((random - random % shards).wrapping_add(connection.0 % shards));
            if spi.0 >= FIRST_SPI && !self.out.esp.contains_key(&spi) {
                return spi;
            }
        }
    }

    /// An SPI for an IKE SA: not in use, not zero, nor in its first half, so
    /// that no message on port 4500 starts like a non-ESP marker.
    pub(crate) fn allocate_ike_spi(&mut self, owner: IkeSaId) -> IkeSpi {
        loop {
            let spi = IkeSpi(self.rng.u64());
            if spi.0 >> 32 != 0 && !self.out.ike.contains_key(&spi) {
                self.out.ike.insert(spi, owner);
                return spi;
            }
        }
    }

    /// Up to `span`, evenly spread.
    pub(crate) fn jitter(&mut self, span: Duration) -> Duration {
        let nanoseconds = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.rng.below(nanoseconds.saturating_add(1)))
    }
}

impl Out {
    /// Forgets an inbound half now.
    pub(crate) fn remove_inbound(&mut self, child: ChildId, spi: Spi) {
        self.esp.remove(&spi);
        self.events.push_back(Event::RemoveInbound(child, spi));
    }

    /// Forgets an inbound half later, or the oldest of too many now.
    pub(crate) fn linger(&mut self, half: Lingering) {
        if self.lingering.len() == MAX_LINGERING
            && let Some(oldest) = self.lingering.pop_front()
        {
            self.remove_inbound(oldest.child, oldest.spi);
        }
        self.lingering.push_back(half);
    }

    /// When the next lingering half is due.
    pub(crate) fn lingering_until(&self) -> Option<Instant> {
        self.lingering.front().map(|half| half.until)
    }

    /// Forgets the lingering halves of which this holds.
    pub(crate) fn end_lingering(&mut self, ends: impl Fn(&Lingering) -> bool) {
        let (ended, kept) = std::mem::take(&mut self.lingering).into_iter().partition(ends);
        self.lingering = kept;
        let ended: VecDeque<Lingering> = ended;
        ended.into_iter().for_each(|half| self.remove_inbound(half.child, half.spi));
    }

    /// A number never used before; they rise.
    fn fresh(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(crate) fn fresh_sa(&mut self) -> IkeSaId {
        IkeSaId(self.fresh())
    }

    pub(crate) fn fresh_child(&mut self) -> ChildId {
        ChildId(self.fresh())
    }
}
