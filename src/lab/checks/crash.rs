//! Check 9: `kill -9` of a daemon, and a restart.

use std::time::{Duration, Instant};

use super::ping::set_address;
use super::{Check, Verdict, sa};
use crate::lab::error::LabError;
use crate::lab::host::BRIDGE;
use crate::lab::ping::{self, Pinger};
use crate::lab::ring::Link;
use crate::lab::scenario::{Lab, inner_target};

/// Who dies: host 3, with an end of the protected tunnel.
const VICTIM: usize = 2;
/// How long everything may take to be back.
const LIMIT: Duration = Duration::from_secs(20);

/// A daemon killed and restarted, not yet judged.
#[derive(Debug)]
pub struct Struck {
    dead: Instant,
    sa_back: Result<Duration, String>,
    pingers: Vec<Pinger>,
    amiss: Vec<String>,
}

/// Kills the daemon of host 3 and starts it again, in the worst of moments:
/// while the bridges look for their spanning tree.
pub fn strike(lab: &mut Lab) -> Result<(), LabError> {
    let name = sa::connection(lab, VICTIM)?;
    let up = lab.wait("the SA", LIMIT, |lab| Ok(sa::established(&lab.hosts[VICTIM].sa()?, &name)))?;
    let mut amiss = Vec::new();
    if let Err(complaint) = &up {
        amiss.push(complaint.clone());
    }
    let before = (configuration(lab)?, lab.hosts[VICTIM].device(BRIDGE)?);
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

    let after = (configuration(lab)?, lab.hosts[VICTIM].device(BRIDGE)?);
    if before.0 != after.0 {
        amiss.push(format!("the configuration is another: {:?}, was {:?}", after.0, before.0));
    }
    if before.1.0.index != after.1.0.index || before.1.1 != after.1.1 {
        amiss.push(format!("{BRIDGE} has {:?}, had {:?}", after.1.1, before.1.1));
    }
    if lab.sabotaged(Check::Crash) {
        set_address(lab, VICTIM, true)?;
    }
    let old = up.ok().and_then(|old| old.child.spi_in);
    let sa_back = lab.wait("new SAs", LIMIT, |lab| {
        let pair = sa::established(&lab.hosts[VICTIM].sa()?, &name);
        Ok(match pair {
            Ok(pair) if pair.child.spi_in == old => Err("the SA is not a new one".to_owned()),
            other => other.map(|_| dead.elapsed()),
        })
    })?;
    lab.notes.struck = Some(Struck { dead, sa_back, pingers, amiss });
    Ok(())
}

/// Once the tree has settled: the pings must be back.
pub fn judge(lab: &mut Lab) -> Result<(), LabError> {
    let Some(Struck { dead, sa_back, pingers, mut amiss }) = lab.notes.struck.take() else { return Ok(()) };
    let pings_back = lab.wait("the pings to come back", LIMIT, |_| {
        let since = Instant::now().checked_sub(Duration::from_millis(600)).unwrap_or(dead).max(dead);
        Ok(match pingers.iter().position(|pinger| !pinger.answered_since(since)) {
            Some(peer) => Err(format!("host {} gets no answer from host {}", peer + 1, VICTIM + 1)),
            None => Ok(()),
        })
    })?;
    let silence = pingers.iter().map(|pinger| ping::longest_gap(&pinger.shots(), dead)).max();
    for pinger in pingers {
        pinger.finish(Duration::ZERO)?;
    }
    amiss.extend([sa_back.clone().err(), pings_back.err()].into_iter().flatten());
    let seen = format!(
        "configuration, {BRIDGE} and its address kept; new SAs after {:.1} s; pings back with the tree, after {:.1} s",
        sa_back.unwrap_or_default().as_secs_f32(),
        silence.unwrap_or_default().as_secs_f32()
    );
    lab.verdict(Check::Crash, Verdict::of(&amiss, seen));
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
