//! Who somebody is, as a person writes it.

use crate::wire::id::Identification;
use std::net::IpAddr;

/// An identity as IDi and IDr carry it. RFC 7296 §3.5.
pub type Identity = Identification;

impl Identification {
    /// What a person writes: an address, `user@domain`, else a domain name; a
    /// leading `@` makes a domain name of anything, `@#` takes hexadecimal octets.
    /// `None` for what is none of these.
    #[must_use]
    pub fn parse_text(text: &str) -> Option<Self> {
        if let Some(hex) = text.strip_prefix("@#") {
            return from_hex(hex).map(|octets| Self::key_id(&octets));
        }
        if let Some(name) = text.strip_prefix('@') {
            return (!name.is_empty()).then(|| Self::fqdn(name));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Self::address(address));
        }
        match text {
            "" => None,
            mailbox if mailbox.contains('@') => Some(Self::rfc822(mailbox)),
            name => Some(Self::fqdn(name)),
        }
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() || !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_writes() {
        for (text, wanted) in [
            ("192.0.2.1", Some(Identity::address("192.0.2.1".parse().unwrap()))),
            ("2001:db8::1", Some(Identity::address("2001:db8::1".parse().unwrap()))),
            ("gw.example", Some(Identity::fqdn("gw.example"))),
            ("@192.0.2.1", Some(Identity::fqdn("192.0.2.1"))),
            ("ann@example.org", Some(Identity::rfc822("ann@example.org"))),
            ("@#0aff", Some(Identity::key_id(&[10, 255]))),
            ("@#0af", None),
            ("@#zz", None),
            ("@", None),
            ("", None),
        ] {
            assert_eq!(Identity::parse_text(text), wanted, "{text}");
        }
    }
}
