//! The lines to compare, and what is expected of each.

/// How a line may come out.
#[derive(Debug, PartialEq, Eq)]
pub enum Expect {
    /// Alike.
    Same,
    /// Alike once the keys in the original's output are masked.
    Masked,
    /// Alike, but adit says that something has no effect.
    Warns(String),
    /// adit refuses with one line holding this, and changes nothing.
    Refused(String),
    /// Different, adit's as given.
    Differs {
        /// part of adit's
        stdout: String,
        /// part of adit's
        stderr: String,
        /// adit's
        exit: i32,
    },
}

/// One command line.
#[derive(Debug)]
pub struct Line {
    /// in the file, from 1
    pub number: usize,
    /// without the program
    pub args: Vec<String>,
    /// how it may come out
    pub expect: Expect,
    /// rows come in any order
    pub is_unordered: bool,
}

impl Line {
    /// True if adit does not take it.
    pub fn is_refused(&self) -> bool {
        matches!(self.expect, Expect::Refused(_))
    }
}

/// Reads the file; its own head says how it is written.
pub fn parse(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut expect = Expect::Same;
    let mut is_unordered = false;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some(directive) = line.strip_prefix('%') else {
            let args = split(line.strip_prefix("$").unwrap_or(line).trim_start(), number);
            let expect = std::mem::replace(&mut expect, Expect::Same);
            lines.push(Line { number, args, expect, is_unordered: std::mem::take(&mut is_unordered) });
            continue;
        };
        let (name, rest) = directive.split_once(' ').unwrap_or((directive, ""));
        match name {
            "unordered" => is_unordered = true,
            "masked" => expect = Expect::Masked,
            "warns" => expect = Expect::Warns(rest.to_owned()),
            "refused" => expect = Expect::Refused(rest.to_owned()),
            "differs" => {
                assert!(!rest.is_empty(), "line {number}: a difference needs its reason");
                expect = Expect::Differs { stdout: String::new(), stderr: String::new(), exit: 0 };
            }
            "stdout" | "stderr" | "exit" => {
                let Expect::Differs { stdout, stderr, exit } = &mut expect else {
                    panic!("line {number}: {name} of no %differs");
                };
                match name {
                    "stdout" => *stdout = rest.to_owned(),
                    "stderr" => *stderr = rest.to_owned(),
                    _ => *exit = rest.parse().expect("a number"),
                }
            }
            _ => panic!("line {number}: no directive %{name}"),
        }
    }
    lines
}

/// Words as a shell makes them: blanks, `'…'`, `"…"`, backslash.
fn split(line: &str, number: usize) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some('"') | None, '\\') => {
                word.get_or_insert_default().extend(rest.next());
            }
            (None, ' ') => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    assert!(quote.is_none(), "line {number}: quote without end");
    words.extend(word);
    words
}
