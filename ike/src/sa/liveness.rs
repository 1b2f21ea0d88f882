//! Is the peer there? An empty INFORMATIONAL, when nothing else was heard. RFC 7296 §1.4, §2.4.

use crate::error::Error;
use crate::exchange::Informational;
use crate::sa::Head;
use crate::sa::context::Ctx;
use crate::sa::established::{Established, Exchange};
use crate::sa::tasks::Task;
use crate::wire::ExchangeType;
use std::time::Duration;

/// How often a hint from the network may cause a question (RFC 7296 §2.21.4).
const HINT_INTERVAL: Duration = Duration::from_secs(10);

impl Established {
    pub(crate) fn ask_liveness(&mut self, head: &mut Head, ctx: &mut Ctx<'_>) -> Result<(), Error> {
        self.ours = Some(Exchange::Liveness);
        head.request(ctx, &mut self.sealer, ExchangeType::INFORMATIONAL, Informational::default().emit())
    }

    /// Somebody says the peer knows nothing of us. Anyone may say so: ask, now and then.
    pub(crate) fn hint(&mut self, ctx: &Ctx<'_>) {
        if self.hinted.is_none_or(|at| at + HINT_INTERVAL <= ctx.now) {
            self.hinted = Some(ctx.now);
            self.intend(Task::Liveness);
        }
    }
}
