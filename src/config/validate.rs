//! From what was written to what is desired: every error at once, with place and remedy.

mod bridge;
mod conflicts;
mod fields;
mod file;
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
pub use file::{FileError, read_file};

/// Longest key read from a file, in bytes.
const KEY_MAX: usize = 4096;

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

/// Whether everyone may read or write a file: no place for a key.
fn is_everyones(found: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    found.permissions().mode() & 0o007 != 0
}

/// Files and environment of this process.
#[derive(Debug, Clone, Copy)]
pub struct ThisHost;

impl PskSource for ThisHost {
    fn file(&self, path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
        use std::io::Read as _;
        let file = std::fs::File::open(path)?;
        if is_everyones(&file.metadata()?) {
            return Err(io::Error::other("everyone may read or write it"));
        }
        // Room for all of it at once: a vector that grows leaves copies behind.
        let mut key = Zeroizing::new(Vec::with_capacity(KEY_MAX + 1));
        file.take(KEY_MAX as u64 + 1).read_to_end(&mut key)?;
        if key.len() > KEY_MAX {
            return Err(io::Error::other(format!("it has more than {KEY_MAX} bytes, and is no key")));
        }
        Ok(key)
    }

    fn variable(&self, name: &str) -> Option<Zeroizing<String>> {
        std::env::var(name).ok().map(Zeroizing::new)
    }
}

/// What is told and still no reason to refuse a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tolerance {
    /// Keys that cannot be read now: until they can, what they are for lets nothing through.
    pub keys: bool,
    /// Times of the spanning tree that do not go together: the nearest that do are taken.
    pub stp_times: bool,
}

impl Tolerance {
    /// Of `adit check`: everything is told as an error.
    pub const NONE: Self = Self { keys: false, stp_times: false };
    /// Of a file that shall run.
    pub const FILE: Self = Self { keys: true, stp_times: false };
    /// Of vsctl's database, whose columns are set one after the other.
    pub const DATABASE: Self = Self { keys: true, stp_times: true };
}

/// A configuration that may run.
#[derive(Debug, Clone, PartialEq)]
pub struct Valid {
    /// What is wanted.
    pub desired: Desired,
    /// What was tolerated.
    pub warnings: Vec<ConfigError>,
}

/// Checks a configuration as a whole, and tolerates nothing.
///
/// # Errors
/// Everything that is wrong with it, by place.
pub fn validate(raw: &RawConfig, psk: &dyn PskSource) -> Result<Desired, Vec<ConfigError>> {
    judge(raw, psk, Tolerance::NONE).map(|valid| valid.desired)
}

/// Checks a configuration as a whole.
///
/// # Errors
/// Everything that is wrong with it, by place.
pub fn judge(raw: &RawConfig, psk: &dyn PskSource, tolerance: Tolerance) -> Result<Valid, Vec<ConfigError>> {
    Check::new(psk, tolerance, Vec::new()).judge(raw)
}

/// Reads and checks a configuration file.
///
/// # Errors
/// Everything that is wrong with it, from its syntax to its meaning, by line.
pub fn read(
    text: &[u8],
    psk: &dyn PskSource,
    tolerance: Tolerance,
) -> Result<(RawConfig, Valid), Vec<ConfigError>> {
    let (raw, errors) = RawConfig::read(text);
    let valid = Check::new(psk, tolerance, errors).judge(&raw)?;
    Ok((raw, valid))
}

/// What the parts of validation share.
struct Check<'p> {
    psk: &'p dyn PskSource,
    tolerance: Tolerance,
    errors: Vec<ConfigError>,
    warnings: Vec<ConfigError>,
    /// Names taken, and by whom.
    names: BTreeMap<String, String>,
}

impl<'p> Check<'p> {
    fn new(psk: &'p dyn PskSource, tolerance: Tolerance, errors: Vec<ConfigError>) -> Self {
        Self { psk, tolerance, errors, warnings: Vec::new(), names: BTreeMap::new() }
    }

    fn judge(mut self, raw: &RawConfig) -> Result<Valid, Vec<ConfigError>> {
        let mut desired = Desired::default();
        for (name, bridge) in &raw.bridges {
            let place = format!("bridge.{name}");
            let valid = self.name(&place, &bridge.settings, name);
            let bridge = self.bridge(&place, name, bridge);
            if let (Some(name), Some(bridge)) = (valid, bridge) {
                desired.bridges.insert(name, bridge);
            }
        }
        for (name, table) in &raw.ipsec {
            let place = format!("ipsec.{name}");
            let valid = self.name(&place, table, name);
            let interface = self.ipsec_interface(&place, table);
            if let (Some(name), Some(interface)) = (valid, interface) {
                desired.ipsec.insert(name, interface);
            }
        }
        conflicts::find(raw, &desired, &mut self.errors);
        if self.errors.is_empty() {
            return Ok(Valid { desired, warnings: self.warnings });
        }
        self.errors.sort_by_key(|error| error.line);
        Err(self.errors)
    }

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
