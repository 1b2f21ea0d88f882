//! Every parser of adit, and the state machines behind them, against octets from a fuzzer.
//!
//! A body is an ordinary function over octets that panics when something does not hold: that nothing
//! panics is the least of it. [`TARGETS`] lists them; `tests/replay.rs` runs each over its corpus in
//! `cargo test`; `targets/` makes each a libFuzzer binary; `fuzz/run` builds and runs those on stable Rust.
//!
//! | target | what is fed | what must hold |
//! |---|---|---|
//! | `ike_message` | a datagram | parsed or refused; what is parsed is written and read back as the same |
//! | `ike_exchange` | a payload chain as request or response | a body or a typed refusal; bodies are written and read back |
//! | `ike_sk_open` | a datagram, and the inside of an authentic one | forgeries are refused; authentic ones read or named malformed |
//! | `ike_endpoint` | what a network does to two endpoints | no storm, bounded tables; left alone, they agree on one child |
//! | `esp_open` | a packet, and the inside of an authentic one | forgeries change nothing; no number is accepted twice |
//! | `udp_classify` | a datagram on port 4500 | one of four kinds, and the right one |
//! | `encap_pop` | a GRE, VXLAN or Geneve packet | the frame lies inside; what is pushed is popped |
//! | `ethernet_frame` | frames through a bridge | never back where it came from, only to ports in service; the table is bounded |
//! | `bpdu` | BPDUs, alone and to a bridge | read back as written; the tree's own rules; no storm |
//! | `probe` | loop probes, alone and to a bridge | read back as written; no storm |
//! | `vsctl_line` | lines of ovs-vsctl | all or nothing; refused aloud; what is kept is read back as it was |
//! | `state_file` | the file vsctl's writes are kept in | read or refused; what is read is written and read back |
//! | `control_message` | a line of the control socket | understood and read back, or refused on one line |
//! | `packet_cut` | a packet of the user's with its metadata | cut within the limit, answered, joined |
//! | `toml_config` | a configuration file | valid or refused with places; a configuration differs nowhere from itself |
#![forbid(unsafe_code)]

mod config;
mod control;
mod dataplane;
mod encap;
mod endpoint;
mod esp;
mod ike;
mod input;
mod switch;
mod vsctl;

pub use config::toml_config;
pub use control::control_message;
pub use dataplane::packet_cut;
pub use encap::{encap_pop, udp_classify};
pub use endpoint::ike_endpoint;
pub use esp::esp_open;
pub use ike::{ike_exchange, ike_message, ike_sk_open};
pub use switch::{bpdu, ethernet_frame, probe};
pub use vsctl::{state_file, vsctl_line};

/// A fuzz body.
pub type Body = fn(&[u8]);

/// Every target by name. Each has a directory in `corpus/` and a file in `targets/`.
pub const TARGETS: &[(&str, Body)] = &[
    ("ike_message", ike_message),
    ("ike_exchange", ike_exchange),
    ("ike_sk_open", ike_sk_open),
    ("ike_endpoint", ike_endpoint),
    ("esp_open", esp_open),
    ("udp_classify", udp_classify),
    ("encap_pop", encap_pop),
    ("ethernet_frame", ethernet_frame),
    ("bpdu", bpdu),
    ("probe", probe),
    ("packet_cut", packet_cut),
    ("toml_config", toml_config),
    ("vsctl_line", vsctl_line),
    ("state_file", state_file),
    ("control_message", control_message),
];
