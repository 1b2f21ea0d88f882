//! Links, addresses, routes and namespaces.
//!
//! * [`netlink`]: what `ip link`, `ip address`, `ip route` and `ip neighbour`
//!   would do, as async calls; the only module that names `rtnetlink`.
//! * [`netns`]: network namespaces held by file descriptors, threads and
//!   processes inside them, a user namespace for who is not root.
//! * [`packet`]: raw Ethernet frames of a device.

pub mod netlink;
pub mod netns;
pub mod packet;
mod sys;
