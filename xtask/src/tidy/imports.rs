//! Who may import whom: between packages, between the storeys of `ike`, between the rooms of `src`.

use super::source::Source;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// Package, what it may depend on, what its tests may use besides.
const PACKAGES: [(&str, &[&str], &[&str]); 10] = [
    ("adit-crypto", &[], &["adit-testvectors"]),
    ("adit-esp", &["adit-crypto"], &["adit-testvectors"]),
    ("adit-encap", &[], &[]),
    ("adit-switch", &[], &["adit-sim"]),
    ("adit-ike", &["adit-crypto"], &["adit-sim"]),
    ("adit-testvectors", &["adit-crypto", "adit-esp", "adit-encap", "adit-switch", "adit-ike"], &[]),
    ("adit-sim", &[], &[]),
    (
        "adit",
        &["adit-crypto", "adit-esp", "adit-encap", "adit-switch", "adit-ike", "adit-testvectors"],
        &["adit-sim"],
    ),
    ("adit-fuzz", &["adit", "adit-crypto", "adit-esp", "adit-encap", "adit-switch", "adit-ike"], &[]),
    ("xtask", &[], &[]),
];

/// Files below the first may not name the second.
const ROOMS: [(&str, &str, &str); 14] = [
    ("ike/src/wire", "crate::exchange", "wire is below exchange"),
    ("ike/src/wire", "crate::sa", "wire is below sa"),
    ("ike/src/wire", "crate::endpoint", "wire is below endpoint"),
    ("ike/src/exchange", "crate::sa", "exchange is below sa"),
    ("ike/src/exchange", "crate::endpoint", "exchange is below endpoint"),
    ("ike/src/sa", "crate::endpoint", "sa is below endpoint"),
    ("src/dataplane", "adit_ike", "the data path knows no IKE; control/install.rs translates"),
    ("src/dataplane", "crate::control", "control is above the data path"),
    ("src/dataplane", "crate::config", "configuration is above the data path"),
    ("src/dataplane", "crate::lab", "nobody imports the lab but the command line"),
    ("src/control", "dataplane::path_", "control speaks to the data path's handle only"),
    ("src/control", "crate::lab", "nobody imports the lab but the command line"),
    ("src/config", "crate::control", "control is above configuration"),
    ("src/lab", "crate::control", "the lab sees adit from outside, as a user does"),
];

/// The one file where IKE's keys become ESP's SAs.
const INSTALL: &str = "src/control/install";

/// Checks the dependency table against `cargo metadata`.
pub fn between_packages(root: &Path) -> Result<Vec<String>> {
    let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .context("cannot run cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let ours = |name: &str| PACKAGES.iter().any(|(known, _, _)| *known == name);
    let mut findings = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, uses, tests_use)) = PACKAGES.iter().find(|(known, _, _)| *known == name) else {
            findings.push(format!("{name}: not in the import table (xtask/src/tidy/imports.rs)"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let on = dependency["name"].as_str().unwrap_or_default();
            let dev = dependency["kind"].as_str() == Some("dev");
            if ours(on) && !uses.contains(&on) && !(dev && tests_use.contains(&on)) {
                findings.push(format!("{name} may not depend on {on}: imports go down only"));
            }
        }
    }
    Ok(findings)
}

/// Checks what a file names.
pub fn within(source: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    let in_src = source.path.starts_with("src/");
    let names =
        |word: &str| source.text.lines().any(|line| line.split("//").next().unwrap_or("").contains(word));
    for (room, word, why) in ROOMS {
        let inside = source.path.strip_prefix(room).is_some_and(|rest| rest.starts_with(['/', '.']));
        if inside && names(word) {
            findings.push(format!("{}: names `{word}`: {why}", source.path));
        }
    }
    if in_src && names("adit_ike") && names("adit_esp") && !source.path.starts_with(INSTALL) {
        findings.push(format!("{}: names both ike and esp; only {INSTALL}.rs may", source.path));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> usize {
        within(&Source { path: path.into(), text: text.into(), tree: syn::parse_file("").unwrap() }).len()
    }

    #[test]
    fn imports_upwards_are_found() {
        assert_eq!(findings("ike/src/wire/sa.rs", "use crate::sa::IkeSa;"), 1);
        assert_eq!(findings("ike/src/sa/keys.rs", "use crate::wire::Sa;"), 0);
        assert_eq!(findings("src/dataplane/worker.rs", "use adit_ike::Spi;"), 1);
        assert_eq!(findings("src/control/x.rs", "use adit_ike::A;\nuse adit_esp::B;"), 1);
        assert_eq!(findings("src/control/install.rs", "use adit_ike::A;\nuse adit_esp::B;"), 0);
    }
}
