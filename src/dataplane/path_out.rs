//! OUT: frame or IP packet to the wire, from top to bottom.
//!
//! ```text
//! read batch → decide | select → cut → push → seal → commit → flush
//! ```

use std::net::SocketAddr;
use std::os::fd::AsFd;

use adit_encap::{Tunnel, entropy};
use adit_esp::NextHeader;
use adit_switch::Verdict;

use super::counters::{DropReason, PortCounters};
use super::engine::{Engine, Packet, count_in, count_out, neighbour};
use super::headers::{Ip, UDP, ip_at, ip_offset};
use super::io::raw;
use super::io::sys::Wire;
use super::io::udp::Family;
use super::punt::Path;
use super::sa::table::OutboundEntry;
use super::sa::{Mode, SaId};
use super::segment::{self, CutError, Cuts};
use super::selectors::Traffic;
use super::tables::{At, Link, PolicyId, Port, Routed, Snapshot, Tos, Ttl, TunnelPort};
use super::worker::sockets::{IKE_NAT, Role};
use super::{ecn, punt::Punt, too_big};

/// Outer TTL where nothing else is said.
const DEFAULT_TTL: u8 = 64;
/// The longest datagram UDP carries over IPv4.
const MAX_DATAGRAM: usize = 65_507;

/// Where a packet that is too big came from: who is told.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin {
    /// A port of a bridge.
    Port(At),
    /// The control plane or ourselves: nobody is told.
    Nobody,
}

/// Why a packet did not leave.
enum Refused {
    TooBig(Option<(Ip, u16)>),
    Because(DropReason),
}

impl From<DropReason> for Refused {
    fn from(reason: DropReason) -> Self {
        Refused::Because(reason)
    }
}

impl From<CutError> for Refused {
    fn from(error: CutError) -> Self {
        match error {
            CutError::TooBig(told) => Refused::TooBig(told),
            CutError::Malformed => Refused::Because(DropReason::MalformedFrame),
        }
    }
}

impl Engine {
    /// Station "decide", bridge: a frame read from the device of a port.
    pub fn frame_out(&mut self, tables: &Snapshot, at: At, packet: Packet<'_>) {
        let bridge = &tables.bridges[at.bridge as usize];
        let port = tables.port(at);
        count_in(&port.counters, packet.bytes.len());
        match bridge.forwarding.forward(port.id, packet.bytes) {
            Verdict::Unicast(id) => {
                if let Some(to) = neighbour(tables, at, id) {
                    self.emit(tables, Origin::Port(at), to, packet);
                }
            }
            Verdict::Flood(set) => {
                for to in set.iter().filter_map(|id| neighbour(tables, at, id)) {
                    self.emit(tables, Origin::Port(at), to, packet);
                }
            }
            Verdict::Control => self.punt_control(bridge.key, port.id, packet.bytes),
            Verdict::Drop(reason) => port.counters.drops.count(reason.into()),
        }
    }

    /// A frame leaves through a port, whatever kind it is.
    pub fn emit(&mut self, tables: &Snapshot, origin: Origin, to: At, packet: Packet<'_>) {
        let port = tables.port(to);
        let sent = match &port.link {
            Link::Local(_) | Link::Packet(_) => self.write_device(port, packet).map_err(Refused::from),
            Link::Tunnel(tunnel) => self.plain(tunnel, port, packet),
            Link::Protected(tunnel, policy) => self.sealed(tunnel, *policy, port, packet),
        };
        match sent {
            Ok(()) => {}
            Err(Refused::Because(reason)) => port.counters.drops.count(reason),
            Err(Refused::TooBig(told)) => {
                port.counters.drops.count(DropReason::TooBig);
                if let (Some((ip, mtu)), Origin::Port(from)) = (told, origin) {
                    self.tell_too_big(tables, from, packet.bytes, &ip, mtu);
                }
            }
        }
    }

    /// Stations "cut" to "commit" of a tunnel in the clear.
    fn plain(&mut self, tunnel: &TunnelPort, port: &Port, packet: Packet<'_>) -> Result<(), Refused> {
        let head = tunnel.encap.overhead();
        let cuts = segment::plan(packet.bytes, &packet.vnet, plain_limit(tunnel), true)?;
        let flow = flow_of(tunnel, packet.bytes);
        let (socket, remote_port) = {
            let (sockets, family) = (self.batch.sockets(), Family::of(tunnel.remote));
            match tunnel.encap.protocol().is_udp() {
                true => (sockets.tunnel_source(family, flow), tunnel.udp_port),
                false => (sockets.find(Role::Gre, family), 0),
            }
        };
        let socket = socket.ok_or(DropReason::SendFailed)?;
        let (tos, ttl) = outer_fields(tunnel, packet.bytes);
        let remote = SocketAddr::new(tunnel.remote, remote_port);
        let wire = Wire { remote, local: tunnel.local, tos, ttl, mark: tunnel.mark };
        let mut encap = numbered(tunnel, &port.counters);
        for i in 0..cuts.count() {
            let length = head + cuts.len(i);
            let (header, payload) = self.batch.reserve(length).split_at_mut(head);
            cuts.write(i, packet.bytes, payload);
            encap.push(header, payload, flow);
            self.batch.commit(socket, &wire, length);
        }
        remember_number(&encap, &port.counters);
        count_out(&port.counters, cuts.count() as u64, packet.bytes.len());
        Ok(())
    }

    /// Stations "cut" to "commit" of a protected port. There is no other way out of one.
    fn sealed(
        &mut self,
        tunnel: &TunnelPort,
        policy: PolicyId,
        port: &Port,
        packet: Packet<'_>,
    ) -> Result<(), Refused> {
        let head = tunnel.encap.overhead();
        let flow = flow_of(tunnel, packet.bytes);
        let traffic = transport_traffic(tunnel, flow);
        let millis = self.millis();
        let sa = self.sas.outbound(policy, Mode::Transport, &traffic)?;
        let limit = sa.room(tunnel.underlay_mtu).saturating_sub(head);
        let cuts = segment::plan(packet.bytes, &packet.vnet, limit, true)?;
        let (tos, ttl) = outer_fields(tunnel, packet.bytes);
        (sa.wire.tos, sa.wire.ttl, sa.wire.mark) = (tos, ttl, tunnel.mark);
        let mut encap = numbered(tunnel, &port.counters);
        let sealed =
            seal_pieces(sa, &mut self.batch, &cuts, head, NextHeader(traffic.protocol), |i, place| {
                let (header, payload) = place.split_at_mut(head);
                cuts.write(i, packet.bytes, payload);
                encap.push(header, payload, flow);
            });
        remember_number(&encap, &port.counters);
        sa.counters.last_used.set(millis);
        say_soft_limit(sa, policy, &self.punts.facts);
        sealed?;
        count_out(&port.counters, cuts.count() as u64, packet.bytes.len());
        Ok(())
    }

    /// Station "select", routed interface: an IP packet read from its TUN device.
    pub fn packet_out(&mut self, routed: &Routed, packet: Packet<'_>) {
        match self.routed(routed, packet) {
            Ok(()) => {}
            Err(Refused::Because(reason)) => routed.counters.drops.count(reason),
            Err(Refused::TooBig(told)) => {
                routed.counters.drops.count(DropReason::TooBig);
                let Some((ip, mtu)) = told.filter(|_| self.may_answer()) else { return };
                let mut answer = self.answer;
                if let Some(length) = too_big::answer(packet.bytes, &ip, mtu, &mut answer) {
                    let _ = self.write_fd(routed.tun.as_fd(), Packet::plain(&answer[..length]));
                }
            }
        }
    }

    fn routed(&mut self, routed: &Routed, packet: Packet<'_>) -> Result<(), Refused> {
        let ip = ip_at(packet.bytes, 0).ok_or(DropReason::MalformedFrame)?;
        let traffic = tunnel_traffic(&ip, packet.bytes, true);
        let millis = self.millis();
        let sa = self.sas.outbound(routed.policy, Mode::Tunnel, &traffic)?;
        let cuts = segment::plan(packet.bytes, &packet.vnet, sa.room(routed.underlay_mtu), false)?;
        // RFC 4301 §5.1.2.1: the DSCP is copied outside.
        let tos = ip.tos(packet.bytes);
        (sa.wire.tos, sa.wire.ttl) = (tos & 0xfc | ecn::outer(tos), DEFAULT_TTL);
        let next_header = if ip.v6 { NextHeader::IPV6 } else { NextHeader::IPV4 };
        let sealed = seal_pieces(sa, &mut self.batch, &cuts, 0, next_header, |i, place| {
            cuts.write(i, packet.bytes, place);
        });
        sa.counters.last_used.set(millis);
        say_soft_limit(sa, routed.policy, &self.punts.facts);
        sealed?;
        count_out(&routed.counters, cuts.count() as u64, packet.bytes.len());
        Ok(())
    }

    /// Tells the sender of a frame, out of the port it came in on.
    fn tell_too_big(&mut self, tables: &Snapshot, to: At, frame: &[u8], ip: &Ip, mtu: u16) {
        if !self.may_answer() {
            return;
        }
        let mut answer = self.answer;
        if let Some(length) = too_big::answer(frame, ip, mtu, &mut answer) {
            self.emit(tables, Origin::Nobody, to, Packet::plain(&answer[..length]));
        }
    }

    /// A datagram of the control plane: IKE, or a NAT keepalive.
    pub fn ike_out(&mut self, path: Path, datagram: &[u8]) {
        let role = if path.local.port() == IKE_NAT { Role::IkeNat } else { Role::Ike };
        let Some(socket) = self.batch.sockets().find(role, Family::of(path.remote.ip())) else {
            return self.dropped(DropReason::SendFailed);
        };
        if datagram.len() > MAX_DATAGRAM {
            return self.dropped(DropReason::TooBig);
        }
        self.batch.reserve(datagram.len()).copy_from_slice(datagram);
        let local = Some(path.local.ip()).filter(|ip| !ip.is_unspecified());
        let wire = Wire { remote: path.remote, local, tos: 0, ttl: DEFAULT_TTL, mark: 0 };
        self.batch.commit(socket, &wire, datagram.len());
    }
}

/// Stations "push", "seal", "commit" for every piece: `fill` writes payload `i` at its final place.
fn seal_pieces(
    sa: &mut OutboundEntry,
    batch: &mut super::batch::SendBatch,
    cuts: &Cuts,
    head: usize,
    next_header: NextHeader,
    mut fill: impl FnMut(usize, &mut [u8]),
) -> Result<(), DropReason> {
    let (mut packets, mut bytes) = (0, 0);
    let mut sealed = Ok(());
    for i in 0..cuts.count() {
        let payload = head + cuts.len(i);
        let layout = sa.sa.layout(payload);
        let place = batch.reserve(layout.total());
        fill(i, &mut place[layout.payload()]);
        if let Err(error) = sa.sa.seal(layout, next_header, place) {
            sealed = Err(error.into());
            break;
        }
        batch.commit(sa.socket, &sa.wire, layout.total());
        packets += 1;
        bytes += payload as u64;
    }
    sa.counters.packets.add(packets);
    sa.counters.bytes.add(bytes);
    if let Err(reason) = sealed {
        sa.counters.drops.add(reason, cuts.count() as u64 - packets);
    }
    sealed
}

fn say_soft_limit(sa: &mut OutboundEntry, policy: PolicyId, facts: &tokio::sync::mpsc::Sender<Punt>) {
    let reached = sa.sa.take_soft_limit();
    sa.soft_limit.say(reached, SaId::Outbound { policy, spi: sa.spi }, facts);
}

/// The longest frame a tunnel in the clear carries.
pub(crate) fn plain_limit(tunnel: &TunnelPort) -> usize {
    let ip = if tunnel.remote.is_ipv4() { 20 } else { 40 };
    let udp = if tunnel.encap.protocol().is_udp() { 8 } else { 0 };
    usize::from(tunnel.underlay_mtu).saturating_sub(ip + udp + tunnel.encap.overhead())
}

/// Only those in UDP use it.
fn flow_of(tunnel: &TunnelPort, frame: &[u8]) -> u32 {
    if tunnel.encap.protocol().is_udp() { entropy::flow_hash(frame) } else { 0 }
}

/// What selectors see of a tunnel packet in transport mode.
fn transport_traffic(tunnel: &TunnelPort, flow: u32) -> Traffic {
    let (protocol, local_port, remote_port) = match tunnel.encap.protocol().is_udp() {
        true => (UDP, Some(entropy::source_port(flow)), Some(tunnel.udp_port)),
        false => (raw::GRE, None, None),
    };
    Traffic { protocol, local: None, remote: None, local_port, remote_port }
}

/// What selectors see of an IP packet in tunnel mode; `out`: its source is on our side.
pub(crate) fn tunnel_traffic(ip: &Ip, packet: &[u8], out: bool) -> Traffic {
    let (source, destination) = ip.addresses(packet);
    let ports = ip.ports(packet);
    let (source_port, destination_port) = (ports.map(|p| p.0), ports.map(|p| p.1));
    let ((local, remote), (local_port, remote_port)) = if out {
        ((source, destination), (source_port, destination_port))
    } else {
        ((destination, source), (destination_port, source_port))
    };
    Traffic { protocol: ip.protocol, local: Some(local), remote: Some(remote), local_port, remote_port }
}

/// Outer TOS and TTL: as configured, or those of the inner packet; ECN is always inherited, CE as ECT(0).
fn outer_fields(tunnel: &TunnelPort, frame: &[u8]) -> (u8, u8) {
    let ip = ip_offset(frame).and_then(|l3| ip_at(frame, l3));
    let inner = ip.map_or(0, |ip| ip.tos(frame));
    let ecn = ecn::outer(inner);
    let tos = match tunnel.tos {
        Tos::Fixed(value) => value & 0xfc | ecn,
        Tos::Inherit => inner & 0xfc | ecn,
    };
    let ttl = match tunnel.ttl {
        Ttl::Fixed(value) => value,
        Ttl::Inherit => ip.map_or(DEFAULT_TTL, |ip| ip.ttl(frame)),
    };
    (tos, ttl.max(1))
}

/// The header with its next GRE sequence number, where it has one; the number lives with the port's counters.
fn numbered(tunnel: &TunnelPort, counters: &PortCounters) -> Tunnel {
    let mut encap = tunnel.encap.clone();
    if let Tunnel::Gre(gre) = &mut encap
        && gre.sequence.is_some()
    {
        gre.sequence = Some(counters.gre_sequence.get() as u32);
    }
    encap
}

fn remember_number(encap: &Tunnel, counters: &PortCounters) {
    if let Tunnel::Gre(gre) = encap
        && let Some(next) = gre.sequence
    {
        counters.gre_sequence.set(u64::from(next));
    }
}
