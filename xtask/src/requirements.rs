//! `cargo xtask requirements`: a ledger says of every requirement of a document which test shows it, why it is not
//! ours, or what is missing.
//!
//! Ledgers are `testvectors/requirements/NAME.toml`; beside each, `NAME.counts.toml` says how often each section of
//! the document uses each keyword. The document itself is not here: `--count` makes the counts from its text.

mod count;
mod ledger;
mod report;
mod shown;

use anyhow::{Context, Result, bail};
use ledger::{Counts, Ledger};
use shown::Tests;
use std::fs;
use std::path::Path;

pub const USAGE: &str = "\
usage: cargo xtask requirements [--strict] [DOCUMENT]   check the ledgers, and print what they cover
       cargo xtask requirements --count FILE            count the keywords of an RFC's text
       --strict also fails on a MUST that is open; it becomes the default once none is";

/// Where the ledgers are.
const FOLDER: &str = "testvectors/requirements";

/// Does what the words say; false when a ledger has a fault.
pub fn run(root: &Path, words: &[&str]) -> Result<bool> {
    match words {
        ["--count", file] => {
            let text = fs::read_to_string(file).with_context(|| (*file).to_owned())?;
            print!("{}", count::table(&text));
            Ok(true)
        }
        ["--strict", rest @ ..] if rest.len() <= 1 => check(root, rest.first().copied(), true),
        [] => check(root, None, false),
        [document] if !document.starts_with('-') => check(root, Some(document), false),
        _ => bail!("{USAGE}"),
    }
}

fn check(root: &Path, document: Option<&str>, strict: bool) -> Result<bool> {
    let names = match document {
        Some(name) => vec![name.to_owned()],
        None => ledgers(root)?,
    };
    let mut sound = true;
    for name in names {
        let read = |file: String| {
            let path = root.join(FOLDER).join(&file);
            fs::read_to_string(&path).with_context(|| path.display().to_string())
        };
        let ledger: Ledger = toml::from_str(&read(format!("{name}.toml"))?).context(name.clone())?;
        let counts: Counts = toml::from_str(&read(format!("{name}.counts.toml"))?).context(name.clone())?;
        let mut faults = ledger.faults(&counts);
        faults.extend(shown::faults(&ledger, &mut Tests::of(root)));
        if strict {
            faults.extend(ledger.open_musts());
        }
        print!("{}", report::text(&ledger));
        faults.iter().for_each(|fault| println!("{name}: {fault}"));
        sound &= faults.is_empty();
    }
    Ok(sound)
}

fn ledgers(root: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join(FOLDER)).context(FOLDER)? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        names.extend(file.strip_suffix(".toml").filter(|name| !name.contains('.')).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}
