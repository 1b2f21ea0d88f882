//! Properties of whole command lines; the comparison with the original is in
//! the package's `tests/vsctl_compare.rs`.

use proptest::prelude::*;

use super::*;
use crate::config::ovsdb::to_raw;
use crate::config::raw::RawValue;

/// A database with a counter for randomness and a word to say before commits.
struct Bench {
    database: Database,
    counter: u128,
    verdict: Result<Vec<String>, String>,
}

impl Bench {
    fn new() -> Self {
        Self { database: Database::new(), counter: 0, verdict: Ok(Vec::new()) }
    }

    fn run_words(&mut self, args: &[String]) -> Outcome {
        let counter = &mut self.counter;
        let mut random = || {
            *counter = counter.wrapping_add(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            counter.to_be_bytes()
        };
        let (before, verdict) = (self.database.clone(), &self.verdict);
        let mut context = Context {
            program: "ovs-vsctl",
            version: "1.2.3",
            databases: &["unix:/run/adit/control.sock".to_owned()],
            random: &mut random,
            validate: &|asked| if *asked == before { Ok(Vec::new()) } else { verdict.clone() },
        };
        run(&mut self.database, args, &mut context)
    }

    fn run(&mut self, line: &str) -> Outcome {
        let args: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        self.run_words(&args)
    }

    /// Runs a line that must succeed; its stdout.
    fn done(&mut self, line: &str) -> String {
        let outcome = self.run(line);
        assert_eq!((outcome.exit, outcome.stderr.as_str()), (0, ""), "{line}");
        outcome.stdout
    }

    /// Runs a line that must be refused; its stderr.
    fn refused(&mut self, line: &str) -> String {
        let before = self.database.clone();
        let outcome = self.run(line);
        assert_eq!((outcome.exit, outcome.changed), (1, false), "{line}");
        assert!(self.database == before, "{line}");
        outcome.stderr
    }
}

fn lab() -> Bench {
    let mut bench = Bench::new();
    bench.done("--no-wait add-br testbr");
    bench.done(
        "--no-wait add-port testbr ipsec0 -- set Interface ipsec0 type=ipsec_gre options:local_ip=192.168.100.101 \
         options:remote_ip=192.168.100.102 options:psk=password",
    );
    bench
}

#[test]
fn the_lab_turns_into_raw_configuration() {
    let mut bench = lab();
    bench.done(
        "set Bridge testbr stp_enable=true other_config:stp-priority=0x7000 other_config:mac-aging-time=1 -- \
         set Port ipsec0 other_config:stp-path-cost=7 -- set Interface ipsec0 ofport_request=9 \
         options:ipsec_encapsulation=yes -- set Interface testbr mtu_request=1400",
    );
    let (config, warnings) = to_raw(&bench.database);
    assert!(warnings.is_empty(), "{warnings:?}");
    let bridge = &config.bridges["testbr"];
    assert_eq!(bridge.settings.get("stp"), Some(&RawValue::Boolean(true)));
    assert_eq!(bridge.settings.get("stp_priority"), Some(&RawValue::Text("0x7000".to_owned())));
    assert_eq!(bridge.settings.get("mac_aging_time"), Some(&RawValue::Integer(15)));
    assert_eq!(bridge.settings.get("mtu"), Some(&RawValue::Integer(1400)));
    assert_eq!(bridge.ports.keys().collect::<Vec<_>>(), ["ipsec0"]);
    let port = &bridge.ports["ipsec0"];
    for (key, value) in [
        ("type", "ipsec_gre"),
        ("local_ip", "192.168.100.101"),
        ("remote_ip", "192.168.100.102"),
        ("psk", "password"),
        ("stp_path_cost", "7"),
        ("encapsulation", "yes"),
    ] {
        assert_eq!(port.get(key), Some(&RawValue::Text(value.to_owned())), "{key}");
    }
    assert_eq!(port.get("ofport"), Some(&RawValue::Integer(9)));
}

#[test]
fn a_key_is_shown_only_where_it_alone_is_asked_for() {
    let mut bench = lab();
    for line in [
        "show",
        "list Interface",
        "find Interface type=ipsec_gre",
        "get Interface ipsec0 options",
        "-f json list Interface",
        "-f csv list Interface",
        "-f html list Interface",
        "-f table list Interface",
        "--bare list Interface",
        "-d json list Interface",
        "--oneline show",
    ] {
        let text = bench.done(line);
        assert!(!text.contains("password") && text.contains("***"), "{line}: {text}");
    }
    assert_eq!(bench.done("get Interface ipsec0 options:psk"), "password\n");
    let debug = format!("{:?} {:?}", bench.database, to_raw(&bench.database));
    assert!(!debug.contains("password"), "{debug}");
}

#[test]
fn the_caller_has_the_last_word() {
    let mut bench = lab();
    bench.verdict = Err("ports ipsec0 and twin cannot be told apart".to_owned());
    let stderr =
        bench.refused("add-port testbr twin -- set Interface twin type=gre options:remote_ip=1.2.3.4");
    assert_eq!(stderr, "ovs-vsctl: ports ipsec0 and twin cannot be told apart\n");
    // Reading needs nobody's consent.
    assert_eq!(bench.done("list-ports testbr"), "ipsec0\n");
    bench.verdict = Ok(vec!["take care".to_owned()]);
    let outcome = bench.run("add-br other");
    assert_eq!((outcome.exit, outcome.stderr.as_str()), (0, "ovs-vsctl: warning: take care\n"));
}

#[test]
fn a_change_is_waited_for_and_failed_interfaces_are_named() {
    let mut bench = lab();
    let Some(Wait::Applied { next_cfg, interfaces }) = bench.run("add-br br1 -- add-port br1 eth9").wait
    else {
        panic!("nothing to wait for");
    };
    assert_eq!(next_cfg, 1);
    assert_eq!(interfaces.len(), 2);
    let database = &mut bench.database;
    let set = |database: &mut Database, name: &str, column: &str, value| {
        database.set_runtime("Interface", name, column, value).expect("a runtime column");
    };
    set(database, "br1", "ofport", ovsdb::Datum::integer(65534));
    set(database, "eth9", "ofport", ovsdb::Datum::integer(-1));
    set(database, "eth9", "error", ovsdb::Datum::text("no device eth9"));
    let text = setup_errors(database, &interfaces, "ovs-vsctl");
    assert_eq!(
        text,
        "ovs-vsctl: Error detected while setting up 'eth9': no device eth9.  See the log of adit for details.\n"
    );
    assert!(bench.done("show").contains("error: \"no device eth9\""));
    // What changes nothing is not waited for.
    assert_eq!(bench.run("set Bridge br1 stp_enable=false").wait, None);
    assert_eq!(bench.run("--no-wait set Bridge br1 stp_enable=true").wait, None);
    assert_eq!(bench.run("--dry-run set Bridge br1 stp_enable=false").wait, None);
}

#[test]
fn wait_until_holds_once_the_daemon_wrote_it() {
    let mut bench = lab();
    let line = "-t 7 wait-until Interface ipsec0 link_state=up -- get Interface ipsec0 link_state";
    let outcome = bench.run(line);
    assert_eq!((outcome.wait, outcome.timeout, outcome.stdout.as_str()), (Some(Wait::Until), Some(7), ""));
    let up = ovsdb::Datum::text("up");
    assert_eq!(bench.database.set_runtime("Interface", "ipsec0", "link_state", up.clone()), Ok(true));
    assert_eq!(bench.database.set_runtime("Interface", "ipsec0", "link_state", up), Ok(false));
    assert_eq!(bench.done(line), "up\n");
}

#[test]
fn only_the_own_database_may_be_named() {
    let mut bench = lab();
    bench.done("--db=unix:/run/adit/control.sock list-br");
    bench.done("--db=tcp:10.0.0.1:6640,unix:/run/adit/control.sock list-br");
    let stderr = bench.refused("--db=tcp:10.0.0.1:6640 add-br x");
    assert!(stderr.contains("--db=tcp:10.0.0.1:6640 is another database"), "{stderr}");
}

#[test]
fn an_effectless_column_is_named_once() {
    let mut bench = lab();
    let outcome = bench.run("set Bridge testbr other_config:dp-desc=x");
    let warning = "ovs-vsctl: warning: other_config:dp-desc of Bridge \"testbr\" has no effect in adit\n";
    assert_eq!((outcome.exit, outcome.stderr.as_str()), (0, warning));
    bench.done("set Bridge testbr other_config:stp-priority=1");
}

/// Words that occur in command lines, so that random lines get far.
fn word() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "--",
        "--may-exist",
        "--if-exists",
        "--id=@a",
        "--id=@b",
        "--columns=name",
        "--oneline",
        "-f",
        "json",
        "--all",
        "add-br",
        "del-br",
        "add-port",
        "del-port",
        "set",
        "get",
        "add",
        "remove",
        "clear",
        "list",
        "find",
        "create",
        "destroy",
        "show",
        "wait-until",
        "list-br",
        "list-ports",
        "br-exists",
        "set-controller",
        "emer-reset",
        "Bridge",
        "Port",
        "Interface",
        "Open_vSwitch",
        "QoS",
        "Queue",
        "testbr",
        "ipsec0",
        "p0",
        "br9",
        ".",
        "@a",
        "ports",
        "ports=@a",
        "interfaces=@b",
        "queues:0=@a",
        "name=p0",
        "name=br9",
        "bridges",
        "@b",
        "type=gre",
        "name",
        "options:psk=secret",
        "options",
        "other_config:a=b",
        "external_ids={a=b}",
        "external_ids:a{=}[]",
        "tag=3",
        "stp_enable=true",
        "options:remote_ip=1.2.3.4",
        "queues={0=@a}",
        "dscp=[1-9]",
    ]);
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => "\\PC{0,12}", 1 => "[-a-z_:=,\\[\\]{}\"\\\\<>!@0-9 ]{0,16}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    /// No words make it panic, and what fails leaves the database as it was.
    #[test]
    fn any_words_are_done_whole_or_not_at_all(
        lines in prop::collection::vec(prop::collection::vec(word(), 0..14), 1..5),
        consents: bool,
    ) {
        let mut bench = lab();
        if !consents {
            bench.verdict = Err("no".to_owned());
        }
        for line in lines {
            let before = bench.database.clone();
            let outcome = bench.run_words(&line);
            prop_assert_eq!(outcome.changed, bench.database != before);
            if outcome.exit != 0 || outcome.wait == Some(Wait::Until) || !consents {
                prop_assert!(bench.database == before);
            }
            if outcome.exit == 1 {
                prop_assert!(outcome.stdout.is_empty() && outcome.stderr.starts_with("ovs-vsctl: "));
            }
            // What was committed is settled: nothing refused, and its file reads back.
            prop_assert!(ovsdb::refusals(&bench.database).is_empty());
            let mut kept = Database::from_json(&bench.database.to_json()).expect("its own file");
            let mut next = bench.database.clone();
            next.clear_ephemeral();
            kept.clear_ephemeral();
            prop_assert!(kept == next);
        }
    }

    /// What is printed reads back as what it was.
    #[test]
    fn printed_values_read_back(pairs in prop::collection::btree_map("\\PC{0,10}", "\\PC{0,10}", 0..5)) {
        let mut bench = lab();
        let ids = ovsdb::Datum::text_map(&pairs);
        let kind = ovsdb::schema::tables()[session::table_index("Bridge")].columns
            [ovsdb::schema::tables()[session::table_index("Bridge")].column("external_ids").expect("a column")].kind;
        let words = ["set", "Bridge", "testbr", &format!("external_ids={}", kind.text_of(&ids))];
        let outcome = bench.run_words(&words.map(str::to_owned));
        prop_assert_eq!((outcome.exit, outcome.stderr.as_str()), (0, ""));
        let row = bench.database.find("Bridge", "testbr").expect("the bridge");
        prop_assert!(*row.get("external_ids") == ids);
    }
}
