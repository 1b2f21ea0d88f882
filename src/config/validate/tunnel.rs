//! Tunnel ports: addresses, keys, outer header.

use std::net::IpAddr;
use std::sync::Arc;

use super::fields::{Fields, unsigned};
use super::protection;
use crate::config::desired::{Encap, Inheritable, Tunnel, UdpTunnel};

/// Reads a tunnel of one of [`TUNNEL_TYPES`](crate::config::desired::TUNNEL_TYPES).
pub(super) fn tunnel(fields: &mut Fields<'_, '_, '_>, kind: &str) -> Option<Tunnel> {
    let ends = addresses(fields, kind);
    let encap = match kind.strip_prefix("ipsec_").unwrap_or(kind) {
        "gre" => gre(fields),
        "geneve" => udp(fields, UdpTunnel::Geneve, adit_encap::geneve::GENEVE_PORT),
        _ => udp(fields, UdpTunnel::Vxlan, adit_encap::vxlan::VXLAN_PORT),
    };
    if let Some(other) = fields.text("packet_type").filter(|text| *text != "legacy_l2") {
        fields.error("packet_type", format!("adit does not serve '{other}'"), "legacy_l2 is what it does");
    }
    let tos = inheritable(fields, "tos", "a multiple of 4 up to 252, or inherit", |tos| tos % 4 == 0);
    let ttl = inheritable(fields, "ttl", "1 to 255, or inherit", |ttl| ttl > 0);
    let protected = protection::mentioned(fields) || kind.starts_with("ipsec_");
    if fields.boolean("df_default") == Some(false) {
        let what = "adit does not send outer packets that may be fragmented";
        fields.error("df_default", what, "leave it out: adit sizes what is inside instead");
    }
    let mark = fields.number("egress_pkt_mark", 0..=u64::from(u32::MAX)).unwrap_or(0);
    let protection = protected.then(|| protection::protection(fields));
    let (local, remote) = ends?;
    Some(Tunnel {
        kind: kind.to_owned(),
        encap: encap?,
        local,
        remote,
        tos: tos.unwrap_or(Inheritable::Fixed(0)),
        ttl: ttl.unwrap_or(Inheritable::Fixed(64)),
        mark,
        protection: match protection {
            None => None,
            Some(protection) => Some(Arc::new(protection?)),
        },
    })
}

/// `local_ip` and `remote_ip`: unicast, of one family, not the same.
pub(super) fn addresses(fields: &mut Fields<'_, '_, '_>, kind: &str) -> Option<(Option<IpAddr>, IpAddr)> {
    let wanted_local = fields.has("local_ip");
    let local = address(fields, "local_ip");
    if !fields.has("remote_ip") {
        let what = format!("{kind} type requires valid 'remote_ip' argument");
        fields.error("", what, "give the address of the other host");
    }
    let remote = address(fields, "remote_ip")?;
    let Some(local) = local else { return (!wanted_local).then_some((None, remote)) };
    if local.is_ipv4() != remote.is_ipv4() {
        let what = "'remote_ip' and 'local_ip' has to be of the same address family";
        fields.error("local_ip", what, "give both as IPv4 or both as IPv6");
        return None;
    }
    if local == remote {
        fields.error("remote_ip", "is the local address as well", "give the address of the other host");
        return None;
    }
    Some((Some(local), remote))
}

fn address(fields: &mut Fields<'_, '_, '_>, key: &'static str) -> Option<IpAddr> {
    if fields.text_if_text(key) == Some("flow") {
        fields.error(key, "adit has no OpenFlow that could choose it", "give an address");
        return None;
    }
    let address: IpAddr = fields.parse(key, "an IPv4 or IPv6 address; names are not looked up")?;
    if address.is_multicast() {
        fields.error(key, format!("multicast {key}={address} not allowed"), "give the address of one host");
        return None;
    }
    if address.is_unspecified() || address == IpAddr::V4(std::net::Ipv4Addr::BROADCAST) {
        fields.error(key, format!("{address} is no host"), "give the address of one host");
        return None;
    }
    // A v4-mapped address would never match what the sockets report.
    Some(address.to_canonical())
}

fn gre(fields: &mut Fields<'_, '_, '_>) -> Option<Encap> {
    let keys = keys(fields, u64::from(u32::MAX));
    let csum = fields.boolean("csum").unwrap_or(false);
    let seq = fields.boolean("seq").unwrap_or(false);
    let (in_key, out_key) = keys?;
    Some(Encap::Gre { in_key: in_key.filter(|key| *key != 0), out_key, csum, seq })
}

fn udp(fields: &mut Fields<'_, '_, '_>, header: UdpTunnel, usual: u16) -> Option<Encap> {
    let keys = keys(fields, 0xff_ffff);
    let dst_port = fields.number("dst_port", 1..=65535).unwrap_or(usual);
    let csum = fields.boolean("csum");
    if dst_port == 500 || dst_port == 4500 {
        fields.error("dst_port", format!("port {dst_port} is that of IKE"), &format!("the usual is {usual}"));
        return None;
    }
    let (in_key, out_key) = keys?;
    Some(Encap::Udp { header, in_vni: in_key.unwrap_or(0), out_vni: out_key.unwrap_or(0), csum, dst_port })
}

/// `in_key` and `out_key`; `key` sets both.
fn keys(fields: &mut Fields<'_, '_, '_>, most: u64) -> Option<(Option<u32>, Option<u32>)> {
    let mut well = true;
    let mut read = |fields: &mut Fields<'_, '_, '_>, key| {
        if fields.has(key) && fields.text_if_text(key) == Some("flow") {
            fields.error(key, "adit has no OpenFlow that could choose it", "give a number");
            well = false;
            return None;
        }
        let number = fields.number::<u32>(key, 0..=most);
        well &= number.is_some() || !fields.has(key);
        number
    };
    let both = read(fields, "key");
    let in_key = read(fields, "in_key").or(both);
    let out_key = read(fields, "out_key").or(both);
    well.then_some((in_key, out_key))
}

fn inheritable(
    fields: &mut Fields<'_, '_, '_>,
    key: &'static str,
    form: &str,
    allowed: impl Fn(u8) -> bool,
) -> Option<Inheritable<u8>> {
    if !fields.has(key) {
        fields.text_if_text(key);
        return None;
    }
    match fields.text_if_text(key) {
        Some("inherit") => return Some(Inheritable::Inherit),
        Some(text) if unsigned(text).is_none() => {
            fields.error(key, format!("'{text}' is no value for it"), form);
            return None;
        }
        _ => {}
    }
    let number = fields.number::<u8>(key, 0..=255)?;
    if !allowed(number) {
        fields.error(key, format!("{number} is no value for it"), form);
        return None;
    }
    Some(Inheritable::Fixed(number))
}
