//! A ledger and the counts it must cover, as types; the rules that need no look at the sources.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a document requires, statement by statement.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// As people cite it.
    pub document: String,
    pub requirement: Vec<Requirement>,
}

/// One statement of the document. Exactly one of `tests`, `not_applicable` and `open` is there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// Section, dash, a name within it.
    pub id: String,
    pub section: String,
    pub level: Level,
    /// In our words.
    pub text: String,
    /// How many keywords of the section this is; 0 for what the document demands without one. A MAY has none.
    pub covers: Option<usize>,
    /// The tests that show it: `file.rs::function`.
    #[serde(default)]
    pub tests: Vec<String>,
    /// Why it does not concern adit.
    pub not_applicable: Option<String>,
    /// The tests that show how adit refuses what it does not do.
    #[serde(default)]
    pub refused_by: Vec<String>,
    /// What is missing.
    pub open: Option<String>,
}

/// Keywords of RFC 2119.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    #[serde(rename = "MUST")]
    Must,
    #[serde(rename = "MUST NOT")]
    MustNot,
    #[serde(rename = "REQUIRED")]
    Required,
    #[serde(rename = "SHALL")]
    Shall,
    #[serde(rename = "SHALL NOT")]
    ShallNot,
    #[serde(rename = "SHOULD")]
    Should,
    #[serde(rename = "SHOULD NOT")]
    ShouldNot,
    #[serde(rename = "RECOMMENDED")]
    Recommended,
    #[serde(rename = "NOT RECOMMENDED")]
    NotRecommended,
    /// Stands in a ledger where we decided something notable; not counted.
    #[serde(rename = "MAY")]
    May,
}

/// How binding a level is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    Must,
    Should,
    May,
}

/// What has become of a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    Tested,
    NotApplicable,
    Open,
}

/// How often each section uses each keyword.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    pub counts: BTreeMap<String, BTreeMap<Level, usize>>,
}

impl Level {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::MustNot => "MUST NOT",
            Self::Required => "REQUIRED",
            Self::Shall => "SHALL",
            Self::ShallNot => "SHALL NOT",
            Self::Should => "SHOULD",
            Self::ShouldNot => "SHOULD NOT",
            Self::Recommended => "RECOMMENDED",
            Self::NotRecommended => "NOT RECOMMENDED",
            Self::May => "MAY",
        }
    }

    pub const fn weight(self) -> Weight {
        match self {
            Self::Must | Self::MustNot | Self::Required | Self::Shall | Self::ShallNot => Weight::Must,
            Self::Should | Self::ShouldNot | Self::Recommended | Self::NotRecommended => Weight::Should,
            Self::May => Weight::May,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Requirement {
    /// Keywords of its section that it answers for.
    pub fn covers(&self) -> usize {
        self.covers.unwrap_or(usize::from(self.level != Level::May))
    }

    /// What has become of it, if the row says just one thing.
    pub fn standing(&self) -> Option<Standing> {
        match (self.tests.is_empty(), &self.not_applicable, &self.open) {
            (false, None, None) => Some(Standing::Tested),
            (true, Some(_), None) => Some(Standing::NotApplicable),
            (true, None, Some(_)) => Some(Standing::Open),
            _ => None,
        }
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let name = self.id.strip_prefix(&self.section).and_then(|rest| rest.strip_prefix('-'));
        if name.is_none_or(str::is_empty) {
            faults.push(format!("id is not section {} and a name", self.section));
        }
        if self.standing().is_none() {
            faults.push("needs exactly one of tests, not_applicable and open".to_owned());
        }
        if !self.refused_by.is_empty() && self.not_applicable.is_none() {
            faults.push("refused_by goes with not_applicable only".to_owned());
        }
        let words = [Some(&self.text), self.not_applicable.as_ref(), self.open.as_ref()];
        if words.into_iter().flatten().any(|words| words.trim().is_empty()) {
            faults.push("has an empty text or reason".to_owned());
        }
        if self.level == Level::May && self.covers.is_some() {
            faults.push("a MAY is not counted, so it covers nothing".to_owned());
        }
        faults.into_iter().map(|fault| format!("{}: {fault}", self.id)).collect()
    }
}

impl Ledger {
    /// What is wrong with the rows themselves, and where they and the counts differ.
    pub fn faults(&self, counts: &Counts) -> Vec<String> {
        let mut faults: Vec<String> = self.requirement.iter().flat_map(Requirement::faults).collect();
        let mut ids = BTreeSet::new();
        let twice = self.requirement.iter().filter(|row| !ids.insert(&row.id));
        faults.extend(twice.map(|row| format!("{}: id stands twice", row.id)));
        let mut covered: BTreeMap<(&str, Level), usize> = BTreeMap::new();
        for row in self.requirement.iter().filter(|row| row.level != Level::May) {
            *covered.entry((&row.section, row.level)).or_default() += row.covers();
        }
        let mut wanted: BTreeMap<(&str, Level), usize> = BTreeMap::new();
        for (section, levels) in &counts.counts {
            wanted.extend(levels.iter().map(|(level, count)| ((section.as_str(), *level), *count)));
        }
        let places: BTreeSet<_> = covered.keys().chain(wanted.keys()).copied().collect();
        for place in places {
            let of = |map: &BTreeMap<_, usize>| map.get(&place).copied().unwrap_or(0);
            let (has, needs) = (of(&covered), of(&wanted));
            if has != needs {
                let (section, level) = place;
                faults.push(format!("section {section} has {needs} {level}, the rows cover {has}"));
            }
        }
        faults
    }

    /// Every MUST without a test.
    pub fn open_musts(&self) -> impl Iterator<Item = String> {
        let open = self.requirement.iter().filter(|row| row.level.weight() == Weight::Must);
        open.filter_map(|row| {
            row.open.as_ref().map(|open| format!("{}: {} is open: {open}", row.id, row.level))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str =
        "[[requirement]]\nid = \"2-1\"\nsection = \"2\"\nlevel = \"MUST\"\ntext = \"be good\"\n";

    fn ledger(rows: &str) -> Result<Ledger, toml::de::Error> {
        toml::from_str(&format!("document = \"X\"\n{rows}"))
    }

    fn faults(rows: &str, counts: &str) -> Vec<String> {
        let counts: Counts = toml::from_str(&format!("[counts]\n{counts}")).unwrap();
        ledger(rows).unwrap().faults(&counts)
    }

    #[test]
    fn a_row_says_one_thing() {
        let count = "\"2\" = { MUST = 1 }";
        let one = "2-1: needs exactly one of tests, not_applicable and open";
        assert_eq!(faults(&format!("{ROW}tests = [\"a.rs::b\"]"), count), [""; 0]);
        assert_eq!(faults(&format!("{ROW}open = \"all\""), count), [""; 0]);
        assert_eq!(
            faults(&format!("{ROW}not_applicable = \"no\"\nrefused_by = [\"a.rs::b\"]"), count),
            [""; 0]
        );
        assert_eq!(faults(ROW, count), [one]);
        assert_eq!(faults(&format!("{ROW}tests = [\"a.rs::b\"]\nopen = \"some\""), count), [one]);
        let refusal = faults(&format!("{ROW}open = \"all\"\nrefused_by = [\"a.rs::b\"]"), count);
        assert_eq!(refusal, ["2-1: refused_by goes with not_applicable only"]);
        assert_eq!(faults(&format!("{ROW}open = \" \""), count), ["2-1: has an empty text or reason"]);
    }

    #[test]
    fn keys_and_levels_nobody_knows_are_refused() {
        assert!(ledger(&format!("{ROW}opne = \"typo\"")).is_err());
        assert!(ledger(&ROW.replace("MUST", "MUSST")).is_err());
    }

    #[test]
    fn ids_belong_to_their_section_and_stand_once() {
        let row = format!("{ROW}open = \"all\"\n");
        let twice = faults(&row.repeat(2), "\"2\" = { MUST = 2 }");
        assert_eq!(twice, ["2-1: id stands twice"]);
        let stray = faults(&row.replace("2-1", "3-1"), "\"2\" = { MUST = 1 }");
        assert_eq!(stray, ["3-1: id is not section 2 and a name"]);
    }

    #[test]
    fn every_keyword_is_covered_and_none_twice() {
        let row = format!("{ROW}open = \"all\"\n");
        let missing = ["section 2 has 2 MUST, the rows cover 1"];
        assert_eq!(faults(&row, "\"2\" = { MUST = 2 }"), missing);
        assert_eq!(faults(&row, "\"3\" = { SHOULD = 1 }").len(), 2);
        assert_eq!(faults(&format!("{row}covers = 2"), "\"2\" = { MUST = 2 }"), [""; 0]);
        let unsaid = row.replace("2-1", "2-0") + "covers = 0\n" + &row;
        assert_eq!(faults(&unsaid, "\"2\" = { MUST = 1 }"), [""; 0]);
        let may = row.replace("MUST", "MAY");
        assert_eq!(faults(&may, ""), [""; 0]);
        assert_eq!(
            faults(&format!("{may}covers = 1"), ""),
            ["2-1: a MAY is not counted, so it covers nothing"]
        );
    }

    #[test]
    fn open_musts_are_told() {
        let rows = format!("{ROW}open = \"all\"\n");
        let should = rows.replace("2-1", "2-2").replace("MUST", "SHOULD");
        let ledger = ledger(&format!("{rows}{should}")).unwrap();
        assert_eq!(ledger.open_musts().collect::<Vec<_>>(), ["2-1: MUST is open: all"]);
    }
}
