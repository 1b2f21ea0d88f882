//! Names and addresses that were checked once.

use std::fmt;
use std::str::FromStr;

/// Longest name of a Linux network device, in bytes.
const DEVICE_NAME_MAX: usize = 15;
/// A name that a network device may have: 1 to 15 bytes, no `/`, no blank, not `.` or `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceName(String);

impl DeviceName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > DEVICE_NAME_MAX {
            return Err(format!("a name has 1 to {DEVICE_NAME_MAX} bytes, '{text}' has {}", text.len()));
        }
        if matches!(text, "." | ".." | "all" | "default") {
            return Err(format!("'{text}' means something else to the kernel"));
        }
        match text.chars().find(|c| !c.is_ascii_graphic() || matches!(c, '/' | ':' | '%' | '"' | '\\')) {
            Some(c) => Err(format!("no device name has {c:?} in it")),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A 48-bit MAC address of one station, not of a group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MacAddress([u8; 6]);

impl MacAddress {
    /// The bytes as on the wire.
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl FromStr for MacAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let malformed = || format!("'{text}' is no MAC address of the form aa:bb:cc:dd:ee:ff");
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part = parts.next().filter(|part| part.len() == 2).ok_or_else(malformed)?;
            if !part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(malformed());
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| malformed())?;
        }
        if parts.next().is_some() {
            return Err(malformed());
        }
        if octets[0] & 1 != 0 {
            return Err(format!("{text} is the address of a group"));
        }
        if octets == [0; 6] {
            return Err("00:00:00:00:00:00 is nobody's address".to_owned());
        }
        Ok(Self(octets))
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_names_are_those_of_linux() {
        for good in ["br0", "gre-to.paris", "a23456789012345"] {
            assert_eq!(good.parse::<DeviceName>().unwrap().as_str(), good);
        }
        for bad in ["", "a234567890123456", "a b", "a/b", ".", "..", "ä", "a:1", "all"] {
            bad.parse::<DeviceName>().unwrap_err();
        }
    }

    #[test]
    fn mac_addresses_are_of_stations() {
        let mac: MacAddress = "02:aB:00:00:00:ff".parse().unwrap();
        assert_eq!(mac.to_string(), "02:ab:00:00:00:ff");
        let bad = [
            "",
            "02:ab:00:00:00",
            "02:ab:00:00:00:ff:00",
            "2:ab:0:0:0:1",
            "03:00:00:00:00:00",
            "+2:00:00:00:00:01",
        ];
        for bad in bad.into_iter().chain(["00:00:00:00:00:00", "02-ab-00-00-00-01"]) {
            bad.parse::<MacAddress>().unwrap_err();
        }
    }
}
