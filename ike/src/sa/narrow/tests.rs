use super::*;
use crate::config::{ChildConfigId, ChildLifetime, Mode};
use std::net::IpAddr;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn net(text: &str) -> TrafficSelector {
    let (address, length) = text.split_once('/').unwrap();
    TrafficSelector::prefix(ip(address), length.parse().unwrap())
}

fn child(local: &[&str], remote: &[&str]) -> ChildConfig {
    let all = |texts: &[&str]| texts.iter().map(|text| net(text)).collect();
    ChildConfig {
        id: ChildConfigId(1),
        name: String::new(),
        mode: Mode::Tunnel,
        local: all(local),
        remote: all(remote),
        proposals: Vec::new(),
        lifetime: ChildLifetime::default(),
    }
}

#[test]
fn what_is_asked_is_cut_to_what_is_allowed() {
    let config = child(&["10.1.0.0/16"], &["10.2.0.0/16", "10.3.0.0/16"]);
    // (asked of us, asked of them), and what comes of it
    let cases: [(&[&str], &[&str], _); 5] = [
        (&["10.1.0.0/16"], &["10.2.0.0/16"], Some((vec!["10.1.0.0/16"], vec!["10.2.0.0/16"], false))),
        (&["10.1.7.0/24"], &["10.2.0.0/16"], Some((vec!["10.1.7.0/24"], vec!["10.2.0.0/16"], false))),
        (
            &["0.0.0.0/0"],
            &["0.0.0.0/0"],
            Some((vec!["10.1.0.0/16"], vec!["10.2.0.0/16", "10.3.0.0/16"], true)),
        ),
        (&["10.9.0.0/16"], &["10.2.0.0/16"], None),
        (&["10.1.0.0/16"], &["2001:db8::/32"], None),
    ];
    for (local, remote, wanted) in cases {
        let asked = |texts: &[&str]| texts.iter().map(|text| net(text)).collect::<Vec<_>>();
        let wanted = wanted.map(|(local, remote, narrowed)| Narrowed {
            local: asked(&local),
            remote: asked(&remote),
            narrowed,
        });
        assert_eq!(narrow(&config, &asked(local), &asked(remote)), wanted, "{local:?} {remote:?}");
    }
}

#[test]
fn the_selector_of_the_packet_in_front_adds_nothing() {
    // RFC 7296 §2.9: a first, specific selector, then the whole.
    let config = child(&["10.1.0.0/16"], &["10.2.0.0/16"]);
    let narrowed = narrow(&config, &[net("10.1.0.0/16"), net("10.1.0.7/32")], &[net("10.2.0.0/16")]).unwrap();
    assert_eq!(narrowed.local, [net("10.1.0.0/16")]);
}

#[test]
fn an_answer_must_stay_within_the_offer() {
    let offered = [net("10.1.0.0/16"), net("10.2.0.0/16")];
    assert!(within(&offered, &[net("10.2.3.0/24"), net("10.1.0.0/16")]));
    assert!(!within(&offered, &[net("10.0.0.0/8")]));
    assert!(!within(&offered, &[net("10.1.0.0/16"), net("10.3.0.0/16")]));
    assert!(!within(&offered, &[]));
}

#[test]
fn the_better_fit_is_meant() {
    let (wide, exact) = (child(&["10.0.0.0/8"], &["10.0.0.0/8"]), child(&["10.1.0.0/16"], &["10.2.0.0/16"]));
    let (local, remote) = ([net("10.1.0.0/16")], [net("10.2.0.0/16")]);
    let of =
        |config: &ChildConfig, same_mode| fit(config, &narrow(config, &local, &remote).unwrap(), same_mode);
    assert!(of(&exact, true) > of(&wide, true));
    assert!(of(&wide, true) > of(&exact, false), "mode outranks all");
}
