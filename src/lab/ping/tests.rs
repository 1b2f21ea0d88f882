use std::net::{IpAddr, SocketAddr};

use super::*;
use crate::lab::underlay::{Underlay, address};
use crate::net::netns::testing::where_namespaces_can_be_made;

#[test]
fn replies_are_told_from_everything_else() {
    let ours = request(true, 7, 9, b"payload");
    assert_eq!(adit_encap::checksum::Sum::of(&ours).checksum(), 0);
    let mut packet = vec![0x45; 20];
    packet.extend(&ours);
    assert_eq!(reply(true, 7, b"payload", &packet), None, "a request is no reply");
    packet[20] = 0;
    assert_eq!(reply(true, 7, b"payload", &packet), Some(9));
    assert_eq!(reply(true, 8, b"payload", &packet), None, "another's");
    assert_eq!(reply(true, 7, b"Payload", &packet), None, "other bytes");
    for cut in 0..packet.len() {
        assert_eq!(reply(true, 7, b"payload", &packet[..cut]), None);
    }
    let mut six = request(false, 7, 9, b"");
    six[0] = 129;
    assert_eq!(reply(false, 7, b"", &six), Some(9));
}

#[test]
fn pings_are_answered_until_the_path_is_cut_and_again_when_mended() {
    let name = "lab::ping::tests::pings_are_answered_until_the_path_is_cut_and_again_when_mended";
    where_namespaces_can_be_made(name, || {
        let underlay = Underlay::build().unwrap();
        let target = |host| SocketAddr::new(IpAddr::V4(address(host)), 0);
        let once = |from: usize, to, patience| {
            ping(&underlay.hosts[from], target(to), b"abc", 2, Duration::from_secs(patience)).unwrap().len()
        };
        assert_eq!((once(0, 1, 60), once(1, 2, 60), once(2, 0, 60)), (2, 2, 2));

        let pinger =
            Pinger::start(&underlay.hosts[0], target(1), b"steady", Duration::from_millis(10)).unwrap();
        let answered = |since| {
            let start = Instant::now();
            while !pinger.answered_since(since) {
                assert!(start.elapsed() < Duration::from_secs(60));
                std::thread::sleep(Duration::from_millis(10));
            }
        };
        answered(Instant::now());
        underlay.set_cut(0, 1, true).unwrap();
        let cut = Instant::now();
        assert_eq!((once(0, 1, 1), once(1, 0, 1)), (0, 0), "cut both ways");
        assert_eq!((once(0, 2, 60), once(2, 1, 60)), (2, 2), "and nothing else");
        let mending = Instant::now();
        underlay.set_cut(0, 1, false).unwrap();
        let mended = Instant::now();
        assert_eq!((once(0, 1, 60), once(1, 0, 60)), (2, 2));
        answered(mended);
        let shots = pinger.finish(Duration::from_secs(1)).unwrap();
        let meanwhile: Vec<_> = shots.iter().filter(|shot| (cut..mending).contains(&shot.sent)).collect();
        assert!(meanwhile.len() > 5 && meanwhile.iter().all(|shot| shot.answered.is_none()));
        let (first, last) = (shots.first().unwrap(), shots.iter().rev().find(|shot| shot.answered.is_some()));
        assert!(first.answered.is_some() && last.unwrap().sent >= mended);
    });
}

#[test]
fn a_gap_is_from_the_first_loss_to_the_next_answer() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let shot = |ms, answered: bool| Shot { sent: at(ms), answered: answered.then(|| at(ms + 1)) };
    let shots =
        [shot(0, false), shot(10, true), shot(20, false), shot(30, false), shot(40, true), shot(50, false)];
    assert_eq!(longest_gap(&shots, at(0)), Duration::from_millis(20));
    assert_eq!(longest_gap(&shots, at(40)), Duration::ZERO);
}
