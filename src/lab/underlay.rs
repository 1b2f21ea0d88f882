//! The network between the hosts: a kernel bridge in a namespace of its own,
//! a veth to each host's `eth0`, and cables that can be pulled.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::error::LabError;
use crate::net::netlink;
use crate::net::netns::Namespace;

/// How many hosts are on it.
pub const HOSTS: usize = 3;
/// The kernel bridge.
const SWITCH: &str = "ulbr";

/// Address of a host (0 to 2) on the underlay: 192.168.100.100 to .102.
pub fn address(host: usize) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, 100, 100 + host as u8)
}

/// The underlay and the hosts' namespaces on it.
#[derive(Debug)]
pub struct Underlay {
    /// Where the bridge is.
    pub namespace: Namespace,
    /// The hosts, each with an `eth0` that is up.
    pub hosts: [Namespace; HOSTS],
    /// Device index of each host's cable at the bridge.
    pub cables: [u32; HOSTS],
    /// Ethernet address of the bridge itself: what is sent there is gone.
    void: [u8; 6],
}

impl Underlay {
    /// Builds it; it goes away with the value.
    pub fn build() -> Result<Self, LabError> {
        let namespace = Namespace::create("underlay")?;
        let hosts = [Namespace::create("host1")?, Namespace::create("host2")?, Namespace::create("host3")?];
        let (cables, void) = namespace.run(|| {
            netlink::blocking(async |net| {
                net.add_bridge(SWITCH).await?;
                let switch = net.link(SWITCH).await?;
                net.set_up(switch.index, true).await?;
                let mut cables = [0; HOSTS];
                for (host, cable) in hosts.iter().zip(&mut cables) {
                    let name = format!("cable{}", net.links().await?.len());
                    net.add_veth(&name, "eth0").await?;
                    let (near, far) = (net.link(&name).await?, net.link("eth0").await?);
                    net.move_link(far.index, host).await?;
                    net.set_master(near.index, Some(switch.index)).await?;
                    net.set_up(near.index, true).await?;
                    *cable = near.index;
                }
                // Adding ports may change the bridge's address: look again.
                let void = net.link(SWITCH).await?.mac.unwrap_or([2, 0, 0, 0, 0, 1]);
                net.set_mac(switch.index, void).await?;
                Ok((cables, void))
            })
        })??;
        for (number, host) in hosts.iter().enumerate() {
            let net = IpNet::new_assert(IpAddr::V4(address(number)), 24);
            host.run(|| {
                netlink::blocking(async |netlink| {
                    for name in ["lo", "eth0"] {
                        let index = netlink.link(name).await?.index;
                        netlink.set_up(index, true).await?;
                        if name == "eth0" {
                            netlink.add_address(index, net).await?;
                        }
                    }
                    Ok(())
                })
            })??;
        }
        Ok(Self { namespace, hosts, cables, void })
    }

    /// Every host's namespace, and the index of `eth0` in it.
    pub fn eth0s(&self) -> Result<Vec<(Namespace, u32)>, LabError> {
        let eth0 = |host: &Namespace| {
            let found = host.run(|| netlink::blocking(async |net| Ok(net.link("eth0").await?.index)))??;
            Ok((host.clone(), found))
        };
        self.hosts.iter().map(eth0).collect()
    }

    /// Cuts (or mends) the path between two hosts, both ways and silently:
    /// what one sends to the other goes to an address where nobody listens.
    pub fn set_cut(&self, a: usize, b: usize, cut: bool) -> Result<(), LabError> {
        for (from, to) in [(a, b), (b, a)] {
            self.hosts[from].run(|| {
                netlink::blocking(async |net| {
                    let index = net.link("eth0").await?.index;
                    let to = IpAddr::V4(address(to));
                    if cut {
                        return net.set_neighbour(index, to, self.void).await;
                    }
                    match net.delete_neighbour(index, to).await {
                        Err(error) if error.errno() == Some(libc::ENOENT) => Ok(()),
                        other => other,
                    }
                })
            })??;
        }
        Ok(())
    }
}
