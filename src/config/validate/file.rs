//! A configuration file, and the keys in it that others may read.

use std::fs;
use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use super::{ConfigError, PskSource, Tolerance, Valid, is_everyones, read};
use crate::config::raw::{RawBridge, RawConfig};

/// Why a file cannot be used.
#[derive(Debug)]
pub enum FileError {
    /// It cannot be read.
    Unreadable(io::Error),
    /// Everything that is wrong with it, from its syntax to its meaning, by line.
    Wrong(Vec<ConfigError>),
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

/// Reads and checks a configuration file. Keys written in one that everyone may read are warned of.
///
/// # Errors
/// [`FileError`].
pub fn read_file(
    path: &Path,
    psk: &dyn PskSource,
    tolerance: Tolerance,
) -> Result<(RawConfig, Valid), FileError> {
    let text = Zeroizing::new(fs::read(path)?);
    let (raw, mut valid) = read(&text, psk, tolerance).map_err(FileError::Wrong)?;
    if is_everyones(&fs::metadata(path)?) {
        valid.warnings.extend(exposed_keys(&raw, path));
    }
    Ok((raw, valid))
}

/// A warning for each key of a file that everyone may read, since it is too late for them.
fn exposed_keys(raw: &RawConfig, file: &Path) -> impl Iterator<Item = ConfigError> {
    let ports = raw.bridges.iter().flat_map(|(bridge, RawBridge { ports, .. })| {
        ports.iter().map(move |(port, table)| (format!("bridge.{bridge}.port.{port}.psk"), table))
    });
    let interfaces = raw.ipsec.iter().map(|(name, table)| (format!("ipsec.{name}.psk"), table));
    let keys =
        ports.chain(interfaces).filter_map(|(place, table)| Some((place, table.entries().get("psk")?)));
    keys.map(move |(place, entry)| ConfigError {
        place,
        line: entry.line,
        what: "everyone may read this file".to_owned(),
        remedy: format!("chmod 600 {}, and take another key", file.display()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::validate::ThisHost;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_key_in_a_file_for_everyone_is_told_by_line() {
        let text = "[ipsec.a]\nremote_ip = '192.0.2.1'\npsk = 'secret'\n\
                    [bridge.b.port.p]\ntype = 'gre'\nremote_ip = '192.0.2.2'\npsk_env = 'PATH'\n\
                    [bridge.b.port.q]\ntype = 'vxlan'\nremote_ip = '192.0.2.3'\npsk = 'x'\n";
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        let told = |mode| {
            fs::set_permissions(file.path(), Permissions::from_mode(mode)).unwrap();
            let (_, valid) = read_file(file.path(), &ThisHost, Tolerance::NONE).unwrap();
            valid.warnings.iter().filter_map(|key| key.line).collect::<Vec<_>>()
        };
        assert_eq!(told(0o644), [11, 3]);
        assert!(told(0o640).is_empty());
    }
}
