use super::*;
use crate::config::desired::{Encap, Inheritable, PortKind, Tunnel, UdpTunnel};

/// Files and variables that a test says exist.
struct Fake;

impl PskSource for Fake {
    fn file(&self, path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
        match path.to_str() {
            Some("/psk") => Ok(Zeroizing::new(b"from a file\n".to_vec())),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn variable(&self, name: &str) -> Option<Zeroizing<String>> {
        (name == "PSK").then(|| Zeroizing::new("from the environment".to_owned()))
    }
}

fn check(text: &str) -> Result<Desired, Vec<ConfigError>> {
    validate(&RawConfig::from_toml(text).unwrap(), &Fake)
}

/// A port `p` of bridge `b` with these lines.
fn port(lines: &str) -> String {
    format!("[bridge.b.port.p]\n{lines}\n")
}

fn tunnel(lines: &str) -> Tunnel {
    let desired = check(&port(lines)).unwrap();
    match desired.bridges.values().next().unwrap().ports.values().next().unwrap().kind.clone() {
        PortKind::Tunnel(tunnel) => tunnel,
        other => panic!("{other:?}"),
    }
}

/// The one error these lines of a port give.
fn refused(lines: &str) -> String {
    let errors = check(&port(lines)).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0].to_string()
}

#[test]
fn the_three_hosts_of_the_readme() {
    let text = r#"
        [bridge.testbr]
        stp = true
        addresses = ["10.0.0.2/24"]
        [bridge.testbr.port.gre0]
        type = "gre"
        local_ip = "192.168.100.101"
        remote_ip = "192.168.100.100"
        [bridge.testbr.port.ipsec0]
        type = "ipsec_gre"
        local_ip = "192.168.100.101"
        remote_ip = "192.168.100.102"
        psk = "password"
        [bridge.testbr.port.vxlan0]
        type = "vxlan"
        remote_ip = "fd00::1"
        [ipsec.aws-1]
        local_ip = "203.0.113.10"
        remote_ip = "198.51.100.20"
        psk_file = "/psk"
        inside = "169.254.10.2/30"
        routes = ["10.20.0.0/16"]
    "#;
    let desired = check(text).unwrap();
    let bridge = desired.bridges.values().next().unwrap();
    assert!(bridge.stp.is_some());
    assert_eq!(bridge.ports.len(), 3);
    let aws = desired.ipsec.values().next().unwrap();
    assert_eq!(aws.protection.psk.as_ref().unwrap().secret().expose(), b"from a file");
    assert_eq!(aws.inside.len(), 1);
    assert!(!format!("{desired:?}").contains("password"));
}

#[test]
fn defaults_of_tunnels_are_those_of_open_vswitch() {
    let gre = tunnel("type='gre'\nremote_ip='192.0.2.1'");
    assert_eq!(gre.encap, Encap::Gre { in_key: None, out_key: None, csum: false, seq: false });
    assert_eq!((gre.tos, gre.ttl), (Inheritable::Fixed(0), Inheritable::Fixed(64)));
    let vxlan = tunnel("type='vxlan'\nremote_ip='192.0.2.1'");
    let behind = |header, dst_port| Encap::Udp { header, in_vni: 0, out_vni: 0, csum: None, dst_port };
    assert_eq!(vxlan.encap, behind(UdpTunnel::Vxlan, 4789));
    let geneve = tunnel("type='geneve'\nremote_ip='192.0.2.1'");
    assert_eq!(geneve.encap, behind(UdpTunnel::Geneve, 6081));
}

#[test]
fn numbers_are_decimal_or_hexadecimal_as_text_or_not() {
    for key in ["16", "'16'", "'0x10'", "0x10"] {
        let gre =
            tunnel(&format!("type='gre'\nremote_ip='192.0.2.1'\nkey={key}\nout_key='0'\ntos='inherit'"));
        assert_eq!(gre.encap, Encap::Gre { in_key: Some(16), out_key: Some(0), csum: false, seq: false });
        assert_eq!(gre.tos, Inheritable::Inherit);
    }
}

#[test]
fn what_is_wrong_with_a_port_is_named() {
    let gre = "type='gre'\nremote_ip='192.0.2.1'\n";
    let table: &[(&str, &str)] = &[
        ("type='gre'", "gre type requires valid 'remote_ip' argument"),
        ("type='gre'\nremote_ip='239.1.1.1'", "multicast remote_ip=239.1.1.1 not allowed"),
        ("type='gre'\nremote_ip='ff02::1'", "multicast"),
        ("type='gre'\nremote_ip='0.0.0.0'", "no host"),
        ("type='gre'\nremote_ip='flow'", "OpenFlow"),
        ("type='gre'\nremote_ip='example.org'", "names are not looked up"),
        ("type='gre'\nremote_ip='192.0.2.1'\nlocal_ip='fd00::1'", "same address family"),
        ("type='gre'\nremote_ip='192.0.2.1'\nlocal_ip='192.0.2.1'", "local address as well"),
        ("type='erspan'\nremote_ip='192.0.2.1'", "does not serve type erspan"),
        ("type='gree'", "unknown type 'gree'"),
        ("remote_ip='192.0.2.1'", "type: is missing"),
        ("type='ipsec_gre'\nremote_ip='192.0.2.1'", "no pre-shared key"),
        ("type='system'\npsk='x'", "unknown key"),
        (&format!("{gre}psk=''"), "the key is empty"),
        (&format!("{gre}psk='x'\npsk_env='PSK'"), "psk is given already"),
        (&format!("{gre}psk_env='NOPE'"), "the environment has no NOPE"),
        (&format!("{gre}psk_file='/nope'"), "/nope: "),
        (&format!("{gre}local_id='a'"), "no pre-shared key"),
        (&format!("{gre}psk='x'\nesp='des'"), "'des'"),
        (&format!("{gre}psk='x'\nencapsulation='tcp'"), "neither auto nor udp"),
        (&format!("{gre}remot_ip='x'"), "did you mean remote_ip?"),
        (&format!("{gre}tag=5"), "not serve this yet"),
        (&format!("{gre}dst_port=4789"), "unknown key"),
        (&format!("{gre}key=-1"), "no number from 0 to 4294967295"),
        (&format!("{gre}key='0x+1'"), "no number"),
        (&format!("{gre}tos=3"), "multiple of 4"),
        (&format!("{gre}ttl='soon'"), "inherit"),
        (&format!("{gre}df_default=false"), "may be fragmented"),
        (&format!("{gre}csum='maybe'"), "neither true nor false"),
        (&format!("{gre}packet_type='ptap'"), "legacy_l2"),
        (&format!("{gre}stp_path_cost=65536"), "0 to 65535"),
        (&format!("{gre}stp_port_num=0"), "1 to 255"),
        ("type='vxlan'\nremote_ip='192.0.2.1'\nkey='0x1000000'", "0 to 16777215"),
        ("type='vxlan'\nremote_ip='192.0.2.1'\ndst_port=4500", "port 4500 is that of IKE"),
        ("type='internal'\nmac='01:00:00:00:00:00'", "group"),
    ];
    for (lines, expected) in table {
        let error = refused(lines);
        assert!(error.contains(expected), "{lines}: {error}");
    }
}

#[test]
fn settings_of_a_bridge_have_ranges() {
    let good =
        "[bridge.b]\nstp_priority='0x7800'\nstp_hello_time=1\nstp_max_age='6'\nstp_forward_delay=4\nstp=true";
    let desired = check(good).unwrap();
    let stp = desired.bridges.values().next().unwrap().stp.clone().unwrap();
    assert_eq!((stp.priority, stp.hello_time.as_secs(), stp.forward_delay.as_secs()), (0x7800, 1, 4));
    for bad in [
        "stp_priority=65536",
        "stp_priority='junk'",
        "stp_hello_time=0",
        "stp_hello_time=11",
        "stp_max_age=5",
        "stp_max_age=41",
        "stp_forward_delay=3",
        "stp_forward_delay=31",
        "stp_system_id='x'",
        "rstp=true",
        "mac_aging_time=14",
        "mac_table_size=9",
        "addresses=['10.0.0.1']x".trim_end_matches('x'),
        "addresses=7",
    ] {
        // A bare address is a host of its own prefix for some parsers; here it must say so.
        let errors = check(&format!("[bridge.b]\n{bad}")).expect_err(bad);
        assert_eq!((errors.len(), errors[0].line), (1, Some(2)), "{bad}: {errors:?}");
    }
}

#[test]
fn names_are_taken_once() {
    let twice = "[bridge.a.port.x]\n[bridge.b.port.x]\n[ipsec.x]\nremote_ip='192.0.2.1'\npsk='k'\n[bridge.x]";
    let errors = check(twice).unwrap_err();
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(errors.iter().all(|error| error.what.contains("the name x is taken by bridge.")), "{errors:?}");
    assert!(check("[bridge.b.port.b]").unwrap_err()[0].what.contains("like its bridge"));
    assert!(check("[bridge.a23456789012345x]").unwrap_err()[0].what.contains("1 to 15 bytes"));
    assert!(check("[bridge.'a/b']").unwrap_err()[0].what.contains("'/'"));
}

#[test]
fn tunnels_that_cannot_be_told_apart_are_refused_naming_the_other() {
    let two = |first: &str, second: &str| {
        check(&format!(
            "[bridge.b.port.p1]\nremote_ip='192.0.2.1'\n{first}\n[bridge.b.port.p2]\nremote_ip='192.0.2.1'\n{second}"
        ))
    };
    let conflicts = [
        ("type='gre'", "type='gre'"),
        ("type='gre'", "type='gre'\nkey=0"),
        ("type='gre'", "type='gre'\nlocal_ip='192.0.2.9'"),
        ("type='gre'\nkey=1", "type='gre'\nin_key=1"),
        ("type='vxlan'\ndst_port=4789", "type='vxlan'"),
        ("type='geneve'\ndst_port=4789", "type='vxlan'\nkey=1"),
        ("type='gre'", "type='ipsec_gre'\nkey=1\npsk='k'"),
        ("type='gre'\npsk='k'", "type='gre'\nkey=1\npsk='k'"),
    ];
    for (first, second) in conflicts {
        let errors = two(first, second).expect_err(second);
        assert_eq!(errors.len(), 1);
        assert!(errors[0].what.contains("p1") && errors[0].place.ends_with("p2"), "{errors:?}");
        assert!(errors[0].line.is_some());
    }
    let fine = [
        ("type='gre'", "type='gre'\nkey=1"),
        ("type='gre'\nlocal_ip='192.0.2.8'", "type='gre'\nlocal_ip='192.0.2.9'"),
        ("type='gre'", "type='vxlan'"),
        ("type='geneve'\nkey=1", "type='vxlan'\nkey=1"),
        ("type='vxlan'\ndst_port=8472", "type='vxlan'"),
        ("type='gre'\npsk='k'", "type='vxlan'\npsk='k'"),
        ("type='gre'\npsk='k'", "type='vxlan'"),
    ];
    for (first, second) in fine {
        two(first, second).expect(second);
    }
}

#[test]
fn routes_that_cover_the_peer_or_stand_twice_are_refused() {
    let interface = |name: &str, lines: &str| {
        format!("[ipsec.{name}]\nremote_ip='192.0.2.1'\nremote_id='{name}'\npsk='k'\n{lines}\n")
    };
    let table = [
        ("routes=['10.0.0.0/8', '192.0.2.0/24']", "192.0.2.0/24 covers remote_ip"),
        ("routes=['0.0.0.0/1', '128.0.0.0/1']", "or 0.0.0.0/0, out of which adit keeps the peer"),
        ("inside='192.0.2.9/24'", "use another network inside"),
    ];
    for (lines, expected) in table {
        let errors = check(&interface("t", lines)).expect_err(lines);
        assert_eq!((errors.len(), errors[0].line), (1, Some(5)), "{errors:?}");
        assert!(errors[0].to_string().contains(expected), "{errors:?}");
    }
    for fine in ["routes=['0.0.0.0/0', '::/0']", "inside='192.0.2.9/30'\nroutes='192.0.3.0/24'"] {
        check(&interface("t", fine)).expect(fine);
    }
    let two = |first: &str, second: &str| {
        let ts = "local_ts='10.1.0.0/24'\nremote_ts";
        interface("a", &format!("{ts}='10.2.0.0/24'\n{first}"))
            + &interface("b", &format!("{ts}='10.3.0.0/24'\n{second}"))
    };
    check(&two("routes='10.2.0.0/16'", "routes='10.2.0.0/24'")).unwrap();
    let errors = check(&two("routes='10.2.0.0/16'", "routes='10.3.0.0/16,10.2.0.0/16'")).unwrap_err();
    assert_eq!((errors.len(), errors[0].line), (1, Some(14)), "{errors:?}");
    assert!(errors[0].to_string().contains("10.2.0.0/16 is routed through a already"), "{errors:?}");
}

#[test]
fn one_pair_of_identities_has_one_psk_and_one_set_of_parameters() {
    let two = |first: &str, second: &str| {
        check(&format!("[bridge.b.port.p1]\ntype='gre'\n{first}\n[bridge.b.port.p2]\ntype='vxlan'\n{second}"))
    };
    let ends = "local_ip='192.0.2.9'\nremote_ip='192.0.2.1'";
    let with = |more: &str| format!("{ends}\n{more}");
    let conflict = |first: &str, second: &str, expected: &str| {
        let errors = two(&with(first), &with(second)).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].what.contains(expected) && errors[0].what.contains("p1"), "{errors:?}");
    };
    conflict("psk='a'", "psk='b'", "another pre-shared key");
    conflict("psk='a'", "psk='b'\nlocal_id='192.0.2.9'", "another pre-shared key");
    conflict("psk='a'", "psk='a'\ninitiate=false", "another initiate");
    conflict("psk='a'", "psk='a'\nencapsulation='udp'", "another encapsulation");
    two(&with("psk='a'"), &with("psk='b'\nremote_id='other'")).unwrap();
    // The same pair of names at another address is still the same pair.
    let elsewhere = "remote_ip='192.0.2.2'\nlocal_id='a'\nremote_id='b'\npsk='b'";
    let errors = two(&with("psk='a'\nlocal_id='a'\nremote_id='b'"), elsewhere).unwrap_err();
    assert!(errors[0].what.contains("another pre-shared key"));
}

#[test]
fn every_error_at_once_in_the_order_of_lines() {
    let text =
        "[bridge.b]\nstp='x'\n[bridge.b.port.p]\ntype='gre'\nkey='y'\nwibble=1\n[ipsec.t]\nremote_ip='z'";
    let errors = check(text).unwrap_err();
    let lines: Vec<_> = errors.iter().map(|error| error.line.unwrap()).collect();
    assert_eq!(lines, [2, 3, 5, 6, 7, 8], "{errors:?}");
}

#[test]
fn what_cannot_be_read_hides_no_other_error_and_makes_none() {
    let text = b"[bridge.b]\nstp = maybe\n\
        [bridge.b.port.p]\ntype = gre\nremote_ip = '192.0.2.1'\nwibble = 1\n\
        [bridge.b.port.q\ntype = 'gre'\nremote_ip =\nkey = 'x'\n\
        [bridge.b.port.r]\ntype = 'ipsec_gre'\nremote_ip = '192.0.2.1'\npsk = 1.5\n\
        [ipsec.t]\nremote_ip = '192.0.2.7'\npsk_file = '/nope'\nmtu = \xff\n";
    let errors = read(text, &Fake, Tolerance::NONE).unwrap_err();
    let lines: Vec<_> = errors.iter().map(|error| error.line.unwrap()).collect();
    assert_eq!(lines, [2, 4, 7, 9, 10, 14, 17, 18], "{errors:#?}");
    assert!(errors.iter().all(|error| !error.remedy.is_empty()), "{errors:#?}");
}

#[test]
fn times_of_the_spanning_tree_go_together_where_it_runs() {
    let text = "[bridge.b]\nstp = true\nstp_max_age = 40\nstp_forward_delay = 4\n";
    let errors = check(text).unwrap_err();
    assert_eq!((errors.len(), errors[0].line), (1, Some(3)), "{errors:?}");
    assert!(errors[0].to_string().contains("stp_forward_delay 21"), "{errors:?}");
    let valid = judge(&RawConfig::from_toml(text).unwrap(), &Fake, Tolerance::DATABASE).unwrap();
    assert!(valid.warnings[0].to_string().contains("adit runs with"), "{:?}", valid.warnings);
    check("[bridge.b]\nstp_max_age = 40\nstp_forward_delay = 4\n").unwrap();
    check("[bridge.b]\nstp = true\nstp_max_age = 40\nstp_forward_delay = 21\n").unwrap();
    assert!(check("[bridge.b]\nstp = true\nstp_hello_time = 10\n").unwrap_err()[0].what.contains("hello"));
}

#[test]
fn a_key_that_cannot_be_read_is_its_ports_own_error_where_it_shall_run() {
    for source in ["psk_file='/nope'", "psk_env='NOPE'"] {
        let text = format!(
            "[bridge.b.port.p]\ntype='gre'\nremote_ip='192.0.2.1'\n{source}\n\
             [bridge.b.port.q]\ntype='gre'\nremote_ip='192.0.2.2'\npsk='k'\n"
        );
        let raw = RawConfig::from_toml(&text).unwrap();
        let Valid { desired, warnings } = judge(&raw, &Fake, Tolerance::FILE).unwrap();
        assert_eq!((warnings.len(), warnings[0].line), (1, Some(4)));
        assert!(desired.lacks_keys());
        let ports = &desired.bridges.values().next().unwrap().ports;
        let protection = |port: &crate::config::desired::Port| match &port.kind {
            PortKind::Tunnel(tunnel) => tunnel.protection.clone().expect("protected, with or without a key"),
            other => panic!("{other:?}"),
        };
        let mut errors = ports.values().map(|port| protection(port).key_error().map(str::to_owned));
        let error = errors.next().flatten().expect("an error of its own");
        assert!(error.starts_with("psk_") && error.contains("; "), "{error}");
        assert_eq!(errors.next(), Some(None));
    }
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("'192.0.2.1'".to_owned()),
            Just("'192.0.2.2'".to_owned()),
            Just("'fd00::1'".to_owned()),
            Just("'gre'".to_owned()),
            Just("'vxlan'".to_owned()),
            Just("'ipsec_gre'".to_owned()),
            Just("true".to_owned()),
            Just("['10.0.0.0/8']".to_owned()),
            "[0-9]{1,5}",
            "'[ -&(-~]{0,8}'",
        ]
    }

    const KEYS: &[&str] = &[
        "type",
        "remote_ip",
        "local_ip",
        "key",
        "in_key",
        "out_key",
        "psk",
        "psk_env",
        "tos",
        "ttl",
        "stp",
        "addresses",
        "ike",
        "esp",
        "inside",
        "routes",
        "mtu",
        "local_id",
        "dst_port",
        "wibble",
        "initiate",
    ];

    fn table() -> impl Strategy<Value = String> {
        proptest::collection::btree_map(proptest::sample::select(KEYS), value(), 0..8)
            .prop_map(|entries| entries.iter().map(|(key, value)| format!("{key} = {value}\n")).collect())
    }

    proptest! {
        #[test]
        fn nothing_panics_and_errors_have_places(
            tables in proptest::collection::vec((0..4usize, table()), 0..6)
        ) {
            let text: String = tables.iter().enumerate().map(|(at, (kind, lines))| match kind {
                0 => format!("[bridge.b{at}]\n{lines}"),
                1 | 2 => format!("[bridge.b.port.p{at}]\n{lines}"),
                _ => format!("[ipsec.t{at}]\n{lines}"),
            }).collect();
            // Values of a strange shape are refused before validation.
            if let Ok(raw) = RawConfig::from_toml(&text)
                && let Err(errors) = validate(&raw, &Fake)
            {
                prop_assert!(!errors.is_empty());
                for error in errors {
                    prop_assert!(!error.place.is_empty() && error.line.is_some());
                    prop_assert!(!error.what.is_empty() && !error.remedy.is_empty(), "{error:?}");
                }
            }
        }
    }
}
