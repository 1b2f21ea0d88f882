//! Route-based interfaces: `[ipsec.NAME]`.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::Check;
use super::bridge::ADDRESS_FORM;
use super::fields::Fields;
use super::{protection, tunnel};
use crate::config::desired::IpsecInterface;
use crate::config::raw::RawTable;

const NETWORK_FORM: &str = "a network, like 10.20.0.0/16";

impl Check<'_> {
    pub(super) fn ipsec_interface(&mut self, place: &str, table: &RawTable) -> Option<IpsecInterface> {
        let mut fields = Fields::new(self, place, table);
        let ends = tunnel::addresses(&mut fields, "ipsec");
        let protection = protection::protection(&mut fields);
        let inside = fields.list("inside", ADDRESS_FORM);
        let routes = networks(&mut fields, "routes");
        let local_ts = networks(&mut fields, "local_ts");
        let remote_ts = networks(&mut fields, "remote_ts");
        let mtu = fields.number("mtu", 68..=65535);
        if let Some((_, remote)) = ends {
            into_itself(&mut fields, remote, &inside, &routes);
        }
        if !fields.finish() {
            return None;
        }
        let (local, remote) = ends?;
        let protection = Arc::new(protection?);
        Some(IpsecInterface { local, remote, protection, inside, routes, local_ts, remote_ts, mtu })
    }
}

/// What leads the peer's own packets into the tunnel to it. A default route may: the peer is
/// kept out of that one.
fn into_itself(fields: &mut Fields<'_, '_, '_>, remote: IpAddr, inside: &[IpNet], routes: &[IpNet]) {
    let what = |net: &IpNet| {
        format!("{net} covers remote_ip {remote}, whose own packets would go into the tunnel to it")
    };
    if let Some(net) = routes.iter().find(|net| net.prefix_len() > 0 && net.contains(&remote)) {
        let all = if remote.is_ipv4() { "0.0.0.0/0" } else { "::/0" };
        let remedy = format!("route networks without it, or {all}, out of which adit keeps the peer");
        fields.error("routes", what(net), &remedy);
    }
    if let Some(net) = inside.iter().find(|net| net.contains(&remote)) {
        fields.error("inside", what(net), "use another network inside, or a longer prefix");
    }
}

/// Networks without host bits: one with them is more likely a slip than an intent.
fn networks(fields: &mut Fields<'_, '_, '_>, key: &'static str) -> Vec<IpNet> {
    let networks: Vec<IpNet> = fields.list(key, NETWORK_FORM);
    if let Some(odd) = networks.iter().find(|network| network.trunc() != **network) {
        let what = format!("{odd} has bits set behind its prefix");
        fields.error(key, what, &format!("write {}", odd.trunc()));
    }
    networks
}
