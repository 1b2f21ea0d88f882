//! Addresses of devices, and the neighbours behind them.

use std::net::IpAddr;

use futures_util::TryStreamExt;
use ipnet::IpNet;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use rtnetlink::AddressMessageBuilder;

use super::{Error, Netlink, refused};

/// An address of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// Index of the device.
    pub index: u32,
    /// The address with the length of its prefix (host bits kept).
    pub net: IpNet,
}

impl Address {
    /// `None` where the kernel tells no usable address (another family).
    pub(super) fn from_message(message: &AddressMessage) -> Option<Self> {
        // IFA_LOCAL is the own address; on point-to-point devices IFA_ADDRESS is the peer's.
        let local = message.attributes.iter().find_map(|a| match a {
            AddressAttribute::Local(ip) => Some(*ip),
            _ => None,
        });
        let any = message.attributes.iter().find_map(|a| match a {
            AddressAttribute::Address(ip) => Some(*ip),
            _ => None,
        });
        let net = IpNet::new(local.or(any)?, message.header.prefix_len).ok()?;
        Some(Self { index: message.header.index, net })
    }
}

fn message(index: u32, net: IpNet) -> AddressMessage {
    match net {
        IpNet::V4(net) => AddressMessageBuilder::<std::net::Ipv4Addr>::new()
            .index(index)
            .address(net.addr(), net.prefix_len())
            .build(),
        IpNet::V6(net) => AddressMessageBuilder::<std::net::Ipv6Addr>::new()
            .index(index)
            .address(net.addr(), net.prefix_len())
            .build(),
    }
}

impl Netlink {
    /// Every address of the namespace, both families.
    pub async fn addresses(&self) -> Result<Vec<Address>, Error> {
        let found: Vec<_> = self
            .handle
            .address()
            .get()
            .execute()
            .try_collect()
            .await
            .map_err(refused(|| "list addresses".into()))?;
        Ok(found.iter().filter_map(Address::from_message).collect())
    }

    /// The addresses of one device.
    pub async fn addresses_of(&self, index: u32) -> Result<Vec<IpNet>, Error> {
        let all = self.addresses().await?;
        Ok(all.into_iter().filter(|a| a.index == index).map(|a| a.net).collect())
    }

    /// Gives a device an address; one it has already is no error. IPv6
    /// addresses go through duplicate detection (RFC 4862 §5.4).
    pub async fn add_address(&self, index: u32, net: IpNet) -> Result<(), Error> {
        self.put_address(message(index, net), index, net).await
    }

    /// The same without duplicate detection: usable at once.
    pub async fn add_address_nodad(&self, index: u32, net: IpNet) -> Result<(), Error> {
        let mut message = message(index, net);
        if matches!(net, IpNet::V6(_)) {
            message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
        }
        self.put_address(message, index, net).await
    }

    async fn put_address(&self, message: AddressMessage, index: u32, net: IpNet) -> Result<(), Error> {
        let mut request = self.handle.address().add(index, net.addr(), net.prefix_len()).replace();
        *request.message_mut() = message;
        request.execute().await.map_err(refused(|| format!("add address {net} to device {index}")))
    }

    /// Takes an address from a device.
    pub async fn delete_address(&self, index: u32, net: IpNet) -> Result<(), Error> {
        let request = self.handle.address().del(message(index, net));
        request.execute().await.map_err(refused(|| format!("delete address {net} of device {index}")))
    }

    /// A permanent entry in the neighbour table: who has `ip` on this device.
    pub async fn set_neighbour(&self, index: u32, ip: IpAddr, mac: [u8; 6]) -> Result<(), Error> {
        let request = self.handle.neighbours().add(index, ip).link_layer_address(&mac).replace();
        request.execute().await.map_err(refused(|| format!("set neighbour {ip} of device {index}")))
    }

    /// Forgets a neighbour, so that it is asked for again.
    pub async fn delete_neighbour(&self, index: u32, ip: IpAddr) -> Result<(), Error> {
        let mut request = self.handle.neighbours().add(index, ip);
        let message = request.message_mut().clone();
        let request = self.handle.neighbours().del(message);
        request.execute().await.map_err(refused(|| format!("delete neighbour {ip} of device {index}")))
    }
}
