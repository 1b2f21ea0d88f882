//! IKE_SA_INIT (RFC 7296 §1.2, §2.6, §2.23).
//!
//! ```text
//! HDR, [N(COOKIE)], SAi1, KEi, Ni, [N(NAT_DETECTION_*)] -->
//!                                 <-- HDR, SAr1, KEr, Nr, [CERTREQ]
//!                              or <-- HDR, N(COOKIE)
//!                              or <-- HDR, N(INVALID_KE_PAYLOAD) or another error
//! ```

use adit_crypto::KeId;

use super::contents::{Contents, Notifies, push_flag, refusal, required};
use crate::error::{Error, Misbehaved};
use crate::wire::limits::COOKIE_OCTETS;
use crate::wire::{
    CertificateRequest, ExchangeType, HashAlgorithm, KeyExchange, Message, Nonce, Notify, NotifyType,
    Payload, PayloadType, Proposal, ProposalSpi, Protocol, SecurityAssociation, VendorId,
};

const EXCHANGE: ExchangeType = ExchangeType::IKE_SA_INIT;

/// The first request of an IKE SA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaInitRequest {
    /// Repeats the responder's cookie; goes first (§2.6).
    pub cookie: Option<Cookie>,
    /// Proposals for the IKE SA that can be understood; none when all were void.
    pub proposals: Vec<Proposal>,
    /// Public value, for the method the initiator guessed.
    pub ke: KeyExchange,
    /// Ni.
    pub nonce: Nonce,
    /// What both ends need to agree upon besides.
    pub features: Features,
}

/// What the responder says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaInitResponse {
    /// An IKE SA begins.
    Accepted(Box<SaInitAnswer>),
    /// Come again with this cookie.
    Cookie(Cookie),
    /// Come again with a public value of this method.
    InvalidKe(KeId),
    /// No. Not authenticated: not to be believed at once (§2.21.1).
    Refused(Notify),
}

/// The responder's half of an IKE SA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaInitAnswer {
    /// The proposal chosen.
    pub proposal: Proposal,
    /// Public value.
    pub ke: KeyExchange,
    /// Nr.
    pub nonce: Nonce,
    /// Certificates the responder would like to see.
    pub certificate_requests: Vec<CertificateRequest>,
    /// What both ends need to agree upon besides.
    pub features: Features,
}

/// Capabilities and observations both directions carry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Features {
    /// Hashes of the sender's addresses; absent: no NAT traversal (§2.23).
    pub nat_detection: Option<NatDetection>,
    /// IKEV2_FRAGMENTATION_SUPPORTED (RFC 7383 §2.3).
    pub fragmentation: bool,
    /// SIGNATURE_HASH_ALGORITHMS (RFC 7427 §4); empty when not sent.
    pub signature_hashes: Vec<HashAlgorithm>,
    /// CHILDLESS_IKEV2_SUPPORTED (RFC 6023 §3), an answer's.
    pub childless: bool,
    /// Vendor ids.
    pub vendor_ids: Vec<VendorId>,
    /// Notifications that mean nothing here.
    pub others: Vec<Notify>,
}

/// A responder's cookie, 1 to 64 octets (§2.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie(Vec<u8>);

/// SHA-1 hashes of SPIs, address and port, as the sender sees them (§2.23).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatDetection {
    /// NAT_DETECTION_SOURCE_IP; several when the sender does not know which address is used.
    pub sources: Vec<[u8; 20]>,
    /// NAT_DETECTION_DESTINATION_IP.
    pub destination: [u8; 20],
}

impl Cookie {
    /// Takes 1 to 64 octets.
    ///
    /// # Errors
    /// `BadNotify` for any other number.
    pub fn new(octets: Vec<u8>) -> Result<Self, Misbehaved> {
        if COOKIE_OCTETS.contains(&octets.len()) {
            Ok(Self(octets))
        } else {
            Err(Misbehaved::BadNotify(NotifyType::COOKIE))
        }
    }

    /// The octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn notify(&self) -> Payload {
        Payload::Notify(Notify::with_data(NotifyType::COOKIE, self.0.clone()))
    }
}

impl TryFrom<&Message> for SaInitRequest {
    type Error = Error;

    fn try_from(message: &Message) -> Result<Self, Error> {
        let mut contents = Contents::sort(message)?;
        let sa = required(contents.sa.take(), EXCHANGE, PayloadType::SA)?;
        Ok(Self {
            cookie: cookie(&mut contents.notifies)?,
            proposals: initial_proposals(sa)?,
            ke: required(contents.ke.take(), EXCHANGE, PayloadType::KE)?,
            nonce: required(contents.nonce.take(), EXCHANGE, PayloadType::NONCE)?,
            features: Features::lift(contents)?,
        })
    }
}

impl TryFrom<&Message> for SaInitResponse {
    type Error = Error;

    fn try_from(message: &Message) -> Result<Self, Error> {
        let mut contents = Contents::sort(message)?;
        if let Some(notify) = contents.notifies.error() {
            return match notify.wanted_ke() {
                Some(wanted) => Ok(Self::InvalidKe(wanted)),
                None if notify.kind == NotifyType::INVALID_KE_PAYLOAD => {
                    Err(Misbehaved::BadNotify(notify.kind).into())
                }
                None => Ok(Self::Refused(notify.clone())),
            };
        }
        let Some(sa) = contents.sa.take() else {
            return match cookie(&mut contents.notifies)? {
                Some(cookie) => Ok(Self::Cookie(cookie)),
                None => Err(Misbehaved::Missing { exchange: EXCHANGE, payload: PayloadType::SA }.into()),
            };
        };
        let proposals = initial_proposals(sa)?;
        Ok(Self::Accepted(Box::new(SaInitAnswer {
            proposal: the_chosen(proposals)?,
            ke: required(contents.ke.take(), EXCHANGE, PayloadType::KE)?,
            nonce: required(contents.nonce.take(), EXCHANGE, PayloadType::NONCE)?,
            certificate_requests: std::mem::take(&mut contents.certificate_requests),
            features: Features::lift(contents)?,
        })))
    }
}

impl SaInitRequest {
    /// The payloads of the request, the cookie first.
    #[must_use]
    pub fn emit(&self) -> Vec<Payload> {
        let mut payloads = Vec::new();
        payloads.extend(self.cookie.as_ref().map(Cookie::notify));
        payloads
            .push(Payload::SecurityAssociation(SecurityAssociation { proposals: self.proposals.clone() }));
        payloads.push(Payload::KeyExchange(self.ke.clone()));
        payloads.push(Payload::Nonce(self.nonce.clone()));
        self.features.emit(&mut payloads);
        payloads
    }
}

impl SaInitResponse {
    /// The payloads of the response.
    #[must_use]
    pub fn emit(&self) -> Vec<Payload> {
        match self {
            Self::Accepted(answer) => answer.emit(),
            Self::Cookie(cookie) => vec![cookie.notify()],
            Self::InvalidKe(wanted) => refusal(&Notify::invalid_ke(*wanted)),
            Self::Refused(notify) => refusal(notify),
        }
    }
}

impl SaInitAnswer {
    fn emit(&self) -> Vec<Payload> {
        let proposals = vec![self.proposal.clone()];
        let mut payloads = vec![
            Payload::SecurityAssociation(SecurityAssociation { proposals }),
            Payload::KeyExchange(self.ke.clone()),
            Payload::Nonce(self.nonce.clone()),
        ];
        payloads.extend(self.certificate_requests.iter().cloned().map(Payload::CertificateRequest));
        self.features.emit(&mut payloads);
        payloads
    }
}

impl Features {
    fn lift(contents: Contents) -> Result<Self, Misbehaved> {
        let Contents { mut notifies, vendor_ids, .. } = contents;
        let hashes = notifies.one(NotifyType::SIGNATURE_HASH_ALGORITHMS)?;
        Ok(Self {
            nat_detection: NatDetection::lift(&mut notifies)?,
            fragmentation: notifies.flag(NotifyType::IKEV2_FRAGMENTATION_SUPPORTED),
            signature_hashes: hashes.as_ref().map(signature_hashes).transpose()?.unwrap_or_default(),
            childless: notifies.flag(NotifyType::CHILDLESS_IKEV2_SUPPORTED),
            vendor_ids,
            others: notifies.rest(),
        })
    }

    fn emit(&self, payloads: &mut Vec<Payload>) {
        if let Some(NatDetection { sources, destination }) = &self.nat_detection {
            let source =
                |hash: &[u8; 20]| Notify::with_data(NotifyType::NAT_DETECTION_SOURCE_IP, hash.to_vec());
            payloads.extend(sources.iter().map(source).map(Payload::Notify));
            let kind = NotifyType::NAT_DETECTION_DESTINATION_IP;
            payloads.push(Payload::Notify(Notify::with_data(kind, destination.to_vec())));
        }
        push_flag(payloads, self.fragmentation, NotifyType::IKEV2_FRAGMENTATION_SUPPORTED);
        if !self.signature_hashes.is_empty() {
            let data = self.signature_hashes.iter().flat_map(|hash| hash.0.to_be_bytes()).collect();
            payloads.push(Payload::Notify(Notify::with_data(NotifyType::SIGNATURE_HASH_ALGORITHMS, data)));
        }
        push_flag(payloads, self.childless, NotifyType::CHILDLESS_IKEV2_SUPPORTED);
        payloads.extend(self.vendor_ids.iter().cloned().map(Payload::VendorId));
        payloads.extend(self.others.iter().cloned().map(Payload::Notify));
    }
}

impl NatDetection {
    /// Both kinds or neither: half of it detects nothing.
    fn lift(notifies: &mut Notifies) -> Result<Option<Self>, Misbehaved> {
        let hash = |notify: &Notify| {
            <[u8; 20]>::try_from(notify.data.as_slice()).map_err(|_| Misbehaved::BadNotify(notify.kind))
        };
        let sources = notifies.all(NotifyType::NAT_DETECTION_SOURCE_IP);
        let sources = sources.iter().map(hash).collect::<Result<Vec<_>, _>>()?;
        let destination = notifies.one(NotifyType::NAT_DETECTION_DESTINATION_IP)?;
        match (sources.is_empty(), destination) {
            (true, None) => Ok(None),
            (false, Some(destination)) => Ok(Some(Self { sources, destination: hash(&destination)? })),
            (true, Some(_)) => Err(Misbehaved::BadNotify(NotifyType::NAT_DETECTION_DESTINATION_IP)),
            (false, None) => Err(Misbehaved::BadNotify(NotifyType::NAT_DETECTION_SOURCE_IP)),
        }
    }
}

fn cookie(notifies: &mut Notifies) -> Result<Option<Cookie>, Misbehaved> {
    notifies.one(NotifyType::COOKIE)?.map(|notify| Cookie::new(notify.data)).transpose()
}

fn signature_hashes(notify: &Notify) -> Result<Vec<HashAlgorithm>, Misbehaved> {
    let (pairs, odd) = notify.data.as_chunks::<2>();
    if pairs.is_empty() || !odd.is_empty() {
        return Err(Misbehaved::BadNotify(notify.kind));
    }
    Ok(pairs.iter().map(|pair| HashAlgorithm(u16::from_be_bytes(*pair))).collect())
}

/// Proposals for a first IKE SA: its SPIs are in the header, so none stands here (RFC 7296 §3.3.1). Those
/// with transforms of an unknown type are passed over (§3.3.6).
fn initial_proposals(sa: SecurityAssociation) -> Result<Vec<Proposal>, Misbehaved> {
    let wrong = |proposal: &Proposal| proposal.protocol != Protocol::IKE || proposal.spi != ProposalSpi::None;
    if let Some(proposal) = sa.proposals.iter().find(|proposal| wrong(proposal)) {
        return Err(Misbehaved::BadProposal(proposal.protocol));
    }
    Ok(sa.proposals.into_iter().filter(Proposal::is_understood).collect())
}

/// The one proposal of an answer.
pub(super) fn the_chosen(proposals: Vec<Proposal>) -> Result<Proposal, Misbehaved> {
    let [chosen] = <[Proposal; 1]>::try_from(proposals)
        .map_err(|proposals| Misbehaved::NotOneProposal(proposals.len()))?;
    Ok(chosen)
}
