//! The stage: hosts, the network between them, eyes and ears, and how to
//! wait for something. What is played on it is the scenario's.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::capture::Capture;
use super::census::Census;
use super::error::LabError;
use super::host::{BRIDGE, Host, inner};
use super::interrupt::Interrupt;
use super::report::Report;
use super::ring::{Link, Tree};
use super::scratch::Scratch;
use super::underlay::Underlay;
use super::verdict::{Check, Verdict};
use crate::status::{Show, Stp};

/// How often something awaited is looked at.
const POLL: Duration = Duration::from_millis(200);
/// How long a busy machine may take for what an idle one does in a moment.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// What is made false does not come: no need to wait long for it.
const SABOTAGED: Duration = Duration::from_secs(10);

/// Times of the spanning tree in use.
#[derive(Clone, Copy, Debug)]
pub struct Timers {
    /// Listening, and again learning.
    pub forward_delay: Duration,
    /// Life of what a bridge has heard.
    pub max_age: Duration,
}

impl Timers {
    /// The defaults of the standard, or the shortest it allows.
    pub fn new(standard: bool) -> Self {
        let (forward_delay, max_age) = if standard { (15, 20) } else { (4, 6) };
        Self { forward_delay: Duration::from_secs(forward_delay), max_age: Duration::from_secs(max_age) }
    }

    /// Longest time from a change to a settled tree, with some patience.
    pub fn settle(&self, patience: Duration) -> Duration {
        self.max_age + self.forward_delay * 2 + patience
    }
}

/// The running lab. Dropping it ends the daemons, then the namespaces, then
/// removes the files.
#[derive(Debug)]
pub struct Lab<'a> {
    /// What is told.
    pub report: &'a mut Report,
    /// Whether to go on.
    pub interrupt: Interrupt,
    /// The check to make false, if any.
    pub sabotage: Option<Check>,
    /// The spanning tree's times.
    pub timers: Timers,
    /// Whether the timers are the defaults.
    pub standard: bool,
    /// Broadcasts, once the bridges are there.
    pub census: Option<Census>,
    /// Every `eth0`.
    pub capture: Capture,
    /// The three hosts.
    pub hosts: Vec<Host>,
    /// The network between them.
    pub underlay: Underlay,
    /// Bytes in every ping of the lab, to be looked for on the wire.
    pub marker: Vec<u8>,
    /// What the lab itself put on the wire to deceive: not adit's doing.
    pub forged: Vec<Vec<u8>>,
    /// Which port was last told to be held, and why.
    pub held: Option<String>,
    /// Stretches in which every broadcast must be seen exactly once.
    pub calm: Vec<(String, Instant, Instant)>,
    /// Links over which the marked ping went, and when.
    pub pinged: Vec<(Link, Instant)>,
    /// Throughput by link, or why there is none.
    pub throughput: Vec<(Link, Result<f64, String>)>,
    _scratch: Scratch,
}

impl<'a> Lab<'a> {
    /// Builds hosts and underlay and starts the daemons.
    pub fn build(
        report: &'a mut Report,
        interrupt: Interrupt,
        sabotage: Option<Check>,
        standard: bool,
    ) -> Result<Self, LabError> {
        report.title("Three hosts on 192.168.100.0/24, a daemon on each");
        let scratch = Scratch::make()?;
        let underlay = Underlay::build()?;
        let adit = own_binary()?;
        let mut hosts = Vec::new();
        for (number, namespace) in underlay.hosts.iter().enumerate() {
            let directory = scratch.path().join(format!("host{}", number + 1));
            hosts.push(Host::new(number, namespace.clone(), directory, &adit)?);
        }
        let capture = Capture::start(&underlay.eth0s()?)?;
        for host in &mut hosts {
            host.start().map_err(|error| with_log(error, host))?;
            interrupt.check()?;
        }
        let mut salt = [0; 8];
        getrandom::fill(&mut salt)
            .map_err(|e| super::error::io("draw random bytes")(std::io::Error::other(e.to_string())))?;
        let marker = [b"adit lab inner bytes ".as_slice(), &salt].concat();
        Ok(Self {
            report,
            interrupt,
            sabotage,
            timers: Timers::new(standard),
            standard,
            census: None,
            capture,
            hosts,
            underlay,
            marker,
            forged: Vec::new(),
            held: None,
            calm: Vec::new(),
            pinged: Vec::new(),
            throughput: Vec::new(),
            _scratch: scratch,
        })
    }

    /// Does a part of a check. What goes wrong is that check's failure and no
    /// other's: the story goes on without its outcome. An error: only Ctrl-C.
    pub fn part<T>(
        &mut self,
        check: Check,
        work: impl FnOnce(&mut Self) -> Result<T, LabError>,
    ) -> Result<Option<T>, LabError> {
        match work(self) {
            Ok(outcome) => Ok(Some(outcome)),
            Err(LabError::Interrupted) => Err(LabError::Interrupted),
            Err(error) => {
                self.verdict(check, Verdict::of(&[error.to_string()], ""));
                Ok(None)
            }
        }
    }

    /// Puts the outcome of a check into the report; the first one stands.
    pub fn verdict(&mut self, check: Check, verdict: Verdict) {
        self.report.verdict(check, verdict);
    }

    /// Whether that check is to be made false.
    pub fn sabotaged(&self, check: Check) -> bool {
        self.sabotage == Some(check)
    }

    /// How long to wait for something that this check is about.
    pub fn patience(&self, check: Check) -> Duration {
        if self.sabotaged(check) { SABOTAGED } else { PATIENCE }
    }

    /// Looks again and again until `look` returns something, at most for
    /// `limit`; then its last complaint is the inner error. A host that does
    /// not answer just now is a complaint like any other.
    pub fn wait<T>(
        &mut self,
        what: &str,
        limit: Duration,
        mut look: impl FnMut(&mut Self) -> Result<T, String>,
    ) -> Result<Result<T, String>, LabError> {
        let start = Instant::now();
        loop {
            self.interrupt.check()?;
            for host in &mut self.hosts {
                host.check_alive()?;
            }
            match look(self) {
                Ok(found) => return Ok(Ok(found)),
                Err(complaint) if start.elapsed() > limit => {
                    let seconds = limit.as_secs();
                    return Ok(Err(format!("after {seconds} s: {complaint}")));
                }
                Err(_) => {}
            }
            self.report.waiting(what, start);
            self.interrupt.pause(POLL)?;
        }
    }

    /// The same where nothing can follow without it.
    pub fn await_or_fail<T>(
        &mut self,
        what: &str,
        limit: Duration,
        look: impl FnMut(&mut Self) -> Result<T, String>,
    ) -> Result<T, LabError> {
        let found = self.wait(what, limit, look)?;
        found.map_err(|complaint| LabError::Amiss(format!("{what}: {complaint}")))
    }

    /// Waits until the tree has settled.
    pub fn await_tree(&mut self) -> Result<Tree, LabError> {
        let limit = self.timers.settle(PATIENCE);
        self.await_or_fail("the spanning tree", limit, |lab| Tree::settled(BRIDGE, &lab.stps()?))
    }

    /// One echo between each two hosts; who did not answer.
    pub fn all_ping(&self) -> Result<(), String> {
        for link in Link::ALL {
            let (from, to) = link.ends();
            let (namespace, target) = (&self.hosts[from].namespace, inner_target(to));
            let times = super::ping::ping(namespace, target, &self.marker, 1, Duration::from_secs(1))?;
            if times.is_empty() {
                return Err(format!("host {} does not answer host {}", to + 1, from + 1));
            }
        }
        Ok(())
    }

    /// Starts the broadcasts, and the counting of them.
    pub fn start_census(&mut self) -> Result<(), LabError> {
        let device = |host: &Host| Ok((host.namespace.clone(), host.device(BRIDGE)?.0.index));
        let devices = self.hosts.iter().map(device).collect::<Result<Vec<_>, LabError>>()?;
        self.census = Some(Census::start(&devices)?);
        Ok(())
    }

    /// `adit show --json` of every host.
    pub fn shows(&self) -> Result<Vec<Show>, LabError> {
        self.hosts.iter().map(Host::show).collect()
    }

    /// `adit stp --json` of every host.
    pub fn stps(&self) -> Result<Vec<Stp>, LabError> {
        self.hosts.iter().map(Host::stp).collect()
    }

    /// The ends of the daemons' logs, for a report of a failure.
    pub fn logs(&self) -> String {
        let tail = |host: &Host| format!("log of host {}:\n{}\n", host.number + 1, host.log_tail(15));
        self.hosts.iter().map(tail).collect()
    }
}

fn with_log(error: LabError, host: &Host) -> LabError {
    match error {
        LabError::Daemon { host: number, what } => {
            LabError::Daemon { host: number, what: format!("{what}; its log ends:\n{}", host.log_tail(15)) }
        }
        other => other,
    }
}

/// Where pings to a host go.
pub fn inner_target(host: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(inner(host)), 0)
}

/// This very binary, also when it was replaced on disk since it was started.
fn own_binary() -> Result<PathBuf, LabError> {
    let path = std::env::current_exe().map_err(super::error::io("find the adit binary"))?;
    if path.exists() { Ok(path) } else { Ok(PathBuf::from(format!("/proc/{}/exe", std::process::id()))) }
}
