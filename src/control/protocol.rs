//! What is said over the control socket: one JSON value a line, a request and its reply.
//!
//! ```text
//! → {"method":"vsctl","args":["add-br","br0"]}     ← {"stdout":"","stderr":"","exit":0}
//! → {"method":"show"}                              ← {"ok":{"version":…,"bridges":[…],"ipsec":[…]}}
//! → {"method":"down","connection":"x"}             ← {"error":"no connection x; …"}
//! ```

use crate::config::one_line;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest line taken, in bytes.
pub const LINE_MAX: usize = 1 << 20;

/// What a client may ask.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// A line of ovs-vsctl, without its own name.
    Vsctl {
        /// The words.
        args: Vec<String>,
    },
    /// Bridges, ports, interfaces.
    Show {},
    /// IKE and child SAs.
    Sa {},
    /// Learned addresses.
    Fdb {},
    /// Spanning trees.
    Stp {},
    /// Wants a connection up.
    Up {
        /// Its name.
        connection: String,
    },
    /// Wants a connection down, until it changes or is wanted up.
    Down {
        /// Its name.
        connection: String,
    },
    /// Replaces SAs by new ones.
    Rekey {
        /// Its name.
        connection: String,
        /// The IKE SA.
        ike: bool,
        /// The child SAs.
        child: bool,
    },
    /// Reads the configuration file again.
    Reload {},
}

/// The words of a vsctl line may hold a pre-shared key, and are not shown.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vsctl { args } => write!(f, "vsctl ({} words)", args.len()),
            Self::Show {} => f.write_str("show"),
            Self::Sa {} => f.write_str("sa"),
            Self::Fdb {} => f.write_str("fdb"),
            Self::Stp {} => f.write_str("stp"),
            Self::Up { connection } => write!(f, "up {connection}"),
            Self::Down { connection } => write!(f, "down {connection}"),
            Self::Rekey { connection, ike, child } => {
                write!(f, "rekey {connection} (ike: {ike}, child: {child})")
            }
            Self::Reload {} => f.write_str("reload"),
        }
    }
}

/// What comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reply {
    /// Of a vsctl line.
    Printed {
        /// For stdout.
        stdout: String,
        /// For stderr.
        stderr: String,
        /// Exit status; 142 means: end by SIGALRM.
        exit: u8,
    },
    /// Done, with what was asked for.
    Done {
        /// The shapes of [`status`](crate::status), or null.
        ok: serde_json::Value,
    },
    /// Not done.
    Failed {
        /// One line that says why.
        error: String,
    },
}

impl Request {
    /// Reads one line.
    ///
    /// # Errors
    /// One line that says what is wrong with it.
    pub fn parse(line: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(line)
            .map_err(|error| format!("this is no request: {}", one_line(&error.to_string())))
    }
}

impl Reply {
    /// Done, and there is something to show.
    pub fn value<T: Serialize>(value: &T) -> Self {
        match serde_json::to_value(value) {
            Ok(ok) => Self::Done { ok },
            Err(error) => Self::Failed { error: error.to_string() },
        }
    }

    /// Not done.
    pub fn failed(error: impl Into<String>) -> Self {
        Self::Failed { error: error.into() }
    }
}
