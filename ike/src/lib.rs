//! IKEv2 (RFC 7296), sans-IO.
#![forbid(unsafe_code)]

pub mod error;
pub mod exchange;
pub mod wire;

pub use error::{Error, Side};
