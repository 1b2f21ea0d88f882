//! Algorithms behind IANA numbers; knows no protocol.
//!
//! Read in this order:
//!
//! - [`transform`]: the numbers of RFC 7296 §3.3.2 and their names
//! - [`keyword`]: the words of a proposal, `aes256gcm16`
//! - [`refused`]: what has a name and is not built in: why, and what to use instead
//! - [`suite`]: THE table: what a suite of numbers costs in key, IV and ICV bytes
//! - [`protect`]: [`Sealer`] and [`Opener`], the same face for an AEAD and for cipher + MAC
//! - [`integ`]: HMAC cut to the length of its transform (RFC 4868, RFC 2404)
//! - [`prf`]: PRF and prf+ (RFC 7296 §2.13)
//! - [`kex`]: key exchange: initiate, finish, respond
//! - [`backend`]: which implementation does the work
//! - [`signature`]: Ed25519, ECDSA, RSA, and the keys they are made with
//! - [`digest`]: plain hashes, for what is neither keyed nor secret
//! - [`rng`]: randomness as an argument, from 32 bytes of seed
//! - [`secret`]: key material: wiped, uncloneable, opaque
//!
//! Two [`Backend`]s exist for what packets go through: aws-lc and RustCrypto. Each is the other's oracle in
//! the tests. A new algorithm is one file and one row in `suite.rs`.
//!
//! Nothing here reads a clock, opens a file or asks the system for entropy, and no input makes it panic.
#![forbid(unsafe_code)]

pub mod backend;
pub mod digest;
pub mod integ;
pub mod kex;
pub mod keyword;
pub mod prf;
pub mod protect;
pub mod refused;
pub mod rng;
pub mod secret;
pub mod signature;
pub mod suite;
pub mod transform;

pub use backend::Backend;
pub use protect::{Aad, Iv, Opener, Sealer};
pub use rng::Rng;
pub use secret::Secret;
pub use suite::{Geometry, Suite};
pub use transform::{EncrId, IntegId, KeId, PrfId};

/// Compares two byte strings in time that depends on their lengths only.
#[must_use]
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    subtle::ConstantTimeEq::ct_eq(a, b).into()
}
