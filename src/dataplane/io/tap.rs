//! TUN and TAP devices: multi-queue, persistent, with virtio headers and
//! offloads, found again by name after a crash.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::fcntl::{OFlag, open};
use nix::net::if_::if_nametoindex;
use nix::sys::stat::Mode;

use super::sys;

/// Ethernet frames or IP packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Ethernet frames: a port of a bridge.
    Tap,
    /// IP packets: a routed interface.
    Tun,
}

/// Why a device could not be had.
#[derive(Debug, thiserror::Error)]
pub enum TapError {
    /// The name belongs to something else.
    #[error(
        "a network device named {0} exists already and is not adit's; remove it (ip link delete {0}) or choose another name"
    )]
    Foreign(String),
    /// /dev/net/tun is missing or forbidden.
    #[error("cannot open /dev/net/tun: {0} (is the tun module loaded, and is this root or CAP_NET_ADMIN?)")]
    NoTun(#[source] io::Error),
    /// The kernel refused.
    #[error("cannot create network device {0}: {1}")]
    Create(String, #[source] io::Error),
}

/// The alias of devices that adit made.
pub const ALIAS: &str = "adit";

/// Packets the device holds for us: the default of 500 is short for a reader that works in batches.
const TXQUEUELEN: u32 = 1000;

/// A TUN or TAP device, opened. It outlives the process; [`Tap::remove`] ends it.
#[derive(Debug)]
pub struct Tap {
    name: String,
    kind: Kind,
    index: u32,
    fd: OwnedFd,
}

impl Tap {
    /// Makes the device `name`, or attaches to it when an earlier process of ours left it.
    ///
    /// # Errors
    /// Also when `name` is a device that adit did not make: it is not ours to take.
    pub fn open(name: &str, kind: Kind) -> Result<Self, TapError> {
        let create = |e: io::Error| TapError::Create(name.to_owned(), e);
        let existed = match device::owner(name).map_err(create)? {
            device::Owner::Nobody => false,
            device::Owner::Adit(found) if found == kind => true,
            device::Owner::Adit(_) | device::Owner::Other => return Err(TapError::Foreign(name.to_owned())),
        };
        let flags = OFlag::O_RDWR | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let fd = open("/dev/net/tun", flags, Mode::empty()).map_err(|e| TapError::NoTun(e.into()))?;
        let layer = if kind == Kind::Tap { libc::IFF_TAP } else { libc::IFF_TUN };
        let attach = layer | libc::IFF_NO_PI | libc::IFF_VNET_HDR | libc::IFF_MULTI_QUEUE;
        sys::tun_attach(fd.as_fd(), name, attach).map_err(|e| match e.raw_os_error() {
            Some(libc::EINVAL) if existed => TapError::Foreign(name.to_owned()),
            _ => create(e),
        })?;
        Self::configure(&fd, name, existed).map_err(create)?;
        let index = if_nametoindex(name).map_err(|e| create(e.into()))?;
        Ok(Tap { name: name.to_owned(), kind, index, fd })
    }

    fn configure(fd: &OwnedFd, name: &str, existed: bool) -> io::Result<()> {
        // Segmentation of TCP is what the data path is built on; that of UDP is newer (Linux 6.2).
        let tcp = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6;
        sys::tun_set_offload(fd.as_fd(), tcp)?;
        if let Err(error) = sys::tun_set_offload(fd.as_fd(), tcp | libc::TUN_F_USO4 | libc::TUN_F_USO6) {
            tracing::debug!(device = name, %error, "no UDP segmentation offload");
        }
        if !existed {
            device::mark(name, TXQUEUELEN)?;
        }
        sys::tun_set_persistent(fd.as_fd(), true)
    }

    /// The device's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The device's number, which another of the same name would not have.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Frames or packets.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its MAC address.
    ///
    /// # Errors
    /// When the device is gone.
    pub fn mac(&self) -> io::Result<[u8; 6]> {
        sys::interface_mac(&self.name)
    }

    /// Lets the device end with its last descriptor: call it when the port is deleted, then take the
    /// port out of the snapshot and drop this value.
    ///
    /// # Errors
    /// Those of the ioctl.
    pub fn remove(&self) -> io::Result<()> {
        sys::tun_set_persistent(self.fd.as_fd(), false)
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Whose device a name is. The mark is the interface alias, which survives us and is visible in `ip link`.
mod device {
    use super::{ALIAS, Kind};
    use std::io;
    use std::os::fd::AsRawFd;

    use netlink_packet_route::RouteNetlinkMessage as Route;
    use netlink_packet_route::link::{InfoKind, LinkAttribute, LinkInfo, LinkLayerType, LinkMessage};
    use nix::sys::socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
    };
    use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};

    pub enum Owner {
        Nobody,
        Adit(Kind),
        Other,
    }

    pub fn owner(name: &str) -> io::Result<Owner> {
        let mut request = LinkMessage::default();
        request.attributes.push(LinkAttribute::IfName(name.to_owned()));
        let link = match talk(Route::GetLink(request), NLM_F_REQUEST) {
            Ok(Some(link)) => link,
            Ok(None) => return Err(io::ErrorKind::InvalidData.into()),
            Err(e) if e.raw_os_error() == Some(libc::ENODEV) => return Ok(Owner::Nobody),
            Err(e) => return Err(e),
        };
        let ours =
            link.attributes.iter().any(|a| matches!(a, LinkAttribute::IfAlias(alias) if alias == ALIAS));
        Ok(match tun_kind(&link) {
            Some(kind) if ours => Owner::Adit(kind),
            _ => Owner::Other,
        })
    }

    fn tun_kind(link: &LinkMessage) -> Option<Kind> {
        let is_tun = |info: &LinkInfo| matches!(info, LinkInfo::Kind(InfoKind::Tun));
        let info = link.attributes.iter().find_map(|a| match a {
            LinkAttribute::LinkInfo(info) => Some(info),
            _ => None,
        })?;
        let ethernet = link.header.link_layer_type == LinkLayerType::Ether;
        info.iter().any(is_tun).then_some(if ethernet { Kind::Tap } else { Kind::Tun })
    }

    /// Makes a new device ours, and its queue as long as we want it.
    pub fn mark(name: &str, queue: u32) -> io::Result<()> {
        let mut request = LinkMessage::default();
        request.attributes.push(LinkAttribute::IfName(name.to_owned()));
        request.attributes.push(LinkAttribute::IfAlias(ALIAS.to_owned()));
        request.attributes.push(LinkAttribute::TxQueueLen(queue));
        talk(Route::SetLink(request), NLM_F_REQUEST | NLM_F_ACK).map(|_| ())
    }

    /// One request, one answer, synchronously.
    fn talk(request: Route, flags: u16) -> io::Result<Option<LinkMessage>> {
        let family = AddressFamily::Netlink;
        let fd = socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
        let mut message = NetlinkMessage::from(request);
        message.header.flags = flags;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        sendto(fd.as_raw_fd(), &bytes, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        let mut answer = vec![0; 64 * 1024];
        let length = recv(fd.as_raw_fd(), &mut answer, MsgFlags::empty())?;
        let answer = NetlinkMessage::<Route>::deserialize(&answer[..length])
            .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e.to_string()))?;
        match answer.payload {
            NetlinkPayload::InnerMessage(Route::NewLink(link)) => Ok(Some(link)),
            NetlinkPayload::Error(error) if error.code.is_some() => Err(error.to_io()),
            _ => Ok(None),
        }
    }
}
