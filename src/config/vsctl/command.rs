//! Commands: their names, options and numbers of arguments, and the words of
//! a command line cut into them.

use std::collections::BTreeMap;

use super::session::{Output, Session};
use super::{Stop, bridge, bridge_edit, controller, record, record_edit, show, unserved};

type Prepare = fn(&mut Session<'_>, &Command<'_>) -> Result<(), Stop>;
type Run = fn(&mut Session<'_>, &Command<'_>) -> Result<Output, Stop>;

/// A command of the grammar.
pub(super) struct Syntax {
    pub name: &'static str,
    pub min: usize,
    pub max: usize,
    /// As printed by `--commands`: `!` required, `?` optional, `*` any number, `+` at least one.
    pub arguments: &'static str,
    /// `--may-exist`, or `--id=` where a value follows.
    pub options: &'static [&'static str],
    /// Checks of names that are done for all commands before any runs.
    pub prepare: Option<Prepare>,
    pub run: Run,
}

/// A command with its options and arguments.
pub(super) struct Command<'a> {
    pub syntax: &'static Syntax,
    pub options: BTreeMap<String, Option<String>>,
    pub args: &'a [String],
}

impl Command<'_> {
    pub(super) fn has(&self, option: &str) -> bool {
        self.options.contains_key(option)
    }

    pub(super) fn value(&self, option: &str) -> Option<&str> {
        self.options.get(option)?.as_deref()
    }

    /// The command as the user would type it.
    pub(super) fn to_text(&self) -> String {
        let words = self.options.keys().map(String::as_str).chain([self.syntax.name]);
        let words: Vec<_> = words.chain(self.args.iter().map(String::as_str)).map(quote).collect();
        words.join(" ")
    }
}

fn quote(word: &str) -> String {
    if !word.is_empty() && !word.contains([' ', '\t', '\n', '\x0b', '\\', '\'', '"']) {
        return word.to_owned();
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

const ANY: usize = usize::MAX;
const IF_EXISTS: &[&str] = &["--if-exists"];
const MAY_EXIST: &[&str] = &["--may-exist"];

const fn command(
    name: &'static str,
    (min, max): (usize, usize),
    arguments: &'static str,
    options: &'static [&'static str],
    run: Run,
) -> Syntax {
    Syntax { name, min, max, arguments, options, prepare: None, run }
}

impl Syntax {
    const fn prepared(self, prepare: Prepare) -> Self {
        Self { prepare: Some(prepare), ..self }
    }
}

/// All commands, by name.
pub(super) static COMMANDS: [Syntax; 50] = [
    command("add", (4, ANY), "!TABLE !RECORD !COLUMN +?KEY=VALUE", IF_EXISTS, record_edit::add)
        .prepared(record::prepare_column),
    command("add-aa-mapping", (3, 3), "!BRIDGE !ARG !ARG", &[], unserved::refuse),
    command(
        "add-bond",
        (4, ANY),
        "!BRIDGE !BOND +IFACE *COLUMN?:KEY=VALUE",
        &["--may-exist", "--fake-iface"],
        unserved::add_bond,
    ),
    command("add-bond-iface", (2, 2), "!BOND !IFACE", MAY_EXIST, unserved::refuse),
    command("add-br", (1, 3), "!NEW-BRIDGE ?PARENT ?NEW-VLAN", MAY_EXIST, bridge_edit::add_br),
    command("add-port", (2, ANY), "!BRIDGE !NEW-PORT *COLUMN?:KEY=VALUE", MAY_EXIST, bridge_edit::add_port),
    command("add-zone-tp", (3, ANY), "", MAY_EXIST, unserved::refuse),
    command("br-exists", (1, 1), "!BRIDGE", &[], bridge::br_exists),
    command("br-get-external-id", (1, 2), "!BRIDGE ?KEY", &[], bridge::br_get_external_id),
    command("br-set-external-id", (2, 3), "!BRIDGE !KEY ?VALUE", &[], bridge::br_set_external_id),
    command("br-to-parent", (1, 1), "!BRIDGE", &[], bridge::br_to_parent),
    command("br-to-vlan", (1, 1), "!BRIDGE", &[], bridge::br_to_vlan),
    command("clear", (3, ANY), "!TABLE !RECORD +COLUMN", IF_EXISTS, record_edit::clear)
        .prepared(record::prepare_columns),
    command("comment", (0, ANY), "*ARG", &[], show::nothing),
    command("create", (2, ANY), "!TABLE +COLUMN?:KEY=VALUE", &["--id="], record_edit::create)
        .prepared(record_edit::prepare_create),
    command("del-aa-mapping", (3, 3), "!BRIDGE !ARG !ARG", &[], unserved::refuse),
    command("del-bond-iface", (1, 2), "?BOND !IFACE", IF_EXISTS, unserved::refuse),
    command("del-br", (1, 1), "!BRIDGE", IF_EXISTS, bridge_edit::del_br),
    command("del-controller", (1, 1), "!BRIDGE", &[], controller::del_controller),
    command("del-fail-mode", (1, 1), "!BRIDGE", &[], controller::del_fail_mode),
    command("del-manager", (0, 0), "", &[], controller::del_manager),
    command(
        "del-port",
        (1, 2),
        "?BRIDGE !PORT|IFACE",
        &["--if-exists", "--with-iface"],
        bridge_edit::del_port,
    ),
    command("del-ssl", (0, 0), "", &[], controller::del_ssl),
    command("del-zone-tp", (2, 2), "", IF_EXISTS, unserved::refuse),
    command("destroy", (1, ANY), "!TABLE *RECORD", &["--if-exists", "--all"], record_edit::destroy)
        .prepared(record::prepare_table),
    command("emer-reset", (0, 0), "", &[], controller::emer_reset),
    command("find", (1, ANY), "!TABLE *COLUMN?:KEY=VALUE", &["--columns="], record::find)
        .prepared(record::prepare_find),
    command("get", (2, ANY), "!TABLE !RECORD *COLUMN?:KEY", &["--if-exists", "--id="], record::get)
        .prepared(record::prepare_get),
    command("get-aa-mapping", (1, 1), "!BRIDGE", &[], unserved::refuse),
    command("get-controller", (1, 1), "!BRIDGE", &[], controller::get_controller),
    command("get-fail-mode", (1, 1), "!BRIDGE", &[], controller::get_fail_mode),
    command("get-manager", (0, 0), "", &[], controller::get_manager),
    command("get-ssl", (0, 0), "", &[], controller::get_ssl),
    command("iface-to-br", (1, 1), "!IFACE", &[], bridge::iface_to_br),
    command("init", (0, 0), "", &[], show::nothing),
    command("list", (1, ANY), "!TABLE *RECORD", &["--if-exists", "--columns="], record::list)
        .prepared(record::prepare_list),
    command("list-br", (0, 0), "", &["--real", "--fake"], bridge::list_br),
    command("list-dp-cap", (1, 1), "", &[], unserved::refuse),
    command("list-ifaces", (1, 1), "!BRIDGE", &[], bridge::list_ifaces),
    command("list-ports", (1, 1), "!BRIDGE", &[], bridge::list_ports),
    command("list-zone-tp", (1, 1), "", &[], unserved::refuse),
    command("port-to-br", (1, 1), "!PORT", &[], bridge::port_to_br),
    command(
        "remove",
        (4, ANY),
        "!TABLE !RECORD !COLUMN +KEY|VALUE|KEY=VALUE",
        IF_EXISTS,
        record_edit::remove,
    )
    .prepared(record::prepare_column),
    command("set", (3, ANY), "!TABLE !RECORD +COLUMN?:KEY=VALUE", IF_EXISTS, record_edit::set)
        .prepared(record::prepare_assignments),
    command(
        "set-controller",
        (1, ANY),
        "!BRIDGE +TARGET",
        &["--inactivity-probe="],
        controller::set_controller,
    ),
    command("set-fail-mode", (2, 2), "!BRIDGE !MODE", &[], controller::set_fail_mode),
    command("set-manager", (1, ANY), "+TARGET", &["--inactivity-probe="], controller::set_manager),
    command("set-ssl", (3, 3), "!PRIVATE-KEY !CERTIFICATE !CA-CERT", &["--bootstrap"], controller::set_ssl),
    command("show", (0, 0), "", &[], show::show),
    command("wait-until", (2, ANY), "!TABLE !RECORD *COLUMN?:KEY=VALUE", &[], record::wait_until)
        .prepared(record::prepare_assignments),
];

/// Cuts the words after the global options into commands at each `--`.
pub(super) fn parse<'a>(
    words: &'a [String],
    local: Vec<(String, Option<String>)>,
) -> Result<Vec<Command<'a>>, Stop> {
    let missing = || Stop::fatal("missing command name (use --help for help)");
    let mut local: BTreeMap<_, _> = local.into_iter().collect();
    let mut commands = Vec::new();
    for words in words.split(|word| word == "--") {
        if !words.is_empty() {
            commands.push(parse_one(words, std::mem::take(&mut local))?);
        } else if !local.is_empty() {
            return Err(missing());
        }
    }
    if commands.is_empty() { Err(missing()) } else { Ok(commands) }
}

fn parse_one<'a>(
    words: &'a [String],
    mut options: BTreeMap<String, Option<String>>,
) -> Result<Command<'a>, Stop> {
    let count = words.iter().take_while(|word| word.starts_with('-')).count();
    for word in &words[..count] {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        if options.insert(name.to_owned(), value).is_some() {
            return Err(Stop::fatal(format!("'{word}' option specified multiple times")));
        }
    }
    let Some(name) = words.get(count) else {
        return Err(Stop::fatal("missing command name (use --help for help)"));
    };
    let Some(syntax) = COMMANDS.iter().find(|syntax| syntax.name == name) else {
        return Err(Stop::fatal(format!("unknown command '{name}'; use --help for help")));
    };
    for (option, value) in &options {
        check_option(syntax, option, value.is_some())?;
    }
    let args = &words[count + 1..];
    check_count(syntax, args)?;
    Ok(Command { syntax, options, args })
}

fn check_option(syntax: &Syntax, option: &str, has_value: bool) -> Result<(), Stop> {
    let name = syntax.name;
    let known = syntax.options.iter().find(|known| known.trim_end_matches('=') == option);
    match known.map(|known| known.ends_with('=')) {
        None => Err(Stop::fatal(format!("'{name}' command has no '{option}' option"))),
        Some(true) if !has_value => {
            Err(Stop::fatal(format!("missing argument to '{option}' option on '{name}' command")))
        }
        Some(false) if has_value => {
            Err(Stop::fatal(format!("'{option}' option on '{name}' does not accept an argument")))
        }
        Some(_) => Ok(()),
    }
}

fn check_count(syntax: &Syntax, args: &[String]) -> Result<(), Stop> {
    let (name, min, max) = (syntax.name, syntax.min, syntax.max);
    if args.len() < min {
        return Err(Stop::fatal(format!("'{name}' command requires at least {min} arguments")));
    }
    if args.len() <= max {
        return Ok(());
    }
    let hint = if args.iter().any(|arg| arg.starts_with('-')) {
        " (note that options must precede command names and follow a \"--\" argument)"
    } else {
        ""
    };
    Err(Stop::fatal(format!("'{name}' command takes at most {max} arguments{hint}")))
}
