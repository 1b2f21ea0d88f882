//! One pair of ESP SAs, from the view of IKE.

use crate::config::{ChildConfig, ChildConfigId, ChildLifetime, ConnectionId, Mode};
use crate::event::{Carrier, ChildHalf, ChildId, Event, IkeSaId, Limits, Spi, TimerKind};
use crate::sa::collision::NoncePair;
use crate::sa::context::{Ctx, Lingering};
use crate::sa::keys::ChildKeys;
use crate::sa::proposal::EspChoice;
use crate::wire::TrafficSelector;
use std::time::{Duration, Instant};

/// How long an inbound SA goes on receiving what was under way when another took its place.
const LINGER: Duration = Duration::from_secs(5);

/// A pair of ESP SAs.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) id: ChildId,
    pub(crate) connection: ConnectionId,
    pub(crate) config: ChildConfigId,
    pub(crate) mode: Mode,
    pub(crate) spi_in: Spi,
    pub(crate) spi_out: Spi,
    pub(crate) choice: EspChoice,
    pub(crate) local: Vec<TrafficSelector>,
    pub(crate) remote: Vec<TrafficSelector>,
    pub(crate) carrier: Carrier,
    pub(crate) created: Instant,
    /// Our exchange made it: if it is redundant, it is ours to close.
    pub(crate) ours: bool,
    pub(crate) nonces: NoncePair,
    pub(crate) replaces: Option<ChildId>,
    /// Another has taken its place, or is about to.
    pub(crate) replaced: bool,
    /// We are deleting it, or shall.
    pub(crate) closing: bool,
    /// What comes on it is not taken any more, whether the peer knows or not.
    pub(crate) deaf: bool,
    pub(crate) outbound: Outbound,
    pub(crate) rekey_at: Option<Instant>,
    pub(crate) expire_at: Instant,
    /// The peer should have closed it by then.
    pub(crate) close_at: Option<Instant>,
}

/// The outbound half.
#[derive(Debug)]
pub(crate) enum Outbound {
    /// Not to be used before the peer is known to listen (RFC 7296 §2.8).
    Held(Box<ChildHalf>),
    /// With the data path.
    Installed,
    /// Taken back.
    Removed,
}

/// Everything a negotiation came to.
pub(crate) struct Agreed {
    pub(crate) id: ChildId,
    pub(crate) spi_in: Spi,
    pub(crate) spi_out: Spi,
    pub(crate) choice: EspChoice,
    pub(crate) local: Vec<TrafficSelector>,
    pub(crate) remote: Vec<TrafficSelector>,
    pub(crate) carrier: Carrier,
    pub(crate) nonces: NoncePair,
    pub(crate) keys: ChildKeys,
    pub(crate) ours: bool,
    pub(crate) replaces: Option<ChildId>,
}

/// The IKE SA and connection a child belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Parent {
    pub(crate) ike_sa: IkeSaId,
    pub(crate) connection: ConnectionId,
}

impl Child {
    /// Installs the inbound half at once; the outbound one is held.
    pub(crate) fn new(ctx: &mut Ctx<'_>, parent: Parent, config: &ChildConfig, agreed: Agreed) -> Self {
        let Agreed { id, spi_in, spi_out, choice, local, remote, carrier, nonces, keys, ours, replaces } =
            agreed;
        let half = |spi, key, limits| {
            Box::new(ChildHalf {
                connection: parent.connection,
                config: config.id,
                child: id,
                ike_sa: parent.ike_sa,
                spi,
                suite: choice.suite,
                key,
                esn: choice.esn,
                mode: config.mode,
                local_selectors: local.clone(),
                remote_selectors: remote.clone(),
                carrier,
                limits,
                replaces,
            })
        };
        let inbound = half(spi_in, keys.inbound, limits(ctx, &config.lifetime));
        let outbound = half(spi_out, keys.outbound, limits(ctx, &config.lifetime));
        ctx.out.esp.insert(spi_in, parent.ike_sa);
        ctx.out.events.push_back(Event::InstallInbound(inbound));
        ctx.out.counters.children_established += 1;
        let ChildLifetime { rekey, jitter, hard, .. } = config.lifetime;
        let rekey_at = ctx.now + rekey.saturating_sub(ctx.jitter(jitter));
        Self {
            id,
            connection: parent.connection,
            config: config.id,
            mode: config.mode,
            spi_in,
            spi_out,
            choice,
            local,
            remote,
            carrier,
            created: ctx.now,
            ours,
            nonces,
            replaces,
            replaced: false,
            closing: false,
            deaf: false,
            outbound: Outbound::Held(outbound),
            rekey_at: Some(rekey_at),
            expire_at: ctx.now + hard,
            close_at: None,
        }
    }

    /// True when it serves its policy and nothing is about to change that.
    pub(crate) fn is_live(&self) -> bool {
        !self.closing && !self.replaced
    }

    /// Sends on it from now on, if that was held back.
    pub(crate) fn activate(&mut self, ctx: &mut Ctx<'_>) {
        self.outbound = match std::mem::replace(&mut self.outbound, Outbound::Installed) {
            Outbound::Held(half) => {
                ctx.out.events.push_back(Event::InstallOutbound(half));
                Outbound::Installed
            }
            other @ (Outbound::Installed | Outbound::Removed) => other,
        };
    }

    /// Sends on it no more.
    pub(crate) fn silence(&mut self, ctx: &mut Ctx<'_>) {
        if matches!(self.outbound, Outbound::Installed) {
            ctx.out.events.push_back(Event::RemoveOutbound(self.id, self.spi_out));
        }
        self.outbound = Outbound::Removed;
    }

    /// Takes nothing on it any more: it was decided here that this traffic shall not be.
    pub(crate) fn deafen(&mut self, ctx: &mut Ctx<'_>) {
        if !self.deaf {
            self.deaf = true;
            ctx.out.remove_inbound(self.id, self.spi_in);
        }
    }

    /// Forgets both halves.
    pub(crate) fn remove(mut self, ctx: &mut Ctx<'_>) {
        self.silence(ctx);
        self.deafen(ctx);
    }

    /// Forgets both halves, but goes on listening for a while: packets on their way are not lost.
    pub(crate) fn retire(mut self, ctx: &mut Ctx<'_>) {
        self.silence(ctx);
        if !self.deaf {
            let Self { id: child, connection, config, spi_in: spi, .. } = self;
            ctx.out.linger(Lingering { until: ctx.now + LINGER, connection, config, child, spi });
        }
    }

    /// The path changed under it.
    pub(crate) fn redirect(&mut self, ctx: &mut Ctx<'_>, carrier: Carrier) {
        if self.carrier != carrier {
            self.carrier = carrier;
            if let Outbound::Held(half) = &mut self.outbound {
                half.carrier = carrier;
            }
            ctx.out.events.push_back(Event::Redirect(self.id, carrier));
        }
    }

    /// The nearest of its deadlines.
    pub(crate) fn deadline(&self) -> Option<(Instant, TimerKind)> {
        if self.closing {
            return None;
        }
        let rekey = self.rekey_at.filter(|_| self.is_live()).map(|at| (at, TimerKind::RekeyChild));
        let close = self.close_at.map(|at| (at, TimerKind::CloseRedundant));
        rekey.into_iter().chain(close).chain([(self.expire_at, TimerKind::ExpireChild)]).min()
    }
}

// Soft limits are jittered for the same reason as times; the hard one leaves a quarter for the rekeying.
fn limits(ctx: &mut Ctx<'_>, lifetime: &ChildLifetime) -> Limits {
    let mut soft = |limit: Option<u64>| limit.map(|limit| limit - ctx.rng.below(limit / 10 + 1));
    let hard = |limit: Option<u64>| limit.map(|limit| limit.saturating_add(limit / 4));
    Limits {
        soft_packets: soft(lifetime.packets),
        soft_bytes: soft(lifetime.bytes),
        hard_packets: hard(lifetime.packets),
        hard_bytes: hard(lifetime.bytes),
    }
}
