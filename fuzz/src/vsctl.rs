//! Lines of ovs-vsctl, and the database they leave.

use adit::config::ovsdb::{Database, to_raw};
use adit::config::validate::validate;
use adit::config::vsctl::{Context, Outcome, run};

use crate::config::{NoFiles, readable};

/// Lines of ovs-vsctl, one after another; words are split at spaces.
pub fn vsctl_line(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut database = Database::new();
    let mut counter = 0_u128;
    for line in text.lines().take(8) {
        let words: Vec<_> = line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let before = database.clone();
        let outcome = run_words(&mut database, &words, &mut counter);
        assert_eq!(outcome.changed, database != before, "{line}");
        assert!(matches!(outcome.exit, 0..=2), "{line}: status {}", outcome.exit);
        if outcome.exit == 1 {
            assert!(!outcome.changed && !outcome.stderr.is_empty(), "{line}: refused without a word");
        }
        kept(&database);
    }
}

/// A state file.
pub fn state_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Database::from_json(text) {
        Ok(database) => kept(&database),
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    }
}

fn run_words(database: &mut Database, words: &[String], counter: &mut u128) -> Outcome {
    let mut random = || {
        *counter = counter.wrapping_add(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        counter.to_be_bytes()
    };
    let mut context = Context {
        program: "ovs-vsctl",
        version: "0",
        databases: &["unix:/run/adit/control.sock".to_owned()],
        random: &mut random,
        validate: &|_| Ok(Vec::new()),
    };
    run(database, words, &mut context)
}

/// What the database says is written and read back as it was, and means something or is refused aloud.
fn kept(database: &Database) {
    let mut lasting = database.clone();
    lasting.clear_ephemeral();
    let again = Database::from_json(&lasting.to_json()).expect("what was written is read");
    assert!(again == lasting, "the state file changes the database");
    let (raw, _) = to_raw(database);
    if let Err(errors) = validate(&raw, &NoFiles) {
        readable(&errors);
    }
}
