//! Check 1: one spanning tree over the ring, drawn.

use crate::lab::commands;
use crate::lab::error::LabError;
use crate::lab::host::BRIDGE;
use crate::lab::ring::Tree;
use crate::lab::stage::Lab;
use crate::lab::verdict::{Check, Verdict};

/// On how many hosts the tree is switched on in time: on all but for the sabotage.
fn on(lab: &Lab) -> usize {
    if lab.sabotaged(Check::Ring) { lab.hosts.len() - 1 } else { lab.hosts.len() }
}

/// Types the last command on each host.
pub fn enable(lab: &mut Lab) -> Result<(), LabError> {
    if !lab.standard {
        for host in &lab.hosts {
            commands::shorten_timers(lab.report, host)?;
        }
    }
    let on = on(lab);
    lab.hosts[..on].iter().try_for_each(|host| commands::enable_stp(lab.report, host))
}

/// Waits for the tree, and draws it.
pub fn judge(lab: &mut Lab) -> Result<(), LabError> {
    let limit = lab.timers.settle(lab.patience(Check::Ring));
    let found = lab.wait("the spanning tree", limit, |lab| Tree::settled(BRIDGE, &lab.stps()?))?;
    let verdict = match found {
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
    lab.hosts[on..].iter().try_for_each(|host| commands::enable_stp(lab.report, host))
}
