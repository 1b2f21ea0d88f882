//! Tables of `list` and `find` in the formats of `--format`.

use std::fmt::Write;

use crate::config::ovsdb::Datum;
use crate::config::ovsdb::schema::Type;
use crate::config::ovsdb::text::json_string;

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Table,
    List,
    Html,
    Csv,
    Json,
}

impl Format {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "table" => Self::Table,
            "list" => Self::List,
            "html" => Self::Html,
            "csv" => Self::Csv,
            "json" => Self::Json,
            _ => return None,
        })
    }
}

/// `--data`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cells {
    String,
    Bare,
    Json,
}

impl Cells {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "string" => Self::String,
            "bare" => Self::Bare,
            "json" => Self::Json,
            _ => return None,
        })
    }
}

/// How tables are printed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    pub format: Format,
    pub cells: Cells,
    pub headings: bool,
    pub pretty: bool,
    /// 0: no limit.
    pub max_column_width: usize,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            format: Format::List,
            cells: Cells::String,
            headings: true,
            pretty: false,
            max_column_width: 0,
        }
    }
}

/// Rows of values under headings.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub headings: Vec<&'static str>,
    pub rows: Vec<Vec<(Type, Datum)>>,
}

impl Table {
    /// The table as text; `first`: no other was printed before it.
    pub(super) fn print(&self, style: Style, first: bool) -> String {
        let mut out = String::new();
        if !first && matches!(style.format, Format::Table | Format::List | Format::Csv) {
            out.push('\n');
        }
        match style.format {
            Format::Table => self.print_table(style, &mut out),
            Format::List => self.print_list(style, &mut out),
            Format::Html => self.print_html(style, &mut out),
            Format::Csv => self.print_csv(style, &mut out),
            Format::Json => self.print_json(style, &mut out),
        }
        out
    }

    fn texts(&self, style: Style) -> Vec<Vec<String>> {
        let text = |(kind, datum): &(Type, Datum)| match style.cells {
            Cells::String => kind.text_of(datum),
            Cells::Bare => kind.bare_of(datum),
            Cells::Json => kind.json_of(datum),
        };
        self.rows.iter().map(|row| row.iter().map(text).collect()).collect()
    }

    fn print_table(&self, style: Style, out: &mut String) {
        let rows = self.texts(style);
        let mut widths: Vec<_> = self.headings.iter().map(|heading| heading.len()).collect();
        for row in &rows {
            for (width, text) in widths.iter_mut().zip(row) {
                let limit = if style.max_column_width > 0 { style.max_column_width } else { usize::MAX };
                *width = (*width).max(text.chars().count().min(limit));
            }
        }
        let mut line = |cells: &mut dyn Iterator<Item = String>| {
            let cells: Vec<_> = cells.collect();
            out.push_str(cells.join(" ").trim_end_matches(' '));
            out.push('\n');
        };
        if style.headings {
            let padded = |(heading, width): (&&str, &usize)| format!("{heading:width$}");
            line(&mut self.headings.iter().zip(&widths).map(padded));
            line(&mut widths.iter().map(|width| "-".repeat(*width)));
        }
        for row in &rows {
            line(&mut row.iter().zip(&widths).map(|(text, width)| format!("{text:width$.width$}")));
        }
    }

    fn print_list(&self, style: Style, out: &mut String) {
        for (index, row) in self.texts(style).iter().enumerate() {
            if index > 0 {
                out.push('\n');
            }
            for (heading, text) in self.headings.iter().zip(row) {
                if style.headings {
                    let _ = write!(out, "{heading:<20}: ");
                }
                out.push_str(text);
                out.push('\n');
            }
        }
    }

    fn print_html(&self, style: Style, out: &mut String) {
        out.push_str("<table border=1>\n");
        if style.headings {
            out.push_str("  <tr>\n");
            for heading in &self.headings {
                let _ = writeln!(out, "    <th>{}</th>", html(heading));
            }
            out.push_str("  </tr>\n");
        }
        for row in self.texts(style) {
            out.push_str("  <tr>\n");
            for (heading, text) in self.headings.iter().zip(&row) {
                if *heading == "_uuid" {
                    let short = html(text.get(..8).unwrap_or(text));
                    let _ = writeln!(out, "    <td><a name=\"{}\">{short}</a></td>", html(text));
                } else {
                    let _ = writeln!(out, "    <td>{}</td>", html_linked(text));
                }
            }
            out.push_str("  </tr>\n");
        }
        out.push_str("</table>\n");
    }

    fn print_csv(&self, style: Style, out: &mut String) {
        if style.headings {
            let headings: Vec<_> = self.headings.iter().map(|heading| csv(heading)).collect();
            let _ = writeln!(out, "{}", headings.join(","));
        }
        for row in self.texts(style) {
            let cells: Vec<_> = row.iter().map(|text| csv(text)).collect();
            let _ = writeln!(out, "{}", cells.join(","));
        }
    }

    fn print_json(&self, style: Style, out: &mut String) {
        let headings: Vec<_> = self.headings.iter().map(|heading| json_string(heading)).collect();
        let row = |row: &Vec<(Type, Datum)>| {
            let cells: Vec<_> = row.iter().map(|(kind, datum)| kind.json_of(datum)).collect();
            format!("[{}]", cells.join(","))
        };
        let rows: Vec<_> = self.rows.iter().map(row).collect();
        let json = format!("{{\"data\":[{}],\"headings\":[{}]}}", rows.join(","), headings.join(","));
        out.push_str(&if style.pretty { indent_json(&json) } else { json });
        out.push('\n');
    }
}

/// Text for HTML.
fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Text for HTML, each UUID a link to its row.
fn html_linked(text: &str) -> String {
    let mut out = String::new();
    let mut plain = 0;
    let mut at = 0;
    while at < text.len() {
        match text.get(at..at + 36).filter(|word| is_uuid(word)) {
            Some(uuid) => {
                let _ = write!(out, "{}<a href=\"#{uuid}\">{}</a>", html(&text[plain..at]), &uuid[..8]);
                at += 36;
                plain = at;
            }
            None => at += text[at..].chars().next().map_or(1, char::len_utf8),
        }
    }
    out + &html(&text[plain..])
}

fn is_uuid(text: &str) -> bool {
    text.parse::<crate::config::ovsdb::Uuid>().is_ok()
}

fn csv(text: &str) -> String {
    if text.contains(['\n', '"', ',']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// Lays compact JSON out as OVS does: a line for each member, closing brackets at the last.
fn indent_json(json: &str) -> String {
    let mut out = String::new();
    let mut depth = 0;
    let mut quoted = false;
    let mut characters = json.chars().peekable();
    while let Some(c) = characters.next() {
        out.push(c);
        match c {
            '\\' if quoted => out.extend(characters.next()),
            '"' => quoted = !quoted,
            _ if quoted => {}
            '[' | '{' => {
                depth += 1;
                if !matches!(characters.peek(), Some(']' | '}')) {
                    new_line(&mut out, depth);
                }
            }
            ']' | '}' => depth -= 1,
            ',' => new_line(&mut out, depth),
            ':' => out.push(' '),
            _ => {}
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
}
