//! The order of events. The checks are numbered for the reader; here they
//! come as the ring allows, so that nothing waits twice.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::capture::Capture;
use super::census::Census;
use super::checks::{self, Check, Verdict};
use super::commands;
use super::error::LabError;
use super::host::{BRIDGE, Host, inner};
use super::interrupt::Interrupt;
use super::report::Report;
use super::ring::{Link, Tree, held};
use super::scratch::Scratch;
use super::underlay::Underlay;
use crate::status::{Show, Stp};

/// How often something awaited is looked at.
const POLL: Duration = Duration::from_millis(200);

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

    /// Longest time from a change to a settled tree, and some more for a
    /// machine that is busy.
    pub fn settle(&self) -> Duration {
        self.max_age + self.forward_delay * 2 + Duration::from_secs(8)
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
    standard: bool,
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
    /// Stretches in which every broadcast must be seen exactly once.
    pub calm: Vec<(String, Instant, Instant)>,
    /// Findings on the way to a verdict.
    pub notes: Notes,
    _scratch: Scratch,
}

/// What checks learn at one time and judge at another.
#[derive(Debug, Default)]
pub struct Notes {
    /// The wrong-PSK pair.
    pub psk: Option<checks::psk::Started>,
    /// The killed daemon.
    pub struck: Option<checks::crash::Struck>,
    /// Throughput by link, or why there is none.
    pub throughput: Vec<(Link, Result<f64, String>)>,
    /// Links over which the marked ping went.
    pub pinged: Vec<(Link, Instant, Instant)>,
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
        let capture = Capture::start(&devices(&hosts, "eth0")?)?;
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
            calm: Vec::new(),
            notes: Notes::default(),
            _scratch: scratch,
        })
    }

    /// The whole story. Verdicts are in the report as far as it came.
    pub fn run(&mut self) -> Result<(), LabError> {
        self.report.title("The tutorial's commands: the ring is closed before there is a spanning tree");
        commands::build_ring(self.report, &self.hosts)?;
        self.census = Some(Census::start(&devices(&self.hosts, BRIDGE)?)?);
        self.await_held()?;
        self.stay_calm("before the spanning tree")?;
        self.notes.psk = Some(checks::psk::start(self)?);

        self.report.title("The spanning tree, and a crash in the midst of it");
        checks::ring::enable(self)?;
        checks::crash::strike(self)?;
        checks::ring::judge(self)?;
        self.await_tree("the spanning tree")?;
        checks::crash::judge(self)?;
        checks::psk::judge(self)?;
        checks::ping::run(self)?;
        self.stay_calm("with the spanning tree")?;
        let tree = self.await_tree("the spanning tree")?;
        let spare = tree.blocked().0;
        for link in Link::ALL.into_iter().filter(|link| *link != spare) {
            self.use_link(link)?;
        }

        self.report.title("The active link is cut");
        checks::cut::run(self, spare)?;
        self.stay_calm("after cut and healing")?;
        checks::throughput::judge(self);
        checks::wire::judge(self)?;
        checks::loops::judge(self)
    }

    /// What is done with a link once it is in use.
    pub fn use_link(&mut self, link: Link) -> Result<(), LabError> {
        checks::wire::ping_over(self, link)?;
        if link == Link::Ipsec {
            checks::sa::run(self)?;
            checks::forgery::run(self)?;
        }
        checks::throughput::measure(self, link)
    }

    /// Whether that check is to be made false.
    pub fn sabotaged(&self, check: Check) -> bool {
        self.sabotage == Some(check)
    }

    /// Puts the outcome of a check into the report.
    pub fn verdict(&mut self, check: Check, verdict: Verdict) {
        self.report.verdict(check, verdict);
    }

    /// Looks again and again until `look` returns something, at most for
    /// `limit`; then its last complaint is the inner error.
    pub fn wait<T>(
        &mut self,
        what: &str,
        limit: Duration,
        mut look: impl FnMut(&mut Self) -> Result<Result<T, String>, LabError>,
    ) -> Result<Result<T, String>, LabError> {
        let start = Instant::now();
        loop {
            self.interrupt.check()?;
            for host in &mut self.hosts {
                if let Err(error) = host.check_alive() {
                    return Err(with_log(error, host));
                }
            }
            match look(self)? {
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

    /// A stretch in which every broadcast must be seen exactly once.
    fn stay_calm(&mut self, name: &str) -> Result<(), LabError> {
        let start = Instant::now();
        self.report.waiting("counting broadcasts", start);
        if self.sabotaged(Check::Loops) && self.calm.is_empty() {
            checks::loops::circulate(self)?;
        }
        self.interrupt.pause(Duration::from_millis(800))?;
        let end = Instant::now();
        // What was sent last gets the time to arrive.
        self.interrupt.pause(Duration::from_millis(200))?;
        self.calm.push((name.to_owned(), start, end));
        Ok(())
    }

    /// Waits for exactly one held port in the closed ring.
    pub fn await_held(&mut self) -> Result<(), LabError> {
        let limit = Duration::from_secs(20);
        let found = self.wait("the bridges' probes look for loops", limit, |lab| {
            let held = held(&lab.shows()?);
            if held.len() != 1 {
                return Ok(Err(format!("{} ports are held", held.len())));
            }
            Ok(lab.all_ping().map(|()| held.into_iter().next()))
        })?;
        match found {
            Ok(Some((link, host, reason))) => {
                let text = format!("{} of host {} is held: {reason}", link.port(), host + 1);
                self.report.line(&text);
            }
            // The check on broadcasts finds and tells what this means.
            Ok(None) => {}
            Err(complaint) => self.report.line(&format!("no single held port {complaint}")),
        }
        Ok(())
    }

    /// One echo between each two hosts; who did not answer.
    fn all_ping(&self) -> Result<(), String> {
        for link in Link::ALL {
            let (from, to) = link.ends();
            let target = inner_target(to);
            let times = super::ping::ping(
                &self.hosts[from].namespace,
                target,
                &self.marker,
                1,
                Duration::from_millis(300),
            );
            if times.map_or(true, |times| times.is_empty()) {
                return Err(format!("host {} does not answer host {}", to + 1, from + 1));
            }
        }
        Ok(())
    }

    /// Waits until the tree has settled.
    pub fn try_await_tree(&mut self, what: &str) -> Result<Result<Tree, String>, LabError> {
        let limit = self.timers.settle();
        self.wait(what, limit, |lab| Ok(Tree::settled(BRIDGE, &lab.stps()?)))
    }

    /// The same, where nothing can follow without it.
    pub fn await_tree(&mut self, what: &str) -> Result<Tree, LabError> {
        let found = self.try_await_tree(what)?;
        found.map_err(|complaint| LabError::Unsettled(format!("{what}: {complaint}")))
    }

    /// `adit show --json` of every host.
    pub fn shows(&self) -> Result<Vec<Show>, LabError> {
        self.hosts.iter().map(Host::show).collect()
    }

    /// `adit stp --json` of every host.
    pub fn stps(&self) -> Result<Vec<Stp>, LabError> {
        self.hosts.iter().map(Host::stp).collect()
    }

    /// Whether the timers are the defaults.
    pub fn standard(&self) -> bool {
        self.standard
    }

    /// Ends what runs in the background; an error of one of it is one of the lab.
    pub fn finish(&mut self) -> Result<(), LabError> {
        if let Some(census) = self.census.take() {
            census.finish()?;
        }
        self.capture.finish()
    }

    /// The ends of the daemons' logs, for a report of a failure.
    pub fn logs(&self) -> String {
        let tail = |host: &Host| format!("log of host {}:\n{}\n", host.number + 1, host.log_tail(12));
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

/// Namespace and device index of every host.
fn devices(hosts: &[Host], name: &str) -> Result<Vec<(crate::net::netns::Namespace, u32)>, LabError> {
    hosts.iter().map(|host| Ok((host.namespace.clone(), host.device(name)?.0.index))).collect()
}

/// This very binary, also when it was replaced on disk since it was started.
fn own_binary() -> Result<PathBuf, LabError> {
    let path = std::env::current_exe().map_err(super::error::io("find the adit binary"))?;
    if path.exists() { Ok(path) } else { Ok(PathBuf::from(format!("/proc/{}/exe", std::process::id()))) }
}
