use super::*;

const SECOND: u64 = 1_000_000;

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Datagrams of a flood that pass in one second, ten for each microsecond.
fn flood(gate: &mut IkeGate, now: u64, from: impl Fn(u64) -> IpAddr) -> u64 {
    let passed = |n: &u64| gate.admits(from(*n), Sender::Stranger, now + n / 10);
    (0..10 * SECOND).step_by(7).filter(passed).count() as u64
}

#[test]
fn strangers_take_nothing_from_known_peers() {
    let mut gate = IkeGate::default();
    let now = 10 * SECOND;
    let everywhere = |n: u64| IpAddr::V4((n.wrapping_mul(0x9e37_79b9) as u32).into());
    let passed = flood(&mut gate, now, everywhere);
    assert!((STRANGERS_RATE..=STRANGERS_RATE * 3 / 2).contains(&passed), "{passed} of a second");
    assert!(!gate.admits(address("203.0.113.1"), Sender::Stranger, now + SECOND));
    for peer in ["192.0.2.1", "192.0.2.2", "2001:db8::1"] {
        assert!(gate.admits(address(peer), Sender::Known, now + SECOND), "{peer}");
    }
}

#[test]
fn one_network_takes_nothing_from_another() {
    for (flooding, other) in [("198.51.100.", "192.0.2.1"), ("2001:db8:0:1::", "2001:db8:0:200::1")] {
        let mut gate = IkeGate::default();
        let from: Vec<IpAddr> = (1..200).map(|host| address(&format!("{flooding}{host}"))).collect();
        let other = address(other);
        if gate.bucket(network(other)) == gate.bucket(network(from[0])) {
            continue; // Once in 256 runs they share a bucket.
        }
        let passed = flood(&mut gate, SECOND, |n| from[n as usize % from.len()]);
        assert!((NETWORK_RATE..=NETWORK_RATE * 3 / 2).contains(&passed), "{passed} of a second");
        assert!(gate.admits(other, Sender::Stranger, 2 * SECOND), "{other}");
    }
}

#[test]
fn a_known_address_has_a_rate_too() {
    let mut gate = IkeGate::default();
    let passed = (0..SECOND).filter(|n| gate.admits(address("192.0.2.1"), Sender::Known, SECOND + n)).count();
    assert!((KNOWN_RATE..=KNOWN_RATE * 3 / 2).contains(&(passed as u64)), "{passed} of a second");
}
