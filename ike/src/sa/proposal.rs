//! What we offer, what we choose. RFC 7296 §2.7, §3.3.

use crate::config::{Encryption, EspProposal, IkeProposal};
use crate::error::{Error, Misbehaved, Unacceptable};
use crate::event::{IkeSpi, Spi};
use crate::wire::{Proposal, ProposalSpi, Protocol, Transform, TransformType};
use adit_crypto::{IntegId, KeId, PrfId, Suite, kex, prf};
use std::fmt;

/// Algorithms of an IKE SA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IkeChoice {
    pub(crate) suite: Suite,
    pub(crate) prf: PrfId,
    pub(crate) ke: KeId,
}

/// Algorithms of a child SA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EspChoice {
    pub(crate) suite: Suite,
    /// `None` where keys follow from the IKE SA's alone.
    pub(crate) ke: Option<KeId>,
    pub(crate) esn: bool,
}

impl fmt::Display for IkeChoice {
    /// `AES_GCM_16_256/PRF_HMAC_SHA2_256/CURVE_25519`, as strongSwan prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.suite, self.prf, self.ke)
    }
}

impl fmt::Display for EspChoice {
    /// `AES_GCM_16_256/CURVE_25519/ESN`; the key exchange and ESN only where they are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.suite)?;
        self.ke.map_or(Ok(()), |ke| write!(f, "/{ke}"))?;
        f.write_str(if self.esn { "/ESN" } else { "" })
    }
}

/// A choice and the proposal that says so to the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chosen<C> {
    pub(crate) choice: C,
    pub(crate) answer: Proposal,
}

const NO_ESN: u16 = 0;
const ESN: u16 = 1;

/// Our proposals for an IKE SA, numbered from 1.
pub(crate) fn ike_offer(proposals: &[IkeProposal], spi: &ProposalSpi) -> Vec<Proposal> {
    number(proposals.iter().map(|proposal| {
        let mut transforms = protection(&proposal.encryption, &proposal.integrity);
        transforms.extend(proposal.prf.iter().map(|id| Transform::new(TransformType::PRF, id.0)));
        transforms.extend(proposal.key_exchange.iter().map(|id| Transform::new(TransformType::KE, id.0)));
        (Protocol::IKE, spi.clone(), transforms)
    }))
}

/// Our proposals for a child SA. The first child of an IKE SA has no key
/// exchange of its own, so none is offered with `ke` false (RFC 7296 §1.2).
pub(crate) fn esp_offer(proposals: &[EspProposal], spi: Spi, ke: bool) -> Vec<Proposal> {
    number(proposals.iter().map(|proposal| {
        let mut transforms = protection(&proposal.encryption, &proposal.integrity);
        let methods = proposal.key_exchange.iter().filter(|_| ke);
        transforms.extend(methods.map(|id| Transform::new(TransformType::KE, id.0)));
        let numbers = proposal.esn.iter().map(|esn| if *esn { ESN } else { NO_ESN });
        transforms.extend(numbers.map(|id| Transform::new(TransformType::ESN, id)));
        (Protocol::ESP, ProposalSpi::Child(spi), transforms)
    }))
}

/// Takes key exchange out of an offer that comes without a public value.
pub(crate) fn leave_out_key_exchange(proposal: &mut Proposal) {
    proposal.transforms.retain(|transform| transform.kind != TransformType::KE);
}

fn number(proposals: impl Iterator<Item = (Protocol, ProposalSpi, Vec<Transform>)>) -> Vec<Proposal> {
    let numbered = (1..=u8::MAX).zip(proposals);
    numbered
        .map(|(number, (protocol, spi, transforms))| Proposal { number, protocol, spi, transforms })
        .collect()
}

fn protection(encryption: &[Encryption], integrity: &[IntegId]) -> Vec<Transform> {
    let encryption = encryption.iter().map(|algorithm| Transform {
        key_bits: algorithm.key_bits,
        ..Transform::new(TransformType::ENCR, algorithm.id.0)
    });
    encryption.chain(integrity.iter().map(|id| Transform::new(TransformType::INTEG, id.0))).collect()
}

/// Chooses among the peer's proposals for an IKE SA. Our order of preference
/// counts; `guessed` is the method the peer's public value is for.
///
/// # Errors
/// `Proposal` with nothing in common; `KeyExchange` when the guess was wrong
/// though another method both know would do.
pub(crate) fn choose_ike(
    ours: &[IkeProposal],
    theirs: &[Proposal],
    guessed: KeId,
    spi: &ProposalSpi,
) -> Result<Chosen<IkeChoice>, Error> {
    let mut wanted = None;
    for own in ours {
        for offer in theirs.iter().filter(|offer| offer.protocol == Protocol::IKE) {
            let Some(suite) = pick_suite(&own.encryption, &own.integrity, offer, Suite::protects_ike) else {
                continue;
            };
            let offers = |kind, id: u16| offer.offers(&Transform::new(kind, id));
            let known = |id: &&PrfId| prf::output_len(**id).is_some() && offers(TransformType::PRF, id.0);
            let Some(&prf) = own.prf.iter().find(known) else { continue };
            if !only_these_types(
                offer,
                &[TransformType::ENCR, TransformType::PRF, TransformType::INTEG, TransformType::KE],
            ) {
                continue;
            }
            let mut methods = own
                .key_exchange
                .iter()
                .copied()
                .filter(|id| kex::public_len(*id).is_some() && offers(TransformType::KE, id.0));
            let Some(first) = methods.next() else { continue };
            if guessed != first && !methods.any(|id| id == guessed) {
                wanted.get_or_insert(first);
                continue;
            }
            let choice = IkeChoice { suite, prf, ke: guessed };
            let transforms = [
                suite_transforms(suite, offer),
                vec![Transform::new(TransformType::PRF, prf.0), Transform::new(TransformType::KE, guessed.0)],
            ]
            .concat();
            return Ok(Chosen {
                choice,
                answer: Proposal {
                    number: offer.number,
                    protocol: Protocol::IKE,
                    spi: spi.clone(),
                    transforms,
                },
            });
        }
    }
    Err(wanted.map_or(Unacceptable::Proposal, |wanted| Unacceptable::KeyExchange { wanted }).into())
}

/// Chooses among the peer's proposals for a child SA; the peer's SPI comes
/// with the choice. `guessed` is `None` where no public value was sent;
/// `first` for the child that rides in IKE_AUTH, where none can be (a peer's
/// key exchange transforms are then passed over).
///
/// # Errors
/// As [`choose_ike`].
pub(crate) fn choose_esp(
    ours: &[EspProposal],
    theirs: &[Proposal],
    guessed: Option<KeId>,
    first: bool,
    spi: Spi,
) -> Result<(Chosen<EspChoice>, Spi), Error> {
    let mut wanted = None;
    for own in ours {
        for offer in theirs.iter().filter(|offer| offer.protocol == Protocol::ESP) {
            let serves = |suite: Suite| suite.geometry().is_some();
            let Some(suite) = pick_suite(&own.encryption, &own.integrity, offer, serves) else { continue };
            let Some(peer_spi) = offer.child_spi() else { continue };
            let Some(esn) = pick_esn(&own.esn, offer) else { continue };
            if !only_these_types(
                offer,
                &[TransformType::ENCR, TransformType::INTEG, TransformType::KE, TransformType::ESN],
            ) {
                continue;
            }
            let ke = match pick_child_ke(&own.key_exchange, offer, guessed, first) {
                ChildKe::Settled(ke) => ke,
                ChildKe::Other(method) => {
                    wanted.get_or_insert(method);
                    continue;
                }
                ChildKe::NothingInCommon => continue,
            };
            let mut transforms = suite_transforms(suite, offer);
            let listed = offer.transforms_of(TransformType::KE).next().is_some() && !first;
            transforms.extend(listed.then(|| Transform::new(TransformType::KE, ke.unwrap_or(KeId::NONE).0)));
            transforms.push(Transform::new(TransformType::ESN, if esn { ESN } else { NO_ESN }));
            let answer = Proposal {
                number: offer.number,
                protocol: Protocol::ESP,
                spi: ProposalSpi::Child(spi),
                transforms,
            };
            return Ok((Chosen { choice: EspChoice { suite, ke, esn }, answer }, peer_spi));
        }
    }
    Err(wanted.map_or(Unacceptable::Proposal, |wanted| Unacceptable::KeyExchange { wanted }).into())
}

enum ChildKe {
    Settled(Option<KeId>),
    Other(KeId),
    NothingInCommon,
}

fn pick_child_ke(ours: &[KeId], offer: &Proposal, guessed: Option<KeId>, first: bool) -> ChildKe {
    if first {
        return ChildKe::Settled(None);
    }
    let offered: Vec<KeId> =
        offer.transforms_of(TransformType::KE).map(|transform| KeId(transform.id)).collect();
    // No transform of the type is the same as offering NONE (RFC 7296 §3.3.6).
    let peer_takes_none = offered.is_empty() || offered.contains(&KeId::NONE);
    let we_take_none = ours.is_empty() || ours.contains(&KeId::NONE);
    let common = |method: &KeId| {
        *method != KeId::NONE && offered.contains(method) && kex::public_len(*method).is_some()
    };
    match guessed {
        Some(method) if ours.contains(&method) && common(&method) => ChildKe::Settled(Some(method)),
        Some(_) | None => match ours.iter().find(|method| common(method)) {
            // Better a round trip more than a key exchange less.
            Some(method) => ChildKe::Other(*method),
            None if peer_takes_none && we_take_none => ChildKe::Settled(None),
            None => ChildKe::NothingInCommon,
        },
    }
}

fn pick_suite(
    encryption: &[Encryption],
    integrity: &[IntegId],
    offer: &Proposal,
    serves: impl Fn(Suite) -> bool,
) -> Option<Suite> {
    let known = |suite: &Suite| serves(*suite);
    let takes_none =
        offer.transforms_of(TransformType::INTEG).all(|transform| transform.id == IntegId::NONE.0)
            || offer.offers(&Transform::new(TransformType::INTEG, IntegId::NONE.0));
    for algorithm in encryption {
        let transform =
            Transform { key_bits: algorithm.key_bits, ..Transform::new(TransformType::ENCR, algorithm.id.0) };
        if !offer.offers(&transform) {
            continue;
        }
        let alone = Suite { encr: algorithm.id, key_bits: algorithm.key_bits, integ: None };
        if known(&alone) && takes_none {
            return Some(alone);
        }
        let mut macs =
            integrity.iter().filter(|id| offer.offers(&Transform::new(TransformType::INTEG, id.0)));
        let with = |id: &IntegId| Suite { integ: Some(*id), ..alone };
        if let Some(suite) = macs.by_ref().map(with).find(known) {
            return Some(suite);
        }
    }
    None
}

fn pick_esn(ours: &[bool], offer: &Proposal) -> Option<bool> {
    let offered =
        |esn: bool| offer.offers(&Transform::new(TransformType::ESN, if esn { ESN } else { NO_ESN }));
    // A proposal without the transform means the old, short numbers; some peers still leave it out.
    let silent = offer.transforms_of(TransformType::ESN).next().is_none();
    ours.iter().copied().find(|esn| offered(*esn) || (silent && !esn))
}

fn only_these_types(offer: &Proposal, known: &[TransformType]) -> bool {
    offer.transforms.iter().all(|transform| known.contains(&transform.kind))
}

fn suite_transforms(suite: Suite, offer: &Proposal) -> Vec<Transform> {
    let encryption =
        Transform { key_bits: suite.key_bits, ..Transform::new(TransformType::ENCR, suite.encr.0) };
    let none_listed = offer.offers(&Transform::new(TransformType::INTEG, IntegId::NONE.0));
    let integrity = suite.integ.or(none_listed.then_some(IntegId::NONE));
    [encryption].into_iter().chain(integrity.map(|id| Transform::new(TransformType::INTEG, id.0))).collect()
}

/// Reads the responder's choice of an IKE SA's algorithms, and its SPI where one is given.
///
/// # Errors
/// `NotOffered` for anything but one of what we offered.
pub(crate) fn read_ike(
    offered: &[Proposal],
    chosen: &Proposal,
) -> Result<(IkeChoice, Option<IkeSpi>), Error> {
    let suite = read_suite(offered, chosen)?;
    if !suite.protects_ike() {
        return Err(Misbehaved::NotOffered.into());
    }
    let prf = one(chosen, TransformType::PRF)?.map(|t| PrfId(t.id)).ok_or(Misbehaved::NotOffered)?;
    let ke = one(chosen, TransformType::KE)?.map(|t| KeId(t.id)).ok_or(Misbehaved::NotOffered)?;
    Ok((IkeChoice { suite, prf, ke }, chosen.ike_spi().filter(|spi| !spi.is_zero())))
}

/// Reads the responder's choice of a child SA's algorithms, and its SPI.
///
/// # Errors
/// `NotOffered` for anything but one of what we offered.
pub(crate) fn read_esp(offered: &[Proposal], chosen: &Proposal) -> Result<(EspChoice, Spi), Error> {
    let suite = read_suite(offered, chosen)?;
    for kind in [TransformType::KE, TransformType::ESN] {
        if one(chosen, kind)?.is_none() && insists(offered, chosen, kind) {
            return Err(Misbehaved::NotOffered.into());
        }
    }
    let ke = one(chosen, TransformType::KE)?.map(|t| KeId(t.id)).filter(|ke| *ke != KeId::NONE);
    let esn = one(chosen, TransformType::ESN)?.is_some_and(|t| t.id == ESN);
    let spi = chosen.child_spi().ok_or(Misbehaved::NotOffered)?;
    Ok((EspChoice { suite, ke, esn }, spi))
}

/// The offer that was chosen from.
fn offer_of<'o>(offered: &'o [Proposal], chosen: &Proposal) -> Option<&'o Proposal> {
    offered.iter().find(|offer| offer.number == chosen.number && offer.protocol == chosen.protocol)
}

/// Whether the proposal that was chosen leaves no way without a transform of this kind: it has some, and
/// none is 0, "none" (RFC 7296 §3.3.6).
fn insists(offered: &[Proposal], chosen: &Proposal, kind: TransformType) -> bool {
    let mut ids = offer_of(offered, chosen)
        .into_iter()
        .flat_map(|offer| offer.transforms_of(kind))
        .map(|t| t.id)
        .peekable();
    ids.peek().is_some() && ids.all(|id| id != 0)
}

fn read_suite(offered: &[Proposal], chosen: &Proposal) -> Result<Suite, Error> {
    let offer = offer_of(offered, chosen).ok_or(Misbehaved::NotOffered)?;
    let implied = |t: &Transform| t.kind == TransformType::INTEG && t.id == IntegId::NONE.0;
    if !chosen.transforms.iter().all(|transform| offer.offers(transform) || implied(transform)) {
        return Err(Misbehaved::NotOffered.into());
    }
    let encr = one(chosen, TransformType::ENCR)?.ok_or(Misbehaved::NotOffered)?;
    let integ = one(chosen, TransformType::INTEG)?.map(|transform| IntegId(transform.id));
    Suite::from_transforms(adit_crypto::EncrId(encr.id), encr.key_bits, integ)
        .ok_or(Misbehaved::NotOffered.into())
}

/// The transform of a kind, of which an answer has at most one.
fn one(chosen: &Proposal, kind: TransformType) -> Result<Option<&Transform>, Error> {
    let mut transforms = chosen.transforms_of(kind);
    let first = transforms.next();
    match transforms.next() {
        None => Ok(first),
        Some(_) => Err(Misbehaved::NotOffered.into()),
    }
}

#[cfg(test)]
mod tests;
