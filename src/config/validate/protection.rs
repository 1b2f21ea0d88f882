//! Keys, identities, proposals and lifetimes of what is protected.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use super::PskSource;
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

/// The PSK from exactly one of the three places, or why it cannot be read now.
fn psk(fields: &mut Fields<'_, '_, '_>) -> Option<Result<Psk, String>> {
    let given: Vec<&str> = ["psk", "psk_file", "psk_env"].into_iter().filter(|key| fields.has(key)).collect();
    let place = match given[..] {
        [place] => place,
        [] => {
            fields.error("", "no pre-shared key is given", "add psk, psk_file or psk_env");
            return None;
        }
        _ => {
            fields.error(given[1], format!("{} is given already", given[0]), "leave one of them");
            return None;
        }
    };
    let source = fields.psk_source();
    let read = match place {
        "psk" => Ok(fields.text("psk")?.as_bytes().to_vec()),
        "psk_file" => read_file(source, fields.text("psk_file")?),
        _ => read_variable(source, fields.text("psk_env")?),
    };
    match read {
        Ok(key) if key.is_empty() && place == "psk" => {
            fields.error("psk", "the key is empty", "give at least one character; twenty are better");
            None
        }
        Ok(key) => Some(Ok(Psk::new(key))),
        Err((what, remedy)) => {
            let tolerated = fields.tolerance().keys;
            fields.doubt(tolerated, place, what.clone(), &remedy);
            tolerated.then(|| Err(format!("{place} {what}; {remedy}")))
        }
    }
}

/// What is wrong with a key, and what to do about it.
type Unreadable = (String, String);

fn read_file(source: &dyn PskSource, path: &str) -> Result<Vec<u8>, Unreadable> {
    let mut key = source.file(Path::new(path)).map_err(|error| {
        let remedy = match error.kind() {
            io::ErrorKind::NotFound => format!("write the key into it, and chmod 600 {path}"),
            io::ErrorKind::IsADirectory => "name a file that has the key in it".to_owned(),
            _ => format!("let it have the key in it, and belong to adit alone: chmod 600 {path}"),
        };
        (format!("{path}: {error}"), remedy)
    })?;
    // Editors end a file with a newline; a key that ends with one is a slip.
    let end = key.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |at| at + 1);
    key.truncate(end);
    if key.is_empty() {
        return Err((format!("{path}: the file is empty"), "write the key into it".to_owned()));
    }
    Ok(std::mem::take(&mut *key))
}

fn read_variable(source: &dyn PskSource, name: &str) -> Result<Vec<u8>, Unreadable> {
    match source.variable(name) {
        Some(mut key) if !key.is_empty() => Ok(std::mem::take(&mut *key).into_bytes()),
        _ => Err((format!("the environment has no {name}"), "set it before adit starts".to_owned())),
    }
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
