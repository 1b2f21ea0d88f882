//! Runs every corpus through its body. A target without a corpus, a corpus without a target, and a
//! target without a binary are failures.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use adit_fuzz::TARGETS;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut paths: Vec<_> = read.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

fn names(directory: &str) -> BTreeSet<String> {
    let paths = entries(&root().join(directory));
    paths.iter().filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
}

fn targets() -> BTreeSet<String> {
    TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect()
}

#[test]
fn every_corpus_passes_its_body() {
    for (name, body) in TARGETS {
        let files = entries(&root().join("corpus").join(name));
        assert!(!files.is_empty(), "{name}: the corpus is empty");
        for file in files {
            let data = fs::read(&file).expect("readable");
            let outcome = std::panic::catch_unwind(|| body(&data));
            assert!(outcome.is_ok(), "{name} fails on {}", file.display());
        }
    }
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    assert_eq!(names("corpus"), targets());
}

#[test]
fn every_target_has_a_binary_and_every_binary_a_target() {
    assert_eq!(names("targets"), targets());
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("readable");
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("path = \"targets/{name}.rs\"")), "{name} in Cargo.toml");
    }
}

#[test]
fn the_empty_input_passes_every_body() {
    TARGETS.iter().for_each(|(_, body)| body(&[]));
}
