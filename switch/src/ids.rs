//! What spanning tree compares: identifiers, costs, priority vectors
//! (IEEE 802.1D-1998 §8.5, §9.2). In all of them the lower value is the better.

use crate::frame::MacAddr;
use std::fmt;
use std::str::FromStr;

/// Bridge Identifier: priority, then address (§9.2.5). Prints as `8000.9e0ec7e5894f`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BridgeId {
    /// `stp-priority`.
    pub priority: u16,
    /// `stp-system-id`.
    pub address: MacAddr,
}

impl BridgeId {
    /// Default of `stp-priority`.
    pub const DEFAULT_PRIORITY: u16 = 0x8000;

    /// The eight octets of a BPDU.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        (((self.priority as u64) << 48) | self.address.to_u64()).to_be_bytes()
    }

    /// From the eight octets of a BPDU.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        let [a, b, ..] = bytes;
        Self { priority: u16::from_be_bytes([a, b]), address: MacAddr::from_u64(u64::from_be_bytes(bytes)) }
    }
}

impl fmt::Display for BridgeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}.{:012x}", self.priority, self.address.to_u64())
    }
}

impl fmt::Debug for BridgeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a bridge identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a bridge identifier; write four and twelve hexadecimal digits, as in 8000.9e0ec7e5894f")]
pub struct BadBridgeId;

impl FromStr for BridgeId {
    type Err = BadBridgeId;

    fn from_str(text: &str) -> Result<Self, BadBridgeId> {
        let (priority, address) = text.split_once('.').ok_or(BadBridgeId)?;
        let hex = |digits: &str, len: usize| {
            let good = digits.len() == len && digits.bytes().all(|b| b.is_ascii_hexdigit());
            if good { u64::from_str_radix(digits, 16).ok() } else { None }
        };
        let priority = hex(priority, 4).and_then(|p| u16::try_from(p).ok()).ok_or(BadBridgeId)?;
        let address = hex(address, 12).map(MacAddr::from_u64).ok_or(BadBridgeId)?;
        Ok(Self { priority, address })
    }
}

/// Port Identifier: priority in the high octet, number in the low one (§9.2.7). Prints as `8002`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortIdentifier(pub u16);

impl PortIdentifier {
    /// Joins `stp-port-priority` and the number.
    #[must_use]
    pub const fn new(priority: u8, number: u8) -> Self {
        Self(u16::from_be_bytes([priority, number]))
    }

    /// `stp-port-priority`.
    #[must_use]
    pub const fn priority(self) -> u8 {
        self.0.to_be_bytes()[0]
    }

    /// `stp-port-num`.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0.to_be_bytes()[1]
    }
}

impl fmt::Display for PortIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}", self.0)
    }
}

impl fmt::Debug for PortIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not four hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a port identifier; write four hexadecimal digits, as in 8002")]
pub struct BadPortIdentifier;

impl FromStr for PortIdentifier {
    type Err = BadPortIdentifier;

    fn from_str(text: &str) -> Result<Self, BadPortIdentifier> {
        if text.len() != 4 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(BadPortIdentifier);
        }
        u16::from_str_radix(text, 16).map(Self).map_err(|_| BadPortIdentifier)
    }
}

/// What crossing one link costs, 1-65535 (§8.5.5.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PathCost(pub u16);

impl PathCost {
    /// Of a link whose speed nobody knows, as all tunnels are: that of
    /// 10 Gbit/s, as in Open vSwitch, so that both sides reckon alike.
    pub const TUNNEL: Self = Self(2);

    /// The recommended cost of a link of `megabits` per second (802.1D-1998
    /// table 8-5, with Open vSwitch's values beyond it).
    #[must_use]
    pub const fn of_speed(megabits: u32) -> Self {
        Self(match megabits {
            10_000.. => 2,
            1_000.. => 4,
            100.. => 19,
            16.. => 62,
            10.. => 100,
            _ => 250,
        })
    }
}

/// What a configuration message claims, compared as §8.6.2.2 and §8.6.8.3.2
/// do: root, cost to it, designated bridge, designated port.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PriorityVector {
    /// Who is taken to be the root.
    pub root: BridgeId,
    /// Cost from the sender to the root.
    pub cost: u32,
    /// Who sends.
    pub bridge: BridgeId,
    /// Through which of its ports.
    pub port: PortIdentifier,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_printed_is_parsed(bytes: [u8; 8], port: u16) {
            let id = BridgeId::from_bytes(bytes);
            prop_assert_eq!(id.to_bytes(), bytes);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            let port = PortIdentifier(port);
            prop_assert_eq!(port.to_string().parse(), Ok(port));
            prop_assert_eq!(PortIdentifier::new(port.priority(), port.number()), port);
        }

        #[test]
        fn order_is_that_of_the_octets(a: [u8; 8], b: [u8; 8]) {
            prop_assert_eq!(BridgeId::from_bytes(a).cmp(&BridgeId::from_bytes(b)), a.cmp(&b));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,24}") {
            let _ = text.parse::<BridgeId>();
            let _ = text.parse::<PortIdentifier>();
            let _ = text.parse::<MacAddr>();
        }
    }

    #[test]
    fn the_form_is_open_vswitchs() {
        let id: BridgeId = "8000.9e0ec7e5894f".parse().expect("the form OVS prints");
        assert_eq!((id.priority, id.address.to_string().as_str()), (0x8000, "9e:0e:c7:e5:89:4f"));
        for bad in
            ["", "8000", "800.9e0ec7e5894f", "8000.9e0ec7e5894", "+000.9e0ec7e5894f", "8000.9e:0ec7e5894f"]
        {
            assert_eq!(bad.parse::<BridgeId>(), Err(BadBridgeId), "{bad}");
        }
        assert_eq!(PortIdentifier::new(128, 2).to_string(), "8002");
    }

    #[test]
    fn costs_follow_the_speed() {
        let costs = [1, 4, 10, 16, 100, 1000, 2500, 10_000, 100_000].map(|s| PathCost::of_speed(s).0);
        assert_eq!(costs, [250, 250, 100, 62, 19, 4, 4, 2, 2]);
    }
}
