//! INFORMATIONAL: deletions, notifications, or nothing, which asks "are you there?" (RFC 7296 §1.4).

use super::contents::Contents;
use crate::error::Error;
use crate::wire::{Configuration, Delete, Message, Notify, Payload, Protocol, Spi};

/// A request or a response: both have the same form. Empty: a liveness check, or its answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Informational {
    /// SAs the sender closes.
    pub deletes: Vec<Delete>,
    /// Notifications, errors included.
    pub notifies: Vec<Notify>,
    /// Configuration, for peers that send one outside IKE_AUTH.
    pub configuration: Option<Configuration>,
}

impl Informational {
    /// Closes the IKE SA.
    #[must_use]
    pub fn delete_ike() -> Self {
        Self { deletes: vec![Delete::Ike], ..Self::default() }
    }

    /// Closes ESP SAs, named by the SPIs the sender receives on.
    #[must_use]
    pub fn delete_esp(spis: Vec<Spi>) -> Self {
        Self { deletes: vec![Delete::esp(spis)], ..Self::default() }
    }

    /// Says one thing.
    #[must_use]
    pub fn notify(notify: Notify) -> Self {
        Self { notifies: vec![notify], ..Self::default() }
    }

    /// Whether the sender closes the IKE SA.
    #[must_use]
    pub fn closes_ike(&self) -> bool {
        self.deletes.contains(&Delete::Ike)
    }

    /// The ESP SAs the sender closes: its inbound SPIs, our outbound ones.
    pub fn closed_esp(&self) -> impl Iterator<Item = Spi> {
        self.deletes
            .iter()
            .flat_map(|delete| match delete {
                Delete::Child { protocol: Protocol::ESP, spis } => spis.as_slice(),
                Delete::Child { .. } | Delete::Ike => &[],
            })
            .copied()
    }

    /// The first error reported, if any.
    #[must_use]
    pub fn error(&self) -> Option<&Notify> {
        self.notifies.iter().find(|notify| notify.kind.is_error())
    }

    /// The payloads of the message.
    #[must_use]
    pub fn emit(&self) -> Vec<Payload> {
        let mut payloads = Vec::new();
        payloads.extend(self.notifies.iter().cloned().map(Payload::Notify));
        payloads.extend(self.deletes.iter().cloned().map(Payload::Delete));
        payloads.extend(self.configuration.clone().map(Payload::Configuration));
        payloads
    }
}

impl TryFrom<&Message> for Informational {
    type Error = Error;

    fn try_from(message: &Message) -> Result<Self, Error> {
        let Contents { deletes, notifies, configuration, .. } = Contents::sort(message)?;
        Ok(Self { deletes, notifies: notifies.rest(), configuration })
    }
}
