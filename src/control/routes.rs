//! Routes through `[ipsec]` interfaces: those of the kernel made to agree with those wanted.
//!
//! What adit set bears its number, which outlives it (`ip route show proto 97`). So a restart
//! finds its own, and nobody else's is ever touched: not the host's, and not what the user
//! routes through an interface of ours by hand.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::devices::Host;
use crate::config::desired::{DeviceName, IpsecInterface};
use crate::net::netlink::{Error, MAIN_TABLE, Netlink, Route};

/// Our `rtm_protocol`: one that rt_protos of iproute2 gives to nobody.
const PROTOCOL: u8 = 97;

/// An interface whose device is there.
#[derive(Debug, Clone, Copy)]
pub struct Through<'w> {
    /// Its name.
    pub name: &'w DeviceName,
    /// Index of its device.
    pub index: u32,
    /// What is wanted of it.
    pub settings: &'w IpsecInterface,
}

/// Deletes what is ours and wanted no more, then adds what is missing. Returns a line for
/// every interface whose routes are not as they shall be.
pub async fn settle(
    netlink: &Netlink,
    host: &Host,
    interfaces: &[Through<'_>],
) -> BTreeMap<DeviceName, String> {
    let mut errors: BTreeMap<DeviceName, Vec<String>> = BTreeMap::new();
    let mut note = |name: &DeviceName, error: String| errors.entry(name.clone()).or_default().push(error);
    match netlink.routes_of(PROTOCOL).await {
        Ok(there) => {
            for stale in there.iter().filter(|route| !wanted_by_any(interfaces, route)) {
                // The number alone does not make it ours: it must lead through a device of ours.
                let Some(of) = interfaces.iter().find(|of| of.index == stale.index) else { continue };
                match netlink.delete_route(stale).await {
                    // It went by itself: with its source address, say.
                    Err(error) if error.errno() != Some(libc::ESRCH) => note(of.name, error.to_string()),
                    _ => {}
                }
            }
            for of in interfaces {
                // Repeating what is there would wake everybody who watches routes, us too.
                for missing in wanted(of).filter(|route| !there.contains(route)) {
                    if let Err(error) = add(netlink, host, &missing).await {
                        note(of.name, error);
                    }
                }
            }
        }
        Err(error) => interfaces.iter().for_each(|of| note(of.name, error.to_string())),
    }
    errors.into_iter().map(|(name, errors)| (name, errors.join("; "))).collect()
}

fn wanted<'w>(of: &Through<'w>) -> impl Iterator<Item = Route> + use<'w> {
    let (index, settings) = (of.index, of.settings);
    settings.routes.iter().map(move |destination| {
        let same_family = |net: &&IpNet| net.addr().is_ipv4() == destination.addr().is_ipv4();
        let source: Option<IpAddr> = settings.inside.iter().find(same_family).map(IpNet::addr);
        let (table, destination) = (MAIN_TABLE, *destination);
        Route { table, destination, index, gateway: None, source, protocol: PROTOCOL }
    })
}

fn wanted_by_any(interfaces: &[Through<'_>], route: &Route) -> bool {
    interfaces.iter().any(|of| wanted(of).any(|wanted| wanted == *route))
}

async fn add(netlink: &Netlink, host: &Host, route: &Route) -> Result<(), String> {
    let destination = route.destination;
    let error = match netlink.add_route(route).await {
        Ok(()) => return Ok(()),
        Err(error) if error.errno() == Some(libc::EEXIST) => error,
        Err(error) => return Err(error.to_string()),
    };
    let text = |error: Error| format!("cannot tell whose route to {destination} is there: {error}");
    let there = netlink.routes_to(destination, route.table).await.map_err(text)?;
    // Somebody routed it through this very device: that is what is wanted, and stays theirs.
    if there.iter().any(|other| other.index == route.index) {
        return Ok(());
    }
    let Some(other) = there.first() else { return Err(error.to_string()) };
    let via = other.gateway.map_or_else(String::new, |gateway| format!(" via {gateway}"));
    let device = host.links.iter().find(|link| link.index == other.index);
    let device = device.map_or_else(String::new, |link| format!(" dev {}", link.name));
    Err(format!(
        "the host has a route to {destination} already ({destination}{via}{device}), which is not adit's \
         to replace; delete it, or take {destination} out of routes"
    ))
}
