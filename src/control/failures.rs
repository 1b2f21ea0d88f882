//! What went wrong last with a connection, or with a child of it, until it works.

use std::collections::BTreeMap;

use adit_ike::{ChildConfigId, ConnectionId};

/// The newest failures, as a person wants them told.
#[derive(Debug, Default)]
pub struct Failures {
    connections: BTreeMap<ConnectionId, String>,
    /// Newer than what is told of their connection: its end forgets them.
    children: BTreeMap<ChildConfigId, (ConnectionId, String)>,
    /// What was heard last, from whomever.
    heard: BTreeMap<ConnectionId, String>,
}

impl Failures {
    /// An IKE SA ended or did not come to be. Returns whether that is news: attempts that fail alike,
    /// one after the other, are one piece of news.
    pub fn ended(&mut self, connection: ConnectionId, failure: String) -> bool {
        let children = self.children.len();
        self.children.retain(|_, (of, _)| *of != connection);
        let before = self.connections.insert(connection, failure);
        before.as_ref() != self.connections.get(&connection) || self.children.len() != children
    }

    /// An IKE SA ended because one of the two ends wanted it so. That is no failure, and what it failed of
    /// before is not why it is not up now.
    pub fn closed(&mut self, connection: ConnectionId) {
        self.children.retain(|_, (of, _)| *of != connection);
        self.forget(connection);
    }

    /// Something was heard of a connection that may explain why it is not up; what is known is believed more.
    /// Returns whether that is news: a peer may say the same for hours.
    pub fn heard(&mut self, connection: ConnectionId, failure: String) -> bool {
        self.connections.entry(connection).or_insert_with(|| failure.clone());
        let before = self.heard.insert(connection, failure);
        before.as_ref() != self.heard.get(&connection)
    }

    /// A child could not be had; its IKE SA stands. Returns whether that is news.
    pub fn no_child(&mut self, connection: ConnectionId, child: ChildConfigId, failure: String) -> bool {
        let now = (connection, failure);
        let before = self.children.insert(child, now);
        before.as_ref() != self.children.get(&child)
    }

    /// The IKE SA stands.
    pub fn up(&mut self, connection: ConnectionId) {
        self.forget(connection);
    }

    /// A new beginning, made by hand.
    pub fn forget(&mut self, connection: ConnectionId) {
        self.connections.remove(&connection);
        self.heard.remove(&connection);
    }

    /// The child stands.
    pub fn child_up(&mut self, child: ChildConfigId) {
        self.children.remove(&child);
    }

    /// The connection has only these children now; without any it is not wanted.
    pub fn keep(&mut self, connection: ConnectionId, children: &[ChildConfigId]) {
        self.children.retain(|child, (of, _)| *of != connection || children.contains(child));
        if children.is_empty() {
            self.forget(connection);
        }
    }

    /// What went wrong last with the IKE SA of a connection.
    pub fn of(&self, connection: ConnectionId) -> Option<&str> {
        self.connections.get(&connection).map(String::as_str)
    }

    /// What went wrong last with a child while its IKE SA stood.
    pub fn of_child(&self, child: ChildConfigId) -> Option<&str> {
        self.children.get(&child).map(|(_, failure)| failure.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: ConnectionId = ConnectionId(1);
    const OTHER: ConnectionId = ConnectionId(2);
    const CHILD: ChildConfigId = ChildConfigId(4);
    const OTHERS: ChildConfigId = ChildConfigId(8);

    fn with_failed_child() -> Failures {
        let mut failures = Failures::default();
        assert!(failures.no_child(PEER, CHILD, "no proposal".into()));
        failures
    }

    #[test]
    fn the_end_of_an_ike_sa_is_newer_than_what_its_children_failed_of() {
        let mut failures = with_failed_child();
        failures.no_child(OTHER, OTHERS, "no selector".into());
        assert!(failures.ended(PEER, "no answer".into()));
        assert_eq!((failures.of(PEER), failures.of_child(CHILD)), (Some("no answer"), None));
        assert_eq!(failures.of_child(OTHERS), Some("no selector"));
        // And a child that fails on the next IKE SA is newer again.
        failures.up(PEER);
        failures.no_child(PEER, CHILD, "no proposal".into());
        assert_eq!((failures.of(PEER), failures.of_child(CHILD)), (None, Some("no proposal")));
    }

    #[test]
    fn success_clears() {
        let mut failures = with_failed_child();
        failures.ended(OTHER, "wrong key".into());
        failures.child_up(CHILD);
        failures.up(OTHER);
        assert_eq!((failures.of_child(CHILD), failures.of(OTHER)), (None, None));
    }

    #[test]
    fn the_same_again_is_no_news() {
        let mut failures = with_failed_child();
        assert!(!failures.no_child(PEER, CHILD, "no proposal".into()));
        assert!(failures.no_child(PEER, CHILD, "no selector".into()));
        assert!(failures.ended(PEER, "no answer".into()));
        assert!(!failures.ended(PEER, "no answer".into()));
    }

    #[test]
    fn what_is_heard_does_not_hide_what_is_known() {
        let mut failures = Failures::default();
        assert!(failures.heard(PEER, "unreachable".into()));
        failures.ended(PEER, "no answer".into());
        assert!(!failures.heard(PEER, "unreachable".into()), "no news");
        assert_eq!(failures.of(PEER), Some("no answer"));
    }

    #[test]
    fn an_orderly_end_hides_nothing_that_is_heard_later() {
        let mut failures = with_failed_child();
        failures.ended(PEER, "no answer".into());
        failures.closed(PEER);
        assert_eq!((failures.of(PEER), failures.of_child(CHILD)), (None, None));
        assert!(failures.heard(PEER, "no proposal in common".into()));
        assert_eq!(failures.of(PEER), Some("no proposal in common"));
    }

    #[test]
    fn what_is_not_wanted_any_more_is_forgotten() {
        let mut failures = with_failed_child();
        failures.ended(OTHER, "no answer".into());
        failures.keep(PEER, &[OTHERS]);
        failures.keep(OTHER, &[]);
        assert_eq!((failures.of_child(CHILD), failures.of(OTHER)), (None, None));
    }
}
