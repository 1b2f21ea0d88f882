//! What one decision costs: `cargo bench -p adit-switch`. No framework: the
//! best of some rounds, in nanoseconds a frame.

use adit_switch::{Bridge, BridgeConfig, Forwarding, MacAddr, PortConfig, PortId};
use std::hint::black_box;
use std::time::{Duration, Instant};

const FRAMES: usize = 4096;
const ROUNDS: usize = 200;

fn frame(to: u64, from: u64) -> [u8; 64] {
    let mut frame = [0; 64];
    frame[..6].copy_from_slice(&MacAddr::from_u64(to).0);
    frame[6..12].copy_from_slice(&MacAddr::from_u64(from).0);
    frame[12] = 8;
    frame
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn measure(name: &str, mut round: impl FnMut()) {
    let best = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            round();
            start.elapsed()
        })
        .min()
        .unwrap_or(Duration::MAX);
    println!("{name:40} {:6.1} ns/frame", best.as_nanos() as f64 / FRAMES as f64);
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn bridge() -> (Forwarding, PortId, PortId) {
    let now = Instant::now();
    let mut bridge = Bridge::new(now, BridgeConfig::new(MacAddr::from_u64(0x0200_0000_0001)), [1; 32]);
    let mut port = || {
        let port = bridge.add_port(now, PortConfig::external()).expect("room");
        bridge.set_link(now, port, true);
        port
    };
    let (a, b) = (port(), port());
    (0..6).for_each(|_| {
        port();
    });
    (bridge.forwarding(), a, b)
}

fn main() {
    let (forwarding, a, b) = bridge();
    let station = |n: usize| 0x0200_0001_0000 + n as u64;
    for hosts in [16, FRAMES] {
        let there: Vec<_> =
            (0..FRAMES).map(|n| frame(station(n % hosts), station(n % hosts + 5000))).collect();
        let back: Vec<_> =
            (0..FRAMES).map(|n| frame(station(n % hosts + 5000), station(n % hosts))).collect();
        back.iter().for_each(|frame| {
            black_box(forwarding.forward(b, frame));
        });
        measure(&format!("known, {hosts} hosts, decide"), || {
            there.iter().for_each(|frame| {
                black_box(forwarding.decide(a, black_box(frame)));
            });
        });
        measure(&format!("known, {hosts} hosts, decide and learn"), || {
            there.iter().for_each(|frame| {
                black_box(forwarding.forward(a, black_box(frame)));
            });
        });
    }
    let unknown: Vec<_> = (0..FRAMES).map(|n| frame(0x0200_0002_0000 + n as u64, station(0))).collect();
    measure("unknown: flood", || {
        unknown.iter().for_each(|frame| {
            black_box(forwarding.decide(a, black_box(frame)));
        });
    });
    let broadcast = frame(0xffff_ffff_ffff, station(0));
    measure("broadcast: flood", || {
        (0..FRAMES).for_each(|_| {
            black_box(forwarding.decide(a, black_box(&broadcast)));
        });
    });
}
