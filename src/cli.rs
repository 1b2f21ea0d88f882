//! Command line: parse, dispatch, exit code.
//!
//! Exit codes: 0 done, 1 the thing asked for is not so, 2 usage.

mod check;
mod client;
mod fdb;
mod run;
mod sa;
mod show;
mod stp;
mod table;
mod vsctl;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::control::protocol::Request;

/// An Ethernet switch in userspace whose ports can be tunnels, and the IKEv2/IPsec that protects them.
#[derive(Debug, Parser)]
#[command(name = "adit", version, arg_required_else_help = true)]
struct Cli {
    /// Where the daemon's socket and pid are
    #[arg(long, global = true, env = "ADIT_RUN_DIR", value_name = "DIR", default_value = crate::control::state::RUN_DIR)]
    run_dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon, in the foreground
    Run(run::RunArgs),
    /// Configure it with the words of ovs-vsctl (also when this program is called ovs-vsctl)
    #[command(disable_help_flag = true)]
    Vsctl {
        /// As for ovs-vsctl
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
        args: Vec<String>,
    },
    /// Bridges, ports, interfaces at a glance
    Show {
        #[command(flatten)]
        view: View,
        /// Also what was counted, and what was dropped by reason; --json always has it
        #[arg(short, long)]
        verbose: bool,
    },
    /// IKE and child SAs
    Sa(View),
    /// Learned addresses
    Fdb(View),
    /// Spanning trees
    Stp(View),
    /// Bring a connection up
    Up(Connection),
    /// Take a connection down, until it is brought up or its configuration changes
    Down(Connection),
    /// Replace the keys of a connection: of its child SAs, its IKE SA, or both
    Rekey(RekeyArgs),
    /// Have the daemon read its configuration file again
    Reload,
    /// Say everything that is wrong with a configuration file
    Check {
        /// The file
        file: PathBuf,
    },
    /// Build three hosts and a ring in namespaces, and prove that all of it works
    ///
    /// Three network namespaces on one underlay, a daemon of this binary in each, and the ring of the
    /// tutorial: gre between hosts 1 and 2, vxlan between 1 and 3, ipsec_gre between 2 and 3. Then ten
    /// checks: the spanning tree, pings, no circulating frame, the wire as tcpdump would show it, the
    /// SAs and their rekeying, a cut link, a wrong PSK, forged packets, kill -9, TCP over each tunnel.
    ///
    /// Needs neither root (a user namespace of its own then) nor any other program, takes about a
    /// minute, and leaves nothing behind. Exit status 0 only if every check holds.
    Lab(crate::lab::LabArgs),
}

#[derive(Debug, Args)]
struct View {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Connection {
    /// Name of a port or interface with a pre-shared key
    connection: String,
}

#[derive(Debug, Args)]
struct RekeyArgs {
    /// Name of a port or interface with a pre-shared key
    connection: String,
    /// Only the IKE SA
    #[arg(long, conflicts_with = "child")]
    ike: bool,
    /// Only the child SAs
    #[arg(long)]
    child: bool,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let program = args.next().unwrap_or_default();
    let called = Path::new(&program).file_name().and_then(|name| name.to_str());
    if called == Some("ovs-vsctl") {
        let run_dir = std::env::var_os("ADIT_RUN_DIR").map(PathBuf::from);
        let run_dir = run_dir.unwrap_or_else(|| crate::control::state::RUN_DIR.into());
        return vsctl::run(&run_dir, args.map(lossless).collect());
    }
    let cli = Cli::parse();
    dispatch(&cli.run_dir, cli.command)
}

/// Arguments that are no UTF-8 reach the daemon with replacement characters, which no name has.
fn lossless(argument: OsString) -> String {
    argument.into_string().unwrap_or_else(|bytes| bytes.to_string_lossy().into_owned())
}

fn dispatch(run_dir: &Path, command: Command) -> ExitCode {
    match command {
        Command::Run(args) => run::run(run_dir, args),
        Command::Vsctl { args } => vsctl::run(run_dir, args),
        Command::Show { view, verbose } => {
            client::show(run_dir, &Request::Show {}, view.json, |show| show::text(show, verbose))
        }
        Command::Sa(view) => client::show(run_dir, &Request::Sa {}, view.json, sa::text),
        Command::Fdb(view) => client::show(run_dir, &Request::Fdb {}, view.json, fdb::text),
        Command::Stp(view) => client::show(run_dir, &Request::Stp {}, view.json, stp::text),
        Command::Up(Connection { connection }) => client::order(run_dir, &Request::Up { connection }),
        Command::Down(Connection { connection }) => client::order(run_dir, &Request::Down { connection }),
        Command::Rekey(RekeyArgs { connection, ike, child }) => {
            let (ike, child) = if ike || child { (ike, child) } else { (true, true) };
            client::order(run_dir, &Request::Rekey { connection, ike, child })
        }
        Command::Reload => client::order(run_dir, &Request::Reload {}),
        Command::Check { file } => check::check(&file),
        Command::Lab(args) => crate::lab::run(args),
    }
}

/// Writes to stdout; a reader that went away is no error of ours.
fn print(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// One line on stderr, and exit code 1.
fn fail(error: impl std::fmt::Display) -> ExitCode {
    eprintln!("adit: {error}");
    ExitCode::from(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("adit").chain(args.iter().copied()))
    }

    #[test]
    fn the_grammar_of_clap_holds_together() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn vsctl_gets_its_words_untouched() {
        let args = ["--may-exist", "add-br", "b", "--", "--help", "set", "--json"];
        let cli = parse(&[&["--run-dir", "/r", "vsctl"], &args[..]].concat()).unwrap();
        assert_eq!(cli.run_dir, Path::new("/r"));
        assert!(matches!(cli.command, Command::Vsctl { args: got } if got == args));
    }

    #[test]
    fn usage_errors_exit_with_two() {
        for bad in [&["nope"][..], &["up"], &["show", "--jsn"], &["rekey", "x", "--ike", "--child"]] {
            assert_eq!(parse(bad).unwrap_err().exit_code(), 2, "{bad:?}");
        }
    }
}
