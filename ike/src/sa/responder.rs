//! The handshake from the responder's side, one file an exchange. RFC 7296 §1.2.

pub(crate) mod auth;
pub(crate) mod sa_init;
