//! What is wanted, valid by construction: only [`validate`](super::validate)
//! makes a [`Desired`], and nothing downstream checks it again.

mod algorithms;
mod names;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use adit_crypto::Secret;
use ipnet::IpNet;

pub use algorithms::{Cipher, EspSuite, Hash, IkeSuite, KeyExchange};
pub use names::{DeviceName, MacAddress};

/// Everything that shall run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Desired {
    /// Bridges by name. No port name occurs twice in all of them.
    pub bridges: BTreeMap<DeviceName, Bridge>,
    /// Route-based IPsec interfaces by device name.
    pub ipsec: BTreeMap<DeviceName, IpsecInterface>,
}

impl Desired {
    /// Whether something here has a key that could not be read.
    pub fn lacks_keys(&self) -> bool {
        let ports = self.bridges.values().flat_map(|bridge| bridge.ports.values());
        let tunnels = ports.filter_map(|port| match &port.kind {
            PortKind::Tunnel(tunnel) => tunnel.protection.as_deref(),
            PortKind::Internal(_) | PortKind::Tap(_) | PortKind::System => None,
        });
        let interfaces = self.ipsec.values().map(|interface| &*interface.protection);
        tunnels.chain(interfaces).any(|protection| protection.psk.is_err())
    }
}

/// A bridge; its local port is a persistent TAP of the same name.
#[derive(Debug, Clone, PartialEq)]
pub struct Bridge {
    /// The spanning tree, if one is wanted.
    pub stp: Option<StpSettings>,
    /// Bridge address; the local port gets it too. `None`: the TAP's own.
    pub hwaddr: Option<MacAddress>,
    /// How long a learned address is kept.
    pub mac_aging: Duration,
    /// Most learned addresses.
    pub mac_table_size: usize,
    /// Forwards frames to the reserved group addresses 01:80:c2:00:00:0x.
    pub forward_bpdu: bool,
    /// Addresses of the local port that adit puts there. Others are left alone.
    pub addresses: Vec<IpNet>,
    /// MTU of the local port; `None`: the smallest of the tunnels.
    pub mtu: Option<u16>,
    /// Ports without the local one.
    pub ports: BTreeMap<DeviceName, Port>,
}

/// Bridge parameters of IEEE 802.1D-1998 §8.5.3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StpSettings {
    /// Upper half of the bridge identifier.
    pub priority: u16,
    /// Lower half; `None`: the bridge's address.
    pub system_id: Option<MacAddress>,
    /// Bridge Hello Time.
    pub hello_time: Duration,
    /// Bridge Max Age.
    pub max_age: Duration,
    /// Bridge Forward Delay.
    pub forward_delay: Duration,
}

impl Default for StpSettings {
    fn default() -> Self {
        Self {
            priority: 0x8000,
            system_id: None,
            hello_time: Duration::from_secs(2),
            max_age: Duration::from_secs(20),
            forward_delay: Duration::from_secs(15),
        }
    }
}

/// A port of a bridge.
#[derive(Debug, Clone, PartialEq)]
pub struct Port {
    /// What is behind it.
    pub kind: PortKind,
    /// Its part in the spanning tree.
    pub stp: StpPortSettings,
    /// The OpenFlow number asked for, only shown.
    pub ofport: Option<u16>,
}

/// What is behind a port.
#[derive(Debug, Clone, PartialEq)]
pub enum PortKind {
    /// A TAP of ours that the host uses as its own interface.
    Internal(TapSettings),
    /// A TAP of ours for something else on the host.
    Tap(TapSettings),
    /// A device that exists already, by AF_PACKET.
    System,
    /// A tunnel to another host.
    Tunnel(Tunnel),
}

/// Settings of a device made by us.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TapSettings {
    /// Hardware address; `None`: the kernel's choice, kept.
    pub mac: Option<MacAddress>,
    /// MTU; `None`: as the bridge.
    pub mtu: Option<u16>,
    /// Addresses put there.
    pub addresses: Vec<IpNet>,
}

/// Port parameters of IEEE 802.1D-1998 §8.5.5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StpPortSettings {
    /// Whether the port takes part. Internal ports never do.
    pub enabled: bool,
    /// Port number 1 to 255; `None`: given by the bridge, and kept.
    pub number: Option<u8>,
    /// Upper half of the port identifier.
    pub priority: u8,
    /// Path cost; `None`: by the port's speed.
    pub path_cost: Option<u16>,
}

impl Default for StpPortSettings {
    fn default() -> Self {
        Self { enabled: true, number: None, priority: 128, path_cost: None }
    }
}

/// Types of tunnels.
pub const TUNNEL_TYPES: [&str; 6] = ["gre", "vxlan", "geneve", "ipsec_gre", "ipsec_vxlan", "ipsec_geneve"];

/// A tunnel to one other host.
#[derive(Debug, Clone, PartialEq)]
pub struct Tunnel {
    /// The type as it was written: `gre`, `vxlan`, `geneve`, or one of these behind `ipsec_`. Only
    /// shown: what it means is in `encap` and `protection`.
    pub kind: String,
    /// Header put in front of frames.
    pub encap: Encap,
    /// Our address; `None`: what the route to `remote` says.
    pub local: Option<IpAddr>,
    /// Their address: unicast, same family as `local`.
    pub remote: IpAddr,
    /// Outer DSCP (upper six bits) or copied from inside.
    pub tos: Inheritable<u8>,
    /// Outer TTL or hop limit.
    pub ttl: Inheritable<u8>,
    /// SO_MARK of outer packets, 0 for none.
    pub mark: u32,
    /// IPsec, if the tunnel is protected; then it has no other sender.
    pub protection: Option<Arc<Protection>>,
}

/// A value, or copied from the inner packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inheritable<T> {
    /// This value.
    Fixed(T),
    /// The inner packet's.
    Inherit,
}

/// The encapsulation with its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encap {
    /// RFC 2784 and 2890, transparent Ethernet bridging.
    Gre {
        /// Key expected; `None`: no key, or key 0.
        in_key: Option<u32>,
        /// Key sent; `None`: no key field.
        out_key: Option<u32>,
        /// Checksum sent.
        csum: bool,
        /// Sequence number sent.
        seq: bool,
    },
    /// Behind a UDP header.
    Udp {
        /// Which.
        header: UdpTunnel,
        /// VNI expected, 24 bits.
        in_vni: u32,
        /// VNI sent, 24 bits.
        out_vni: u32,
        /// Outer UDP checksum; `None`: only over IPv6.
        csum: Option<bool>,
        /// UDP destination port, ours and theirs.
        dst_port: u16,
    },
}

/// A tunnel header that stands behind a UDP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UdpTunnel {
    /// RFC 7348.
    Vxlan,
    /// RFC 8926.
    Geneve,
}

/// How a tunnel or an interface is protected.
#[derive(Debug, Clone, PartialEq)]
pub struct Protection {
    /// The pre-shared key, or one line that says why it cannot be read now: then there are no SAs, and
    /// what is protected lets nothing through.
    pub psk: Result<Psk, String>,
    /// Our identity; `None`: our address.
    pub local_id: Option<Identity>,
    /// Theirs; `None`: their address.
    pub remote_id: Option<Identity>,
    /// IKE proposals, best first; empty: all that is good.
    pub ike: Vec<IkeSuite>,
    /// ESP proposals, best first; empty: all that is good.
    pub esp: Vec<EspSuite>,
    /// Always UDP-encapsulated, not only where there is a NAT.
    pub force_udp: bool,
    /// Whether we start the negotiation.
    pub initiate: bool,
    /// When SAs are replaced.
    pub lifetimes: Lifetimes,
    /// Silence after which the peer is asked whether it lives.
    pub liveness: Duration,
}

impl Protection {
    /// Why there is no key, if there is none.
    pub fn key_error(&self) -> Option<&str> {
        self.psk.as_ref().err().map(String::as_str)
    }
}

/// When SAs are replaced: the soft limits; hard ones follow from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// Age of an IKE SA at which it is rekeyed.
    pub ike: Duration,
    /// Age of a child SA at which it is rekeyed.
    pub child: Duration,
    /// Packets of a child SA in one direction at which it is rekeyed.
    pub child_packets: Option<u64>,
    /// Bytes of a child SA in one direction at which it is rekeyed.
    pub child_bytes: Option<u64>,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            ike: Duration::from_secs(4 * 3600),
            child: Duration::from_secs(3600),
            child_packets: None,
            child_bytes: None,
        }
    }
}

/// A pre-shared key, shared between those who need it and never copied.
#[derive(Clone)]
pub struct Psk(Arc<Secret>);

impl Psk {
    /// Takes the key over.
    pub fn new(key: Vec<u8>) -> Self {
        Self(Arc::new(Secret::new(key)))
    }

    /// The key, for the one place that hands it to IKE.
    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

impl PartialEq for Psk {
    fn eq(&self, other: &Self) -> bool {
        *self.0 == *other.0
    }
}

impl std::fmt::Debug for Psk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

/// An IKE identity (RFC 7296 §3.5).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identity {
    /// ID_IPV4_ADDR or ID_IPV6_ADDR.
    Address(IpAddr),
    /// ID_FQDN.
    Fqdn(String),
    /// ID_RFC822_ADDR.
    Email(String),
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Fqdn(name) | Self::Email(name) => f.write_str(name),
        }
    }
}

/// A TUN device whose packets go through one tunnel-mode SA.
#[derive(Debug, Clone, PartialEq)]
pub struct IpsecInterface {
    /// Our address; `None`: what the route to `remote` says.
    pub local: Option<IpAddr>,
    /// Their address.
    pub remote: IpAddr,
    /// How it is protected; there is no other kind.
    pub protection: Arc<Protection>,
    /// Addresses of the device.
    pub inside: Vec<IpNet>,
    /// Routed through the device.
    pub routes: Vec<IpNet>,
    /// Traffic selectors of our side; empty: everything.
    pub local_ts: Vec<IpNet>,
    /// Traffic selectors of their side; empty: everything.
    pub remote_ts: Vec<IpNet>,
    /// MTU of the device; `None`: what fits.
    pub mtu: Option<u16>,
}
