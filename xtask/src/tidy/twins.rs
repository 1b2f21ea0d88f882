//! Clippy takes the nearest `clippy.toml` only, so each core has a copy: they must be the same.

use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

pub fn clippy_files(root: &Path) -> Result<Vec<String>> {
    let read = |path: &Path| fs::read_to_string(path).with_context(|| format!("{}", path.display()));
    let mut cores = super::CORES.into_iter();
    let first = cores.next().expect("there are cores");
    let wanted = read(&root.join(first).join("clippy.toml"))?;
    let mut findings = Vec::new();
    for core in cores {
        if read(&root.join(core).join("clippy.toml"))? != wanted {
            findings.push(format!("{core}/clippy.toml: differs from {first}/clippy.toml; copy it"));
        }
    }
    Ok(findings)
}
