//! Statements of RFC 7296, one test each, played by a peer made by hand. The ledger of them all is
//! `testvectors/requirements/rfc7296.toml`.

mod asking;
mod established;
mod handshake;
mod outside;
