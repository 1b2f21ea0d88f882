//! The ten things the lab proves, one file each.

pub mod crash;
pub mod cut;
pub mod forgery;
pub mod loops;
pub mod ping;
pub mod psk;
pub mod ring;
pub mod sa;
pub mod throughput;
pub mod wire;
