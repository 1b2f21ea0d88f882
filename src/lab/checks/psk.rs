//! Check 7: a pair of ports whose PSKs differ.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::lab::capture::Capture;
use crate::lab::commands;
use crate::lab::dissect::Class;
use crate::lab::error::{LabError, io};
use crate::lab::stage::Lab;
use crate::lab::tag::{Tag, TagSocket};
use crate::lab::underlay::address;
use crate::lab::verdict::{Check, Verdict};
use crate::net::netlink;
use crate::net::netns;

/// A bridge of its own on hosts 1 and 2, and its only port.
const BRIDGE: &str = "wrongbr";
const PORT: &str = "wrong0";
/// The hosts.
const PAIR: [usize; 2] = [0, 1];
/// What each has for a PSK, and what nobody may ever read.
const PSKS: [&str; 2] = ["password", "passw0rd"];
/// Origin of the frames that must not get through.
const ORIGIN: u8 = 0xe0;

type Thread = JoinHandle<Result<std::io::Result<Talk>, netns::Error>>;

/// What one end did.
#[derive(Clone, Copy, Debug, Default)]
struct Talk {
    sent: u32,
    heard: u32,
}

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
    let mut started = Started { since: Instant::now(), stop: Arc::default(), threads: Vec::new() };
    for host in PAIR {
        let psk = if lab.sabotaged(Check::Psk) { PSKS[0] } else { PSKS[host] };
        let (local, remote) = (address(host), address(PAIR[1 - host]));
        let line = format!(
            "add-br {BRIDGE} -- add-port {BRIDGE} {PORT} -- set Interface {PORT} type=vxlan \
             options:local_ip={local} options:remote_ip={remote} options:psk={psk}"
        );
        commands::vsctl(lab.report, &lab.hosts[host], &line)?;
    }
    for host in PAIR {
        let namespace = lab.hosts[host].namespace.clone();
        let index = lab.hosts[host].device(BRIDGE)?.0.index;
        namespace.run(|| netlink::blocking(async |net| net.set_up(index, true).await))??;
        let stop = started.stop.clone();
        started.threads.push(namespace.thread("wrong-psk", move || talk(index, host as u8, &stop))?);
    }
    Ok(started)
}

/// Sends a tagged frame now and then, and counts the other end's that arrive.
fn talk(device: u32, host: u8, stop: &AtomicBool) -> std::io::Result<Talk> {
    let socket = TagSocket::listening(device, Duration::from_millis(50))?;
    let mut talk = Talk::default();
    for sequence in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        talk.sent += u32::from(socket.send(Tag { origin: ORIGIN + host, sequence })?);
        while let Some(tag) = socket.receive()? {
            talk.heard += u32::from(tag.origin != ORIGIN + host);
        }
    }
    Ok(talk)
}

/// Waits for the refusal, looks at what was sent meanwhile, removes the pair.
pub fn judge(lab: &mut Lab, started: Option<Started>) -> Result<(), LabError> {
    // Where it is missing, why has been told.
    let Some(mut started) = started else { return Ok(()) };
    let mut amiss = Vec::new();
    let told = lab.wait("the refusal", lab.patience(Check::Psk), |lab| {
        PAIR.into_iter().map(|host| refusal(lab, host)).collect::<Result<Vec<_>, _>>()
    })?;
    match told {
        Ok(texts) => {
            for (host, text) in PAIR.iter().zip(&texts) {
                lab.report.line(&format!("host {} says of {PORT}: {text}", host + 1));
            }
        }
        Err(complaint) => amiss.push(complaint),
    }
    // Some time with the refusal known, too: fail closed is for ever.
    lab.interrupt.pause(Duration::from_millis(300))?;
    started.stop.store(true, Ordering::Relaxed);
    let mut sent = Vec::new();
    for thread in std::mem::take(&mut started.threads) {
        let ended = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let talk = ended?.map_err(io("talk over the wrong PSK"))?;
        if talk.heard > 0 {
            amiss.push(format!("{} frames came through in spite of the PSKs", talk.heard));
        }
        sent.push(talk.sent);
    }
    if sent.contains(&0) {
        amiss.push("nothing was sent, so nothing was kept back".to_owned());
    }
    amiss.extend(overheard(lab, started.since));
    for host in PAIR {
        lab.hosts[host].vsctl(&["del-br", BRIDGE])?;
    }
    let seen = format!(
        "both ends tell whose proof failed, why, and the remedy; of the {} frames sent into the tunnel \
         meanwhile not one byte was on the wire",
        sent.iter().sum::<u32>()
    );
    lab.verdict(Check::Psk, Verdict::of(&amiss, seen));
    Ok(())
}

/// What a host says is wrong with its port, if that is all a user needs.
fn refusal(lab: &Lab, host: usize) -> Result<String, String> {
    let error = lab.hosts[host].show()?.port(PORT).and_then(|port| port.error.clone());
    let text = error.ok_or_else(|| format!("host {} tells no error of {PORT}", host + 1))?;
    complete(&text, host).map(|()| text)
}

/// Whether a text tells who refused whom, the reason and the remedy with its side.
fn complete(text: &str, host: usize) -> Result<(), String> {
    let peer = address(PAIR[1 - host]);
    let lacks = if !text.contains(&format!("we refused {peer}")) && !text.contains("the peer refused us") {
        "who refused"
    } else if !text.contains("different pre-shared keys") {
        "the reason"
    } else if !text.contains("remedy on both sides: set the same pre-shared key") {
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
