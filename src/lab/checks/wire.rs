//! Check 4: the wire, seen from each host's `eth0`.

use std::time::{Duration, Instant};

use super::{Check, Verdict};
use crate::lab::capture::{Capture, Captured};
use crate::lab::census::Tag;
use crate::lab::dissect::Class;
use crate::lab::error::LabError;
use crate::lab::forge;
use crate::lab::host::inner;
use crate::lab::ping;
use crate::lab::ring::Link;
use crate::lab::scenario::{Lab, inner_target};
use crate::lab::underlay::address;
use crate::net::packet::Direction;

/// Start of every tagged broadcast, which also must not be seen in clear.
const TAG: std::ops::Range<usize> = 14..22;

/// Sends the marked ping over a link in use, for the pictures.
pub fn ping_over(lab: &mut Lab, link: Link) -> Result<(), LabError> {
    let (from, to) = link.ends();
    let start = Instant::now();
    ping::ping(&lab.hosts[from].namespace, inner_target(to), &lab.marker, 2, Duration::from_secs(1))?;
    lab.interrupt.pause(Duration::from_millis(100))?;
    lab.notes.pinged.push((link, start, Instant::now()));
    Ok(())
}

/// Looks at all that was captured.
pub fn judge(lab: &mut Lab) -> Result<(), LabError> {
    if lab.sabotaged(Check::Wire) {
        leak(lab)?;
    }
    let mut amiss = Vec::new();
    lab.report.title("The wire, seen from each eth0");
    for link in [Link::Gre, Link::Vxlan] {
        in_clear(lab, link, &mut amiss);
    }
    let (esp, ike) = protected(lab, &mut amiss);
    if !lab.capture.complete() {
        amiss.push("the capture missed packets".into());
    }
    let seen = format!(
        "BPDUs and the ping in clear in GRE and in VXLAN; between hosts 2 and 3 {esp} packets of ESP, {ike} of IKE, \
         nothing else, and the ping's bytes in none of them"
    );
    lab.verdict(Check::Wire, Verdict::of(&amiss, seen));
    Ok(())
}

/// A plain tunnel: its BPDUs and the ping can be read.
fn in_clear(lab: &mut Lab, link: Link, amiss: &mut Vec<String>) {
    let (a, b) = link.ends();
    let class = if link == Link::Gre { Class::Gre } else { Class::Vxlan };
    let on_link = |captured: &Captured| {
        let packet = captured.packet();
        packet.class == class && Capture::between(&packet, address(a), address(b))
    };
    let bpdu =
        lab.capture.find(|c| c.host == a && on_link(c) && c.packet().line.contains("STP 802.1d, Config"));
    let pinged = lab.notes.pinged.iter().find(|(l, _, _)| *l == link).map(|(_, from, to)| *from..=*to);
    let request = format!("{} > {}: ICMP echo request", inner(a), inner(b));
    let ping = pinged.and_then(|window| {
        let in_time = |c: &Captured| c.host == a && window.contains(&c.at) && c.contains(&lab.marker);
        lab.capture.find(|c| in_time(c) && on_link(c) && c.packet().line.contains(&request))
    });
    lab.report.line(&format!("eth0 of host {}, {}:", a + 1, link.label()));
    for (what, found) in [("BPDU", bpdu), ("ping", ping)] {
        match found {
            Some(captured) => lab.report.block(&format!("  {}", captured.line())),
            None => amiss.push(format!("no {what} seen in clear on {}", link.label())),
        }
    }
}

/// The protected tunnel: ESP and IKE, nothing readable. Returns how many of each.
fn protected(lab: &mut Lab, amiss: &mut Vec<String>) -> (usize, usize) {
    let (a, b) = Link::Ipsec.ends();
    let tag = Tag { origin: 0, sequence: 0 }.frame()[TAG].to_vec();
    let packets = lab.capture.select(|captured| {
        Capture::between(&captured.packet(), address(a), address(b)) && !lab.forged.contains(&captured.frame)
    });
    let of_class = |class: Class| packets.iter().filter(|c| c.packet().class == class).count();
    let (esp, ike) = (of_class(Class::Esp), of_class(Class::Ike));
    for captured in &packets {
        let clear = captured.contains(&lab.marker) || captured.contains(&tag);
        // While a daemon is dead, the kernel tells the peer that nobody listens.
        let unreachable = captured.frame.get(23) == Some(&1) && captured.frame.get(34) == Some(&3);
        let allowed = matches!(captured.packet().class, Class::Esp | Class::Ike) || unreachable;
        if clear || !allowed {
            let what = if clear { "bytes of the inside in clear" } else { "neither ESP nor IKE" };
            amiss.push(format!("between hosts {} and {} {what}: {}", a + 1, b + 1, captured.line()));
            break;
        }
    }
    let window = lab.notes.pinged.iter().find(|(link, _, _)| *link == Link::Ipsec);
    let ping = window.and_then(|(_, from, to)| {
        packets.iter().find(|c| {
            let shape = c.host == a && c.direction == Direction::Out && (*from..=*to).contains(&c.at);
            shape && c.packet().class == Class::Esp
        })
    });
    let exchange = packets.iter().find(|c| c.host == a && c.packet().class == Class::Ike);
    lab.report.line(&format!("eth0 of host {}, {}:", a + 1, Link::Ipsec.label()));
    for (what, found) in [("IKE", exchange), ("ESP while the ping went", ping)] {
        match found {
            Some(captured) => lab.report.block(&format!("  {}", captured.line())),
            None => amiss.push(format!("no {what} seen on {}", Link::Ipsec.label())),
        }
    }
    (esp, ike)
}

/// Sabotage: the inner bytes in a plain UDP packet on the protected link.
fn leak(lab: &mut Lab) -> Result<(), LabError> {
    let (a, b) = Link::Ipsec.ends();
    let frame = forge::udp(&forge::Ends::of(lab, a, b)?, 9, &lab.marker);
    forge::deliver(lab, b, &frame)?;
    lab.interrupt.pause(Duration::from_millis(300))
}
