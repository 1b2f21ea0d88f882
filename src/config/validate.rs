//! From what was written to what is desired: every error at once, with place and remedy.

mod bridge;
mod conflicts;
mod fields;
mod ipsec;
mod protection;
mod tunnel;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use super::ConfigError;
use super::desired::{Desired, DeviceName};
use super::raw::{RawConfig, RawTable};

/// Where a PSK comes from that is not written in the configuration itself.
pub trait PskSource {
    /// The content of `psk_file`.
    ///
    /// # Errors
    /// As reading gives them; a file everyone may read is refused too.
    fn file(&self, path: &Path) -> io::Result<Zeroizing<Vec<u8>>>;

    /// The value of the environment variable `psk_env`.
    fn variable(&self, name: &str) -> Option<Zeroizing<String>>;
}

/// Files and environment of this process.
#[derive(Debug, Clone, Copy)]
pub struct ThisHost;

impl PskSource for ThisHost {
    fn file(&self, path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
        use std::io::Read as _;
        use std::os::unix::fs::PermissionsExt as _;
        let mut file = std::fs::File::open(path)?;
        if file.metadata()?.permissions().mode() & 0o007 != 0 {
            let text = format!("everyone may read it: chmod 600 {}", path.display());
            return Err(io::Error::other(text));
        }
        let mut key = Zeroizing::new(Vec::with_capacity(4096));
        file.by_ref().take(4096).read_to_end(&mut key)?;
        Ok(key)
    }

    fn variable(&self, name: &str) -> Option<Zeroizing<String>> {
        std::env::var(name).ok().map(Zeroizing::new)
    }
}

/// Checks a configuration as a whole.
///
/// # Errors
/// Everything that is wrong with it, by place.
pub fn validate(raw: &RawConfig, psk: &dyn PskSource) -> Result<Desired, Vec<ConfigError>> {
    let mut check = Check { psk, errors: Vec::new(), names: BTreeMap::new() };
    let mut desired = Desired::default();
    for (name, bridge) in &raw.bridges {
        let place = format!("bridge.{name}");
        let valid = check.name(&place, &bridge.settings, name);
        let bridge = check.bridge(&place, name, bridge);
        if let (Some(name), Some(bridge)) = (valid, bridge) {
            desired.bridges.insert(name, bridge);
        }
    }
    for (name, table) in &raw.ipsec {
        let place = format!("ipsec.{name}");
        let valid = check.name(&place, table, name);
        let interface = check.ipsec_interface(&place, table);
        if let (Some(name), Some(interface)) = (valid, interface) {
            desired.ipsec.insert(name, interface);
        }
    }
    conflicts::find(raw, &desired, &mut check.errors);
    if check.errors.is_empty() {
        return Ok(desired);
    }
    check.errors.sort_by_key(|error| error.line);
    Err(check.errors)
}

/// What the parts of validation share.
struct Check<'p> {
    psk: &'p dyn PskSource,
    errors: Vec<ConfigError>,
    /// Names taken, and by whom.
    names: BTreeMap<String, String>,
}

impl Check<'_> {
    fn push(&mut self, place: &str, line: Option<u32>, what: impl Into<String>, remedy: impl Into<String>) {
        self.errors.push(ConfigError {
            place: place.to_owned(),
            line,
            what: what.into(),
            remedy: remedy.into(),
        });
    }

    /// Bridges, ports and interfaces share one name space: each may become a device.
    fn name(&mut self, place: &str, table: &RawTable, name: &str) -> Option<DeviceName> {
        if let Some(other) = self.names.insert(name.to_owned(), place.to_owned()) {
            self.push(place, table.line, format!("the name {name} is taken by {other}"), "choose another");
            return None;
        }
        match name.parse() {
            Ok(name) => Some(name),
            Err(what) => {
                self.push(place, table.line, what, "choose another name");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
