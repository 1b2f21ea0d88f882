//! Bridges and their ports.

use std::time::Duration;

use adit_switch::StpConfig;

use super::Check;
use super::fields::Fields;
use crate::config::desired::{
    Bridge, Port, PortKind, StpPortSettings, StpSettings, TUNNEL_TYPES, TapSettings,
};
use crate::config::raw::{RawBridge, RawTable};

/// Types of port that Open vSwitch has and adit not.
const FOREIGN_TYPES: &[&str] = &[
    "patch",
    "erspan",
    "ip6erspan",
    "ip6gre",
    "gtpu",
    "bareudp",
    "srv6",
    "lisp",
    "stt",
    "dpdk",
    "dpdkvhostuser",
    "dpdkvhostuserclient",
    "afxdp",
    "afxdp-nonpmd",
];
pub(super) const SERVED_TYPES: &str =
    "internal, tap, system, gre, vxlan, geneve, ipsec_gre, ipsec_vxlan and ipsec_geneve";
pub(super) const ADDRESS_FORM: &str = "an address with its prefix length, like 10.0.0.1/24";

impl Check<'_> {
    pub(super) fn bridge(&mut self, place: &str, name: &str, raw: &RawBridge) -> Option<Bridge> {
        let mut fields = Fields::new(self, place, &raw.settings);
        let stp = fields.boolean("stp").unwrap_or(false);
        let settings = stp_settings(&mut fields);
        if stp && fields.is_well() {
            check_stp_times(&mut fields, &settings);
        }
        let mut bridge = Bridge {
            stp: stp.then_some(settings),
            hwaddr: fields.parse("hwaddr", "six bytes, like 02:00:00:00:00:01"),
            mac_aging: fields.duration("mac_aging_time", 15..=3600).unwrap_or(Duration::from_secs(300)),
            mac_table_size: fields.number("mac_table_size", 10..=1_000_000).unwrap_or(8192),
            forward_bpdu: fields.boolean("forward_bpdu").unwrap_or(false),
            addresses: fields.list("addresses", ADDRESS_FORM),
            mtu: fields.number("mtu", 68..=65535),
            ports: Default::default(),
        };
        let mut well = fields.finish();
        for (port, table) in &raw.ports {
            let place = format!("{place}.port.{port}");
            if port == name {
                let remedy = "a bridge has its local port by itself; its settings are the bridge's";
                self.push(&place, table.line, "a port cannot be named like its bridge", remedy);
                well = false;
                continue;
            }
            let valid = self.name(&place, table, port);
            match (valid, self.port(&place, table)) {
                (Some(name), Some(port)) => {
                    bridge.ports.insert(name, port);
                }
                _ => well = false,
            }
        }
        well.then_some(bridge)
    }

    fn port(&mut self, place: &str, table: &RawTable) -> Option<Port> {
        let mut fields = Fields::new(self, place, table);
        let kind = port_kind(&mut fields);
        let stp = StpPortSettings {
            enabled: fields.boolean("stp").unwrap_or(true),
            number: fields.number("stp_port_num", 1..=255),
            priority: fields.number("stp_port_priority", 0..=255).unwrap_or(128),
            path_cost: fields.number("stp_path_cost", 0..=65535),
        };
        let ofport = fields.number("ofport", 1..=65279);
        let kind = match kind {
            // The keys of an unknown type are not known either.
            Err(UnknownType) => return None,
            Ok(kind) => kind,
        };
        let well = fields.finish();
        kind.filter(|_| well).map(|kind| Port { kind, stp, ofport })
    }
}

/// The type of a port is none of ours; it was reported.
struct UnknownType;

fn port_kind(fields: &mut Fields<'_, '_, '_>) -> Result<Option<PortKind>, UnknownType> {
    let kind = match fields.text("type") {
        None if fields.has("type") => return Err(UnknownType),
        kind => kind.unwrap_or_default(),
    };
    match kind {
        "" if fields.has("remote_ip") => {
            fields.error("type", "is missing", &format!("say which tunnel: {}", TUNNEL_TYPES.join(", ")));
            Err(UnknownType)
        }
        "" | "system" => Ok(Some(PortKind::System)),
        "internal" => Ok(Some(PortKind::Internal(tap(fields)))),
        "tap" => Ok(Some(PortKind::Tap(tap(fields)))),
        _ if TUNNEL_TYPES.contains(&kind) => Ok(super::tunnel::tunnel(fields, kind).map(PortKind::Tunnel)),
        _ if FOREIGN_TYPES.contains(&kind) => {
            let remedy = format!("it serves {SERVED_TYPES}");
            fields.error("type", format!("adit does not serve type {kind}"), &remedy);
            Err(UnknownType)
        }
        _ => {
            fields.error("type", format!("unknown type '{kind}'"), &format!("adit serves {SERVED_TYPES}"));
            Err(UnknownType)
        }
    }
}

fn tap(fields: &mut Fields<'_, '_, '_>) -> TapSettings {
    TapSettings {
        mac: fields.parse("mac", "six bytes, like 02:00:00:00:00:01"),
        mtu: fields.number("mtu", 68..=65535),
        addresses: fields.list("addresses", ADDRESS_FORM),
    }
}

/// Ranges of IEEE 802.1D-1998 table 8-3.
fn stp_settings(fields: &mut Fields<'_, '_, '_>) -> StpSettings {
    let usual = StpSettings::default();
    StpSettings {
        priority: fields.number("stp_priority", 0..=65535).unwrap_or(usual.priority),
        system_id: fields.parse("stp_system_id", "six bytes, like 02:00:00:00:00:01"),
        hello_time: fields.duration("stp_hello_time", 1..=10).unwrap_or(usual.hello_time),
        max_age: fields.duration("stp_max_age", 6..=40).unwrap_or(usual.max_age),
        forward_delay: fields.duration("stp_forward_delay", 4..=30).unwrap_or(usual.forward_delay),
    }
}

/// The three times must go together (IEEE 802.1D-1998 §8.10.2). Open vSwitch takes others without a
/// word: here the user hears it.
fn check_stp_times(fields: &mut Fields<'_, '_, '_>, asked: &StpSettings) {
    let seconds = |time: Duration| u8::try_from(time.as_secs()).unwrap_or(u8::MAX);
    let asked = StpConfig {
        hello_time: seconds(asked.hello_time),
        max_age: seconds(asked.max_age),
        forward_delay: seconds(asked.forward_delay),
        ..StpConfig::default()
    };
    let Err(error) = asked.check() else { return };
    let StpConfig { hello_time, max_age, forward_delay, .. } = asked.forced();
    let times =
        format!("stp_hello_time {hello_time}, stp_max_age {max_age} and stp_forward_delay {forward_delay}");
    let written =
        ["stp_max_age", "stp_forward_delay", "stp_hello_time"].into_iter().find(|key| fields.has(key));
    let tolerated = fields.tolerance().stp_times;
    let remedy = if tolerated { format!("adit runs with {times}") } else { format!("{times} go together") };
    fields.doubt(tolerated, written.unwrap_or_default(), error.to_string(), &remedy);
}
