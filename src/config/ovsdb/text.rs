//! Values as text: how ovs-vsctl prints them and reads them back.

use std::fmt::Write;
use std::str::FromStr;

use super::schema::{Base, Type};
use super::{Atom, Datum, Uuid};

/// What `@name` stands for while a transaction runs.
pub(crate) trait Symbols {
    /// The row that `name` (with its `@`) is or will be; `weak`: only a weak reference was made.
    fn refer(&mut self, name: &str, weak: bool) -> Uuid;
}

/// Most members that a range `1-5` may stand for.
const MAX_RANGE: i128 = 4096;

/// True for a character that ends a token outside quotes.
fn is_delimiter(c: char) -> bool {
    ":=, []{}!<>".contains(c)
}

/// Reads a token from the front of `text`: up to the next delimiter, where a
/// backslash takes the next character as it is, and quotes hold delimiters.
/// Quotes stay in the token, and so do backslashes inside them.
///
/// # Errors
/// The text ovs-vsctl prints.
pub(crate) fn token(text: &str) -> Result<(String, &str), String> {
    let mut token = String::new();
    let mut quoted = false;
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => {
                if quoted {
                    token.push('\\');
                }
                let Some((_, next)) = characters.next() else {
                    return Err(format!("{text}: backslash at end of argument"));
                };
                token.push(next);
            }
            _ if !quoted && is_delimiter(c) => return Ok((token, &text[at..])),
            _ => {
                quoted ^= c == '"';
                token.push(c);
            }
        }
    }
    if quoted {
        return Err(format!("{text}: quoted string extends past end of argument"));
    }
    Ok((token, ""))
}

/// Reads one atom from the whole of `text`.
///
/// # Errors
/// The text ovs-vsctl prints.
pub(crate) fn atom(base: Base, text: &str, symbols: &mut dyn Symbols) -> Result<Atom, String> {
    let atom = match base {
        Base::Integer { .. } => {
            Atom::Integer(integer(text).ok_or_else(|| format!("\"{text}\" is not a valid integer"))?)
        }
        Base::Boolean => match text {
            "true" | "yes" | "on" | "1" => Atom::Boolean(true),
            "false" | "no" | "off" | "0" => Atom::Boolean(false),
            _ => {
                return Err(format!("\"{text}\" is not a valid boolean (use \"true\" or \"false\")"));
            }
        },
        Base::Text { .. } => Atom::Text(string(text)?.into()),
        Base::Reference { weak, .. } if text.starts_with('@') => Atom::Uuid(symbols.refer(text, weak)),
        Base::Reference { .. } => {
            Atom::Uuid(Uuid::from_str(text).map_err(|_| format!("\"{text}\" is not a valid UUID"))?)
        }
    };
    base.check(&atom).map_err(|why| format!("constraint violation: {why}"))?;
    Ok(atom)
}

/// A decimal number as C's strtoll reads it.
fn integer(text: &str) -> Option<i64> {
    let text = text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    text.parse().ok()
}

fn string(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err(
            "An empty string is not valid as input; use \"\" to represent the empty string".to_owned()
        );
    }
    let Some(inside) = text.strip_prefix('"') else { return Ok(text.to_owned()) };
    let Some(inside) = inside.strip_suffix('"') else {
        return Err(format!("{text}: missing quote at end of quoted string"));
    };
    unescape(inside).map_err(|why| format!("{text}: {why}"))
}

/// The escapes of a JSON string.
fn unescape(text: &str) -> Result<String, String> {
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => return Err("quoted string may not include unescaped \"".to_owned()),
            '\\' => match rest.next() {
                None => return Err("quoted string may not end with backslash".to_owned()),
                Some(c @ ('"' | '\\' | '/')) => plain.push(c),
                Some('b') => plain.push('\x08'),
                Some('f') => plain.push('\x0c'),
                Some('n') => plain.push('\n'),
                Some('r') => plain.push('\r'),
                Some('t') => plain.push('\t'),
                Some('u') => plain.push(unicode_escape(&mut rest)?),
                Some(c) => return Err(format!("bad escape \\{c}")),
            },
            _ => plain.push(c),
        }
    }
    Ok(plain)
}

fn unicode_escape(rest: &mut std::str::Chars<'_>) -> Result<char, String> {
    let unit = |rest: &mut std::str::Chars<'_>| -> Result<u32, String> {
        let digits = rest.as_str().get(..4).ok_or("quoted string ends within \\u escape")?;
        let value = u32::from_str_radix(digits, 16).map_err(|_| "malformed \\u escape")?;
        *rest = rest.as_str()[4..].chars();
        Ok(value)
    };
    let first = unit(rest)?;
    let code = if (0xd800..0xdc00).contains(&first) {
        *rest = rest.as_str().strip_prefix("\\u").ok_or("malformed escaped surrogate pair")?.chars();
        let second = unit(rest)?;
        if !(0xdc00..0xe000).contains(&second) {
            return Err("second half of escaped surrogate pair is not trailing surrogate".to_owned());
        }
        0x10000 + ((first & 0x3ff) << 10 | second & 0x3ff)
    } else {
        first
    };
    match char::from_u32(code) {
        Some('\0') => Err("null bytes not supported in quoted strings".to_owned()),
        Some(c) => Ok(c),
        None => Err("\\u escape is no character".to_owned()),
    }
}

/// Reads a whole value: a scalar, a set `[1, 2-5]`, a map `{a=b}`; brackets
/// are optional unless it is empty. The count must fit `min..=max` of the type.
///
/// # Errors
/// The text ovs-vsctl prints.
pub(crate) fn datum(kind: &Type, text: &str, symbols: &mut dyn Symbols) -> Result<Datum, String> {
    let (open, close) = if kind.is_map() { ('{', '}') } else { ('[', ']') };
    let spaceless = |text: &str| text.trim_start_matches(' ').len();
    let at = |left: usize| &text[text.len() - left..];
    let mut rest = at(spaceless(text));
    let bracketed = rest.starts_with(open);
    if bracketed {
        rest = at(spaceless(&rest[1..]));
    } else if rest.is_empty() {
        let what = if kind.is_map() { "map" } else { "set" };
        return Err(format!("use \"{open}{close}\" to specify the empty {what}"));
    }
    let mut members = Vec::new();
    while let Some(next) = rest.chars().next().filter(|c| !(bracketed && *c == close)) {
        if is_delimiter(next) {
            return Err(format!("{text}: unexpected \"{next}\" parsing {}", kind.to_english()));
        }
        rest = member(kind, rest, symbols, &mut members)?.trim_start_matches(' ');
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start_matches(' ');
    }
    if bracketed {
        let Some(after) = rest.strip_prefix(close) else {
            return Err(format!("{text}: missing \"{close}\" at end of data"));
        };
        if !after.trim_start_matches(' ').is_empty() {
            return Err(format!("{text}: trailing garbage after \"{close}\""));
        }
    }
    collect(kind, text, members)
}

fn collect(kind: &Type, text: &str, members: Vec<(Atom, Option<Atom>)>) -> Result<Datum, String> {
    let (count, noun) = (members.len(), if kind.is_map() { "pair(s)" } else { "value(s)" });
    if count < kind.min {
        return Err(format!("{text}: {count} {noun} specified but the minimum number is {}", kind.min));
    }
    if count > kind.max {
        return Err(format!("{text}: {count} {noun} specified but the maximum number is {}", kind.max));
    }
    let datum = Datum(members.into_iter().collect());
    if datum.len() < count {
        let what = if kind.is_map() { "map contains duplicate key" } else { "set contains duplicate value" };
        return Err(format!("{text}: {what}"));
    }
    Ok(datum)
}

/// Reads one member (a range of integers counts as many) or pair.
fn member<'t>(
    kind: &Type,
    text: &'t str,
    symbols: &mut dyn Symbols,
    members: &mut Vec<(Atom, Option<Atom>)>,
) -> Result<&'t str, String> {
    let (word, rest) = token(text)?;
    let Some(base) = kind.value else {
        match kind.key {
            Base::Integer { .. } => {
                let (first, last) = range(kind.key, &word)?;
                members.extend((first..=last).map(|number| (Atom::Integer(number), None)));
            }
            _ => members.push((atom(kind.key, &word, symbols)?, None)),
        }
        return Ok(rest);
    };
    let key = match kind.key {
        Base::Integer { .. } => {
            let (first, last) = range(kind.key, &word)?;
            if first != last {
                return Err(format!("\"{word}\" is a range, and a map takes single keys"));
            }
            Atom::Integer(first)
        }
        _ => atom(kind.key, &word, symbols)?,
    };
    let rest = rest.trim_start_matches(' ');
    let Some(value) = rest.strip_prefix('=') else {
        let found = rest.chars().next().map_or("end of input".to_owned(), |c| format!("\"{c}\""));
        return Err(format!("{text}: syntax error at {found} expecting \"=\""));
    };
    let (word, rest) = token(value.trim_start_matches(' '))?;
    members.push((key, Some(atom(base, &word, symbols)?)));
    Ok(rest)
}

/// `5` or `1-5`.
fn range(base: Base, text: &str) -> Result<(i64, i64), String> {
    let invalid = || format!("\"{text}\" is not a valid integer or range");
    let violation = |why: String| format!("constraint violation: {why}");
    // A minus that follows a digit separates; any other is a sign.
    let bytes = text.as_bytes();
    let dash = (1..bytes.len()).find(|&i| bytes[i] == b'-' && bytes[i - 1].is_ascii_digit());
    let (first, last) = match dash {
        None => {
            let number = integer(text).ok_or_else(invalid)?;
            (number, number)
        }
        Some(dash) => {
            let first = integer(&text[..dash]).ok_or_else(invalid)?;
            let last = integer(&text[dash + 1..]).ok_or_else(invalid)?;
            if last < first {
                return Err(format!("\"{text}\" is not a valid range. Range end cannot be before start."));
            }
            (first, last)
        }
    };
    base.check(&Atom::Integer(first)).map_err(violation)?;
    base.check(&Atom::Integer(last)).map_err(violation)?;
    if i128::from(last) - i128::from(first) >= MAX_RANGE {
        return Err(violation(format!("Range \"{text}\" has too many members (at most {MAX_RANGE})")));
    }
    Ok((first, last))
}

/// A JSON string, quotes included, escaped as OVS does.
pub(crate) fn json_string(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\x08' => json.push_str("\\b"),
            '\x0c' => json.push_str("\\f"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            c if (c as u32) < 32 => {
                let _ = write!(json, "\\u{:04x}", c as u32);
            }
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

fn needs_quotes(text: &str) -> bool {
    let mut characters = text.chars();
    let first = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let plain = characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    !(first && plain) || matches!(text, "true" | "false") || Uuid::from_str(text).is_ok()
}

impl Atom {
    /// As printed by `get` and `list`: [`atom`] reads it back.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Text(text) if needs_quotes(text.as_str()) => json_string(text.as_str()),
            _ => self.to_bare(),
        }
    }

    /// As printed with `--data=bare`: without quotes.
    pub(crate) fn to_bare(&self) -> String {
        match self {
            Self::Integer(number) => number.to_string(),
            Self::Boolean(value) => value.to_string(),
            Self::Text(text) => text.as_str().to_owned(),
            Self::Uuid(uuid) => uuid.to_string(),
        }
    }

    fn to_json(&self) -> String {
        match self {
            Self::Text(text) => json_string(text.as_str()),
            Self::Uuid(uuid) => format!("[\"uuid\",\"{uuid}\"]"),
            _ => self.to_bare(),
        }
    }
}

fn join(datum: &Datum, print: fn(&Atom) -> String, separator: &str) -> String {
    let member = |(key, value): (&Atom, Option<&Atom>)| match value {
        None => print(key),
        Some(value) => format!("{}={}", print(key), print(value)),
    };
    datum.pairs().map(member).collect::<Vec<_>>().join(separator)
}

impl Type {
    /// A value as printed by `get` and `list`: [`datum`] reads it back.
    pub(crate) fn text_of(&self, datum: &Datum) -> String {
        let members = join(datum, Atom::to_text, ", ");
        match (self.is_map(), self.max == 1 && !datum.is_empty()) {
            (_, true) => members,
            (true, false) => format!("{{{members}}}"),
            (false, false) => format!("[{members}]"),
        }
    }

    /// A value as printed with `--data=bare`.
    pub(crate) fn bare_of(&self, datum: &Datum) -> String {
        join(datum, Atom::to_bare, " ")
    }

    /// A value in the notation of RFC 7047 §5.1, without blanks.
    pub(crate) fn json_of(&self, datum: &Datum) -> String {
        if let Some(atom) = datum.single().filter(|_| !self.is_map()) {
            return atom.to_json();
        }
        let member = |(key, value): (&Atom, Option<&Atom>)| match value {
            None => key.to_json(),
            Some(value) => format!("[{},{}]", key.to_json(), value.to_json()),
        };
        let members: Vec<_> = datum.pairs().map(member).collect();
        format!("[\"{}\",[{}]]", if self.is_map() { "map" } else { "set" }, members.join(","))
    }
}
