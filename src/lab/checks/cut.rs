//! Check 6: the active link cut, and mended.

use std::time::{Duration, Instant};

use super::{Check, Verdict};
use crate::lab::error::LabError;
use crate::lab::host::BRIDGE;
use crate::lab::ping::{Pinger, longest_gap};
use crate::lab::ring::{Link, Tree};
use crate::lab::scenario::{Lab, inner_target};

/// Time between the pings that measure.
const INTERVAL: Duration = Duration::from_millis(50);

/// Cuts a link in use, waits until the `spare` one is in use and does there
/// what was done with the others; mends it, and waits for the tree as it was.
pub fn run(lab: &mut Lab, spare: Link) -> Result<(), LabError> {
    // The protected link stays, so that its SAs have lived through everything.
    let link = if spare == Link::Gre { Link::Vxlan } else { Link::Gre };
    let before = lab.await_tree("the spanning tree")?;
    let pingers = Link::ALL
        .map(|link| {
            let (from, to) = link.ends();
            Pinger::start(&lab.hosts[from].namespace, inner_target(to), &lab.marker, INTERVAL)
        })
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    lab.interrupt.pause(Duration::from_millis(300))?;

    let (a, b) = link.ends();
    let mut amiss = Vec::new();
    lab.report.line(&format!("the path of {} is cut", link.label()));
    let cut = Instant::now();
    lab.underlay.set_cut(a, b, true)?;
    let bypass = await_pings(lab, &pingers, cut, "the bypass")?;
    let bypassed = outage(&pingers, cut);
    match &bypass {
        Ok(()) => {
            lab.report.line(&format!(
                "all pings back after {:.1} s, over {}",
                bypassed.as_secs_f32(),
                spare.label()
            ));
            lab.use_link(spare)?;
        }
        Err(complaint) => amiss.push(format!("cut: {complaint}")),
    }

    if !lab.sabotaged(Check::Cut) {
        lab.report.line(&format!("the path of {} is mended", link.label()));
        lab.underlay.set_cut(a, b, false)?;
    }
    let mended = Instant::now();
    let limit = lab.timers.settle();
    let tree = lab.wait("the tree as it was", limit, |lab| {
        let now = Tree::settled(BRIDGE, &lab.stps()?);
        Ok(now.and_then(|now| if now.blocked() == before.blocked() { Ok(now) } else { Err(changed(&now)) }))
    })?;
    if let Err(complaint) = &tree {
        amiss.push(format!("healing: {complaint}"));
    }
    if let Err(complaint) = await_pings(lab, &pingers, Instant::now(), "the pings")? {
        amiss.push(format!("healing: {complaint}"));
    }
    let healed = outage(&pingers, mended);
    for pinger in pingers {
        pinger.finish(Duration::ZERO)?;
    }
    let seen = format!(
        "{} cut: all pings back after {:.1} s over {}; mended: the tree as before, {:.1} s of interruption",
        link.label(),
        bypassed.as_secs_f32(),
        spare.label(),
        healed.as_secs_f32()
    );
    lab.verdict(Check::Cut, Verdict::of(&amiss, seen));
    if lab.sabotaged(Check::Cut) {
        lab.underlay.set_cut(a, b, false)?;
        lab.await_tree("the spanning tree")?;
    }
    Ok(())
}

fn changed(now: &Tree) -> String {
    let (link, host) = now.blocked();
    format!("now {} is blocked, at host {}", link.label(), host + 1)
}

/// Waits until every pinger's last requests are answered again, after the
/// network had time to notice what happened at `since`.
fn await_pings(
    lab: &mut Lab,
    pingers: &[Pinger],
    since: Instant,
    what: &str,
) -> Result<Result<(), String>, LabError> {
    let limit = lab.timers.settle();
    lab.wait(what, limit, |_| {
        if since.elapsed() < Duration::from_secs(1) {
            return Ok(Err("too early to tell".into()));
        }
        let recent = Instant::now().checked_sub(Duration::from_millis(500)).unwrap_or(since);
        let silent = pingers.iter().zip(Link::ALL).find(|(pinger, _)| !pinger.answered_since(recent));
        Ok(match silent {
            Some((_, link)) => {
                Err(format!("host {} gets no answer from host {}", link.ends().0 + 1, link.ends().1 + 1))
            }
            None => Ok(()),
        })
    })
}

/// The longest time that one of the pingers was without an answer, since then.
fn outage(pingers: &[Pinger], since: Instant) -> Duration {
    pingers.iter().map(|pinger| longest_gap(&pinger.shots(), since)).max().unwrap_or_default()
}
