//! Bridges in nets, for many seeds. A failure prints its seed.

mod net;
mod probes;
mod stp;
mod topology;
