//! What a column holds: atoms, and sets or maps of them (RFC 7047 §5.1).

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use super::uuid::Uuid;

/// A string of the database. It may be a pre-shared key, so it is wiped when
/// dropped and `Debug` tells only its length.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(Zeroizing<String>);

impl Text {
    /// The characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

/// One value. (The schema has no column of type `real`.)
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Atom {
    /// `integer`
    Integer(i64),
    /// `boolean`
    Boolean(bool),
    /// `string`
    Text(Text),
    /// `uuid`: a reference to a row
    Uuid(Uuid),
}

impl Atom {
    /// A string.
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// The string, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.as_str()),
            _ => None,
        }
    }

    /// The reference, if it is one.
    pub fn as_uuid(&self) -> Option<Uuid> {
        match self {
            Self::Uuid(uuid) => Some(*uuid),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// True for 0, false, "" and the zero UUID.
    pub fn is_default(&self) -> bool {
        match self {
            Self::Integer(number) => *number == 0,
            Self::Boolean(value) => !value,
            Self::Text(text) => text.as_str().is_empty(),
            Self::Uuid(uuid) => *uuid == Uuid::ZERO,
        }
    }
}

/// A column's whole value. A scalar is a set of one, an empty optional scalar
/// a set of none, a map has a value beside each key; keys are in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Datum(pub(crate) BTreeMap<Atom, Option<Atom>>);

impl Datum {
    /// Nothing: `[]` or `{}`.
    pub fn empty() -> Self {
        Self::default()
    }

    /// One value.
    pub fn scalar(atom: Atom) -> Self {
        Self(BTreeMap::from([(atom, None)]))
    }

    /// One integer.
    pub fn integer(number: i64) -> Self {
        Self::scalar(Atom::Integer(number))
    }

    /// One boolean.
    pub fn boolean(value: bool) -> Self {
        Self::scalar(Atom::Boolean(value))
    }

    /// One string.
    pub fn text(text: &str) -> Self {
        Self::scalar(Atom::text(text))
    }

    /// A set of strings.
    pub fn texts<'a>(members: impl IntoIterator<Item = &'a str>) -> Self {
        Self(members.into_iter().map(|member| (Atom::text(member), None)).collect())
    }

    /// A set of references.
    pub fn uuids(members: impl IntoIterator<Item = Uuid>) -> Self {
        Self(members.into_iter().map(|member| (Atom::Uuid(member), None)).collect())
    }

    /// A map of strings to strings.
    pub fn text_map<K: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let pair = |(key, value): (K, V)| (Atom::text(key.as_ref()), Some(Atom::text(value.as_ref())));
        Self(pairs.into_iter().map(pair).collect())
    }

    /// A map of strings to integers, as in `statistics`.
    pub fn integer_map<K: AsRef<str>>(pairs: impl IntoIterator<Item = (K, i64)>) -> Self {
        Self(pairs.into_iter().map(|(key, n)| (Atom::text(key.as_ref()), Some(Atom::Integer(n)))).collect())
    }

    /// How many members or pairs.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keys (or members), in order.
    pub fn keys(&self) -> impl Iterator<Item = &Atom> {
        self.0.keys()
    }

    /// Keys with their values, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&Atom, Option<&Atom>)> {
        self.0.iter().map(|(key, value)| (key, value.as_ref()))
    }

    /// One member, or one pair.
    pub(crate) fn single_pair(key: &Atom, value: Option<&Atom>) -> Self {
        Self(BTreeMap::from([(key.clone(), value.cloned())]))
    }

    /// The only member, if there is exactly one.
    pub fn single(&self) -> Option<&Atom> {
        if self.len() == 1 { self.0.keys().next() } else { None }
    }

    /// The only member as a string.
    pub fn single_text(&self) -> Option<&str> {
        self.single().and_then(Atom::as_text)
    }

    /// True if the only member is `true`.
    pub fn is_true(&self) -> bool {
        self.single() == Some(&Atom::Boolean(true))
    }

    /// The rows referred to by keys and values.
    pub fn references(&self) -> impl Iterator<Item = Uuid> {
        self.0.iter().flat_map(|(key, value)| [Some(key), value.as_ref()]).flatten().filter_map(Atom::as_uuid)
    }

    /// The value beside `key`.
    pub fn value_of(&self, key: &Atom) -> Option<&Atom> {
        self.0.get(key).and_then(Option::as_ref)
    }

    /// The string beside the string `key`.
    pub fn get_text(&self, key: &str) -> Option<&str> {
        self.value_of(&Atom::text(key)).and_then(Atom::as_text)
    }

    /// True if it contains `key`, with that value unless `value` is `None`.
    fn contains(&self, key: &Atom, value: Option<&Atom>) -> bool {
        self.0.get(key).is_some_and(|have| value.is_none() || have.as_ref() == value)
    }

    /// True if every member (pair) of `self` is in `other`.
    pub fn is_within(&self, other: &Self) -> bool {
        self.pairs().all(|(key, value)| other.contains(key, value))
    }

    /// Adds what `other` has under keys not yet present.
    pub fn unite(&mut self, other: &Self) {
        for (key, value) in &other.0 {
            self.0.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }

    /// Takes away the members (pairs; whole keys where `other` is a set) of `other`.
    pub fn subtract(&mut self, other: &Self) {
        self.0.retain(|key, value| match other.0.get(key) {
            None => true,
            Some(None) => false,
            Some(Some(unwanted)) => value.as_ref() != Some(unwanted),
        });
    }

    /// Puts `value` under `key`, replacing what was there.
    pub fn insert(&mut self, key: Atom, value: Option<Atom>) {
        self.0.insert(key, value);
    }

    /// Drops `key`.
    pub fn remove(&mut self, key: &Atom) {
        self.0.remove(key);
    }
}

/// The order of OVSDB: fewer members first, then keys, then values.
impl Ord for Datum {
    fn cmp(&self, other: &Self) -> Ordering {
        self.len()
            .cmp(&other.len())
            .then_with(|| self.0.keys().cmp(other.0.keys()))
            .then_with(|| self.0.values().cmp(other.0.values()))
    }
}

impl PartialOrd for Datum {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
