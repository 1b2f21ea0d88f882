//! strongSwan's charon with its userspace ESP (kernel-libipsec), in a namespace.

use super::support::{Namespace, Running, need, run, wait_for};
use std::path::{Path, PathBuf};

/// A running charon with its own configuration.
pub struct Charon {
    running: Running,
    uri: String,
    folder: PathBuf,
    namespace: String,
}

impl Charon {
    /// Starts it with the given `swanctl.conf` and loads that.
    pub fn start(namespace: &Namespace, folder: &Path, swanctl: &str) -> Self {
        need("charon-systemd", "charon-systemd");
        need("swanctl", "strongswan-swanctl");
        let folder = folder.join(namespace.name());
        std::fs::create_dir_all(&folder).expect("folder");
        let vici = folder.join("vici");
        let conf = folder.join("strongswan.conf");
        std::fs::write(&conf, strongswan_conf(&folder)).expect("strongswan.conf");
        std::fs::write(folder.join("swanctl.conf"), swanctl).expect("swanctl.conf");
        let mut command = namespace.command("charon-systemd");
        let running = Running::start(command.env("STRONGSWAN_CONF", &conf), folder.join("output"));
        let uri = format!("unix://{}", vici.display());
        let charon = Self { running, uri, folder, namespace: namespace.name().to_owned() };
        wait_for("charon's socket", 10, || vici.exists().then_some(()));
        let file = charon.folder.join("swanctl.conf").display().to_string();
        charon.swanctl(&["--load-all", "--file", &file]);
        charon
    }

    /// `swanctl ARGUMENTS`; it must succeed. Its output.
    pub fn swanctl(&self, arguments: &[&str]) -> String {
        let mut command = std::process::Command::new("ip");
        command
            .args(["netns", "exec", &self.namespace, "swanctl"])
            .args(arguments)
            .args(["--uri", &self.uri]);
        run(&mut command)
    }

    /// What it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Charon {
    fn drop(&mut self) {
        self.running.end();
        if std::thread::panicking() {
            eprintln!("---- charon in {} ----\n{}", self.namespace, self.log());
        }
    }
}

fn strongswan_conf(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "charon-systemd {{
  load = random nonce openssl aes sha1 sha2 hmac kdf gcm chapoly curve25519 pem pkcs1 pkcs8 x509 pubkey constraints socket-default vici kernel-libipsec kernel-netlink updown
  retransmit_tries = 3
  plugins {{
    vici {{
      socket = unix://{folder}/vici
    }}
    kernel-libipsec {{
      allow_peer_ts = yes
    }}
    kernel-netlink {{
      fwmark = !0x42
    }}
    socket-default {{
      fwmark = 0x42
    }}
  }}
  journal {{
    default = -1
  }}
  filelog {{
    f {{
      path = {folder}/log
      default = 1
      ike = 2
      cfg = 2
      flush_line = yes
    }}
  }}
}}
"
    )
}
