//! Devices and sockets. `unsafe` lives in [`sys`] and nowhere else in the program.

pub mod packet;
pub mod raw;
pub mod sys;
pub mod tap;
pub mod udp;
pub mod vnet_hdr;
