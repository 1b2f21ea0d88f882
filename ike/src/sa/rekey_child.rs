//! Replacing a child by a new one, and what happens when both ends do it. RFC 7296 §2.8, §2.8.1, §2.25.1.

use crate::config::ChildConfigId;
use crate::error::{Error, Unacceptable};
use crate::event::{ChildId, Event, Spi};
use crate::sa::Head;
use crate::sa::child::Child;
use crate::sa::collision::{self, Answer, Asked, Doing, NoncePair, Redundant};
use crate::sa::context::Ctx;
use crate::sa::established::{Answering, Established, Exchange};
use crate::sa::new_child::MakingChild;
use crate::sa::tasks::REKEY_AGAIN;
use std::time::Duration;

/// Two children of one policy made within this time may have crossed.
const CROSSING: Duration = Duration::from_secs(60);
/// How long the peer has for closing what is its to close.
const GRACE: Duration = Duration::from_secs(10);

impl Established {
    pub(crate) fn ask_rekey_child(
        &mut self,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        id: ChildId,
    ) -> Result<(), Error> {
        match self.estate.children.get(&id) {
            Some(child) if child.is_live() => {
                let config = child.config;
                self.make_child(head, ctx, config, Some(id))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Our exchange made `new` in the place of `old`: use it, unless the peer's
    /// crossing exchange made a better one.
    pub(crate) fn take_over(
        &mut self,
        ctx: &mut Ctx<'_>,
        old: ChildId,
        new: ChildId,
        crossing: Option<(ChildId, NoncePair)>,
    ) {
        if let Some(old) = self.estate.children.get_mut(&old) {
            old.replaced = true;
            old.close_at = Some(ctx.now + GRACE);
        }
        let stands = |id| self.estate.children.get(&id).is_some_and(|child| !child.closing);
        let theirs = crossing.filter(|(id, _)| stands(*id) || self.is_answering(*id));
        let Some(child) = self.estate.children.get_mut(&new) else { return };
        let ours_goes = theirs
            .is_some_and(|(_, theirs)| collision::redundant(&child.nonces, &theirs) == Redundant::First);
        if ours_goes {
            // The peer deletes the old one, we our own.
            self.close_child(ctx, new);
        } else {
            child.activate(ctx);
            self.close_child(ctx, old);
        }
    }

    /// A child that was to take the place of `old` is gone: `old` serves on, unless another does by now.
    pub(crate) fn revive(&mut self, ctx: &Ctx<'_>, old: Option<ChildId>) {
        if let Some(id) = old
            && !self.has_twin(id)
            && let Some(old) = self.estate.children.get_mut(&id)
            && old.replaced
            && !old.closing
        {
            old.replaced = false;
            old.close_at = None;
            old.rekey_at = Some(ctx.now + REKEY_AGAIN);
        }
    }

    /// The peer's exchange makes another in the place of `old`. True when `old`
    /// still stands, so that sending goes on there.
    pub(crate) fn give_way(&mut self, ctx: &Ctx<'_>, old: ChildId) -> bool {
        let Some(old) = self.estate.children.get_mut(&old) else { return false };
        old.replaced = true;
        old.close_at = Some(ctx.now + GRACE);
        true
    }

    /// True when another serves the policy of this child.
    pub(crate) fn has_twin(&self, id: ChildId) -> bool {
        let config = self.estate.children.get(&id).map(|child| child.config);
        let is_twin = |child: &Child| child.id != id && Some(child.config) == config && child.is_live();
        self.estate.children.values().any(is_twin)
    }

    /// No policy keeps two children: the one with the lowest nonce goes, closed
    /// by who made it, or by us when the peer does not.
    pub(crate) fn settle_duplicates(&mut self, ctx: &mut Ctx<'_>, config: ChildConfigId) {
        loop {
            let mut twins = self
                .estate
                .children
                .values()
                .filter(|child| child.config == config && child.is_live() && child.close_at.is_none());
            let (Some(first), Some(second)) = (twins.next(), twins.next()) else { return };
            // Ids rise: the first is the older. One that is much older did not cross the
            // other; the peer wants another because, for it, the old one is no more.
            let crossed = second.created.saturating_duration_since(first.created) < CROSSING;
            let redundant = match collision::redundant(&first.nonces, &second.nonces) {
                Redundant::Second if crossed => second,
                Redundant::First | Redundant::Second => first,
            };
            let (id, ours) = (redundant.id, redundant.ours);
            ctx.out.counters.duplicate_children += 1;
            if ours {
                self.close_child(ctx, id);
            } else if let Some(child) = self.estate.children.get_mut(&id) {
                child.close_at = Some(ctx.now + GRACE);
            }
        }
    }

    /// Whether a request for a child can be worked on; gives the child to be replaced.
    pub(crate) fn may_answer_child(
        &self,
        ctx: &mut Ctx<'_>,
        rekeys: Option<Spi>,
    ) -> Result<Option<ChildId>, Error> {
        let old = rekeys.map(|spi| (spi, self.estate.by_outbound(spi)));
        let doing = match old {
            // Born of two crossing rekeyings, it may yet inherit the children that are asked about.
            _ if self.estate.doomed || self.estate.redundant_at.is_some() => Doing::ClosingIke,
            _ if self.ike_is_leaving() => Doing::RekeyingIke,
            None => Doing::Nothing,
            Some((_, None)) if self.may_be_making_it() => Doing::MayBeMakingIt,
            Some((_, None)) => Doing::NoSuchChild,
            Some((_, Some(old))) if !old.is_live() => Doing::ClosingThisChild,
            Some((_, Some(old))) if self.rekeying() == Some(old.id) => Doing::RekeyingThisChild,
            Some((_, Some(_))) => Doing::Nothing,
        };
        let asked = if rekeys.is_some() { Asked::RekeyChild } else { Asked::NewChild };
        match (collision::answer(asked, doing), old) {
            (Answer::TemporaryFailure, _) => {
                ctx.out.counters.temporary_failures += 1;
                Err(Unacceptable::Busy.into())
            }
            (Answer::ChildSaNotFound, Some((spi, _))) => {
                ctx.out.counters.children_not_found += 1;
                Err(Unacceptable::NoSuchChild(spi).into())
            }
            (
                Answer::Usual
                | Answer::UsualAndCompare
                | Answer::UsualAndForgetOurs
                | Answer::WithoutDelete
                | Answer::ChildSaNotFound,
                old,
            ) => Ok(old.and_then(|(_, old)| old).map(|old| old.id)),
        }
    }

    /// The child we have asked the peer to let us replace.
    pub(crate) fn rekeying(&self) -> Option<ChildId> {
        match &self.ours {
            Some(Exchange::Child(making)) if making.is_asked() => making.replaces,
            Some(Exchange::Child(_) | Exchange::Ike(_) | Exchange::Delete(_) | Exchange::Liveness) | None => {
                None
            }
        }
    }

    /// True while the peer may know a child of ours that we do not know yet.
    pub(crate) fn may_be_making_it(&self) -> bool {
        matches!(&self.ours, Some(Exchange::Child(making)) if making.is_asked())
    }

    fn is_answering(&self, id: ChildId) -> bool {
        matches!(&self.answering, Some(Answering::Child(answering)) if answering.id == id)
    }

    /// The peer rekeys what we are rekeying: remember its nonces.
    pub(crate) fn note_crossing(
        &mut self,
        ctx: &mut Ctx<'_>,
        old: Option<ChildId>,
        new: ChildId,
        nonces: &NoncePair,
    ) {
        if let (Some(Exchange::Child(making)), Some(old)) = (&mut self.ours, old)
            && making.is_asked()
            && making.replaces == Some(old)
        {
            ctx.out.counters.crossing_child_rekeys += 1;
            making.crossing = Some((new, nonces.clone()));
        }
    }

    /// Nothing came of the peer's exchange.
    pub(crate) fn forget_crossing(&mut self, new: ChildId) {
        if let Some(Exchange::Child(making)) = &mut self.ours {
            making.crossing.take_if(|(id, _)| *id == new);
        }
    }

    /// The peer is busy: later (RFC 7296 §2.25).
    pub(crate) fn postpone(&mut self, head: &Head, ctx: &mut Ctx<'_>, making: &MakingChild) {
        let at = Self::soon(ctx);
        match making.replaces.map(|old| self.estate.children.get_mut(&old)) {
            None => self.child_postponed(ctx, making.config),
            Some(Some(old)) => old.rekey_at = Some(at),
            Some(None) => {}
        }
        self.want_again(head, ctx, making.config);
    }

    /// CHILD_SA_NOT_FOUND: it is forgotten here too and made anew, unless the
    /// peer has replaced it meanwhile (RFC 7296 §2.25).
    pub(crate) fn peer_knows_no_such_child(&mut self, head: &Head, ctx: &mut Ctx<'_>, making: &MakingChild) {
        let gone = making.replaces.filter(|old| {
            making.crossing.is_none() && self.estate.children.get(old).is_some_and(|old| old.is_live())
        });
        if let Some(child) = gone.and_then(|old| self.estate.children.remove(&old)) {
            child.remove(ctx);
        }
        self.want_again(head, ctx, making.config);
    }

    /// The exchange failed. A child to be replaced is left alone: it is tried again until it
    /// expires. Should it be gone already, a new one is wanted.
    pub(crate) fn making_failed(
        &mut self,
        head: &Head,
        ctx: &mut Ctx<'_>,
        making: &MakingChild,
        error: Error,
    ) {
        match making.replaces {
            None => self.child_failed(ctx, making.config, error),
            Some(_) => ctx.out.events.push_back(Event::Hint(self.id, error.into())),
        }
        self.want_again(head, ctx, making.config);
    }
}
