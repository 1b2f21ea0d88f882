use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::testing::where_namespaces_can_be_made;
use super::*;

fn inode_here() -> u64 {
    fs::metadata("/proc/thread-self/ns/net").unwrap().ino()
}

#[test]
fn work_runs_inside_and_the_caller_stays_outside() {
    where_namespaces_can_be_made("net::netns::tests::work_runs_inside_and_the_caller_stays_outside", || {
        let outside = inode_here();
        let one = Namespace::create("one").unwrap();
        let two = Namespace::create("two").unwrap();
        let inside = one.run(inode_here).unwrap();
        assert_ne!(inside, outside);
        assert_ne!(inside, two.run(inode_here).unwrap());
        assert_eq!(inside, one.thread("again", inode_here).unwrap().join().unwrap().unwrap());
        assert_eq!(inode_here(), outside);
    });
}

#[test]
fn processes_live_in_it_and_die_with_it() {
    where_namespaces_can_be_made("net::netns::tests::processes_live_in_it_and_die_with_it", || {
        let namespace = Namespace::create("mortal").unwrap();
        let inside = namespace.run(inode_here).unwrap();
        let mut command = Command::new("sleep");
        command.arg("1000").stdin(Stdio::null());
        let mut child = namespace.spawn(command).unwrap();
        let its = fs::metadata(format!("/proc/{}/ns/net", child.id())).unwrap().ino();
        assert_eq!(its, inside);
        assert!(child.try_wait().unwrap().is_none());
        drop(namespace);
        let deadline = Instant::now() + Duration::from_secs(10);
        while child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "the process outlived its namespace");
            thread::sleep(Duration::from_millis(10));
        }
    });
}

#[test]
fn a_missing_program_is_an_error_and_the_namespace_goes_on() {
    where_namespaces_can_be_made(
        "net::netns::tests::a_missing_program_is_an_error_and_the_namespace_goes_on",
        || {
            let namespace = Namespace::create("robust").unwrap();
            let error = namespace.spawn(Command::new("/no/such/program")).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
            assert!(namespace.spawn(Command::new("true")).unwrap().wait().unwrap().success());
        },
    );
}

#[test]
fn a_user_namespace_needs_a_single_thread() {
    // The test harness has threads, so this must be refused, in words.
    assert!(matches!(become_root_of_own(), Err(Error::Threads | Error::Forbidden(_))));
}
