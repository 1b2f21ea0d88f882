//! Two endpoints in a simulated world: conversations one can read, and storms of chance.

mod conversations;
mod host;
mod network;
mod storms;
