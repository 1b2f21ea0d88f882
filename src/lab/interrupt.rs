//! Ctrl-C: everything the lab waits for ends within a moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use super::error::{LabError, io};

/// Whether the user wants it to end. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    asked: Arc<AtomicBool>,
}

impl Interrupt {
    /// Starts listening for SIGINT, SIGTERM and SIGHUP. A second one ends
    /// the process at once; the kernel then ends its children (`netns`).
    pub fn listen() -> Result<Self, LabError> {
        let this = Self::default();
        let asked = this.asked.clone();
        let (ready, when_ready) = std::sync::mpsc::sync_channel(1);
        let watch = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async move {
                let mut int = signal(SignalKind::interrupt())?;
                let mut term = signal(SignalKind::terminate())?;
                let mut hup = signal(SignalKind::hangup())?;
                let _ = ready.send(());
                loop {
                    tokio::select! { _ = int.recv() => {}, _ = term.recv() => {}, _ = hup.recv() => {} }
                    if asked.swap(true, Ordering::Relaxed) {
                        std::process::exit(130);
                    }
                }
            })
        };
        let thread: thread::JoinHandle<std::io::Result<()>> =
            thread::Builder::new().name("signals".into()).spawn(watch).map_err(io("start a thread"))?;
        if when_ready.recv().is_err() {
            let why = thread.join().map(Result::err).ok().flatten();
            let why = why.unwrap_or_else(|| std::io::ErrorKind::Other.into());
            return Err(io("listen for signals")(why));
        }
        Ok(this)
    }

    /// [`LabError::Interrupted`] once the user has asked.
    pub fn check(&self) -> Result<(), LabError> {
        if self.asked.load(Ordering::Relaxed) { Err(LabError::Interrupted) } else { Ok(()) }
    }

    /// Sleeps, or ends early with [`LabError::Interrupted`].
    pub fn pause(&self, time: Duration) -> Result<(), LabError> {
        let end = Instant::now() + time;
        loop {
            self.check()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(Duration::from_millis(50)));
        }
    }
}
