//! The ways of tunnels and interfaces to their peers, and which of them lead into a circle.

use std::collections::{BTreeMap, BTreeSet};

use super::Running;
use crate::config::desired::{DeviceName, Encap, Tunnel};
use crate::control::underlay::{self, Underlay};
use crate::dataplane::{Handle, RequestError};

impl Running {
    /// Finds the way of every tunnel.
    pub(super) async fn find_ways(&mut self) {
        let (netlink, addresses) = (&self.netlink, &self.host.addresses);
        for port in self.bridges.values_mut().flat_map(|bridge| bridge.ports.values_mut()) {
            let Some(tunnel) = port.tunnel() else { continue };
            let found = underlay::find(netlink, addresses, tunnel.local, tunnel.remote).await;
            let found = found.and_then(|way| listen(&self.dataplane, tunnel).map(|()| way));
            note(found, &mut port.underlay, &mut port.error);
        }
        for interface in self.interfaces.values_mut() {
            let settings = &interface.settings;
            let found = underlay::find(netlink, addresses, settings.local, settings.remote).await;
            note(found, &mut interface.underlay, &mut interface.error);
        }
        self.refuse_circles();
    }

    /// A way through a device of ours is fine (a tunnel in a tunnel), unless what goes that way
    /// comes to the same tunnel again: each round would wrap it once more, and take from the MTU.
    fn refuse_circles(&mut self) {
        let circles = circles(&self.ways_through_own());
        let ports = self.bridges.values_mut().flat_map(|bridge| &mut bridge.ports);
        let ports = ports.map(|(name, port)| {
            let remote = port.tunnel().map(|tunnel| tunnel.remote);
            (name, remote, &mut port.underlay, &mut port.error)
        });
        let interfaces = self.interfaces.iter_mut().map(|(name, interface)| {
            (name, Some(interface.settings.remote), &mut interface.underlay, &mut interface.error)
        });
        for (name, remote, way, error) in ports.chain(interfaces) {
            if let (Some(device), Some(remote)) = (circles.get(name), remote) {
                let text = format!(
                    "the way to {remote} leads into {device}, whose packets go there themselves; take the \
                     route or address that covers {remote} off {device}, or route {remote} another way"
                );
                note(Err(text), way, error);
            }
        }
    }

    fn ways_through_own(&self) -> Vec<Way> {
        // Whose packets go into a device: an interface's own, or all ports' of a bridge.
        let mut owners: BTreeMap<u32, (&DeviceName, &DeviceName)> = BTreeMap::new();
        let index = |device: &DeviceName| self.host.link(device.as_str()).map(|link| link.index);
        for (owner, bridge) in &self.bridges {
            let taps = bridge.ports.iter().filter(|(_, port)| port.device.tap().is_some());
            owners.extend(taps.filter_map(|(device, _)| Some((index(device)?, (device, owner)))));
        }
        owners.extend(self.interfaces.keys().filter_map(|device| Some((index(device)?, (device, device)))));
        let ports = self.bridges.iter().flat_map(|(owner, bridge)| {
            bridge.ports.iter().map(move |(name, port)| (name, owner, port.underlay))
        });
        let interfaces = self.interfaces.iter().map(|(name, interface)| (name, name, interface.underlay));
        let way = |(of, owner, underlay): (&DeviceName, &DeviceName, Option<Underlay>)| {
            let (device, into) = owners.get(&underlay?.device)?;
            let [of, owner, device, into] = [of, owner, *device, *into].map(DeviceName::clone);
            Some(Way { of, owner, device, into })
        };
        ports.chain(interfaces).filter_map(way).collect()
    }
}

/// A way that leads through a device of ours.
struct Way {
    /// The port or interface that goes it.
    of: DeviceName,
    /// The bridge of the port, or the interface.
    owner: DeviceName,
    /// The device.
    device: DeviceName,
    /// Whose device it is: a bridge or an interface.
    into: DeviceName,
}

/// The ports and interfaces whose way leads back to them, with the device it begins in.
fn circles(ways: &[Way]) -> BTreeMap<DeviceName, DeviceName> {
    let returns = |way: &&Way| {
        let mut reached = BTreeSet::from([&way.into]);
        let mut ahead = vec![&way.into];
        while let Some(here) = ahead.pop() {
            let next = ways.iter().filter(|other| other.owner == *here).map(|other| &other.into);
            ahead.extend(next.filter(|next| reached.insert(next)));
        }
        reached.contains(&way.owner)
    };
    ways.iter().filter(returns).map(|way| (way.of.clone(), way.device.clone())).collect()
}

fn note(found: Result<Underlay, String>, way: &mut Option<Underlay>, error: &mut Option<String>) {
    match found {
        Ok(found) => *way = Some(found),
        Err(text) => {
            *way = None;
            error.get_or_insert(text);
        }
    }
}

fn listen(dataplane: &Handle, tunnel: &Tunnel) -> Result<(), String> {
    match tunnel.encap {
        Encap::Udp { dst_port, .. } => dataplane.listen_udp(dst_port).map_err(|error| not_listening(&error)),
        Encap::Gre { .. } => Ok(()),
    }
}

fn not_listening(error: &RequestError) -> String {
    match error {
        RequestError::Socket(_, cause) if cause.kind() == std::io::ErrorKind::AddrInUse => format!(
            "{error}; another program or the kernel's own VXLAN has it: end that, or give another dst_port here \
             and at the peer"
        ),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(of: &str, owner: &str, into: &str) -> Way {
        let [of, owner, into] = [of, owner, into].map(|name| name.parse::<DeviceName>().unwrap());
        Way { of, owner, device: into.clone(), into }
    }

    fn names(ways: &[Way]) -> Vec<String> {
        circles(ways).keys().map(ToString::to_string).collect()
    }

    #[test]
    fn a_taken_port_is_told_with_the_remedy() {
        let taken = |errno| {
            RequestError::Socket("UDP port 4789 for VXLAN".into(), std::io::Error::from_raw_os_error(errno))
        };
        let text = not_listening(&taken(libc::EADDRINUSE));
        assert!(text.contains("4789") && text.contains("another dst_port"), "{text}");
        assert!(!not_listening(&taken(libc::EACCES)).contains("dst_port"));
    }

    #[test]
    fn only_ways_that_come_back_are_circles() {
        assert!(names(&[way("p", "br0", "t0"), way("t0", "t0", "br1"), way("q", "br1", "t1")]).is_empty());
        assert_eq!(names(&[way("t0", "t0", "t0")]), ["t0"]);
        // p goes round; q of the same bridge has a way of its own, and t0 leads in without being in it.
        let ways = [way("p", "br0", "br0"), way("q", "br0", "t1"), way("t0", "t0", "br0")];
        assert_eq!(names(&ways), ["p"]);
        let ways = [way("a", "a", "b"), way("b", "b", "br0"), way("p", "br0", "a"), way("c", "c", "a")];
        assert_eq!(names(&ways), ["a", "b", "p"]);
    }
}
