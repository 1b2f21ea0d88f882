//! Commands whose subject adit does not have: they are named, and refused.

use super::Stop;
use super::bridge_edit::add_ports;
use super::command::Command;
use super::session::{Output, Session};

/// `add-bond [--may-exist] [--fake-iface] BRIDGE PORT INTERFACE... [COLUMN[:KEY]=VALUE]...`;
/// a port of several interfaces is refused at commit.
pub(super) fn add_bond(session: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let words = &command.args[2..];
    let count = words.iter().take_while(|word| !word.contains('=')).count();
    if count < 2 {
        return Err(Stop::fatal(format!(
            "add-bond requires at least 2 interfaces, but only {count} were specified"
        )));
    }
    add_ports(session, command, &words[..count], &words[count..])
}

/// A command of which adit serves nothing.
pub(super) fn refuse(_: &mut Session<'_>, command: &Command<'_>) -> Result<Output, Stop> {
    let name = command.syntax.name;
    let what = if name.contains("bond") {
        "there are no bonds"
    } else if name.contains("aa-mapping") {
        "there is no Auto Attach"
    } else {
        "there is no connection tracking, and no datapath but adit's own"
    };
    Err(Stop::fatal(format!("adit does not serve '{name}': {what}")))
}
