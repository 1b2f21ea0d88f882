//! What an IKE SA means to do, one exchange after the other.

use crate::config::ChildConfigId;
use crate::error::Error;
use crate::event::{ChildId, Event, Spi};
use crate::sa::context::Ctx;
use crate::sa::established::Established;
use crate::sa::state::State;
use crate::sa::{Head, Role};
use std::time::{Duration, Instant};

/// An original responder leaves further children to the initiator for this long.
const RESPONDER_PATIENCE: Duration = Duration::from_secs(2);
/// A child the peer closed, or that failed, is wanted again after this, doubled each time it fails.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The doubling stops here.
const LAST_RETRY: Duration = Duration::from_secs(300);
/// An exchange the peer had no time for is tried again after this and up to as much more (RFC 7296 §2.25).
const TEMPORARY: Duration = Duration::from_secs(2);
/// A rekeying that came to nothing is tried again after this.
pub(crate) const REKEY_AGAIN: Duration = Duration::from_secs(20);

/// A child that was begun is looked after this often until it stands.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// One exchange to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    NewChild(ChildConfigId),
    RekeyChild(ChildId),
    DeleteChild(ChildId),
    /// An SPI the peer may think is a child of ours.
    DeleteStray(Spi),
    RekeyIke,
    Liveness,
}

/// When a child is tried again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retry {
    pub(crate) at: Instant,
    pub(crate) failures: u32,
}

impl Established {
    /// Puts a task at the end of the queue, once.
    pub(crate) fn intend(&mut self, task: Task) {
        if !self.estate.doomed && !self.estate.tasks.contains(&task) {
            self.estate.tasks.push_back(task);
        }
    }

    /// Begins exchanges as long as one can be begun.
    pub(crate) fn proceed(mut self: Box<Self>, head: &mut Head, ctx: &mut Ctx<'_>) -> State {
        while self.ours.is_none() && self.answering.is_none() && !head.window.is_busy() {
            if self.hold_until.is_some() {
                break;
            }
            if self.estate.doomed {
                return self.close_now(head, ctx);
            }
            let Some(task) = self.estate.tasks.pop_front() else { break };
            let begun = match task {
                Task::NewChild(config) => self.ask_new_child(head, ctx, config),
                Task::RekeyChild(child) => self.ask_rekey_child(head, ctx, child),
                Task::DeleteChild(child) => self.ask_delete_child(head, ctx, child),
                Task::DeleteStray(spi) => self.ask_delete(head, ctx, spi),
                Task::RekeyIke => self.ask_rekey_ike(head, ctx),
                Task::Liveness => self.ask_liveness(head, ctx),
            };
            if let Err(error) = begun {
                return self.fail(head, ctx, error);
            }
        }
        State::Established(self)
    }

    /// True when we make children without being asked.
    fn is_eager(&self, head: &Head) -> bool {
        self.connection.initiate || head.role == Role::Initiator
    }

    /// Sees to it that every child of the configuration comes to be.
    pub(crate) fn want_children(&mut self, head: &Head, ctx: &mut Ctx<'_>) {
        if self.estate.doomed || !self.is_eager(head) {
            return;
        }
        for config in self.connection.children.iter().map(|child| child.id).collect::<Vec<_>>() {
            let patience = match head.role {
                Role::Responder => RESPONDER_PATIENCE + ctx.jitter(RESPONDER_PATIENCE / 2),
                Role::Initiator => Duration::ZERO,
            };
            if !self.has_or_makes(config) {
                self.estate.retries.entry(config).or_insert(Retry { at: ctx.now + patience, failures: 0 });
            }
        }
        self.take_up_retries(ctx);
    }

    /// The child is gone though it is wanted: the peer closed it, or it died.
    pub(crate) fn want_again(&mut self, head: &Head, ctx: &mut Ctx<'_>, config: ChildConfigId) {
        let wanted = self.connection.child(config).is_some() && self.is_eager(head);
        if wanted && !self.estate.doomed && !self.has_or_makes(config) {
            let at = ctx.now + FIRST_RETRY + ctx.jitter(FIRST_RETRY);
            self.estate.retries.entry(config).or_insert(Retry { at, failures: 0 });
        }
    }

    /// After everything changed hands: what got lost on the way is wanted again.
    pub(crate) fn want_what_is_missing(&mut self, head: &Head, ctx: &mut Ctx<'_>) {
        let wanted: Vec<ChildConfigId> = self.connection.children.iter().map(|child| child.id).collect();
        wanted.into_iter().for_each(|config| self.want_again(head, ctx, config));
    }

    /// A child could not be had: told, and tried again later and later.
    pub(crate) fn child_failed(&mut self, ctx: &mut Ctx<'_>, config: ChildConfigId, error: Error) {
        ctx.out.events.push_back(Event::ChildFailed(self.id, config, error.into()));
        let failures = self.estate.retries.get(&config).map_or(0, |retry| retry.failures) + 1;
        let wait = LAST_RETRY.min(FIRST_RETRY * 2u32.saturating_pow(failures.min(16)));
        let at = ctx.now + wait + ctx.jitter(wait / 4);
        self.estate.retries.insert(config, Retry { at, failures });
    }

    /// The peer was busy with something that is in the way.
    pub(crate) fn child_postponed(&mut self, ctx: &mut Ctx<'_>, config: ChildConfigId) {
        let at = Self::soon(ctx);
        let failures = self.estate.retries.get(&config).map_or(0, |retry| retry.failures);
        self.estate.retries.insert(config, Retry { at, failures });
    }

    /// When to come back to a peer that was busy.
    pub(crate) fn soon(ctx: &mut Ctx<'_>) -> Instant {
        ctx.now + TEMPORARY + ctx.jitter(TEMPORARY)
    }

    /// Turns what is due into tasks.
    pub(crate) fn take_up_retries(&mut self, ctx: &Ctx<'_>) {
        let due: Vec<ChildConfigId> = self
            .estate
            .retries
            .iter()
            .filter(|(_, retry)| retry.at <= ctx.now)
            .map(|(config, _)| *config)
            .collect();
        for config in due {
            if self.connection.child(config).is_none() || self.has(config) {
                self.estate.retries.remove(&config);
                continue;
            }
            if let Some(retry) = self.estate.retries.get_mut(&config) {
                // An exchange may be dropped half-way: this finds out.
                retry.at = ctx.now + LOOK_AGAIN;
            }
            if self.makes(config) {
                continue;
            }
            self.intend(Task::NewChild(config));
        }
    }

    /// True when nothing needs to be begun for this child.
    pub(crate) fn has_or_makes(&self, config: ChildConfigId) -> bool {
        self.has(config) || self.estate.tasks.contains(&Task::NewChild(config)) || self.makes(config)
    }

    /// True when a child serves this policy.
    pub(crate) fn has(&self, config: ChildConfigId) -> bool {
        self.estate.children.values().any(|child| child.config == config && !child.closing)
    }
}
