//! Route-based interfaces: `[ipsec.NAME]`.

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
        if !fields.finish() {
            return None;
        }
        let (local, remote) = ends?;
        let protection = Arc::new(protection?);
        Some(IpsecInterface { local, remote, protection, inside, routes, local_ts, remote_ts, mtu })
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
