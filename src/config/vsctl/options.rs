//! Global options, read as getopt_long reads them: abbreviations, clusters of
//! short options, and the end of options at the first other word.

use super::Stop;
use super::table::{Cells, Format, Style};

/// What was asked for by global options.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub oneline: bool,
    pub dry_run: bool,
    pub no_wait: bool,
    pub database: Option<String>,
    pub timeout: Option<u32>,
    pub style: Style,
    /// Options of the first command, which may stand among the global ones.
    pub local: Vec<(String, Option<String>)>,
}

/// Options that print something and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Info {
    Help,
    Version,
    Commands,
    Options,
}

/// A command line's options, and where its commands begin.
#[derive(Debug)]
pub(super) enum Parsed {
    Print(Info),
    Run(Options, usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Value,
    MaybeValue,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Id {
    Database,
    NoWait,
    DryRun,
    Oneline,
    Timeout,
    Print(Info),
    Format,
    Data,
    NoHeadings,
    Pretty,
    Bare,
    MaxColumnWidth,
    /// Accepted: logging, TLS and cluster behaviour of a client adit does not have.
    Ignored(u8),
    /// Belongs to the first command.
    Local,
}

/// A long option; `short` is its one-letter form.
struct Spec {
    name: &'static str,
    short: Option<char>,
    takes: Takes,
    id: Id,
}

const fn spec(name: &'static str, short: Option<char>, takes: Takes, id: Id) -> Spec {
    Spec { name, short, takes, id }
}

const fn flag(name: &'static str, id: Id) -> Spec {
    spec(name, None, Takes::Nothing, id)
}

const fn value(name: &'static str, id: Id) -> Spec {
    spec(name, None, Takes::Value, id)
}

/// All long options, in ovs-vsctl's order: messages list them so.
static SPECS: [Spec; 43] = [
    value("db", Id::Database),
    flag("no-syslog", Id::Ignored(0)),
    flag("no-wait", Id::NoWait),
    flag("dry-run", Id::DryRun),
    flag("oneline", Id::Oneline),
    spec("timeout", Some('t'), Takes::Value, Id::Timeout),
    flag("retry", Id::Ignored(1)),
    spec("help", Some('h'), Takes::Nothing, Id::Print(Info::Help)),
    flag("commands", Id::Print(Info::Commands)),
    flag("options", Id::Print(Info::Options)),
    flag("leader-only", Id::Ignored(2)),
    flag("no-leader-only", Id::Ignored(3)),
    flag("shuffle-remotes", Id::Ignored(4)),
    flag("no-shuffle-remotes", Id::Ignored(5)),
    spec("version", Some('V'), Takes::Nothing, Id::Print(Info::Version)),
    spec("verbose", Some('v'), Takes::MaybeValue, Id::Ignored(6)),
    spec("log-file", None, Takes::MaybeValue, Id::Ignored(7)),
    value("syslog-method", Id::Ignored(8)),
    value("syslog-target", Id::Ignored(9)),
    spec("format", Some('f'), Takes::Value, Id::Format),
    spec("data", Some('d'), Takes::Value, Id::Data),
    flag("no-headings", Id::NoHeadings),
    flag("pretty", Id::Pretty),
    flag("bare", Id::Bare),
    value("max-column-width", Id::MaxColumnWidth),
    spec("private-key", Some('p'), Takes::Value, Id::Ignored(10)),
    spec("certificate", Some('c'), Takes::Value, Id::Ignored(11)),
    spec("ca-cert", Some('C'), Takes::Value, Id::Ignored(12)),
    value("ssl-protocols", Id::Ignored(13)),
    value("ssl-ciphers", Id::Ignored(14)),
    value("bootstrap-ca-cert", Id::Ignored(15)),
    value("peer-ca-cert", Id::Ignored(16)),
    flag("may-exist", Id::Local),
    flag("if-exists", Id::Local),
    value("id", Id::Local),
    value("inactivity-probe", Id::Local),
    flag("real", Id::Local),
    flag("fake", Id::Local),
    flag("with-iface", Id::Local),
    value("columns", Id::Local),
    flag("bootstrap", Id::Local),
    flag("all", Id::Local),
    flag("fake-iface", Id::Local),
];

/// Reads the options in front of `args`.
pub(super) fn parse(args: &[String]) -> Result<Parsed, Stop> {
    let mut options = Options::default();
    let mut next = 0;
    while let Some(word) = args.get(next) {
        if word == "--" {
            return Ok(Parsed::Run(options, next + 1));
        }
        let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else { break };
        next += 1;
        let found = match letters.strip_prefix('-') {
            Some(long) => vec![read_long(long, args, &mut next)?],
            None => read_short(letters, args, &mut next)?,
        };
        for (spec, value) in found {
            if let Some(info) = options.take(spec, value)? {
                return Ok(Parsed::Print(info));
            }
        }
    }
    Ok(Parsed::Run(options, next))
}

/// What `--options` prints, for shell completion.
pub(super) fn listing() -> String {
    let mut text = String::new();
    for spec in SPECS.iter().filter(|spec| spec.id != Id::Local) {
        let (long, short) = if spec.takes == Takes::Nothing { ("", "") } else { ("=ARG", " ARG") };
        text += &format!("--{}{long}\n", spec.name);
        if let Some(letter) = spec.short {
            text += &format!("-{letter}{short}\n");
        }
    }
    text
}

type Found = (&'static Spec, Option<String>);

fn read_long(word: &str, args: &[String], next: &mut usize) -> Result<Found, Stop> {
    let (name, inline) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (word, None),
    };
    let spec = find_long(word, name)?;
    match (spec.takes, inline) {
        (Takes::Nothing, Some(_)) => {
            Err(Stop::fatal(format!("option '--{}' doesn't allow an argument", spec.name)))
        }
        (Takes::Value, None) => {
            let value = args.get(*next).cloned();
            *next += 1;
            match value {
                Some(_) => Ok((spec, value)),
                None => Err(Stop::fatal(format!("option '--{}' requires an argument", spec.name))),
            }
        }
        (_, inline) => Ok((spec, inline)),
    }
}

/// An exact name, or the only one that starts so.
fn find_long(word: &str, name: &str) -> Result<&'static Spec, Stop> {
    if let Some(spec) = SPECS.iter().find(|spec| spec.name == name) {
        return Ok(spec);
    }
    let mut matches = SPECS.iter().filter(|spec| spec.name.starts_with(name));
    let Some(first) = matches.next() else {
        return Err(Stop::fatal(format!("unrecognized option '--{word}'")));
    };
    // Two that would act alike do not make a word ambiguous: the first is meant.
    let others: Vec<_> = matches.filter(|spec| spec.takes != first.takes || spec.id != first.id).collect();
    if others.is_empty() {
        return Ok(first);
    }
    let names = std::iter::once(first).chain(others).map(|spec| format!(" '--{}'", spec.name));
    let names: String = names.collect();
    Err(Stop::fatal(format!("option '--{word}' is ambiguous; possibilities:{names}")))
}

fn read_short(letters: &str, args: &[String], next: &mut usize) -> Result<Vec<Found>, Stop> {
    let mut found = Vec::new();
    let mut rest = letters.chars();
    while let Some(letter) = rest.next() {
        let Some(spec) = SPECS.iter().find(|spec| spec.short == Some(letter)) else {
            return Err(Stop::fatal(format!("invalid option -- '{letter}'")));
        };
        let inline = Some(rest.as_str().to_owned()).filter(|value| !value.is_empty());
        let value = match spec.takes {
            Takes::Nothing => {
                found.push((spec, None));
                if matches!(spec.id, Id::Print(_)) {
                    break; // acts before later letters are looked at
                }
                continue;
            }
            Takes::MaybeValue => inline,
            Takes::Value if inline.is_some() => inline,
            Takes::Value => {
                let value = args.get(*next).cloned();
                *next += 1;
                if value.is_none() {
                    return Err(Stop::fatal(format!("option requires an argument -- '{letter}'")));
                }
                value
            }
        };
        found.push((spec, value));
        break;
    }
    Ok(found)
}

impl Options {
    fn take(&mut self, spec: &'static Spec, value: Option<String>) -> Result<Option<Info>, Stop> {
        let text = value.as_deref().unwrap_or_default();
        match spec.id {
            Id::Database => self.database = value,
            Id::NoWait => self.no_wait = true,
            Id::DryRun => self.dry_run = true,
            Id::Oneline => self.oneline = true,
            Id::Timeout => match text.trim_start().parse() {
                Ok(seconds) if seconds > 0 => self.timeout = Some(seconds),
                _ => return Err(Stop::fatal(format!("value {text} on -t or --timeout is invalid"))),
            },
            Id::Print(info) => return Ok(Some(info)),
            Id::Format => {
                self.style.format = Format::named(text)
                    .ok_or_else(|| Stop::fatal(format!("unknown output format \"{text}\"")))?;
            }
            Id::Data => {
                self.style.cells = Cells::named(text)
                    .ok_or_else(|| Stop::fatal(format!("unknown data format \"{text}\"")))?;
            }
            Id::NoHeadings => self.style.headings = false,
            Id::Pretty => self.style.pretty = true,
            Id::Bare => {
                self.style.format = Format::List;
                self.style.cells = Cells::Bare;
                self.style.headings = false;
            }
            Id::MaxColumnWidth => self.style.max_column_width = text.parse().unwrap_or(0),
            Id::Ignored(_) => {}
            Id::Local => self.local.push((format!("--{}", spec.name), value)),
        }
        Ok(None)
    }
}
