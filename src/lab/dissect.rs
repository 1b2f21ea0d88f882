//! One line a packet, as tcpdump writes it; nothing more than the lab shows.

mod inner;

use std::fmt::Write;
use std::net::Ipv4Addr;

/// What a packet of the underlay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// IP protocol 47.
    Gre,
    /// UDP to port 4789.
    Vxlan,
    /// IP protocol 50, or in UDP to or from port 4500.
    Esp,
    /// UDP 500, or 4500 with the non-ESP marker; also its keepalives.
    Ike,
    /// Anything else over IPv4.
    OtherIp,
    /// Not IPv4.
    NotIp,
}

/// A packet of the underlay, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// What it is.
    pub class: Class,
    /// Outer addresses, if it is IPv4.
    pub ends: Option<(Ipv4Addr, Ipv4Addr)>,
    /// Outer EtherType, addresses, the tunnel, and what is in it.
    pub line: String,
}

/// Big-endian 16 bits at `at`, 0 where the packet is too short.
fn half(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |b| u16::from_be_bytes([b[0], b[1]]))
}

/// Big-endian 32 bits at `at`, 0 where the packet is too short.
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from(half(bytes, at)) << 16 | u32::from(half(bytes, at + 2))
}

fn address(bytes: &[u8], at: usize) -> Ipv4Addr {
    Ipv4Addr::from(word(bytes, at))
}

/// Takes an Ethernet frame of the underlay apart.
pub fn dissect(frame: &[u8]) -> Packet {
    let Some(ip) = frame.get(14..).filter(|ip| half(frame, 12) == 0x0800 && ip.len() >= 20) else {
        let line = inner::frame(frame);
        return Packet { class: Class::NotIp, ends: None, line };
    };
    let header = usize::from(ip[0] & 15) * 4;
    // Frames may be padded behind the packet.
    let total = usize::from(half(ip, 2)).clamp(header.min(ip.len()), ip.len());
    let body = &ip[header.min(total)..total];
    let (source, destination) = (address(ip, 12), address(ip, 16));
    let (class, line) = match ip[9] {
        47 => (Class::Gre, format!("IP {source} > {destination}: {}", gre(body))),
        50 => (Class::Esp, format!("IP {source} > {destination}: {}", esp(body))),
        17 => udp(source, destination, body),
        _ => (Class::OtherIp, inner::ip(ip)),
    };
    Packet { class, ends: Some((source, destination)), line }
}

fn gre(body: &[u8]) -> String {
    let flags = half(body, 0);
    let mut line = "GREv0".to_owned();
    let mut at = 4;
    for (bit, name) in [(0x8000, ""), (0x2000, "key"), (0x1000, "seq")] {
        if flags & bit != 0 {
            if !name.is_empty() {
                let _ = write!(line, ", {name} {:#x}", word(body, at));
            }
            at += 4;
        }
    }
    let inside = match (half(body, 2), body.get(at..)) {
        (0x6558, Some(frame)) => inner::frame(frame),
        (protocol, _) => format!("proto {protocol:#06x}"),
    };
    format!("{line}, length {}: {inside}", body.len())
}

fn esp(body: &[u8]) -> String {
    format!("ESP(spi={:#010x},seq={:#x}), length {}", word(body, 0), word(body, 4), body.len())
}

fn udp(source: Ipv4Addr, destination: Ipv4Addr, datagram: &[u8]) -> (Class, String) {
    let (from, to) = (half(datagram, 0), half(datagram, 2));
    let ends = format!("IP {source}.{from} > {destination}.{to}");
    let payload = datagram.get(8..).unwrap_or(&[]);
    if to == 4789 {
        let vni = word(payload, 4) >> 8;
        let inside = inner::frame(payload.get(8..).unwrap_or(&[]));
        return (Class::Vxlan, format!("{ends}: VXLAN, vni {vni}: {inside}"));
    }
    if from == 4500 || to == 4500 {
        return match payload {
            [0xff] => (Class::Ike, format!("{ends}: NAT keepalive")),
            [0, 0, 0, 0, message @ ..] => (Class::Ike, format!("{ends}: {}", ike(message))),
            _ => (Class::Esp, format!("{ends}: UDP-encap: {}", esp(payload))),
        };
    }
    if from == 500 || to == 500 {
        return (Class::Ike, format!("{ends}: {}", ike(payload)));
    }
    (Class::OtherIp, format!("{ends}: UDP, length {}", payload.len()))
}

/// An IKEv2 header (RFC 7296 §3.1).
fn ike(message: &[u8]) -> String {
    let name = match message.get(18) {
        Some(34) => "IKE_SA_INIT",
        Some(35) => "IKE_AUTH",
        Some(36) => "CREATE_CHILD_SA",
        Some(37) => "INFORMATIONAL",
        _ => "unknown exchange",
    };
    let flags = message.get(19).copied().unwrap_or(0);
    let role = if flags & 0x08 != 0 { "I" } else { "R" };
    let kind = if flags & 0x20 != 0 { "response" } else { "request" };
    format!("IKEv2 {name} {kind}[{role}], msgid {}, length {}", word(message, 20), message.len())
}

#[cfg(test)]
mod tests;
