use super::*;
use crate::error::Error;
use adit_crypto::EncrId;

const SPI: Spi = Spi(0x1234_5678);

fn ike(ours: &[IkeProposal], theirs: &[IkeProposal], guessed: KeId) -> Result<IkeChoice, Error> {
    let offer = ike_offer(theirs, &ProposalSpi::None);
    let chosen = choose_ike(ours, &offer, guessed, &ProposalSpi::None)?;
    // What one end chooses the other reads the same.
    assert_eq!(read_ike(&offer, &chosen.answer).unwrap().0, chosen.choice);
    Ok(chosen.choice)
}

fn esp(
    ours: &[EspProposal],
    theirs: &[EspProposal],
    guessed: Option<KeId>,
    first: bool,
) -> Result<EspChoice, Error> {
    let offer = esp_offer(theirs, SPI, !first);
    let (chosen, spi) = choose_esp(ours, &offer, guessed, first, Spi(0x9999))?;
    assert_eq!(spi, SPI);
    assert_eq!(read_esp(&offer, &chosen.answer).unwrap(), (chosen.choice, Spi(0x9999)));
    Ok(chosen.choice)
}

fn only(ke: &[KeId]) -> IkeProposal {
    IkeProposal { key_exchange: ke.to_vec(), ..IkeProposal::modern() }
}

#[test]
fn two_defaults_take_the_best() {
    let modern = [IkeProposal::modern(), IkeProposal::cbc()];
    let choice = ike(&modern, &modern, KeId::CURVE_25519).unwrap();
    assert_eq!(choice.to_string(), "AES_GCM_16_256/PRF_HMAC_SHA2_256/CURVE_25519");
    let modern = [EspProposal::modern()];
    assert_eq!(esp(&modern, &modern, None, true).unwrap().to_string(), "AES_GCM_16_256/ESN");
    let choice = esp(&modern, &modern, Some(KeId::CURVE_25519), false).unwrap();
    assert_eq!(choice.to_string(), "AES_GCM_16_256/CURVE_25519/ESN");
}

#[test]
fn a_cipher_comes_with_its_mac() {
    let choice =
        ike(&[IkeProposal::modern(), IkeProposal::cbc()], &[IkeProposal::cbc()], KeId::CURVE_25519).unwrap();
    assert_eq!(choice.suite.to_string(), "AES_CBC_256/HMAC_SHA2_256_128");
}

#[test]
fn any_method_both_know_will_do_if_it_was_guessed() {
    let wanted = Error::from(Unacceptable::KeyExchange { wanted: KeId::CURVE_25519 });
    assert_eq!(
        ike(&[only(&[KeId::CURVE_25519])], &[IkeProposal::modern()], KeId::ECP_256).unwrap_err(),
        wanted
    );
    let choice = ike(&[IkeProposal::modern()], &[only(&[KeId::MODP_2048])], KeId::MODP_2048).unwrap();
    assert_eq!(choice.ke, KeId::MODP_2048);
    let choice = ike(&[IkeProposal::modern()], &[IkeProposal::modern()], KeId::ECP_256).unwrap();
    assert_eq!(choice.ke, KeId::ECP_256, "no round trip for a method we take");
}

#[test]
fn nothing_in_common_is_said() {
    let nothing = Error::from(Unacceptable::Proposal);
    assert_eq!(
        ike(&[only(&[KeId::ECP_256])], &[only(&[KeId::MODP_2048])], KeId::MODP_2048).unwrap_err(),
        nothing
    );
    let aead_only = EspProposal::modern();
    assert_eq!(esp(&[aead_only], &[EspProposal::cbc()], None, true).unwrap_err(), nothing);
}

#[test]
fn a_child_key_exchange_is_never_dropped_silently() {
    let with = |ke: &[KeId]| EspProposal { key_exchange: ke.to_vec(), ..EspProposal::modern() };
    let x25519 = KeId::CURVE_25519;
    let ke = |ours: &[KeId], theirs: &[KeId], guessed| {
        esp(&[with(ours)], &[with(theirs)], guessed, false).map(|c| c.ke)
    };
    let wanted = |wanted| Err(Error::from(Unacceptable::KeyExchange { wanted }));
    assert_eq!(ke(&[x25519], &[x25519], Some(x25519)), Ok(Some(x25519)));
    assert_eq!(ke(&[], &[], None), Ok(None));
    assert_eq!(ke(&[x25519, KeId::NONE], &[], None), Ok(None));
    assert_eq!(ke(&[], &[x25519, KeId::NONE], Some(x25519)), Ok(None));
    // We insist, the peer offers it but sent nothing: ask for it rather than do without.
    assert_eq!(ke(&[x25519, KeId::NONE], &[x25519, KeId::NONE], None), wanted(x25519));
    assert_eq!(ke(&[x25519], &[], None), Err(Unacceptable::Proposal.into()));
    assert_eq!(ke(&[], &[x25519], Some(x25519)), Err(Unacceptable::Proposal.into()));
}

#[test]
fn short_sequence_numbers_where_the_peer_says_nothing() {
    let ours = [EspProposal { esn: vec![true, false], ..EspProposal::modern() }];
    let mut offer = esp_offer(&ours, SPI, false);
    offer[0].transforms.retain(|transform| transform.kind != TransformType::ESN);
    let (chosen, _) = choose_esp(&ours, &offer, None, true, SPI).unwrap();
    assert!(!chosen.choice.esn);
    let insists = [EspProposal { esn: vec![true], ..EspProposal::modern() }];
    assert!(choose_esp(&insists, &offer, None, true, SPI).is_err());
}

#[test]
fn an_answer_must_be_one_of_what_was_offered() {
    let ours = [IkeProposal::modern()];
    let offer = ike_offer(&ours, &ProposalSpi::None);
    let answer = choose_ike(&ours, &offer, KeId::CURVE_25519, &ProposalSpi::None).unwrap().answer;
    assert!(read_ike(&offer, &answer).is_ok());
    let refused = Error::from(Misbehaved::NotOffered);
    let mut wrong_number = answer.clone();
    wrong_number.number = 2;
    let mut two_methods = answer.clone();
    two_methods.transforms.push(Transform::new(TransformType::KE, KeId::ECP_256.0));
    let mut weaker = answer.clone();
    weaker.transforms[0] = Transform::new(TransformType::ENCR, EncrId::TRIPLE_DES_CBC.0);
    let mut no_prf = answer;
    no_prf.transforms.retain(|transform| transform.kind != TransformType::PRF);
    for wrong in [wrong_number, two_methods, weaker, no_prf] {
        assert_eq!(read_ike(&offer, &wrong).unwrap_err(), refused);
    }
}

#[test]
fn the_first_child_is_offered_without_key_exchange() {
    let has_one = |ke| {
        let offer = esp_offer(&[EspProposal::modern(), EspProposal::cbc()], SPI, ke);
        offer.iter().any(|proposal| proposal.transforms_of(TransformType::KE).next().is_some())
    };
    assert!(has_one(true) && !has_one(false));
}

#[test]
fn offers_are_numbered_from_one_in_order_of_preference() {
    let ours = [IkeProposal::modern(), IkeProposal::cbc()];
    let offer = ike_offer(&ours, &ProposalSpi::None);
    assert_eq!(offer.iter().map(|proposal| proposal.number).collect::<Vec<_>>(), [1, 2]);
    for (own, offer) in ours.iter().zip(&offer) {
        let ciphers = offer.transforms_of(TransformType::ENCR).map(|t| (EncrId(t.id), t.key_bits));
        assert!(ciphers.eq(own.encryption.iter().map(|cipher| (cipher.id, cipher.key_bits))));
        let methods = offer.transforms_of(TransformType::KE).map(|t| KeId(t.id));
        assert!(methods.eq(own.key_exchange.iter().copied()));
        // Combined-mode ciphers stand alone, without even NONE.
        let macs = offer.transforms_of(TransformType::INTEG).map(|t| IntegId(t.id));
        assert!(macs.eq(own.integrity.iter().copied()));
    }
    assert_eq!(offer[0].transforms_of(TransformType::INTEG).count(), 0);
}

#[test]
fn null_protection_is_refused() {
    let null = vec![Encryption { id: EncrId(11), key_bits: None }];
    let weak = [
        IkeProposal { encryption: null.clone(), ..IkeProposal::cbc() },
        IkeProposal { encryption: null, ..IkeProposal::modern() },
        IkeProposal { integrity: vec![IntegId::NONE], ..IkeProposal::cbc() },
        IkeProposal { integrity: vec![], ..IkeProposal::cbc() },
    ];
    for weak in weak {
        let refused = ike(std::slice::from_ref(&weak), std::slice::from_ref(&weak), KeId::CURVE_25519);
        assert_eq!(refused.unwrap_err(), Unacceptable::Proposal.into(), "{weak:?}");
    }
}

#[test]
fn unknown_transforms_leave_the_others() {
    use crate::wire::iana::AttributeType;
    use crate::wire::{Attribute, AttributeValue};
    let ours = [IkeProposal::modern()];
    let mut offer = ike_offer(&ours, &ProposalSpi::None);
    offer[0].transforms.insert(0, Transform::new(TransformType::ENCR, 999));
    let choose = |offer: &[Proposal]| {
        choose_ike(&ours, offer, KeId::CURVE_25519, &ProposalSpi::None).unwrap().choice.suite
    };
    assert_eq!(choose(&offer), Suite::AES_GCM_16_256);
    let strange = Attribute { kind: AttributeType(99), value: AttributeValue::Short(1) };
    offer[0].transforms[1].foreign.push(strange);
    assert_eq!(choose(&offer), Suite::AES_GCM_16_128);
}
