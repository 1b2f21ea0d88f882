//! What `--help`, `--version`, `--commands` and `--options` print.

use super::Context;
use super::command::COMMANDS;
use super::options::{self, Info};
use crate::config::ovsdb::schema;

/// The text of one of them.
pub(super) fn text(info: Info, context: &Context<'_>) -> String {
    match info {
        Info::Help => help(context),
        Info::Version => {
            format!("{} (adit) {}\nDB Schema {}\n", context.program, context.version, schema::VERSION)
        }
        Info::Commands => COMMANDS
            .iter()
            .map(|command| {
                let options: String = command.options.iter().map(|option| format!("[{option}] ")).collect();
                format!("{options},{},{}\n", command.name, command.arguments)
            })
            .collect(),
        Info::Options => options::listing(),
    }
}

fn help(context: &Context<'_>) -> String {
    let program = context.program;
    let database = context.databases.first().map_or("", String::as_str);
    format!(
        "{program}: configures adit with the grammar of ovs-vsctl
usage: {program} [OPTIONS] [--] COMMAND [ARG...] [-- COMMAND [ARG...]]...

All commands of one line take effect together, or none does.

Bridges:
  [--may-exist] add-br BRIDGE           make a bridge
  [--if-exists] del-br BRIDGE           delete it with all its ports
  list-br                               print the bridges
  br-exists BRIDGE                      exit 2 if there is none of that name
  br-set-external-id BRIDGE KEY [VALUE] set or unset KEY
  br-get-external-id BRIDGE [KEY]       print KEY, or all

Ports and interfaces:
  [--may-exist] add-port BRIDGE PORT [COLUMN[:KEY]=VALUE]...
  [--if-exists] del-port [BRIDGE] PORT
  list-ports BRIDGE, list-ifaces BRIDGE
  port-to-br PORT, iface-to-br INTERFACE

The database (tables Bridge, Port, Interface ...; names may be shortened):
  list TABLE [RECORD]...                print records
  find TABLE [COLUMN[:KEY]=VALUE]...    print those that satisfy the conditions
  get TABLE RECORD [COLUMN[:KEY]]...    print values
  set TABLE RECORD COLUMN[:KEY]=VALUE...
  add TABLE RECORD COLUMN [KEY=]VALUE...
  remove TABLE RECORD COLUMN (KEY|VALUE|KEY=VALUE)...
  clear TABLE RECORD COLUMN...
  [--id=@NAME] create TABLE COLUMN[:KEY]=VALUE...
  destroy TABLE RECORD...
  wait-until TABLE RECORD [COLUMN[:KEY]=VALUE]...
  show                                  print bridges, ports and interfaces
  init, comment [ARG]...                nothing

Stored and shown, without effect:
  set-controller, get-controller, del-controller
  set-fail-mode, get-fail-mode, del-fail-mode (standalone)
  set-manager, get-manager, del-manager, set-ssl, get-ssl, del-ssl
  emer-reset

Interface types: internal, system, tap, gre, vxlan, geneve, ipsec_gre, ipsec_vxlan,
ipsec_geneve.
A tunnel with options:psk is protected by IPsec; listings mask the key,
`get Interface NAME options:psk` alone prints it.

Options:
  --db=DATABASE               adit's own is {database}
  --no-wait                   do not wait until the change is applied
  -t, --timeout=SECS          wait at most SECS seconds
  --dry-run                   check, but do not commit
  --oneline                   print exactly one line for each command
  -f, --format=FORMAT         table, list, html, csv or json
  -d, --data=FORMAT           string, bare or json
  --no-headings --pretty --bare --max-column-width=N
  --commands, --options       print what there is, for shell completion
  -h, --help                  print this
  -V, --version               print the version
"
    )
}
