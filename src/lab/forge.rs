//! Packets made to deceive, put on a host's cable as if another host had
//! sent them.

use std::net::Ipv4Addr;
use std::time::Duration;

use adit_encap::checksum::Sum;

use super::error::{LabError, io};
use super::stage::Lab;
use super::underlay::address;
use crate::net::packet::{Filter, PacketSocket};

/// Whose name a packet bears, and who gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Ethernet addresses: source, destination.
    macs: ([u8; 6], [u8; 6]),
    /// IP addresses: source, destination.
    ips: (Ipv4Addr, Ipv4Addr),
}

impl Ends {
    /// From host `from` to host `to` (0 to 2).
    pub fn of(lab: &Lab, from: usize, to: usize) -> Result<Self, LabError> {
        let mac = |host: usize| Ok::<_, LabError>(lab.hosts[host].device("eth0")?.0.mac.unwrap_or_default());
        Ok(Self { macs: (mac(from)?, mac(to)?), ips: (address(from), address(to)) })
    }

    /// An Ethernet frame with an IPv4 packet.
    fn ip(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut header = vec![0x45, 0];
        header.extend(((20 + payload.len()) as u16).to_be_bytes());
        header.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
        header.extend(self.ips.0.octets());
        header.extend(self.ips.1.octets());
        let sum = Sum::of(&header).checksum();
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        let ethernet = [self.macs.1.as_slice(), &self.macs.0, &[0x08, 0x00]].concat();
        [ethernet, header, payload.to_vec()].concat()
    }
}

/// A UDP packet to `port`, without checksum (RFC 768).
pub fn udp(ends: &Ends, port: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::new();
    for field in [port, port, 8 + payload.len() as u16, 0] {
        datagram.extend(field.to_be_bytes());
    }
    datagram.extend(payload);
    ends.ip(17, &datagram)
}

/// A frame in plain GRE (RFC 2784, transparent Ethernet bridging).
pub fn gre(ends: &Ends, frame: &[u8]) -> Vec<u8> {
    ends.ip(47, &[&[0, 0, 0x65, 0x58], frame].concat())
}

/// A frame in plain VXLAN (RFC 7348), VNI 0.
pub fn vxlan(ends: &Ends, frame: &[u8]) -> Vec<u8> {
    udp(ends, 4789, &[&[8, 0, 0, 0, 0, 0, 0, 0], frame].concat())
}

/// Where the ESP header begins in a captured frame: behind IPv4, and UDP
/// where it is encapsulated. `None` for what is not ESP.
pub fn esp_offset(frame: &[u8]) -> Option<usize> {
    let ip = frame.get(14..)?;
    let header = 14 + usize::from(ip.first()? & 15) * 4;
    match ip.get(9)? {
        50 => Some(header),
        17 => Some(header + 8),
        _ => None,
    }
}

/// Puts a frame on the cable of host `to`: it arrives at its `eth0`.
pub fn deliver(lab: &Lab, to: usize, frame: &[u8]) -> Result<(), LabError> {
    let cable = lab.underlay.cables[to];
    let sent = lab
        .underlay
        .namespace
        .run(|| PacketSocket::open(cable, Filter::Nothing, Duration::from_millis(50))?.send(frame))?;
    sent.map_err(io("put a frame on the cable"))
}

#[cfg(test)]
mod tests;
