//! The thread that lives in a namespace and starts its processes.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::mpsc;
use std::thread;

use nix::sched::{CloneFlags, unshare};

use super::Error;
use crate::net::sys;

type Job = (Command, mpsc::SyncSender<io::Result<Child>>);

/// Handle of the thread; the thread ends when this is dropped, and with it
/// every process it started (`PR_SET_PDEATHSIG` watches the forking thread).
#[derive(Debug)]
pub(super) struct Keeper {
    jobs: mpsc::Sender<Job>,
    label: String,
}

impl Keeper {
    /// Starts the thread, makes a namespace for it and returns a descriptor
    /// of that namespace.
    pub(super) fn start(label: &str) -> Result<(Self, File), Error> {
        let (made, when_made) = mpsc::sync_channel(1);
        let (jobs, queue) = mpsc::channel::<Job>();
        thread::Builder::new()
            .name(label.to_owned())
            .spawn(move || {
                let namespace = unshare(CloneFlags::CLONE_NEWNET)
                    .map_err(io::Error::from)
                    .and_then(|()| File::open("/proc/thread-self/ns/net"));
                let failed = namespace.is_err();
                if made.send(namespace).is_err() || failed {
                    return;
                }
                for (command, reply) in queue {
                    // The asker may have gone; the child is then dropped and dies with this thread.
                    let _ = reply.send(start_process(command));
                }
            })
            .map_err(Error::Thread)?;
        let namespace = when_made.recv().map_err(|_| Error::Create(io::ErrorKind::BrokenPipe.into()))?;
        Ok((Self { jobs, label: label.to_owned() }, namespace.map_err(Error::Create)?))
    }

    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// Starts a process in the namespace.
    pub(super) fn spawn(&self, command: Command) -> io::Result<Child> {
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let (reply, answer) = mpsc::sync_channel(1);
        self.jobs.send((command, reply)).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

fn start_process(mut command: Command) -> io::Result<Child> {
    // A group of its own: the terminal's Ctrl-C is for the lab, which ends its processes in order.
    command.process_group(0);
    sys::die_with_starter(&mut command);
    command.spawn()
}
