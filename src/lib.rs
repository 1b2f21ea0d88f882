//! adit: an Ethernet switch in userspace whose ports can be tunnels, and the
//! IKEv2/IPsec endpoint that protects them. This package alone does I/O.

pub mod cli;
pub mod config;
pub mod control;
pub mod dataplane;
pub mod lab;
pub mod net;
pub mod status;
