//! What goes wrong, and what it is called in the drop counters.

/// Why a packet was not sealed. RFC 4303 §3.3.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, thiserror::Error)]
pub enum SealError {
    /// The SA has carried as many packets or bytes as it may.
    #[error("the SA has reached its hard limit")]
    HardLimit,
    /// There is no next sequence number: it must never repeat under a key (RFC 4303 §3.3.3).
    #[error("the SA has run out of sequence numbers")]
    SequenceExhausted,
    /// The packet is not as long as the layout says, or the layout is of another SA: the caller's mistake.
    #[error("the packet does not have the layout of this SA")]
    Layout,
}

/// Why a packet was not opened: the drop reason. RFC 4303 §3.4.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, thiserror::Error)]
pub enum OpenError {
    /// Not even room for header, IV, trailer and ICV.
    #[error("too short for an ESP packet")]
    TooShort,
    /// The ciphertext is not in whole blocks.
    #[error("ciphertext not in whole blocks")]
    BadLength,
    /// This sequence number was received before.
    #[error("replayed")]
    Replayed,
    /// The sequence number is below the replay window.
    #[error("older than the replay window")]
    TooOld,
    /// Changed on the way, or not sealed with this key.
    #[error("wrong integrity check value")]
    BadIcv,
    /// Authentic, but the padding is not 1, 2, 3 … (RFC 4303 §2.4).
    #[error("wrong padding")]
    BadPadding,
    /// The SA has carried as many packets or bytes as it may.
    #[error("the SA has reached its hard limit")]
    HardLimit,
    /// Authentic, but a dummy, next header 59: to be discarded without further ado (RFC 4303 §2.6).
    #[error("dummy packet")]
    Dummy,
}

impl SealError {
    /// Every variant, for counters.
    pub const ALL: [Self; 3] = [Self::HardLimit, Self::SequenceExhausted, Self::Layout];

    /// The name in the drop counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HardLimit => "hard_limit",
            Self::SequenceExhausted => "sequence_exhausted",
            Self::Layout => "layout",
        }
    }
}

impl OpenError {
    /// Every variant, for counters.
    pub const ALL: [Self; 8] = [
        Self::TooShort,
        Self::BadLength,
        Self::Replayed,
        Self::TooOld,
        Self::BadIcv,
        Self::BadPadding,
        Self::HardLimit,
        Self::Dummy,
    ];

    /// The name in the drop counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::BadLength => "bad_length",
            Self::Replayed => "replayed",
            Self::TooOld => "too_old",
            Self::BadIcv => "bad_icv",
            Self::BadPadding => "bad_padding",
            Self::HardLimit => "hard_limit",
            Self::Dummy => "dummy",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct() {
        let mut names: Vec<_> = OpenError::ALL.iter().map(|error| error.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), OpenError::ALL.len());
        let mut names: Vec<_> = SealError::ALL.iter().map(|error| error.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SealError::ALL.len());
    }
}
