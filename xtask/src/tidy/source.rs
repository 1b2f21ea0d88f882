//! Every Rust file of the workspace, read and parsed once.

use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// One file.
pub struct Source {
    /// Path from the workspace root, with `/`.
    pub path: String,
    /// Its lines.
    pub text: String,
    /// Its syntax tree.
    pub tree: syn::File,
}

impl Source {
    /// All files below the packages' own folders.
    pub fn all(root: &Path) -> Result<Vec<Self>> {
        let mut found = Vec::new();
        for entry in sorted(root)? {
            let name = entry.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            if entry.is_dir() && !name.starts_with('.') && name != "target" && name != "fuzz" {
                walk(root, &entry, &mut found)?;
            }
        }
        walk(root, &root.join("fuzz/src"), &mut found)?;
        Ok(found)
    }

    /// Whether the file holds tests only: `foo/tests.rs`, `tests/…`, `benches/…`, `examples/…`.
    pub fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs")
            || self.path.split('/').any(|part| matches!(part, "tests" | "benches" | "examples"))
    }

    /// The core crate it is the source of.
    pub fn core(&self) -> Option<&'static str> {
        super::CORES.into_iter().find(|core| self.path.starts_with(&format!("{core}/src/")))
    }
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<Source>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for path in sorted(folder)? {
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
            walk(root, &path, found)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path)?;
            let tree = syn::parse_file(&text).with_context(|| format!("{}", path.display()))?;
            let path = path.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
            found.push(Source { path, text, tree });
        }
    }
    Ok(())
}

fn sorted(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut entries: Vec<_> =
        fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    entries.sort();
    Ok(entries)
}
