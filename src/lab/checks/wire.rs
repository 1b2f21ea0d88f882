//! Check 4: the wire, seen from each host's `eth0`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::lab::capture::{Capture, Captured};
use crate::lab::dissect::{Class, Packet};
use crate::lab::error::LabError;
use crate::lab::forge;
use crate::lab::host::inner;
use crate::lab::ping;
use crate::lab::ring::Link;
use crate::lab::stage::{Lab, PATIENCE, inner_target};
use crate::lab::tag::Tag;
use crate::lab::underlay::address;
use crate::lab::verdict::{Check, Verdict};

/// Start of every tagged broadcast, which also must not be seen in clear.
const TAG: std::ops::Range<usize> = 14..22;

/// Sends the marked ping over a link in use, for the pictures.
pub fn ping_over(lab: &mut Lab, link: Link) -> Result<(), LabError> {
    let (from, to) = link.ends();
    lab.pinged.push((link, Instant::now()));
    let (namespace, target) = (&lab.hosts[from].namespace, inner_target(to));
    let answered = ping::ping(namespace, target, &lab.marker, 2, Duration::from_secs(4))?.len();
    if answered == 2 { Ok(()) } else { Err(LabError::Amiss(format!("no ping over {}", link.label()))) }
}

/// Looks at all that was captured.
pub fn judge(lab: &mut Lab) -> Result<(), LabError> {
    if lab.sabotaged(Check::Wire) {
        leak(lab)?;
    }
    lab.capture.finish()?;
    let mut amiss = Vec::new();
    let all = lab.capture.select(|_| true).len();
    lab.report.title("The wire, seen from each eth0");
    let packets = between_the_protected(lab);
    let (esp, ike) = nothing_readable(lab, &packets, &mut amiss);
    for host in 0..lab.hosts.len() {
        lab.report.line(&format!("eth0 of host {}", host + 1));
        for link in Link::ALL.into_iter().filter(|link| [link.ends().0, link.ends().1].contains(&host)) {
            let views = match link {
                Link::Ipsec => protected(lab, host, &packets),
                _ => in_clear(lab, host, link),
            };
            for (what, found) in views {
                match found {
                    Some(captured) => lab.report.block(&format!("  {:6}  {}", link.port(), captured.line())),
                    None => {
                        amiss.push(format!("eth0 of host {}: no {what} seen on {}", host + 1, link.label()))
                    }
                }
            }
        }
    }
    let mut seen = format!(
        "BPDUs and the ping in clear in GRE and in VXLAN; between hosts 2 and 3 {esp} packets of ESP, {ike} of IKE, \
         nothing else, and the ping's bytes in none of them"
    );
    match lab.capture.missed() {
        0 => {}
        // A busy machine may be too slow for some; a leak would not be among these alone.
        missed if missed * 20 < all => {
            seen += &format!(" ({missed} of {all} packets came too fast to be seen)")
        }
        missed => amiss.push(format!("{missed} of {all} packets came too fast to be seen")),
    }
    lab.verdict(Check::Wire, Verdict::of(&amiss, seen));
    Ok(())
}

/// What is to be seen, and the packet that shows it.
type View = (&'static str, Option<Arc<Captured>>);

/// A plain tunnel: its BPDUs and the ping can be read.
fn in_clear(lab: &Lab, host: usize, link: Link) -> [View; 2] {
    let (a, b) = link.ends();
    let class = if link == Link::Gre { Class::Gre } else { Class::Vxlan };
    let first = |shape: &dyn Fn(&Captured, &Packet) -> bool| {
        lab.capture.find(|captured| {
            let packet = captured.packet();
            let on_link = packet.class == class && Capture::between(&packet, address(a), address(b));
            captured.host == host && on_link && shape(captured, &packet)
        })
    };
    let request = format!("{} > {}: ICMP echo request", inner(a), inner(b));
    let start = lab.pinged.iter().find(|(pinged, _)| *pinged == link).map(|(_, start)| *start);
    let is_ping = |captured: &Captured, packet: &Packet| {
        let in_time = start.is_some_and(|start| captured.at >= start);
        in_time && captured.contains(&lab.marker) && packet.line.contains(&request)
    };
    [
        ("BPDU", first(&|_, packet| packet.line.contains("STP 802.1d, Config"))),
        ("ping in clear", first(&is_ping)),
    ]
}

/// The protected tunnel: how it was negotiated, and what the ping looks like.
fn protected(lab: &Lab, host: usize, packets: &[Arc<Captured>]) -> [View; 2] {
    let (a, b) = Link::Ipsec.ends();
    let start = lab.pinged.iter().find(|(link, _)| *link == Link::Ipsec).map(|(_, start)| *start);
    let first = |class: Class, since: Option<Instant>| {
        let fits = |c: &Captured| {
            let packet = c.packet();
            let there = packet.class == class && packet.ends == Some((address(a), address(b)));
            c.host == host && there && Some(c.at) >= since
        };
        packets.iter().find(|captured| fits(captured)).cloned()
    };
    [
        ("IKE", first(Class::Ike, None)),
        ("ESP while the ping went", start.and_then(|_| first(Class::Esp, start))),
    ]
}

/// All between the ends of the protected tunnel, but for the lab's own forgeries.
fn between_the_protected(lab: &Lab) -> Vec<Arc<Captured>> {
    let (a, b) = Link::Ipsec.ends();
    lab.capture.select(|captured| {
        Capture::between(&captured.packet(), address(a), address(b)) && !lab.forged.contains(&captured.frame)
    })
}

/// ESP and IKE, and nothing of the inside. Returns how many of each.
fn nothing_readable(lab: &Lab, packets: &[Arc<Captured>], amiss: &mut Vec<String>) -> (usize, usize) {
    let (a, b) = Link::Ipsec.ends();
    let tag = Tag { origin: 0, sequence: 0 }.frame()[TAG].to_vec();
    for captured in packets {
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
    let of_class = |class: Class| packets.iter().filter(|c| c.packet().class == class).count();
    (of_class(Class::Esp), of_class(Class::Ike))
}

/// Sabotage: the inner bytes in a plain UDP packet on the protected link.
fn leak(lab: &mut Lab) -> Result<(), LabError> {
    let (a, b) = Link::Ipsec.ends();
    let frame = forge::udp(&forge::Ends::of(lab, a, b)?, 9, &lab.marker);
    forge::deliver(lab, b, &frame)?;
    lab.await_or_fail("the leak", PATIENCE, |lab| {
        let seen = lab.capture.find(|captured| captured.frame == frame);
        seen.map(drop).ok_or_else(|| "it is not seen".to_owned())
    })
}
