//! Algorithms behind IANA numbers; knows no protocol.
//!
//! Read in this order:
//!
//! - [`transform`]: the numbers of RFC 7296 §3.3.2 and their names
//! - [`suite`]: THE table: what a suite of numbers costs in key, IV and ICV bytes
//! - [`protect`]: [`Sealer`] and [`Opener`], the same face for an AEAD and for cipher + MAC
//! - [`integ`]: HMAC-SHA2 cut to the length of its transform (RFC 4868)
//! - [`prf`]: PRF and prf+ (RFC 7296 §2.13)
//! - [`kex`]: key exchange: initiate, finish, respond
//! - [`digest`]: plain hashes, for what is neither keyed nor secret
//! - [`rng`]: randomness as an argument, from 32 bytes of seed
//! - [`secret`]: key material: wiped, uncloneable, opaque
//!
//! Two [`Backend`]s exist for what packets go through: aws-lc and RustCrypto. Each is the other's oracle in
//! the tests. A new algorithm is one file and one row in `suite.rs`.
//!
//! Nothing here reads a clock, opens a file or asks the system for entropy, and no input makes it panic.
#![forbid(unsafe_code)]

pub mod digest;
pub mod integ;
pub mod kex;
pub mod prf;
pub mod protect;
pub mod rng;
pub mod secret;
pub mod suite;
pub mod transform;

pub use protect::{Aad, Backend, Iv, Opener, Sealer};
pub use rng::Rng;
pub use secret::Secret;
pub use suite::{Geometry, Suite};
pub use transform::{EncrId, IntegId, KeId, PrfId};

/// Compares two byte strings in time that depends on their lengths only.
#[must_use]
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    subtle::ConstantTimeEq::ct_eq(a, b).into()
}
