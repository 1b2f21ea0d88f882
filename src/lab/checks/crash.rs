//! Check 9: `kill -9` of a daemon, and a restart: in the held ring, and while
//! the bridges look for their spanning tree.

use std::time::{Duration, Instant};

use ipnet::IpNet;

use super::loops::await_held;
use super::ping::set_address;
use super::sa;
use crate::lab::error::LabError;
use crate::lab::host::BRIDGE;
use crate::lab::ping::{self, Pinger};
use crate::lab::ring::Link;
use crate::lab::stage::{Lab, PATIENCE, inner_target};
use crate::lab::verdict::{Check, Verdict};

/// Who dies: host 3, with an end of the protected tunnel.
const VICTIM: usize = 2;

/// A daemon killed and restarted, its pings not yet judged.
#[derive(Debug)]
pub struct Struck {
    dead: Instant,
    sa_back: Duration,
    pingers: Vec<Pinger>,
}

/// What must be after as it was before.
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    configuration: Vec<String>,
    device: u32,
    addresses: Vec<IpNet>,
}

impl Kept {
    fn of(lab: &Lab) -> Result<Self, LabError> {
        let (link, mut addresses) = lab.hosts[VICTIM].device(BRIDGE)?;
        addresses.sort();
        Ok(Self { configuration: configuration(lab)?, device: link.index, addresses })
    }
}

/// A death in the closed ring that nothing but the probes holds open; how
/// long the pings were away.
pub fn in_the_held_ring(lab: &mut Lab) -> Result<Duration, LabError> {
    let struck = strike(lab)?;
    await_held(lab)?;
    let silence = recover(lab, struck)?;
    let seconds = silence.as_secs_f32();
    lab.report.line(&format!("one port is held again, and all pings are back after {seconds:.1} s"));
    Ok(silence)
}

/// Kills the daemon of host 3 and starts it again; waits for its SAs.
pub fn strike(lab: &mut Lab) -> Result<Struck, LabError> {
    let patience = lab.patience(Check::Crash);
    let name = sa::connection(lab, VICTIM)?;
    let old =
        lab.await_or_fail("the SA", PATIENCE, |lab| sa::established(&lab.hosts[VICTIM].sa()?, &name))?;
    let before = Kept::of(lab)?;
    let pingers = (0..VICTIM)
        .map(|peer| {
            let from = &lab.hosts[peer].namespace;
            Pinger::start(from, inner_target(VICTIM), &lab.marker, Duration::from_millis(100))
        })
        .collect::<Result<Vec<_>, _>>()?;

    lab.report.typed(VICTIM + 1, &format!("kill -9 {}", lab.hosts[VICTIM].pid().unwrap_or(0)));
    lab.hosts[VICTIM].kill()?;
    let dead = Instant::now();
    if lab.sabotaged(Check::Crash) {
        set_address(lab, VICTIM, false)?;
    }
    lab.interrupt.pause(Duration::from_millis(300))?;
    lab.report.typed(VICTIM + 1, "adit run &");
    lab.hosts[VICTIM].start()?;

    let kept = lab.wait("the daemon as it was", patience, |lab| match Kept::of(lab)? {
        after if after == before => Ok(()),
        after => Err(format!("host {} has {after:?}, had {before:?}", VICTIM + 1)),
    })?;
    if lab.sabotaged(Check::Crash) {
        set_address(lab, VICTIM, true)?;
    }
    kept.map_err(LabError::Amiss)?;
    let sa_back = lab.await_or_fail("new SAs", PATIENCE, |lab| {
        let new = sa::established(&lab.hosts[VICTIM].sa()?, &name)?;
        if new.child.spi_in == old.child.spi_in {
            return Err("the SA is not a new one".to_owned());
        }
        Ok(dead.elapsed())
    })?;
    Ok(Struck { dead, sa_back, pingers })
}

/// Waits until both others are answered again; how long they were not.
fn recover(lab: &mut Lab, struck: Struck) -> Result<Duration, LabError> {
    let Struck { dead, pingers, .. } = struck;
    lab.await_or_fail("the pings to come back", PATIENCE, |_| {
        let since = Instant::now().checked_sub(Duration::from_secs(2)).unwrap_or(dead).max(dead);
        match pingers.iter().position(|pinger| !pinger.answered_since(since)) {
            Some(peer) => Err(format!("host {} gets no answer from host {}", peer + 1, VICTIM + 1)),
            None => Ok(()),
        }
    })?;
    let mut silence = Duration::ZERO;
    for pinger in pingers {
        silence = silence.max(ping::longest_gap(&pinger.finish(Duration::ZERO)?, dead));
    }
    Ok(silence)
}

/// Once the tree has settled: the pings must be back.
pub fn judge(lab: &mut Lab, held: Option<Duration>, struck: Option<Struck>) -> Result<(), LabError> {
    // Where one is missing, why has been told.
    let (Some(held), Some(struck)) = (held, struck) else { return Ok(()) };
    let sa_back = struck.sa_back;
    let silence = recover(lab, struck)?;
    let seen = format!(
        "configuration, {BRIDGE} and its address kept, twice; in the held ring pings back after {:.1} s; \
         amid the spanning tree new SAs after {:.1} s, pings back with the tree, after {:.1} s",
        held.as_secs_f32(),
        sa_back.as_secs_f32(),
        silence.as_secs_f32()
    );
    lab.verdict(Check::Crash, Verdict::of(&[], seen));
    Ok(())
}

/// What the user configured on the victim, as the user asks for it.
fn configuration(lab: &Lab) -> Result<Vec<String>, LabError> {
    let host = &lab.hosts[VICTIM];
    let mut lines = vec![host.vsctl(&["list-br"])?, host.vsctl(&["list-ports", BRIDGE])?];
    lines.push(host.vsctl(&["get", "Bridge", BRIDGE, "stp_enable"])?);
    for link in [Link::Vxlan, Link::Ipsec] {
        for column in ["type", "options:local_ip", "options:remote_ip"] {
            lines.push(host.vsctl(&["get", "Interface", link.port(), column])?);
        }
    }
    Ok(lines.into_iter().map(|line| line.trim().replace('\n', " ")).collect())
}
