//! `adit check FILE`.

use std::path::Path;
use std::process::ExitCode;

use super::{fail, print};
use crate::config::validate::{self, FileError, ThisHost, Tolerance, Valid};

pub(super) fn check(file: &Path) -> ExitCode {
    let name = file.display();
    match validate::read_file(file, &ThisHost, Tolerance::NONE) {
        Ok((_, Valid { desired, warnings })) => {
            for warning in warnings {
                eprintln!("{name}: warning: {warning}");
            }
            let ports: usize = desired.bridges.values().map(|bridge| bridge.ports.len()).sum();
            let (bridges, ipsec) = (desired.bridges.len(), desired.ipsec.len());
            print(&format!("{name}: good: bridges {bridges}, ports {ports}, ipsec interfaces {ipsec}\n"));
            ExitCode::SUCCESS
        }
        Err(FileError::Unreadable(error)) => fail(format!("cannot read {name}: {error}")),
        Err(FileError::Wrong(errors)) => {
            for error in &errors {
                eprintln!("{name}: {error}");
            }
            fail(format!("{name}: {} to correct", errors.len()))
        }
    }
}
