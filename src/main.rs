//! The `adit` binary: everything is in the library beside it.

/// Counts allocations, so that the data path can say that it makes none for a packet.
#[global_allocator]
static ALLOCATOR: adit::dataplane::io::sys::CountingAllocator = adit::dataplane::io::sys::CountingAllocator;

fn main() -> std::process::ExitCode {
    adit::cli::main()
}
