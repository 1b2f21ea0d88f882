//! The `adit` binary: everything is in the library beside it.

use adit::dataplane::io::sys::{CountingAllocator, wipe_what_this_thread_frees};

/// Counts allocations, so that the data path can say that it makes none for a packet.
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn main() -> std::process::ExitCode {
    // All control runs in this thread, of the daemon as of its clients: pre-shared keys pass through it.
    wipe_what_this_thread_frees();
    adit::cli::main()
}
