//! The data path does not allocate: a counting allocator says so for every suite and both backends.
//!
//! It counts this process's Rust allocations. aws-lc's own would be C's; its AEAD, CBC and HMAC contexts are
//! plain structs, set up when the SA is made.

use std::alloc::{GlobalAlloc, Layout as AllocLayout, System};
use std::cell::Cell;

use adit_esp::{Backend, InboundSa, NextHeader, OpenError, OutboundSa, SaParams, Secret, Spi, Suite};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes unchanged to the system's allocator; counting touches a thread-local cell only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: AllocLayout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: AllocLayout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn sealing_and_opening_do_not_allocate() {
    for suite in Suite::all() {
        for backend in [Backend::Fast, Backend::Pure] {
            let key = || Secret::new(vec![7; suite.key_len().expect("built in")]);
            let params = || SaParams { backend, ..SaParams::new(Spi(256), suite, key()) };
            let mut outbound = OutboundSa::new(params()).expect("built in");
            let mut inbound = InboundSa::new(params()).expect("built in");
            let layout = outbound.layout(1420);
            let mut run = vec![0_u8; 16 * layout.total()];
            let mut spoilt = vec![0_u8; layout.total()];
            let count = allocations(|| {
                for _ in 0..100 {
                    outbound.seal_run(layout, NextHeader::GRE, &mut run).expect("no limit");
                    spoilt.copy_from_slice(&run[..layout.total()]);
                    spoilt[40] ^= 1;
                    assert_eq!(inbound.open(&mut spoilt), Err(OpenError::BadIcv));
                    for packet in run.chunks_exact_mut(layout.total()) {
                        inbound.open(packet).expect("just sealed");
                    }
                }
            });
            assert_eq!(count, 0, "{suite}, {backend:?}");
        }
    }
}
