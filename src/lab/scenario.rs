//! The order of events. The checks are numbered for the reader; here they
//! come as the ring allows, so that nothing waits twice.

use super::checks::{crash, cut, forgery, loops, ping, psk, ring, sa, throughput, wire};
use super::commands;
use super::error::LabError;
use super::ring::Link;
use super::stage::Lab;
use super::verdict::Check;

/// The whole story; verdicts go into the report. What goes wrong in a check
/// stays there: an error means that there is no ring to look at, or Ctrl-C.
pub fn play(lab: &mut Lab) -> Result<(), LabError> {
    lab.report.title("The tutorial's commands: the ring is closed before there is a spanning tree");
    commands::build_ring(lab.report, &lab.hosts)?;
    lab.start_census()?;
    lab.part(Check::Loops, |lab| loops::stay_calm(lab, "before the spanning tree", loops::await_held))?;

    lab.report.title("A second tunnel, with a different PSK at each end");
    let wrong = lab.part(Check::Psk, psk::start)?;

    lab.report.title("A crash in the held ring");
    let held = lab.part(Check::Crash, crash::in_the_held_ring)?;
    lab.part(Check::Loops, |lab| loops::stay_calm(lab, "after a crash", loops::await_held))?;

    lab.report.title("The spanning tree, and a crash in the midst of it");
    lab.part(Check::Ring, ring::enable)?;
    let struck = lab.part(Check::Crash, crash::strike)?;
    lab.part(Check::Ring, ring::judge)?;
    let spare = lab.await_tree().map(|tree| tree.blocked().0);
    lab.part(Check::Crash, |lab| crash::judge(lab, held, struck))?;
    lab.part(Check::Psk, |lab| psk::judge(lab, wrong))?;
    lab.part(Check::Ping, ping::run)?;
    lab.part(Check::Loops, |lab| loops::stay_calm(lab, "with the spanning tree", loops::await_tree))?;
    for link in Link::ALL {
        if !spare.as_ref().is_ok_and(|spare| *spare == link) {
            use_link(lab, link)?;
        }
    }

    lab.report.title("The active link is cut");
    if let Some(spare) = lab.part(Check::Cut, |_| spare)? {
        cut_and_mend(lab, spare)?;
    }
    lab.part(Check::Loops, |lab| loops::stay_calm(lab, "after cut and healing", loops::await_tree))?;
    throughput::judge(lab);
    lab.part(Check::Wire, wire::judge)?;
    lab.part(Check::Loops, loops::judge)?;
    Ok(())
}

/// Cuts a link in use, and does on the spare one what was done on the others.
fn cut_and_mend(lab: &mut Lab, spare: Link) -> Result<(), LabError> {
    let cut = lab.part(Check::Cut, |lab| cut::cut(lab, spare))?;
    // Also where the bypass did not come: each check has its own word on it.
    use_link(lab, spare)?;
    if let Some(cut) = cut {
        lab.part(Check::Cut, |lab| cut::mend(lab, cut))?;
    }
    Ok(())
}

/// What is done with a link once it is in use.
fn use_link(lab: &mut Lab, link: Link) -> Result<(), LabError> {
    lab.part(Check::Wire, |lab| wire::ping_over(lab, link))?;
    if link == Link::Ipsec {
        lab.part(Check::Sa, sa::run)?;
        lab.part(Check::Forgery, forgery::run)?;
    }
    lab.part(Check::Throughput, |lab| throughput::measure(lab, link))?;
    Ok(())
}
