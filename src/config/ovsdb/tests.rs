//! The database apart from the command line.

use super::*;

fn bridge(database: &mut Database) -> Uuid {
    let root = Uuid::from_random([1; 16]);
    let bridge = Uuid::from_random([2; 16]);
    let (roots, bridges) = (schema::table("Open_vSwitch").unwrap(), schema::table("Bridge").unwrap());
    database.insert(roots, root);
    database.insert(bridges, bridge);
    let place = |table: usize, column| schema::tables()[table].column(column).unwrap();
    database.write(bridges, bridge, place(bridges, "name"), Datum::text("br0"));
    database.write(roots, root, place(roots, "bridges"), Datum::uuids([bridge]));
    bridge
}

#[test]
fn the_schema_is_in_order_and_whole() {
    let tables = schema::tables();
    assert_eq!(tables.len(), 19);
    assert!(tables.is_sorted_by_key(|table| table.name));
    for table in tables {
        assert!(table.columns.is_sorted_by_key(|column| column.name), "{}", table.name);
        for base in
            table.columns.iter().flat_map(|column| [Some(column.kind.key), column.kind.value]).flatten()
        {
            if let schema::Base::Reference { table, .. } = base {
                assert!(schema::table(table).is_some(), "{table}");
            }
        }
        assert!(table.index.iter().all(|column| table.column(column).is_some()));
    }
}

#[test]
fn unreferenced_rows_go_and_referenced_ones_stay() {
    let mut database = Database::new();
    bridge(&mut database);
    let lost = Uuid::from_random([3; 16]);
    database.insert(schema::table("Mirror").unwrap(), lost);
    let before = database.clone();
    database.settle(&before).expect("settled");
    assert!(database.find("Bridge", "br0").is_some());
    assert!(database.rows_of("Mirror").is_empty());
}

#[test]
fn a_weak_reference_goes_with_its_row() {
    let mut database = Database::new();
    let bridge = bridge(&mut database);
    let (mirrors, bridges) = (schema::table("Mirror").unwrap(), schema::table("Bridge").unwrap());
    let mirror = Uuid::from_random([4; 16]);
    database.insert(mirrors, mirror);
    let place = |table: usize, column| schema::tables()[table].column(column).unwrap();
    database.write(bridges, bridge, place(bridges, "mirrors"), Datum::uuids([mirror]));
    let gone = Uuid::from_random([5; 16]);
    database.write(mirrors, mirror, place(mirrors, "output_port"), Datum::uuids([gone]));
    let before = database.clone();
    database.settle(&before).expect("settled");
    assert!(database.row(mirrors, mirror).expect("the mirror").get("output_port").is_empty());
}

#[test]
fn runtime_columns_are_the_daemons_and_only_those() {
    let mut database = Database::new();
    bridge(&mut database);
    let status = Datum::text_map([("stp_root_path_cost", "0")]);
    assert_eq!(database.set_runtime("Bridge", "br0", "status", status.clone()), Ok(true));
    assert_eq!(database.set_runtime("Bridge", "br0", "status", status), Ok(false));
    assert_eq!(database.set_runtime("Open_vSwitch", ".", "cur_cfg", Datum::integer(3)), Ok(true));
    let refused = [
        database.set_runtime("Bridge", "br0", "stp_enable", Datum::boolean(true)),
        database.set_runtime("Bridge", "br0", "nonsense", Datum::empty()),
        database.set_runtime("Bridge", "br1", "status", Datum::empty()),
        database.set_runtime("Bridge", "br0", "status", Datum::integer(1)),
        database.set_runtime("Open_vSwitch", ".", "cur_cfg", Datum::empty()),
    ];
    assert!(refused.iter().all(Result::is_err), "{refused:?}");
    assert!(matches!(refused[0], Err(RuntimeError::NotRuntime { .. })));
    assert!(matches!(refused[2], Err(RuntimeError::NoRow { .. })));
}

#[test]
fn the_state_file_keeps_configuration_and_forgets_observations() {
    let mut database = Database::new();
    bridge(&mut database);
    let status = Datum::text_map([("a", "b")]);
    database.set_runtime("Bridge", "br0", "status", status).expect("written");
    let text = database.to_json();
    assert!(text.contains("br0") && !text.contains("status"), "{}", *text);
    let read = Database::from_json(&text).expect("read back");
    assert!(read != database);
    database.clear_ephemeral();
    assert!(read == database);
}

#[test]
fn a_bad_state_file_names_the_place() {
    let mut database = Database::new();
    bridge(&mut database);
    let good = database.to_json();
    for (from, to, place) in [
        ("\"Open_vSwitch\"", "\"Other\"", "schema"),
        ("\"Bridge\"", "\"Fridge\"", "Fridge"),
        ("\"name\"", "\"nome\"", "nome"),
        ("\"br0\"", "7", "name: expected string"),
        ("\"02020202", "\"0202020x", "not a UUID"),
    ] {
        let error = Database::from_json(&good.replacen(from, to, 1)).expect_err(place).to_string();
        assert!(error.contains(place), "{error}");
    }
    assert!(matches!(Database::from_json("{"), Err(LoadError::Syntax(_))));
    assert!(matches!(Database::from_json("[]"), Err(LoadError::Content { .. })));
}

#[test]
fn uuids_read_as_printed() {
    let uuid = Uuid::from_random([0xff; 16]);
    assert_eq!(uuid.to_string(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    assert_eq!(uuid.to_string().to_uppercase().parse(), Ok(uuid));
    for bad in ["", "ffffffff-ffff-4fff-bfff-fffffffffff", "ffffffff-ffff-4fff-bfff_ffffffffffff", "ü"] {
        assert!(bad.parse::<Uuid>().is_err(), "{bad}");
    }
}
