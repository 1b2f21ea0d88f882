//! What differs between two runs for no reason of the grammar: identities of
//! rows, their order, time stamps of log lines.

use std::collections::BTreeMap;

use super::Printed;

/// Names given to the UUIDs of one side.
#[derive(Default)]
pub struct Labels {
    known: BTreeMap<String, String>,
    others: usize,
}

fn is_uuid(word: &str) -> bool {
    word.len() == 36
        && word.bytes().enumerate().all(|(i, c)| match i {
            8 | 13 | 18 | 23 => c == b'-',
            _ => c.is_ascii_hexdigit(),
        })
}

/// The UUIDs in a text, in order.
fn uuids(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        match text.get(at..at + 36).filter(|word| is_uuid(word)) {
            Some(uuid) => {
                found.push(uuid.to_owned());
                at += 36;
            }
            None => at += 1,
        }
    }
    found
}

impl Labels {
    /// Replaces UUIDs by what they are, or else by when they were first seen.
    pub fn apply(
        &mut self,
        printed: Printed,
        learn: &mut dyn FnMut() -> BTreeMap<String, String>,
    ) -> Printed {
        let both = format!("{}\n{}", printed.stdout, printed.stderr);
        let mut seen = uuids(&both);
        if seen.iter().any(|uuid| !self.known.contains_key(uuid)) {
            self.known.extend(learn());
        }
        for uuid in &seen {
            if !self.known.contains_key(uuid) {
                self.others += 1;
                self.known.insert(uuid.clone(), format!("<uuid {}>", self.others));
            }
        }
        seen.sort();
        seen.dedup();
        let replace = |mut text: String| {
            for uuid in &seen {
                let label = &self.known[uuid];
                text = text.replace(uuid, label).replace(&format!(">{}<", &uuid[..8]), &format!(">{label}<"));
            }
            sort_rows(&sort_sets(&text))
        };
        Printed { stdout: replace(printed.stdout), stderr: replace(printed.stderr), exit: printed.exit }
    }
}

/// Sorts the labels in `[<a>, <b>]`: the original has them by UUID.
fn sort_sets(text: &str) -> String {
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        match (line.find("[<"), line.rfind(">]")) {
            (Some(from), Some(to)) if from < to && !line.contains("[[") => {
                let mut members: Vec<_> = line[from + 1..=to].split(", ").collect();
                members.sort_unstable();
                out += &format!("{}{}{}", &line[..=from], members.join(", "), &line[to + 1..]);
            }
            _ => out += line,
        }
    }
    out
}

/// Sorts what a constraint violation says of two rows: the original has them by UUID.
fn sort_rows(text: &str) -> String {
    let parts = text.split_once("First row, with UUID ").and_then(|(head, rest)| {
        let (first, rest) = rest.split_once(".  Second row, with UUID ")?;
        let (second, tail) = rest.split_once(".\"")?;
        Some((head, first, second, tail))
    });
    let Some((head, first, second, tail)) = parts else { return text.to_owned() };
    let (first, second) = if first < second { (first, second) } else { (second, first) };
    format!("{head}Rows {first} and {second}.\"{tail}")
}

/// Rows in an order of their own: blocks of `list`, branches of `show`, lines.
pub fn unordered(printed: Printed) -> Printed {
    let stdout = if printed.stdout.contains("\n\n") {
        let mut blocks: Vec<_> = printed.stdout.trim_end_matches('\n').split("\n\n").collect();
        blocks.sort_unstable();
        blocks.join("\n\n")
    } else {
        let mut path: Vec<&str> = Vec::new();
        let mut lines: Vec<_> = printed
            .stdout
            .lines()
            .map(|line| {
                path.truncate((line.len() - line.trim_start().len()) / 4);
                path.push(line);
                path.join("\n")
            })
            .collect();
        lines.sort();
        lines.join("\n\n")
    };
    Printed { stdout, ..printed }
}

/// Log lines on stderr: those that speak to the user as adit puts them, others dropped.
pub fn log_lines(stderr: &str) -> String {
    let mut out = String::new();
    for line in stderr.lines() {
        let fields: Vec<_> = line.splitn(5, '|').collect();
        match fields.as_slice() {
            [time, _, module, "WARN", text] if time.ends_with('Z') => {
                if matches!(*module, "vsctl" | "db_ctl_base") {
                    out += &format!("ovs-vsctl: warning: {text}\n");
                }
            }
            [time, _, _, _, _] if time.ends_with('Z') => {}
            _ => out += &format!("{line}\n"),
        }
    }
    out
}

/// Masks the values of keys `psk`.
pub fn mask(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("psk=") {
        out += &rest[..at + 4];
        rest = &rest[at + 4..];
        let end = match rest.strip_prefix('"') {
            Some(inside) => inside.find('"').map_or(rest.len(), |end| end + 2),
            None => rest.find([',', '}', ' ']).unwrap_or(rest.len()),
        };
        out += "\"***\"";
        rest = &rest[end..];
    }
    out + rest
}
