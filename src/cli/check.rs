//! `adit check FILE`.

use std::path::Path;
use std::process::ExitCode;

use super::{fail, print};
use crate::config::raw::RawConfig;
use crate::config::validate::{ThisHost, validate};

pub(super) fn check(file: &Path) -> ExitCode {
    let name = file.display();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => zeroize::Zeroizing::new(text),
        Err(error) => return fail(format!("cannot read {name}: {error}")),
    };
    match RawConfig::from_toml(&text).and_then(|raw| validate(&raw, &ThisHost)) {
        Ok(desired) => {
            let ports: usize = desired.bridges.values().map(|bridge| bridge.ports.len()).sum();
            let (bridges, ipsec) = (desired.bridges.len(), desired.ipsec.len());
            print(&format!("{name}: good: bridges {bridges}, ports {ports}, ipsec interfaces {ipsec}\n"));
            ExitCode::SUCCESS
        }
        Err(errors) => {
            for error in &errors {
                eprintln!("{name}: {error}");
            }
            fail(format!("{name}: {} to correct", errors.len()))
        }
    }
}
