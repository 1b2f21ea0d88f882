//! Check 3: no frame circulates, at any time.

use std::time::{Duration, Instant};

use super::{Check, Verdict};
use crate::lab::census::{ETHERTYPE, Tag};
use crate::lab::error::{LabError, io};
use crate::lab::host::BRIDGE;
use crate::lab::scenario::Lab;
use crate::net::packet::{Direction, Filter, PacketSocket};

/// More frames a second than this on one `eth0`, bulk transfers aside, are a
/// storm: all the lab's pings, broadcasts, probes and BPDUs make some hundred.
const STORM: u32 = 3_000;

/// Judges the whole time: never twice, and exactly once in the calm stretches.
pub fn judge(lab: &mut Lab) -> Result<(), LabError> {
    let mut amiss = Vec::new();
    let (Some(census), Some(first)) = (&lab.census, lab.calm.first()) else {
        lab.verdict(Check::Loops, Verdict::of(&["no broadcast was counted".into()], ""));
        return Ok(());
    };
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
        if outcome.sent < 12 {
            amiss.push(format!("{name}: only {} broadcasts were sent", outcome.sent));
        }
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
pub fn circulate(lab: &Lab) -> Result<(), LabError> {
    let open = |host: usize, filter| {
        let index = lab.hosts[host].device(BRIDGE)?.0.index;
        let socket =
            lab.hosts[host].namespace.run(|| PacketSocket::open(index, filter, Duration::from_millis(50)))?;
        socket.map_err(io("open the repeater"))
    };
    let (from, to) = (open(1, Filter::EtherType(ETHERTYPE))?, open(2, Filter::Nothing)?);
    let (mut buffer, start, mut repeated) = ([0; 128], Instant::now(), 0);
    while repeated < 30 && start.elapsed() < Duration::from_millis(800) {
        let Some((length, direction)) = from.receive(&mut buffer).map_err(io("repeat frames"))? else {
            continue;
        };
        if direction != Direction::Out && Tag::of(&buffer[..length]).is_some() {
            to.send(&buffer[..length]).map_err(io("repeat frames"))?;
            repeated += 1;
        }
    }
    Ok(())
}
