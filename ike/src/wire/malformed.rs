//! What can be wrong with the bytes of a message.

use super::iana::PayloadType;

/// A message that is not what RFC 7296 §3 describes: which payload, which rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Fewer octets than an IKE header has.
    #[error("{0} octets are too few for an IKE header")]
    TooShort(usize),
    /// The header's length is not that of the datagram.
    #[error("the header says {stated} octets, the datagram has {actual}")]
    Length {
        /// Length field of the header.
        stated: u32,
        /// Octets received.
        actual: usize,
    },
    /// A major version that is not 2.
    #[error("IKE major version {0} is not spoken here")]
    MajorVersion(u8),
    /// The initiator's SPI is zero.
    #[error("the initiator's SPI is zero")]
    ZeroSpi,
    /// A payload nobody here knows, which the sender says must be understood.
    #[error("critical payload of unknown type {}", .0.0)]
    UnsupportedCritical(PayloadType),
    /// One payload breaks one rule.
    #[error("{payload} payload: {rule}")]
    Payload {
        /// The payload at fault.
        payload: PayloadType,
        /// The rule broken.
        rule: Rule,
    },
}

/// The rule a payload breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// A length points past the end of what contains it.
    #[error("ends before its contents do")]
    Truncated,
    /// A length is smaller than the fixed part it counts.
    #[error("length is less than the fixed part")]
    LengthTooSmall,
    /// Octets are left over where a structure should end.
    #[error("octets are left over")]
    TrailingOctets,
    /// A count and what is counted differ.
    #[error("count and contents differ")]
    Count,
    /// "Last Substruc" and the place in the list contradict each other.
    #[error("wrong \"last\" mark")]
    LastMark,
    /// Proposals are not numbered one by one.
    #[error("proposals are not numbered one by one")]
    ProposalNumber,
    /// The SPI has a size the protocol does not have.
    #[error("SPI size does not fit the protocol")]
    SpiSize,
    /// The same attribute twice in one transform.
    #[error("an attribute is repeated")]
    RepeatedAttribute,
    /// The protocol is none this payload can speak of.
    #[error("protocol does not belong here")]
    Protocol,
    /// The data is shorter or longer than the standard allows.
    #[error("data has a length the standard does not allow")]
    DataLength,
    /// A range ends before it starts.
    #[error("a range ends before it starts")]
    Range,
    /// A payload that must be the last is followed by another, or stands inside itself.
    #[error("stands where it must not")]
    Placement,
    /// Fragment number zero, or above the total.
    #[error("fragment number does not fit the total")]
    FragmentNumber,
    /// More than a named limit of [`super::limits`] allows.
    #[error("more than this end accepts")]
    TooMany,
}

impl Malformed {
    /// Names the payload at fault and the rule.
    pub(crate) const fn payload(payload: PayloadType, rule: Rule) -> Self {
        Self::Payload { payload, rule }
    }
}
