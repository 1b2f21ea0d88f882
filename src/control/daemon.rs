//! The daemon: one task, one select.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use super::protocol::{Reply, Request};
use super::reconcile::Running;
use super::socket::{self, Asked};
use super::source::Source;
use super::state::{RunDir, StateDir};
use super::vsctl::Waiting;
use crate::dataplane::{self, Handle, Punts, RequestError};
use crate::net::netlink::{Netlink, Watch};

/// Requests that may wait for the daemon.
const REQUESTS: usize = 64;
/// Punts taken before what they led to is carried out.
const PUNTS_AT_ONCE: usize = 64;
/// Changes of the host come in bursts: looked at once, this long after the first.
const CALM: Duration = Duration::from_millis(100);
/// How long peers are told that we go.
const FAREWELL: Duration = Duration::from_secs(2);

/// How the daemon is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Control socket and pid.
    pub run_dir: PathBuf,
    /// What vsctl configures.
    pub state_dir: PathBuf,
    /// The only source, if there is one.
    pub config: Option<PathBuf>,
}

/// Runs until it is told to stop.
///
/// # Errors
/// What kept it from starting.
pub fn run(options: &Options) -> anyhow::Result<()> {
    // Whatever is made from here on is the owner's alone.
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, start(options))
}

async fn start(options: &Options) -> anyhow::Result<()> {
    let run_dir = RunDir::take(&options.run_dir)?;
    let state = match options.config {
        Some(_) => None,
        None => Some(StateDir::open(&options.state_dir)?),
    };
    let (source, desired) = Source::open(options.config.clone(), state)?;
    let (handle, punts) = dataplane::start(dataplane::Options::default()).map_err(explain)?;
    let netlink = Netlink::open().context("cannot speak netlink")?;
    let watch = Watch::open().context("cannot watch the host's network")?;
    let mut running = Running::new(Instant::now(), handle.clone(), netlink);
    running.remove_leftovers(&desired).await;
    running.apply(desired).await;
    let signals = Signals::new()?;
    let listener = socket::bind(&run_dir.socket())
        .with_context(|| format!("cannot listen at {}", run_dir.socket().display()))?;
    let (sender, requests) = mpsc::channel(REQUESTS);
    tokio::task::spawn_local(socket::serve(listener, sender));
    // Nobody to notify is fine.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    tracing::info!(run_dir = %options.run_dir.display(), "adit {} runs", env!("CARGO_PKG_VERSION"));
    let database = format!("unix:{}", run_dir.socket().display());
    let mut daemon = Daemon { running, source, waiting: Waiting::new(database), settle_at: None };
    let mut inputs = Inputs { punts, watch, requests, signals };
    let ended = daemon.serve(&mut inputs).await;
    daemon.farewell(&mut inputs, &handle).await;
    ended
}

/// A port that is taken means, nearly always, a second daemon.
fn explain(error: RequestError) -> anyhow::Error {
    use std::io::ErrorKind;
    let kind = match &error {
        RequestError::Socket(_, error) => Some(error.kind()),
        _ => None,
    };
    let context = match kind {
        Some(ErrorKind::AddrInUse) => {
            "another adit or IKE daemon runs in this network namespace, and one is all it can have \
             (ports 500, 4500 and 4789); stop it, or run this one in a namespace of its own"
        }
        Some(ErrorKind::PermissionDenied) => {
            "adit needs root, or the capabilities CAP_NET_ADMIN, CAP_NET_RAW and CAP_NET_BIND_SERVICE"
        }
        _ => "cannot start the data plane",
    };
    anyhow::Error::from(error).context(context)
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }
}

/// All that the daemon waits for, but time.
struct Inputs {
    punts: Punts,
    watch: Watch,
    requests: mpsc::Receiver<Asked>,
    signals: Signals,
}

struct Daemon {
    running: Running,
    source: Source,
    waiting: Waiting,
    settle_at: Option<Instant>,
}

impl Daemon {
    /// Serves until a signal says stop.
    ///
    /// # Errors
    /// The data plane ended by itself.
    async fn serve(&mut self, inputs: &mut Inputs) -> anyhow::Result<()> {
        loop {
            let deadlines = [self.settle_at, self.waiting.poll_timeout()].into_iter().flatten();
            let deadline = deadlines.fold(self.running.poll_timeout(), Instant::min);
            tokio::select! {
                punt = inputs.punts.recv() => {
                    self.running.handle_punt(punt.context("the data plane has stopped")?);
                    for _ in 1..PUNTS_AT_ONCE {
                        let Some(punt) = inputs.punts.try_recv() else { break };
                        self.running.handle_punt(punt);
                    }
                }
                Some(asked) = inputs.requests.recv() => self.answer(asked).await,
                Some(_) = inputs.watch.next() => {
                    self.settle_at.get_or_insert_with(|| Instant::now() + CALM);
                }
                () = tokio::time::sleep_until(deadline.into()) => self.handle_timeout().await,
                Some(()) = inputs.signals.hangup.recv() => {
                    match self.source.reload(&mut self.running).await {
                        Ok(()) => tracing::info!("configuration read again"),
                        Err(error) => tracing::error!("configuration not taken: {error}"),
                    }
                }
                Some(()) = inputs.signals.terminate.recv() => return Ok(()),
                Some(()) = inputs.signals.interrupt.recv() => return Ok(()),
            }
            self.running.turn();
        }
    }

    async fn handle_timeout(&mut self) {
        let now = Instant::now();
        // Before what settles, which sets the next time.
        if self.running.wants_keys(now) {
            self.source.read_keys(&mut self.running).await;
        }
        if self.settle_at.is_some_and(|at| at <= now) {
            self.settle_at = None;
            self.running.settle().await;
        }
        if self.running.poll_timeout() <= now {
            self.running.handle_timeout().await;
        }
        if self.waiting.poll_timeout().is_some_and(|at| at <= now) {
            self.waiting.handle_timeout(now, &mut self.source, &mut self.running).await;
        }
    }

    async fn answer(&mut self, Asked { request, reply }: Asked) {
        let done = |result: Result<(), String>| match result {
            Ok(()) => Reply::Done { ok: serde_json::Value::Null },
            Err(error) => Reply::failed(error),
        };
        let answer = match request {
            Request::Vsctl { args } => {
                self.waiting.run(args, reply, &mut self.source, &mut self.running).await;
                return;
            }
            Request::Show {} => Reply::value(&self.running.show()),
            Request::Sa {} => Reply::value(&self.running.sa()),
            Request::Fdb {} => Reply::value(&self.running.fdb()),
            Request::Stp {} => Reply::value(&self.running.stp()),
            Request::Up { connection } => done(self.running.up(&connection)),
            Request::Down { connection } => done(self.running.down(&connection)),
            Request::Rekey { connection, ike, child } => done(self.running.rekey(&connection, ike, child)),
            Request::Reload {} => done(self.source.reload(&mut self.running).await),
        };
        // A client that hung up does not want to know.
        let _ = reply.send(answer);
    }

    /// Tells the peers, and waits a little for them to have heard it. Ports stay without a
    /// sender; TAP devices stay, for the next daemon.
    async fn farewell(&mut self, inputs: &mut Inputs, handle: &Handle) {
        tracing::info!("going down");
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
        self.running.shut_down();
        let until = Instant::now() + FAREWELL;
        while !self.running.is_idle() && Instant::now() < until {
            let deadline = self.running.poll_timeout().min(until);
            tokio::select! {
                Some(punt) = inputs.punts.recv() => self.running.handle_punt(punt),
                () = tokio::time::sleep_until(deadline.into()) => self.running.handle_timeout().await,
            }
            self.running.turn();
        }
        handle.stop();
    }
}
