//! Keys in a file that others may read.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::ConfigError;
use crate::config::raw::{RawBridge, RawConfig};

/// The keys written in a file that everyone may read: a warning each, since it is too late for them.
///
/// # Errors
/// The file is gone.
pub fn exposed_keys(raw: &RawConfig, file: &Path) -> io::Result<Vec<ConfigError>> {
    let exposed = std::fs::metadata(file)?.permissions().mode() & 0o007 != 0;
    let ports = raw.bridges.iter().flat_map(|(bridge, RawBridge { ports, .. })| {
        ports.iter().map(move |(port, table)| (format!("bridge.{bridge}.port.{port}.psk"), table))
    });
    let interfaces = raw.ipsec.iter().map(|(name, table)| (format!("ipsec.{name}.psk"), table));
    let keys =
        ports.chain(interfaces).filter_map(|(place, table)| Some((place, table.entries().get("psk")?)));
    let warning = |(place, line): (String, Option<u32>)| ConfigError {
        place,
        line,
        what: "everyone may read this file".to_owned(),
        remedy: format!("chmod 600 {}, and take another key", file.display()),
    };
    let keys = keys.map(|(place, entry)| (place, entry.line));
    Ok(keys.filter(|_| exposed).map(warning).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;

    #[test]
    fn a_key_in_a_file_for_everyone_is_told_by_line() {
        let text = "[ipsec.a]\npsk = \"secret\"\n[bridge.b.port.p]\npsk_file = \"/k\"\n[bridge.b.port.q]\npsk = \"x\"";
        let (raw, errors) = RawConfig::read(text.as_bytes());
        assert!(errors.is_empty());
        let file = tempfile::NamedTempFile::new().unwrap();
        let told = |mode| {
            std::fs::set_permissions(file.path(), Permissions::from_mode(mode)).unwrap();
            exposed_keys(&raw, file.path()).unwrap().iter().filter_map(|key| key.line).collect::<Vec<_>>()
        };
        assert_eq!(told(0o644), [6, 2]);
        assert!(told(0o640).is_empty());
    }
}
