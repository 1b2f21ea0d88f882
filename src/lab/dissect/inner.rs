//! What is inside a tunnel: Ethernet, and the little above it that the lab shows.

use std::net::Ipv6Addr;

use super::{address, half, word};
use crate::lab::tag::{self, Tag};

/// EtherType of the bridges' own loop probes.
const PROBE: u16 = 0x88b5;

/// An Ethernet frame.
pub(super) fn frame(frame: &[u8]) -> String {
    let Some(body) = frame.get(14..) else { return format!("[cut short, {} bytes]", frame.len()) };
    match half(frame, 12) {
        length @ 0..1536 => llc(body, usize::from(length)),
        0x0800 => ip(body),
        0x0806 => arp(body),
        0x86dd => ipv6(body),
        PROBE => format!("adit loop probe, length {}", frame.len()),
        tag::ETHERTYPE => match Tag::of(frame) {
            Some(tag) => format!("tagged broadcast {} of host {}", tag.sequence, u32::from(tag.origin) + 1),
            None => format!("ethertype {:#06x}", tag::ETHERTYPE),
        },
        other => format!("ethertype {other:#06x}, length {}", frame.len()),
    }
}

/// 802.2 with a BPDU (IEEE 802.1D-1998 §9.3).
fn llc(body: &[u8], length: usize) -> String {
    let Some(bpdu) = body.strip_prefix(&[0x42, 0x42, 0x03]) else { return format!("LLC, length {length}") };
    match bpdu.get(3) {
        Some(0x80) => "STP 802.1d, Topology Change".to_owned(),
        Some(kind @ (0 | 2)) => {
            let flags = bpdu.get(4).copied().unwrap_or(0);
            let name = if *kind == 0 { "STP 802.1d, Config" } else { "STP 802.1w, Rapid STP" };
            let change = if flags & 1 != 0 { ", topology change" } else { "" };
            let (root, bridge) = (identifier(bpdu, 5), identifier(bpdu, 17));
            let (cost, port) = (word(bpdu, 13), half(bpdu, 25));
            format!("{name}{change}, root {root}, cost {cost}, bridge {bridge}, port {port:04x}")
        }
        _ => format!("STP, length {length}"),
    }
}

/// A bridge identifier as it is usually written: priority, dot, address.
fn identifier(bytes: &[u8], at: usize) -> String {
    format!("{:04x}.{:04x}{:08x}", half(bytes, at), half(bytes, at + 2), word(bytes, at + 4))
}

fn arp(body: &[u8]) -> String {
    let (sender, target) = (address(body, 14), address(body, 24));
    match half(body, 6) {
        1 => format!("ARP, who-has {target} tell {sender}"),
        2 => format!("ARP, {sender} is here"),
        other => format!("ARP, operation {other}"),
    }
}

/// An IPv4 packet.
pub(super) fn ip(packet: &[u8]) -> String {
    let Some(&first) = packet.first() else { return "IP, empty".to_owned() };
    let ends = format!("IP {} > {}", address(packet, 12), address(packet, 16));
    let header = usize::from(first & 15) * 4;
    let total = usize::from(half(packet, 2)).min(packet.len());
    let body = packet.get(header..total.max(header)).unwrap_or(&[]);
    let protocol = packet.get(9).copied().unwrap_or(0);
    format!("{ends}: {}", upper(protocol, body))
}

fn ipv6(packet: &[u8]) -> String {
    let octets = |at: usize| packet.get(at..at + 16).and_then(|b| <[u8; 16]>::try_from(b).ok());
    let (Some(source), Some(destination)) = (octets(8), octets(24)) else {
        return "IP6, cut short".to_owned();
    };
    let ends = format!("IP6 {} > {}", Ipv6Addr::from(source), Ipv6Addr::from(destination));
    let body = packet.get(40..).unwrap_or(&[]);
    format!("{ends}: {}", upper(packet.get(6).copied().unwrap_or(0), body))
}

fn upper(protocol: u8, body: &[u8]) -> String {
    let (id, sequence, length) = (half(body, 4), half(body, 6), body.len());
    match (protocol, body.first()) {
        (1, Some(8)) | (58, Some(128)) => {
            format!("ICMP echo request, id {id}, seq {sequence}, length {length}")
        }
        (1, Some(0)) | (58, Some(129)) => {
            format!("ICMP echo reply, id {id}, seq {sequence}, length {length}")
        }
        (1, Some(kind)) => format!("ICMP type {kind}, length {length}"),
        (58, Some(kind)) => format!("ICMP6 type {kind}, length {length}"),
        (6, _) => format!("TCP {} > {}, length {length}", half(body, 0), half(body, 2)),
        (17, _) => format!("UDP {} > {}, length {length}", half(body, 0), half(body, 2)),
        (other, _) => format!("protocol {other}, length {length}"),
    }
}
