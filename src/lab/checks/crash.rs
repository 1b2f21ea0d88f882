//! Check 9: `kill -9` of a daemon, and a restart.

use std::time::{Duration, Instant};

use super::{Check, Verdict, ping, sa};
use crate::lab::error::LabError;
use crate::lab::host::BRIDGE;
use crate::lab::ping::Pinger;
use crate::lab::ring::Link;
use crate::lab::scenario::{Lab, inner_target};

/// Who dies: host 3, with an end of the protected tunnel.
const VICTIM: usize = 2;
/// How long everything may take to be back.
const LIMIT: Duration = Duration::from_secs(20);

/// Kills and restarts the daemon of host 3, while the ring has no spanning
/// tree yet: the harder case.
pub fn run(lab: &mut Lab) -> Result<(), LabError> {
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
    lab.interrupt.pause(Duration::from_millis(300))?;
    if lab.sabotaged(Check::Crash) {
        ping::set_address(lab, VICTIM, false)?;
    }
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
        ping::set_address(lab, VICTIM, true)?;
    }
    let back = lab.wait("SAs and pings to come back", LIMIT, |lab| {
        let pair = match sa::established(&lab.hosts[VICTIM].sa()?, &name) {
            Ok(pair) => pair,
            Err(complaint) => return Ok(Err(complaint)),
        };
        let old = up.as_ref().ok().and_then(|old| old.child.spi_in.clone());
        if old == pair.child.spi_in {
            return Ok(Err("the SA is not a new one".into()));
        }
        let since = Instant::now().checked_sub(Duration::from_millis(600)).unwrap_or(dead).max(dead);
        match pingers.iter().position(|pinger| !pinger.answered_since(since)) {
            Some(peer) => Ok(Err(format!("host {} gets no answer from host {}", peer + 1, VICTIM + 1))),
            None => Ok(Ok(dead.elapsed())),
        }
    })?;
    for pinger in pingers {
        pinger.finish(Duration::ZERO)?;
    }
    if let Err(complaint) = &back {
        amiss.push(complaint.clone());
    }
    let seen = format!(
        "configuration, {BRIDGE} and its address kept, new SAs, pings back after {:.1} s",
        back.unwrap_or_default().as_secs_f32()
    );
    lab.verdict(Check::Crash, Verdict::of(&amiss, seen));
    lab.await_held()
}

/// What the user configured on the victim, as the user asks for it.
fn configuration(lab: &Lab) -> Result<Vec<String>, LabError> {
    let host = &lab.hosts[VICTIM];
    let mut lines = vec![host.vsctl(&["list-br"])?, host.vsctl(&["list-ports", BRIDGE])?];
    for link in [Link::Vxlan, Link::Ipsec] {
        for column in ["type", "options:local_ip", "options:remote_ip"] {
            lines.push(host.vsctl(&["get", "Interface", link.port(), column])?);
        }
    }
    Ok(lines.into_iter().map(|line| line.trim().replace('\n', " ")).collect())
}
