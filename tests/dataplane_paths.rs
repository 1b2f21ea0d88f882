//! The data path for real: TAP and TUN devices in two or three namespaces, driven
//! by hand-built snapshots and fixed keys, without IKE.

#[path = "dataplane_paths/hosts.rs"]
mod hosts;
#[path = "dataplane_paths/refuses.rs"]
mod refuses;
#[path = "dataplane_paths/switching.rs"]
mod switching;
#[path = "dataplane_paths/tunnels.rs"]
mod tunnels;

use adit::dataplane::io::sys::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;
