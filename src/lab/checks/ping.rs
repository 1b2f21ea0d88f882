//! Check 2: pings between all pairs, IPv4 and IPv6.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use ipnet::IpNet;

use super::{Check, Verdict};
use crate::lab::error::LabError;
use crate::lab::host::{BRIDGE, inner};
use crate::lab::ping;
use crate::lab::scenario::{Lab, inner_target};
use crate::net::netlink;

/// Echoes per pair and family; every one must be answered.
const ECHOES: u16 = 3;
const TIMEOUT: Duration = Duration::from_secs(1);

/// Pings, each host every other.
pub fn run(lab: &mut Lab) -> Result<(), LabError> {
    if lab.sabotaged(Check::Ping) {
        set_address(lab, 2, false)?;
    }
    let devices: Vec<_> = lab.hosts.iter().map(|host| host.device(BRIDGE)).collect::<Result<_, _>>()?;
    let mut amiss = Vec::new();
    let mut times = Vec::new();
    for from in 0..lab.hosts.len() {
        for to in (0..lab.hosts.len()).filter(|to| *to != from) {
            lab.interrupt.check()?;
            let mut targets = vec![inner_target(to)];
            match link_local(&devices[to].1) {
                // The scope is the sender's device.
                Some(ip) => targets.push(SocketAddr::V6(SocketAddrV6::new(ip, 0, 0, devices[from].0.index))),
                None => amiss.push(format!("host {} has no IPv6 address on {BRIDGE}", to + 1)),
            }
            for target in targets {
                let got = ping::ping(&lab.hosts[from].namespace, target, &lab.marker, ECHOES, TIMEOUT)?;
                if got.len() < usize::from(ECHOES) {
                    let text = format!("host {} pings {}: {} of {ECHOES}", from + 1, target.ip(), got.len());
                    amiss.push(text);
                }
                times.extend(got);
            }
        }
    }
    if lab.sabotaged(Check::Ping) {
        set_address(lab, 2, true)?;
    }
    times.sort();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    let seen = format!("6 pairs, IPv4 and IPv6, all {} answered, median {median:.1?}", times.len());
    lab.verdict(Check::Ping, Verdict::of(&amiss, seen));
    Ok(())
}

fn link_local(addresses: &[IpNet]) -> Option<Ipv6Addr> {
    addresses.iter().find_map(|net| match net.addr() {
        IpAddr::V6(ip) if ip.is_unicast_link_local() => Some(ip),
        _ => None,
    })
}

/// Takes the address of a host's bridge away, or gives it back.
pub fn set_address(lab: &Lab, host: usize, there: bool) -> Result<(), LabError> {
    let own = IpNet::new_assert(IpAddr::V4(inner(host)), 24);
    Ok(lab.hosts[host].namespace.run(|| {
        netlink::blocking(async |net| {
            let index = net.link(BRIDGE).await?.index;
            if there { net.add_address(index, own).await } else { net.delete_address(index, own).await }
        })
    })??)
}
