//! Configuration: text, vsctl or database to one validated desired state.
//!
//! ```text
//! TOML file ─┐
//! vsctl ─────┴─ raw ── validate ── Desired ── plan::diff(now, next) ── Plan
//! ```
//!
//! Nothing here does I/O, but for the files a PSK may come from, which are
//! read through [`validate::PskSource`].

pub mod desired;
pub mod ovsdb;
pub mod plan;
pub mod raw;
pub mod validate;
pub mod vsctl;

use std::fmt;

/// One thing wrong with a configuration: where, what, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Where, as the dotted path of the TOML form: `bridge.br0.port.gre0.remote_ip`.
    pub place: String,
    /// Line in the text, from 1, where the configuration came as text.
    pub line: Option<u32>,
    /// What is wrong, without a full stop.
    pub what: String,
    /// What to do instead, without a full stop; may be empty.
    pub remedy: String,
}

/// `text` with control characters escaped: what somebody else wrote stays on one line of an error, and
/// moves no cursor.
pub fn one_line(text: &str) -> String {
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escaped).collect()
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.place.is_empty() {
            write!(f, "{}: ", one_line(&self.place))?;
        }
        f.write_str(&one_line(&self.what))?;
        if !self.remedy.is_empty() {
            write!(f, " ({})", one_line(&self.remedy))?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
