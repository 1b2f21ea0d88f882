//! The rules of the house, one file a rule.

mod bans;
mod caps;
mod imports;
mod source;
mod twins;

use anyhow::Result;
use source::Source;
use std::path::Path;

/// One line a finding: `path:line: what, and what to do`.
pub fn run(root: &Path) -> Result<Vec<String>> {
    let sources = Source::all(root)?;
    let mut findings = imports::between_packages(root)?;
    findings.extend(twins::clippy_files(root)?);
    for source in &sources {
        findings.extend(imports::within(source));
        findings.extend(caps::check(source));
        findings.extend(bans::check(source));
    }
    findings.sort();
    Ok(findings)
}

/// The crates that never touch the world.
const CORES: [&str; 5] = ["crypto", "esp", "encap", "switch", "ike"];
