//! Check 5: what was negotiated, and that rekeying loses no ping.

use std::time::{Duration, Instant};

use crate::lab::error::LabError;
use crate::lab::ping::Pinger;
use crate::lab::ring::Link;
use crate::lab::stage::{Lab, PATIENCE, inner_target};
use crate::lab::verdict::{Check, Verdict};
use crate::status::{ChildRow, IkeRow, IkeState, Sa};

/// Time between the pings that watch the rekeying.
const INTERVAL: Duration = Duration::from_millis(10);
/// How late an answer may come: the delay is the machine's, a loss would be adit's.
const LATE: Duration = Duration::from_secs(10);

/// The pair of SAs that protects the third link, as one host tells it.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The IKE SA.
    pub ike: IkeRow,
    /// Its child.
    pub child: ChildRow,
}

/// The established SA of a connection on a host, or what is missing.
pub fn established(sa: &Sa, connection: &str) -> Result<Pair, String> {
    let ike = sa.ike.iter().find(|ike| is_established(ike, connection));
    let ike = ike.ok_or_else(|| format!("no established IKE SA of {connection}"))?;
    let mut children = sa.child.iter().filter(|c| c.spi_in.is_some() && c.spi_out.is_some());
    let child = children.find(|c| c.connection == connection);
    let child = child.ok_or_else(|| format!("no child SA of {connection}"))?;
    Ok(Pair { ike: ike.clone(), child: child.clone() })
}

fn is_established(ike: &IkeRow, connection: &str) -> bool {
    ike.connection.as_deref() == Some(connection) && ike.state == IkeState::Established
}

/// The name of the connection behind the protected port of a host.
pub fn connection(lab: &Lab, host: usize) -> Result<String, LabError> {
    let show = lab.hosts[host].show()?;
    let port = show.port(Link::Ipsec.port()).and_then(|port| port.connection.clone());
    Ok(port.unwrap_or_else(|| Link::Ipsec.port().to_owned()))
}

/// Shows the SA and rekeys child and IKE SA under a steady ping.
pub fn run(lab: &mut Lab) -> Result<(), LabError> {
    let (a, b) = Link::Ipsec.ends();
    let name = connection(lab, a)?;
    let first = lab.await_or_fail("the SAs of both ends", PATIENCE, |lab| {
        let (near, far) = (lab.hosts[a].sa()?, lab.hosts[b].sa()?);
        let pair = established(&near, &name)?;
        agree(&pair, &far).map(|()| pair)
    })?;
    show(lab, &first);
    let mut amiss = Vec::new();
    let start = Instant::now();
    let pinger = Pinger::start(&lab.hosts[a].namespace, inner_target(b), &lab.marker, INTERVAL)?;
    lab.await_or_fail("the pings", PATIENCE, |_| flow(&pinger, start))?;
    if lab.sabotaged(Check::Sa) {
        // For less time than the bridges would notice.
        lab.underlay.set_cut(a, b, true)?;
        lab.interrupt.pause(Duration::from_millis(300))?;
        lab.underlay.set_cut(a, b, false)?;
    }
    for (flag, what) in [("--child", "child"), ("--ike", "IKE")] {
        if let Err(complaint) = rekey(lab, a, &name, flag, what)? {
            amiss.push(complaint);
        }
    }
    let rekeyed = Instant::now();
    lab.await_or_fail("the pings", PATIENCE, |_| flow(&pinger, rekeyed))?;
    let shots = pinger.finish(LATE)?;
    let lost = shots.iter().filter(|shot| shot.answered.is_none()).count();
    if lost > 0 {
        amiss.push(format!("{lost} of {} pings were lost while rekeying", shots.len()));
    }
    amiss.extend(agreement_at_rest(lab, a, b, &name)?);
    let seen = format!(
        "{}; child and IKE SA rekeyed, {} pings meanwhile, none lost",
        algorithms(&first),
        shots.len()
    );
    lab.verdict(Check::Sa, Verdict::of(&amiss, seen));
    Ok(())
}

/// Whether some pings sent since then are answered.
fn flow(pinger: &Pinger, since: Instant) -> Result<(), String> {
    let answered = pinger.shots().iter().filter(|s| s.sent >= since && s.answered.is_some()).count();
    if answered >= 20 { Ok(()) } else { Err(format!("{answered} are answered")) }
}

/// Asks for one kind of rekeying and waits until its SPIs are new.
fn rekey(
    lab: &mut Lab,
    host: usize,
    name: &str,
    flag: &str,
    what: &str,
) -> Result<Result<(), String>, LabError> {
    let before = established(&lab.hosts[host].sa()?, name).map_err(LabError::Amiss)?;
    lab.report.typed(host + 1, &format!("adit rekey {flag} {name}"));
    let answer = lab.hosts[host].adit(&["rekey", flag, name])?;
    if answer.exit != Some(0) {
        return Ok(Err(format!("adit rekey {flag}: {}", answer.stderr.trim())));
    }
    lab.wait("rekeying", PATIENCE, |lab| {
        let now = established(&lab.hosts[host].sa()?, name)?;
        let fresh = match what {
            "child" => now.child.spi_in != before.child.spi_in && now.child.spi_out != before.child.spi_out,
            _ => now.ike.spi_i != before.ike.spi_i && now.ike.spi_r != before.ike.spi_r,
        };
        if fresh { Ok(()) } else { Err(format!("the {what} SA has still its old SPIs")) }
    })
}

/// Whether the far end has the same SAs, and they are what they ought to be.
fn agree(near: &Pair, far: &Sa) -> Result<(), String> {
    let twin = far.child.iter().find(|c| c.spi_in == near.child.spi_out && c.spi_out == near.child.spi_in);
    let twin = twin.ok_or("the two ends do not name the same SPIs")?;
    if twin.proposal != near.child.proposal {
        return Err("the two ends do not name the same algorithms".to_owned());
    }
    if near.child.mode != "transport" {
        return Err(format!("the mode is {}, not transport", near.child.mode));
    }
    let counters = [near.child.packets_in, near.child.packets_out];
    if counters.contains(&0) {
        return Err("the SA has carried no packets".to_owned());
    }
    Ok(())
}

/// Soon after, both ends hold the same one pair of SAs.
fn agreement_at_rest(lab: &mut Lab, a: usize, b: usize, name: &str) -> Result<Option<String>, LabError> {
    let other = connection(lab, b)?;
    let settled = lab.wait("the old SAs to go", PATIENCE, |lab| {
        let (near, far) = (lab.hosts[a].sa()?, lab.hosts[b].sa()?);
        let count = |sa: &Sa, name: &str| {
            let children = sa.child.iter().filter(|c| c.connection == name && c.spi_in.is_some()).count();
            // A replaced one stays a while, closing, to answer what the peer may repeat.
            (sa.ike.iter().filter(|ike| is_established(ike, name)).count(), children)
        };
        for (host, (ike, child)) in [(a, count(&near, name)), (b, count(&far, &other))] {
            if (ike, child) != (1, 1) {
                return Err(format!(
                    "host {} has {ike} IKE and {child} child SAs instead of one each",
                    host + 1
                ));
            }
        }
        let twins = near.child.iter().all(|n| far.child.iter().any(|f| f.spi_in == n.spi_out));
        if twins { Ok(()) } else { Err("the two ends hold different SAs".to_owned()) }
    })?;
    Ok(settled.err())
}

fn algorithms(pair: &Pair) -> String {
    let or_unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".into());
    format!("IKE {}, ESP {}", or_unknown(&pair.ike.proposal), or_unknown(&pair.child.proposal))
}

fn show(lab: &mut Lab, pair: &Pair) {
    let Pair { ike, child } = pair;
    let number = |n: Option<u64>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
    let text = |t: &Option<String>| t.clone().unwrap_or_else(|| "?".into());
    lab.report.block(&format!(
        "IKE SA    {}  SPIs {} {}  {} s old, rekeyed in {} s\n\
         child SA  {}  SPIs {} {}  {} over {}  {} s old, rekeyed in {} s\n\
         carried   {} packets, {} bytes in; {} packets, {} bytes out",
        text(&ike.proposal),
        text(&ike.spi_i),
        text(&ike.spi_r),
        number(ike.age),
        number(ike.rekey_in),
        text(&child.proposal),
        text(&child.spi_in),
        text(&child.spi_out),
        child.mode,
        text(&child.carrier),
        number(child.age),
        number(child.rekey_in),
        child.packets_in,
        child.bytes_in,
        child.packets_out,
        child.bytes_out,
    ));
}

#[cfg(test)]
mod tests;
