//! Check 3: no frame circulates, at any time.

use std::time::{Duration, Instant};

use crate::lab::error::{LabError, io};
use crate::lab::host::BRIDGE;
use crate::lab::ring::held;
use crate::lab::stage::{Lab, PATIENCE};
use crate::lab::tag::TagSocket;
use crate::lab::verdict::{Check, Verdict};

/// Broadcasts in a stretch that is to be calm.
const ENOUGH: usize = 24;
/// How often such a stretch is begun anew because the ring has changed in it.
const ATTEMPTS: usize = 5;
/// More frames a second than this on one `eth0`, bulk transfers aside, are a
/// storm: all the lab's pings, broadcasts, probes and BPDUs make some hundred.
const STORM: u32 = 3_000;

/// Waits for exactly one held port in the closed ring, and all pings.
pub fn await_held(lab: &mut Lab) -> Result<(), LabError> {
    let (link, host, reason) = lab.await_or_fail("the bridges' probes look for loops", PATIENCE, |lab| {
        let mut held = held(&lab.shows()?);
        if held.len() != 1 {
            return Err(format!("{} ports are held", held.len()));
        }
        lab.all_ping().map(|()| held.remove(0))
    })?;
    let text = format!("{} of host {} is held: {reason}", link.port(), host + 1);
    if lab.held.as_ref() != Some(&text) {
        lab.report.line(&text);
        lab.held = Some(text);
    }
    Ok(())
}

/// Waits until the spanning tree has settled.
pub fn await_tree(lab: &mut Lab) -> Result<(), LabError> {
    lab.await_tree().map(drop)
}

/// A stretch, once the ring is at rest, in which every broadcast must be
/// seen exactly once. On a busy machine a link can fall silent in it and a
/// broadcast be lost: then another stretch counts. One seen twice counts
/// whenever it was.
pub fn stay_calm(
    lab: &mut Lab,
    name: &str,
    rest: impl Fn(&mut Lab) -> Result<(), LabError>,
) -> Result<(), LabError> {
    for attempt in 1.. {
        rest(lab)?;
        let before = states(lab)?;
        let start = Instant::now();
        if lab.sabotaged(Check::Loops) && lab.calm.is_empty() {
            circulate(lab)?;
        }
        lab.await_or_fail("counting broadcasts", PATIENCE, |lab| match &lab.census {
            Some(census) if census.outcome(start, Instant::now()).sent >= ENOUGH => Ok(()),
            _ => Err("too few are sent".to_owned()),
        })?;
        let end = Instant::now();
        // What never arrives is found below.
        let _ = lab.wait("the last broadcasts to arrive", Duration::from_secs(5), |lab| {
            let arrived = lab.census.as_ref().is_some_and(|census| census.caught_up(end));
            if arrived { Ok(()) } else { Err("not seen".to_owned()) }
        })?;
        let lost = lab.census.as_ref().is_some_and(|census| !census.outcome(start, end).missed.is_empty());
        if !lost || attempt == ATTEMPTS || before == states(lab)? {
            lab.calm.push((name.to_owned(), start, end));
            break;
        }
        lab.report.line("the ring has changed meanwhile: counted again");
    }
    Ok(())
}

/// Ports of the ring: host, name, state.
fn states(lab: &Lab) -> Result<Vec<(usize, String, String)>, LabError> {
    let shows = lab.shows()?.into_iter().enumerate();
    let ports = shows.flat_map(|(host, show)| {
        let bridge = show.bridges.into_iter().find(|bridge| bridge.name == BRIDGE);
        bridge.into_iter().flat_map(|bridge| bridge.ports).map(move |port| (host, port.name, port.state))
    });
    Ok(ports.collect())
}

/// Judges the whole time: never twice, and exactly once in the calm stretches.
pub fn judge(lab: &mut Lab) -> Result<(), LabError> {
    let mut amiss = Vec::new();
    let (Some(census), Some(first)) = (&mut lab.census, lab.calm.first()) else {
        return Err(LabError::Amiss("no broadcast was counted".to_owned()));
    };
    census.finish()?;
    let whole = census.outcome(first.1, Instant::now());
    for (tag, host, count) in whole.again.iter().take(3) {
        amiss.push(format!(
            "broadcast {} of host {} was seen {count} times by host {}",
            tag.sequence,
            tag.origin + 1,
            host + 1
        ));
    }
    if whole.again.len() > 3 {
        amiss.push(format!("and {} more such", whole.again.len() - 3));
    }
    let mut stretches = Vec::new();
    for (name, from, to) in &lab.calm {
        let outcome = census.outcome(*from, *to);
        if let Some((tag, host)) = outcome.missed.first() {
            let (missed, from) = (outcome.missed.len(), tag.origin + 1);
            amiss.push(format!("{name}: {missed} not seen, e.g. by host {} from host {from}", host + 1));
        }
        stretches.push(format!("{name} {}", outcome.sent));
    }
    let busiest = lab.capture.busiest_second();
    if busiest > STORM {
        amiss.push(format!("an eth0 carried {busiest} frames in one second"));
    }
    let seen = format!(
        "{} broadcasts, none seen twice; exactly once each: {}; at most {busiest} frames a second on an eth0",
        whole.sent,
        stretches.join(", ")
    );
    lab.verdict(Check::Loops, Verdict::of(&amiss, seen));
    Ok(())
}

/// Sabotage: a repeater between hosts 2 and 3, behind the bridges' backs, so
/// that frames really go round (a few dozen, then it stops).
fn circulate(lab: &Lab) -> Result<(), LabError> {
    let device = |host: usize| Ok::<_, LabError>(lab.hosts[host].device(BRIDGE)?.0.index);
    let (from, to) = (device(1)?, device(2)?);
    let from = lab.hosts[1].namespace.run(|| TagSocket::listening(from, Duration::from_millis(50)))?;
    let to = lab.hosts[2].namespace.run(|| TagSocket::mute(to))?;
    let (from, to) = (from.map_err(io("open the repeater"))?, to.map_err(io("open the repeater"))?);
    let (start, mut repeated) = (Instant::now(), 0);
    while repeated < 30 && start.elapsed() < PATIENCE {
        if let Some(tag) = from.receive().map_err(io("repeat frames"))? {
            to.send(tag).map_err(io("repeat frames"))?;
            repeated += 1;
        }
    }
    Ok(())
}
