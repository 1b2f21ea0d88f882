//! `cargo xtask test`: installs what the tests need and passes them all.

use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// A program a test calls, and the Debian package that brings it.
const NEEDED: [(&str, &str); 11] = [
    ("ovs-vsctl", "openvswitch-switch"),
    ("ovsdb-server", "openvswitch-switch"),
    ("charon-systemd", "charon-systemd"),
    ("swanctl", "strongswan-swanctl"),
    ("ip", "iproute2"),
    ("ping", "iputils-ping"),
    ("iperf3", "iperf3"),
    ("tcpdump", "tcpdump"),
    ("ethtool", "ethtool"),
    ("setpriv", "util-linux"),
    ("cc", "gcc"),
];

/// Plugins of strongSwan that come as files, not as programs.
const NEEDED_FILES: [(&str, &str); 2] = [
    ("/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so", "libcharon-extra-plugins"),
    ("/usr/lib/ipsec/plugins/libstrongswan-openssl.so", "libstrongswan-standard-plugins"),
];

/// What is run, in order; the first failure ends it.
const STEPS: [(&str, &[&str]); 6] = [
    ("formatting", &["fmt", "--all", "--check"]),
    ("tidy", &["run", "-q", "-p", "xtask", "--", "tidy"]),
    ("requirements", &["run", "-q", "-p", "xtask", "--", "requirements"]),
    ("lints", &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]),
    ("tests", &["test", "--workspace", "--no-fail-fast"]),
    ("documentation", &["doc", "--workspace", "--no-deps", "--document-private-items", "--quiet"]),
];

/// Runs everything.
pub fn run(root: &Path) -> Result<()> {
    install()?;
    for (name, arguments) in STEPS {
        println!("==> {name}: cargo {}", arguments.join(" "));
        let start = Instant::now();
        let status = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
            .args(arguments)
            .current_dir(root)
            // Private items are documented too, so links to them lead somewhere.
            .env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links")
            .status()
            .context("cannot run cargo")?;
        println!("==> {name}: {status} after {} s", start.elapsed().as_secs());
        if !status.success() {
            bail!("{name} failed: {status}");
        }
    }
    Ok(())
}

/// Installs the Debian packages that are missing.
fn install() -> Result<()> {
    let mut missing: Vec<&str> = NEEDED
        .iter()
        .filter(|(program, _)| !on_path(program))
        .chain(NEEDED_FILES.iter().filter(|(file, _)| !Path::new(file).exists()))
        .map(|(_, package)| *package)
        .collect();
    missing.sort_unstable();
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    println!("==> installing {}", missing.join(" "));
    let root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.starts_with(b"0\n"));
    let apt = |arguments: &[&str]| -> Result<()> {
        let mut command = if root { Command::new("apt-get") } else { Command::new("sudo") };
        if !root {
            command.args(["--", "apt-get"]);
        }
        let status = command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").status();
        match status.context("cannot run apt-get: the tests' peers come from Debian")? {
            status if status.success() => Ok(()),
            status => bail!("apt-get {}: {status}; install {} by hand", arguments[0], missing.join(" ")),
        }
    };
    apt(&["update", "-q"])?;
    let mut arguments = vec!["install", "-q", "-y", "--no-install-recommends"];
    arguments.extend(&missing);
    apt(&arguments)
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(std::path::PathBuf::from);
    std::env::split_paths(&path).chain(system).any(|folder| folder.join(program).is_file())
}
