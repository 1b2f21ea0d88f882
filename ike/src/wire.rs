//! Storey 1: bytes. A message is a header and a chain of payloads (RFC 7296 §3).
//!
//! Parsing is bounded by [`limits`] and total: any octets give a [`Message`] or a [`Malformed`], which
//! names the payload and the rule. What a message *means* is [`crate::exchange`]'s business.
//!
//! - `parse(emit(m)) == m` for every message within the limits.
//! - Unknown payloads are passed over, unless marked critical: then the message is refused (§2.5).
//! - Reserved fields, minor versions and the V bit are not looked at.
//!
//! A protected message is opened with [`encrypted::SkOpener`] and made with [`encrypted::SkSealer`].

pub mod iana;
pub mod limits;

pub mod auth;
pub mod cert;
pub mod certreq;
pub mod cp;
pub mod delete;
pub mod eap;
pub mod encrypted;
pub mod fragment;
pub mod header;
pub mod id;
pub mod ke;
pub mod malformed;
pub mod nonce;
pub mod notify;
pub mod sa;
pub mod spi;
pub mod ts;
pub mod vendor;

mod reader;
mod writer;

#[cfg(test)]
pub(crate) mod tests;

pub use auth::Authentication;
pub use cert::Certificate;
pub use certreq::CertificateRequest;
pub use cp::{CfgAttribute, Configuration};
pub use delete::Delete;
pub use eap::Eap;
pub use encrypted::{OpenError, SealError, SkOpener, SkSealer};
pub use fragment::FragmentPlace;
pub use header::{HEADER_OCTETS, Header, MessageId};
pub use iana::{
    AuthMethod, CertEncoding, CfgType, ExchangeType, HashAlgorithm, IdType, NotifyType, PayloadType,
    Protocol, TransformType, TsType,
};
pub use id::Identification;
pub use ke::KeyExchange;
pub use malformed::{Malformed, Rule};
pub use nonce::Nonce;
pub use notify::Notify;
pub use sa::{Attribute, AttributeValue, Proposal, ProposalSpi, SecurityAssociation, Transform};
pub use spi::{IkeSpi, Spi};
pub use ts::{AddressRange, PortRange, TrafficSelector};
pub use vendor::VendorId;

use reader::Reader;
use writer::Writer;

/// Octets of the generic payload header.
const GENERIC_OCTETS: usize = 4;
/// C bit of the generic payload header.
const CRITICAL: u8 = 0x80;

/// A whole message in the clear, or already opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The header.
    pub header: Header,
    /// Known payloads in their order; for an opened message those in front of SK come first.
    pub payloads: Vec<Payload>,
}

/// One payload of a type known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// SA.
    SecurityAssociation(SecurityAssociation),
    /// KE.
    KeyExchange(KeyExchange),
    /// IDi.
    IdInitiator(Identification),
    /// IDr.
    IdResponder(Identification),
    /// CERT.
    Certificate(Certificate),
    /// CERTREQ.
    CertificateRequest(CertificateRequest),
    /// AUTH.
    Authentication(Authentication),
    /// Ni, Nr.
    Nonce(Nonce),
    /// N.
    Notify(Notify),
    /// D.
    Delete(Delete),
    /// V.
    VendorId(VendorId),
    /// TSi.
    TsInitiator(Vec<TrafficSelector>),
    /// TSr.
    TsResponder(Vec<TrafficSelector>),
    /// CP.
    Configuration(Configuration),
    /// EAP.
    Eap(Eap),
}

/// A datagram before it is opened: the header, what stands in the clear, where the protected part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The header.
    pub header: Header,
    /// Payloads in the clear.
    pub clear: Vec<Payload>,
    /// The protected part, always the last.
    pub protected: Option<Protected>,
}

/// The SK or SKF payload of a datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protected {
    /// Type of the first payload inside (of a fragment: inside the joined message).
    pub first: PayloadType,
    /// Where IV, ciphertext and ICV are in the datagram.
    pub body: std::ops::Range<usize>,
    /// For SKF: which fragment this is.
    pub fragment: Option<FragmentPlace>,
}

impl Message {
    /// Reads a message without protection: IKE_SA_INIT, and answers outside any SA.
    ///
    /// # Errors
    /// Any [`Malformed`]; one with an SK or SKF payload is `Placement`.
    pub fn parse(datagram: &[u8]) -> Result<Self, Malformed> {
        let Envelope { header, clear, protected } = Envelope::parse(datagram)?;
        match protected {
            None => Ok(Self { header, payloads: clear }),
            Some(_) => Err(Malformed::payload(PayloadType::SK, Rule::Placement)),
        }
    }

    /// Writes the message without protection.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let mut out = Writer::default();
        self.header.emit(first_type(&self.payloads), &mut out);
        emit_chain(&self.payloads, &mut out);
        let mut octets = out.into_vec();
        header::patch_length(&mut octets);
        octets
    }
}

impl Envelope {
    /// Reads everything that can be read without keys.
    ///
    /// # Errors
    /// Any [`Malformed`].
    pub fn parse(datagram: &[u8]) -> Result<Self, Malformed> {
        if datagram.len() > limits::MAX_MESSAGE_OCTETS {
            return Err(Malformed::Length { stated: 0, actual: datagram.len() });
        }
        let (header, first) = Header::parse_with_next(datagram)?;
        let body = datagram.get(HEADER_OCTETS..).unwrap_or_default();
        let mut chain = Chain::new(first, body);
        let clear = chain.payloads()?;
        let protected = match chain.protected.take() {
            None => None,
            Some((first, fragment, octets)) => {
                let end = datagram.len();
                Some(Protected { first, body: end - octets..end, fragment })
            }
        };
        Ok(Self { header, clear, protected })
    }
}

/// Reads the chain of payloads found inside an opened SK payload.
pub(crate) fn parse_inner(first: PayloadType, octets: &[u8]) -> Result<Vec<Payload>, Malformed> {
    let mut chain = Chain::new(first, octets);
    let payloads = chain.payloads()?;
    match chain.protected {
        None => Ok(payloads),
        Some(_) => Err(Malformed::payload(PayloadType::SK, Rule::Placement)),
    }
}

/// The type to announce for a chain.
pub(crate) fn first_type(payloads: &[Payload]) -> PayloadType {
    payloads.first().map_or(PayloadType::NONE, Payload::kind)
}

/// Writes a chain, each payload announcing the next, the last none.
pub(crate) fn emit_chain(payloads: &[Payload], out: &mut Writer) {
    let next = payloads.iter().skip(1).map(Payload::kind).chain([PayloadType::NONE]);
    for (payload, next) in payloads.iter().zip(next) {
        let start = out.len();
        out.u8(next.0);
        out.u8(0);
        payload.emit(&mut out.length_from(start));
    }
}

/// A walk along "Next Payload" fields.
struct Chain<'a> {
    next: PayloadType,
    rest: &'a [u8],
    /// SK or SKF, once met: first inner type, place, octets of its body. Nothing follows it.
    protected: Option<(PayloadType, Option<FragmentPlace>, usize)>,
}

impl<'a> Chain<'a> {
    const fn new(first: PayloadType, rest: &'a [u8]) -> Self {
        Self { next: first, rest, protected: None }
    }

    fn payloads(&mut self) -> Result<Vec<Payload>, Malformed> {
        let mut payloads = Vec::new();
        let (mut seen, mut notifies) = (0, 0);
        while self.next != PayloadType::NONE && self.protected.is_none() {
            let kind = self.next;
            seen += 1;
            notifies += usize::from(kind == PayloadType::NOTIFY);
            if seen > limits::MAX_PAYLOADS || notifies > limits::MAX_NOTIFIES {
                return Err(Malformed::payload(kind, Rule::TooMany));
            }
            payloads.extend(self.step(kind)?);
        }
        if self.rest.is_empty() {
            Ok(payloads)
        } else {
            Err(Malformed::payload(PayloadType::NONE, Rule::TrailingOctets))
        }
    }

    /// One payload; `None` for SK, SKF and those passed over.
    fn step(&mut self, kind: PayloadType) -> Result<Option<Payload>, Malformed> {
        let mut reader = Reader::new(kind, self.rest);
        let next = PayloadType(reader.u8()?);
        let critical = reader.u8()? & CRITICAL != 0;
        let length = usize::from(reader.u16()?);
        let mut body = reader.counted(length, GENERIC_OCTETS)?;
        self.rest = reader.rest();
        self.next = next;
        if matches!(kind, PayloadType::SK | PayloadType::SKF) {
            let fragment =
                if kind == PayloadType::SKF { Some(FragmentPlace::parse(&mut body)?) } else { None };
            self.protected = Some((next, fragment, body.rest().len()));
            return Ok(None);
        }
        match Payload::parse(kind, body)? {
            None if critical => Err(Malformed::UnsupportedCritical(kind)),
            payload => Ok(payload),
        }
    }
}

impl Payload {
    /// The payload's type number.
    #[must_use]
    pub const fn kind(&self) -> PayloadType {
        match self {
            Self::SecurityAssociation(_) => PayloadType::SA,
            Self::KeyExchange(_) => PayloadType::KE,
            Self::IdInitiator(_) => PayloadType::IDI,
            Self::IdResponder(_) => PayloadType::IDR,
            Self::Certificate(_) => PayloadType::CERT,
            Self::CertificateRequest(_) => PayloadType::CERTREQ,
            Self::Authentication(_) => PayloadType::AUTH,
            Self::Nonce(_) => PayloadType::NONCE,
            Self::Notify(_) => PayloadType::NOTIFY,
            Self::Delete(_) => PayloadType::DELETE,
            Self::VendorId(_) => PayloadType::VENDOR_ID,
            Self::TsInitiator(_) => PayloadType::TSI,
            Self::TsResponder(_) => PayloadType::TSR,
            Self::Configuration(_) => PayloadType::CP,
            Self::Eap(_) => PayloadType::EAP,
        }
    }

    /// The payload in `body`; `None` if nobody here knows the type.
    fn parse(kind: PayloadType, body: Reader<'_>) -> Result<Option<Self>, Malformed> {
        Ok(Some(match kind {
            PayloadType::SA => Self::SecurityAssociation(SecurityAssociation::parse(body)?),
            PayloadType::KE => Self::KeyExchange(KeyExchange::parse(body)?),
            PayloadType::IDI => Self::IdInitiator(Identification::parse(body)?),
            PayloadType::IDR => Self::IdResponder(Identification::parse(body)?),
            PayloadType::CERT => Self::Certificate(Certificate::parse(body)?),
            PayloadType::CERTREQ => Self::CertificateRequest(CertificateRequest::parse(body)?),
            PayloadType::AUTH => Self::Authentication(Authentication::parse(body)?),
            PayloadType::NONCE => Self::Nonce(Nonce::parse(body)?),
            PayloadType::NOTIFY => Self::Notify(Notify::parse(body)?),
            PayloadType::DELETE => Self::Delete(Delete::parse(body)?),
            PayloadType::VENDOR_ID => Self::VendorId(VendorId::parse(body)?),
            PayloadType::TSI => Self::TsInitiator(ts::parse(body)?),
            PayloadType::TSR => Self::TsResponder(ts::parse(body)?),
            PayloadType::CP => Self::Configuration(Configuration::parse(body)?),
            PayloadType::EAP => Self::Eap(Eap::parse(body)?),
            _ => return Ok(None),
        }))
    }

    fn emit(&self, out: &mut Writer) {
        match self {
            Self::SecurityAssociation(sa) => sa.emit(out),
            Self::KeyExchange(ke) => ke.emit(out),
            Self::IdInitiator(id) | Self::IdResponder(id) => id.emit(out),
            Self::Certificate(cert) => cert.emit(out),
            Self::CertificateRequest(certreq) => certreq.emit(out),
            Self::Authentication(auth) => auth.emit(out),
            Self::Nonce(nonce) => nonce.emit(out),
            Self::Notify(notify) => notify.emit(out),
            Self::Delete(delete) => delete.emit(out),
            Self::VendorId(vendor) => vendor.emit(out),
            Self::TsInitiator(ts) | Self::TsResponder(ts) => ts::emit(ts, out),
            Self::Configuration(cp) => cp.emit(out),
            Self::Eap(eap) => eap.emit(out),
        }
    }
}
