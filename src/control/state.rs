//! Files: the run directory (socket, pid) and the state directory (what vsctl configured).

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use nix::fcntl::{Flock, FlockArg};
use zeroize::Zeroizing;

/// Run directory where none is named.
pub const RUN_DIR: &str = "/run/adit";
/// State directory where neither it nor a run directory is named.
pub const STATE_DIR: &str = "/var/lib/adit";
/// Name of the database in the state directory.
const DATABASE: &str = "conf.json";
/// Largest database taken.
const DATABASE_MAX: u64 = 64 << 20;

/// The run directory, locked by this daemon: a second one in it is refused, and the
/// lock goes with the process however it ends.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    _lock: Flock<File>,
}

impl RunDir {
    /// Makes and locks it, and writes the pid.
    ///
    /// # Errors
    /// Another daemon has it, or it cannot be made.
    pub fn take(path: &Path) -> anyhow::Result<Self> {
        make_private(path, "run directory")?;
        let name = path.join("adit.pid");
        let open =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&name);
        let file = open.with_context(|| format!("cannot write {}", name.display()))?;
        let mut lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => lock,
            Err((mut file, _)) => {
                let mut pid = String::new();
                let _ = file.read_to_string(&mut pid);
                let (path, pid) = (path.display(), pid.trim());
                bail!("adit runs already in {path} (pid {pid}); stop it, or name another --run-dir");
            }
        };
        lock.set_len(0)?;
        lock.rewind()?;
        writeln!(lock, "{}", std::process::id())?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Where the control socket is.
    pub fn socket(&self) -> PathBuf {
        socket_in(&self.path)
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        // The pid file stays, unlocked: removing it would race with the next daemon.
        let _ = std::fs::remove_file(self.socket());
    }
}

/// The control socket of a run directory.
pub fn socket_in(run_dir: &Path) -> PathBuf {
    run_dir.join("control.sock")
}

/// A directory that nobody else may write. One that exists keeps its mode.
fn make_private(path: &Path, what: &str) -> anyhow::Result<()> {
    let name = path.display();
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    let found = made.and_then(|()| std::fs::metadata(path));
    let found = found.with_context(|| format!("cannot make the {what} {name}"))?;
    let user = nix::unistd::geteuid();
    if found.uid() != user.as_raw() && found.uid() != 0 {
        bail!("the {what} {name} belongs to somebody else: chown {user} {name}, or name another directory");
    }
    if found.mode() & 0o022 != 0 {
        bail!("others may write to the {what} {name}: chmod go-w {name}, or name another directory");
    }
    Ok(())
}

/// The state directory.
#[derive(Debug, Clone)]
pub struct StateDir(PathBuf);

impl StateDir {
    /// Makes it if need be.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        make_private(path, "state directory")?;
        Ok(Self(path.to_owned()))
    }

    /// The file of the database, for messages.
    pub fn database(&self) -> PathBuf {
        self.0.join(DATABASE)
    }

    /// What was saved last; `None` if nothing ever was.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn load(&self) -> anyhow::Result<Option<Zeroizing<String>>> {
        let path = self.database();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let mut text = Zeroizing::new(String::new());
        let read = file.take(DATABASE_MAX).read_to_string(&mut text);
        read.with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Some(text))
    }

    /// Replaces what was saved: after a crash at any point one of the two is whole.
    ///
    /// # Errors
    /// As the system gives them; then the old content stands.
    pub fn save(&self, text: &str) -> io::Result<()> {
        let new = self.0.join(format!("{DATABASE}.new"));
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // A new file: what a crash left may have another mode, or be open elsewhere.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, self.database())?;
        File::open(&self.0)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_was_saved_is_found_and_is_the_owners() {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDir::open(&directory.path().join("a/b")).unwrap();
        assert!(state.load().unwrap().is_none());
        state.save("one").unwrap();
        state.save("two").unwrap();
        assert_eq!(state.load().unwrap().unwrap().as_str(), "two");
        let mode = std::fs::metadata(state.database()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mode = std::fs::metadata(directory.path().join("a/b")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn what_cannot_be_saved_leaves_the_old() {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDir::open(directory.path()).unwrap();
        state.save("old").unwrap();
        std::fs::create_dir(directory.path().join("conf.json.new")).unwrap();
        state.save("new").unwrap_err();
        assert_eq!(state.load().unwrap().unwrap().as_str(), "old");
    }

    #[test]
    fn a_directory_others_may_write_is_refused_with_the_remedy() {
        let directory = tempfile::tempdir().unwrap();
        let open = std::fs::Permissions::from_mode(0o770);
        std::fs::set_permissions(directory.path(), open).unwrap();
        for refused in [StateDir::open(directory.path()).map(drop), RunDir::take(directory.path()).map(drop)]
        {
            let error = format!("{:#}", refused.unwrap_err());
            assert!(error.contains(&format!("chmod go-w {}", directory.path().display())), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "something was made in it");
    }

    #[test]
    fn what_is_saved_is_the_owners_from_its_first_byte() {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDir::open(directory.path()).unwrap();
        // Left by a crash, or put there: neither its mode nor another name of it may matter.
        let left = directory.path().join("conf.json.new");
        std::fs::write(&left, "left").unwrap();
        std::fs::set_permissions(&left, std::fs::Permissions::from_mode(0o666)).unwrap();
        let mut reader = File::open(&left).unwrap();
        state.save("secret").unwrap();
        let mode = std::fs::metadata(state.database()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mut read = String::new();
        reader.read_to_string(&mut read).unwrap();
        assert_eq!(read, "left", "who had the old file open reads the new one");
    }

    #[test]
    fn a_run_directory_has_one_daemon_and_is_free_when_it_ends() {
        let directory = tempfile::tempdir().unwrap();
        let first = RunDir::take(directory.path()).unwrap();
        std::fs::write(first.socket(), "stale").unwrap();
        let refused = RunDir::take(directory.path()).unwrap_err().to_string();
        assert!(refused.contains(&format!("pid {}", std::process::id())), "{refused}");
        drop(first);
        let second = RunDir::take(directory.path()).unwrap();
        assert!(!second.socket().exists());
    }
}
