//! From protected ports and interfaces to IKE connections and their children.
//!
//! What has the same two addresses and the same two identities is one connection,
//! so gre and vxlan to one host share an IKE SA. A gre port is one child, a vxlan or geneve
//! port two, with the selectors Open vSwitch's IPsec gives them:
//!
//! ```text
//! gre     NAME      local proto 47            remote proto 47
//! vxlan   NAME-in   local udp/4789            remote udp, any port
//!         NAME-out  local udp, any port       remote udp/4789
//! [ipsec] NAME      local_ts or everything    remote_ts or everything     (tunnel mode)
//! ```

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use adit_crypto::{EncrId, IntegId, KeId, PrfId};
use adit_ike::config::{
    ChildLifetime, Encryption, EspProposal, IkeLifetime, IkeProposal, Mode, Retransmission,
};
use adit_ike::{ChildConfig, ChildConfigId, Connection, ConnectionId, Identity, TrafficSelector};

use crate::config::desired::{
    self, Cipher, Desired, DeviceName, Encap, EspSuite, Hash, IkeSuite, KeyExchange, PortKind, Protection,
    Psk,
};
use crate::dataplane::PolicyId;

/// IP protocol numbers of what is protected.
const GRE: u8 = 47;
const UDP: u8 = 17;
/// How often the mapping of a NAT in front of us is refreshed.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Children of one policy: [`ChildConfigId`] is the policy's number with one of these behind it.
const PARTS: u32 = 4;
const WHOLE: u32 = 0;
const UDP_IN: u32 = 1;
const UDP_OUT: u32 = 2;

/// The policy whose packets a child carries.
pub fn policy_of(child: ChildConfigId) -> PolicyId {
    PolicyId(child.0 / PARTS)
}

fn child_of(policy: PolicyId, part: u32) -> ChildConfigId {
    ChildConfigId(policy.0 * PARTS + part)
}

/// The children without which a protected tunnel port does not work.
pub fn children_of_port(policy: PolicyId, encap: &Encap) -> Vec<ChildConfigId> {
    match encap {
        Encap::Gre { .. } => vec![child_of(policy, WHOLE)],
        Encap::Udp { .. } => vec![child_of(policy, UDP_IN), child_of(policy, UDP_OUT)],
    }
}

/// The child of a route-based interface.
pub fn child_of_interface(policy: PolicyId) -> ChildConfigId {
    child_of(policy, WHOLE)
}

/// What makes a connection this one and no other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ends {
    /// Our address.
    pub local: IpAddr,
    /// Theirs.
    pub remote: IpAddr,
    /// Our identity.
    pub local_id: desired::Identity,
    /// Theirs.
    pub remote_id: desired::Identity,
}

/// A connection as it shall be.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// For the endpoint.
    pub connection: Connection,
    /// Its secret.
    pub psk: Psk,
    /// Ports and interfaces it protects, the first of which names it.
    pub members: Vec<DeviceName>,
}

/// Numbers of connections and policies, kept while their names are.
#[derive(Debug, Default)]
pub struct Book {
    connections: BTreeMap<Ends, ConnectionId>,
    policies: BTreeMap<DeviceName, PolicyId>,
    secrets: BTreeMap<ConnectionId, (Psk, u64)>,
    next_connection: u32,
    next_policy: u32,
}

impl Book {
    /// The policy of a protected port or interface.
    pub fn policy(&mut self, name: &DeviceName) -> PolicyId {
        if let Some(policy) = self.policies.get(name) {
            return *policy;
        }
        self.next_policy += 1;
        let policy = PolicyId(self.next_policy);
        self.policies.insert(name.clone(), policy);
        policy
    }

    /// The policy of a name that has one.
    pub fn policy_of(&self, name: &DeviceName) -> Option<PolicyId> {
        self.policies.get(name).copied()
    }

    /// The name behind a policy.
    pub fn name(&self, policy: PolicyId) -> Option<&DeviceName> {
        self.policies.iter().find(|(_, other)| **other == policy).map(|(name, _)| name)
    }

    /// Forgets a name: should it come again, it is another one.
    pub fn forget(&mut self, name: &DeviceName) {
        self.policies.remove(name);
    }

    /// The connections of `desired`. Ends whose `local` address or key is not known yet have none.
    pub fn wanted(
        &mut self,
        desired: &Desired,
        local: impl Fn(&DeviceName) -> Option<IpAddr>,
    ) -> BTreeMap<ConnectionId, Wanted> {
        let mut wanted: BTreeMap<ConnectionId, Wanted> = BTreeMap::new();
        for (name, protected) in protected(desired) {
            let (Some(local), Ok(psk)) = (local(name), &protected.protection.psk) else { continue };
            let policy = self.policy(name);
            let ends = protected.ends(local);
            let id = self.connection(&ends);
            let children = protected.children(name, &ends, policy);
            let entry = wanted.entry(id).or_insert_with(|| Wanted {
                connection: self.first(name, &ends, id, protected.protection, psk),
                psk: psk.clone(),
                members: Vec::new(),
            });
            entry.connection.children.extend(children);
            entry.members.push(name.clone());
        }
        self.connections.retain(|_, id| wanted.contains_key(id));
        self.secrets.retain(|id, _| wanted.contains_key(id));
        wanted
    }

    fn connection(&mut self, ends: &Ends) -> ConnectionId {
        if let Some(id) = self.connections.get(ends) {
            return *id;
        }
        self.next_connection += 1;
        let id = ConnectionId(self.next_connection);
        self.connections.insert(ends.clone(), id);
        id
    }

    fn first(
        &mut self,
        name: &DeviceName,
        ends: &Ends,
        id: ConnectionId,
        protection: &Protection,
        psk: &Psk,
    ) -> Connection {
        let (known, revision) = self.secrets.entry(id).or_insert_with(|| (psk.clone(), 0));
        if known != psk {
            *known = psk.clone();
            *revision += 1;
        }
        let lifetime = protection.lifetimes.ike;
        Connection {
            name: name.to_string(),
            local: ends.local,
            remote: Some(ends.remote),
            local_id: identity(&ends.local_id),
            remote_id: identity(&ends.remote_id),
            credential_revision: *revision,
            proposals: ike_proposals(&protection.ike),
            lifetime: IkeLifetime { rekey: lifetime, jitter: lifetime / 10, hard: lifetime + lifetime / 8 },
            initiate: protection.initiate,
            force_udp: protection.force_udp,
            liveness: protection.liveness,
            keepalive: KEEPALIVE,
            retransmission: Retransmission::default(),
            children: Vec::new(),
        }
    }
}

/// A protected port or interface, as far as IKE is concerned.
struct Protected<'d> {
    local_ts: Vec<TrafficSelector>,
    remote_ts: Vec<TrafficSelector>,
    remote: IpAddr,
    protection: &'d Protection,
    carries: Carries<'d>,
}

enum Carries<'d> {
    Port(&'d Encap),
    Packets,
}

/// All that is protected, by name.
fn protected(desired: &Desired) -> BTreeMap<&DeviceName, Protected<'_>> {
    let mut all = BTreeMap::new();
    for (name, port) in desired.bridges.values().flat_map(|bridge| &bridge.ports) {
        if let PortKind::Tunnel(tunnel) = &port.kind
            && let Some(protection) = &tunnel.protection
        {
            let protected = Protected {
                local_ts: Vec::new(),
                remote_ts: Vec::new(),
                remote: tunnel.remote,
                protection,
                carries: Carries::Port(&tunnel.encap),
            };
            all.insert(name, protected);
        }
    }
    for (name, interface) in &desired.ipsec {
        let protected = Protected {
            local_ts: networks(&interface.local_ts),
            remote_ts: networks(&interface.remote_ts),
            remote: interface.remote,
            protection: &interface.protection,
            carries: Carries::Packets,
        };
        all.insert(name, protected);
    }
    all
}

fn networks(networks: &[ipnet::IpNet]) -> Vec<TrafficSelector> {
    if networks.is_empty() {
        return ["0.0.0.0/0", "::/0"].iter().filter_map(|all| all.parse().ok()).map(network).collect();
    }
    networks.iter().copied().map(network).collect()
}

fn network(network: ipnet::IpNet) -> TrafficSelector {
    TrafficSelector::prefix(network.network(), network.prefix_len())
}

impl Protected<'_> {
    fn ends(&self, local: IpAddr) -> Ends {
        let id = |given: &Option<desired::Identity>, address| {
            given.clone().unwrap_or(desired::Identity::Address(address))
        };
        Ends {
            local,
            remote: self.remote,
            local_id: id(&self.protection.local_id, local),
            remote_id: id(&self.protection.remote_id, self.remote),
        }
    }

    fn children(&self, name: &DeviceName, ends: &Ends, policy: PolicyId) -> Vec<ChildConfig> {
        let host =
            |address: IpAddr| TrafficSelector::prefix(address, if address.is_ipv4() { 32 } else { 128 });
        let (local, remote) = (host(ends.local), host(ends.remote));
        let udp = (local.with_protocol(UDP), remote.with_protocol(UDP));
        let child = |part, suffix, local: Vec<_>, remote: Vec<_>, mode| {
            let lifetimes = &self.protection.lifetimes;
            let rekey = lifetimes.child;
            ChildConfig {
                id: child_of(policy, part),
                name: format!("{name}{suffix}"),
                mode,
                local,
                remote,
                proposals: esp_proposals(&self.protection.esp, mode),
                lifetime: ChildLifetime {
                    rekey,
                    jitter: rekey / 10,
                    hard: rekey + rekey / 10,
                    packets: lifetimes.child_packets,
                    bytes: lifetimes.child_bytes,
                },
            }
        };
        match self.carries {
            Carries::Port(Encap::Gre { .. }) => {
                let (local, remote) = (local.with_protocol(GRE), remote.with_protocol(GRE));
                vec![child(WHOLE, "", vec![local], vec![remote], Mode::Transport)]
            }
            Carries::Port(Encap::Udp { dst_port, .. }) => vec![
                child(UDP_IN, "-in", vec![udp.0.with_port(*dst_port)], vec![udp.1], Mode::Transport),
                child(UDP_OUT, "-out", vec![udp.0], vec![udp.1.with_port(*dst_port)], Mode::Transport),
            ],
            Carries::Packets => {
                vec![child(WHOLE, "", self.local_ts.clone(), self.remote_ts.clone(), Mode::Tunnel)]
            }
        }
    }
}

/// The form IKE has for it.
pub fn identity(identity: &desired::Identity) -> Identity {
    match identity {
        desired::Identity::Address(address) => Identity::address(*address),
        desired::Identity::Fqdn(name) => Identity::fqdn(name),
        desired::Identity::Email(name) => Identity::rfc822(name),
    }
}

fn ike_proposals(suites: &[IkeSuite]) -> Vec<IkeProposal> {
    if suites.is_empty() {
        return vec![IkeProposal::modern(), IkeProposal::cbc()];
    }
    let proposal = |suite: &IkeSuite| IkeProposal {
        encryption: vec![encryption(suite.cipher)],
        prf: suite.prf.iter().copied().map(prf).collect(),
        integrity: suite.integrity.into_iter().map(integrity).collect(),
        key_exchange: suite.key_exchange.iter().copied().map(key_exchange).collect(),
    };
    suites.iter().map(proposal).collect()
}

/// AES-CBC with its larger overhead is in the usual proposals for plain IPsec peers only:
/// both ends of a tunnel port have an AEAD.
fn esp_proposals(suites: &[EspSuite], mode: Mode) -> Vec<EspProposal> {
    if suites.is_empty() {
        return match mode {
            Mode::Transport => vec![EspProposal::modern()],
            Mode::Tunnel => vec![EspProposal::modern(), EspProposal::cbc()],
        };
    }
    let proposal = |suite: &EspSuite| EspProposal {
        encryption: vec![encryption(suite.cipher)],
        integrity: suite.integrity.into_iter().map(integrity).collect(),
        key_exchange: suite.key_exchange.iter().copied().map(key_exchange).collect(),
        esn: vec![true, false],
    };
    suites.iter().map(proposal).collect()
}

fn encryption(cipher: Cipher) -> Encryption {
    match cipher {
        Cipher::AesGcm16(bits) => Encryption { id: EncrId::AES_GCM_16, key_bits: Some(bits) },
        Cipher::ChaCha20Poly1305 => Encryption { id: EncrId::CHACHA20_POLY1305, key_bits: None },
        Cipher::AesCbc(bits) => Encryption { id: EncrId::AES_CBC, key_bits: Some(bits) },
    }
}

fn prf(hash: Hash) -> PrfId {
    match hash {
        Hash::Sha256 => PrfId::HMAC_SHA2_256,
        Hash::Sha384 => PrfId::HMAC_SHA2_384,
        Hash::Sha512 => PrfId::HMAC_SHA2_512,
    }
}

fn integrity(hash: Hash) -> IntegId {
    match hash {
        Hash::Sha256 => IntegId::HMAC_SHA2_256_128,
        Hash::Sha384 => IntegId::HMAC_SHA2_384_192,
        Hash::Sha512 => IntegId::HMAC_SHA2_512_256,
    }
}

fn key_exchange(method: KeyExchange) -> KeId {
    match method {
        KeyExchange::X25519 => KeId::CURVE_25519,
        KeyExchange::Ecp256 => KeId::ECP_256,
        KeyExchange::Modp2048 => KeId::MODP_2048,
    }
}

#[cfg(test)]
mod tests;
