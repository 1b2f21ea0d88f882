//! A user namespace of one's own, for who is not root (user_namespaces(7)).

use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

use super::Error;

/// Set once, when this process has become root of a user namespace of its own.
static OWN: AtomicBool = AtomicBool::new(false);

/// `CAP_SYS_ADMIN`, `CAP_NET_ADMIN` and `CAP_NET_RAW` as bits of `CapEff`
/// (linux/capability.h).
const NEEDED: u64 = 1 << 21 | 1 << 12 | 1 << 13;

/// Settings that forbid users to make user namespaces: the file, the content
/// that forbids, and the remedy.
const SETTINGS: [(&str, &str, &str); 3] = [
    ("/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=10000"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
];

/// Whether this process may make network namespaces as it is.
pub fn can_make_namespaces() -> bool {
    let Ok(status) = fs::read_to_string("/proc/self/status") else { return false };
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    bits.is_some_and(|bits| bits & NEEDED == NEEDED)
}

/// Whether [`become_root_of_own`] has succeeded in this process: what is in
/// its namespaces can only be entered together with the user namespace.
pub fn is_root_of_own() -> bool {
    OWN.load(Ordering::Relaxed)
}

/// Enters a new user namespace in which this process is root and owns what
/// namespaces it makes; outside it stays the user it is.
///
/// Must be called while the process has a single thread ([`Error::Threads`]).
/// Where the system forbids it, the error names the setting and the remedy.
pub fn become_root_of_own() -> Result<(), Error> {
    let (user, group) = (geteuid(), getegid());
    if let Err(errno) = unshare(CloneFlags::CLONE_NEWUSER) {
        return Err(match errno {
            nix::errno::Errno::EINVAL => Error::Threads,
            errno => forbidden(errno.into()),
        });
    }
    // Without this a user may not map a group (user_namespaces(7)).
    write("/proc/self/setgroups", "deny")?;
    write("/proc/self/uid_map", &format!("0 {user} 1"))?;
    write("/proc/self/gid_map", &format!("0 {group} 1"))?;
    OWN.store(true, Ordering::Relaxed);
    Ok(())
}

fn write(path: &'static str, content: &str) -> Result<(), Error> {
    match fs::write(path, content) {
        Ok(()) => Ok(()),
        // AppArmor lets the unshare pass and takes the capabilities away instead.
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Err(forbidden(e)),
        Err(source) => Err(Error::Map { path, source }),
    }
}

fn forbidden(why: io::Error) -> Error {
    let setting = SETTINGS.iter().find_map(|(path, forbids, remedy)| {
        let value = fs::read_to_string(path).ok()?;
        (value.trim() == *forbids).then(|| format!("{path} is {}; run as root, or: {remedy}", value.trim()))
    });
    let reason = setting.unwrap_or_else(|| {
        "run as root, or allow user namespaces (in a container: run it privileged)".into()
    });
    Error::Forbidden(format!("this system does not let users make namespaces ({why}): {reason}"))
}
