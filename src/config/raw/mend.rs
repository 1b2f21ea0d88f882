//! Goes on behind a syntax error, so that a file says all that is wrong with it at once.
//!
//! The parser tells where the text stops being TOML. The line is told, taken out of the way, and the
//! rest parsed again: a header is closed, a key keeps its name with its value unreadable, and what an
//! unclosed value has swallowed is left out. No line is told twice, and line numbers stay.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::de::{DeTable, DeValue, Error};
use zeroize::Zeroizing;

use super::{ConfigError, Lines};

/// Most syntax errors told of one text.
const ERRORS_MAX: usize = 64;

/// A text that is TOML, and what was wrong with it before.
pub(super) struct Mended {
    pub text: Zeroizing<String>,
    pub errors: Vec<ConfigError>,
    /// Lines of keys whose values could not be read.
    pub unreadable: BTreeSet<u32>,
}

/// Mends a text until it parses.
pub(super) fn mend(bytes: &[u8]) -> Mended {
    let text = Zeroizing::new(String::from_utf8_lossy(bytes).into_owned());
    let mut mender = Mender { text, errors: Vec::new(), unreadable: BTreeSet::new(), tried: BTreeMap::new() };
    for (line, content) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if std::str::from_utf8(content).is_err() && mender.errors.len() < ERRORS_MAX {
            mender.tell(line, "is not UTF-8", "save the file as UTF-8");
            mender.mend(line, line);
        }
    }
    while mender.errors.len() < ERRORS_MAX && mender.pass() {}
    let Mender { text, errors, unreadable, .. } = mender;
    Mended { text, errors, unreadable }
}

struct Mender {
    text: Zeroizing<String>,
    errors: Vec<ConfigError>,
    unreadable: BTreeSet<u32>,
    /// How often a line was mended.
    tried: BTreeMap<u32, u8>,
}

/// What is wrong first, and the lines it spoils.
struct Damage {
    line: u32,
    what: String,
    first: u32,
    last: u32,
}

impl Mender {
    fn tell(&mut self, line: u32, what: &str, remedy: &str) {
        let (what, remedy) = (what.to_owned(), remedy.to_owned());
        self.errors.push(ConfigError { place: String::new(), line: Some(line), what, remedy });
    }

    /// Parses once, and mends the first error. Returns whether there was one, and it could be mended.
    fn pass(&mut self) -> bool {
        let (root, errors) = DeTable::parse_recoverable(&self.text);
        let Some(damage) = find(&self.text, root.get_ref(), &errors) else { return false };
        drop((root, errors));
        if !self.tried.contains_key(&damage.line) {
            self.tell(damage.line, &damage.what, remedy(&damage.what));
        }
        self.mend(damage.first, damage.last)
    }

    /// Takes the lines out of the way; returns whether that was new.
    fn mend(&mut self, first: u32, last: u32) -> bool {
        let tries = self.tried.entry(first).or_default();
        *tries += 1;
        let again = *tries > 1;
        if *tries > 2 {
            return false;
        }
        let content = self.text[self.range(first, first)].to_owned();
        let header = content.trim_start().starts_with('[');
        let key = key_of(&content).filter(|_| !header && !again);
        let last = if header && again { self.end_of_section(first) } else { last };
        for line in first..=last {
            self.tried.entry(line).or_default();
        }
        let range = self.range(first, last);
        let at = range.start;
        self.text.replace_range(range, &"\n".repeat((last - first) as usize));
        if header && !again {
            let name = content.split([']', '#']).next().unwrap_or_default().trim_end();
            self.text.insert_str(at, &format!("{name}]"));
        } else if let Some(key) = key {
            self.text.insert_str(at, &format!("{key} = 0"));
            self.unreadable.insert(first);
        } else {
            self.unreadable.remove(&first);
        }
        true
    }

    /// The bytes of some lines, without the last newline.
    fn range(&self, first: u32, last: u32) -> Range<usize> {
        let lines = Lines::of(&self.text);
        lines.start(first)..lines.end(last, self.text.len())
    }

    fn end_of_section(&self, header: u32) -> u32 {
        let lines = (1..).zip(self.text.split('\n')).skip_while(|(line, _)| *line <= header);
        let section = lines.take_while(|(_, content)| !content.trim_start().starts_with('['));
        section.last().map_or(header, |(line, _)| line)
    }
}

/// The first error, with the lines of the value it is in.
fn find(text: &str, root: &DeTable<'_>, errors: &[Error]) -> Option<Damage> {
    let lines = Lines::of(text);
    let placed: Vec<_> =
        errors.iter().filter_map(|error| Some((error.span()?.start, error.message()))).collect();
    let (at, what) = *placed.iter().min_by_key(|(at, _)| *at)?;
    let line = lines.at(at);
    let damage = |line, what: &str, first, last| Some(Damage { line, what: what.to_owned(), first, last });
    let Some((key, value)) = enclosing(root, at).filter(|(key, _)| lines.at(*key) < line) else {
        return damage(line, what, line, line);
    };
    let first = lines.at(key);
    let is_unclosed = |(at, what): &&(usize, &str)| {
        (value.contains(at) || *at == value.end)
            && (what.starts_with("unclosed") || what.starts_with("invalid multi-line"))
    };
    match placed.iter().find(is_unclosed) {
        Some((_, what)) => {
            // What begins anew behind it was not meant to be in it.
            let behind = (1..).zip(text.split('\n')).skip_while(|(line, _)| *line <= first);
            let swallowed = behind.take_while(|(_, content)| !begins_anew(content));
            damage(first, what, first, swallowed.last().map_or(first, |(line, _)| line))
        }
        None => damage(line, what, first, lines.at(value.end.saturating_sub(1))),
    }
}

/// The key and value around a place, by their bytes.
fn enclosing(table: &DeTable<'_>, at: usize) -> Option<(usize, Range<usize>)> {
    table.iter().find_map(|(key, value)| match value.get_ref() {
        DeValue::Table(inner) => enclosing(inner, at),
        _ => {
            let span = value.span();
            (span.start <= at && at <= span.end).then(|| (key.span().start, span))
        }
    })
}

/// The bare key a line begins with.
fn key_of(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-')));
    let (key, behind) = line.split_at(end.unwrap_or(line.len()));
    (!key.is_empty() && (behind.is_empty() || behind.starts_with([' ', '\t', '=']))).then_some(key)
}

/// Whether a line is a header, or a key with a value.
fn begins_anew(line: &str) -> bool {
    let first = |name: &str| name.split(['.', ']']).next().and_then(key_of).is_some();
    let is_header = line.trim_start().strip_prefix('[').is_some_and(first);
    is_header || (key_of(line).is_some() && line.contains('='))
}

fn remedy(what: &str) -> &'static str {
    let known = [
        ("string values must be quoted", "put it between quotes"),
        ("invalid basic string", "a text stands between quotes, on one line"),
        ("invalid float", "a text, like an address, stands between quotes"),
        ("unclosed table", "close the header with ]"),
        ("unclosed", "close it"),
        ("duplicate key", "leave one of them"),
        ("key with no value", "write key = value"),
    ];
    known.iter().find(|(start, _)| what.starts_with(start)).map_or("this is no TOML", |(_, remedy)| remedy)
}
