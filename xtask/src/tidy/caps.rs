//! Sizes: a file is one idea of at most 500 lines of code, a function at most 70 lines.

use super::source::Source;
use proc_macro2::LineColumn;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 70;

pub fn check(source: &Source) -> Vec<String> {
    if source.is_test() {
        return Vec::new();
    }
    let mut functions = Functions { path: &source.path, findings: Vec::new(), tests: Vec::new() };
    functions.visit_file(&source.tree);
    let in_tests = |line: usize| functions.tests.iter().any(|(from, to)| (*from..=*to).contains(&line));
    let code =
        source.text.lines().enumerate().filter(|(index, line)| is_code(line) && !in_tests(index + 1)).count();
    let mut findings = functions.findings;
    if code > FILE_LINES {
        findings
            .push(format!("{}: {code} lines of code, at most {FILE_LINES}: split it by idea", source.path));
    }
    findings
}

fn is_code(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with("//")
}

struct Functions<'s> {
    path: &'s str,
    findings: Vec<String>,
    tests: Vec<(usize, usize)>,
}

impl Functions<'_> {
    fn function(&mut self, name: &syn::Ident, start: LineColumn, end: LineColumn) {
        let lines = end.line + 1 - start.line;
        if lines > FUNCTION_LINES {
            let path = self.path;
            let line = start.line;
            self.findings
                .push(format!("{path}:{line}: `{name}` has {lines} lines, at most {FUNCTION_LINES}"));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if is_cfg_test(&item.attrs) {
            self.tests.push((item.span().start().line, item.span().end().line));
            return;
        }
        visit::visit_item_mod(self, item);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig.ident, item.sig.span().start(), item.block.span().end());
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig.ident, item.sig.span().start(), item.block.span().end());
        visit::visit_impl_item_fn(self, item);
    }
}

/// `#[cfg(test)]`
pub fn is_cfg_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|a| {
        a.path().is_ident("cfg") && a.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let tree = syn::parse_file(text).unwrap();
        check(&Source { path: "ike/src/x.rs".into(), text: text.into(), tree })
    }

    #[test]
    fn long_files_and_functions_are_found_but_tests_do_not_count() {
        let long = format!("fn f() {{\n{}}}\n", "let _ = 1;\n".repeat(69));
        assert_eq!(findings(&long), ["ike/src/x.rs:1: `f` has 71 lines, at most 70"]);
        let many = "const _: u8 = 1;\n".repeat(501);
        assert_eq!(findings(&many).len(), 1);
        assert!(findings(&format!("#[cfg(test)]\nmod tests {{\n{many}}}")).is_empty());
    }
}
