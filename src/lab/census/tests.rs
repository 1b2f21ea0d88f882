use super::*;
use crate::lab::underlay::Underlay;
use crate::net::netlink;
use crate::net::netns::testing::where_namespaces_can_be_made;

#[test]
fn a_tag_is_read_as_it_was_written_and_from_nothing_else() {
    let tag = Tag { origin: 2, sequence: 0x0102_0304 };
    let frame = tag.frame();
    assert_eq!(Tag::of(&frame), Some(tag));
    for cut in 0..27 {
        assert_eq!(Tag::of(&frame[..cut]), None);
    }
    let mut other = frame.clone();
    other[13] ^= 1;
    assert_eq!(Tag::of(&other), None);
}

#[test]
fn each_broadcast_is_counted_once_and_a_repeated_one_is_found() {
    let name = "lab::census::tests::each_broadcast_is_counted_once_and_a_repeated_one_is_found";
    where_namespaces_can_be_made(name, || {
        let underlay = Underlay::build().unwrap();
        let devices: Vec<_> = underlay
            .hosts
            .iter()
            .map(|host| {
                let index = host.run(|| netlink::blocking(async |net| Ok(net.link("eth0").await?.index)));
                (host.clone(), index.unwrap().unwrap())
            })
            .collect();
        let census = Census::start(&devices).unwrap();
        // Counters may begin a moment after the first broadcasts.
        std::thread::sleep(3 * INTERVAL);
        let start = Instant::now();
        std::thread::sleep(Duration::from_millis(450));
        let calm = Instant::now();
        std::thread::sleep(Duration::from_millis(150));
        let outcome = census.outcome(start, calm);
        assert!(outcome.sent >= 9, "{outcome:?}");
        assert_eq!((outcome.missed.len(), outcome.again.len()), (0, 0), "{outcome:?}");
        assert_eq!(outcome.once, outcome.sent * 2);

        // Once more what host 1 has sent already: a loop would look like that.
        let again = Tag { origin: 0, sequence: 4 };
        devices[0]
            .0
            .run(|| PacketSocket::open(devices[0].1, Filter::Nothing, INTERVAL)?.send(&again.frame()))
            .unwrap()
            .unwrap();
        let stranger = Tag { origin: 0xee, sequence: 7 };
        devices[1]
            .0
            .run(|| PacketSocket::open(devices[1].1, Filter::Nothing, INTERVAL)?.send(&stranger.frame()))
            .unwrap()
            .unwrap();
        std::thread::sleep(Duration::from_millis(150));
        let outcome = census.outcome(start, calm);
        assert_eq!(outcome.again, [(again, 1, 2), (again, 2, 2)]);
        assert_eq!((census.strangers(0xee), census.strangers(0xef)), (2, 0));
        census.finish().unwrap();
    });
}
