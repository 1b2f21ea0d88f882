//! Links, addresses, routes and neighbours of one network namespace
//! (rtnetlink(7)), as async calls.
//!
//! A [`Netlink`] speaks for the namespace its opening thread was in, whatever
//! thread uses it afterwards. Device names are at most 15 bytes; MTUs are
//! bytes of IP packet; indices are the kernel's.

mod address;
mod link;
mod route;
mod rule;
mod watch;

use std::io;

use rtnetlink::Handle;
use tokio::task::JoinHandle;

pub use address::Address;
pub use link::Link;
pub use route::{MAIN_TABLE, Path, Route};
pub use rule::Rule;
pub use watch::{Change, Watch};

/// What went wrong, and while doing what.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused: what was asked, and its errno.
    #[error("{action}: {source}")]
    Refused {
        /// The deed in words, names included: "set mtu of eth0 to 1400".
        action: String,
        /// The kernel's errno.
        source: io::Error,
    },
    /// No device of that name (or index) is in the namespace.
    #[error("no network device {0} here")]
    NoSuchLink(String),
    /// The socket could not be opened, or its task has ended.
    #[error("netlink socket: {0}")]
    Socket(io::Error),
}

impl Error {
    /// The kernel's errno, where it was the kernel that refused.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Refused { source, .. } | Self::Socket(source) => source.raw_os_error(),
            Self::NoSuchLink(_) => Some(libc::ENODEV),
        }
    }
}

/// Route netlink sockets and the tasks that read them; closed on drop.
#[derive(Debug)]
pub struct Netlink {
    handle: Handle,
    /// Takes lists by what they are asked for (`NETLINK_GET_STRICT_CHK`).
    strict: Handle,
    readers: [JoinHandle<()>; 2],
}

impl Netlink {
    /// Opens its sockets in the calling thread's network namespace. Needs to be
    /// called within a tokio runtime with I/O enabled.
    pub fn open() -> Result<Self, Error> {
        let (connection, handle, _) = rtnetlink::new_connection().map_err(Error::Socket)?;
        let (filtering, strict, _) = rtnetlink::new_connection_with_strict_check().map_err(Error::Socket)?;
        Ok(Self { handle, strict, readers: [tokio::spawn(connection), tokio::spawn(filtering)] })
    }
}

impl Drop for Netlink {
    fn drop(&mut self) {
        self.readers.iter().for_each(JoinHandle::abort);
    }
}

/// Runs `work` with a [`Netlink`] of the calling thread's namespace, on a
/// runtime of its own: for threads that are not async (namespaces, the lab).
pub fn blocking<T, F>(work: F) -> Result<T, Error>
where
    F: AsyncFnOnce(&Netlink) -> Result<T, Error>,
{
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Socket)?;
    runtime.block_on(async {
        let netlink = Netlink::open()?;
        work(&netlink).await
    })
}

/// Names the deed in an error of the library below.
fn refused(action: impl FnOnce() -> String) -> impl FnOnce(rtnetlink::Error) -> Error {
    move |error| match error {
        rtnetlink::Error::NetlinkError(message) => Error::Refused {
            action: action(),
            source: io::Error::from_raw_os_error(message.raw_code().abs()),
        },
        rtnetlink::Error::RequestFailed => Error::Socket(io::ErrorKind::BrokenPipe.into()),
        other => Error::Refused { action: action(), source: io::Error::other(other.to_string()) },
    }
}

fn has_errno(error: &rtnetlink::Error, errno: i32) -> bool {
    matches!(error, rtnetlink::Error::NetlinkError(message) if message.raw_code().abs() == errno)
}

#[cfg(test)]
mod tests;
