//! The system calls no library offers in the shape the packet path needs, each
//! behind a safe function: messages by the batch with control data of their
//! own, gathered writes from one buffer, TUN ioctls, and the allocator that
//! counts and wipes.

mod alloc;
mod ioctl;
mod mmsg;

pub use alloc::{CountingAllocator, thread_allocations, wipe_what_this_thread_frees};
pub use ioctl::{
    bind_packet, interface_mac, packet_promiscuous, tun_attach, tun_set_offload, tun_set_persistent,
};
pub use mmsg::{Gather, MAX_MESSAGES, MessageIn, Received, Receiver, Sender, Wire, set_option};
