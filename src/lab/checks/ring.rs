//! Check 1: one spanning tree over the ring, drawn.

use super::{Check, Verdict};
use crate::lab::commands;
use crate::lab::error::LabError;
use crate::lab::host::BRIDGE;
use crate::lab::ring::Tree;
use crate::lab::scenario::Lab;

/// On how many hosts the tree is switched on in time: on all but for the sabotage.
fn on(lab: &Lab) -> usize {
    if lab.sabotaged(Check::Ring) { lab.hosts.len() - 1 } else { lab.hosts.len() }
}

/// Types the last command on each host.
pub fn enable(lab: &mut Lab) -> Result<(), LabError> {
    if !lab.standard() {
        for host in &lab.hosts {
            commands::shorten_timers(lab.report, host)?;
        }
    }
    let on = on(lab);
    for host in &lab.hosts[..on] {
        commands::enable_stp(lab.report, host)?;
    }
    Ok(())
}

/// Waits for the tree, and draws it.
pub fn judge(lab: &mut Lab) -> Result<(), LabError> {
    let found = lab.wait("the spanning tree", lab.timers.settle(), |lab| {
        let tree = Tree::settled(BRIDGE, &lab.stps()?);
        // A bridge without a tree will not get one by waiting: said at once, as the last word.
        match tree {
            Err(complaint) if complaint.contains("no spanning tree") => Ok(Ok(Err(complaint))),
            other => Ok(other.map(Ok)),
        }
    })?;
    let verdict = match found.and_then(|inner| inner) {
        Ok(tree) => {
            lab.report.drawing(&tree.drawing());
            let (link, host) = tree.blocked();
            let seen = format!(
                "the root is host {} ({}), {} is blocked at host {}, five ports forward",
                tree.root + 1,
                tree.root_id,
                link.label(),
                host + 1
            );
            Verdict::of(&[], seen)
        }
        Err(complaint) => Verdict::of(&[complaint], ""),
    };
    lab.verdict(Check::Ring, verdict);
    let on = on(lab);
    for host in &lab.hosts[on..] {
        commands::enable_stp(lab.report, host)?;
    }
    Ok(())
}
