use serde::de::DeserializeOwned;
use serde_json::Value;

use super::*;

const DOCUMENT: &str = include_str!("../../docs/json.md");

/// The example under the heading of a command.
fn example(command: &str) -> Value {
    let heading = format!("## `adit {command} --json`");
    let section = DOCUMENT.split(&heading).nth(1).expect("a section");
    let example = section.split("```json").nth(1).and_then(|rest| rest.split("```").next());
    serde_json::from_str(example.expect("an example")).expect("JSON")
}

/// What the example says is what the shape has, no key more and none less.
fn holds<T: Serialize + DeserializeOwned>(command: &str) {
    let example = example(command);
    let shape: T =
        serde_json::from_value(example.clone()).unwrap_or_else(|error| panic!("{command}: {error}"));
    assert_eq!(serde_json::to_value(shape).unwrap(), example, "{command}");
}

#[test]
fn the_document_describes_what_is_printed() {
    holds::<Show>("show");
    holds::<Sa>("sa");
    holds::<Stp>("stp");
    holds::<Fdb>("fdb");
}

#[test]
fn the_document_names_every_state() {
    use {IkeState as I, IpsecState as P};
    let ike = [I::Waiting, I::Connecting, I::Established, I::Rekeyed, I::Closing, I::Down, I::Failed];
    for state in ike {
        assert!(DOCUMENT.contains(&format!("  | `{state}` |")), "{state}");
    }
    let line = DOCUMENT.lines().find(|line| line.contains("`ipsec[].state`")).expect("a line");
    for state in [P::Waiting, P::Connecting, P::Up, P::Down, P::Failed] {
        assert!(line.contains(&format!("`{state}`")), "{state}");
    }
}
