//! Check 10: a TCP stream over each tunnel.

use std::net::IpAddr;
use std::time::Duration;

use crate::lab::error::LabError;
use crate::lab::host::{BRIDGE, inner};
use crate::lab::ring::Link;
use crate::lab::stage::{Lab, PATIENCE};
use crate::lab::stream;
use crate::lab::verdict::{Check, Verdict};
use crate::net::netlink;

/// How long each stream runs.
const TIME: Duration = Duration::from_millis(1000);
/// Less than this is not TCP working, but TCP limping.
const LEAST_MBITS: f64 = 5.0;

/// Streams over a link in use, both ends on their default MTUs.
pub fn measure(lab: &mut Lab, link: Link) -> Result<(), LabError> {
    let (from, to) = link.ends();
    let sabotaged = lab.sabotaged(Check::Throughput) && lab.throughput.is_empty();
    if sabotaged {
        mislead(lab, from, to, true)?;
    }
    let patience = if sabotaged { Duration::from_secs(5) } else { PATIENCE };
    let before = sent_bytes(lab, link)?;
    lab.capture.set_pause(true)?;
    let (near, far) = (&lab.hosts[from].namespace, &lab.hosts[to].namespace);
    let outcome = stream::run(near, far, inner(to), TIME, patience);
    lab.capture.set_pause(false)?;
    let outcome = outcome?;
    let carried = sent_bytes(lab, link)?.saturating_sub(before);
    if sabotaged {
        mislead(lab, from, to, false)?;
    }
    let result = match outcome {
        Err(error) => Err(format!("{}: {error}", link.label())),
        Ok(t) if t.sent != t.received => {
            Err(format!("{}: {} bytes sent, {} received", link.label(), t.sent, t.received))
        }
        Ok(t) if carried < t.received => {
            Err(format!("{}: the stream went another way ({carried} of {} bytes)", link.label(), t.received))
        }
        Ok(t) if t.mbits() < LEAST_MBITS => Err(format!("{}: only {:.1} Mbit/s", link.label(), t.mbits())),
        Ok(t) => Ok(t.mbits()),
    };
    if let Ok(mbits) = result {
        lab.report.line(&format!("TCP over {}: {mbits:.0} Mbit/s", link.label()));
    }
    lab.throughput.push((link, result));
    Ok(())
}

/// Judges what was measured.
pub fn judge(lab: &mut Lab) {
    let mut amiss: Vec<_> = lab.throughput.iter().filter_map(|(_, r)| r.clone().err()).collect();
    for link in Link::ALL {
        if !lab.throughput.iter().any(|(known, _)| *known == link) {
            amiss.push(format!("{} was never the way", link.label()));
        }
    }
    let rates = lab.throughput.iter().filter_map(|(link, result)| {
        result.as_ref().ok().map(|mbits| format!("{} {mbits:.0} Mbit/s", link.port()))
    });
    let seen = rates.collect::<Vec<_>>().join(", ");
    lab.verdict(Check::Throughput, Verdict::of(&amiss, seen));
}

/// What a port has sent, from the database's statistics.
fn sent_bytes(lab: &Lab, link: Link) -> Result<u64, LabError> {
    let column = "statistics:tx_bytes";
    let text = lab.hosts[link.ends().0].vsctl(&["get", "Interface", link.port(), column])?;
    let bytes = text.trim().parse();
    bytes.map_err(|_| LabError::Amiss(format!("{column} of {} is {text:?}", link.port())))
}

/// Sabotage: the sender believes its peer to have an Ethernet address that
/// nobody has.
fn mislead(lab: &Lab, from: usize, to: usize, mislead: bool) -> Result<(), LabError> {
    Ok(lab.hosts[from].namespace.run(|| {
        netlink::blocking(async |net| {
            let index = net.link(BRIDGE).await?.index;
            let peer = IpAddr::V4(inner(to));
            if mislead {
                net.set_neighbour(index, peer, [0x02, 0xad, 0x17, 0, 0, 0x66]).await
            } else {
                net.delete_neighbour(index, peer).await
            }
        })
    })??)
}
