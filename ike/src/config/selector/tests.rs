use super::*;
use proptest::prelude::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_prefix_is_its_range() {
    for (address, length, first, last) in [
        ("10.1.2.3", 24, "10.1.2.0", "10.1.2.255"),
        ("10.1.2.3", 0, "0.0.0.0", "255.255.255.255"),
        ("10.1.2.3", 32, "10.1.2.3", "10.1.2.3"),
        ("2001:db8::1", 64, "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"),
        ("::1", 0, "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ] {
        let prefix = TrafficSelector::prefix(ip(address), length).addresses;
        assert!(prefix.contains(ip(first)) && prefix.contains(ip(last)), "{address}/{length}");
        assert_eq!(prefix.single().is_some(), first == last);
    }
    assert!(!TrafficSelector::prefix(ip("10.1.2.3"), 24).addresses.contains(ip("10.1.3.0")));
}

#[test]
fn opaque_meets_any_and_itself_only() {
    let any = TrafficSelector::host(ip("10.0.0.1"), 0);
    let opaque = TrafficSelector { ports: PortRange::OPAQUE, ..any };
    assert_eq!(any.intersection(&opaque), Some(opaque));
    assert_eq!(opaque.intersection(&opaque), Some(opaque));
    assert_eq!(opaque.intersection(&any.with_port(7)), None);
    assert!(opaque.matches(6, ip("10.0.0.1"), None));
    assert!(!any.with_port(7).matches(6, ip("10.0.0.1"), None));
    assert!(any.covers(&opaque) && !opaque.covers(&any));
}

fn address(n: u32, v6: bool) -> IpAddr {
    if v6 { Ipv6Addr::from(u128::from(n)).into() } else { Ipv4Addr::from(n).into() }
}

fn selector() -> impl Strategy<Value = TrafficSelector> {
    let protocol = prop::sample::select(vec![0u8, 6, 17]);
    (protocol, 0u16..6, 0u16..6, 0u32..6, 0u32..6, any::<bool>()).prop_map(|(protocol, p, q, a, b, v6)| {
        let ports = if p == q { PortRange::ANY } else { PortRange { start: p.min(q), end: p.max(q) } };
        let addresses = if v6 {
            AddressRange::V6 { start: u128::from(a.min(b)).into(), end: u128::from(a.max(b)).into() }
        } else {
            AddressRange::V4 { start: a.min(b).into(), end: a.max(b).into() }
        };
        TrafficSelector { protocol, ports, addresses }
    })
}

proptest! {
    #[test]
    fn intersection_is_what_both_match(
        a in selector(), b in selector(), tcp: bool, port in 0u16..6, n in 0u32..6, v6: bool
    ) {
        let protocol = if tcp { 6 } else { 17 };
        let packet = |s: &TrafficSelector| s.matches(protocol, address(n, v6), Some(port));
        let met = a.intersection(&b).is_some_and(|both| packet(&both));
        prop_assert_eq!(packet(&a) && packet(&b), met);
        prop_assert_eq!(a.intersection(&b), b.intersection(&a));
    }
}
