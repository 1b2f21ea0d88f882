//! Where the configuration comes from: one file, or the database that vsctl edits.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use zeroize::Zeroizing;

use super::reconcile::Running;
use super::state::StateDir;
use crate::config::ConfigError;
use crate::config::desired::Desired;
use crate::config::ovsdb::{Database, to_raw};
use crate::config::raw::RawConfig;
use crate::config::validate::{ThisHost, validate};

/// The only source of what is wanted.
pub enum Source {
    /// A TOML file. The database mirrors it, for those who ask in vsctl's words.
    File {
        /// The file.
        path: PathBuf,
        /// What it says, in vsctl's tables.
        mirror: Box<Database>,
    },
    /// vsctl's database, kept in the state directory.
    Database {
        /// As it is now.
        database: Box<Database>,
        /// Where it is kept.
        state: StateDir,
    },
}

impl Source {
    /// Opens the file, or the database of `state`, and reads what is wanted.
    ///
    /// # Errors
    /// It cannot be read or is not valid; everything that is wrong with it, a line each.
    pub fn open(config: Option<PathBuf>, state: Option<StateDir>) -> anyhow::Result<(Self, Desired)> {
        if let Some(path) = config {
            let (raw, desired) = read_file(&path).map_err(|error| anyhow!("{error}"))?;
            let mirror = Box::new(super::mirror::database(&raw));
            return Ok((Self::File { path, mirror }, desired));
        }
        let state = state.context("neither a configuration file nor a state directory")?;
        let place = state.database();
        let mut database = match state.load()? {
            None => Database::new(),
            Some(text) => Database::from_json(&text).with_context(|| {
                format!("{} is not what adit saved; repair or remove it", place.display())
            })?,
        };
        database.clear_ephemeral();
        let desired = desired(&database)
            .map_err(|error| anyhow!("{}: {error}; repair or remove it", place.display()))?;
        Ok((Self::Database { database: Box::new(database), state }, desired))
    }

    /// What vsctl sees.
    pub fn database(&mut self) -> &mut Database {
        match self {
            Self::File { mirror: database, .. } | Self::Database { database, .. } => database,
        }
    }

    /// Reads the file again and applies what differs. A database is always up to date.
    ///
    /// # Errors
    /// Everything that is wrong with it, a line each; then nothing has changed.
    pub async fn reload(&mut self, running: &mut Running) -> Result<(), String> {
        if let Self::File { path, mirror } = self {
            let (raw, desired) = read_file(path)?;
            **mirror = super::mirror::database(&raw);
            running.apply(desired).await;
        } else {
            running.settle().await;
        }
        Ok(())
    }
}

/// What a database asks for.
///
/// # Errors
/// Everything that is wrong with it, in one line.
pub fn desired(database: &Database) -> Result<Desired, String> {
    let (raw, _) = to_raw(database);
    validate(&raw, &ThisHost).map_err(|errors| lines(&errors, None, "; "))
}

fn read_file(path: &Path) -> Result<(RawConfig, Desired), String> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let checked =
        RawConfig::from_toml(&text).and_then(|raw| validate(&raw, &ThisHost).map(|desired| (raw, desired)));
    checked.map_err(|errors| lines(&errors, Some(path), "\n"))
}

fn lines(errors: &[ConfigError], path: Option<&Path>, separator: &str) -> String {
    let line = |error: &ConfigError| match path {
        Some(path) => format!("{}: {error}", path.display()),
        None => error.to_string(),
    };
    errors.iter().map(line).collect::<Vec<_>>().join(separator)
}
