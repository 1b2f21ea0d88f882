//! Nanoseconds per packet of sealing and opening, each suite on each backend: `cargo bench -p adit-esp`.
//!
//! One thread, in place, 1,420 bytes of payload, batches of 64 packets as the data path has them. The median of
//! many batches is told, so a disturbed batch does not count.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::time::{Duration, Instant};

use adit_esp::{Backend, InboundSa, NextHeader, OutboundSa, SaParams, Secret, Spi, Suite};

const PAYLOAD_LEN: usize = 1420;
const BATCH: usize = 64;
const BUDGET: Duration = Duration::from_millis(150);

fn main() {
    // `cargo test --benches` asks for a run that only shows it works.
    let budget = if std::env::args().any(|argument| argument == "--bench") { BUDGET } else { Duration::ZERO };
    println!("{PAYLOAD_LEN}-byte payload, ns per packet      seal    open");
    for suite in Suite::all() {
        for backend in [Backend::Fast, Backend::Pure] {
            let (seal, open) = measure(suite, backend, budget);
            let name = match backend {
                Backend::Fast => "aws-lc",
                Backend::Pure => "RustCrypto",
            };
            println!("{:<30} {name:<10} {seal:>6.0}  {open:>6.0}", suite.to_string());
        }
    }
}

/// Medians of sealing and of opening a packet, in nanoseconds.
fn measure(suite: Suite, backend: Backend, budget: Duration) -> (f64, f64) {
    let params = || {
        let key = Secret::new(vec![7; suite.key_len().expect("built in")]);
        SaParams { backend, ..SaParams::new(Spi(0x1000), suite, key) }
    };
    let mut outbound = OutboundSa::new(params()).expect("built in");
    let mut inbound = InboundSa::new(params()).expect("built in");
    let layout = outbound.layout(PAYLOAD_LEN);
    let mut batch = vec![0_u8; BATCH * layout.total()];
    let (mut sealing, mut opening) = (Vec::new(), Vec::new());
    let begin = Instant::now();
    while sealing.is_empty() || begin.elapsed() < budget {
        let start = Instant::now();
        outbound.seal_run(layout, NextHeader::GRE, &mut batch).expect("no limit");
        let sealed = Instant::now();
        for packet in batch.chunks_exact_mut(layout.total()) {
            std::hint::black_box(inbound.open(packet).expect("just sealed"));
        }
        sealing.push(sealed - start);
        opening.push(sealed.elapsed());
    }
    (median(&mut sealing), median(&mut opening))
}

fn median(batches: &mut [Duration]) -> f64 {
    batches.sort_unstable();
    batches[batches.len() / 2].as_secs_f64() * 1e9 / BATCH as f64
}
