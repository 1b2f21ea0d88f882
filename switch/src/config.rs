//! What a bridge is set to: Open vSwitch's `Bridge` columns, ranges enforced.

use crate::fdb;
use crate::frame::MacAddr;
use crate::ids::BridgeId;
use std::time::Duration;

/// Settings of a bridge. Ranges are those of Open vSwitch's manual; values of
/// `mac-aging-time` and `mac-table-size` outside are forced inside, as it does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BridgeConfig {
    /// The bridge's MAC address: source of its BPDUs and probes, and identifier
    /// of the bridge where `stp-system-id` does not name another.
    pub address: MacAddr,
    /// `stp_enable`, with its settings; `None` runs no spanning tree.
    pub stp: Option<StpConfig>,
    /// `mac-aging-time`, 15-3600 s, default 300 s.
    pub mac_ageing: Duration,
    /// `mac-table-size`, 10-1000000, default 8192.
    pub mac_table_size: usize,
    /// `forward-bpdu`: without a spanning tree of its own, forward reserved groups like others.
    pub forward_bpdu: bool,
}

impl BridgeConfig {
    /// Everything at its default.
    #[must_use]
    pub const fn new(address: MacAddr) -> Self {
        Self {
            address,
            stp: None,
            mac_ageing: fdb::DEFAULT_AGEING,
            mac_table_size: fdb::DEFAULT_SIZE,
            forward_bpdu: false,
        }
    }

    pub(crate) fn forced(mut self) -> Self {
        self.mac_ageing = self.mac_ageing.clamp(fdb::AGEING_RANGE.0, fdb::AGEING_RANGE.1);
        self.mac_table_size = self.mac_table_size.clamp(fdb::SIZE_RANGE.0, fdb::SIZE_RANGE.1);
        if let Some(stp) = &mut self.stp {
            *stp = stp.forced();
        }
        self
    }
}

/// Settings of the spanning tree (`other_config:stp-*`), in whole seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StpConfig {
    /// `stp-system-id`; `None` takes the bridge's address.
    pub system_id: Option<MacAddr>,
    /// `stp-priority`, 0-65535, default 32768; lower is better.
    pub priority: u16,
    /// `stp-hello-time`, 1-10 s, default 2.
    pub hello_time: u8,
    /// `stp-max-age`, 6-40 s, default 20.
    pub max_age: u8,
    /// `stp-forward-delay`, 4-30 s, default 15.
    pub forward_delay: u8,
}

impl Default for StpConfig {
    fn default() -> Self {
        Self {
            system_id: None,
            priority: BridgeId::DEFAULT_PRIORITY,
            hello_time: 2,
            max_age: 20,
            forward_delay: 15,
        }
    }
}

/// A spanning tree setting the standard does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StpConfigError {
    /// Outside 1-10 s.
    #[error("stp-hello-time {0} is not 1 to 10 seconds")]
    HelloTime(u8),
    /// Outside 6-40 s.
    #[error("stp-max-age {0} is not 6 to 40 seconds")]
    MaxAge(u8),
    /// Outside 4-30 s.
    #[error("stp-forward-delay {0} is not 4 to 30 seconds")]
    ForwardDelay(u8),
    /// `2 * (forward_delay - 1) < max_age`.
    #[error(
        "stp-max-age {max_age} is more than 2 * (stp-forward-delay {forward_delay} - 1); \
         ports would forward before old information is gone"
    )]
    MaxAgeTooLong {
        /// As set.
        max_age: u8,
        /// As set.
        forward_delay: u8,
    },
    /// `max_age < 2 * (hello_time + 1)`.
    #[error(
        "stp-max-age {max_age} is less than 2 * (stp-hello-time {hello_time} + 1); one lost BPDU would do"
    )]
    MaxAgeTooShort {
        /// As set.
        max_age: u8,
        /// As set.
        hello_time: u8,
    },
}

impl StpConfig {
    /// Checks ranges and the relations that keep the tree loop-free
    /// (802.1D-1998 table 8-3 and §8.10.2).
    ///
    /// # Errors
    /// The first setting that is wrong.
    pub fn check(&self) -> Result<(), StpConfigError> {
        let Self { hello_time, max_age, forward_delay, .. } = *self;
        if !(1..=10).contains(&hello_time) {
            return Err(StpConfigError::HelloTime(hello_time));
        }
        if !(6..=40).contains(&max_age) {
            return Err(StpConfigError::MaxAge(max_age));
        }
        if !(4..=30).contains(&forward_delay) {
            return Err(StpConfigError::ForwardDelay(forward_delay));
        }
        if 2 * (forward_delay - 1) < max_age {
            return Err(StpConfigError::MaxAgeTooLong { max_age, forward_delay });
        }
        if max_age < 2 * (hello_time + 1) {
            return Err(StpConfigError::MaxAgeTooShort { max_age, hello_time });
        }
        Ok(())
    }

    /// The nearest settings in range. [`StpConfig::check`] first, where there is a user to tell.
    #[must_use]
    pub fn forced(mut self) -> Self {
        self.hello_time = self.hello_time.clamp(1, 10);
        self.max_age = self.max_age.clamp(6, 40).max(2 * (self.hello_time + 1));
        self.forward_delay = self.forward_delay.clamp(4, 30).max(self.max_age.div_ceil(2) + 1);
        self
    }

    /// The bridge identifier that follows, given the bridge's address.
    #[must_use]
    pub fn bridge_id(&self, address: MacAddr) -> BridgeId {
        BridgeId { priority: self.priority, address: self.system_id.unwrap_or(address) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_defaults_and_the_shortest_are_allowed() {
        assert_eq!(StpConfig::default().check(), Ok(()));
        let short = StpConfig { hello_time: 1, max_age: 6, forward_delay: 4, ..StpConfig::default() };
        assert_eq!(short.check(), Ok(()));
        let bad = StpConfig { forward_delay: 10, ..StpConfig::default() };
        assert_eq!(bad.check(), Err(StpConfigError::MaxAgeTooLong { max_age: 20, forward_delay: 10 }));
        let bad = StpConfig { hello_time: 10, ..StpConfig::default() };
        assert_eq!(bad.check(), Err(StpConfigError::MaxAgeTooShort { max_age: 20, hello_time: 10 }));
    }

    proptest! {
        #[test]
        fn what_is_forced_is_allowed_and_what_is_allowed_stays(hello_time: u8, max_age: u8, forward_delay: u8) {
            let asked = StpConfig { hello_time, max_age, forward_delay, ..StpConfig::default() };
            let forced = asked.forced();
            prop_assert_eq!(forced.check(), Ok(()));
            prop_assert!(asked.check().is_err() || asked == forced);
        }
    }
}
