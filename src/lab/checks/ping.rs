//! Check 2: pings between all pairs, IPv4 and IPv6.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use ipnet::IpNet;

use crate::lab::error::LabError;
use crate::lab::host::{BRIDGE, Host, inner};
use crate::lab::ping;
use crate::lab::stage::{Lab, PATIENCE, inner_target};
use crate::lab::verdict::{Check, Verdict};
use crate::net::netlink;

/// Echoes per pair and family; every one must be answered.
const ECHOES: u16 = 3;
/// How long an answer may take: the delay is the machine's, a loss would be adit's.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Pings, each host every other.
pub fn run(lab: &mut Lab) -> Result<(), LabError> {
    if lab.sabotaged(Check::Ping) {
        set_address(lab, 2, false)?;
    }
    // The kernel gives itself the IPv6 addresses, when it has found them to be its own.
    let devices = lab.await_or_fail("the IPv6 addresses", PATIENCE, |lab| {
        let addressed = |host: &Host| {
            let (link, addresses) = host.device(BRIDGE)?;
            let found = link_local(&addresses).map(|ip| (link.index, ip));
            found.ok_or_else(|| format!("host {} has none on {BRIDGE}", host.number + 1))
        };
        lab.hosts.iter().map(addressed).collect::<Result<Vec<_>, String>>()
    })?;
    let mut amiss = Vec::new();
    let mut times = Vec::new();
    for from in 0..lab.hosts.len() {
        for to in (0..lab.hosts.len()).filter(|to| *to != from) {
            lab.interrupt.check()?;
            // The scope is the sender's device.
            let v6 = SocketAddrV6::new(devices[to].1, 0, 0, devices[from].0);
            for target in [inner_target(to), SocketAddr::V6(v6)] {
                let got = ping::ping(&lab.hosts[from].namespace, target, &lab.marker, ECHOES, TIMEOUT)?;
                if got.len() < usize::from(ECHOES) {
                    amiss.push(format!(
                        "host {} pings {}: no answer to request {} of {ECHOES}",
                        from + 1,
                        target.ip(),
                        got.len() + 1
                    ));
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
