//! Cookies: who wants us to remember something shows first that it is where it says. RFC 7296 §2.6.
//!
//! ```text
//! cookie = secret's number (1) | prf(secret, Ni | address | SPIi) (32)
//! ```

use crate::exchange::{Cookie, SaInitRequest};
use crate::wire::IkeSpi;
use adit_crypto::prf::prf;
use adit_crypto::{PrfId, Rng, Secret};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// A secret makes cookies for this long, and its cookies are good for as long again.
const SECRET_AGE: Duration = Duration::from_secs(60);

/// The secret in use and the one before.
#[derive(Debug, Default)]
pub(crate) struct Cookies {
    number: u8,
    current: Option<(Instant, Secret)>,
    previous: Option<(Instant, Secret)>,
}

impl Cookies {
    /// True when the request carries a cookie of ours for where it came from.
    pub(crate) fn are_right(
        &mut self,
        now: Instant,
        rng: &mut Rng,
        from: IpAddr,
        spi: IkeSpi,
        request: &SaInitRequest,
    ) -> bool {
        self.rotate(now, rng);
        let Some((&number, mac)) = request.cookie.as_ref().and_then(|cookie| cookie.as_bytes().split_first())
        else {
            return false;
        };
        let secret = match self.number.wrapping_sub(number) {
            0 => self.current.as_ref(),
            1 => self.previous.as_ref(),
            _ => None,
        };
        let expected = secret.and_then(|(_, secret)| compute(secret, from, spi, request));
        expected.is_some_and(|expected| adit_crypto::constant_time_eq(expected.expose(), mac))
    }

    /// The cookie to ask for.
    pub(crate) fn bake(
        &mut self,
        now: Instant,
        rng: &mut Rng,
        from: IpAddr,
        spi: IkeSpi,
        request: &SaInitRequest,
    ) -> Option<Cookie> {
        self.rotate(now, rng);
        let (_, secret) = self.current.as_ref()?;
        let mac = compute(secret, from, spi, request)?;
        Cookie::new([&[self.number], mac.expose()].concat()).ok()
    }

    fn rotate(&mut self, now: Instant, rng: &mut Rng) {
        let fresh = |at: &Instant| now < *at + SECRET_AGE;
        if self.current.as_ref().is_none_or(|(since, _)| !fresh(since)) {
            self.previous = self.current.take().filter(|(since, _)| now < *since + 2 * SECRET_AGE);
            self.current = Some((now, Secret::from_slice(&rng.bytes::<32>())));
            self.number = self.number.wrapping_add(1);
        }
    }
}

fn compute(secret: &Secret, from: IpAddr, spi: IkeSpi, request: &SaInitRequest) -> Option<Secret> {
    let (nonce, spi) = (request.nonce.as_bytes(), spi.to_bytes());
    let mac = |address: &[u8]| prf(PrfId::HMAC_SHA2_256, secret.expose(), &[nonce, address, &spi]).ok();
    match from {
        IpAddr::V4(address) => mac(&address.octets()),
        IpAddr::V6(address) => mac(&address.octets()),
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its own clock")]
mod tests {
    use super::*;
    use crate::exchange::sa_init::Features;
    use crate::wire::{KeyExchange, Nonce};
    use adit_crypto::KeId;

    fn request(nonce: u8) -> SaInitRequest {
        SaInitRequest {
            cookie: None,
            proposals: Vec::new(),
            ke: KeyExchange { method: KeId::CURVE_25519, public: vec![0; 32] },
            nonce: Nonce::new(vec![nonce; 32]).unwrap(),
            features: Features::default(),
        }
    }

    #[test]
    fn a_cookie_is_for_one_sender_and_for_a_while() {
        let (start, mut rng, mut cookies) = (Instant::now(), Rng::from_seed([1; 32]), Cookies::default());
        let (from, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let cookie = cookies.bake(start, &mut rng, from, IkeSpi(7), &request(1));
        let with = |nonce| SaInitRequest { cookie: cookie.clone(), ..request(nonce) };
        let mut right = |seconds, from, spi, request: &SaInitRequest| {
            cookies.are_right(start + Duration::from_secs(seconds), &mut rng, from, IkeSpi(spi), request)
        };
        assert!(right(0, from, 7, &with(1)));
        assert!(!right(0, from, 7, &request(1)));
        assert!(!right(0, other, 7, &with(1)));
        assert!(!right(0, from, 8, &with(1)));
        assert!(!right(0, from, 7, &with(2)));
        assert!(right(61, from, 7, &with(1)), "made with the secret before");
        assert!(!right(130, from, 7, &with(1)));
    }
}
