//! A directory for the lab's files, gone with the value.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::{LabError, io};

/// A directory of our own, readable by nobody else.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes it below the system's directory for temporary files.
    pub fn make() -> Result<Self, LabError> {
        let template = std::env::temp_dir().join("adit-lab-XXXXXX");
        let made = nix::unistd::mkdtemp(&template).map_err(std::io::Error::from);
        Ok(Self { path: made.map_err(io(format!("make {}", template.display())))? })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
