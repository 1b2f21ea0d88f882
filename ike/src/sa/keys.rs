//! Keys: SKEYSEED and what follows from it. RFC 7296 §2.14, §2.17, §2.18.

use crate::event::IkeSpi;
use crate::sa::Role;
use crate::sa::collision::NoncePair;
use crate::sa::proposal::IkeChoice;
use crate::wire::{SkOpener, SkSealer};
use adit_crypto::prf::{self, prf, prf_plus};
use adit_crypto::{PrfId, Secret, Suite};

/// What an IKE SA needs after its key exchange.
#[derive(Debug)]
pub(crate) struct Keys {
    /// Protects what we send.
    pub(crate) sealer: SkSealer,
    /// Opens what the peer sends.
    pub(crate) opener: SkOpener,
    /// Source of the keys of children and of rekeyed IKE SAs.
    pub(crate) derivation: Derivation,
    /// SK_pi and SK_pr, for the AUTH payloads.
    pub(crate) proof: ProofKeys,
}

/// SK_d and its function.
#[derive(Debug)]
pub(crate) struct Derivation {
    prf: PrfId,
    sk_d: Secret,
}

/// SK_pi and SK_pr by whose they are.
#[derive(Debug)]
pub(crate) struct ProofKeys {
    pub(crate) prf: PrfId,
    pub(crate) local: Secret,
    pub(crate) remote: Secret,
}

/// What distinguishes one derivation from another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Material<'a> {
    /// Algorithms agreed.
    pub(crate) choice: &'a IkeChoice,
    /// Nonces of the exchange.
    pub(crate) nonces: &'a NoncePair,
    /// Both SPIs of the IKE SA that comes to be.
    pub(crate) spis: (IkeSpi, IkeSpi),
    /// g^ir.
    pub(crate) shared: &'a Secret,
}

impl Keys {
    /// SKEYSEED = prf(Ni | Nr, g^ir); `None` for algorithms that are not built in.
    pub(crate) fn first(material: Material<'_>, role: Role) -> Option<Self> {
        let NoncePair { initiator, responder } = material.nonces;
        let key = Secret::concat(&[initiator.as_bytes(), responder.as_bytes()]);
        let seed = prf(material.choice.prf, key.expose(), &[material.shared.expose()]).ok()?;
        Self::expand(&seed, material, role)
    }

    /// {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr).
    fn expand(seed: &Secret, material: Material<'_>, role: Role) -> Option<Self> {
        let IkeChoice { suite, prf, .. } = *material.choice;
        let NoncePair { initiator, responder } = material.nonces;
        let (spi_i, spi_r) = (material.spis.0.to_bytes(), material.spis.1.to_bytes());
        let salt = [initiator.as_bytes(), responder.as_bytes(), &spi_i, &spi_r];
        let geometry = suite.geometry()?;
        let (p, a, e) = (prf::output_len(prf)?, geometry.sk_a_len(), geometry.sk_e_len());
        let lengths = [p, a, a, e, e, p, p];
        let stream = prf_plus(prf, seed.expose(), &salt, lengths.iter().sum()).ok()?;
        let [sk_d, sk_ai, sk_ar, sk_ei, sk_er, sk_pi, sk_pr] = stream.split(lengths)?;
        let initiators = Secret::concat(&[sk_ei.expose(), sk_ai.expose()]);
        let responders = Secret::concat(&[sk_er.expose(), sk_ar.expose()]);
        let ((ours, theirs), (local, remote)) = match role {
            Role::Initiator => ((initiators, responders), (sk_pi, sk_pr)),
            Role::Responder => ((responders, initiators), (sk_pr, sk_pi)),
        };
        Some(Self {
            sealer: SkSealer::new(suite, &ours).ok()?,
            opener: SkOpener::new(suite, &theirs).ok()?,
            derivation: Derivation { prf, sk_d },
            proof: ProofKeys { prf, local, remote },
        })
    }
}

impl Derivation {
    /// Keys of the IKE SA that takes this one's place: SKEYSEED = prf(SK_d, g^ir | Ni | Nr)
    /// with the old SA's function. RFC 7296 §2.18.
    pub(crate) fn rekey(&self, material: Material<'_>, role: Role) -> Option<Keys> {
        let NoncePair { initiator, responder } = material.nonces;
        let parts = [material.shared.expose(), initiator.as_bytes(), responder.as_bytes()];
        let seed = prf(self.prf, self.sk_d.expose(), &parts).ok()?;
        Keys::expand(&seed, material, role)
    }

    /// KEYMAT = prf+(SK_d, [g^ir |] Ni | Nr), the initiator's outbound key first. RFC 7296 §2.17.
    pub(crate) fn child(
        &self,
        suite: Suite,
        nonces: &NoncePair,
        shared: Option<&Secret>,
        role: Role,
    ) -> Option<ChildKeys> {
        let NoncePair { initiator, responder } = nonces;
        let shared = shared.map_or(&[][..], Secret::expose);
        let length = suite.key_len()?;
        let seed = [shared, initiator.as_bytes(), responder.as_bytes()];
        let stream = prf_plus(self.prf, self.sk_d.expose(), &seed, 2 * length).ok()?;
        let [from_initiator, from_responder] = stream.split([length, length])?;
        Some(match role {
            Role::Initiator => ChildKeys { outbound: from_initiator, inbound: from_responder },
            Role::Responder => ChildKeys { outbound: from_responder, inbound: from_initiator },
        })
    }
}

/// Key material of both directions of a child.
#[derive(Debug)]
pub(crate) struct ChildKeys {
    pub(crate) outbound: Secret,
    pub(crate) inbound: Secret,
}

#[cfg(test)]
mod tests;
