use super::*;
use std::collections::BTreeMap;

fn port(n: usize) -> PortId {
    PortId::new(n).expect("below the limit")
}

fn key(n: u64) -> Key {
    Key::new((n >> 40) as u16, MacAddr::from_u64(0x0200_0000_0000 | (n & 0xff_ffff_ffff)))
}

fn table(limit: usize) -> Fdb {
    Fdb::new(limit, DEFAULT_AGEING, 0x1234_5678_9abc_def1)
}

/// The counters are what the slots hold.
fn check(fdb: &Fdb) {
    let mut of_port = BTreeMap::new();
    for slot in &fdb.slots {
        if let Some(port) = Value(slot.value.load(Relaxed)).port() {
            *of_port.entry(port.index()).or_insert(0) += 1;
        }
    }
    assert_eq!(fdb.entries.load(Relaxed), of_port.values().map(|n| *n as usize).sum::<usize>());
    for (n, count) in fdb.of_port.iter().enumerate() {
        assert_eq!(count.load(Relaxed), of_port.get(&n).copied().unwrap_or(0), "port {n}");
    }
}

#[test]
fn settings_are_forced_into_range() {
    assert_eq!((table(0).limit(), table(usize::MAX).limit()), (10, 1_000_000));
}

#[test]
fn what_was_learned_is_found_until_it_is_too_old() {
    let fdb = table(100);
    fdb.set_clock(1000);
    fdb.learn(key(1), port(3));
    assert_eq!((fdb.lookup(key(1)), fdb.lookup(key(2))), (Some(port(3)), None));
    fdb.set_clock(1299);
    assert_eq!(fdb.lookup(key(1)), Some(port(3)));
    assert_eq!(fdb.entries()[0].age, 299);
    fdb.set_clock(1300);
    assert_eq!((fdb.lookup(key(1)), fdb.entries().len()), (None, 0));
    fdb.sweep();
    assert_eq!((fdb.counts().entries, fdb.counts().expired), (0, 1));
    check(&fdb);
}

#[test]
fn hearing_it_again_keeps_it_young_and_a_shorter_ageing_time_holds_at_once() {
    let fdb = table(100);
    for second in 0..1000 {
        fdb.set_clock(second);
        fdb.learn(key(1), port(1));
        if second == 990 {
            fdb.learn(key(2), port(1));
        }
    }
    assert_eq!(fdb.lookup(key(1)), Some(port(1)));
    fdb.set_ageing(Duration::from_secs(9));
    assert_eq!((fdb.lookup(key(1)), fdb.lookup(key(2))), (Some(port(1)), None));
}

#[test]
fn the_clock_may_wrap() {
    let fdb = table(100);
    fdb.set_clock(0xf_fff0);
    fdb.learn(key(1), port(1));
    fdb.set_clock(0x10_0010);
    assert_eq!((fdb.lookup(key(1)), fdb.entries()[0].age), (Some(port(1)), 32));
}

#[test]
fn an_address_moves_and_vlans_are_apart() {
    let fdb = table(100);
    fdb.learn(key(1), port(1));
    fdb.learn(key(1), port(2));
    let in_vlan_5 = Key::new(5, MacAddr::from_u64(0x0200_0000_0001));
    fdb.learn(in_vlan_5, port(9));
    assert_eq!((fdb.lookup(key(1)), fdb.lookup(in_vlan_5)), (Some(port(2)), Some(port(9))));
    assert_eq!((fdb.counts().learned, fdb.counts().moved, fdb.counts().entries), (2, 1, 2));
    assert_eq!(fdb.entries().iter().map(|entry| entry.vlan).max(), Some(5));
    check(&fdb);
}

#[test]
fn flushing_a_port_leaves_the_others() {
    let fdb = table(1000);
    (0..500).for_each(|n| fdb.learn(key(n), port(n as usize % 5)));
    let before = fdb.counts().entries;
    fdb.flush_port(port(2));
    assert!((0..500).all(|n| n % 5 != 2 || fdb.lookup(key(n)).is_none()));
    assert!(before - fdb.counts().entries >= 99 && fdb.entries().iter().all(|entry| entry.port != port(2)));
    check(&fdb);
    fdb.flush();
    assert_eq!(fdb.counts().entries, 0);
    check(&fdb);
}

#[test]
fn nearly_all_of_the_limit_can_be_used_and_never_more() {
    let fdb = table(8192);
    (0..8192).for_each(|n| fdb.learn(key(n * 977), port(1)));
    let known = (0..8192).filter(|n| fdb.lookup(key(n * 977)).is_some()).count();
    assert!(known > 8000, "{known}");
    (8192..100_000).for_each(|n| fdb.learn(key(n * 977), port(1)));
    assert!(fdb.counts().entries <= 8192 && fdb.counts().refused > 0);
    check(&fdb);
}

#[test]
fn a_port_that_floods_addresses_loses_only_its_own() {
    let fdb = table(1000);
    (0..50).for_each(|n| fdb.learn(key(n), port(1)));
    (1000..50_000).for_each(|n| fdb.learn(key(n), port(2)));
    let kept = (0..50).filter(|n| fdb.lookup(key(*n)) == Some(port(1))).count();
    assert_eq!(kept, 50, "those who were there stay");
    (100..150).for_each(|n| fdb.learn(key(n), port(3)));
    let found = (100..150).filter(|n| fdb.lookup(key(*n)) == Some(port(3))).count();
    assert!(found >= 48, "those who come find room: {found}");
    assert!(fdb.counts().evicted >= 48 && fdb.counts().entries <= 1000);
    check(&fdb);
}

/// Four workers, a sweeper and a flusher at once: nothing is ever found where
/// it never was, the limit holds, and afterwards the books balance.
#[test]
fn threads_share_it() {
    let fdb = table(2000);
    std::thread::scope(|scope| {
        for worker in 0..4u64 {
            let fdb = &fdb;
            scope.spawn(move || {
                let mut x = worker + 1;
                for round in 0..60_000u64 {
                    x = x.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
                    let n = (x >> 33) % 6000;
                    // An address is only ever on port n % 7 or n % 7 + 7.
                    let moved = usize::from(round % 3 == 0) * 7;
                    fdb.learn(key(n), port(n as usize % 7 + moved));
                    let m = (x >> 20) % 6000;
                    if let Some(found) = fdb.lookup(key(m)) {
                        assert_eq!(found.index() % 7, m as usize % 7);
                    }
                    assert!(fdb.counts().entries <= 2000 + 4, "a place reserved is soon given back");
                }
            });
        }
        let fdb = &fdb;
        scope.spawn(move || {
            for second in 0..400 {
                fdb.set_clock(second * 10);
                fdb.sweep();
                fdb.flush_port(port(second as usize % 14));
            }
        });
    });
    check(&fdb);
    assert!(fdb.counts().entries <= 2000);
    for entry in fdb.entries() {
        let n = entry.mac.to_u64() & 0xff_ffff_ffff;
        assert_eq!(entry.port.index() % 7, n as usize % 7);
    }
}
