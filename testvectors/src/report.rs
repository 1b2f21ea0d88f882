//! A table by document of what passed and what did not.

use std::collections::BTreeMap;
use std::fmt;

use adit_crypto::Backend;

use crate::run::{Failure, Outcome};

/// What came of all vectors.
#[derive(Debug)]
pub struct Report {
    rows: Vec<Row>,
    failures: Vec<String>,
}

/// The vectors of one kind in one document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Where they are published.
    pub document: String,
    /// What kind they are.
    pub kind: &'static str,
    /// Runs that gave what the document prints; a vector counts once for each backend.
    pub passed: usize,
    /// Runs that did not.
    pub failed: usize,
}

impl Report {
    /// Sums up.
    #[must_use]
    pub fn new(outcomes: &[Outcome]) -> Self {
        let mut rows: BTreeMap<(&str, &'static str), Row> = BTreeMap::new();
        let mut failures = Vec::new();
        for outcome in outcomes {
            let row = rows.entry((&outcome.document, outcome.kind)).or_insert_with(|| Row {
                document: outcome.document.clone(),
                kind: outcome.kind,
                passed: 0,
                failed: 0,
            });
            match &outcome.result {
                Ok(()) => row.passed += 1,
                Err(failure) => {
                    row.failed += 1;
                    failures.push(line(outcome, failure));
                }
            }
        }
        Self { rows: rows.into_values().collect(), failures }
    }

    /// Whether there were vectors and all of them passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        !self.rows.is_empty() && self.failures.is_empty()
    }

    /// One row per document and kind, in the order of their names.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// One line per failure.
    #[must_use]
    pub fn failures(&self) -> &[String] {
        &self.failures
    }
}

fn line(outcome: &Outcome, failure: &Failure) -> String {
    let backend = match outcome.backend {
        None => "",
        Some(Backend::Fast) => " (aws-lc)",
        Some(Backend::Pure) => " (RustCrypto)",
    };
    format!("{}, {} {}{backend}: {failure}", outcome.document, outcome.kind, outcome.id)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.document.len()).max().unwrap_or(0).max("document".len());
        writeln!(f, "{:width$}  {:9}  {:>6}  {:>6}", "document", "kind", "passed", "failed")?;
        for row in &self.rows {
            writeln!(f, "{:width$}  {:9}  {:>6}  {:>6}", row.document, row.kind, row.passed, row.failed)?;
        }
        self.failures.iter().try_for_each(|failure| writeln!(f, "{failure}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(id: &str, backend: Option<Backend>, result: Result<(), Failure>) -> Outcome {
        Outcome { document: "RFC 1".into(), kind: "prf", id: id.into(), backend, result }
    }

    #[test]
    fn a_failure_is_counted_and_named() {
        let bad = Err(Failure::Refused("no".into()));
        let outcomes = [outcome("1", None, Ok(())), outcome("2", Some(Backend::Pure), bad)];
        let report = Report::new(&outcomes);
        assert!(!report.passed());
        assert_eq!(report.rows(), [Row { document: "RFC 1".into(), kind: "prf", passed: 1, failed: 1 }]);
        assert_eq!(report.failures(), ["RFC 1, prf 2 (RustCrypto): no"]);
        assert!(report.to_string().ends_with("RFC 1, prf 2 (RustCrypto): no\n"));
    }

    #[test]
    fn nothing_at_all_is_not_a_pass() {
        assert!(!Report::new(&[]).passed());
        assert!(Report::new(&[outcome("1", None, Ok(()))]).passed());
    }
}
