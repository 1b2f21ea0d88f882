//! IN: the wire to frame or IP packet, from top to bottom.
//!
//! ```text
//! read batch → classify → open → select → pop → decide → join → write
//! ```

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use adit_encap::Protocol;
use adit_esp::udp::{Datagram, classify};
use adit_esp::{NextHeader, Spi};
use adit_switch::{PortId, Verdict};

use super::counters::{DropReason, SaCounters};
use super::ecn;
use super::engine::{Engine, Packet, count_in, device, neighbour};
use super::headers::{SYN, ip_at, ip_offset};
use super::io::raw;
use super::io::sys::Received;
use super::io::udp::Family;
use super::path_out::{Origin, plain_limit, tunnel_traffic};
use super::punt::{Path, Punt};
use super::sa::table::InboundEntry;
use super::sa::{Mode, SaId};
use super::segment::{clamp_mss, max_mss};
use super::selectors::Traffic;
use super::tables::{At, Link, Snapshot, User};
use super::worker::sockets::{IKE, IKE_NAT, Role};

/// Where a packet came from and where it was sent to.
#[derive(Debug, Clone, Copy)]
struct Ends {
    from: SocketAddr,
    to: IpAddr,
    /// Outer TOS or traffic class.
    tos: u8,
}

impl Engine {
    /// Station "classify": one message of a socket, which may be several datagrams joined by the kernel.
    pub fn message_in(
        &mut self,
        tables: &Snapshot,
        (role, family): (Role, Family),
        meta: &Received,
        buffer: &mut [u8],
        range: Range<usize>,
    ) {
        let Some(to) = meta.to else { return self.dropped(DropReason::TooShort) };
        if meta.truncated {
            return self.dropped(DropReason::Truncated);
        }
        let ends = Ends { from: meta.from, to, tos: meta.tos };
        let size = meta.segment.unwrap_or(range.len()).max(1);
        for start in range.clone().step_by(size) {
            let range = start..(start + size).min(range.end);
            self.counters.packets.add(1);
            match role {
                Role::Ike => self.ike_in(tables, ends, IKE, &buffer[range]),
                Role::IkeNat => self.udp_encapsulated_in(tables, ends, buffer, range),
                Role::Tunnel(port) => match tables.udp_protocol(port) {
                    Some(protocol) => self.plain_in(tables, (protocol, port), ends, buffer, range),
                    None => self.dropped(DropReason::NoTunnel),
                },
                Role::Esp | Role::Gre => match ip_payload(family, buffer, range) {
                    Some(range) if role == Role::Esp => self.esp_in(tables, ends, false, buffer, range),
                    Some(range) => self.plain_in(tables, (Protocol::Gre, 0), ends, buffer, range),
                    None => self.dropped(DropReason::TooShort),
                },
                Role::TunnelSource => self.dropped(DropReason::NoTunnel),
            }
        }
    }

    fn ike_in(&mut self, tables: &Snapshot, ends: Ends, port: u16, datagram: &[u8]) {
        let path = Path { local: SocketAddr::new(ends.to, port), remote: ends.from };
        self.punt_ike(tables, path, datagram);
    }

    fn udp_encapsulated_in(&mut self, tables: &Snapshot, ends: Ends, buffer: &mut [u8], range: Range<usize>) {
        match classify(&buffer[range.clone()]) {
            // Whole: the endpoint knows the marker (RFC 3948 §2.2).
            Datagram::Ike(_) => self.ike_in(tables, ends, IKE_NAT, &buffer[range]),
            Datagram::Esp(_) => self.esp_in(tables, ends, true, buffer, range),
            Datagram::Keepalive => {}
            Datagram::TooShort => self.dropped(DropReason::TooShort),
        }
    }

    /// Stations "open" and "select".
    fn esp_in(&mut self, tables: &Snapshot, ends: Ends, udp: bool, buffer: &mut [u8], range: Range<usize>) {
        let Some(spi) = Spi::of(&buffer[range.clone()]) else {
            return self.dropped(DropReason::TooShort);
        };
        let millis = self.millis();
        let Some(sa) = self.sas.inbound(spi) else { return self.dropped(DropReason::UnknownSpi) };
        let opened = match sa.sa.open(&mut buffer[range.clone()]) {
            Ok(opened) => opened,
            Err(error) => return sa.counters.drops.count(error.into()),
        };
        let payload = range.start + opened.payload.start..range.start + opened.payload.end;
        used(&sa.counters, payload.len(), millis);
        say_news(sa, ends, udp && opened.sequence == sa.sa.sequence(), &self.punts.facts);
        let inside = match (sa.mode, tables.user(sa.policy)) {
            (Mode::Transport, Some(User::Port(at))) => {
                transport(tables, at, sa, opened.next_header, &buffer[payload.clone()])
                    .map(|frame| (User::Port(at), payload.start + frame.start..payload.start + frame.end))
            }
            (Mode::Tunnel, Some(User::Routed(i))) => {
                tunnel(sa, opened.next_header, &buffer[payload.clone()]).map(|()| (User::Routed(i), payload))
            }
            (Mode::Transport | Mode::Tunnel, None) => Err(DropReason::NoPort),
            (Mode::Transport | Mode::Tunnel, Some(_)) => Err(DropReason::SelectorMismatch),
        };
        match inside {
            Ok((User::Port(at), frame)) => self.frame_in(tables, at, ends.tos, buffer, frame),
            Ok((User::Routed(i), packet)) => {
                let inner = &mut buffer[packet.clone()];
                if let Some(Err(reason)) = ip_at(inner, 0).map(|ip| ecn::inherit(inner, &ip, ends.tos)) {
                    return tables.routed[i as usize].counters.drops.count(reason);
                }
                count_in(&tables.routed[i as usize].counters, packet.len());
                self.queue(tables, User::Routed(i), buffer, packet, false);
            }
            Err(reason) => sa.counters.drops.count(reason),
        }
    }

    /// Station "pop" of what came in the clear. A protected port takes none of it.
    fn plain_in(
        &mut self,
        tables: &Snapshot,
        (protocol, udp_port): (Protocol, u16),
        ends: Ends,
        buffer: &mut [u8],
        range: Range<usize>,
    ) {
        let inner = match adit_encap::pop(protocol, &buffer[range.clone()]) {
            Ok(inner) => inner,
            Err(error) => return self.dropped(error.into()),
        };
        let Some(at) = tables.demux(protocol, udp_port, ends.from.ip(), ends.to, inner.key) else {
            return self.dropped(DropReason::NoTunnel);
        };
        let port = tables.port(at);
        if let Link::Protected(..) = port.link {
            return port.counters.drops.count(DropReason::PlaintextOnProtected);
        }
        let frame = range.start + inner.start..range.start + inner.end;
        self.frame_in(tables, at, ends.tos, buffer, frame);
    }

    /// Station "decide": a frame came in through a tunnel port.
    fn frame_in(&mut self, tables: &Snapshot, at: At, tos: u8, buffer: &mut [u8], frame: Range<usize>) {
        let (bridge, port) = (&tables.bridges[at.bridge as usize], tables.port(at));
        count_in(&port.counters, frame.len());
        if let Err(reason) = self.adjust(&port.link, tos, &mut buffer[frame.clone()]) {
            return port.counters.drops.count(reason);
        }
        match bridge.forwarding.forward(port.id, &buffer[frame.clone()]) {
            Verdict::Unicast(id) => self.deliver(tables, at, id, buffer, frame, false),
            Verdict::Flood(set) => {
                let is_device = |id: PortId| {
                    neighbour(tables, at, id).is_some_and(|to| device(&tables.port(to).link).is_some())
                };
                let several = set.iter().filter(|id| is_device(*id)).count() > 1;
                for id in set.iter() {
                    self.deliver(tables, at, id, buffer, frame.clone(), several);
                }
            }
            Verdict::Control => self.punt_control(bridge.key, port.id, &buffer[frame]),
            Verdict::Drop(reason) => port.counters.drops.count(reason.into()),
        }
    }

    /// To a device: station "join". To another tunnel: OUT, from "cut" on.
    fn deliver(
        &mut self,
        tables: &Snapshot,
        from: At,
        id: PortId,
        buffer: &mut [u8],
        frame: Range<usize>,
        alone: bool,
    ) {
        let Some(to) = neighbour(tables, from, id) else { return };
        if device(&tables.port(to).link).is_some() {
            self.queue(tables, User::Port(to), buffer, frame, alone);
        } else {
            self.emit(tables, Origin::Port(from), to, Packet::plain(&buffer[frame]));
        }
    }

    /// What a tunnel's exit changes in a frame: congestion marks come in with it (RFC 6040), and a SYN must
    /// not announce segments that would not fit our way back.
    fn adjust(&mut self, link: &Link, tos: u8, frame: &mut [u8]) -> Result<(), DropReason> {
        let Some(ip) = ip_offset(frame).and_then(|l3| ip_at(frame, l3)) else { return Ok(()) };
        ecn::inherit(frame, &ip, tos)?;
        if ip.tcp_header(frame).is_none() || frame[ip.l4 + 13] & SYN == 0 {
            return Ok(());
        }
        let limit = match link {
            Link::Tunnel(tunnel) => plain_limit(tunnel),
            Link::Protected(tunnel, policy) => match self.sas.any_outbound(*policy) {
                Some(sa) => sa.room(tunnel.underlay_mtu).saturating_sub(tunnel.encap.overhead()),
                None => return Ok(()),
            },
            Link::Local(_) | Link::Packet(_) => return Ok(()),
        };
        clamp_mss(frame, &ip, max_mss(&ip, limit));
        Ok(())
    }
}

fn ip_payload(family: Family, buffer: &[u8], range: Range<usize>) -> Option<Range<usize>> {
    if family == Family::V6 {
        return Some(range);
    }
    let payload = raw::ipv4_payload(&buffer[range.clone()])?;
    Some(range.start + payload.start..range.start + payload.end)
}

fn used(counters: &SaCounters, bytes: usize, millis: u64) {
    counters.packets.add(1);
    counters.bytes.add(bytes as u64);
    counters.last_used.set(millis);
}

/// Facts about an SA for control; what a full queue does not take is said with a later packet. `newest`:
/// the packet came by UDP and has the highest sequence number, so that where it came from is news and not
/// an old packet's late arrival.
fn say_news(sa: &mut InboundEntry, ends: Ends, newest: bool, facts: &tokio::sync::mpsc::Sender<Punt>) {
    if !sa.heard {
        sa.heard = facts.try_send(Punt::HeardOn { spi: sa.spi }).is_ok();
    }
    let reached = sa.sa.take_soft_limit();
    sa.soft_limit.say(reached, SaId::Inbound { spi: sa.spi }, facts);
    if newest && sa.peer.is_some_and(|peer| peer != ends.from) {
        let path = Path { local: SocketAddr::new(ends.to, IKE_NAT), remote: ends.from };
        if facts.try_send(Punt::PeerMoved { spi: sa.spi, path }).is_ok() {
            sa.peer = Some(ends.from);
        }
    }
}

/// Stations "select" and "pop" in transport mode: the frame inside, if the SA may carry it and it is for
/// the port the SA belongs to.
fn transport(
    tables: &Snapshot,
    at: At,
    sa: &InboundEntry,
    next_header: NextHeader,
    payload: &[u8],
) -> Result<Range<usize>, DropReason> {
    let Link::Protected(port, _) = &tables.port(at).link else { return Err(DropReason::NoPort) };
    let (protocol, udp) = match next_header {
        NextHeader::GRE => (Protocol::Gre, None),
        // Which of those in UDP it is, the port says below.
        NextHeader::UDP => (port.encap.protocol(), Some(adit_encap::udp::pop(payload, None)?)),
        _ => return Err(DropReason::SelectorMismatch),
    };
    let traffic = Traffic {
        protocol: next_header.0,
        local: None,
        remote: None,
        local_port: udp.map(|u| u.destination_port),
        remote_port: udp.map(|u| u.source_port),
    };
    if protocol != port.encap.protocol()
        || protocol.is_udp() != udp.is_some()
        || !sa.selectors.cover(&traffic)
    {
        return Err(DropReason::SelectorMismatch);
    }
    let (start, end) = udp.map_or((0, payload.len()), |u| (u.start, u.end));
    let inner = adit_encap::pop(protocol, &payload[start..end])?;
    let right_port = udp.is_none_or(|u| u.destination_port == port.udp_port);
    if !right_port || inner.key.unwrap_or(0) != port.in_key {
        return Err(DropReason::SelectorMismatch);
    }
    Ok(start + inner.start..start + inner.end)
}

/// Station "select" in tunnel mode: an IP packet the SA may carry (RFC 4301 §5.2 step 4).
fn tunnel(sa: &InboundEntry, next_header: NextHeader, packet: &[u8]) -> Result<(), DropReason> {
    if !matches!(next_header, NextHeader::IPV4 | NextHeader::IPV6) {
        return Err(DropReason::SelectorMismatch);
    }
    let ip = ip_at(packet, 0)
        .filter(|ip| ip.v6 == (next_header == NextHeader::IPV6))
        .ok_or(DropReason::MalformedFrame)?;
    match sa.selectors.cover(&tunnel_traffic(&ip, packet, false)) {
        true => Ok(()),
        false => Err(DropReason::SelectorMismatch),
    }
}
