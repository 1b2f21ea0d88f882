//! What the data path and the configuration tell an IKE SA that stands.

use crate::config::{ChildConfigId, Connection};
use crate::error::{Error, Local};
use crate::event::{ChildId, Path, Spi};
use crate::sa::Head;
use crate::sa::context::Ctx;
use crate::sa::established::Established;
use crate::sa::tasks::Task;
use std::net::SocketAddr;
use std::sync::Arc;

impl Established {
    /// Authentic traffic on an inbound SA: the peer listens on the other half too (RFC 7296 §2.8).
    pub(crate) fn heard_on(&mut self, ctx: &mut Ctx<'_>, spi: Spi) {
        self.heard = ctx.now;
        if let Some(child) = self.estate.by_inbound(spi)
            && !child.closing
        {
            child.activate(ctx);
        }
    }

    /// A child has carried what it may.
    pub(crate) fn soft_limit(&mut self, spi: Spi) {
        if let Some(child) = self.estate.by_inbound(spi)
            && child.is_live()
        {
            let id = child.id;
            self.intend(Task::RekeyChild(id));
        }
    }

    /// Authentic ESP from elsewhere: a NAT gave the peer another mapping (RFC 7296 §2.23). Behind a NAT
    /// ourselves we do not follow.
    pub(crate) fn peer_moved(&mut self, head: &mut Head, ctx: &mut Ctx<'_>, from: SocketAddr) {
        self.heard = ctx.now;
        let path = Path { remote: from, ..head.path };
        if self.udp && self.nat.peer && !self.nat.local && path != head.path {
            self.take_path(head, ctx, path);
        }
    }

    /// The data path cannot have it: it goes on both sides.
    pub(crate) fn install_failed(&mut self, ctx: &mut Ctx<'_>, id: ChildId) {
        let Some((config, old)) = self.estate.children.get(&id).map(|child| (child.config, child.replaces))
        else {
            return;
        };
        self.cut_child(ctx, id);
        self.revive(ctx, old);
        self.child_failed(ctx, config, Error::Local(Local::InstallFailed));
    }

    pub(crate) fn rekey_children(&mut self) {
        let live: Vec<ChildId> =
            self.estate.children.values().filter(|child| child.is_live()).map(|child| child.id).collect();
        live.into_iter().for_each(|id| self.intend(Task::RekeyChild(id)));
    }

    /// The same peer, but other children or times.
    pub(crate) fn reconfigure(&mut self, head: &mut Head, ctx: &mut Ctx<'_>, connection: Arc<Connection>) {
        let old = std::mem::replace(&mut self.connection, connection);
        head.window.set_retransmission(self.connection.retransmission);
        let kept = |id: ChildConfigId| match (old.child(id), self.connection.child(id)) {
            (Some(old), Some(new)) => old.has_same_policy(new),
            (Some(_) | None, _) => false,
        };
        let stale: Vec<ChildId> =
            self.estate.children.values().filter(|child| !kept(child.config)).map(|child| child.id).collect();
        let changed: Vec<ChildConfigId> =
            old.children.iter().map(|child| child.id).filter(|id| !kept(*id)).collect();
        stale.into_iter().for_each(|id| self.cut_child(ctx, id));
        ctx.out.end_lingering(|half| half.connection == self.id && changed.contains(&half.config));
        self.estate.retries.retain(|id, _| !changed.contains(id));
        self.want_children(head, ctx);
    }
}
