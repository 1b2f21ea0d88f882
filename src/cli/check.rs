//! `adit check FILE`.

use std::path::Path;
use std::process::ExitCode;

use super::{fail, print};
use crate::config::validate::{self, ThisHost, Tolerance, Valid};

pub(super) fn check(file: &Path) -> ExitCode {
    let name = file.display();
    let text = match std::fs::read(file) {
        Ok(text) => zeroize::Zeroizing::new(text),
        Err(error) => return fail(format!("cannot read {name}: {error}")),
    };
    match validate::read(&text, &ThisHost, Tolerance::NONE) {
        Ok((raw, Valid { desired, .. })) => {
            for warning in validate::exposed_keys(&raw, file).unwrap_or_default() {
                eprintln!("{name}: warning: {warning}");
            }
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
