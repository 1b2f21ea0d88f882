use super::*;
use crate::lab::underlay::{Underlay, address};
use crate::net::netns::testing::where_namespaces_can_be_made;

#[test]
fn a_stream_is_measured_and_a_dead_path_is_an_error() {
    let name = "lab::stream::tests::a_stream_is_measured_and_a_dead_path_is_an_error";
    where_namespaces_can_be_made(name, || {
        let underlay = Underlay::build().unwrap();
        let [a, b, _] = &underlay.hosts;
        let through =
            run(a, b, address(1), Duration::from_millis(200), Duration::from_secs(60)).unwrap().unwrap();
        assert_eq!(through.sent, through.received);
        assert!(through.mbits() > 1.0, "{through:?}");
        underlay.set_cut(0, 1, true).unwrap();
        let error =
            run(a, b, address(1), Duration::from_millis(200), Duration::from_secs(1)).unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    });
}
