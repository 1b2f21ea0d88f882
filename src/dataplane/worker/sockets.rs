//! The sockets of a worker and what each is for.

use socket2::Socket;

use super::super::RequestError;
use super::super::io::udp::Family;
use super::super::io::{raw, udp};

/// UDP ports of IKE (RFC 7296 §2, RFC 3948).
pub(crate) const IKE: u16 = 500;
pub(crate) const IKE_NAT: u16 = 4500;

/// A socket of the worker, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SocketId(pub u16);

/// What comes in on a socket, or goes out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// UDP 500.
    Ike,
    /// UDP 4500: IKE, ESP, keepalives.
    IkeNat,
    /// IP protocol 50.
    Esp,
    /// IP protocol 47.
    Gre,
    /// A destination port of VXLAN or Geneve.
    Tunnel(u16),
    /// One of the source ports of both; nothing is expected to come in.
    TunnelSource,
}

/// A socket on its way to the worker.
#[derive(Debug)]
pub(crate) struct NewSocket {
    pub role: Role,
    pub family: Family,
    pub socket: Socket,
}

/// All sockets of a worker.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    pub sockets: Vec<Socket>,
    pub roles: Vec<(Role, Family)>,
    /// Source ports of tunnels, by family.
    sources: [Vec<SocketId>; 2],
}

impl Sockets {
    pub fn add(&mut self, new: NewSocket) -> SocketId {
        let id = SocketId(self.sockets.len() as u16);
        self.sockets.push(new.socket);
        self.roles.push((new.role, new.family));
        if new.role == Role::TunnelSource {
            self.sources[new.family as usize].push(id);
        }
        id
    }

    /// The socket of a role.
    pub fn find(&self, role: Role, family: Family) -> Option<SocketId> {
        self.roles.iter().position(|r| *r == (role, family)).map(|i| SocketId(i as u16))
    }

    /// The socket whose source port a flow gets.
    pub fn tunnel_source(&self, family: Family, flow: u32) -> Option<SocketId> {
        let pool = &self.sources[family as usize];
        // The high half, as `entropy::source_port` uses it.
        let index = (u64::from(flow) * pool.len() as u64) >> 32;
        pool.get(index as usize).copied()
    }
}

fn wanted(role: Role, family: Family) -> Result<Option<NewSocket>, RequestError> {
    let (name, opened) = match role {
        Role::Ike => ("UDP port 500".to_owned(), udp::open(family, IKE)),
        Role::IkeNat => ("UDP port 4500".to_owned(), udp::open(family, IKE_NAT)),
        Role::Esp => ("a raw socket for ESP".to_owned(), raw::open(family, raw::ESP)),
        Role::Gre => ("a raw socket for GRE".to_owned(), raw::open(family, raw::GRE)),
        Role::Tunnel(port) => (format!("UDP port {port} for a tunnel"), udp::open(family, port)),
        Role::TunnelSource => ("a UDP port to send tunnel packets from".to_owned(), udp::open(family, 0)),
    };
    match opened {
        Ok(socket) => Ok(Some(NewSocket { role, family, socket })),
        // A kernel without IPv6 is a network without IPv6.
        Err(e) if family == Family::V6 && e.raw_os_error() == Some(libc::EAFNOSUPPORT) => Ok(None),
        Err(e) => Err(RequestError::Socket(name, e)),
    }
}

fn open_all(roles: &[Role]) -> Result<Vec<NewSocket>, RequestError> {
    let mut sockets = Vec::new();
    for role in roles {
        for family in Family::ALL {
            sockets.extend(wanted(*role, family)?);
        }
    }
    Ok(sockets)
}

/// The sockets every worker has.
pub(crate) fn initial(ipsec: bool) -> Result<Vec<NewSocket>, RequestError> {
    let mut roles = vec![Role::Gre];
    if ipsec {
        roles.extend([Role::Ike, Role::IkeNat, Role::Esp]);
    }
    open_all(&roles)
}

/// The sockets of one port of VXLAN or Geneve; with the first come the source ports.
pub(crate) fn tunnel(port: u16, sources: usize, first: bool) -> Result<Vec<NewSocket>, RequestError> {
    let mut roles = vec![Role::Tunnel(port)];
    if first {
        roles.extend(std::iter::repeat_n(Role::TunnelSource, sources.max(1)));
    }
    open_all(&roles)
}
