//! How often each section of an RFC's text uses each keyword.

use super::ledger::Level;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Keywords counted. "MUST NOT" is one, not a MUST.
const COUNTED: [Level; 9] = [
    Level::Must,
    Level::MustNot,
    Level::Required,
    Level::Shall,
    Level::ShallNot,
    Level::Should,
    Level::ShouldNot,
    Level::Recommended,
    Level::NotRecommended,
];

/// The counts as TOML, section by section in the order of the text.
pub fn table(text: &str) -> String {
    let mut out = "[counts]\n".to_owned();
    for (section, levels) in sections(text) {
        let levels: Vec<String> =
            levels.iter().map(|(level, count)| format!("\"{}\" = {count}", level.name())).collect();
        if !levels.is_empty() {
            writeln!(out, "\"{section}\" = {{ {} }}", levels.join(", ")).expect("a string takes any text");
        }
    }
    out.replace("\"MUST\" =", "MUST =").replace("\"SHOULD\" =", "SHOULD =")
}

fn sections(text: &str) -> Vec<(String, BTreeMap<Level, usize>)> {
    let mut sections = Vec::new();
    let (mut section, mut words) = (None, Vec::new());
    for line in text.lines().filter(|line| !is_page_furniture(line)) {
        if let Some(heading) = heading(line) {
            sections.extend(section.replace(heading.to_owned()).map(|section| (section, levels(&words))));
            words.clear();
        }
        // FAILED_CP_REQUIRED is one word, and none of ours.
        let is_word = |c: char| c.is_alphabetic() || c == '_';
        words.extend(line.split(|c: char| !is_word(c)).filter(|word| !word.is_empty()));
    }
    sections.extend(section.map(|section| (section, levels(&words))));
    sections
}

fn levels(words: &[&str]) -> BTreeMap<Level, usize> {
    let mut levels = BTreeMap::new();
    let mut at = 0;
    while at < words.len() {
        // The longer of two that start alike, so that a MUST NOT is no MUST.
        let matches = |level: &Level| {
            let parts: Vec<&str> = level.name().split(' ').collect();
            words[at..].starts_with(&parts).then_some((parts.len(), *level))
        };
        match COUNTED.iter().filter_map(matches).max_by_key(|(length, _)| *length) {
            Some((length, level)) => {
                *levels.entry(level).or_default() += 1;
                at += length;
            }
            None => at += 1,
        }
    }
    levels
}

/// The number of the section that begins here: at the margin, with its title after one or two blanks.
fn heading(line: &str) -> Option<&str> {
    let line = line.strip_prefix("Appendix ").unwrap_or(line);
    let (number, title) = line.split_once(' ')?;
    let number = number.strip_suffix('.').unwrap_or(number);
    let mut parts = number.split('.').enumerate();
    let is_part = |(index, part): (usize, &str)| {
        let letter = index == 0 && part.len() == 1 && part.as_bytes()[0].is_ascii_uppercase();
        letter || (!part.is_empty() && part.bytes().all(|octet| octet.is_ascii_digit()))
    };
    let is_title =
        title.trim_start().starts_with(|c: char| c.is_ascii_uppercase()) && !title.contains(". . .");
    (parts.all(is_part) && is_title && title.starts_with(' ')).then_some(number)
}

/// Feet and heads of pages.
fn is_page_furniture(line: &str) -> bool {
    (line.contains("[Page ") && line.ends_with(']'))
        || (line.starts_with("RFC ") && line.ends_with(char::is_numeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
Table of Contents

   1.  First ....... 3
   2. Second . . . . 4

1.  First

   One MUST do it. \"MUST\", again; a must does not count.  One MUST

Somebody                  Standards Track                [Page 1]
\u{c}
RFC 9999                   Something                 October 2014

   NOT do that, and SHOULD
   NOT do this (SHOULD-level).

2.1.  Second

   It is RECOMMENDED, or NOT RECOMMENDED.

3.  Third

   Nothing, not even SINGLE_PAIR_REQUIRED.

Appendix A.  More

A.1.  Of it

   All SHALL.
";

    #[test]
    fn keywords_are_counted_by_section_across_lines_and_pages() {
        let expected = "[counts]\n\"1\" = { MUST = 2, \"MUST NOT\" = 1, SHOULD = 1, \"SHOULD NOT\" = 1 }\n\
                        \"2.1\" = { \"RECOMMENDED\" = 1, \"NOT RECOMMENDED\" = 1 }\n\"A.1\" = { \"SHALL\" = 1 }\n";
        assert_eq!(table(TEXT), expected);
    }

    #[test]
    fn what_it_prints_is_read_back() {
        let counts: super::super::ledger::Counts = toml::from_str(&table(TEXT)).unwrap();
        assert_eq!(counts.counts["1"][&Level::MustNot], 1);
    }
}
