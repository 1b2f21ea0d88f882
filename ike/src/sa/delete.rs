//! Closing: a child, the IKE SA, and what the peer closes. RFC 7296 §1.4.1, §2.25.

use crate::error::{AuthError, Error, Local};
use crate::event::{ChildId, Spi};
use crate::exchange::Informational;
use crate::sa::Head;
use crate::sa::child::{Child, Outbound};
use crate::sa::closing::Closing;
use crate::sa::collision::{self, Answer, Asked, Doing};
use crate::sa::context::{Ctx, Notice};
use crate::sa::established::{Established, Exchange};
use crate::sa::state::State;
use crate::sa::tasks::Task;
use crate::wire::{Delete, ExchangeType};

impl Established {
    /// Stops sending on a child and means to delete it.
    pub(crate) fn close_child(&mut self, ctx: &mut Ctx<'_>, id: ChildId) {
        if let Some(child) = self.estate.children.get_mut(&id)
            && !child.closing
        {
            child.closing = true;
            child.silence(ctx);
            self.intend(Task::DeleteChild(id));
        }
    }

    /// The same for one that shall not be: what the peer still sends on it is not taken.
    pub(crate) fn cut_child(&mut self, ctx: &mut Ctx<'_>, id: ChildId) {
        if let Some(child) = self.estate.children.get_mut(&id) {
            child.deafen(ctx);
        }
        self.close_child(ctx, id);
    }

    pub(crate) fn ask_delete_child(
        &mut self,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        id: ChildId,
    ) -> Result<(), Error> {
        let Some(child) = self.estate.children.get(&id) else { return Ok(()) };
        self.ask_delete(head, ctx, child.spi_in)
    }

    pub(crate) fn ask_delete(&mut self, head: &mut Head, ctx: &mut Ctx<'_>, spi: Spi) -> Result<(), Error> {
        self.ours = Some(Exchange::Delete(spi));
        let body = Informational::delete_esp(vec![spi]);
        head.request(ctx, &mut self.sealer, ExchangeType::INFORMATIONAL, body.emit())
    }

    /// The peer knows: nothing will come on it any more.
    pub(crate) fn on_deleted(&mut self, head: &Head, ctx: &mut Ctx<'_>, spi: Spi) {
        let Some(id) = self.estate.by_inbound(spi).map(|child| child.id) else { return };
        self.forget_child(head, ctx, id);
    }

    /// Both ends know that the child is closed: another serves in its place, or is wanted.
    fn forget_child(&mut self, head: &Head, ctx: &mut Ctx<'_>, id: ChildId) {
        // First, so that there is one to send on at any time.
        self.activate_successors(ctx, id);
        let Some(child) = self.estate.children.remove(&id) else { return };
        let (config, old) = (child.config, child.replaces);
        if child.replaced || self.has(config) {
            child.retire(ctx)
        } else {
            child.remove(ctx)
        }
        self.revive(ctx, old);
        self.want_again(head, ctx, config);
    }

    /// An INFORMATIONAL request that leaves the IKE SA standing.
    pub(crate) fn answer_informational(
        &mut self,
        head: &mut Head,
        ctx: &mut Ctx<'_>,
        body: &Informational,
    ) -> Result<(), Error> {
        let closed: Vec<Spi> = body.closed_esp().filter_map(|spi| self.peer_closes(head, ctx, spi)).collect();
        let deletes = if closed.is_empty() { Vec::new() } else { vec![Delete::esp(closed)] };
        let answer = Informational { deletes, ..Informational::default() };
        head.respond(ctx, &mut self.sealer, ExchangeType::INFORMATIONAL, answer.emit())
    }

    /// The peer closes the child it receives on with `spi`; ours to name in return, unless we are closing it too.
    fn peer_closes(&mut self, head: &Head, ctx: &mut Ctx<'_>, spi: Spi) -> Option<Spi> {
        let child = self.estate.by_outbound(spi);
        let doing = match &child {
            None if self.may_be_making_it() => Doing::MayBeMakingIt,
            None => Doing::NoSuchChild,
            Some(child) if child.closing => Doing::ClosingThisChild,
            Some(_) => Doing::Nothing,
        };
        let Some(child) = child else {
            // Its own last answer may still be under way, or our arithmetic on it.
            self.note_deleted(spi);
            return None;
        };
        let (id, spi_in) = (child.id, child.spi_in);
        match collision::answer(Asked::DeleteChild, doing) {
            // Crossing deletes: the outbound half goes now, the inbound one with the answer to ours.
            Answer::WithoutDelete if self.is_deleting(spi_in) => {
                ctx.out.counters.crossing_deletes += 1;
                child_silenced(self, ctx, id);
                return None;
            }
            Answer::WithoutDelete
            | Answer::Usual
            | Answer::UsualAndCompare
            | Answer::UsualAndForgetOurs
            | Answer::TemporaryFailure
            | Answer::ChildSaNotFound => {}
        }
        self.forget_child(head, ctx, id);
        Some(spi_in)
    }

    /// True while our own Delete of this SPI is on its way.
    fn is_deleting(&self, spi: Spi) -> bool {
        matches!(self.ours, Some(Exchange::Delete(deleting)) if deleting == spi)
    }

    /// The old one goes, so the peer must be listening on the new (RFC 7296 §2.8). Of two that crossed, one
    /// sends already; the peer may not listen on the other yet, and closes it.
    pub(crate) fn activate_successors(&mut self, ctx: &mut Ctx<'_>, old: ChildId) {
        let is_heir = |child: &Child| child.replaces == Some(old) && child.is_live();
        let sends = |child: &Child| is_heir(child) && matches!(child.outbound, Outbound::Installed);
        if !self.estate.children.values().any(sends) {
            let heirs = self.estate.children.values_mut().filter(|child| is_heir(child));
            heirs.for_each(|child| child.activate(ctx));
        }
    }

    /// Closes the IKE SA: at once, or as soon as what is begun is done.
    pub(crate) fn close(mut self: Box<Self>, head: &mut Head, ctx: &mut Ctx<'_>, error: Error) -> State {
        if self.estate.doomed {
            return State::Established(self);
        }
        self.notice_closed(head, ctx, error);
        self.estate.doomed = true;
        self.rekey_at = None;
        self.estate.redundant_at = None;
        self.estate.tasks.clear();
        self.estate.retries.clear();
        self.estate.children.values_mut().for_each(|child| child.silence(ctx));
        self.proceed(head, ctx)
    }

    /// Sends the Delete; what the peer still sends is received until it is answered.
    pub(crate) fn close_now(mut self: Box<Self>, head: &mut Head, ctx: &mut Ctx<'_>) -> State {
        let listening = self.estate.children.values().filter(|child| !child.deaf);
        let inbound = listening.map(|child| (child.id, child.spi_in)).collect();
        self.estate.children.values_mut().for_each(|child| child.silence(ctx));
        Closing::last_request(head, ctx, (self.sealer, self.opener), &Informational::delete_ike(), inbound)
    }

    /// The peer closes the IKE SA. Our own rekeying of it is forgotten; if the
    /// peer's own has come through, that one inherits (RFC 7296 §2.8.2).
    pub(crate) fn answer_delete_ike(mut self: Box<Self>, head: &mut Head, ctx: &mut Ctx<'_>) -> State {
        let body = Informational::default().emit();
        if let Err(error) = head.respond(ctx, &mut self.sealer, ExchangeType::INFORMATIONAL, body) {
            return self.fail(head, ctx, error);
        }
        let doing = if self.ike_is_leaving() { Doing::RekeyingIke } else { Doing::Nothing };
        let heir = match collision::answer(Asked::DeleteIke, doing) {
            Answer::UsualAndForgetOurs => self.forget_rekeying(ctx),
            Answer::Usual
            | Answer::UsualAndCompare
            | Answer::WithoutDelete
            | Answer::TemporaryFailure
            | Answer::ChildSaNotFound => None,
        };
        if let Some(heir) = heir {
            ctx.out
                .notices
                .push_back((head.id, Notice::Inherit(heir, Box::new(std::mem::take(&mut self.estate)))));
            ctx.out.notices.push_back((head.id, Notice::Release(heir)));
            return Closing::done(head, ctx, (self.sealer, self.opener));
        }
        self.end(head, ctx, Local::ClosedByPeer.into())
    }

    /// The peer says, inside the IKE SA, that our proof was wrong (RFC 7296 §2.21.2).
    pub(crate) fn answer_disbelief(mut self: Box<Self>, head: &mut Head, ctx: &mut Ctx<'_>) -> State {
        let body = Informational::default().emit();
        match head.respond(ctx, &mut self.sealer, ExchangeType::INFORMATIONAL, body) {
            Ok(()) => self.end(head, ctx, AuthError::RefusedByPeer.into()),
            Err(error) => self.fail(head, ctx, error),
        }
    }
}

fn child_silenced(established: &mut Established, ctx: &mut Ctx<'_>, id: ChildId) {
    if let Some(child) = established.estate.children.get_mut(&id) {
        child.silence(ctx);
    }
}
