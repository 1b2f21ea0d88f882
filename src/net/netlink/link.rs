//! Network devices.

use std::os::fd::{AsFd, AsRawFd};

use futures_util::TryStreamExt;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use rtnetlink::{LinkBridge, LinkUnspec, LinkVeth};

use super::{Error, Netlink, has_errno, refused};

/// A network device as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The kernel's index, unique in its namespace.
    pub index: u32,
    /// The name, at most 15 bytes.
    pub name: String,
    /// Largest IP packet, in bytes.
    pub mtu: u32,
    /// Ethernet address, where it has one.
    pub mac: Option<[u8; 6]>,
    /// `veth`, `bridge`, `tun`, …; `None` for a physical device.
    pub kind: Option<String>,
    /// Administratively up (`IFF_UP`).
    pub up: bool,
    /// Carrier present (`IFF_LOWER_UP`).
    pub running: bool,
    /// Index of the bridge or bond it belongs to.
    pub master: Option<u32>,
    /// What somebody noted on it (`ip link set … alias`).
    pub alias: Option<String>,
}

impl Link {
    pub(super) fn from_message(message: LinkMessage) -> Self {
        let flags = message.header.flags;
        let mut link = Self {
            index: message.header.index,
            name: String::new(),
            mtu: 0,
            mac: None,
            kind: None,
            up: flags.contains(LinkFlags::Up),
            running: flags.contains(LinkFlags::LowerUp),
            master: None,
            alias: None,
        };
        for attribute in message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name = name,
                LinkAttribute::Mtu(mtu) => link.mtu = mtu,
                LinkAttribute::Address(mac) => link.mac = mac.try_into().ok(),
                LinkAttribute::Controller(index) => link.master = Some(index),
                LinkAttribute::IfAlias(alias) => link.alias = Some(alias),
                LinkAttribute::LinkInfo(infos) => {
                    link.kind = infos.into_iter().find_map(|info| match info {
                        LinkInfo::Kind(kind) => Some(kind.to_string()),
                        _ => None,
                    });
                }
                _ => {}
            }
        }
        link
    }
}

impl Netlink {
    /// All devices of the namespace.
    pub async fn links(&self) -> Result<Vec<Link>, Error> {
        let found = self.handle.link().get().execute().map_ok(Link::from_message).try_collect().await;
        found.map_err(refused(|| "list network devices".into()))
    }

    /// The device of that name, or `None`.
    pub async fn find_link(&self, name: &str) -> Result<Option<Link>, Error> {
        let request = self.handle.link().get().match_name(name).execute();
        Self::one_link(request, || format!("look up {name}")).await
    }

    /// The device of that index, or `None`.
    pub async fn find_link_index(&self, index: u32) -> Result<Option<Link>, Error> {
        let request = self.handle.link().get().match_index(index).execute();
        Self::one_link(request, || format!("look up device {index}")).await
    }

    /// The device of that name; its absence is [`Error::NoSuchLink`].
    pub async fn link(&self, name: &str) -> Result<Link, Error> {
        self.find_link(name).await?.ok_or_else(|| Error::NoSuchLink(name.to_owned()))
    }

    async fn one_link(
        stream: impl futures_util::Stream<Item = Result<LinkMessage, rtnetlink::Error>>,
        action: impl FnOnce() -> String,
    ) -> Result<Option<Link>, Error> {
        let mut stream = std::pin::pin!(stream);
        match stream.try_next().await {
            Ok(message) => Ok(message.map(Link::from_message)),
            Err(error) if has_errno(&error, libc::ENODEV) => Ok(None),
            Err(error) => Err(refused(action)(error)),
        }
    }

    /// Makes a pair of Ethernet devices joined back to back.
    pub async fn add_veth(&self, name: &str, peer: &str) -> Result<(), Error> {
        let request = self.handle.link().add(LinkVeth::new(name, peer).build());
        request.execute().await.map_err(refused(|| format!("add veth {name} and {peer}")))
    }

    /// Makes a kernel bridge without spanning tree.
    pub async fn add_bridge(&self, name: &str) -> Result<(), Error> {
        let request = self.handle.link().add(LinkBridge::new(name).build());
        request.execute().await.map_err(refused(|| format!("add bridge {name}")))
    }

    /// Removes a device (and a veth's other end).
    pub async fn delete_link(&self, index: u32) -> Result<(), Error> {
        let request = self.handle.link().del(index);
        request.execute().await.map_err(refused(|| format!("delete device {index}")))
    }

    /// Administratively up or down.
    pub async fn set_up(&self, index: u32, up: bool) -> Result<(), Error> {
        let link = LinkUnspec::new_with_index(index);
        let message = if up { link.up() } else { link.down() }.build();
        let state = if up { "up" } else { "down" };
        self.set(message).await.map_err(refused(|| format!("set device {index} {state}")))
    }

    /// Largest IP packet, in bytes.
    pub async fn set_mtu(&self, index: u32, mtu: u32) -> Result<(), Error> {
        let message = LinkUnspec::new_with_index(index).mtu(mtu).build();
        self.set(message).await.map_err(refused(|| format!("set mtu of device {index} to {mtu}")))
    }

    /// The Ethernet address.
    pub async fn set_mac(&self, index: u32, mac: [u8; 6]) -> Result<(), Error> {
        let message = LinkUnspec::new_with_index(index).address(mac.to_vec()).build();
        self.set(message).await.map_err(refused(|| format!("set the Ethernet address of device {index}")))
    }

    /// Puts a device under a bridge, or takes it out (`None`).
    pub async fn set_master(&self, index: u32, master: Option<u32>) -> Result<(), Error> {
        let link = LinkUnspec::new_with_index(index);
        let message = match master {
            Some(master) => link.controller(master),
            None => link.nocontroller(),
        }
        .build();
        self.set(message).await.map_err(refused(|| format!("set the master of device {index}")))
    }

    /// Moves a device into the namespace behind a file descriptor; it keeps
    /// its name, loses its addresses and is down afterwards.
    pub async fn move_link(&self, index: u32, namespace: impl AsFd) -> Result<(), Error> {
        let fd = namespace.as_fd().as_raw_fd();
        let message = LinkUnspec::new_with_index(index).setns_by_fd(fd).build();
        self.set(message).await.map_err(refused(|| format!("move device {index} to another namespace")))
    }

    async fn set(&self, message: LinkMessage) -> Result<(), rtnetlink::Error> {
        self.handle.link().set(message).execute().await
    }
}
