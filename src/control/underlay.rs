//! The way to the other host: which address of ours, which MTU, and what fits inside.

use std::net::IpAddr;

use crate::config::desired::{Cipher, Encap, EspSuite, Hash, IpsecInterface, Protection, Tunnel};
use crate::net::netlink::{Address, Netlink};

/// Ethernet header of an inner frame.
const ETHERNET: u32 = 14;
/// SPI and sequence number (RFC 4303 §2).
const ESP_HEADER: u32 = 8;
/// Pad length and next header.
const ESP_TRAILER: u32 = 2;
const UDP_HEADER: u32 = 8;
/// Least MTU of a link for IPv6 (RFC 8200 §5): Linux takes IPv6 off a device with less.
const LEAST_MTU_V6: u32 = 1280;
/// What every IPv4 host takes (RFC 791 §3.1).
const LEAST_MTU_V4: u32 = 576;
/// The largest a TAP takes.
const GREATEST_MTU: u32 = 65521;

/// Where a tunnel goes now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Underlay {
    /// Our address.
    pub local: IpAddr,
    /// Largest IP packet towards the peer.
    pub mtu: u32,
    /// Index of the device it begins with.
    pub device: u32,
}

/// Finds the way from `local`, or from where the route says, to `remote`.
///
/// # Errors
/// A line for the port's `error`; it may be well again at the next change of the network.
pub async fn find(
    netlink: &Netlink,
    addresses: &[Address],
    local: Option<IpAddr>,
    remote: IpAddr,
) -> Result<Underlay, String> {
    let here = |address: IpAddr| addresses.iter().any(|known| known.net.addr() == address);
    if let Some(local) = local.filter(|local| !here(*local)) {
        return Err(format!(
            "local_ip {local} is not an address of this host; add it, or leave local_ip out"
        ));
    }
    if here(remote) {
        return Err(format!("remote_ip {remote} is an address of this host; give that of the other"));
    }
    match netlink.path_to(remote, local).await {
        Ok(path) => Ok(Underlay { local: path.source, mtu: path.mtu, device: path.index }),
        Err(error) => Err(format!("{error}; add a route, or correct remote_ip")),
    }
}

/// Largest IP packet that fits in a frame through this tunnel, over `underlay` bytes outside;
/// not less than a bridge must carry, where anybody may speak IPv6. What then does not fit is
/// cut or answered on the way.
///
/// For a protected tunnel it is reckoned with the largest of the ESP proposals and with UDP,
/// because a NAT may turn up at any time.
pub fn inner_mtu(underlay: u32, tunnel: &Tunnel) -> u16 {
    let room = underlay.saturating_sub(ip_header(tunnel.remote));
    let room = match &tunnel.protection {
        None => room,
        Some(protection) => sealed_room(room, protection, &[AEAD]),
    };
    clamp(room.saturating_sub(encap_header(&tunnel.encap) + ETHERNET), LEAST_MTU_V6)
}

/// Largest IP packet through a route-based interface, likewise.
pub fn routed_mtu(underlay: u32, interface: &IpsecInterface) -> u16 {
    let room = underlay.saturating_sub(ip_header(interface.remote));
    let room = sealed_room(room, &interface.protection, &[AEAD, Shape { iv: 16, block: 16, icv: 32 }]);
    // Without addresses and routes of ours it is the user who decides what goes through.
    let mut inside = interface.inside.iter().chain(&interface.routes).peekable();
    let v6 = inside.peek().is_none() || inside.any(|net| net.addr().is_ipv6());
    clamp(room, if v6 { LEAST_MTU_V6 } else { LEAST_MTU_V4 })
}

fn clamp(mtu: u32, least: u32) -> u16 {
    u16::try_from(mtu.clamp(least, GREATEST_MTU)).unwrap_or(u16::MAX)
}

fn ip_header(remote: IpAddr) -> u32 {
    if remote.is_ipv4() { 20 } else { 40 }
}

fn encap_header(encap: &Encap) -> u32 {
    match encap {
        Encap::Gre { out_key, csum, seq, .. } => {
            4 + 4 * (u32::from(out_key.is_some()) + u32::from(*csum) + u32::from(*seq))
        }
        Encap::Udp { .. } => UDP_HEADER + 8,
    }
}

/// What a transform adds to a packet.
#[derive(Clone, Copy)]
struct Shape {
    iv: u32,
    block: u32,
    icv: u32,
}

const AEAD: Shape = Shape { iv: 8, block: 4, icv: 16 };

fn shape(suite: &EspSuite) -> Shape {
    match suite.cipher {
        Cipher::AesGcm16(_) | Cipher::ChaCha20Poly1305 => AEAD,
        Cipher::AesCbc(_) => {
            let icv = match suite.integrity {
                Some(Hash::Sha512) => 32,
                Some(Hash::Sha384) => 24,
                Some(Hash::Sha256) | None => 16,
            };
            Shape { iv: 16, block: 16, icv }
        }
    }
}

/// What is left inside ESP in UDP, with the least favourable proposal.
fn sealed_room(room: u32, protection: &Protection, usual: &[Shape]) -> u32 {
    let room_in = |shape: Shape| {
        let padded = room.saturating_sub(UDP_HEADER + ESP_HEADER + shape.iv + shape.icv);
        (padded - padded % shape.block).saturating_sub(ESP_TRAILER)
    };
    let shapes: Vec<Shape> =
        if protection.esp.is_empty() { usual.to_vec() } else { protection.esp.iter().map(shape).collect() };
    shapes.into_iter().map(room_in).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::desired::PortKind;
    use crate::config::raw::RawConfig;
    use crate::config::validate::{ThisHost, validate};

    fn mtu(underlay: u32, port: &str) -> u16 {
        let raw = RawConfig::from_toml(&format!("[bridge.b.port.p]\n{port}")).unwrap();
        let desired = validate(&raw, &ThisHost).unwrap();
        match &desired.bridges.values().next().unwrap().ports.values().next().unwrap().kind {
            PortKind::Tunnel(tunnel) => inner_mtu(underlay, tunnel),
            other => panic!("{other:?}"),
        }
    }

    /// Sizes on the wire, by hand: see RFC 4303 §2, RFC 3948 §2, RFC 2784, RFC 7348 §5.
    #[test]
    fn what_fits_into_1500() {
        let table = [
            ("type='gre'\nremote_ip='192.0.2.1'", 1462),
            ("type='gre'\nremote_ip='192.0.2.1'\nkey=1", 1458),
            ("type='gre'\nremote_ip='fd00::1'", 1442),
            ("type='vxlan'\nremote_ip='192.0.2.1'", 1450),
            ("type='gre'\nremote_ip='192.0.2.1'\npsk='k'", 1420),
            ("type='vxlan'\nremote_ip='192.0.2.1'\npsk='k'", 1408),
            ("type='gre'\nremote_ip='192.0.2.1'\npsk='k'\nesp='aes256-sha512'", 1388),
        ];
        for (port, expected) in table {
            assert_eq!(mtu(1500, port), expected, "{port}");
        }
        assert_eq!(mtu(60, "type='gre'\nremote_ip='192.0.2.1'\npsk='k'"), 1280);
        assert_eq!(mtu(u32::MAX, "type='gre'\nremote_ip='192.0.2.1'"), 65521);
    }

    #[test]
    fn an_interface_keeps_room_for_what_goes_through() {
        let mtu = |underlay: u32, lines: &str| {
            let raw = RawConfig::from_toml(&format!("[ipsec.t]\nremote_ip='192.0.2.1'\npsk='k'\n{lines}"));
            let desired = validate(&raw.unwrap(), &ThisHost).unwrap();
            routed_mtu(underlay, desired.ipsec.values().next().unwrap())
        };
        assert_eq!(mtu(1500, ""), mtu(1500, "routes='10.0.0.0/8'"));
        assert_eq!(mtu(60, "inside='10.0.0.1/24'\nroutes='10.0.0.0/8'"), 576);
        for v6 in ["", "inside='10.0.0.1/24'\nroutes='10.0.0.0/8,fd00::/8'", "inside='fd00::1/64'"] {
            assert_eq!(mtu(60, v6), 1280, "{v6}");
        }
    }
}
