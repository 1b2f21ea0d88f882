//! The filtering database: which address was last heard on which port
//! (IEEE 802.1D-1998 §7.9), one table shared by all workers.
//!
//! An array of slots, each a key (address and filtering identifier) and a value
//! (port, time of last sighting, a check over the key). A key lives somewhere
//! in the `WINDOW` slots that begin at its hash, so a lookup reads at most
//! four cache lines and an insertion can always evict. Everything is a relaxed
//! atomic: key and value of a slot may for a moment belong to different
//! addresses, which the check tells, and the worst that comes of a race is that
//! a frame is flooded. Ages are checked when looked up, so an expired
//! entry never forwards; `Fdb::sweep` only gives its room back.
//!
//! **Limits.** Never more than [`Fdb::limit`] entries. When it is full, or a
//! window is, a new address takes the place of the oldest entry in its window
//! that belongs to a port with more entries than its own: a port that floods
//! addresses loses only its own.

use crate::frame::MacAddr;
use crate::port::{MAX_PORTS, PortId, PortSet};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// Slots an entry may be in, counted from its hash.
const WINDOW: usize = 16;

/// Least and most of `mac-table-size`; what is asked for is forced between.
pub const SIZE_RANGE: (usize, usize) = (10, 1_000_000);
/// `mac-table-size` when it is not set.
pub const DEFAULT_SIZE: usize = 8192;
/// Least and most of `mac-aging-time`; what is asked for is forced between.
pub const AGEING_RANGE: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(3600));
/// `mac-aging-time` when it is not set (802.1D-1998 table 7-5).
pub const DEFAULT_AGEING: Duration = Duration::from_secs(300);

/// What is looked up: 48 bits of address and 12 of filtering identifier. Never 0,
/// because no station has the address 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Key(u64);

impl Key {
    pub(crate) const fn new(fid: u16, address: MacAddr) -> Self {
        Self(((fid as u64 & 0xfff) << 48) | address.to_u64())
    }
}

/// Port (12 bits), seconds of the coarse clock (20 bits), check (31 bits), in use (1 bit).
#[derive(Clone, Copy, PartialEq, Eq)]
struct Value(u64);

impl Value {
    const SECONDS: u32 = 0xf_ffff;

    const fn new(port: PortId, seconds: u32, check: u32) -> Self {
        Self(
            (port.index() as u64) << 52
                | ((seconds & Self::SECONDS) as u64) << 32
                | ((check >> 1) as u64) << 1
                | 1,
        )
    }

    const fn port(self) -> Option<PortId> {
        if self.0 == 0 { None } else { PortId::new((self.0 >> 52) as usize) }
    }

    const fn age(self, now: u32) -> u32 {
        now.wrapping_sub((self.0 >> 32) as u32) & Self::SECONDS
    }

    const fn is_of(self, check: u32) -> bool {
        self.0 & 1 == 1 && (self.0 as u32 >> 1) == check >> 1
    }
}

#[derive(Default)]
struct Slot {
    key: AtomicU64,
    value: AtomicU64,
}

/// An entry as shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FdbEntry {
    /// Seconds since the address was last heard.
    pub age: u32,
    /// Where.
    pub port: PortId,
    /// VLAN identifier of the tag it came with; 0 without.
    pub vlan: u16,
    /// The address.
    pub mac: MacAddr,
}

/// What the table did so far; all but `entries` only grow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FdbCounts {
    /// Entries now.
    pub entries: usize,
    /// Addresses put in.
    pub learned: u64,
    /// Removed because they were not heard for the ageing time.
    pub expired: u64,
    /// Given up for an address of a port with fewer entries.
    pub evicted: u64,
    /// Heard on another port than before.
    pub moved: u64,
    /// Not learned, because nothing could be given up for them.
    pub refused: u64,
}

/// The table. Shared by [`Forwarding`](crate::Forwarding)s; all methods take `&self`.
pub struct Fdb {
    slots: Box<[Slot]>,
    mask: usize,
    limit: usize,
    secret: u64,
    /// Seconds of a coarse clock that the bridge advances.
    clock: AtomicU32,
    ageing: AtomicU32,
    entries: AtomicUsize,
    of_port: Box<[AtomicU32]>,
    learned: AtomicU64,
    expired: AtomicU64,
    evicted: AtomicU64,
    moved: AtomicU64,
    refused: AtomicU64,
}

impl Fdb {
    /// An empty table of at most `limit` entries (forced into [`SIZE_RANGE`]).
    /// `secret` keys the hash, so that a stranger cannot crowd one window.
    pub(crate) fn new(limit: usize, ageing: Duration, secret: u64) -> Self {
        let limit = limit.clamp(SIZE_RANGE.0, SIZE_RANGE.1);
        let slots = (2 * limit).next_power_of_two().max(2 * WINDOW);
        let fdb = Self {
            slots: (0..slots).map(|_| Slot::default()).collect(),
            mask: slots - 1,
            limit,
            secret: secret | 1,
            clock: AtomicU32::new(0),
            ageing: AtomicU32::new(0),
            entries: AtomicUsize::new(0),
            of_port: (0..MAX_PORTS).map(|_| AtomicU32::new(0)).collect(),
            learned: AtomicU64::new(0),
            expired: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        };
        fdb.set_ageing(ageing);
        fdb
    }

    /// Most entries there may be.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Advances the coarse clock; `seconds` since the bridge began.
    pub(crate) fn set_clock(&self, seconds: u32) {
        self.clock.store(seconds, Relaxed);
    }

    /// Changes the ageing time, at once and for all entries. Whole seconds;
    /// the caller keeps it in range, spanning tree sets shorter ones.
    pub(crate) fn set_ageing(&self, ageing: Duration) {
        let seconds = u32::try_from(ageing.as_secs()).unwrap_or(u32::MAX);
        self.ageing.store(seconds.clamp(1, Value::SECONDS / 2), Relaxed);
    }

    /// The ageing time in force.
    #[must_use]
    pub fn ageing(&self) -> Duration {
        Duration::from_secs(u64::from(self.ageing.load(Relaxed)))
    }

    fn hash(&self, key: Key) -> u64 {
        let mut x = (key.0 ^ self.secret).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 32) ^ self.secret.rotate_left(29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x ^ (x >> 29)
    }

    fn window(&self, hash: u64) -> impl Iterator<Item = &Slot> {
        let home = hash as usize & self.mask;
        (0..WINDOW).filter_map(move |step| self.slots.get((home + step) & self.mask))
    }

    const fn check(hash: u64) -> u32 {
        (hash >> 32) as u32
    }

    /// Where `key` was heard within the ageing time.
    #[inline]
    pub(crate) fn lookup(&self, key: Key) -> Option<PortId> {
        let hash = self.hash(key);
        let slot = self.window(hash).find(|slot| slot.key.load(Relaxed) == key.0)?;
        let value = Value(slot.value.load(Relaxed));
        let fresh = value.age(self.clock.load(Relaxed)) < self.ageing.load(Relaxed);
        if fresh && value.is_of(Self::check(hash)) { value.port() } else { None }
    }

    /// Notes that `key` was heard on `port` now.
    #[inline]
    pub(crate) fn learn(&self, key: Key, port: PortId) {
        let hash = self.hash(key);
        let fresh = Value::new(port, self.clock.load(Relaxed), Self::check(hash));
        match self.window(hash).find(|slot| slot.key.load(Relaxed) == key.0) {
            // Most frames: the address is known, here, and was heard this very second.
            Some(slot) if slot.value.load(Relaxed) == fresh.0 => {}
            Some(slot) if slot.value.load(Relaxed) != 0 => self.put(slot, fresh, false),
            Some(slot) => {
                if self.reserve() {
                    self.put(slot, fresh, true);
                }
            }
            None => self.insert(key, hash, fresh),
        }
    }

    /// Takes one of the `limit` places; false when there is none.
    fn reserve(&self) -> bool {
        let taken = self.entries.fetch_add(1, Relaxed) < self.limit;
        if !taken {
            self.entries.fetch_sub(1, Relaxed);
        }
        taken
    }

    fn port_count(&self, port: Option<PortId>) -> Option<&AtomicU32> {
        self.of_port.get(port?.index())
    }

    /// Sets the value of a slot. `reserved`: the caller took a place for it,
    /// because it seemed empty; what turns out otherwise is settled here.
    fn put(&self, slot: &Slot, fresh: Value, reserved: bool) {
        let mut old = slot.value.load(Relaxed);
        while let Err(now) = slot.value.compare_exchange_weak(old, fresh.0, Relaxed, Relaxed) {
            old = now;
        }
        let old = Value(old);
        match (reserved, old.port()) {
            (true, Some(_)) => {
                self.entries.fetch_sub(1, Relaxed);
            }
            (false, None) => {
                self.entries.fetch_add(1, Relaxed);
            }
            (true, None) | (false, Some(_)) => {}
        }
        if old.port() != fresh.port() {
            if let Some(count) = self.port_count(old.port()) {
                count.fetch_sub(1, Relaxed);
                self.moved.fetch_add(1, Relaxed);
            } else {
                self.learned.fetch_add(1, Relaxed);
            }
            if let Some(count) = self.port_count(fresh.port()) {
                count.fetch_add(1, Relaxed);
            }
        }
    }

    #[cold]
    fn insert(&self, key: Key, hash: u64, fresh: Value) {
        if self.reserve() {
            for slot in self.window(hash) {
                if slot.key.compare_exchange(0, key.0, Relaxed, Relaxed).is_ok() {
                    return self.put(slot, fresh, true);
                }
            }
            self.entries.fetch_sub(1, Relaxed);
        }
        self.insert_by_evicting(key, hash, fresh);
    }

    /// Replaces the oldest entry in the window whose port has more entries than
    /// ours, or an expired one whosever it is.
    fn insert_by_evicting(&self, key: Key, hash: u64, fresh: Value) {
        let count = |port| self.port_count(port).map_or(0, |count| count.load(Relaxed));
        let (own, now, ageing) = (count(fresh.port()), self.clock.load(Relaxed), self.ageing.load(Relaxed));
        let victim = self
            .window(hash)
            .map(|slot| (slot, Value(slot.value.load(Relaxed))))
            .filter(|(_, value)| value.0 != 0)
            .map(|(slot, value)| (slot, value, value.age(now)))
            .filter(|(_, value, age)| *age >= ageing || count(value.port()) > own)
            .max_by_key(|(_, _, age)| *age);
        let Some((slot, value, age)) = victim else {
            self.refused.fetch_add(1, Relaxed);
            return;
        };
        if self.remove(slot, value) {
            let counter = if age >= ageing { &self.expired } else { &self.evicted };
            counter.fetch_add(1, Relaxed);
        }
        if self.reserve() {
            slot.key.store(key.0, Relaxed);
            self.put(slot, fresh, true);
        }
    }

    /// Takes `value` out of `slot`; false if another thread changed it meanwhile.
    fn remove(&self, slot: &Slot, value: Value) -> bool {
        let key = slot.key.load(Relaxed);
        if slot.value.compare_exchange(value.0, 0, Relaxed, Relaxed).is_err() {
            return false;
        }
        self.entries.fetch_sub(1, Relaxed);
        if let Some(count) = self.port_count(value.port()) {
            count.fetch_sub(1, Relaxed);
        }
        // Fails if a learner has just claimed the slot for another address.
        let _ = slot.key.compare_exchange(key, 0, Relaxed, Relaxed);
        true
    }

    fn remove_if(&self, unwanted: impl Fn(Value) -> bool) -> u64 {
        let mut removed = 0;
        for slot in &self.slots {
            let value = Value(slot.value.load(Relaxed));
            if value.0 != 0 && unwanted(value) && self.remove(slot, value) {
                removed += 1;
            }
        }
        removed
    }

    /// Gives back the room of entries older than the ageing time.
    pub(crate) fn sweep(&self) {
        let (now, ageing) = (self.clock.load(Relaxed), self.ageing.load(Relaxed));
        let expired = self.remove_if(|value| value.age(now) >= ageing);
        self.expired.fetch_add(expired, Relaxed);
    }

    /// Forgets everything heard on `port`.
    pub(crate) fn flush_port(&self, port: PortId) {
        self.remove_if(|value| value.port() == Some(port));
    }

    /// Forgets everything heard on any of `ports`.
    pub(crate) fn flush_ports(&self, ports: PortSet) {
        self.remove_if(|value| value.port().is_some_and(|port| ports.contains(port)));
    }

    /// Forgets everything.
    pub fn flush(&self) {
        self.remove_if(|_| true);
    }

    /// The entries within the ageing time, oldest first.
    #[must_use]
    pub fn entries(&self) -> Vec<FdbEntry> {
        let (now, ageing) = (self.clock.load(Relaxed), self.ageing.load(Relaxed));
        let mut entries: Vec<FdbEntry> = self.slots.iter().filter_map(|slot| entry(slot, now)).collect();
        entries.retain(|entry| entry.age < ageing);
        entries.sort_by(|a, b| b.age.cmp(&a.age).then(a.cmp(b)));
        entries.dedup_by_key(|entry| (entry.vlan, entry.mac));
        entries
    }

    /// What happened so far.
    #[must_use]
    pub fn counts(&self) -> FdbCounts {
        FdbCounts {
            entries: self.entries.load(Relaxed),
            learned: self.learned.load(Relaxed),
            expired: self.expired.load(Relaxed),
            evicted: self.evicted.load(Relaxed),
            moved: self.moved.load(Relaxed),
            refused: self.refused.load(Relaxed),
        }
    }
}

fn entry(slot: &Slot, now: u32) -> Option<FdbEntry> {
    let (key, value) = (slot.key.load(Relaxed), Value(slot.value.load(Relaxed)));
    if key == 0 {
        return None;
    }
    let vlan = (key >> 48) as u16 & 0xfff;
    Some(FdbEntry { age: value.age(now), port: value.port()?, vlan, mac: MacAddr::from_u64(key) })
}

impl std::fmt::Debug for Fdb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fdb")
            .field("limit", &self.limit)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
