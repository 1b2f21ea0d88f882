//! Ethernet frames as a bridge sees them: addresses, tag, type, LLC.
//!
//! ```text
//! 0        6        12    14
//! | dst 6  | src 6  | type | payload            Ethernet II   (type >= 0x0600)
//! | dst 6  | src 6  | len  | LLC ... | padding  IEEE 802.3    (len  <= 1500)
//! | dst 6  | src 6  | 8100 | TCI | type | ...   IEEE 802.1Q
//! ```
//!
//! A [`Frame`] is a view of bytes that hold at least the 14 octets of the
//! header; nothing here panics, whatever the bytes are.

use std::fmt;
use std::str::FromStr;

/// Octets before the payload of an untagged frame: two addresses and the type.
pub const HEADER_LEN: usize = 14;

/// A 48-bit MAC address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// All stations.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// The Bridge Group Address, to which BPDUs are sent (IEEE 802.1D-1998 §7.12.3).
    pub const BRIDGE_GROUP: Self = Self([0x01, 0x80, 0xc2, 0, 0, 0]);
    /// Where adit's loop probes go: a locally administered group address
    /// (`adit`, 1), which an ordinary bridge floods like any unknown group.
    pub const PROBE_GROUP: Self = Self([0x03, 0x61, 0x64, 0x69, 0x74, 0x01]);

    /// Whether the group bit is set: multicast or broadcast.
    #[must_use]
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// Whether the address is all zero, which no station has.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == [0; 6]
    }

    /// Whether a bridge must never forward frames for this group: the reserved
    /// block 01:80:c2:00:00:00-0f (IEEE 802.1D-1998 table 7-10) and the groups
    /// of Cisco's and Extreme's link protocols, as Open vSwitch has them.
    #[must_use]
    pub const fn is_reserved(self) -> bool {
        match self.0 {
            [0x01, 0x80, 0xc2, 0, 0, last] => last < 0x10,
            [0x01, 0x00, 0x0c, 0xcc, 0xcc, last] => last == 0xcc || last == 0xcd,
            [0x01, 0x00, 0x0c, 0xcd, 0xcd, 0xcd] | [0x01, 0x00, 0x0c, 0, 0, 0] => true,
            [0x00, 0xe0, 0x2b, 0, 0, last] => last == 0 || last == 4 || last == 6,
            _ => false,
        }
    }

    /// The address as an integer of 48 bits, first octet highest.
    #[must_use]
    pub const fn to_u64(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }

    /// The address whose integer is the low 48 bits of `value`.
    #[must_use]
    pub const fn from_u64(value: u64) -> Self {
        let [_, _, a, b, c, d, e, f] = value.to_be_bytes();
        Self([a, b, c, d, e, f])
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not six pairs of hexadecimal digits joined by colons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a MAC address; write six pairs of hexadecimal digits, as in 9e:0e:c7:e5:89:4f")]
pub struct BadMacAddr;

impl FromStr for MacAddr {
    type Err = BadMacAddr;

    fn from_str(text: &str) -> Result<Self, BadMacAddr> {
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part = parts.next().ok_or(BadMacAddr)?;
            if part.len() != 2 || !part.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(BadMacAddr);
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| BadMacAddr)?;
        }
        if parts.next().is_some() {
            return Err(BadMacAddr);
        }
        Ok(Self(octets))
    }
}

/// An EtherType (IEEE 802 numbers), at least 0x0600.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EtherType(pub u16);

impl EtherType {
    /// Customer VLAN tag (IEEE 802.1Q).
    pub const VLAN: Self = Self(0x8100);
    /// Service VLAN tag (IEEE 802.1ad).
    pub const SERVICE_VLAN: Self = Self(0x88a8);
    /// Local experimental EtherType 1 (IEEE 802), which adit's probes use.
    pub const PROBE: Self = Self(0x88b5);
}

/// An 802.1Q tag: priority, drop eligibility, VLAN identifier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VlanTag {
    /// Priority code point, 0-7.
    pub priority: u8,
    /// Drop eligible indicator.
    pub drop_eligible: bool,
    /// VLAN identifier, 0-4095; 0 means "priority only".
    pub vid: u16,
}

/// What follows the addresses (and the tag).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Body<'a> {
    /// Ethernet II: the type and all bytes after it, padding included.
    Ethernet(EtherType, &'a [u8]),
    /// IEEE 802.3: the LLC data unit, trimmed to the length field.
    Llc(&'a [u8]),
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Shorter than addresses and type (or than the tag it announces).
    #[error("frame of {0} bytes is shorter than its header")]
    TooShort(usize),
    /// The 802.3 length field names more bytes than there are, or is one of
    /// 1501-1535, which is neither a length nor a type.
    #[error("length field {length} does not fit the {present} bytes that follow it")]
    BadLength {
        /// What the field says.
        length: u16,
        /// Bytes after the field.
        present: usize,
    },
}

/// A view of an Ethernet frame of at least [`HEADER_LEN`] bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    destination: MacAddr,
    source: MacAddr,
    /// From octet 12 on.
    rest: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads the addresses.
    ///
    /// # Errors
    /// [`FrameError::TooShort`] below 14 bytes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let short = FrameError::TooShort(bytes.len());
        if bytes.len() < HEADER_LEN {
            return Err(short);
        }
        let (destination, after) = bytes.split_first_chunk().ok_or(short)?;
        let (source, rest) = after.split_first_chunk().ok_or(short)?;
        Ok(Self { destination: MacAddr(*destination), source: MacAddr(*source), rest })
    }

    /// Where the frame goes.
    #[must_use]
    pub const fn destination(&self) -> MacAddr {
        self.destination
    }

    /// Who sent it.
    #[must_use]
    pub const fn source(&self) -> MacAddr {
        self.source
    }

    /// The type or length field right behind the addresses.
    #[must_use]
    pub fn type_field(&self) -> u16 {
        be16(self.rest, 0).unwrap_or(0)
    }

    /// The outer 802.1Q or 802.1ad tag, if there is one and it is whole.
    #[must_use]
    pub fn tag(&self) -> Option<VlanTag> {
        if !is_tag(self.type_field()) {
            return None;
        }
        let tci = be16(self.rest, 2)?;
        Some(VlanTag { priority: (tci >> 13) as u8, drop_eligible: tci & 0x1000 != 0, vid: tci & 0x0fff })
    }

    /// What follows the addresses and the outer tag.
    ///
    /// # Errors
    /// [`FrameError`] when a tag is cut off or a length field does not fit.
    pub fn body(&self) -> Result<Body<'a>, FrameError> {
        let at = if is_tag(self.type_field()) { 4 } else { 0 };
        let short = FrameError::TooShort(12 + self.rest.len());
        let field = be16(self.rest, at).ok_or(short)?;
        let data = self.rest.get(at + 2..).ok_or(short)?;
        if field >= 0x0600 {
            return Ok(Body::Ethernet(EtherType(field), data));
        }
        let bad = FrameError::BadLength { length: field, present: data.len() };
        if field > 1500 {
            return Err(bad);
        }
        data.get(..usize::from(field)).map(Body::Llc).ok_or(bad)
    }
}

/// Whether a type field announces a VLAN tag.
#[inline]
pub(crate) const fn is_tag(field: u16) -> bool {
    field == EtherType::VLAN.0 || field == EtherType::SERVICE_VLAN.0
}

/// Two octets at `at`, big-endian.
#[inline]
pub(crate) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_be_bytes(*b))
}

#[cfg(test)]
mod tests;
