//! ECDSA on P-256, P-384 and P-521. The nonce is made from key and message (RFC 6979), so that no weakness of any
//! generator gives the key away.

use p256::ecdsa::signature::SignatureEncoding;
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};

use super::Scheme;

/// Signs with r and s coded as the scheme says: `Der` or `Fixed`. `None` for a scheme that is not ECDSA.
pub(super) fn sign<Der, Fixed, K>(key: &K, scheme: Scheme, message: &[u8]) -> Option<Vec<u8>>
where
    Der: SignatureEncoding,
    Fixed: SignatureEncoding,
    K: PrehashSigner<Der> + PrehashSigner<Fixed>,
{
    match scheme {
        Scheme::Ecdsa(hash) => {
            let signature: Der = key.sign_prehash(&hash.digest(message)).ok()?;
            Some(signature.to_vec())
        }
        Scheme::EcdsaFixed(hash) => {
            let signature: Fixed = key.sign_prehash(&hash.digest(message)).ok()?;
            Some(signature.to_vec())
        }
        Scheme::Ed25519 | Scheme::RsaPss(_) | Scheme::RsaPkcs1(_) => None,
    }
}

/// Whether the signature is right, and coded as the scheme says.
pub(super) fn verify<Der, Fixed, K>(key: &K, scheme: Scheme, message: &[u8], signature: &[u8]) -> bool
where
    Der: for<'s> TryFrom<&'s [u8]>,
    Fixed: for<'s> TryFrom<&'s [u8]>,
    K: PrehashVerifier<Der> + PrehashVerifier<Fixed>,
{
    match scheme {
        Scheme::Ecdsa(hash) => Der::try_from(signature)
            .is_ok_and(|signature| key.verify_prehash(&hash.digest(message), &signature).is_ok()),
        Scheme::EcdsaFixed(hash) => Fixed::try_from(signature)
            .is_ok_and(|signature| key.verify_prehash(&hash.digest(message), &signature).is_ok()),
        Scheme::Ed25519 | Scheme::RsaPss(_) | Scheme::RsaPkcs1(_) => false,
    }
}
