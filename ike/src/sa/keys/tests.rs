use super::*;
use crate::wire::{ExchangeType, Header, Message, MessageId, Nonce};
use adit_crypto::{IntegId, KeId, Rng};

fn nonces() -> NoncePair {
    let nonce = |octet| Nonce::new(vec![octet; 32]).unwrap();
    NoncePair { initiator: nonce(1), responder: nonce(2) }
}

fn choice(suite: Suite) -> IkeChoice {
    IkeChoice { suite, prf: PrfId::HMAC_SHA2_256, ke: KeId::CURVE_25519 }
}

fn first(suite: Suite, role: Role, shared: &[u8]) -> Keys {
    let (choice, nonces, shared) = (choice(suite), nonces(), Secret::from_slice(shared));
    let material =
        Material { choice: &choice, nonces: &nonces, spis: (IkeSpi(3), IkeSpi(4)), shared: &shared };
    Keys::first(material, role).unwrap()
}

fn message() -> Message {
    let header = Header {
        initiator_spi: IkeSpi(3),
        responder_spi: IkeSpi(4),
        exchange: ExchangeType::INFORMATIONAL,
        initiator: true,
        response: false,
        message_id: MessageId(0),
    };
    Message { header, payloads: Vec::new() }
}

#[test]
fn what_one_end_seals_the_other_opens_and_nobody_else() {
    for suite in
        [Suite::AES_GCM_16_256, Suite::CHACHA20_POLY1305, Suite::aes_cbc(128, IntegId::HMAC_SHA2_256_128)]
    {
        let mut ours = first(suite, Role::Initiator, b"shared");
        let theirs = first(suite, Role::Responder, b"shared");
        let stranger = first(suite, Role::Responder, b"other");
        let sealed = ours.sealer.seal(&message(), &mut Rng::from_seed([0; 32])).unwrap();
        assert_eq!(theirs.opener.open(&mut sealed.clone()), Ok(message()), "{suite}");
        assert!(stranger.opener.open(&mut sealed.clone()).is_err());
        // Each direction has keys of its own: a message sent back to its maker is none.
        assert!(ours.opener.open(&mut sealed.clone()).is_err());
    }
}

#[test]
fn children_have_crossed_keys_that_depend_on_everything() {
    let (ours, theirs) = (
        first(Suite::AES_GCM_16_256, Role::Initiator, b"s"),
        first(Suite::AES_GCM_16_256, Role::Responder, b"s"),
    );
    let shared = Secret::from_slice(b"fresh");
    for shared in [None, Some(&shared)] {
        let a = ours.derivation.child(Suite::AES_GCM_16_256, &nonces(), shared, Role::Initiator).unwrap();
        let b = theirs.derivation.child(Suite::AES_GCM_16_256, &nonces(), shared, Role::Responder).unwrap();
        assert_eq!((&a.inbound, &a.outbound), (&b.outbound, &b.inbound));
        assert_ne!(a.inbound, a.outbound);
        assert_eq!(a.inbound.len(), 36);
    }
    let plain = ours.derivation.child(Suite::AES_GCM_16_256, &nonces(), None, Role::Initiator).unwrap();
    let fresh =
        ours.derivation.child(Suite::AES_GCM_16_256, &nonces(), Some(&shared), Role::Initiator).unwrap();
    assert_ne!(plain.inbound, fresh.inbound);
}

#[test]
fn a_rekeyed_ike_sa_depends_on_the_old_one() {
    let shared = Secret::from_slice(b"new");
    let (choice, nonces) = (choice(Suite::AES_GCM_16_128), nonces());
    let material =
        Material { choice: &choice, nonces: &nonces, spis: (IkeSpi(5), IkeSpi(6)), shared: &shared };
    let rekeyed = |old: &[u8], role| {
        let old = first(Suite::AES_GCM_16_256, Role::Initiator, old);
        old.derivation.rekey(material, role).unwrap()
    };
    let sealed =
        rekeyed(b"old", Role::Initiator).sealer.seal(&message(), &mut Rng::from_seed([0; 32])).unwrap();
    assert!(rekeyed(b"old", Role::Responder).opener.open(&mut sealed.clone()).is_ok());
    assert!(rekeyed(b"another", Role::Responder).opener.open(&mut sealed.clone()).is_err());
}
