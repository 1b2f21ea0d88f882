//! Identification payloads (RFC 7296 §3.5): type, three reserved octets, data.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::iana::IdType;
use super::malformed::{Malformed, Rule};
use super::reader::Reader;
use super::writer::Writer;

/// Who an end says it is. Compared octet by octet; no case folding, no wildcards.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identification {
    /// How to read the data.
    pub kind: IdType,
    /// The identity.
    pub data: Vec<u8>,
}

impl Identification {
    /// An address as identity.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self { kind: IdType::ID_IPV4_ADDR, data: v4.octets().to_vec() },
            IpAddr::V6(v6) => Self { kind: IdType::ID_IPV6_ADDR, data: v6.octets().to_vec() },
        }
    }

    /// A host name as identity, not resolved.
    #[must_use]
    pub fn fqdn(name: &str) -> Self {
        Self { kind: IdType::ID_FQDN, data: name.as_bytes().to_vec() }
    }

    /// A mail address as identity.
    #[must_use]
    pub fn rfc822(mailbox: &str) -> Self {
        Self { kind: IdType::ID_RFC822_ADDR, data: mailbox.as_bytes().to_vec() }
    }

    /// Opaque octets as identity.
    #[must_use]
    pub fn key_id(octets: &[u8]) -> Self {
        Self { kind: IdType::ID_KEY_ID, data: octets.to_vec() }
    }

    /// The payload's body, which is also what the AUTH payload's prf covers (RFC 7296 §2.15).
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let mut out = Writer::default();
        self.emit(&mut out);
        out.into_vec()
    }

    pub(crate) fn parse(mut body: Reader<'_>) -> Result<Self, Malformed> {
        let [kind, ..] = body.array::<4>()?;
        let kind = IdType(kind);
        let fault = body.fail(Rule::DataLength);
        let data = body.rest().to_vec();
        let fits = match kind {
            IdType::ID_IPV4_ADDR => data.len() == 4,
            IdType::ID_IPV6_ADDR => data.len() == 16,
            IdType::ID_NULL => data.is_empty(),
            _ => !data.is_empty(),
        };
        if fits { Ok(Self { kind, data }) } else { Err(fault) }
    }

    pub(crate) fn emit(&self, out: &mut Writer) {
        out.bytes(&[self.kind.0, 0, 0, 0]);
        out.bytes(&self.data);
    }
}

impl fmt::Display for Identification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (IdType::ID_IPV4_ADDR, Ok(octets)) = (self.kind, <[u8; 4]>::try_from(self.data.as_slice())) {
            return fmt::Display::fmt(&Ipv4Addr::from(octets), f);
        }
        if let (IdType::ID_IPV6_ADDR, Ok(octets)) = (self.kind, <[u8; 16]>::try_from(self.data.as_slice())) {
            return fmt::Display::fmt(&Ipv6Addr::from(octets), f);
        }
        match (self.kind, std::str::from_utf8(&self.data)) {
            (IdType::ID_FQDN | IdType::ID_RFC822_ADDR, Ok(name)) => write!(f, "{}", name.escape_debug()),
            _ => {
                write!(f, "{}:", self.kind)?;
                self.data.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
            }
        }
    }
}
