//! What a person reads while the lab runs, and the JSON that a program reads.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use serde::Serialize;

use super::verdict::{Check, Verdict};

/// Turns while something is waited for.
const SPINNER: [char; 8] = ['⣾', '⣽', '⣻', '⢿', '⡿', '⣟', '⣯', '⣷'];

/// Of a check that the lab did not come to.
const NOT_REACHED: &str = "not reached";

/// How a text is to stand out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// A heading.
    Title,
    /// Of lesser importance.
    Dim,
    /// It holds.
    Good,
    /// It does not.
    Bad,
}

/// Writes the report: to standard output, or to standard error where that
/// is for the JSON.
#[derive(Debug)]
pub struct Report {
    json: bool,
    /// Colour and a line that changes: only for a terminal.
    live: bool,
    colour: bool,
    /// Whether more than ASCII can be shown.
    pub unicode: bool,
    waiting: bool,
    start: Instant,
    verdicts: Vec<(Check, Verdict)>,
}

#[derive(Serialize)]
struct JsonReport<'a> {
    ok: bool,
    checks: Vec<JsonCheck<'a>>,
}

#[derive(Serialize)]
struct JsonCheck<'a> {
    name: &'a str,
    ok: bool,
    detail: &'a str,
}

impl Report {
    /// A report that has begun now.
    pub fn new(json: bool) -> Self {
        let live = if json { io::stderr().is_terminal() } else { io::stdout().is_terminal() };
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| std::env::var(name).ok());
        // Not a terminal: a file or pipe, where UTF-8 is what everybody expects.
        let unicode =
            !live || locale.is_some_and(|name| name.to_ascii_lowercase().replace('-', "").contains("utf8"));
        let colour = live && std::env::var_os("NO_COLOR").is_none();
        Self { json, live, colour, unicode, waiting: false, start: Instant::now(), verdicts: Vec::new() }
    }

    fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Title => "1",
            Tone::Dim => "2",
            Tone::Good => "32",
            Tone::Bad => "31",
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Nobody reading any more is no reason to stop.
    fn put(&mut self, text: &str) {
        let erase = if std::mem::take(&mut self.waiting) { "\r\x1b[2K" } else { "" };
        let text = if self.unicode { text.to_owned() } else { ascii(text) };
        if self.json {
            let _ = write!(io::stderr(), "{erase}{text}");
        } else {
            let mut stdout = io::stdout();
            let _ = write!(stdout, "{erase}{text}");
            let _ = stdout.flush();
        }
    }

    /// A heading.
    pub fn title(&mut self, text: &str) {
        let text = self.paint(Tone::Title, text);
        self.put(&format!("\n{text}\n"));
    }

    /// A line of plain text.
    pub fn line(&mut self, text: &str) {
        self.put(&format!("  {text}\n"));
    }

    /// Several lines, dim.
    pub fn block(&mut self, text: &str) {
        for line in text.lines() {
            let line = self.paint(Tone::Dim, line);
            self.put(&format!("  {line}\n"));
        }
    }

    /// A drawing: several lines as they are.
    pub fn drawing(&mut self, text: &str) {
        for line in text.lines() {
            let mut line = line.to_owned();
            if self.colour {
                line = line.replace("blocking", "\x1b[31mblocking\x1b[0m");
                line = line.replace("forwarding", "\x1b[32mforwarding\x1b[0m");
            }
            self.put(&format!("  {line}\n"));
        }
    }

    /// A command, as a user types it on a host (1 to 3).
    pub fn typed(&mut self, host: usize, command: &str) {
        let prompt = self.paint(Tone::Dim, &format!("host {host} #"));
        self.put(&format!("  {prompt} {command}\n"));
    }

    /// What is waited for, on a line that the next output replaces.
    pub fn waiting(&mut self, what: &str, since: Instant) {
        if !self.live {
            return;
        }
        let elapsed = since.elapsed();
        let turn = if self.unicode { SPINNER[(elapsed.as_millis() / 125 % 8) as usize] } else { '.' };
        let text = format!("  {turn} {what} … {:.0} s", elapsed.as_secs_f32());
        let text = self.paint(Tone::Dim, &text);
        self.put(&text);
        self.waiting = true;
        let _ = io::stdout().flush();
    }

    /// The outcome of a check; the first one stands.
    pub fn verdict(&mut self, check: Check, verdict: Verdict) {
        if self.known(check) {
            return;
        }
        let mark = if verdict.ok { self.paint(Tone::Good, "✔") } else { self.paint(Tone::Bad, "✘") };
        self.put(&format!("{mark} {:>2}. {}: {}\n", check.number(), check.title(), verdict.detail));
        self.verdicts.push((check, verdict));
    }

    /// Every check without an outcome does not hold.
    pub fn not_reached(&mut self, why: &str) {
        for check in Check::ALL {
            if !self.known(check) {
                let verdict = Verdict { ok: false, detail: format!("{NOT_REACHED}: {why}") };
                self.verdicts.push((check, verdict));
            }
        }
    }

    fn known(&self, check: Check) -> bool {
        self.verdicts.iter().any(|(known, _)| *known == check)
    }

    /// Whether every check so far holds.
    pub fn all_hold(&self) -> bool {
        self.verdicts.iter().all(|(_, verdict)| verdict.ok)
    }

    /// Ends the report: the summary or the JSON. True if every check holds.
    pub fn finish(&mut self) -> bool {
        self.verdicts.sort_by_key(|(check, _)| *check);
        let verdicts = std::mem::take(&mut self.verdicts);
        let held = verdicts.iter().filter(|(_, verdict)| verdict.ok).count();
        let ok = held == Check::ALL.len();
        self.title("Summary");
        for (check, verdict) in &verdicts {
            let mark = if verdict.ok { self.paint(Tone::Good, "✔") } else { self.paint(Tone::Bad, "✘") };
            // Why the rest was not reached has been told once.
            let why = match verdict.detail.lines().next() {
                Some(why) if !verdict.ok && why.starts_with(NOT_REACHED) => format!(": {NOT_REACHED}"),
                Some(why) if !verdict.ok => format!(": {why}"),
                _ => String::new(),
            };
            self.put(&format!("  {mark} {:>2}. {}{why}\n", check.number(), check.title()));
        }
        let seconds = self.start.elapsed().as_secs();
        let summary = format!("{held} of {} checks hold, after {seconds} s.", Check::ALL.len());
        let summary = self.paint(if ok { Tone::Good } else { Tone::Bad }, &summary);
        self.put(&format!("\n{summary}\n"));
        if self.json {
            let checks = verdicts.iter().map(|(check, verdict)| JsonCheck {
                name: check.name(),
                ok: verdict.ok,
                detail: &verdict.detail,
            });
            let report = JsonReport { ok, checks: checks.collect() };
            let mut stdout = io::stdout();
            let _ = serde_json::to_writer(&mut stdout, &report);
            let _ = writeln!(stdout);
        }
        ok
    }
}

/// For terminals that show nothing but ASCII.
fn ascii(text: &str) -> String {
    let mut plain = String::new();
    for character in text.chars() {
        match character {
            '─' => plain.push('-'),
            '│' => plain.push('|'),
            '┌' | '┐' | '└' | '┘' | '┬' | '┴' | '├' | '┤' => plain.push('+'),
            '✔' => plain.push_str("ok"),
            '✘' | '✗' => plain.push('X'),
            '…' => plain.push_str("..."),
            '→' => plain.push_str("->"),
            '↔' => plain.push_str("<->"),
            other if other.is_ascii() => plain.push(other),
            other => {
                let _ = write!(plain, "{}", other.escape_unicode());
            }
        }
    }
    plain
}
