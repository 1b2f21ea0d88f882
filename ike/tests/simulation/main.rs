//! Two endpoints in a simulated world: conversations one can read, and storms of chance.
#![allow(clippy::disallowed_methods, reason = "a test starts its own clock")]

mod conformance;
mod conversations;
mod ends;
mod handover;
mod host;
mod keys;
mod network;
mod paths;
mod script;
mod storms;
mod strangers;
