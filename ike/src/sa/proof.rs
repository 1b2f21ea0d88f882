//! Proof of identity by pre-shared key, and the value that says it was given. RFC 7296 §2.15.

use crate::config::Identity;
use crate::error::{AuthError, Error};
use crate::sa::keys::ProofKeys;
use crate::wire::{AuthMethod, Authentication, Nonce};
use adit_crypto::prf::prf;
use adit_crypto::{PrfId, Secret};

const KEY_PAD: &[u8] = b"Key Pad for IKEv2";

/// The peer has proved to be who the connection wants. Only this file makes
/// one, and [`crate::sa::established::Established`] cannot exist without it.
#[derive(Debug)]
pub(crate) struct PeerAuthenticated(());

impl PeerAuthenticated {
    /// An IKE SA that replaces another needs no new proof: its keys follow
    /// from the old one's. RFC 7296 §2.8.3.
    pub(crate) fn inherited(&self) -> Self {
        Self(())
    }
}

/// What one end signs: its first message, the other's nonce, its identity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim<'a> {
    /// The IKE_SA_INIT message of the end that claims, as sent.
    pub(crate) message: &'a [u8],
    /// The nonce of the other end.
    pub(crate) nonce: &'a Nonce,
    /// Who it says it is.
    pub(crate) identity: &'a Identity,
}

/// Our AUTH payload.
pub(crate) fn prove(keys: &ProofKeys, psk: &Secret, claim: Claim<'_>) -> Option<Authentication> {
    let mic = mic(keys.prf, &keys.local, psk, claim)?;
    Some(Authentication { method: AuthMethod::SHARED_KEY_MIC, data: mic.expose().to_vec() })
}

/// Checks the peer's AUTH payload.
///
/// # Errors
/// `Method` and `BadProof`.
pub(crate) fn check(
    keys: &ProofKeys,
    psk: &Secret,
    claim: Claim<'_>,
    proof: &Authentication,
) -> Result<PeerAuthenticated, Error> {
    if proof.method != AuthMethod::SHARED_KEY_MIC {
        return Err(AuthError::Method(proof.method).into());
    }
    match mic(keys.prf, &keys.remote, psk, claim) {
        Some(mic) if adit_crypto::constant_time_eq(mic.expose(), &proof.data) => Ok(PeerAuthenticated(())),
        Some(_) | None => Err(AuthError::BadProof(claim.identity.clone()).into()),
    }
}

/// AUTH = prf(prf(PSK, "Key Pad for IKEv2"), message | nonce | prf(SK_p, ID)).
fn mic(function: PrfId, sk_p: &Secret, psk: &Secret, claim: Claim<'_>) -> Option<Secret> {
    let maced_id = prf(function, sk_p.expose(), &[&claim.identity.body()]).ok()?;
    let key = prf(function, psk.expose(), &[KEY_PAD]).ok()?;
    prf(function, key.expose(), &[claim.message, claim.nonce.as_bytes(), maced_id.expose()]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(local: &[u8], remote: &[u8]) -> ProofKeys {
        ProofKeys {
            prf: PrfId::HMAC_SHA2_256,
            local: Secret::from_slice(local),
            remote: Secret::from_slice(remote),
        }
    }

    #[test]
    fn a_proof_holds_for_its_claim_and_key_only() {
        let (nonce, other_nonce) = (Nonce::new(vec![1; 16]).unwrap(), Nonce::new(vec![2; 16]).unwrap());
        let (identity, other_identity) = (Identity::fqdn("a.example"), Identity::fqdn("b.example"));
        let claim = Claim { message: b"message", nonce: &nonce, identity: &identity };
        let psk = Secret::from_slice(b"password");
        let proof = prove(&keys(b"mine", b"yours"), &psk, claim).unwrap();
        let (there, forger) = (keys(b"yours", b"mine"), keys(b"yours", b"another"));
        assert!(check(&there, &psk, claim, &proof).is_ok());
        for (keys, psk, claim) in [
            (&there, &Secret::from_slice(b"passwore"), claim),
            (&forger, &psk, claim),
            (&there, &psk, Claim { message: b"massage", ..claim }),
            (&there, &psk, Claim { nonce: &other_nonce, ..claim }),
            (&there, &psk, Claim { identity: &other_identity, ..claim }),
        ] {
            let refused = check(keys, psk, claim, &proof).unwrap_err();
            assert_eq!(refused, AuthError::BadProof(claim.identity.clone()).into());
        }
        let cut = Authentication { data: proof.data[..31].to_vec(), ..proof.clone() };
        assert!(check(&there, &psk, claim, &cut).is_err());
        let unknown = Authentication { method: AuthMethod::NULL, ..proof };
        assert_eq!(
            check(&there, &psk, claim, &unknown).unwrap_err(),
            AuthError::Method(AuthMethod::NULL).into()
        );
    }
}
