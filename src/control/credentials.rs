//! Pre-shared keys by pair of identities, as the endpoint asks for them.

use std::sync::{Arc, Mutex, PoisonError};

use adit_crypto::Secret;
use adit_ike::{Credentials, Identity};

use crate::config::desired::Psk;

/// The keys in force. One half is the endpoint's, the other stays with reconcile.
#[derive(Clone, Default)]
pub struct Keys(Arc<Mutex<Vec<Entry>>>);

/// One pair of identities with its key.
pub struct Entry {
    /// Ours.
    pub local: Identity,
    /// Theirs.
    pub remote: Identity,
    /// What both know.
    pub psk: Psk,
}

impl Keys {
    /// Puts these in the place of all others.
    pub fn replace(&self, entries: Vec<Entry>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = entries;
    }
}

impl Credentials for Keys {
    fn psk(&self, local: &Identity, remote: &Identity) -> Option<Secret> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.iter().find(|entry| entry.local == *local && entry.remote == *remote)?;
        Some(Secret::from_slice(entry.psk.secret().expose()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_for_its_pair_alone() {
        let keys = Keys::default();
        let (us, them) = (Identity::fqdn("us"), Identity::fqdn("them"));
        let entry = Entry { local: us.clone(), remote: them.clone(), psk: Psk::new(b"k".to_vec()) };
        keys.replace(vec![entry]);
        assert_eq!(keys.psk(&us, &them).unwrap().expose(), b"k");
        assert!(keys.psk(&them, &us).is_none());
        keys.replace(Vec::new());
        assert!(keys.psk(&us, &them).is_none());
    }
}
