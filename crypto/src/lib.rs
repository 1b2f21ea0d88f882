//! Algorithms behind IANA numbers; knows no protocol.
#![forbid(unsafe_code)]
