//! A stream of what changes: devices, addresses, routes.

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use netlink_packet_route::RouteNetlinkMessage;
use rtnetlink::MulticastGroup;
use rtnetlink::packet_core::NetlinkPayload;
use tokio::task::JoinHandle;

use super::{Address, Error, Link};

/// One thing that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A device appeared, or one of its properties is different.
    Link(Link),
    /// A device went away.
    LinkGone(Link),
    /// An address was added (or its lifetime renewed).
    Address(Address),
    /// An address was taken away.
    AddressGone(Address),
    /// Routes, or the rules that choose between their tables, changed: paths and their MTUs may be different now.
    Routes,
    /// The kernel had to drop reports: look at everything again.
    Missed,
}

/// Reports of the namespace of the thread that opened it; closed on drop.
pub struct Watch {
    changes: BoxStream<'static, Change>,
    reader: JoinHandle<()>,
}

impl Watch {
    /// Starts reporting. Needs a tokio runtime with I/O enabled.
    pub fn open() -> Result<Self, Error> {
        let groups = [
            MulticastGroup::Link,
            MulticastGroup::Ipv4Ifaddr,
            MulticastGroup::Ipv6Ifaddr,
            MulticastGroup::Ipv4Route,
            MulticastGroup::Ipv6Route,
            MulticastGroup::Ipv4Rule,
            MulticastGroup::Ipv6Rule,
        ];
        let (connection, _, messages) =
            rtnetlink::new_multicast_connection(&groups).map_err(Error::Socket)?;
        let changes = messages.filter_map(|(message, _)| async { change(message.payload) }).boxed();
        Ok(Self { changes, reader: tokio::spawn(connection) })
    }

    /// The next change; `None` when the socket is gone. Cancel safe.
    pub async fn next(&mut self) -> Option<Change> {
        self.changes.next().await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

fn change(payload: NetlinkPayload<RouteNetlinkMessage>) -> Option<Change> {
    let message = match payload {
        NetlinkPayload::InnerMessage(message) => message,
        NetlinkPayload::Overrun(_) | NetlinkPayload::Error(_) => return Some(Change::Missed),
        _ => return None,
    };
    match message {
        RouteNetlinkMessage::NewLink(link) => Some(Change::Link(Link::from_message(link))),
        RouteNetlinkMessage::DelLink(link) => Some(Change::LinkGone(Link::from_message(link))),
        RouteNetlinkMessage::NewAddress(a) => Address::from_message(&a).map(Change::Address),
        RouteNetlinkMessage::DelAddress(a) => Address::from_message(&a).map(Change::AddressGone),
        RouteNetlinkMessage::NewRoute(_)
        | RouteNetlinkMessage::DelRoute(_)
        | RouteNetlinkMessage::NewRule(_)
        | RouteNetlinkMessage::DelRule(_) => Some(Change::Routes),
        _ => None,
    }
}
