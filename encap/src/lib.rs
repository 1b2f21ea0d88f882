//! Ethernet over GRE and VXLAN: one header in front, one header off.
#![forbid(unsafe_code)]
