//! Ethernet bridge with spanning tree and loop probes.
#![forbid(unsafe_code)]
