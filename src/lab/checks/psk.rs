//! Check 7: a pair of ports whose PSKs differ.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Check, Verdict};
use crate::lab::capture::Capture;
use crate::lab::census::{ETHERTYPE, Tag};
use crate::lab::commands;
use crate::lab::dissect::Class;
use crate::lab::error::{LabError, io};
use crate::lab::scenario::Lab;
use crate::lab::underlay::address;
use crate::net::netlink;
use crate::net::netns;
use crate::net::packet::{Direction, Filter, PacketSocket};

/// A bridge of its own on hosts 1 and 2, and its only port.
const BRIDGE: &str = "wrongbr";
const PORT: &str = "wrong0";
/// The hosts.
const PAIR: [usize; 2] = [0, 1];
/// What each has for a PSK, and what nobody may ever read.
const PSKS: [&str; 2] = ["password", "passw0rd"];
/// Origin of the frames that must not get through.
const ORIGIN: u8 = 0xe0;
/// How long the negotiation may take to fail, and its reason to be told.
const LIMIT: Duration = Duration::from_secs(12);

type Thread = JoinHandle<Result<std::io::Result<u32>, netns::Error>>;

/// The pair at work.
#[derive(Debug)]
pub struct Started {
    since: Instant,
    stop: Arc<AtomicBool>,
    threads: Vec<Thread>,
}

impl Drop for Started {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Configures the pair, and has both ends send without pause.
pub fn start(lab: &mut Lab) -> Result<Started, LabError> {
    lab.report.title("A second tunnel, with a different PSK at each end");
    let started = Started { since: Instant::now(), stop: Arc::default(), threads: Vec::new() };
    for host in PAIR {
        let psk = if lab.sabotaged(Check::Psk) { PSKS[0] } else { PSKS[host] };
        let (local, remote) = (address(host), address(PAIR[1 - host]));
        let line = format!(
            "add-br {BRIDGE} -- add-port {BRIDGE} {PORT} -- set Interface {PORT} type=vxlan \
             options:local_ip={local} options:remote_ip={remote} options:psk={psk}"
        );
        commands::vsctl(lab.report, &lab.hosts[host], &line)?;
    }
    let mut started = started;
    for host in PAIR {
        let namespace = lab.hosts[host].namespace.clone();
        let index = lab.hosts[host].device(BRIDGE)?.0.index;
        namespace.run(|| netlink::blocking(async |net| net.set_up(index, true).await))??;
        let stop = started.stop.clone();
        started.threads.push(namespace.thread("wrong-psk", move || talk(index, host as u8, &stop))?);
    }
    Ok(started)
}

/// Sends a tagged frame now and then; returns how many of the other side's arrived.
fn talk(device: u32, host: u8, stop: &AtomicBool) -> std::io::Result<u32> {
    let socket = PacketSocket::open(device, Filter::EtherType(ETHERTYPE), Duration::from_millis(50))?;
    let (mut buffer, mut heard) = ([0; 128], 0);
    for sequence in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        match socket.send(&Tag { origin: ORIGIN + host, sequence }.frame()) {
            Err(error)
                if !matches!(error.raw_os_error(), Some(libc::ENETDOWN | libc::ENOBUFS | libc::EIO)) =>
            {
                return Err(error);
            }
            _ => {}
        }
        while let Some((length, direction)) = socket.receive(&mut buffer)? {
            let tag = Tag::of(&buffer[..length]);
            heard +=
                u32::from(direction != Direction::Out && tag.is_some_and(|tag| tag.origin != ORIGIN + host));
        }
    }
    Ok(heard)
}

/// Waits for the refusal, looks at what was sent meanwhile, removes the pair.
pub fn judge(lab: &mut Lab) -> Result<(), LabError> {
    let Some(mut started) = lab.notes.psk.take() else { return Ok(()) };
    let mut amiss = Vec::new();
    let mut reasons = Vec::new();
    for host in PAIR {
        let told = lab.wait("the refusal", LIMIT, |lab| {
            let error = lab.hosts[host].show()?.port(PORT).and_then(|port| port.error.clone());
            Ok(match error {
                Some(text) => complete(&text, host).map(|()| text),
                None => Err(format!("host {} tells no error of {PORT}", host + 1)),
            })
        })?;
        match told {
            Ok(text) => {
                lab.report.line(&format!("host {} says of {PORT}: {text}", host + 1));
                reasons.push(text);
            }
            Err(complaint) => amiss.push(complaint),
        }
    }
    // Some time with the refusal known, too: fail closed is for ever.
    lab.interrupt.pause(Duration::from_millis(300))?;
    started.stop.store(true, Ordering::Relaxed);
    for thread in std::mem::take(&mut started.threads) {
        let ended = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let heard = ended?.map_err(io("talk over the wrong PSK"))?;
        if heard > 0 {
            amiss.push(format!("{heard} frames came through in spite of the PSKs"));
        }
    }
    amiss.extend(overheard(lab, started.since));
    for host in PAIR {
        lab.hosts[host].vsctl(&["del-br", BRIDGE])?;
    }
    let seen = format!("{}; not one byte of the port's traffic was on the wire", reasons.join(" / "));
    lab.verdict(Check::Psk, Verdict::of(&amiss, seen));
    Ok(())
}

/// Whether a text tells the side, the reason and the remedy.
fn complete(text: &str, host: usize) -> Result<(), String> {
    let lower = text.to_lowercase();
    let peer = address(PAIR[1 - host]).to_string();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let lacks = if !has(&[&peer, "peer", "we "]) {
        "the side"
    } else if !has(&["psk", "pre-shared key"]) {
        "the reason"
    } else if !has(&["set ", "same", "check", "compare", "options:psk"]) {
        "the remedy"
    } else {
        return Ok(());
    };
    Err(format!("host {} does not tell {lacks}: {text}", host + 1))
}

/// What an eavesdropper got of the pair: must be nothing.
fn overheard(lab: &Lab, since: Instant) -> Vec<String> {
    let (a, b) = (address(PAIR[0]), address(PAIR[1]));
    let forbidden: Vec<Vec<u8>> = PAIR
        .iter()
        .map(|host| Tag { origin: ORIGIN + *host as u8, sequence: 0 }.frame()[12..23].to_vec())
        .collect();
    let mut amiss = Vec::new();
    let leak = lab.capture.find(|captured| forbidden.iter().any(|bytes| captured.contains(bytes)));
    if let Some(captured) = leak {
        amiss.push(format!("in clear on the wire: {}", captured.line()));
    }
    let sent = lab.capture.find(|captured| {
        let packet = captured.packet();
        captured.at >= since && packet.class == Class::Vxlan && Capture::between(&packet, a, b)
    });
    if let Some(captured) = sent {
        amiss.push(format!("VXLAN without ESP on the wire: {}", captured.line()));
    }
    let tried = lab.capture.find(|captured| {
        let packet = captured.packet();
        captured.at >= since && packet.class == Class::Ike && Capture::between(&packet, a, b)
    });
    if tried.is_none() {
        amiss.push("no IKE was seen between the two: nothing was refused, nothing was tried".into());
    }
    amiss
}
