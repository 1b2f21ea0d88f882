use super::*;
use crate::config::raw::RawConfig;
use crate::config::validate::{ThisHost, Tolerance, judge, validate};

fn desired(text: &str) -> Desired {
    validate(&RawConfig::from_toml(text).unwrap(), &ThisHost).unwrap()
}

const HERE: &str = "192.0.2.9";

fn wanted(book: &mut Book, text: &str) -> BTreeMap<ConnectionId, Wanted> {
    book.wanted(&desired(text), |_| HERE.parse().ok())
}

#[test]
fn gre_and_vxlan_to_one_host_are_children_of_one_connection() {
    let text = "[bridge.b.port.g]\ntype='ipsec_gre'\nremote_ip='192.0.2.1'\npsk='k'\n\
                [bridge.b.port.v]\ntype='vxlan'\nremote_ip='192.0.2.1'\npsk='k'\n\
                [bridge.b.port.w]\ntype='gre'\nremote_ip='192.0.2.2'\npsk='k'\n\
                [bridge.b.port.plain]\ntype='gre'\nremote_ip='192.0.2.3'\n";
    let mut book = Book::default();
    let all = wanted(&mut book, text);
    assert_eq!(all.len(), 2);
    let one = all.values().next().unwrap();
    assert_eq!(one.connection.name, "g");
    let names: Vec<_> = one.connection.children.iter().map(|child| child.name.as_str()).collect();
    assert_eq!(names, ["g", "v-in", "v-out"]);
    assert_eq!(one.connection.local_id, Identity::address(HERE.parse().unwrap()));
    assert_eq!(one.connection.remote_id, Identity::address("192.0.2.1".parse().unwrap()));
    for child in &one.connection.children {
        assert_eq!(child.mode, Mode::Transport);
        let name = book.name(policy_of(child.id)).unwrap();
        assert!(child.name.starts_with(name.as_str()));
    }
}

#[test]
fn selectors_are_those_of_open_vswitch() {
    let text = "[bridge.b.port.v]\ntype='vxlan'\nremote_ip='192.0.2.1'\npsk='k'\ndst_port=8472\n\
                [bridge.b.port.g]\ntype='gre'\nremote_ip='192.0.2.1'\npsk='k'\n";
    let all = wanted(&mut Book::default(), text);
    let children = &all.values().next().unwrap().connection.children;
    let (here, there): (IpAddr, IpAddr) = (HERE.parse().unwrap(), "192.0.2.1".parse().unwrap());
    let matches = |child: &ChildConfig, protocol, local, remote| {
        child.local[0].matches(protocol, here, local) && child.remote[0].matches(protocol, there, remote)
    };
    assert!(matches(&children[0], 47, None, None) && !matches(&children[0], 17, None, None));
    assert!(matches(&children[1], 17, Some(8472), Some(40000)));
    assert!(!matches(&children[1], 17, Some(40000), Some(8472)));
    assert!(matches(&children[2], 17, Some(40000), Some(8472)));
    assert!(!matches(&children[2], 17, Some(8472), Some(40000)));
}

#[test]
fn numbers_stay_while_names_do_and_a_new_secret_raises_the_revision() {
    let port = |name: &str, psk: &str| {
        format!("[bridge.b.port.{name}]\ntype='gre'\nremote_ip='192.0.2.1'\npsk='{psk}'\n")
    };
    let other = "[bridge.b.port.o]\ntype='gre'\nremote_ip='192.0.2.2'\npsk='k'\n";
    let mut book = Book::default();
    let before = wanted(&mut book, &port("p", "one"));
    let (id, was) = before.first_key_value().unwrap();
    let after = wanted(&mut book, &(port("p", "two") + other));
    let now = &after[id];
    assert_eq!(now.connection.children[0].id, was.connection.children[0].id);
    assert_eq!(now.connection.credential_revision, was.connection.credential_revision + 1);
    assert!(now.psk != was.psk);
    let again = wanted(&mut book, &(port("p", "two") + other));
    assert_eq!(again[id].connection, now.connection);
}

#[test]
fn an_interface_is_one_child_in_tunnel_mode_for_everything_unless_said() {
    let text = "[ipsec.t]\nremote_ip='192.0.2.1'\npsk='k'\nlocal_id='us'\nremote_id='ann@example.org'\n";
    let all = wanted(&mut Book::default(), text);
    let connection = &all.values().next().unwrap().connection;
    assert_eq!(connection.children[0].mode, Mode::Tunnel);
    assert_eq!(connection.children[0].local.len(), 2);
    assert_eq!(connection.remote_id, Identity::rfc822("ann@example.org"));
    let narrow = format!("{text}local_ts=['10.1.0.0/16']\nremote_ts=['10.2.0.0/16']");
    let all = wanted(&mut Book::default(), &narrow);
    let child = &all.values().next().unwrap().connection.children[0];
    assert_eq!(child.local, [TrafficSelector::prefix("10.1.0.0".parse().unwrap(), 16)]);
}

#[test]
fn without_its_key_there_is_no_connection_and_the_others_have_theirs() {
    let text = "[bridge.b.port.p]\ntype='gre'\nremote_ip='192.0.2.1'\npsk_file='/nonexistent/key'\n\
                [bridge.b.port.q]\ntype='gre'\nremote_ip='192.0.2.2'\npsk='k'\n";
    let raw = RawConfig::from_toml(text).unwrap();
    let desired = judge(&raw, &ThisHost, Tolerance::FILE).unwrap().desired;
    let all = Book::default().wanted(&desired, |_| HERE.parse().ok());
    let names: Vec<_> = all.values().map(|wanted| wanted.connection.name.as_str()).collect();
    assert_eq!(names, ["q"]);
}

#[test]
fn without_a_local_address_there_is_no_connection_yet() {
    let text = "[ipsec.t]\nremote_ip='192.0.2.1'\npsk='k'\n";
    assert!(Book::default().wanted(&desired(text), |_| None).is_empty());
}
