//! What is due when, for an IKE SA that stands.

use crate::error::Local;
use crate::event::{ChildId, TimerKind};
use crate::sa::Head;
use crate::sa::context::Ctx;
use crate::sa::established::Established;
use crate::sa::state::State;
use crate::sa::tasks::{REKEY_AGAIN, Task};
use std::time::Instant;

/// A NAT keepalive: one octet, no IKE, no ESP (RFC 3948 §2.3).
const KEEPALIVE: [u8; 1] = [0xff];

impl Established {
    /// The nearest deadline.
    pub(crate) fn deadline(&self, head: &Head) -> Option<(Instant, TimerKind)> {
        let idle = self.ours.is_none() && self.answering.is_none() && self.hold_until.is_none();
        let watches = idle && !self.connection.liveness.is_zero() && !self.estate.doomed;
        let liveness = watches.then(|| (self.heard + self.connection.liveness, TimerKind::Liveness));
        let keepalive = self.keeps_alive().then_some((self.keepalive_at, TimerKind::Keepalive));
        let rekey = self.rekey_at.map(|at| (at, TimerKind::RekeyIke));
        let redundant = self.estate.redundant_at.map(|at| (at, TimerKind::CloseRedundant));
        let hold = self.hold_until.map(|at| (at, TimerKind::GiveUp));
        let retry = self.estate.retries.values().map(|retry| (retry.at, TimerKind::RetryChild)).min();
        let children = self.estate.children.values().filter_map(|child| child.deadline()).min();
        let expire = (!self.estate.doomed).then_some((self.expire_at, TimerKind::ExpireIke));
        let all = [
            head.retransmit_deadline(),
            liveness,
            keepalive,
            rekey,
            redundant,
            hold,
            retry,
            children,
            expire,
        ];
        all.into_iter().flatten().min()
    }

    fn keeps_alive(&self) -> bool {
        self.nat.local && !self.connection.keepalive.is_zero()
    }

    pub(crate) fn on_timeout(mut self: Box<Self>, head: &mut Head, ctx: &mut Ctx<'_>) -> State {
        if head.retransmit(ctx) {
            return self.fail(head, ctx, Local::Timeout.into());
        }
        if self.expire_at <= ctx.now && !self.estate.doomed {
            return self.close(head, ctx, Local::Limit("lifetime of the IKE SA").into());
        }
        if self.estate.redundant_at.is_some_and(|at| at <= ctx.now) {
            self.estate.redundant_at = None;
            return self.close(head, ctx, Local::GoingDown.into());
        }
        if self.hold_until.is_some_and(|at| at <= ctx.now) {
            self.hold_until = None;
        }
        if self.rekey_at.is_some_and(|at| at <= ctx.now) {
            self.rekey_at = Some(ctx.now + REKEY_AGAIN);
            self.intend(Task::RekeyIke);
        }
        if self.keeps_alive() && self.keepalive_at <= ctx.now {
            self.keepalive_at = ctx.now + self.connection.keepalive;
            if head.path.local.port() == ctx.config.natt_port {
                ctx.transmit_raw(head.path, KEEPALIVE.to_vec());
            }
        }
        let silent = self.heard + self.connection.liveness <= ctx.now && !self.connection.liveness.is_zero();
        if silent && self.ours.is_none() && self.estate.tasks.is_empty() {
            self.intend(Task::Liveness);
        }
        self.see_to_children(head, ctx);
        self.take_up_retries(ctx);
        self.proceed(head, ctx)
    }

    fn see_to_children(&mut self, head: &Head, ctx: &mut Ctx<'_>) {
        let due = |child: &&crate::sa::child::Child| child.deadline().is_some_and(|(at, _)| at <= ctx.now);
        let due: Vec<ChildId> = self.estate.children.values().filter(due).map(|child| child.id).collect();
        for id in due {
            let has_twin = self.has_twin(id);
            let Some(child) = self.estate.children.get_mut(&id) else { continue };
            let config = child.config;
            let replaced = child.replaced;
            if !replaced && !has_twin {
                // What made it redundant is gone.
                child.close_at = None;
            }
            if child.expire_at <= ctx.now || child.close_at.is_some_and(|at| at <= ctx.now) {
                if replaced {
                    self.activate_successors(ctx, id);
                }
                self.close_child(ctx, id);
                self.want_again(head, ctx, config);
            } else if child.rekey_at.is_some_and(|at| at <= ctx.now) {
                child.rekey_at = Some(ctx.now + REKEY_AGAIN);
                self.intend(Task::RekeyChild(id));
            }
        }
    }
}
