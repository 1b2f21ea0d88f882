//! Ethernet over IP: one header in front, one header off.
//!
//! ```text
//! GRE     IP proto 47 │ GRE 4 (+4 checksum) (+4 key) (+4 sequence) │ Ethernet frame
//! VXLAN   IP │ UDP 8, port 4789 │ VXLAN 8                          │ Ethernet frame
//! Geneve  IP │ UDP 8, port 6081 │ Geneve 8 (+ options)             │ Ethernet frame
//! ```
//!
//! [`Tunnel::push`] writes exactly [`Tunnel::overhead`] bytes in front of a
//! frame that already stands at its final place; [`pop`] finds the frame
//! again. Which port a packet belongs to is the caller's matter: parse first,
//! then look up (protocol, local, remote, key).
//!
//! Outer IP headers are the kernel's. So is the UDP header of a packet
//! that leaves through a socket; inside ESP nobody else can write it, and
//! [`udp`] does.
//!
//! A further encapsulation is a file beside [`gre`], [`vxlan`] and [`geneve`] and its
//! line in [`Tunnel`], in [`Protocol`] and in [`pop`].
#![forbid(unsafe_code)]

pub mod checksum;
pub mod entropy;
pub mod error;
pub mod geneve;
pub mod gre;
pub mod udp;
pub mod vxlan;

pub use error::PopError;
pub use geneve::Geneve;
pub use gre::Gre;
pub use udp::UdpHeader;
pub use vxlan::Vxlan;

/// EtherType and GRE protocol of transparent Ethernet bridging.
pub const TRANSPARENT_ETHERNET_BRIDGING: u16 = 0x6558;

/// How a packet came: decides who parses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// IP protocol 47.
    Gre,
    /// The payload of a UDP datagram to a VXLAN port.
    Vxlan,
    /// The payload of a UDP datagram to a Geneve port.
    Geneve,
}

impl Protocol {
    /// Whether its packets are UDP datagrams, whose source port tells flows apart.
    pub fn is_udp(self) -> bool {
        match self {
            Self::Gre => false,
            Self::Vxlan | Self::Geneve => true,
        }
    }
}

/// The encapsulating half of one tunnel port. Static dispatch: this is the packet path.
#[derive(Clone, Debug)]
pub enum Tunnel {
    /// RFC 2784, 2890.
    Gre(Gre),
    /// RFC 7348.
    Vxlan(Vxlan),
    /// RFC 8926.
    Geneve(Geneve),
}

impl Tunnel {
    /// Bytes in front of the frame: outer IP excluded, UDP included only where it travels inside ESP.
    pub fn overhead(&self) -> usize {
        match self {
            Self::Gre(gre) => gre.overhead(),
            Self::Vxlan(vxlan) => vxlan.overhead(),
            Self::Geneve(geneve) => geneve.overhead(),
        }
    }

    /// Writes the header of one packet.
    ///
    /// `header` is exactly [`Self::overhead`] bytes, `payload` the frame behind it (read only for
    /// checksums), `flow` its [`entropy::flow_hash`].
    ///
    /// # Panics
    /// When `header` has another length: a mistake of the caller, not of input.
    pub fn push(&mut self, header: &mut [u8], payload: &[u8], flow: u32) {
        match self {
            Self::Gre(gre) => gre.push(header, payload),
            Self::Vxlan(vxlan) => vxlan.push(header, payload, flow),
            Self::Geneve(geneve) => geneve.push(header, payload, flow),
        }
    }

    /// The UDP header it writes itself, if it does.
    pub fn udp(&self) -> Option<&UdpHeader> {
        match self {
            Self::Gre(_) => None,
            Self::Vxlan(vxlan) => vxlan.udp.as_ref(),
            Self::Geneve(geneve) => geneve.udp.as_ref(),
        }
    }

    /// Who parses this tunnel's packets.
    pub fn protocol(&self) -> Protocol {
        match self {
            Self::Gre(_) => Protocol::Gre,
            Self::Vxlan(_) => Protocol::Vxlan,
            Self::Geneve(_) => Protocol::Geneve,
        }
    }
}

/// A frame found inside a packet: `packet[start..end]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inner {
    /// GRE key or VNI. `None` and `Some(0)` mean the same port (as in Open vSwitch).
    pub key: Option<u32>,
    /// First byte of the frame.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

impl Inner {
    /// The frame.
    ///
    /// # Panics
    /// When `packet` is not the one that was parsed.
    pub fn frame<'p>(&self, packet: &'p [u8]) -> &'p [u8] {
        &packet[self.start..self.end]
    }
}

/// Finds the frame in a packet that came by `protocol`.
///
/// # Errors
/// Why it is none; the variants are drop reasons.
pub fn pop(protocol: Protocol, packet: &[u8]) -> Result<Inner, PopError> {
    let inner = match protocol {
        Protocol::Gre => gre::pop(packet),
        Protocol::Vxlan => vxlan::pop(packet),
        Protocol::Geneve => geneve::pop(packet),
    }?;
    if inner.end - inner.start < ETHERNET_HEADER { Err(PopError::InnerTooShort) } else { Ok(inner) }
}

/// Destination, source, EtherType.
const ETHERNET_HEADER: usize = 14;

#[cfg(test)]
mod tests;
