//! Typed reading of one table; what nobody asked for is unknown.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::Check;
use crate::config::ConfigError;
use crate::config::raw::{RawTable, RawValue};

/// Keys that Open vSwitch has and adit not yet; ignoring them would change who reaches whom.
const NOT_YET: &[&str] = &[
    "tag",
    "trunks",
    "vlan_mode",
    "cvlans",
    "rstp",
    "rstp_enable",
    "protected",
    "remote_cert",
    "remote_name",
    "exts",
    "profile",
    "peer",
    "bond_mode",
    "lacp",
];

/// Reads one table and collects what is wrong in it.
pub(super) struct Fields<'c, 'p, 'r> {
    check: &'c mut Check<'p>,
    place: &'r str,
    table: &'r RawTable,
    known: BTreeSet<&'static str>,
    failed: bool,
}

impl<'c, 'p, 'r> Fields<'c, 'p, 'r> {
    pub(super) fn new(check: &'c mut Check<'p>, place: &'r str, table: &'r RawTable) -> Self {
        Self { check, place, table, known: BTreeSet::new(), failed: false }
    }

    /// Reports the keys nobody asked for.
    ///
    /// Returns whether all was well.
    pub(super) fn finish(mut self) -> bool {
        let unknown = self.table.entries().iter().filter(|(key, _)| !self.known.contains(key.as_str()));
        let (unreadable, unknown): (Vec<_>, Vec<_>) =
            unknown.partition(|(_, entry)| entry.value == RawValue::Unreadable);
        self.failed |= !unreadable.is_empty();
        let unknown: Vec<_> = unknown.into_iter().map(|(key, _)| key.clone()).collect();
        for key in unknown {
            let remedy = match nearest(&key, &self.known) {
                Some(near) => format!("did you mean {near}?"),
                None => {
                    format!("known here are {}", self.known.iter().copied().collect::<Vec<_>>().join(" "))
                }
            };
            if NOT_YET.contains(&key.as_str()) {
                self.error(&key, "adit does not serve this yet, and will not ignore it", "leave it out");
            } else {
                self.error(&key, "unknown key", &remedy);
            }
        }
        !self.failed
    }

    /// Whether nothing was wrong so far.
    pub(super) fn is_well(&self) -> bool {
        !self.failed
    }

    /// What is no reason to refuse the table.
    pub(super) fn tolerance(&self) -> super::Tolerance {
        self.check.tolerance
    }

    /// Warns of `key`, if that is tolerated; an error of it otherwise.
    pub(super) fn doubt(&mut self, tolerated: bool, key: &str, what: impl Into<String>, remedy: &str) {
        if !tolerated {
            return self.error(key, what, remedy);
        }
        let error = self.told(key, what, remedy);
        self.check.warnings.push(error);
    }

    pub(super) fn psk_source(&self) -> &'p dyn super::PskSource {
        self.check.psk
    }

    /// Reports an error of `key`; of the table as a whole if `key` is empty.
    pub(super) fn error(&mut self, key: &str, what: impl Into<String>, remedy: &str) {
        self.failed = true;
        let error = self.told(key, what, remedy);
        self.check.errors.push(error);
    }

    fn told(&self, key: &str, what: impl Into<String>, remedy: &str) -> ConfigError {
        let line = self.table.entries().get(key).map_or(self.table.line, |entry| entry.line);
        let place = if key.is_empty() { self.place.to_owned() } else { format!("{}.{key}", self.place) };
        ConfigError { place, line, what: what.into(), remedy: remedy.to_owned() }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// The value of a key, if it can be read; that it cannot was told.
    fn entry(&mut self, key: &'static str) -> Option<&'r RawValue> {
        self.known.insert(key);
        let value = self.table.get(key)?;
        self.failed |= *value == RawValue::Unreadable;
        (*value != RawValue::Unreadable).then_some(value)
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<&'r str> {
        match self.entry(key)? {
            RawValue::Text(text) => Some(text),
            RawValue::Integer(_) | RawValue::Boolean(_) | RawValue::List(_) | RawValue::Unreadable => {
                self.error(key, "is no text", "put it between quotes");
                None
            }
        }
    }

    /// The text of `key` if it is text; no error if it is something else.
    pub(super) fn text_if_text(&mut self, key: &'static str) -> Option<&'r str> {
        match self.entry(key)? {
            RawValue::Text(text) => Some(text),
            RawValue::Integer(_) | RawValue::Boolean(_) | RawValue::List(_) | RawValue::Unreadable => None,
        }
    }

    /// Marks keys as known without reading them.
    pub(super) fn know(&mut self, keys: &[&'static str]) {
        self.known.extend(keys);
    }

    pub(super) fn parse<T: FromStr<Err: Display>>(&mut self, key: &'static str, remedy: &str) -> Option<T> {
        let text = self.text(key)?;
        self.parsed(key, text, remedy)
    }

    fn parsed<T: FromStr<Err: Display>>(&mut self, key: &str, text: &str, remedy: &str) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.error(key, format!("'{text}': {error}"), remedy);
                None
            }
        }
    }

    pub(super) fn list<T: FromStr<Err: Display>>(&mut self, key: &'static str, remedy: &str) -> Vec<T> {
        let texts: Vec<&str> = match self.entry(key) {
            None => return Vec::new(),
            Some(RawValue::Text(text)) => text.split([',', ' ']).filter(|word| !word.is_empty()).collect(),
            Some(RawValue::List(values)) => {
                let texts = values.iter().map(|value| match value {
                    RawValue::Text(text) => Some(text.as_str()),
                    _ => None,
                });
                match texts.collect() {
                    Some(texts) => texts,
                    None => {
                        self.error(key, "is no list of texts", remedy);
                        return Vec::new();
                    }
                }
            }
            Some(RawValue::Integer(_) | RawValue::Boolean(_) | RawValue::Unreadable) => {
                self.error(key, "is no list of texts", remedy);
                return Vec::new();
            }
        };
        texts.into_iter().filter_map(|text| self.parsed(key, text, remedy)).collect()
    }

    pub(super) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let truth = match self.entry(key)? {
            RawValue::Boolean(truth) => Some(*truth),
            RawValue::Text(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Some(true),
                "false" | "no" | "off" | "0" => Some(false),
                _ => None,
            },
            RawValue::Integer(_) | RawValue::List(_) | RawValue::Unreadable => None,
        };
        if truth.is_none() {
            self.error(key, "is neither true nor false", "write true or false");
        }
        truth
    }

    /// A whole number, decimal or `0x…`, in `range`.
    pub(super) fn number<T: TryFrom<u64>>(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Option<T> {
        let number = match self.entry(key)? {
            RawValue::Integer(number) => u64::try_from(*number).ok(),
            RawValue::Text(text) => unsigned(text),
            RawValue::Boolean(_) | RawValue::List(_) | RawValue::Unreadable => None,
        };
        let number = number.filter(|number| range.contains(number)).and_then(|number| number.try_into().ok());
        if number.is_none() {
            let what = format!("is no number from {} to {}", range.start(), range.end());
            self.error(key, what, "decimal, or hexadecimal after 0x");
        }
        number
    }

    /// Seconds, or a number followed by s, m, h or d.
    pub(super) fn duration(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<Duration> {
        let seconds = match self.entry(key)? {
            RawValue::Integer(number) => u64::try_from(*number).ok(),
            RawValue::Text(text) => seconds(text),
            RawValue::Boolean(_) | RawValue::List(_) | RawValue::Unreadable => None,
        };
        match seconds.filter(|seconds| range.contains(seconds)) {
            Some(seconds) => Some(Duration::from_secs(seconds)),
            None => {
                let what = format!("is no time from {} s to {} s", range.start(), range.end());
                self.error(key, what, "seconds, or a number followed by s, m, h or d");
                None
            }
        }
    }
}

/// A number as C writes it, without sign.
pub(super) fn unsigned(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    // from_str_radix would take a sign.
    if digits.starts_with(['+', '-']) { None } else { u64::from_str_radix(digits, radix).ok() }
}

fn seconds(text: &str) -> Option<u64> {
    let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86400)];
    let found = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(*unit)?, *factor)));
    let (number, factor) = found.unwrap_or((text, 1));
    unsigned(number.trim())?.checked_mul(factor)
}

/// The known key that is one or two slips of the pen away.
fn nearest(key: &str, known: &BTreeSet<&'static str>) -> Option<&'static str> {
    let key = key.replace('-', "_");
    let distance = |other: &&&str| edits(&key, other);
    known.iter().min_by_key(distance).filter(|near| distance(near) <= 2).copied()
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
