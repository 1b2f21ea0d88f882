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

/// The errors as lines of a report.
fn told(text: &str) -> Vec<String> {
    let (_, mut errors) = RawConfig::read(text.as_bytes());
    errors.sort_by_key(|error| error.line);
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn a_syntax_error_is_told_once_and_hides_nothing_behind_it() {
    let table = [
        (
            "[bridge.b.port.p\ntype = 'gre'\n[bridge.c]\nx = 1.5\n",
            vec!["line 1: unclosed table", "line 4: bridge.c.x"],
        ),
        ("[bridge.b]]\nx = 1.5\n", vec!["line 1: ", "line 2: bridge.b.x"]),
        ("[bridge b]\nx = 1.5\n[bridge.c]\ny = 1.5\n", vec!["line 1: ", "line 4: bridge.c.y"]),
        (
            "junk\n[bridge.b]\nremote_ip '192.0.2.1'\nx = 1.5\n",
            vec!["line 1: ", "line 3: ", "line 4: bridge.b.x"],
        ),
        (
            "[bridge.b]\na = ['x', 'y'\nb = 1.5\n[bridge.c]\nc = 1.5\n",
            vec!["line 2: unclosed array", "line 3: ", "line 5: "],
        ),
        ("[bridge.b]\na = [\n 'x',\n 'y' 'z',\n 'w',\n]\nb = 1.5\n", vec!["line 4: ", "line 7: bridge.b.b"]),
        ("[bridge.b]\na = \"\"\"x\ny\nb = 1.5\n", vec!["line 2: ", "line 4: bridge.b.b"]),
        (
            "[bridge.b]\na = 1\na = 2\nb = x\nc = 0b2\n= 7\n",
            vec!["line 3: duplicate key", "line 4: ", "line 5: ", "line 6: "],
        ),
        ("[bridge.b]\n[bridge.b]\nb = x\n", vec!["line 2: duplicate key"]),
        ("bridge = 3 4\n[ipsec]\nx = \n", vec!["line 1: ", "line 3: "]),
    ];
    for (text, expected) in table {
        let told = told(text);
        assert_eq!(told.len(), expected.len(), "{text}: {told:#?}");
        for (line, start) in told.iter().zip(expected) {
            assert!(line.starts_with(start) && line.ends_with(')'), "{text}: {told:#?}");
        }
    }
}

#[test]
fn what_is_behind_a_syntax_error_is_read() {
    let text = "[bridge.b.port.p\ntype = 'gre'\nkey = \nmtu = 5\n";
    let (config, errors) = RawConfig::read(text.as_bytes());
    assert_eq!(errors.len(), 2, "{errors:?}");
    let port = &config.bridges["b"].ports["p"];
    assert_eq!(port.get("type"), Some(&"gre".into()));
    assert_eq!((port.get("key"), port.get("mtu")), (Some(&RawValue::Unreadable), Some(&5.into())));
}

#[test]
fn a_value_of_many_lines_is_taken_out_at_once() {
    let many = "'x',\n".repeat(20_000);
    let text = format!("[bridge.b]\na = [\n{many} 'y' 'z'\n]\nb = 1.5\n");
    let start = std::time::Instant::now();
    let told = told(&text);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].starts_with("line 20005: bridge.b.b"), "{told:?}");
    assert!(start.elapsed() < std::time::Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn bytes_that_are_no_text_have_a_line() {
    let (config, errors) = RawConfig::read(b"[bridge.b]\nhwaddr = '\xff\xfe'\n# \x80\nmtu = 5\n");
    let lines: Vec<_> = errors.iter().map(|error| error.line).collect();
    assert_eq!(lines, [Some(2), Some(3)], "{errors:?}");
    assert!(errors.iter().all(|error| error.to_string().contains("UTF-8")), "{errors:?}");
    assert_eq!(config.bridges["b"].settings.get("mtu"), Some(&5.into()));
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "(\\[|\\]|=|\"|bridge|ipsec|port|\\.|\n|[a-z0-9 ]){0,40}") {
        let _ = RawConfig::from_toml(&text);
    }
}
