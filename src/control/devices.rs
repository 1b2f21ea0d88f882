//! Devices of the host that adit makes or uses: attached, addressed, sized.

use std::collections::BTreeSet;
use std::sync::Arc;

use ipnet::IpNet;

use crate::config::desired::{DeviceName, MacAddress};
use crate::dataplane::io::packet::PacketPort;
use crate::dataplane::io::tap::{Kind, Tap};
use crate::net::netlink::{self, Address, Link, Netlink};

/// MTU of a device whose size nothing limits any more.
const ETHERNET_MTU: u16 = 1500;

/// The device behind a port or interface.
#[derive(Debug, Default)]
pub enum Device {
    /// None, or not yet.
    #[default]
    Absent,
    /// A TAP or TUN of ours.
    Tap(Arc<Tap>),
    /// An existing device, by AF_PACKET.
    Packet(Arc<PacketPort>),
}

impl Device {
    /// Attaches to the TAP or TUN of that name, making it if need be.
    ///
    /// # Errors
    /// A line for the port's `error`.
    pub fn open_tap(name: &DeviceName, kind: Kind) -> Result<Self, String> {
        Tap::open(name.as_str(), kind).map(|tap| Self::Tap(Arc::new(tap))).map_err(|error| error.to_string())
    }

    /// Binds to the device of that name.
    ///
    /// # Errors
    /// A line for the port's `error`, in the words of Open vSwitch where it is missing.
    pub fn open_packet(name: &DeviceName) -> Result<Self, String> {
        match PacketPort::open(name.as_str()) {
            Ok(port) => Ok(Self::Packet(Arc::new(port))),
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {
                Err(format!("could not open network device {name} (No such device)"))
            }
            Err(error) => Err(format!("could not open network device {name} ({error})")),
        }
    }

    /// Lets a device of ours end with its last descriptor.
    pub fn discard(&self) {
        if let Self::Tap(tap) = self
            && let Err(error) = tap.remove()
        {
            tracing::warn!(device = tap.name(), %error, "cannot remove the device");
        }
    }

    /// Whether there is one.
    pub fn is_there(&self) -> bool {
        !matches!(self, Self::Absent)
    }

    /// Whether it was one of this name that the host does not have any more, be there another of that name or not.
    pub fn is_lost(&self, name: &DeviceName, links: &[Link]) -> bool {
        let index = match self {
            Self::Absent => return false,
            Self::Tap(tap) => tap.index(),
            Self::Packet(port) => port.index(),
        };
        !links.iter().any(|link| link.index == index && link.name == name.as_str())
    }

    /// Its TAP or TUN.
    pub fn tap(&self) -> Option<&Arc<Tap>> {
        match self {
            Self::Tap(tap) => Some(tap),
            Self::Packet(_) | Self::Absent => None,
        }
    }
}

/// Links and addresses of the host as of one moment.
#[derive(Debug, Default)]
pub struct Host {
    /// All devices.
    pub links: Vec<Link>,
    /// All addresses.
    pub addresses: Vec<Address>,
}

impl Host {
    /// Looks.
    ///
    /// # Errors
    /// Netlink's.
    pub async fn look(netlink: &Netlink) -> Result<Self, netlink::Error> {
        Ok(Self { links: netlink.links().await?, addresses: netlink.addresses().await? })
    }

    /// The device of that name.
    pub fn link(&self, name: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.name == name)
    }
}

/// What a device shall be like.
#[derive(Debug, Default)]
pub struct Wanted<'w> {
    /// Hardware address.
    pub mac: Option<MacAddress>,
    /// MTU; `None` gives back what we once took.
    pub mtu: Option<u16>,
    /// Addresses it shall have.
    pub addresses: &'w [IpNet],
    /// Set up; otherwise that is the user's business.
    pub up: bool,
    /// No other addresses, but link-local ones.
    pub exact: bool,
}

/// What we did to a device, to be undone when it is not wanted any more.
#[derive(Debug, Default)]
pub struct Done {
    mtu: bool,
    addresses: BTreeSet<IpNet>,
}

/// Makes a device what it shall be, touching only what differs.
///
/// # Errors
/// A line for the port's `error`.
pub async fn configure(
    netlink: &Netlink,
    host: &Host,
    name: &DeviceName,
    wanted: &Wanted<'_>,
    done: &mut Done,
) -> Result<(), String> {
    let Some(link) = host.link(name.as_str()) else { return Err(format!("device {name} has gone")) };
    let mut errors = Vec::new();
    let mut note = |result: Result<(), netlink::Error>| errors.extend(result.err().map(|e| e.to_string()));
    if let Some(mac) = wanted.mac.filter(|mac| link.mac != Some(mac.octets())) {
        note(netlink.set_mac(link.index, mac.octets()).await);
    }
    let mtu = wanted.mtu.or(done.mtu.then_some(ETHERNET_MTU));
    if let Some(mtu) = mtu.filter(|mtu| link.mtu != u32::from(*mtu)) {
        note(netlink.set_mtu(link.index, mtu.into()).await);
    }
    done.mtu = wanted.mtu.is_some();
    let there: BTreeSet<IpNet> = host
        .addresses
        .iter()
        .filter(|address| address.index == link.index)
        .map(|address| address.net)
        .collect();
    let superfluous = |net: &&IpNet| {
        let ours = done.addresses.contains(*net) || (wanted.exact && !link_local(net));
        ours && !wanted.addresses.contains(net)
    };
    // What goes first: the kernel takes later addresses of a network along with its first.
    for net in there.iter().filter(superfluous) {
        note(netlink.delete_address(link.index, *net).await);
    }
    for net in wanted.addresses.iter().filter(|net| !there.contains(*net)) {
        note(netlink.add_address_nodad(link.index, *net).await);
    }
    done.addresses = wanted.addresses.iter().copied().collect();
    if wanted.up && !link.up {
        note(netlink.set_up(link.index, true).await);
    }
    if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
}

fn link_local(net: &IpNet) -> bool {
    match net {
        IpNet::V4(net) => net.addr().is_link_local(),
        IpNet::V6(net) => net.addr().is_unicast_link_local(),
    }
}
