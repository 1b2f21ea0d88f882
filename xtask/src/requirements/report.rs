//! What a ledger covers, for people.

use super::ledger::{Ledger, Level, Requirement, Standing, Weight};
use std::fmt::Write;

const STANDINGS: [Standing; 3] = [Standing::Tested, Standing::NotApplicable, Standing::Open];

/// A line for each section, then the totals by weight. Rows are counted, not keywords.
pub fn text(ledger: &Ledger) -> String {
    let mut out = format!("{:<16}{:>8}{:>6}{:>6}\n", ledger.document, "tested", "n/a", "open");
    let mut sections: Vec<&str> = Vec::new();
    for row in &ledger.requirement {
        if !sections.contains(&row.section.as_str()) {
            sections.push(&row.section);
        }
    }
    for section in sections {
        line(&mut out, section, ledger.requirement.iter().filter(|row| row.section == section));
    }
    let of = |weight| ledger.requirement.iter().filter(move |row| row.level.weight() == weight);
    line(&mut out, "all MUST", of(Weight::Must));
    line(&mut out, "all SHOULD", of(Weight::Should));
    line(&mut out, Level::May.name(), of(Weight::May));
    out
}

fn line<'r>(out: &mut String, name: &str, rows: impl Iterator<Item = &'r Requirement> + Clone) {
    let [tested, foreign, open] =
        STANDINGS.map(|standing| rows.clone().filter(|row| row.standing() == Some(standing)).count());
    writeln!(out, "{name:<16}{tested:>8}{foreign:>6}{open:>6}").expect("a string takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_by_section_and_weight() {
        let row = |id: &str, level: &str, what: &str| {
            let section = id.split('-').next().unwrap();
            format!("[[requirement]]\nid='{id}'\nsection='{section}'\nlevel='{level}'\ntext='x'\n{what}\n")
        };
        let rows = [
            row("1-1", "MUST", "tests=['a.rs::b']"),
            row("1-2", "SHOULD NOT", "open='all'"),
            row("2-1", "SHALL", "not_applicable='no'"),
        ];
        let ledger: Ledger = toml::from_str(&format!("document = 'X'\n{}", rows.concat())).unwrap();
        let expected = "X                 tested   n/a  open\n\
                        1                      1     0     1\n\
                        2                      0     1     0\n\
                        all MUST               1     1     0\n\
                        all SHOULD             0     0     1\n\
                        MAY                    0     0     0\n";
        assert_eq!(text(&ledger), expected);
    }
}
