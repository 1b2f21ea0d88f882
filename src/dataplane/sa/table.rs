//! The SAs a worker owns.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use adit_esp::{InboundSa, OutboundSa, Spi};

use super::{Carrier, Inbound, Mode, Outbound, SaId};
use crate::dataplane::counters::SaCounters;
use crate::dataplane::io::sys::Wire;
use crate::dataplane::io::udp::Family;
use crate::dataplane::selectors::{Selectors, Traffic};
use crate::dataplane::tables::PolicyId;
use crate::dataplane::worker::sockets::{Role, SocketId, Sockets};
use crate::dataplane::{DropReason, MAX_SAS, Punt, RequestError};
use tokio::sync::mpsc;

/// Whether control still has to be told that an SA reached its soft limit.
#[derive(Debug, Default)]
pub(crate) struct SoftLimit {
    due: bool,
}

impl SoftLimit {
    /// Tells control if `reached`; what a full queue does not take is said with a later packet.
    pub fn say(&mut self, reached: bool, sa: SaId, facts: &mpsc::Sender<Punt>) {
        self.due |= reached;
        if self.due {
            self.due = facts.try_send(Punt::SoftLimit { sa }).is_err();
        }
    }
}

/// An inbound SA at work.
#[derive(Debug)]
pub(crate) struct InboundEntry {
    pub spi: Spi,
    pub policy: PolicyId,
    pub mode: Mode,
    pub selectors: Selectors,
    pub sa: InboundSa,
    pub counters: Arc<SaCounters>,
    /// Where authenticated packets come from, as far as control knows; `None` for protocol 50.
    pub peer: Option<SocketAddr>,
    /// Control has been told of the first packet.
    pub heard: bool,
    pub soft_limit: SoftLimit,
}

/// An outbound SA at work.
#[derive(Debug)]
pub(crate) struct OutboundEntry {
    pub spi: Spi,
    pub mode: Mode,
    pub selectors: Selectors,
    pub sa: OutboundSa,
    pub counters: Arc<SaCounters>,
    pub socket: SocketId,
    /// TOS and TTL are filled in per packet.
    pub wire: Wire,
    pub soft_limit: SoftLimit,
    /// Bytes of headers the carrier puts before ESP.
    carrier_overhead: usize,
    /// Underlay MTU and the ESP payload that fits it, as computed last.
    room: (u16, usize),
}

impl OutboundEntry {
    /// The longest payload whose sealed packet fits `underlay_mtu`.
    pub fn room(&mut self, underlay_mtu: u16) -> usize {
        if self.room.0 != underlay_mtu {
            let available = usize::from(underlay_mtu).saturating_sub(self.carrier_overhead);
            self.room = (underlay_mtu, self.sa.max_payload(available).unwrap_or(0));
        }
        self.room.1
    }

    fn set_carrier(&mut self, carrier: Carrier, sockets: &Sockets) -> Result<(), RequestError> {
        let (socket, wire, overhead) = way(carrier, sockets)?;
        (self.socket, self.wire, self.carrier_overhead, self.room) = (socket, wire, overhead, (0, 0));
        Ok(())
    }
}

/// Socket, destination and overhead of a carrier.
fn way(carrier: Carrier, sockets: &Sockets) -> Result<(SocketId, Wire, usize), RequestError> {
    let family = Family::of(carrier.remote());
    let ip = if family == Family::V4 { 20 } else { 40 };
    let (role, remote, overhead) = match carrier {
        Carrier::Esp { remote, .. } => (Role::Esp, SocketAddr::new(remote, 0), ip),
        Carrier::Udp { remote, .. } => (Role::IkeNat, remote, ip + 8),
    };
    let missing = || {
        RequestError::Socket("the socket of an SA's carrier".into(), std::io::ErrorKind::Unsupported.into())
    };
    let socket = sockets.find(role, family).ok_or_else(missing)?;
    let local = Some(carrier.local()).filter(|ip| !ip.is_unspecified());
    Ok((socket, Wire { remote, local, tos: 0, ttl: 64, mark: 0 }, overhead))
}

/// All SAs of a worker.
#[derive(Debug, Default)]
pub(crate) struct SaTable {
    inbound: BTreeMap<Spi, Box<InboundEntry>>,
    /// Newest first.
    outbound: BTreeMap<PolicyId, Vec<OutboundEntry>>,
}

impl SaTable {
    pub fn install_inbound(&mut self, new: Inbound, counters: Arc<SaCounters>) -> Result<(), RequestError> {
        let spi = new.sa.spi();
        if self.inbound.contains_key(&spi) {
            return Err(RequestError::Duplicate(spi));
        }
        if self.inbound.len() == MAX_SAS {
            return Err(RequestError::TooMany);
        }
        let Inbound { policy, mode, selectors, carrier, sa } = new;
        let peer = match carrier {
            Carrier::Udp { remote, .. } => Some(remote),
            Carrier::Esp { .. } => None,
        };
        let (heard, soft_limit) = (false, SoftLimit::default());
        let entry = InboundEntry { spi, policy, mode, selectors, sa, counters, peer, heard, soft_limit };
        self.inbound.insert(spi, Box::new(entry));
        Ok(())
    }

    pub fn install_outbound(
        &mut self,
        new: Outbound,
        counters: Arc<SaCounters>,
        sockets: &Sockets,
    ) -> Result<(), RequestError> {
        if self.outbound.values().map(Vec::len).sum::<usize>() == MAX_SAS {
            return Err(RequestError::TooMany);
        }
        let spi = new.sa.spi();
        let Outbound { policy, mode, selectors, carrier, sa } = new;
        let (socket, wire, carrier_overhead) = way(carrier, sockets)?;
        let list = self.outbound.entry(policy).or_default();
        if list.iter().any(|entry| entry.spi == spi) {
            return Err(RequestError::Duplicate(spi));
        }
        let soft_limit = SoftLimit::default();
        let room = (0, 0);
        let entry = OutboundEntry {
            spi,
            mode,
            selectors,
            sa,
            counters,
            socket,
            wire,
            soft_limit,
            carrier_overhead,
            room,
        };
        list.insert(0, entry);
        Ok(())
    }

    pub fn remove(&mut self, id: SaId) -> Result<(), RequestError> {
        match id {
            SaId::Inbound { spi } => self.inbound.remove(&spi).map(|_| ()).ok_or(RequestError::Unknown(spi)),
            SaId::Outbound { policy, spi } => {
                let list = self.outbound.get_mut(&policy).ok_or(RequestError::Unknown(spi))?;
                let at = list.iter().position(|e| e.spi == spi).ok_or(RequestError::Unknown(spi))?;
                list.remove(at);
                if list.is_empty() {
                    self.outbound.remove(&policy);
                }
                Ok(())
            }
        }
    }

    pub fn move_outbound(
        &mut self,
        policy: PolicyId,
        spi: Spi,
        carrier: Carrier,
        sockets: &Sockets,
    ) -> Result<(), RequestError> {
        let entries = self.outbound.get_mut(&policy);
        let entry = entries.and_then(|list| list.iter_mut().find(|e| e.spi == spi));
        entry.ok_or(RequestError::Unknown(spi))?.set_carrier(carrier, sockets)
    }

    /// The SA of an SPI.
    pub fn inbound(&mut self, spi: Spi) -> Option<&mut InboundEntry> {
        self.inbound.get_mut(&spi).map(Box::as_mut)
    }

    /// The newest SA of a policy and mode that may carry the traffic (RFC 4301 §5.1).
    ///
    /// # Errors
    /// [`DropReason::NoSa`] where there is none, [`DropReason::NoSelector`] where none covers it.
    pub fn outbound(
        &mut self,
        policy: PolicyId,
        mode: Mode,
        traffic: &Traffic,
    ) -> Result<&mut OutboundEntry, DropReason> {
        let list = self.outbound.get_mut(&policy).ok_or(DropReason::NoSa)?;
        let covers = |entry: &OutboundEntry| entry.mode == mode && entry.selectors.cover(traffic);
        list.iter_mut().find(|entry| covers(entry)).ok_or(DropReason::NoSelector)
    }

    /// Any outbound SA of a policy: for what depends on sizes only.
    pub fn any_outbound(&mut self, policy: PolicyId) -> Option<&mut OutboundEntry> {
        self.outbound.get_mut(&policy)?.first_mut()
    }
}
