//! Why a packet holds no frame for us.

/// Drop reasons of decapsulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PopError {
    /// Shorter than its header says.
    #[error("shorter than its header")]
    TooShort,
    /// The frame inside is shorter than an Ethernet header.
    #[error("the frame inside is shorter than an Ethernet header")]
    InnerTooShort,
    /// A version or a flag that must be zero is not (RFC 2784 §2.3, RFC 7348 §5).
    #[error("version or reserved flags that must be zero are not")]
    BadFlags,
    /// A Geneve option that must be understood, and is not (RFC 8926 §3.4).
    #[error("an option that must be understood is not known")]
    CriticalOption,
    /// GRE or Geneve that carries something other than Ethernet.
    #[error("does not carry Ethernet")]
    NotEthernet,
    /// A GRE or UDP checksum that is present and wrong.
    #[error("wrong checksum")]
    BadChecksum,
}

impl PopError {
    /// Every variant, in counter order.
    pub const ALL: [Self; 6] = [
        Self::TooShort,
        Self::InnerTooShort,
        Self::BadFlags,
        Self::CriticalOption,
        Self::NotEthernet,
        Self::BadChecksum,
    ];

    /// The name of its counter.
    pub fn name(self) -> &'static str {
        match self {
            Self::TooShort => "encap_too_short",
            Self::InnerTooShort => "encap_inner_too_short",
            Self::BadFlags => "encap_bad_flags",
            Self::NotEthernet => "encap_not_ethernet",
            Self::CriticalOption => "encap_critical_option",
            Self::BadChecksum => "encap_bad_checksum",
        }
    }
}
