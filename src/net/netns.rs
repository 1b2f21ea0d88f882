//! Network namespaces held by file descriptors (network_namespaces(7)).
//!
//! Nothing is mounted and nothing has a name, so it works inside a user
//! namespace too and the kernel takes everything away when the last
//! descriptor and the last process are gone. Each namespace has a keeper
//! thread that starts its processes: a process lives in the namespace of the
//! thread that forked it, and dies with that thread.

mod keeper;
mod user;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Child, Command};
use std::sync::Arc;
use std::thread;

use nix::sched::{CloneFlags, setns};

use keeper::Keeper;
pub use user::{become_root_of_own, can_make_namespaces, is_root_of_own};

/// What kept a namespace from being made or entered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Making one was refused.
    #[error("cannot make a network namespace: {0}")]
    Create(#[source] io::Error),
    /// Entering one was refused.
    #[error("cannot enter the network namespace: {0}")]
    Enter(#[source] io::Error),
    /// The system does not let users make namespaces; which setting, and the remedy.
    #[error("{0}")]
    Forbidden(String),
    /// A user namespace can only be entered while there is one thread.
    #[error("cannot make a user namespace once threads run")]
    Threads,
    /// Writing a map of users or groups was refused.
    #[error("cannot write {path}: {source}")]
    Map {
        /// The file under `/proc/self`.
        path: &'static str,
        /// The kernel's errno.
        source: io::Error,
    },
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}

/// A network namespace, alive as long as a clone of this value or a process
/// in it is.
#[derive(Clone, Debug)]
pub struct Namespace {
    file: Arc<File>,
    keeper: Arc<Keeper>,
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Namespace {
    /// Makes a new one, with nothing but a `lo` that is down. `label` names
    /// its threads (at most 15 bytes are shown).
    pub fn create(label: &str) -> Result<Self, Error> {
        let (keeper, file) = Keeper::start(label)?;
        Ok(Self { file: Arc::new(file), keeper: Arc::new(keeper) })
    }

    /// Runs `work` inside, on a thread of its own, and waits for it. A panic
    /// of `work` goes on in the caller.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, Error> {
        thread::scope(|scope| {
            let thread = thread::Builder::new()
                .name(self.keeper.label().to_owned())
                .spawn_scoped(scope, || self.enter().map(|()| work()))
                .map_err(Error::Thread)?;
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Starts a thread inside and returns at once. Entering has succeeded or
    /// failed before `work` begins, and the handle says so.
    pub fn thread<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<thread::JoinHandle<Result<T, Error>>, Error> {
        let here = self.clone();
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || here.enter().map(|()| work()))
            .map_err(Error::Thread)
    }

    /// Starts a process inside. It is killed when the last clone of this
    /// namespace is dropped or this process dies, however it dies.
    pub fn spawn(&self, command: Command) -> io::Result<Child> {
        self.keeper.spawn(command)
    }

    /// Moves the calling thread into the namespace for good.
    pub fn enter(&self) -> Result<(), Error> {
        setns(self.file.as_fd(), CloneFlags::CLONE_NEWNET).map_err(|e| Error::Enter(e.into()))
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
