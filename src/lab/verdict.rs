//! The ten checks by name, and what came of one.

use clap::ValueEnum;

/// What is proved. The order is the report's; the scenario has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Check {
    /// One tree, one blocked port.
    Ring,
    /// Pings between all pairs.
    Ping,
    /// No frame circulates.
    Loops,
    /// What is on the wire.
    Wire,
    /// The negotiated SA, and its rekeying.
    Sa,
    /// The active link cut, and mended.
    Cut,
    /// A wrong PSK.
    Psk,
    /// Forged packets.
    Forgery,
    /// `kill -9`.
    Crash,
    /// TCP over each tunnel.
    Throughput,
}

impl Check {
    /// All ten, in the report's order.
    pub const ALL: [Self; 10] = [
        Self::Ring,
        Self::Ping,
        Self::Loops,
        Self::Wire,
        Self::Sa,
        Self::Cut,
        Self::Psk,
        Self::Forgery,
        Self::Crash,
        Self::Throughput,
    ];

    /// 1 to 10.
    pub fn number(self) -> usize {
        self as usize + 1
    }

    /// The name in the JSON and of `--sabotage`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ring => "ring",
            Self::Ping => "ping",
            Self::Loops => "loops",
            Self::Wire => "wire",
            Self::Sa => "sa",
            Self::Cut => "cut",
            Self::Psk => "psk",
            Self::Forgery => "forgery",
            Self::Crash => "crash",
            Self::Throughput => "throughput",
        }
    }

    /// In words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Ring => "one tree over the ring, one port blocked",
            Self::Ping => "all hosts ping each other",
            Self::Loops => "no frame circulates",
            Self::Wire => "two links in clear, the third ESP and IKE only",
            Self::Sa => "the SAs are as negotiated, and rekeying loses no ping",
            Self::Cut => "a cut link is bypassed, a mended one taken up again",
            Self::Psk => "a wrong PSK is refused, and nothing is sent in clear",
            Self::Forgery => "replayed, altered and unprotected packets are dropped and counted",
            Self::Crash => "kill -9 and restart: everything comes back by itself",
            Self::Throughput => "TCP runs over each tunnel with the default MTUs",
        }
    }
}

/// The outcome of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it holds.
    pub ok: bool,
    /// What was seen; for a failure what was expected instead.
    pub detail: String,
}

impl Verdict {
    /// It holds if nothing is amiss; then `seen` is the detail.
    pub fn of(amiss: &[String], seen: impl Into<String>) -> Self {
        if amiss.is_empty() {
            Self { ok: true, detail: seen.into() }
        } else {
            Self { ok: false, detail: amiss.join("; ") }
        }
    }
}
