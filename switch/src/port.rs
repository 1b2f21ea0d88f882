//! Ports of a bridge: their numbers, sets of them, what they are set to.

use std::fmt;

/// Ports a bridge may have. STP numbers them with 8 bits (1-255).
pub const MAX_PORTS: usize = 256;

const WORDS: usize = MAX_PORTS / 64;

/// A port of one bridge: a dense number below [`MAX_PORTS`], handed out by
/// [`Bridge::add_port`](crate::Bridge::add_port) and not used again soon after
/// the port was removed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortId(u16);

impl PortId {
    /// The port with this number, if there may be one.
    #[must_use]
    pub const fn new(number: usize) -> Option<Self> {
        if number < MAX_PORTS { Some(Self(number as u16)) } else { None }
    }

    /// The number, below [`MAX_PORTS`]: an index for tables of the caller.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for PortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {}", self.0)
    }
}

/// A set of ports of one bridge; a value of 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct PortSet([u64; WORDS]);

impl PortSet {
    /// The set without members.
    pub const EMPTY: Self = Self([0; WORDS]);

    /// Puts `port` in.
    pub const fn insert(&mut self, port: PortId) {
        self.0[port.index() / 64] |= 1 << (port.index() % 64);
    }

    /// Takes `port` out.
    pub const fn remove(&mut self, port: PortId) {
        self.0[port.index() / 64] &= !(1 << (port.index() % 64));
    }

    /// This set without `port`.
    #[inline]
    #[must_use]
    pub const fn without(mut self, port: PortId) -> Self {
        self.remove(port);
        self
    }

    /// Whether `port` is a member.
    #[inline]
    #[must_use]
    pub const fn contains(&self, port: PortId) -> bool {
        self.0[port.index() / 64] >> (port.index() % 64) & 1 == 1
    }

    /// Whether nothing is in it.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0 == [0; WORDS]
    }

    /// How many members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The members, lowest first.
    #[inline]
    #[must_use]
    pub const fn iter(&self) -> PortSetIter {
        PortSetIter { left: self.0, word: 0 }
    }
}

impl FromIterator<PortId> for PortSet {
    fn from_iter<I: IntoIterator<Item = PortId>>(ports: I) -> Self {
        let mut set = Self::EMPTY;
        for port in ports {
            set.insert(port);
        }
        set
    }
}

impl IntoIterator for PortSet {
    type Item = PortId;
    type IntoIter = PortSetIter;

    fn into_iter(self) -> PortSetIter {
        self.iter()
    }
}

impl fmt::Debug for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(PortId::index)).finish()
    }
}

/// The members of a [`PortSet`], lowest first.
#[derive(Clone, Debug)]
pub struct PortSetIter {
    left: [u64; WORDS],
    word: usize,
}

impl Iterator for PortSetIter {
    type Item = PortId;

    #[inline]
    fn next(&mut self) -> Option<PortId> {
        while let Some(word) = self.left.get_mut(self.word) {
            if *word != 0 {
                let bit = word.trailing_zeros() as usize;
                *word &= *word - 1;
                return PortId::new(self.word * 64 + bit);
            }
            self.word += 1;
        }
        None
    }
}

/// What a port is and how it takes part. [`PortConfig::default`] is a port of
/// the local host: no tunnel, unprotected, outside the spanning tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortConfig {
    /// A tunnel to somewhere: starts held, sends loop probes.
    pub tunnel: bool,
    /// Carried by an SA: link-down until [`Bridge::set_secured`](crate::Bridge::set_secured) says it has one.
    pub protected: bool,
    /// Faces other bridges (a tunnel, a wire): probes are relayed through it.
    /// False for the local port and other `internal` ones, which only face a host.
    pub external: bool,
    /// Takes part in the spanning tree when the bridge runs one
    /// (`other_config:stp-enable`). Never for `internal` ports.
    pub stp: bool,
    /// What crossing the link costs, 1-65535; `None` takes [`PathCost::TUNNEL`](crate::PathCost::TUNNEL).
    pub path_cost: Option<u16>,
    /// `stp-port-priority`, 0-255, lower is better.
    pub priority: u8,
    /// `stp-port-num`, 1-255; `None` takes the lowest number nobody has and keeps it.
    pub number: Option<u8>,
}

impl PortConfig {
    /// Default of `stp-port-priority`.
    pub const DEFAULT_PRIORITY: u8 = 128;

    /// An unprotected or protected tunnel port with everything else at its default.
    #[must_use]
    pub const fn tunnel(protected: bool) -> Self {
        Self { tunnel: true, protected, external: true, stp: true, ..Self::local() }
    }

    /// A port on a real device (`system`) or a `tap`.
    #[must_use]
    pub const fn external() -> Self {
        Self { external: true, stp: true, ..Self::local() }
    }

    /// The local port of the host, or another `internal` one.
    #[must_use]
    pub const fn local() -> Self {
        Self {
            tunnel: false,
            protected: false,
            external: false,
            stp: false,
            path_cost: None,
            priority: Self::DEFAULT_PRIORITY,
            number: None,
        }
    }
}

impl Default for PortConfig {
    fn default() -> Self {
        Self::local()
    }
}

/// State of a port (IEEE 802.1D-1998 §8.4); a held port without spanning tree is `Blocking`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PortState {
    /// Link down.
    Disabled,
    /// Neither learns nor forwards.
    Blocking,
    /// Waits: neither learns nor forwards.
    Listening,
    /// Learns, does not forward.
    Learning,
    /// Learns and forwards.
    Forwarding,
}

impl PortState {
    /// Whether sources of frames received here are learned.
    #[must_use]
    pub const fn learns(self) -> bool {
        matches!(self, Self::Learning | Self::Forwarding)
    }

    /// The standard's name in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Blocking => "blocking",
            Self::Listening => "listening",
            Self::Learning => "learning",
            Self::Forwarding => "forwarding",
        }
    }
}

impl fmt::Display for PortState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a port is to the spanning tree (Open vSwitch's `stp_role`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PortRole {
    /// Towards the root.
    Root,
    /// Offers its segment the way to the root.
    Designated,
    /// Another bridge, or another port of this one, does that better: blocked.
    Alternate,
    /// Does not take part: link down, or outside the spanning tree.
    Disabled,
}

impl PortRole {
    /// The name in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Designated => "designated",
            Self::Alternate => "alternate",
            Self::Disabled => "disabled",
        }
    }
}

impl fmt::Display for PortRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_gives_back_what_was_put_in() {
        let members = [0, 1, 63, 64, 127, 200, 255];
        let set: PortSet = members.iter().filter_map(|n| PortId::new(*n)).collect();
        assert_eq!(set.len(), members.len());
        assert_eq!(set.iter().map(PortId::index).collect::<Vec<_>>(), members);
        for n in 0..MAX_PORTS {
            let port = PortId::new(n).expect("below the limit");
            assert_eq!(set.contains(port), members.contains(&n));
            assert!(!set.without(port).contains(port));
        }
        assert_eq!(PortId::new(MAX_PORTS), None);
        assert!(PortSet::EMPTY.is_empty() && PortSet::EMPTY.iter().next().is_none());
    }
}
