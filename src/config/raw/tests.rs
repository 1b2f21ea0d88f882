use super::*;

const EXAMPLE: &str = r#"
[bridge.testbr]
stp = true
addresses = ["10.0.0.2/24"]

[bridge.testbr.port.ipsec0]
type = "ipsec_gre"
psk = "password"
key = 0x10

[ipsec.aws-1]
inside = "169.254.10.2/30"
"#;

#[test]
fn reads_names_values_and_lines() {
    let config = RawConfig::from_toml(EXAMPLE).unwrap();
    let bridge = &config.bridges["testbr"];
    assert_eq!(bridge.settings.get("stp"), Some(&RawValue::Boolean(true)));
    assert_eq!(bridge.settings.line, Some(2));
    let port = &bridge.ports["ipsec0"];
    assert_eq!(port.get("key"), Some(&RawValue::Integer(16)));
    assert_eq!(port.entries()["type"].line, Some(7));
    assert_eq!(config.ipsec["aws-1"].get("inside"), Some(&"169.254.10.2/30".into()));
}

#[test]
fn debug_does_not_show_the_psk() {
    let config = RawConfig::from_toml(EXAMPLE).unwrap();
    let shown = format!("{config:?}");
    assert!(!shown.contains("password"), "{shown}");
    assert!(shown.contains("ipsec_gre"));
}

#[test]
fn every_error_of_shape_is_told_with_its_line() {
    let text = "[bridges.x]\na = 1\n[bridge.b]\nport = 3\nx = 1.5\n[ipsec]\nt = 7\n";
    let errors = RawConfig::from_toml(text).unwrap_err();
    let lines: Vec<_> = errors.iter().map(|error| (error.line, error.place.as_str())).collect();
    let expected =
        [(Some(1), "bridges"), (Some(4), "bridge.b.port"), (Some(5), "bridge.b.x"), (Some(7), "ipsec.t")];
    for place in expected {
        assert!(lines.contains(&place), "{place:?} in {lines:?}");
    }
    assert_eq!(lines.len(), expected.len());
}

#[test]
fn all_syntax_errors_come_at_once() {
    let errors = RawConfig::from_toml("[bridge.b]\nstp = \naddresses = [\"x\"\n").unwrap_err();
    assert!(errors.iter().any(|error| error.line == Some(2)), "{errors:?}");
    assert!(errors.len() >= 2, "{errors:?}");
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "(\\[|\\]|=|\"|bridge|ipsec|port|\\.|\n|[a-z0-9 ]){0,40}") {
        let _ = RawConfig::from_toml(&text);
    }
}
