//! Message ids, retransmission, the cached response: a window of one. RFC 7296 §2.1-2.3.
//!
//! Each end has one request outstanding at a time. A repeated request is
//! answered by the very bytes of the first answer; a repeated response is
//! nobody's business any more.

use crate::config::Retransmission;
use crate::event::Path;
use crate::wire::MessageId;
use std::time::{Duration, Instant};

/// Both directions of one IKE SA's messages.
#[derive(Debug)]
pub(crate) struct Window {
    retransmission: Retransmission,
    next_request: u32,
    sent: Option<Sent>,
    expected: u32,
    answered: Option<Vec<u8>>,
    /// The request in work came by this way, and its answer goes back by it (RFC 7296 §2.11).
    answering: Option<Path>,
}

#[derive(Debug)]
struct Sent {
    datagram: Vec<u8>,
    due: Instant,
    wait: Duration,
    repetitions: u8,
}

/// Where a peer's request stands in the window.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// The next one: to be answered.
    New,
    /// Answered already: with these bytes.
    Repeated(&'a [u8]),
    /// Being answered, too old or too new: to be ignored.
    Outside,
}

/// What is to be done about the outstanding request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due<'a> {
    /// Nothing yet.
    Wait,
    /// Send these bytes again.
    Repeat(&'a [u8]),
    /// The peer does not answer.
    GiveUp,
}

impl Window {
    pub(crate) fn new(retransmission: Retransmission) -> Self {
        Self { retransmission, next_request: 0, sent: None, expected: 0, answered: None, answering: None }
    }

    /// The configuration is known later than the window where the peer initiates.
    pub(crate) fn set_retransmission(&mut self, retransmission: Retransmission) {
        self.retransmission = retransmission;
    }

    /// The id of the next request of ours.
    pub(crate) fn next_request(&self) -> MessageId {
        MessageId(self.next_request)
    }

    /// True while a request of ours is not answered.
    pub(crate) fn is_busy(&self) -> bool {
        self.sent.is_some()
    }

    /// Remembers a request of ours, to be sent now and again.
    pub(crate) fn send(&mut self, now: Instant, datagram: &[u8]) {
        let wait = self.retransmission.first;
        self.sent = Some(Sent { datagram: datagram.to_vec(), due: now + wait, wait, repetitions: 0 });
    }

    /// True when a response with this id answers our outstanding request.
    pub(crate) fn awaits(&self, id: MessageId) -> bool {
        self.is_busy() && id.0 == self.next_request
    }

    /// Our request was answered; its id is used up.
    pub(crate) fn answered_by_peer(&mut self) {
        self.sent = None;
        self.next_request = self.next_request.wrapping_add(1);
    }

    /// Our request shall not go out again, though it was not answered.
    pub(crate) fn forget_request(&mut self) {
        self.sent = None;
    }

    /// Begins again with the first request: another try at IKE_SA_INIT.
    pub(crate) fn restart(&mut self) {
        self.sent = None;
        self.next_request = 0;
    }

    /// Where a request of the peer stands.
    pub(crate) fn place(&self, id: MessageId) -> Place<'_> {
        match &self.answered {
            _ if id.0 == self.expected && self.answering.is_none() => Place::New,
            Some(datagram) if id.0.wrapping_add(1) == self.expected => Place::Repeated(datagram),
            Some(_) | None => Place::Outside,
        }
    }

    /// A new request is being worked on: its repetitions are ignored until it is answered.
    pub(crate) fn begin_answer(&mut self, path: Path) {
        self.answering = Some(path);
    }

    /// Where the request in work came from.
    pub(crate) fn answer_path(&self) -> Option<Path> {
        self.answering
    }

    /// The id of the request of the peer that is next, or in work.
    pub(crate) fn expected(&self) -> MessageId {
        MessageId(self.expected)
    }

    /// The peer's request was answered by this.
    pub(crate) fn answer(&mut self, datagram: &[u8]) {
        self.answering = None;
        self.expected = self.expected.wrapping_add(1);
        self.answered = Some(datagram.to_vec());
    }

    /// When the outstanding request is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.sent.as_ref().map(|sent| sent.due)
    }

    /// Steps on at a deadline: waits double up to the longest.
    pub(crate) fn on_timeout(&mut self, now: Instant) -> Due<'_> {
        let Retransmission { longest, tries, .. } = self.retransmission;
        match &mut self.sent {
            Some(sent) if sent.due <= now => {
                if sent.repetitions == tries {
                    return Due::GiveUp;
                }
                sent.repetitions += 1;
                sent.wait = (sent.wait * 2).min(longest);
                sent.due = now + sent.wait;
                Due::Repeat(&sent.datagram)
            }
            Some(_) | None => Due::Wait,
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test starts its own clock")]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_then_the_peer_is_given_up() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut window = Window::new(Retransmission { first: ms(500), longest: ms(2000), tries: 4 });
        window.send(start, b"request");
        assert_eq!(window.on_timeout(start + ms(499)), Due::Wait);
        let mut now = start;
        let mut waits = vec![];
        loop {
            let due = window.due().unwrap();
            waits.push((due - now).as_millis());
            now = due;
            match window.on_timeout(now) {
                Due::Repeat(datagram) => assert_eq!(datagram, b"request"),
                Due::GiveUp => break,
                Due::Wait => unreachable!(),
            }
        }
        assert_eq!(waits, [500, 1000, 2000, 2000, 2000]);
    }

    #[test]
    fn a_response_counts_once_and_only_for_its_request() {
        let mut window = Window::new(Retransmission::default());
        assert!(!window.awaits(MessageId(0)));
        window.send(Instant::now(), b"request");
        assert!(window.awaits(MessageId(0)) && !window.awaits(MessageId(1)));
        window.answered_by_peer();
        assert!(!window.awaits(MessageId(0)) && !window.awaits(MessageId(1)));
        assert_eq!(window.next_request(), MessageId(1));
    }

    #[test]
    fn a_repeated_request_gets_the_same_bytes_a_pending_one_nothing() {
        let mut window = Window::new(Retransmission::default());
        assert_eq!(window.place(MessageId(0)), Place::New);
        let path = Path { local: "[::1]:500".parse().unwrap(), remote: "[::2]:500".parse().unwrap() };
        window.begin_answer(path);
        assert_eq!(window.answer_path(), Some(path));
        assert_eq!(window.place(MessageId(0)), Place::Outside);
        window.answer(b"zero");
        assert_eq!(window.place(MessageId(0)), Place::Repeated(b"zero"));
        assert_eq!(window.place(MessageId(1)), Place::New);
        assert_eq!(window.place(MessageId(2)), Place::Outside);
        window.answer(b"one");
        assert_eq!(window.place(MessageId(0)), Place::Outside);
    }
}
