//! What goes wrong in the lab: in a check it is that check's failure; before
//! there is a ring it is the end.

use std::io;

use crate::net::{netlink, netns};

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// Ctrl-C, or a request to end.
    #[error("interrupted")]
    Interrupted,
    /// A namespace could not be made or entered.
    #[error(transparent)]
    Namespace(#[from] netns::Error),
    /// Links or addresses of the underlay.
    #[error("{0}")]
    Netlink(#[from] netlink::Error),
    /// A file, socket or process.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A daemon ended, or did not get ready.
    #[error("the daemon of host {host} {what}")]
    Daemon {
        /// 1 to 3.
        host: usize,
        /// What happened to it.
        what: String,
    },
    /// A command of the lab was refused.
    #[error("on host {host}: {command}: {answer}")]
    Command {
        /// 1 to 3.
        host: usize,
        /// As typed.
        command: String,
        /// What it said, and its exit status.
        answer: String,
    },
    /// Something that must be is not.
    #[error("{0}")]
    Amiss(String),
    /// Output of `--json` was not what the contract says.
    #[error("on host {host}: {command} printed what is not the promised JSON: {source}")]
    Json {
        /// 1 to 3.
        host: usize,
        /// As typed.
        command: String,
        /// Where it differs.
        source: serde_json::Error,
    },
}

/// What a look at something complains about.
impl From<LabError> for String {
    fn from(error: LabError) -> Self {
        error.to_string()
    }
}

/// Names the deed of an I/O error.
pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> LabError {
    move |source| LabError::Io { what: what.into(), source }
}
