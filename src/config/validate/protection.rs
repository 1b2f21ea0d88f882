//! Keys, identities, proposals and lifetimes of what is protected.

use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use super::fields::Fields;
use crate::config::desired::{EspSuite, Identity, IkeSuite, Lifetimes, Protection, Psk};

/// Keys that only make sense with IPsec; a tunnel that has one of them wants it.
const ONLY_PROTECTED: &[&str] = &[
    "psk",
    "psk_file",
    "psk_env",
    "local_id",
    "remote_id",
    "ike",
    "esp",
    "encapsulation",
    "initiate",
    "ike_lifetime",
    "child_lifetime",
    "child_packets",
    "child_bytes",
    "liveness",
];
const DAY: u64 = 86400;

/// Whether anything in the table asks for protection. Such a tunnel never runs without.
pub(super) fn mentioned(fields: &mut Fields<'_, '_, '_>) -> bool {
    fields.know(ONLY_PROTECTED);
    ONLY_PROTECTED.iter().any(|key| fields.has(key))
}

/// Reads the protection of a tunnel or interface that has one.
pub(super) fn protection(fields: &mut Fields<'_, '_, '_>) -> Option<Protection> {
    fields.know(ONLY_PROTECTED);
    let psk = psk(fields);
    let local_id = fields.parse("local_id", IDENTITY_FORM);
    let remote_id = fields.parse("remote_id", IDENTITY_FORM);
    let ike: Vec<IkeSuite> = fields.list("ike", "like aes256gcm16-prfsha256-x25519");
    let esp: Vec<EspSuite> = fields.list("esp", "like aes256gcm16");
    let usual = Lifetimes::default();
    Some(Protection {
        local_id,
        remote_id,
        ike,
        esp,
        force_udp: force_udp(fields),
        initiate: fields.boolean("initiate").unwrap_or(true),
        lifetimes: Lifetimes {
            ike: fields.duration("ike_lifetime", 10..=30 * DAY).unwrap_or(usual.ike),
            child: fields.duration("child_lifetime", 10..=30 * DAY).unwrap_or(usual.child),
            child_packets: fields.number("child_packets", 1000..=u64::from(u32::MAX)),
            child_bytes: fields.number("child_bytes", 1_000_000..=i64::MAX as u64),
        },
        liveness: fields.duration("liveness", 1..=DAY).unwrap_or(Duration::from_secs(30)),
        psk: psk?,
    })
}

/// The PSK from exactly one of the three places.
fn psk(fields: &mut Fields<'_, '_, '_>) -> Option<Psk> {
    let given: Vec<&str> = ["psk", "psk_file", "psk_env"].into_iter().filter(|key| fields.has(key)).collect();
    match given[..] {
        [_] => {}
        [] => {
            fields.error("", "no pre-shared key is given", "add psk, psk_file or psk_env");
            return None;
        }
        _ => {
            fields.error(given[1], format!("{} is given already", given[0]), "leave one of them");
            return None;
        }
    }
    let source = fields.psk_source();
    let key = if let Some(key) = fields.text("psk") {
        key.as_bytes().to_vec()
    } else if let Some(path) = fields.text("psk_file") {
        match source.file(Path::new(path)) {
            Ok(mut key) => {
                // Editors end a file with a newline; a key that ends with one is a slip.
                let end = key.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |at| at + 1);
                key.truncate(end);
                std::mem::take(&mut *key)
            }
            Err(error) => {
                fields.error("psk_file", format!("{path}: {error}"), "");
                return None;
            }
        }
    } else {
        let name = fields.text("psk_env")?;
        let Some(mut key) = source.variable(name) else {
            fields.error("psk_env", format!("the environment has no {name}"), "set it before adit starts");
            return None;
        };
        std::mem::take(&mut *key).into_bytes()
    };
    if key.is_empty() {
        fields.error(given[0], "the key is empty", "give at least one character; twenty are better");
        return None;
    }
    Some(Psk::new(key))
}

fn force_udp(fields: &mut Fields<'_, '_, '_>) -> bool {
    match fields.text_if_text("encapsulation") {
        Some("udp" | "yes") => true,
        Some("auto" | "no") => false,
        _ => {
            if fields.has("encapsulation") {
                let remedy = "udp: always ESP in UDP; auto: where there is a NAT";
                fields.error("encapsulation", "is neither auto nor udp", remedy);
            }
            false
        }
    }
}

const IDENTITY_FORM: &str = "an address, a host name or user@host";
/// Longest name taken as an identity.
const IDENTITY_MAX: usize = 255;

impl FromStr for Identity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Address(address));
        }
        if text.is_empty() || text.len() > IDENTITY_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("an identity has 1 to {IDENTITY_MAX} printable characters"));
        }
        if let Some(name) = text.strip_prefix('@') {
            // strongSwan's mark for "take it as a name, whatever it looks like".
            return Ok(Self::Fqdn(name.to_owned()));
        }
        Ok(if text.contains('@') { Self::Email(text.to_owned()) } else { Self::Fqdn(text.to_owned()) })
    }
}
