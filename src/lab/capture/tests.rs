use std::net::{IpAddr, SocketAddr};

use super::*;
use crate::lab::dissect::Class;
use crate::lab::ping::ping;
use crate::lab::underlay::{Underlay, address};
use crate::net::netns::testing::where_namespaces_can_be_made;

#[test]
fn both_ends_see_a_ping_and_nobody_sees_it_during_a_pause() {
    let name = "lab::capture::tests::both_ends_see_a_ping_and_nobody_sees_it_during_a_pause";
    where_namespaces_can_be_made(name, || {
        let underlay = Underlay::build().unwrap();
        let mut capture = Capture::start(&underlay.eth0s().unwrap()).unwrap();
        let target = SocketAddr::new(IpAddr::V4(address(1)), 0);
        let send = |payload: &[u8]| {
            let times = ping(&underlay.hosts[0], target, payload, 1, Duration::from_secs(60)).unwrap();
            assert_eq!(times.len(), 1);
        };
        send(b"seen by both");
        capture.set_pause(true).unwrap();
        send(b"seen by none");
        capture.set_pause(false).unwrap();
        send(b"seen again");
        capture.finish().unwrap();

        let with = |bytes: &'static [u8]| capture.select(move |c| c.contains(bytes));
        let packets = with(b"seen by both");
        let at =
            |host, direction| packets.iter().filter(|c| (c.host, c.direction) == (host, direction)).count();
        assert_eq!((at(0, Direction::Out), at(0, Direction::In)), (1, 1));
        assert_eq!((at(1, Direction::Out), at(1, Direction::In)), (1, 1));
        assert_eq!(packets.len(), 4, "host 3 sees none of it");
        let packet = packets[0].packet();
        assert_eq!(packet.class, Class::OtherIp);
        assert!(Capture::between(&packet, address(1), address(0)));
        assert!(packets[0].line().contains("192.168.100.100 > 192.168.100.101: ICMP echo request"));
        assert!(with(b"seen by none").is_empty());
        assert_eq!(with(b"seen again").len(), 4);
        assert_eq!(capture.missed(), 0);
        assert!(capture.busiest_second() >= 2);
    });
}
