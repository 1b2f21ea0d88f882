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

/// Two strongSwans, recorded with all their secrets.
struct Recording(Vec<(&'static str, Vec<u8>)>);

impl Recording {
    fn read(text: &'static str) -> Self {
        let lines =
            text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '));
        let octets = |hex: &str| {
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
        };
        Self(lines.map(|(name, hex)| (name, octets(hex))).collect())
    }

    /// The n-th line of this name.
    fn line(&self, name: &str, n: usize) -> &[u8] {
        let mut lines = self.0.iter().filter(|(line, _)| *line == name);
        lines.nth(n).map(|(_, octets)| octets.as_slice()).unwrap()
    }

    /// The n-th CREATE_CHILD_SA message of one end.
    fn create_child(&self, name: &str, n: usize) -> Vec<u8> {
        let is_one = |octets: &[u8]| Header::parse(octets).unwrap().exchange == ExchangeType::CREATE_CHILD_SA;
        let mut messages = self.0.iter().filter(|(line, octets)| *line == name && is_one(octets));
        messages.nth(n).unwrap().1.clone()
    }

    fn secret(&self, name: &str, n: usize) -> Secret {
        Secret::from_slice(self.line(name, n))
    }
}

fn nonce(payloads: &[crate::wire::Payload]) -> Option<Nonce> {
    payloads.iter().find_map(|payload| match payload {
        crate::wire::Payload::Nonce(nonce) => Some(nonce.clone()),
        _ => None,
    })
}

/// Everything our derivation gives for the messages of a recording is what strongSwan had.
fn agrees_with_strongswan(recording: &Recording, suite: Suite, child_suite: Suite, prf: PrfId) {
    let (request, response) = (recording.line("initiator", 0), recording.line("responder", 0));
    let of = |octets: &[u8]| nonce(&Message::parse(octets).unwrap().payloads).unwrap();
    let nonces = NoncePair { initiator: of(request), responder: of(response) };
    let header = Header::parse(response).unwrap();
    let choice = IkeChoice { suite, prf, ke: KeId::CURVE_25519 };
    let shared = recording.secret("ke_secret", 0);
    let spis = (header.initiator_spi, header.responder_spi);
    let material = Material { choice: &choice, nonces: &nonces, spis, shared: &shared };
    let (initiator, responder) =
        (Keys::first(material, Role::Initiator).unwrap(), Keys::first(material, Role::Responder).unwrap());
    assert_eq!(initiator.derivation.sk_d, recording.secret("sk_d", 0));
    assert_eq!(initiator.proof.local, recording.secret("sk_pi", 0));
    assert_eq!(initiator.proof.remote, recording.secret("sk_pr", 0));
    assert!(responder.opener.open(&mut recording.line("initiator", 1).to_vec()).is_ok());
    assert!(initiator.opener.open(&mut recording.line("responder", 1).to_vec()).is_ok());
    let first = initiator.derivation.child(child_suite, &nonces, None, Role::Initiator).unwrap();
    assert_eq!(first.outbound, child_key(recording, "ei", 0));
    assert_eq!(first.inbound, child_key(recording, "er", 0));

    // The child's rekeying, with a key exchange of its own.
    let asked = responder.opener.open(&mut recording.create_child("initiator", 0)).unwrap();
    let answered = initiator.opener.open(&mut recording.create_child("responder", 0)).unwrap();
    let fresh = NoncePair {
        initiator: nonce(&asked.payloads).unwrap(),
        responder: nonce(&answered.payloads).unwrap(),
    };
    let shared = recording.secret("child_ke_secret", 0);
    let second = responder.derivation.child(child_suite, &fresh, Some(&shared), Role::Responder).unwrap();
    assert_eq!(second.inbound, child_key(recording, "ei", 1));
    assert_eq!(second.outbound, child_key(recording, "er", 1));

    // The IKE SA's rekeying, begun by the same end.
    let asked = responder.opener.open(&mut recording.create_child("initiator", 1)).unwrap();
    let answered = initiator.opener.open(&mut recording.create_child("responder", 1)).unwrap();
    let fresh = NoncePair {
        initiator: nonce(&asked.payloads).unwrap(),
        responder: nonce(&answered.payloads).unwrap(),
    };
    let shared = recording.secret("ke_secret", 1);
    let spis = (new_spi(&asked), new_spi(&answered));
    let material = Material { choice: &choice, nonces: &fresh, spis, shared: &shared };
    let rekeyed = initiator.derivation.rekey(material, Role::Initiator).unwrap();
    assert_eq!(rekeyed.derivation.sk_d, recording.secret("sk_d", 1));
    assert!(rekeyed.opener.open(&mut recording.0.last().unwrap().1.clone()).is_ok());
}

fn new_spi(message: &Message) -> IkeSpi {
    let spi = message.payloads.iter().find_map(|payload| match payload {
        crate::wire::Payload::SecurityAssociation(sa) => {
            sa.proposals.first().and_then(crate::wire::Proposal::ike_spi)
        }
        _ => None,
    });
    spi.unwrap()
}

/// KEYMAT of one direction: encryption key, then integrity key where there is one.
fn child_key(recording: &Recording, direction: &str, n: usize) -> Secret {
    let part = |kind: &str| {
        let name = format!("child_{}{}", kind, &direction[1..]);
        let found = recording.0.iter().filter(|(line, _)| *line == name).nth(n);
        found.map_or_else(Vec::new, |(_, octets)| octets.clone())
    };
    Secret::concat(&[&part("e"), &part("a")])
}

#[test]
fn keys_are_those_of_strongswan() {
    let gcm = Recording::read(include_str!("../../../testdata/strongswan/gcm.txt"));
    agrees_with_strongswan(&gcm, Suite::AES_GCM_16_256, Suite::AES_GCM_16_256, PrfId::HMAC_SHA2_256);
    let cbc = Recording::read(include_str!("../../../testdata/strongswan/cbc.txt"));
    let suite = Suite::aes_cbc(128, IntegId::HMAC_SHA2_256_128);
    agrees_with_strongswan(&cbc, suite, Suite::AES_GCM_16_256, PrfId::HMAC_SHA2_256);
}

#[test]
fn the_proofs_are_those_of_strongswan() {
    use crate::sa::proof::{Claim, prove};
    use crate::wire::Identification;
    let recording = Recording::read(include_str!("../../../testdata/strongswan/gcm.txt"));
    let (request, response) = (recording.line("initiator", 0), recording.line("responder", 0));
    let of = |octets: &[u8]| nonce(&Message::parse(octets).unwrap().payloads).unwrap();
    let psk = recording.secret("psk", 0);
    let keys = |local| ProofKeys {
        prf: PrfId::HMAC_SHA2_256,
        local: recording.secret(local, 0),
        remote: Secret::from_slice(b"not needed"),
    };
    let claims = [("sk_pi", request, of(response), 1), ("sk_pr", response, of(request), 2)];
    let identities: Vec<Identification> = (1..=2)
        .map(|last| Identification::address(std::net::Ipv4Addr::new(192, 168, 77, last).into()))
        .collect();
    let proofs: Vec<Vec<u8>> = claims
        .iter()
        .map(|(key, message, nonce, last)| {
            let claim = Claim { message, nonce, identity: &identities[last - 1] };
            prove(&keys(key), &psk, claim).unwrap().data
        })
        .collect();
    assert_eq!(proofs, [recording.line("auth", 0), recording.line("auth", 1)]);
}
