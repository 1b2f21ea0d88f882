//! Check 8: a replayed packet, an altered one, and plain GRE to the
//! protected port: dropped, counted by reason, and nothing of it on a bridge.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::lab::dissect::Class;
use crate::lab::error::LabError;
use crate::lab::forge::{self, Ends};
use crate::lab::ping;
use crate::lab::ring::Link;
use crate::lab::stage::{Lab, PATIENCE, inner_target};
use crate::lab::tag::Tag;
use crate::lab::verdict::{Check, Verdict};
use crate::net::packet::Direction;

/// Origin of the frames made to deceive.
const DECEIVER: u8 = 0xf0;
/// How often each forgery is sent.
const TIMES: u64 = 5;
/// What is sent, and the reason it must be counted under.
const REASONS: [(&str, &str); 3] = [
    ("a captured packet again", "replayed"),
    ("a packet with one bit flipped", "bad_icv"),
    ("plain GRE", "plaintext_on_protected"),
];

/// Attacks host 3 in the name of host 2.
pub fn run(lab: &mut Lab) -> Result<(), LabError> {
    let (from, to) = Link::Ipsec.ends();
    // Fresh traffic, so that there is a packet of the current SA to take.
    let start = Instant::now();
    let target = inner_target(to);
    let replayed = lab.await_or_fail("an ESP packet to take", PATIENCE, |lab| {
        ping::ping(&lab.hosts[from].namespace, target, &lab.marker, 1, Duration::from_secs(1))?;
        let fresh = lab.capture.find(|c| {
            let arrived = c.host == to && c.direction == Direction::In && c.at >= start;
            arrived && c.packet().class == Class::Esp
        });
        fresh.map(|captured| captured.frame.clone()).ok_or_else(|| "none was captured".to_owned())
    })?;
    let altered = with_bit_flipped(&replayed);
    let tag = |sequence| Tag { origin: DECEIVER, sequence }.frame();
    let ends = Ends::of(lab, from, to)?;
    let before = counts(lab, to)?;
    for time in 0..TIMES {
        let plain = forge::gre(&ends, &tag(time as u32));
        for frame in [&replayed, &altered, &plain] {
            lab.forged.push(frame.clone());
            forge::deliver(lab, to, frame)?;
        }
    }
    if lab.sabotaged(Check::Forgery) {
        get_in(lab, &tag(99))?;
    }
    let grown = lab.wait("the counters", PATIENCE, |lab| {
        let after = counts(lab, to)?;
        let grown = REASONS.map(|(_, reason)| after[reason] - before[reason].min(after[reason]));
        if grown.iter().all(|n| *n >= TIMES) { Ok(grown) } else { Err(missing(grown)) }
    })?;
    let mut amiss = Vec::new();
    if let Err(complaint) = &grown {
        amiss.push(complaint.clone());
    }
    // What came through has arrived when broadcasts sent later have.
    let sent = Instant::now();
    let strangers = lab.await_or_fail("the broadcasts", PATIENCE, |lab| match &lab.census {
        Some(census) if census.caught_up(sent) => Ok(census.strangers(DECEIVER)),
        _ => Err("they do not arrive".to_owned()),
    })?;
    if strangers > 0 {
        amiss.push(format!("a forged frame came through to a bridge ({strangers} times)"));
    }
    let parts = grown
        .unwrap_or_default()
        .into_iter()
        .zip(REASONS)
        .map(|(n, (what, why))| format!("{what}: {n} {why}"));
    let seen = format!("{TIMES} each sent to host {}; {}", to + 1, parts.collect::<Vec<_>>().join(", "));
    lab.verdict(Check::Forgery, Verdict::of(&amiss, seen));
    Ok(())
}

/// Sabotage: the same frame where nothing protects. Of the ends of the two
/// plain tunnels at least one is forwarding, whatever is blocked or cut.
fn get_in(lab: &Lab, tagged: &[u8]) -> Result<(), LabError> {
    for link in [Link::Gre, Link::Vxlan] {
        let (a, b) = link.ends();
        for (from, to) in [(a, b), (b, a)] {
            let ends = Ends::of(lab, from, to)?;
            let frame =
                if link == Link::Gre { forge::gre(&ends, tagged) } else { forge::vxlan(&ends, tagged) };
            forge::deliver(lab, to, &frame)?;
        }
    }
    Ok(())
}

fn missing(grown: [u64; 3]) -> String {
    let parts = grown.iter().zip(REASONS).filter(|(n, _)| **n < TIMES);
    let parts = parts.map(|(n, (what, why))| format!("{what} was counted {n} of {TIMES} times as {why}"));
    parts.collect::<Vec<_>>().join(", ")
}

fn counts(lab: &Lab, host: usize) -> Result<BTreeMap<&'static str, u64>, LabError> {
    let sa = lab.hosts[host].sa()?;
    Ok(REASONS.iter().map(|(_, reason)| (*reason, sa.drops(reason))).collect())
}

/// The same packet with a bit of its sequence number flipped from 0 to 1:
/// the number is new, so it is not the replay window that stops it.
fn with_bit_flipped(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    if let Some(at) = forge::esp_offset(&frame)
        && let Some(byte) = frame.get_mut(at + 5)
    {
        *byte ^= 1 << byte.trailing_ones().min(7);
    }
    frame
}
