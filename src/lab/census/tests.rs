use super::*;
use crate::lab::underlay::Underlay;
use crate::net::netns::testing::where_namespaces_can_be_made;

/// Waits for a condition, as long as a busy machine may need.
fn until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn each_broadcast_is_counted_once_and_a_repeated_one_is_found() {
    let name = "lab::census::tests::each_broadcast_is_counted_once_and_a_repeated_one_is_found";
    where_namespaces_can_be_made(name, || {
        let underlay = Underlay::build().unwrap();
        let devices = underlay.eth0s().unwrap();
        let first = Instant::now();
        let mut census = Census::start(&devices).unwrap();
        // Counters may begin a moment after the first broadcasts.
        until(|| census.caught_up(Instant::now().checked_sub(3 * INTERVAL).unwrap()));
        let start = Instant::now();
        until(|| census.outcome(start, Instant::now()).sent >= 9);
        let calm = Instant::now();
        until(|| census.caught_up(calm));
        let outcome = census.outcome(start, calm);
        assert!(outcome.sent >= 9, "{outcome:?}");
        assert_eq!((outcome.missed.len(), outcome.again.len()), (0, 0), "{outcome:?}");
        assert_eq!(outcome.once, outcome.sent * 2);

        // Once more what host 1 has sent already: a loop would look like that.
        let calm_one = |(tag, at): &(&Tag, &Instant)| tag.origin == 0 && **at >= start;
        let again = *lock(&census.book).sent.iter().find(calm_one).unwrap().0;
        let stranger = Tag { origin: 0xee, sequence: 7 };
        for ((namespace, device), tag) in devices.iter().zip([again, stranger]) {
            assert!(namespace.run(|| TagSocket::mute(*device)?.send(tag)).unwrap().unwrap());
        }
        let sent = Instant::now();
        until(|| census.caught_up(sent));
        let whole = census.outcome(first, sent);
        assert_eq!(whole.again, [(again, 1, 2), (again, 2, 2)]);
        assert_eq!((census.strangers(0xee), census.strangers(0xef)), (2, 0));
        census.finish().unwrap();
    });
}
