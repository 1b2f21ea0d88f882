//! Whether the tests a ledger names are there: functions with `#[test]`, alone or inside `proptest!`.

use super::ledger::Ledger;
use proc_macro2::{TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};

/// The tests of the files asked about, each file read once.
pub struct Tests {
    root: PathBuf,
    files: BTreeMap<String, Result<BTreeSet<String>, String>>,
}

impl Tests {
    pub fn of(root: &Path) -> Self {
        Self { root: root.to_owned(), files: BTreeMap::new() }
    }

    /// What is wrong with a name, `file.rs::function`.
    fn fault(&mut self, name: &str) -> Option<String> {
        let Some((file, function)) = name.split_once(".rs::") else {
            return Some(format!("`{name}` is not file.rs::function"));
        };
        let file = format!("{file}.rs");
        let path = self.root.join(&file);
        match self.files.entry(file.clone()).or_insert_with(|| tests_in_file(&path)) {
            Ok(tests) if tests.contains(function) => None,
            Ok(_) => Some(format!("{file} has no test `{function}`")),
            Err(error) => Some(format!("{file}: {error}")),
        }
    }
}

/// Every test that is named and is not there.
pub fn faults(ledger: &Ledger, tests: &mut Tests) -> Vec<String> {
    let mut faults = Vec::new();
    for row in &ledger.requirement {
        let named = row.tests.iter().chain(&row.refused_by);
        faults.extend(named.filter_map(|name| tests.fault(name)).map(|fault| format!("{}: {fault}", row.id)));
    }
    faults
}

fn tests_in_file(path: &Path) -> Result<BTreeSet<String>, String> {
    tests_in(&fs::read_to_string(path).map_err(|error| error.to_string())?)
}

fn tests_in(text: &str) -> Result<BTreeSet<String>, String> {
    let tree = syn::parse_file(text).map_err(|error| error.to_string())?;
    let mut found = Found(BTreeSet::new());
    found.visit_file(&tree);
    Ok(found.0)
}

struct Found(BTreeSet<String>);

impl<'ast> Visit<'ast> for Found {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        let is = |name| {
            let named = |attribute: &syn::Attribute| {
                attribute.path().segments.last().is_some_and(|segment| segment.ident == name)
            };
            item.attrs.iter().any(named)
        };
        if is("test") && !is("ignore") {
            self.0.insert(item.sig.ident.to_string());
        }
        visit::visit_item_fn(self, item);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        if item.path.segments.last().is_some_and(|segment| segment.ident == "proptest") {
            self.0.extend(tests_in_proptest(item.tokens.clone()));
        }
    }
}

/// `proptest!` holds functions whose parameters are no Rust: `#[test] fn name(x in strategy) { .. }`.
fn tests_in_proptest(tokens: TokenStream) -> Vec<String> {
    let mut found = Vec::new();
    let (mut is_test, mut is_name) = (false, false);
    for token in tokens {
        match token {
            TokenTree::Group(group) if group.stream().to_string() == "test" => is_test = true,
            TokenTree::Ident(word) if word == "fn" => is_name = true,
            TokenTree::Ident(name) if is_name => {
                found.extend(is_test.then(|| name.to_string()));
                (is_test, is_name) = (false, false);
            }
            TokenTree::Group(_) | TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_found_wherever_they_stand() {
        let text = "#[test] fn a() {}\nfn no() {}\n#[test] #[ignore] fn asleep() {}\n\
                    mod tests { #[tokio::test] async fn b() {}\n\
                    proptest! { #![cfg(x)] #[test] fn c(x in 0..9u8, y: u8) { f(x) }\n fn helper() {} } }";
        assert_eq!(tests_in(text).unwrap(), ["a", "b", "c"].map(str::to_owned).into());
    }

    #[test]
    fn a_ledger_that_names_what_is_not_there_has_faults() {
        let row = |name: &str| {
            format!("[[requirement]]\nid='1-{name}'\nsection='1'\nlevel='MUST'\ntext='x'\ntests=['{name}']\n")
        };
        let here = "xtask/src/requirements/shown.rs";
        let names = [
            format!("{here}::tests_are_found_wherever_they_stand"),
            format!("{here}::nobody"),
            "xtask/src/nowhere.rs::nobody".to_owned(),
            "nobody".to_owned(),
        ];
        let rows: String = names.iter().map(|name| row(name)).collect();
        let ledger: Ledger = toml::from_str(&format!("document = 'X'\n{rows}")).unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let faults = faults(&ledger, &mut Tests::of(root));
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert_eq!(faults[0], format!("1-{here}::nobody: {here} has no test `nobody`"));
        assert!(faults[2].ends_with("`nobody` is not file.rs::function"));
    }
}
