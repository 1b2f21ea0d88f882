//! Traffic Selector payloads (RFC 7296 §3.13).
//!
//! ```text
//! +---------------+---------------+-------------------------------+
//! |    TS type    |  IP protocol  |        selector length        |
//! +---------------+---------------+-------------------------------+
//! |          start port           |           end port            |
//! +-------------------------------+-------------------------------+
//! ~ starting address, ending address (4 or 16 octets each)        ~
//! +---------------------------------------------------------------+
//! ```

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::iana::TsType;
use super::limits::MAX_SELECTORS;
use super::malformed::{Malformed, Rule};
use super::reader::Reader;
use super::writer::Writer;

/// Packets of one protocol, a range of ports and a range of addresses, at one end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrafficSelector {
    /// IP protocol number; zero is any.
    pub protocol: u8,
    /// Ports (for ICMP: type and code).
    pub ports: PortRange,
    /// Addresses.
    pub addresses: AddressRange,
}

/// Ports from `start` through `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    /// Least port.
    pub start: u16,
    /// Greatest port.
    pub end: u16,
}

impl PortRange {
    /// Every port, and packets without one.
    pub const ANY: Self = Self { start: 0, end: u16::MAX };
    /// Only packets whose ports cannot be seen (RFC 7296 §3.13.1).
    pub const OPAQUE: Self = Self { start: u16::MAX, end: 0 };

    /// One port.
    #[must_use]
    pub const fn one(port: u16) -> Self {
        Self { start: port, end: port }
    }
}

/// Addresses of one family, both ends included; `start <= end` in anything parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressRange {
    /// TS_IPV4_ADDR_RANGE.
    V4 {
        /// Least address.
        start: Ipv4Addr,
        /// Greatest address.
        end: Ipv4Addr,
    },
    /// TS_IPV6_ADDR_RANGE.
    V6 {
        /// Least address.
        start: Ipv6Addr,
        /// Greatest address.
        end: Ipv6Addr,
    },
}

impl AddressRange {
    /// One address.
    #[must_use]
    pub const fn host(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::V4 { start: v4, end: v4 },
            IpAddr::V6(v6) => Self::V6 { start: v6, end: v6 },
        }
    }

    const fn ts_type(self) -> TsType {
        match self {
            Self::V4 { .. } => TsType::TS_IPV4_ADDR_RANGE,
            Self::V6 { .. } => TsType::TS_IPV6_ADDR_RANGE,
        }
    }

    fn parse(kind: TsType, body: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (range, ordered) = if kind == TsType::TS_IPV4_ADDR_RANGE {
            let (start, end) = (Ipv4Addr::from(body.array::<4>()?), Ipv4Addr::from(body.array::<4>()?));
            (Self::V4 { start, end }, start <= end)
        } else {
            let (start, end) = (Ipv6Addr::from(body.array::<16>()?), Ipv6Addr::from(body.array::<16>()?));
            (Self::V6 { start, end }, start <= end)
        };
        if ordered { Ok(range) } else { Err(body.fail(Rule::Range)) }
    }

    fn emit(self, out: &mut Writer) {
        match self {
            Self::V4 { start, end } => {
                out.bytes(&start.octets());
                out.bytes(&end.octets());
            }
            Self::V6 { start, end } => {
                out.bytes(&start.octets());
                out.bytes(&end.octets());
            }
        }
    }
}

impl TrafficSelector {
    /// Every packet of `protocol` (zero: of any) from or to one address.
    #[must_use]
    pub const fn host(address: IpAddr, protocol: u8) -> Self {
        Self { protocol, ports: PortRange::ANY, addresses: AddressRange::host(address) }
    }

    /// `None`: a selector of a type nobody here knows, passed over. It selects nothing for us, and an
    /// offer left without selectors is answered TS_UNACCEPTABLE.
    fn parse(body: &mut Reader<'_>) -> Result<Option<Self>, Malformed> {
        let kind = TsType(body.u8()?);
        let protocol = body.u8()?;
        let length = usize::from(body.u16()?);
        let mut body = body.counted(length, 4)?;
        if !matches!(kind, TsType::TS_IPV4_ADDR_RANGE | TsType::TS_IPV6_ADDR_RANGE) {
            return Ok(None);
        }
        let ports = PortRange { start: body.u16()?, end: body.u16()? };
        if ports.start > ports.end && ports != PortRange::OPAQUE {
            return Err(body.fail(Rule::Range));
        }
        let addresses = AddressRange::parse(kind, &mut body)?;
        body.finish()?;
        Ok(Some(Self { protocol, ports, addresses }))
    }

    fn emit(&self, out: &mut Writer) {
        let start = out.len();
        out.u8(self.addresses.ts_type().0);
        out.u8(self.protocol);
        let mut out = out.length_from(start);
        out.u16(self.ports.start);
        out.u16(self.ports.end);
        self.addresses.emit(&mut out);
    }
}

/// Reads a whole TS payload body: the selectors of types known here.
pub(crate) fn parse(mut body: Reader<'_>) -> Result<Vec<TrafficSelector>, Malformed> {
    let [count, ..] = body.array::<4>()?;
    if usize::from(count) > MAX_SELECTORS {
        return Err(body.fail(Rule::TooMany));
    }
    let mut selectors = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        selectors.extend(TrafficSelector::parse(&mut body)?);
    }
    body.finish()?;
    Ok(selectors)
}

/// Writes a whole TS payload body.
pub(crate) fn emit(selectors: &[TrafficSelector], out: &mut Writer) {
    out.count_u8(selectors.len());
    out.bytes(&[0, 0, 0]);
    selectors.iter().for_each(|selector| selector.emit(out));
}

impl fmt::Display for TrafficSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.addresses {
            AddressRange::V4 { start, end } if start == end => write!(f, "{start}")?,
            AddressRange::V4 { start, end } => write!(f, "{start}-{end}")?,
            AddressRange::V6 { start, end } if start == end => write!(f, "{start}")?,
            AddressRange::V6 { start, end } => write!(f, "{start}-{end}")?,
        }
        match (self.protocol, self.ports) {
            (0, PortRange::ANY) => Ok(()),
            (protocol, PortRange::ANY) => write!(f, "[{protocol}]"),
            (protocol, PortRange::OPAQUE) => write!(f, "[{protocol}/opaque]"),
            (protocol, PortRange { start, end }) if start == end => write!(f, "[{protocol}/{start}]"),
            (protocol, PortRange { start, end }) => write!(f, "[{protocol}/{start}-{end}]"),
        }
    }
}
