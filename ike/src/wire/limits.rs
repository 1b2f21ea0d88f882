//! How much of anything one message may hold. Each limit bounds memory and time a stranger can cost us.

/// Octets of an IKE message; what a UDP datagram can carry.
pub const MAX_MESSAGE_OCTETS: usize = 65_535;
/// Payloads in one message, skipped ones included.
pub const MAX_PAYLOADS: usize = 64;
/// Notify payloads in one message.
pub const MAX_NOTIFIES: usize = 32;
/// Proposals in one SA payload.
pub const MAX_PROPOSALS: usize = 32;
/// Transforms in one proposal.
pub const MAX_TRANSFORMS: usize = 64;
/// Attributes of one transform.
pub const MAX_ATTRIBUTES: usize = 4;
/// Traffic selectors in one TS payload.
pub const MAX_SELECTORS: usize = 64;
/// SPIs in one Delete payload.
pub const MAX_DELETE_SPIS: usize = 256;
/// Attributes of one configuration payload.
pub const MAX_CFG_ATTRIBUTES: usize = 64;
/// Octets of a nonce, least and most (RFC 7296 §2.10, §3.9).
pub const NONCE_OCTETS: std::ops::RangeInclusive<usize> = 16..=256;
/// Octets of a cookie, least and most (RFC 7296 §2.6).
pub const COOKIE_OCTETS: std::ops::RangeInclusive<usize> = 1..=64;
