//! What can be seen of the SAs from outside: a copy of the moment, no keys.

use crate::config::{ChildConfigId, ConnectionId, Identity, Mode, TrafficSelector};
use crate::endpoint::Endpoint;
use crate::event::{Carrier, ChildId, IkeSaId, IkeSpi, Path, Spi};
use crate::sa::child::{Child, Outbound};
use crate::sa::state::State;
use crate::sa::{Head, IkeSa, Role};
use std::fmt;
use std::time::{Duration, Instant};

/// How far an IKE SA is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IkeSaState {
    /// Being negotiated.
    Connecting,
    /// In use.
    Established,
    /// Replaced by the peer, which has yet to delete it.
    Rekeyed,
    /// Our Delete is not answered yet.
    Closing,
}

impl fmt::Display for IkeSaState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connecting => "connecting",
            Self::Established => "established",
            Self::Rekeyed => "rekeyed",
            Self::Closing => "closing",
        })
    }
}

/// One IKE SA. Ages are at the `now` of the call.
#[derive(Clone, Debug)]
pub struct IkeSaView {
    /// Its name here.
    pub id: IkeSaId,
    /// `None` for a half-open one whose initiator has not said who it is.
    pub connection: Option<ConnectionId>,
    /// How far it is.
    pub state: IkeSaState,
    /// Addresses and ports of both ends.
    pub path: Path,
    /// Who we are; known once the connection is.
    pub local_id: Option<Identity>,
    /// Who the peer is.
    pub remote_id: Option<Identity>,
    /// Of the original initiator.
    pub spi_i: IkeSpi,
    /// Of the original responder; 0 until it answered.
    pub spi_r: IkeSpi,
    /// True when we are the original initiator.
    pub initiator: bool,
    /// Agreed algorithms, such as `AES_GCM_16_256/PRF_HMAC_SHA2_256/CURVE_25519`; empty until agreed.
    pub proposal: String,
    /// Since it was made.
    pub age: Duration,
    /// Until it is rekeyed.
    pub rekey_in: Option<Duration>,
    /// Messages sent again so far.
    pub retransmissions: u64,
}

/// One child SA, both halves.
#[derive(Clone, Debug)]
pub struct ChildView {
    /// Its name here.
    pub id: ChildId,
    /// The IKE SA that controls it.
    pub ike_sa: IkeSaId,
    /// Its connection.
    pub connection: ConnectionId,
    /// Which child of it.
    pub config: ChildConfigId,
    /// `installed`, `rekeying`, `rekeyed`, `closing`, or `inbound` while we only receive on it.
    pub state: &'static str,
    /// Ours.
    pub spi_in: Spi,
    /// The peer's.
    pub spi_out: Spi,
    /// Whether the outbound half is installed.
    pub outbound_installed: bool,
    /// Transport or tunnel.
    pub mode: Mode,
    /// What it travels in.
    pub carrier: Carrier,
    /// Agreed algorithms.
    pub proposal: String,
    /// Extended sequence numbers.
    pub esn: bool,
    /// Our side.
    pub local_selectors: Vec<TrafficSelector>,
    /// The peer's side.
    pub remote_selectors: Vec<TrafficSelector>,
    /// Since it was made.
    pub age: Duration,
    /// Until it is rekeyed.
    pub rekey_in: Option<Duration>,
}

impl Endpoint {
    /// All IKE SAs, half-open ones included, in order of their making. One that both ends know to be
    /// deleted is none any more, though its last answer is kept for a while.
    #[must_use]
    pub fn ike_sas(&self, now: Instant) -> Vec<IkeSaView> {
        let view = |sa: &IkeSa| {
            let Head { id, spi_i, spi_r, path, created, role, retransmissions, .. } = sa.head;
            let connection = self.owners.get(&id).copied();
            let config = connection.and_then(|id| self.connections.get(&id));
            let (state, proposal, rekey_at) = match &sa.state {
                State::Established(state) if state.estate.doomed => {
                    (IkeSaState::Closing, state.choice.to_string(), None)
                }
                State::Established(state) => {
                    (IkeSaState::Established, state.choice.to_string(), state.rekey_at)
                }
                State::Closing(closing) if closing.is_done() => return None,
                State::Closing(closing) if closing.is_replaced() => {
                    (IkeSaState::Rekeyed, String::new(), None)
                }
                State::Closing(_) => (IkeSaState::Closing, String::new(), None),
                State::MakingKeys(_)
                | State::ExpectInitResponse(_)
                | State::FinishingInit(_)
                | State::ExpectAuthResponse(_)
                | State::AnsweringInit(_)
                | State::ExpectAuthRequest(_)
                | State::Gone => (IkeSaState::Connecting, String::new(), None),
            };
            Some(IkeSaView {
                id,
                connection,
                state,
                path,
                local_id: config.map(|config| config.local_id.clone()),
                remote_id: config.map(|config| config.remote_id.clone()),
                spi_i,
                spi_r,
                initiator: role == Role::Initiator,
                proposal,
                age: now.saturating_duration_since(created),
                rekey_in: rekey_at.map(|at| at.saturating_duration_since(now)),
                retransmissions,
            })
        };
        self.sas.values().filter_map(view).collect()
    }

    /// All child SAs, in order of their making.
    #[must_use]
    pub fn children(&self, now: Instant) -> Vec<ChildView> {
        let mut views = Vec::new();
        for (ike_sa, sa) in &self.sas {
            let State::Established(established) = &sa.state else { continue };
            let rekeying = established.rekeying();
            let children = established.estate.children.values();
            views
                .extend(children.map(|child| {
                    view_child(*ike_sa, established.id, child, rekeying == Some(child.id), now)
                }));
        }
        views.sort_by_key(|view| view.id);
        views
    }
}

fn view_child(
    ike_sa: IkeSaId,
    connection: ConnectionId,
    child: &Child,
    rekeying: bool,
    now: Instant,
) -> ChildView {
    let outbound_installed = matches!(child.outbound, Outbound::Installed);
    let state = match child {
        Child { closing: true, .. } => "closing",
        Child { replaced: true, .. } => "rekeyed",
        _ if rekeying => "rekeying",
        Child { outbound: Outbound::Held(_), .. } => "inbound",
        _ => "installed",
    };
    ChildView {
        id: child.id,
        ike_sa,
        connection,
        config: child.config,
        state,
        spi_in: child.spi_in,
        spi_out: child.spi_out,
        outbound_installed,
        mode: child.mode,
        carrier: child.carrier,
        proposal: child.choice.to_string(),
        esn: child.choice.esn,
        local_selectors: child.local.clone(),
        remote_selectors: child.remote.clone(),
        age: now.saturating_duration_since(child.created),
        rekey_in: child.rekey_at.filter(|_| child.is_live()).map(|at| at.saturating_duration_since(now)),
    }
}
