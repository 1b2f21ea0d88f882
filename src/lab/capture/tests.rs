use std::net::{IpAddr, SocketAddr};

use super::*;
use crate::lab::dissect::Class;
use crate::lab::ping::ping;
use crate::lab::underlay::{Underlay, address};
use crate::net::netlink;
use crate::net::netns::testing::where_namespaces_can_be_made;

#[test]
fn both_ends_see_a_ping_and_nobody_sees_it_during_a_pause() {
    let name = "lab::capture::tests::both_ends_see_a_ping_and_nobody_sees_it_during_a_pause";
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
        let mut capture = Capture::start(&devices).unwrap();
        let target = SocketAddr::new(IpAddr::V4(address(1)), 0);
        let send = |payload: &[u8]| {
            std::thread::sleep(Duration::from_millis(150));
            let times = ping(&underlay.hosts[0], target, payload, 1, Duration::from_secs(1)).unwrap();
            assert_eq!(times.len(), 1);
            std::thread::sleep(Duration::from_millis(100));
        };
        send(b"seen by both");
        capture.set_pause(true);
        send(b"seen by none");
        capture.set_pause(false);
        send(b"seen again");

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
        assert!(capture.complete() && capture.busiest_second() >= 2);
        capture.finish().unwrap();
    });
}
