//! Arithmetic of traffic selectors: what two have in common, what one covers.

use crate::wire::ts::{AddressRange, PortRange, TrafficSelector};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

impl TrafficSelector {
    /// Every packet from or to one prefix; bits behind `length` are ignored, a
    /// length beyond the family's is its maximum.
    #[must_use]
    pub fn prefix(address: IpAddr, length: u8) -> Self {
        let addresses = match address {
            IpAddr::V4(address) => {
                let host = u32::MAX.checked_shr(length.into()).unwrap_or(0);
                let bits = u32::from(address);
                AddressRange::V4 { start: (bits & !host).into(), end: (bits | host).into() }
            }
            IpAddr::V6(address) => {
                let host = u128::MAX.checked_shr(length.into()).unwrap_or(0);
                let bits = u128::from(address);
                AddressRange::V6 { start: (bits & !host).into(), end: (bits | host).into() }
            }
        };
        Self { protocol: 0, ports: PortRange::ANY, addresses }
    }

    /// The same, for one protocol only.
    #[must_use]
    pub const fn with_protocol(mut self, protocol: u8) -> Self {
        self.protocol = protocol;
        self
    }

    /// The same, for one port only.
    #[must_use]
    pub const fn with_port(mut self, port: u16) -> Self {
        self.ports = PortRange::one(port);
        self
    }

    /// What both cover, or `None`. RFC 7296 §2.9.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let protocol = match (self.protocol, other.protocol) {
            (0, one) | (one, 0) => one,
            (own, one) => (own == one).then_some(own)?,
        };
        let ports = self.ports.intersection(other.ports)?;
        let addresses = self.addresses.intersection(other.addresses)?;
        Some(Self { protocol, ports, addresses })
    }

    /// True when every packet of `other` is one of ours.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.intersection(other) == Some(*other)
    }

    /// True for a packet end with these fields. A packet whose ports are not
    /// visible (a fragment) passes `None` and matches any or OPAQUE ports only.
    #[must_use]
    pub fn matches(&self, protocol: u8, address: IpAddr, port: Option<u16>) -> bool {
        let ports = match port {
            _ if self.ports == PortRange::ANY => true,
            Some(port) => self.ports.start <= port && port <= self.ports.end,
            None => self.ports == PortRange::OPAQUE,
        };
        ports && (self.protocol == 0 || self.protocol == protocol) && self.addresses.contains(address)
    }
}

impl AddressRange {
    /// True when the address is in the range.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::V4 { start, end }, IpAddr::V4(address)) => start <= address && address <= end,
            (Self::V6 { start, end }, IpAddr::V6(address)) => start <= address && address <= end,
            (Self::V4 { .. }, IpAddr::V6(_)) | (Self::V6 { .. }, IpAddr::V4(_)) => false,
        }
    }

    /// The one address of the range, if it has only one.
    #[must_use]
    pub fn single(self) -> Option<IpAddr> {
        match self {
            Self::V4 { start, end } => (start == end).then_some(start.into()),
            Self::V6 { start, end } => (start == end).then_some(start.into()),
        }
    }

    fn intersection(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::V4 { start: a, end: b }, Self::V4 { start: c, end: d }) => {
                let (start, end): (Ipv4Addr, Ipv4Addr) = (a.max(c), b.min(d));
                (start <= end).then_some(Self::V4 { start, end })
            }
            (Self::V6 { start: a, end: b }, Self::V6 { start: c, end: d }) => {
                let (start, end): (Ipv6Addr, Ipv6Addr) = (a.max(c), b.min(d));
                (start <= end).then_some(Self::V6 { start, end })
            }
            (Self::V4 { .. }, Self::V6 { .. }) | (Self::V6 { .. }, Self::V4 { .. }) => None,
        }
    }
}

impl PortRange {
    // OPAQUE is not a range: only "any" includes it (RFC 4301 §4.4.1.1).
    fn intersection(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::OPAQUE, Self::OPAQUE | Self::ANY) | (Self::ANY, Self::OPAQUE) => Some(Self::OPAQUE),
            (Self::OPAQUE, _) | (_, Self::OPAQUE) => None,
            (a, b) => {
                let (start, end) = (a.start.max(b.start), a.end.min(b.end));
                (start <= end).then_some(Self { start, end })
            }
        }
    }
}

#[cfg(test)]
mod tests;
