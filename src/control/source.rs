//! Where the configuration comes from: one file, or the database that vsctl edits.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use super::reconcile::Running;
use super::state::StateDir;
use crate::config::ConfigError;
use crate::config::desired::Desired;
use crate::config::ovsdb::{Database, to_raw};
use crate::config::raw::RawConfig;
use crate::config::validate::{self, FileError, ThisHost, Tolerance, Valid, judge};

/// The only source of what is wanted.
pub enum Source {
    /// A TOML file. The database mirrors it, for those who ask in vsctl's words.
    File {
        /// The file.
        path: PathBuf,
        /// What it said when it was read last.
        raw: Box<RawConfig>,
        /// The same in vsctl's tables.
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
            let (raw, valid) = read_file(&path).map_err(|error| anyhow!("{error}"))?;
            warn(&valid.warnings);
            return Ok((Self::file(path, raw), valid.desired));
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
        let valid =
            valid(&database).map_err(|error| anyhow!("{}: {error}; repair or remove it", place.display()))?;
        warn(&valid.warnings);
        Ok((Self::Database { database: Box::new(database), state }, valid.desired))
    }

    fn file(path: PathBuf, raw: RawConfig) -> Self {
        let mirror = Box::new(super::mirror::database(&raw));
        Self::File { path, raw: Box::new(raw), mirror }
    }

    /// What vsctl sees.
    pub fn database(&mut self) -> &mut Database {
        match self {
            Self::File { mirror: database, .. } | Self::Database { database, .. } => database,
        }
    }

    /// Reads the file, and the files of keys, again and applies what differs.
    ///
    /// # Errors
    /// Everything that is wrong with it, a line each; then nothing has changed.
    pub async fn reload(&mut self, running: &mut Running) -> Result<(), String> {
        let valid = match self {
            Self::File { path, .. } => {
                let (raw, valid) = read_file(path)?;
                *self = Self::file(std::mem::take(path), raw);
                valid
            }
            Self::Database { database, .. } => valid(database)?,
        };
        warn(&valid.warnings);
        if !running.apply(valid.desired).await {
            running.settle().await;
        }
        Ok(())
    }

    /// Looks again for keys that could not be read. What is wanted stays the same.
    pub async fn read_keys(&self, running: &mut Running) {
        let valid = match self {
            Self::File { raw, .. } => {
                judge(raw, &ThisHost, Tolerance::FILE).map_err(|errors| joined(&errors))
            }
            Self::Database { database, .. } => valid(database),
        };
        match valid {
            Ok(valid) => {
                running.apply(valid.desired).await;
            }
            Err(error) => tracing::warn!("a key that can be read now cannot be used: {error}"),
        }
    }
}

/// What a database asks for.
///
/// # Errors
/// Everything that is wrong with it, in one line.
pub fn valid(database: &Database) -> Result<Valid, String> {
    let (raw, _) = to_raw(database);
    judge(&raw, &ThisHost, Tolerance::DATABASE).map_err(|errors| joined(&errors))
}

fn read_file(path: &Path) -> Result<(RawConfig, Valid), String> {
    validate::read_file(path, &ThisHost, Tolerance::FILE).map_err(|error| match error {
        FileError::Unreadable(error) => format!("cannot read {}: {error}", path.display()),
        FileError::Wrong(errors) => lines(&errors, path),
    })
}

fn warn(warnings: &[ConfigError]) {
    for warning in warnings {
        tracing::warn!("{warning}");
    }
}

fn lines(errors: &[ConfigError], path: &Path) -> String {
    errors.iter().map(|error| format!("{}: {error}", path.display())).collect::<Vec<_>>().join("\n")
}

fn joined(errors: &[ConfigError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
