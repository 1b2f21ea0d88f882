//! Security Association payload: proposals, their transforms, the transforms' attributes
//! (RFC 7296 §3.3).
//!
//! ```text
//! proposal   +---------------+---------------+-------------------------------+
//!            | 0 last/2 more |   reserved    |        proposal length        |
//!            +---------------+---------------+---------------+---------------+
//!            | proposal num  |  protocol id  |   SPI size    |  transforms   |
//!            +---------------+---------------+---------------+---------------+
//!            ~ SPI (SPI size octets), then transforms                        ~
//! transform  +---------------+---------------+-------------------------------+
//!            | 0 last/3 more |   reserved    |       transform length        |
//!            +---------------+---------------+-------------------------------+
//!            |transform type |   reserved    |         transform id          |
//!            +---------------+---------------+-------------------------------+
//!            ~ attributes: AF|type, then value (AF=1) or length, value (AF=0)~
//!            +---------------------------------------------------------------+
//! ```

use super::iana::{AttributeType, PayloadType, Protocol, TransformType};
use super::limits::{MAX_ATTRIBUTES, MAX_PROPOSALS, MAX_TRANSFORMS};
use super::malformed::{Malformed, Rule};
use super::reader::Reader;
use super::spi::{IkeSpi, Spi};
use super::writer::Writer;

const LAST: u8 = 0;
const MORE_PROPOSALS: u8 = 2;
const MORE_TRANSFORMS: u8 = 3;
/// AF bit: the value is in the field where otherwise the length is.
const ATTRIBUTE_SHORT: u16 = 0x8000;

/// Proposals in order of preference (in an answer: the one chosen).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityAssociation {
    /// At least one, at most [`MAX_PROPOSALS`].
    pub proposals: Vec<Proposal>,
}

/// One proposal: for each transform type the transforms of that type are alternatives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Proposal number; the first of an offer is 1, an answer repeats the chosen one's.
    pub number: u8,
    /// What the SA is for.
    pub protocol: Protocol,
    /// The sender's SPI of the SA to be.
    pub spi: ProposalSpi,
    /// Transforms in order of preference within each type.
    pub transforms: Vec<Transform>,
}

/// The SPI field of a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProposalSpi {
    /// Absent: an IKE SA's first negotiation, whose SPIs are in the header.
    None,
    /// Eight octets: rekeying an IKE SA.
    Ike(IkeSpi),
    /// Four octets: ESP or AH.
    Child(Spi),
    /// Whatever a protocol nobody here knows puts there.
    Foreign(Vec<u8>),
}

/// One algorithm on offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transform {
    /// Which kind of algorithm.
    pub kind: TransformType,
    /// The number within that kind (IANA registry of the kind).
    pub id: u16,
    /// Key Length attribute, in bits.
    pub key_bits: Option<u16>,
    /// Attributes other than Key Length: nobody here understands them, so the transform is void.
    pub foreign: Vec<Attribute>,
}

/// A transform attribute that is not Key Length (RFC 7296 §3.3.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Type, 15 bits.
    pub kind: AttributeType,
    /// Value, in the form it came in.
    pub value: AttributeValue,
}

/// The two encodings of an attribute's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeValue {
    /// Two octets, AF = 1.
    Short(u16),
    /// Any length, AF = 0.
    Long(Vec<u8>),
}

impl Transform {
    /// A transform without attributes.
    #[must_use]
    pub const fn new(kind: TransformType, id: u16) -> Self {
        Self { kind, id, key_bits: None, foreign: Vec::new() }
    }

    /// A transform with a key length in bits.
    #[must_use]
    pub const fn with_key_bits(kind: TransformType, id: u16, key_bits: u16) -> Self {
        Self { kind, id, key_bits: Some(key_bits), foreign: Vec::new() }
    }

    /// Whether everything about the transform is understood: one with a foreign attribute must be
    /// passed over (RFC 7296 §3.3.6).
    #[must_use]
    pub fn is_understood(&self) -> bool {
        self.foreign.is_empty()
    }
}

impl Proposal {
    /// Whether every transform type is understood: a proposal with one that is not must be passed over
    /// as a whole (RFC 7296 §3.3.6).
    #[must_use]
    pub fn is_understood(&self) -> bool {
        self.transforms.iter().all(|transform| transform.kind.is_understood())
    }

    /// The alternatives of one kind that are understood, in the sender's order.
    pub fn transforms_of(&self, kind: TransformType) -> impl Iterator<Item = &Transform> {
        self.transforms.iter().filter(move |transform| transform.kind == kind && transform.is_understood())
    }

    /// Whether the proposal offers this very algorithm.
    #[must_use]
    pub fn offers(&self, wanted: &Transform) -> bool {
        self.transforms.contains(wanted)
    }

    /// The sender's SPI, where it is a Child SA's.
    #[must_use]
    pub const fn child_spi(&self) -> Option<Spi> {
        match self.spi {
            ProposalSpi::Child(spi) => Some(spi),
            ProposalSpi::None | ProposalSpi::Ike(_) | ProposalSpi::Foreign(_) => None,
        }
    }

    /// The sender's SPI, where it is an IKE SA's.
    #[must_use]
    pub const fn ike_spi(&self) -> Option<IkeSpi> {
        match self.spi {
            ProposalSpi::Ike(spi) => Some(spi),
            ProposalSpi::None | ProposalSpi::Child(_) | ProposalSpi::Foreign(_) => None,
        }
    }

    fn parse(body: &mut Reader<'_>) -> Result<(Self, bool), Malformed> {
        let more = last_mark(body, MORE_PROPOSALS)?;
        body.u8()?;
        let length = usize::from(body.u16()?);
        let mut body = body.counted(length, 4)?;
        let number = body.u8()?;
        let protocol = Protocol(body.u8()?);
        let spi_octets = body.u8()?;
        let count = usize::from(body.u8()?);
        if count > MAX_TRANSFORMS {
            return Err(body.fail(Rule::TooMany));
        }
        let spi = ProposalSpi::parse(protocol, body.take(usize::from(spi_octets))?)
            .ok_or_else(|| body.fail(Rule::SpiSize))?;
        let mut transforms = Vec::with_capacity(count);
        for left in (0..count).rev() {
            let (transform, more) = Transform::parse(&mut body)?;
            if more != (left > 0) {
                return Err(body.fail(Rule::LastMark));
            }
            transforms.push(transform);
        }
        body.finish()?;
        Ok((Self { number, protocol, spi, transforms }, more))
    }

    fn emit(&self, last: bool, out: &mut Writer) {
        let start = out.len();
        out.u8(if last { LAST } else { MORE_PROPOSALS });
        out.u8(0);
        let mut out = out.length_from(start);
        out.u8(self.number);
        out.u8(self.protocol.0);
        self.spi.with_bytes(|spi| {
            out.count_u8(spi.len());
            out.count_u8(self.transforms.len());
            out.bytes(spi);
        });
        for (index, transform) in self.transforms.iter().enumerate() {
            transform.emit(index + 1 == self.transforms.len(), &mut out);
        }
    }
}

impl ProposalSpi {
    /// The SPI, if its size is one the protocol has (RFC 7296 §3.3.1).
    fn parse(protocol: Protocol, octets: &[u8]) -> Option<Self> {
        match protocol {
            Protocol::IKE if octets.is_empty() => Some(Self::None),
            Protocol::IKE => octets.try_into().ok().map(|spi| Self::Ike(IkeSpi(u64::from_be_bytes(spi)))),
            Protocol::AH | Protocol::ESP => {
                octets.try_into().ok().map(|spi| Self::Child(Spi(u32::from_be_bytes(spi))))
            }
            _ => Some(Self::Foreign(octets.to_vec())),
        }
    }

    fn with_bytes(&self, write: impl FnOnce(&[u8])) {
        match self {
            Self::None => write(&[]),
            Self::Ike(spi) => write(&spi.to_bytes()),
            Self::Child(spi) => write(&spi.to_bytes()),
            Self::Foreign(octets) => write(octets),
        }
    }
}

impl Transform {
    fn parse(body: &mut Reader<'_>) -> Result<(Self, bool), Malformed> {
        let more = last_mark(body, MORE_TRANSFORMS)?;
        body.u8()?;
        let length = usize::from(body.u16()?);
        let mut body = body.counted(length, 4)?;
        let kind = TransformType(body.u8()?);
        body.u8()?;
        let mut transform = Self::new(kind, body.u16()?);
        for count in 0.. {
            if body.is_empty() {
                break;
            }
            if count == MAX_ATTRIBUTES {
                return Err(body.fail(Rule::TooMany));
            }
            transform.parse_attribute(&mut body)?;
        }
        Ok((transform, more))
    }

    fn parse_attribute(&mut self, body: &mut Reader<'_>) -> Result<(), Malformed> {
        let (form, word) = (body.u16()?, body.u16()?);
        let kind = AttributeType(form & !ATTRIBUTE_SHORT);
        if (kind == AttributeType::KEY_LENGTH && self.key_bits.is_some())
            || self.foreign.iter().any(|attribute| attribute.kind == kind)
        {
            return Err(body.fail(Rule::RepeatedAttribute));
        }
        let value = if form & ATTRIBUTE_SHORT == 0 {
            AttributeValue::Long(body.take(usize::from(word))?.to_vec())
        } else {
            AttributeValue::Short(word)
        };
        match value {
            AttributeValue::Short(bits) if kind == AttributeType::KEY_LENGTH => self.key_bits = Some(bits),
            value => self.foreign.push(Attribute { kind, value }),
        }
        Ok(())
    }

    fn emit(&self, last: bool, out: &mut Writer) {
        let start = out.len();
        out.u8(if last { LAST } else { MORE_TRANSFORMS });
        out.u8(0);
        let mut out = out.length_from(start);
        out.u8(self.kind.0);
        out.u8(0);
        out.u16(self.id);
        if let Some(bits) = self.key_bits {
            out.u16(AttributeType::KEY_LENGTH.0 | ATTRIBUTE_SHORT);
            out.u16(bits);
        }
        for Attribute { kind, value } in &self.foreign {
            match value {
                AttributeValue::Short(value) => {
                    out.u16(kind.0 | ATTRIBUTE_SHORT);
                    out.u16(*value);
                }
                AttributeValue::Long(value) => {
                    out.u16(kind.0 & !ATTRIBUTE_SHORT);
                    out.u16(u16::try_from(value.len()).unwrap_or(u16::MAX));
                    out.bytes(value);
                }
            }
        }
    }
}

impl SecurityAssociation {
    pub(crate) fn parse(mut body: Reader<'_>) -> Result<Self, Malformed> {
        let mut proposals: Vec<Proposal> = Vec::new();
        loop {
            if proposals.len() == MAX_PROPOSALS {
                return Err(body.fail(Rule::TooMany));
            }
            let (proposal, more) = Proposal::parse(&mut body)?;
            if proposals.last().is_some_and(|before| before.number.checked_add(1) != Some(proposal.number)) {
                return Err(body.fail(Rule::ProposalNumber));
            }
            proposals.push(proposal);
            if !more {
                break;
            }
        }
        body.finish()?;
        Ok(Self { proposals })
    }

    pub(crate) fn emit(&self, out: &mut Writer) {
        for (index, proposal) in self.proposals.iter().enumerate() {
            proposal.emit(index + 1 == self.proposals.len(), out);
        }
    }

    /// The one proposal of an answer; `None` when there are several.
    #[must_use]
    pub fn chosen(&self) -> Option<&Proposal> {
        match self.proposals.as_slice() {
            [chosen] => Some(chosen),
            _ => None,
        }
    }
}

/// Reads "Last Substruc": whether more follow.
fn last_mark(body: &mut Reader<'_>, more: u8) -> Result<bool, Malformed> {
    match body.u8()? {
        LAST => Ok(false),
        mark if mark == more => Ok(true),
        _ => Err(Malformed::payload(PayloadType::SA, Rule::LastMark)),
    }
}
