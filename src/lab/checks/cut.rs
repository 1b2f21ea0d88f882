//! Check 6: the active link cut, and mended.

use std::time::{Duration, Instant};

use crate::lab::error::LabError;
use crate::lab::host::BRIDGE;
use crate::lab::ping::{Pinger, longest_gap};
use crate::lab::ring::{Link, Tree};
use crate::lab::stage::{Lab, PATIENCE, inner_target};
use crate::lab::verdict::{Check, Verdict};

/// Time between the pings that measure.
const INTERVAL: Duration = Duration::from_millis(50);

/// A link that is cut, and what is known so far.
#[derive(Debug)]
pub struct Cut {
    link: Link,
    spare: Link,
    before: Tree,
    pingers: Vec<Pinger>,
    /// How long pings were away, or why they are still.
    bypass: Result<Duration, String>,
}

/// Cuts a link in use, and waits until the `spare` one is.
pub fn cut(lab: &mut Lab, spare: Link) -> Result<Cut, LabError> {
    // The protected link stays, so that its SAs have lived through everything.
    let link = if spare == Link::Gre { Link::Vxlan } else { Link::Gre };
    let before = lab.await_tree()?;
    let pingers = Link::ALL
        .map(|link| {
            let (from, to) = link.ends();
            Pinger::start(&lab.hosts[from].namespace, inner_target(to), &lab.marker, INTERVAL)
        })
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    let start = Instant::now();
    let flowing = await_pings(lab, &pingers, start, "the pings")?;
    flowing.map_err(|complaint| LabError::Amiss(format!("before the cut: {complaint}")))?;

    let (a, b) = link.ends();
    lab.report.line(&format!("the path of {} is cut", link.label()));
    lab.underlay.set_cut(a, b, true)?;
    let cut = Instant::now();
    let bypass = await_pings(lab, &pingers, cut, "the bypass")?.map(|()| outage(&pingers, cut));
    if let Ok(outage) = &bypass {
        let seconds = outage.as_secs_f32();
        lab.report.line(&format!("all pings back after {seconds:.1} s, over {}", spare.label()));
    }
    Ok(Cut { link, spare, before, pingers, bypass })
}

/// Mends it, and waits for the tree as it was.
pub fn mend(lab: &mut Lab, cut: Cut) -> Result<(), LabError> {
    let Cut { link, spare, before, pingers, bypass } = cut;
    let (a, b) = link.ends();
    let mut amiss = Vec::new();
    if let Err(complaint) = &bypass {
        amiss.push(format!("cut: {complaint}"));
    }
    if !lab.sabotaged(Check::Cut) {
        lab.report.line(&format!("the path of {} is mended", link.label()));
        lab.underlay.set_cut(a, b, false)?;
    }
    let mended = Instant::now();
    let limit = lab.timers.settle(lab.patience(Check::Cut));
    let tree = lab.wait("the tree as it was", limit, |lab| {
        let now = Tree::settled(BRIDGE, &lab.stps()?)?;
        if now.blocked() == before.blocked() { Ok(()) } else { Err(changed(&now)) }
    })?;
    let whole = Instant::now();
    let pings = await_pings(lab, &pingers, whole, "the pings")?;
    for complaint in [tree.err(), pings.err()].into_iter().flatten() {
        amiss.push(format!("healing: {complaint}"));
    }
    let healed = outage(&pingers, mended);
    for pinger in pingers {
        pinger.finish(Duration::ZERO)?;
    }
    let seen = format!(
        "{} cut: all pings back after {:.1} s over {}; mended: the tree as before, {:.1} s of interruption",
        link.label(),
        bypass.unwrap_or_default().as_secs_f32(),
        spare.label(),
        healed.as_secs_f32()
    );
    lab.verdict(Check::Cut, Verdict::of(&amiss, seen));
    if lab.sabotaged(Check::Cut) {
        lab.underlay.set_cut(a, b, false)?;
    }
    Ok(())
}

fn changed(now: &Tree) -> String {
    let (link, host) = now.blocked();
    format!("now {} is blocked, at host {}", link.label(), host + 1)
}

/// Waits until every pinger gets answers to what it sent since then, and still gets them.
fn await_pings(
    lab: &mut Lab,
    pingers: &[Pinger],
    since: Instant,
    what: &str,
) -> Result<Result<(), String>, LabError> {
    let limit = lab.timers.settle(PATIENCE);
    lab.wait(what, limit, |_| {
        let recent = Instant::now().checked_sub(Duration::from_secs(2)).unwrap_or(since).max(since);
        let silent = pingers.iter().zip(Link::ALL).find(|(pinger, _)| !pinger.answered_since(recent));
        match silent {
            Some((_, link)) => {
                let (from, to) = link.ends();
                Err(format!("host {} gets no answer from host {}", from + 1, to + 1))
            }
            None => Ok(()),
        }
    })
}

/// The longest time that one of the pingers was without an answer, since then.
fn outage(pingers: &[Pinger], since: Instant) -> Duration {
    pingers.iter().map(|pinger| longest_gap(&pinger.shots(), since)).max().unwrap_or_default()
}
