//! The configuration as it was written: names and values, nothing checked yet.
//!
//! The shape is that of the TOML file, and what vsctl's database is turned
//! into as well:
//!
//! ```toml
//! [bridge.testbr]                # RawConfig::bridges["testbr"].settings
//! stp = true
//! addresses = ["10.0.0.2/24"]
//!
//! [bridge.testbr.port.ipsec0]    # RawConfig::bridges["testbr"].ports["ipsec0"]
//! type = "ipsec_gre"
//! remote_ip = "192.168.100.102"
//! psk = "password"
//!
//! [ipsec.aws-1]                  # RawConfig::ipsec["aws-1"]
//! remote_ip = "198.51.100.20"
//! psk_file = "/etc/adit/aws-1.psk"
//! inside = "169.254.10.2/30"
//! ```
//!
//! Keys served (all others are refused by `validate`, by name):
//!
//! | table | keys |
//! |---|---|
//! | bridge | `stp stp_priority stp_system_id stp_hello_time stp_max_age stp_forward_delay mac_aging_time mac_table_size hwaddr forward_bpdu addresses mtu` |
//! | any port | `type ofport stp stp_port_num stp_port_priority stp_path_cost` |
//! | port `internal`, `tap` | `mac mtu addresses` |
//! | port `gre` | `local_ip remote_ip key in_key out_key csum seq tos ttl df_default egress_pkt_mark packet_type` |
//! | port `vxlan` | `local_ip remote_ip key in_key out_key csum dst_port tos ttl df_default egress_pkt_mark packet_type` |
//! | protected (`ipsec_gre`, or `gre`, `vxlan` with a psk) | `psk psk_file psk_env local_id remote_id ike esp encapsulation initiate ike_lifetime child_lifetime child_packets child_bytes liveness` |
//! | ipsec | the same, `local_ip remote_ip inside routes local_ts remote_ts mtu` |
//!
//! A number may be an integer or its text, decimal or `0x…`; a boolean may be
//! `true` or `"true"` (also yes/on/1, no/off/0): vsctl knows only text there.

mod mend;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use zeroize::Zeroize;

use super::ConfigError;

/// A whole configuration, unchecked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RawConfig {
    /// `[bridge.NAME]`.
    pub bridges: BTreeMap<String, RawBridge>,
    /// `[ipsec.NAME]`: route-based interfaces.
    pub ipsec: BTreeMap<String, RawTable>,
}

/// A bridge and its ports; the local port, named like the bridge, is implied.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RawBridge {
    /// What stands in `[bridge.NAME]` itself.
    pub settings: RawTable,
    /// `[bridge.NAME.port.PORT]`.
    pub ports: BTreeMap<String, RawTable>,
}

/// Keys and values of one table. `Debug` masks the PSK, and dropping it wipes it.
#[derive(Clone, Default, PartialEq)]
pub struct RawTable {
    /// Line of the table's header, from 1, if it came as text.
    pub line: Option<u32>,
    entries: BTreeMap<String, RawEntry>,
}

/// A value with the line it was written on.
#[derive(Clone, PartialEq)]
pub struct RawEntry {
    /// The value.
    pub value: RawValue,
    /// Line, from 1, if it came as text.
    pub line: Option<u32>,
}

/// A value as written.
#[derive(Debug, Clone, PartialEq)]
pub enum RawValue {
    /// Text, also numbers and booleans written as text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// Several values.
    List(Vec<RawValue>),
    /// Something that could not be read, which was told.
    Unreadable,
}

impl RawTable {
    /// Sets `key`, replacing what it was.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<RawValue>) {
        self.entries.insert(key.into(), RawEntry { value: value.into(), line: None });
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&RawValue> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// All entries by key.
    pub fn entries(&self) -> &BTreeMap<String, RawEntry> {
        &self.entries
    }
}

impl fmt::Debug for RawTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (key, entry) in &self.entries {
            if key == "psk" {
                map.entry(key, &"(secret)");
            } else {
                map.entry(key, &entry.value);
            }
        }
        map.finish()
    }
}

impl Drop for RawTable {
    fn drop(&mut self) {
        if let Some(RawEntry { value: RawValue::Text(psk), .. }) = self.entries.get_mut("psk") {
            psk.zeroize();
        }
    }
}

impl From<&str> for RawValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for RawValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for RawValue {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for RawValue {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

impl<T: Into<Self>> From<Vec<T>> for RawValue {
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

impl RawConfig {
    /// Reads the TOML form.
    ///
    /// # Errors
    /// Every syntax error, and every table or value of a shape no key has.
    pub fn from_toml(text: &str) -> Result<Self, Vec<ConfigError>> {
        let (config, errors) = Self::read(text.as_bytes());
        if errors.is_empty() { Ok(config) } else { Err(errors) }
    }

    /// Reads what can be read of the TOML form, and tells what cannot.
    pub fn read(text: &[u8]) -> (Self, Vec<ConfigError>) {
        let mend::Mended { text, errors, unreadable } = mend::mend(text);
        let (root, _) = DeTable::parse_recoverable(&text);
        let mut reader = Reader { lines: Lines::of(&text), errors, unreadable };
        let config = reader.config(root.get_ref());
        (config, reader.errors)
    }
}

/// Turns byte offsets into lines.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    fn at(&self, offset: usize) -> u32 {
        let before = self.0.partition_point(|newline| *newline < offset);
        u32::try_from(before + 1).unwrap_or(u32::MAX)
    }

    /// Where a line begins.
    fn start(&self, line: u32) -> usize {
        (line as usize).checked_sub(2).and_then(|before| self.0.get(before)).map_or(0, |newline| newline + 1)
    }

    /// Where a line ends: at its newline, or that of the text.
    fn end(&self, line: u32, length: usize) -> usize {
        (line as usize).checked_sub(1).and_then(|at| self.0.get(at)).copied().unwrap_or(length)
    }
}

/// Walks the parsed TOML, collecting errors instead of stopping at one.
struct Reader {
    lines: Lines,
    errors: Vec<ConfigError>,
    /// Lines whose values were told to be no TOML.
    unreadable: BTreeSet<u32>,
}

impl Reader {
    fn push(&mut self, place: &str, line: Option<u32>, what: impl Into<String>, remedy: &str) {
        let error =
            ConfigError { place: place.to_owned(), line, what: what.into(), remedy: remedy.to_owned() };
        self.errors.push(error);
    }

    fn line<T>(&self, spanned: &Spanned<T>) -> Option<u32> {
        Some(self.lines.at(spanned.span().start))
    }

    /// Whether what stands there was told to be no TOML.
    fn is_told(&self, line: Option<u32>) -> bool {
        line.is_some_and(|line| self.unreadable.contains(&line))
    }

    fn config(&mut self, root: &DeTable<'_>) -> RawConfig {
        let mut config = RawConfig::default();
        for (key, value) in root {
            let line = self.line(key);
            let name = key.get_ref().as_ref();
            match name {
                "bridge" => {
                    for (bridge, line, table) in self.tables(name, line, value.get_ref()) {
                        let place = format!("bridge.{bridge}");
                        config.bridges.insert(bridge, self.bridge(&place, line, table));
                    }
                }
                "ipsec" => {
                    for (tunnel, line, table) in self.tables(name, line, value.get_ref()) {
                        let place = format!("ipsec.{tunnel}");
                        config.ipsec.insert(tunnel, self.table(&place, line, table));
                    }
                }
                _ if self.is_told(line) => {}
                _ => self.push(name, line, "unknown table", "known are [bridge.NAME] and [ipsec.NAME]"),
            }
        }
        config
    }

    /// The tables inside a table of tables.
    fn tables<'t, 'i>(
        &mut self,
        place: &str,
        line: Option<u32>,
        value: &'t DeValue<'i>,
    ) -> Vec<(String, Option<u32>, &'t DeTable<'i>)> {
        let DeValue::Table(outer) = value else {
            if self.is_told(line) {
                return Vec::new();
            }
            self.push(place, line, "is no table", &format!("write [{place}.NAME]"));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (key, value) in outer {
            let name = key.get_ref().as_ref();
            let line = self.line(key);
            match value.get_ref() {
                DeValue::Table(table) => tables.push((name.to_owned(), line, table)),
                _ if self.is_told(line) => {}
                _ => {
                    let remedy = format!("write [{place}.{name}]");
                    self.push(&format!("{place}.{name}"), line, "is no table", &remedy);
                }
            }
        }
        tables
    }

    fn bridge(&mut self, place: &str, line: Option<u32>, table: &DeTable<'_>) -> RawBridge {
        let mut bridge = RawBridge::default();
        bridge.settings.line = line;
        for (key, value) in table {
            let line = self.line(key);
            let name = key.get_ref().as_ref();
            if name == "port" {
                for (port, line, table) in self.tables(&format!("{place}.port"), line, value.get_ref()) {
                    let place = format!("{place}.port.{port}");
                    bridge.ports.insert(port, self.table(&place, line, table));
                }
            } else {
                self.entry(place, name, line, value.get_ref(), &mut bridge.settings);
            }
        }
        bridge
    }

    fn table(&mut self, place: &str, line: Option<u32>, table: &DeTable<'_>) -> RawTable {
        let mut raw = RawTable { line, entries: BTreeMap::new() };
        for (key, value) in table {
            let line = self.line(key);
            self.entry(place, key.get_ref().as_ref(), line, value.get_ref(), &mut raw);
        }
        raw
    }

    fn entry(&mut self, place: &str, key: &str, line: Option<u32>, value: &DeValue<'_>, into: &mut RawTable) {
        let value = if self.is_told(line) { Ok(RawValue::Unreadable) } else { raw_value(value) };
        let value = value.unwrap_or_else(|what| {
            let remedy = "values are text, whole numbers, true, false, and lists of these";
            self.push(&format!("{place}.{key}"), line, what, remedy);
            RawValue::Unreadable
        });
        into.entries.insert(key.to_owned(), RawEntry { value, line });
    }
}

fn raw_value(value: &DeValue<'_>) -> Result<RawValue, &'static str> {
    match value {
        DeValue::String(text) => Ok(RawValue::Text(text.to_string())),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(RawValue::Integer)
            .map_err(|_| "the number is too large"),
        DeValue::Boolean(truth) => Ok(RawValue::Boolean(*truth)),
        DeValue::Array(values) => values
            .iter()
            .map(|value| raw_value(value.get_ref()))
            .collect::<Result<_, _>>()
            .map(RawValue::List),
        DeValue::Table(_) => Err("is a table, and nothing here has one of that name"),
        DeValue::Float(_) => Err("is a fraction, and nothing here takes one"),
        DeValue::Datetime(_) => Err("is a date, and nothing here takes one"),
    }
}

#[cfg(test)]
mod tests;
