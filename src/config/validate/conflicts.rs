//! What is right by itself and wrong together: tunnels that cannot be told apart, and
//! one peer described in two ways.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::config::ConfigError;
use crate::config::desired::{Desired, DeviceName, Encap, Identity, PortKind, Protection, Tunnel};
use crate::config::raw::RawConfig;

/// Compares everything with everything that stands before it.
pub(super) fn find(raw: &RawConfig, desired: &Desired, errors: &mut Vec<ConfigError>) {
    let mut ends: Vec<End<'_>> = Vec::new();
    for (bridge, settings) in &desired.bridges {
        for (name, port) in &settings.ports {
            if let PortKind::Tunnel(tunnel) = &port.kind {
                let table = raw.bridges.get(bridge.as_str()).and_then(|raw| raw.ports.get(name.as_str()));
                ends.push(End {
                    name: name.as_str(),
                    place: format!("bridge.{bridge}.port.{name}"),
                    line: table.and_then(|table| table.line),
                    local: tunnel.local,
                    remote: tunnel.remote,
                    protection: tunnel.protection.as_deref(),
                    carries: Carries::Frames(tunnel),
                });
            }
        }
    }
    for (name, interface) in &desired.ipsec {
        ends.push(End {
            name: name.as_str(),
            place: format!("ipsec.{name}"),
            line: raw.ipsec.get(name.as_str()).and_then(|table| table.line),
            local: interface.local,
            remote: interface.remote,
            protection: Some(&interface.protection),
            carries: Carries::Packets { local: &interface.local_ts, remote: &interface.remote_ts },
        });
    }
    routed_twice(raw, desired, errors);
    for (at, end) in ends.iter().enumerate() {
        for other in &ends[..at] {
            if let Some((what, remedy)) = end.conflict(other) {
                let (place, line) = (end.place.clone(), end.line);
                errors.push(ConfigError { place, line, what, remedy: remedy.to_owned() });
            }
        }
    }
}

/// A network is routed through one interface: the kernel would take the first only.
fn routed_twice(raw: &RawConfig, desired: &Desired, errors: &mut Vec<ConfigError>) {
    let mut taken: BTreeMap<IpNet, &DeviceName> = BTreeMap::new();
    for (name, interface) in &desired.ipsec {
        for route in &interface.routes {
            let other = *taken.entry(*route).or_insert(name);
            if other != name {
                let routes = raw.ipsec.get(name.as_str()).and_then(|table| table.entries().get("routes"));
                errors.push(ConfigError {
                    place: format!("ipsec.{name}.routes"),
                    line: routes.and_then(|entry| entry.line),
                    what: format!("{route} is routed through {other} already"),
                    remedy: "route it through one of them".to_owned(),
                });
            }
        }
    }
}

/// One of two things that may conflict.
struct End<'d> {
    name: &'d str,
    place: String,
    line: Option<u32>,
    local: Option<IpAddr>,
    remote: IpAddr,
    protection: Option<&'d Protection>,
    carries: Carries<'d>,
}

enum Carries<'d> {
    Frames(&'d Tunnel),
    Packets { local: &'d [IpNet], remote: &'d [IpNet] },
}

impl End<'_> {
    fn conflict(&self, other: &Self) -> Option<(String, &'static str)> {
        self.udp_port_conflict(other).or_else(|| self.credentials_conflict(other)).or_else(|| {
            if self.remote != other.remote || !overlap(self.local, other.local) {
                return None;
            }
            self.traffic_conflict(other)
        })
    }

    /// A datagram does not say what is in it, its port does.
    fn udp_port_conflict(&self, other: &Self) -> Option<(String, &'static str)> {
        let udp = |end: &Self| match end.carries {
            Carries::Frames(Tunnel { encap: Encap::Udp { header, dst_port, .. }, .. }) => {
                Some((*header, *dst_port))
            }
            _ => None,
        };
        let ((header, port), (theirs, their_port)) = (udp(self)?, udp(other)?);
        let what = || format!("dst_port {port} is that of {}, which is of another type", other.name);
        (port == their_port && header != theirs).then(|| (what(), "use another dst_port for one of them"))
    }

    /// One pair of identities has one PSK, and one IKE SA has one set of parameters.
    fn credentials_conflict(&self, other: &Self) -> Option<(String, &'static str)> {
        let (ours, theirs) = (self.protection?, other.protection?);
        if !overlap(self.local_id(ours), other.local_id(theirs))
            || self.remote_id(ours) != other.remote_id(theirs)
        {
            return None;
        }
        // A key that cannot be read now is compared when it can.
        if let (Ok(our_key), Ok(their_key)) = (&ours.psk, &theirs.psk)
            && our_key != their_key
        {
            let what = format!("{} gives the same pair of identities another pre-shared key", other.name);
            return Some((what, "give both the same key, or different local_id or remote_id"));
        }
        if self.remote != other.remote || !overlap(self.local, other.local) {
            return None;
        }
        let differing = if ours.ike != theirs.ike {
            "ike"
        } else if ours.force_udp != theirs.force_udp {
            "encapsulation"
        } else if ours.initiate != theirs.initiate {
            "initiate"
        } else if ours.lifetimes.ike != theirs.lifetimes.ike {
            "ike_lifetime"
        } else if ours.liveness != theirs.liveness {
            "liveness"
        } else {
            return None;
        };
        let what = format!("{} shares the IKE SA with this and has another {differing}", other.name);
        Some((what, "make them equal"))
    }

    fn traffic_conflict(&self, other: &Self) -> Option<(String, &'static str)> {
        match (&self.carries, &other.carries) {
            (Carries::Frames(ours), Carries::Frames(theirs)) => {
                if told_apart(&ours.encap, &theirs.encap) == Apart::No {
                    let what = format!("cannot be told apart from {} (File exists)", other.name);
                    return Some((what, "give them different keys, or different addresses"));
                }
                if told_apart(&ours.encap, &theirs.encap) == Apart::ByKey {
                    return self.shared_sa(other);
                }
                None
            }
            (
                Carries::Packets { local: our_local, remote: our_remote },
                Carries::Packets { local: their_local, remote: their_remote },
            ) => {
                let (ours, theirs) = (self.protection?, other.protection?);
                let one_peer = overlap(self.local_id(ours), other.local_id(theirs))
                    && self.remote_id(ours) == other.remote_id(theirs);
                if one_peer && meet(our_local, their_local) && meet(our_remote, their_remote) {
                    let what = format!("its traffic cannot be told apart from that of {}", other.name);
                    return Some((what, "give them different local_ts or remote_ts"));
                }
                None
            }
            (Carries::Frames(_), Carries::Packets { .. }) | (Carries::Packets { .. }, Carries::Frames(_)) => {
                None
            }
        }
    }

    /// Two tunnels that differ only in their key are one to IPsec, whose selectors see
    /// protocols and ports.
    fn shared_sa(&self, other: &Self) -> Option<(String, &'static str)> {
        match (self.protection, other.protection) {
            (None, None) => None,
            (Some(_), Some(_)) => {
                let what = format!("IPsec cannot tell it from {}: they differ in the key only", other.name);
                Some((what, "use another encapsulation, dst_port or address for one of them"))
            }
            (Some(_), None) | (None, Some(_)) => {
                let what = format!("one of it and {} is protected, and IPsec sees no difference", other.name);
                Some((what, "use another encapsulation, dst_port or address for one of them"))
            }
        }
    }

    fn local_id(&self, protection: &Protection) -> Option<Identity> {
        protection.local_id.clone().or_else(|| self.local.map(Identity::Address))
    }

    fn remote_id(&self, protection: &Protection) -> Identity {
        protection.remote_id.clone().unwrap_or(Identity::Address(self.remote))
    }
}

/// Whether two values may turn out the same; `None` is not known yet.
fn overlap<T: PartialEq>(a: Option<T>, b: Option<T>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    }
}

#[derive(PartialEq)]
enum Apart {
    ByOuterHeader,
    ByKey,
    No,
}

/// How packets of two tunnels between the same hosts are told apart.
fn told_apart(a: &Encap, b: &Encap) -> Apart {
    let by_key = |same| if same { Apart::No } else { Apart::ByKey };
    match (a, b) {
        (Encap::Gre { in_key: a, .. }, Encap::Gre { in_key: b, .. }) => by_key(a == b),
        (Encap::Udp { in_vni: a, dst_port: a_port, .. }, Encap::Udp { in_vni: b, dst_port: b_port, .. }) => {
            if a_port == b_port {
                by_key(a == b)
            } else {
                Apart::ByOuterHeader
            }
        }
        (Encap::Gre { .. }, Encap::Udp { .. }) | (Encap::Udp { .. }, Encap::Gre { .. }) => {
            Apart::ByOuterHeader
        }
    }
}

/// Whether two sets of networks have an address in common; an empty set is everything.
fn meet(a: &[IpNet], b: &[IpNet]) -> bool {
    if a.is_empty() || b.is_empty() {
        return true;
    }
    a.iter().any(|a| b.iter().any(|b| a.contains(&b.network()) || b.contains(&a.network())))
}
