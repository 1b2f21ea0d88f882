//! Pre-shared keys leave no trace in memory that is freed, whoever copied them.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use adit::config::ovsdb::Database;
use adit::config::validate::{PskSource, Tolerance, read};
use adit::config::vsctl::{self, Context};
use adit::control::protocol::{Reply, Request};
use adit::dataplane::io::sys::{CountingAllocator, wipe_what_this_thread_frees};
use zeroize::Zeroizing;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const LENGTH: usize = 24;

/// A byte of the secret. It is never written down whole but where a test does so.
fn letter(at: usize) -> u8 {
    let seed = (std::process::id() as usize).wrapping_mul(0x9e37_79b9);
    b'a' + ((seed >> (at % 16)) + at * 7) as u8 % 26
}

fn secret() -> String {
    (0..LENGTH).map(|at| char::from(letter(at))).collect()
}

/// How often the secret stands in memory that this process may write.
fn traces() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("this process has maps");
    let memory = File::open("/proc/self/mem").expect("this process may read itself");
    let mut found = 0;
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (start, end) = line.split(' ').next().and_then(|range| range.split_once('-')).expect("a range");
        let number = |text| u64::from_str_radix(text, 16).expect("an address");
        let (mut at, end) = (number(start), number(end));
        let mut window = vec![0; 1 << 16];
        while at < end {
            let want = window.len().min((end - at) as usize);
            let Ok(length) = memory.read_at(&mut window[..want], at) else { break };
            let is_whole = |bytes: &[u8]| bytes.iter().enumerate().all(|(at, byte)| *byte == letter(at));
            found += window[..length].windows(LENGTH).filter(|bytes| is_whole(bytes)).count();
            // What lies across two windows is seen in the next.
            at += if length > LENGTH { (length - LENGTH + 1) as u64 } else { length.max(1) as u64 };
        }
    }
    found
}

struct Nothing;

impl PskSource for Nothing {
    fn file(&self, _: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
        Err(std::io::ErrorKind::NotFound.into())
    }

    fn variable(&self, _: &str) -> Option<Zeroizing<String>> {
        None
    }
}

/// One line of vsctl on its way through the socket, and its answer on the way back.
fn vsctl(database: &mut Database, words: &[&str]) -> String {
    let args = words.iter().map(|word| (*word).to_owned()).collect();
    let line = serde_json::to_vec(&Request::Vsctl { args }).expect("can be written");
    let Ok(Request::Vsctl { args }) = Request::parse(&line) else { panic!("no request of vsctl") };
    let mut counter = 0_u128;
    let mut context = Context {
        program: "ovs-vsctl",
        version: "0",
        databases: &[],
        random: &mut || {
            counter += 1;
            counter.to_be_bytes()
        },
        validate: &adit::control::vsctl::check,
    };
    let outcome = vsctl::run(database, &args, &mut context);
    let reply = Reply::Printed { stdout: outcome.stdout, stderr: outcome.stderr, exit: outcome.exit };
    let reply: Reply = serde_json::from_str(&serde_json::to_string(&reply).expect("written")).expect("read");
    match reply {
        Reply::Printed { stdout, exit: 0, .. } => stdout,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_parsers_and_replies_copied_is_wiped() {
    wipe_what_this_thread_frees();
    let held = secret();
    assert!(traces() > 0, "the search finds nothing");
    drop(held);
    assert_eq!(traces(), 0, "of one string");

    // Good and bad syntax, with and without escapes, which make the parser copy.
    for bad in ["", "mtu = \n", "wibble = 'x' 'y'\n", "# \u{fffd}\nroutes = ['\n"] {
        for quoted in [format!("'{}'", secret()), format!("\"{}\\u0021\"", secret())] {
            let text = format!("[ipsec.t]\npsk = {quoted}\nremote_ip = '192.0.2.1'\n{bad}");
            let result = read(text.as_bytes(), &Nothing, Tolerance::NONE);
            assert_eq!(result.is_ok(), bad.is_empty(), "{result:?}");
        }
        assert_eq!(traces(), 0, "of a file with {bad:?}");
    }

    let mut database = Database::new();
    let option = format!("options:psk={}", secret());
    let add = ["add-br", "b", "--", "add-port", "b", "p", "--", "set", "Interface", "p", "type=gre"];
    vsctl(&mut database, &[&add[..], &["options:remote_ip=192.0.2.1", &option]].concat());
    let asked = vsctl(&mut database, &["get", "Interface", "p", "options:psk"]);
    assert_eq!(asked.trim_end(), secret());
    let again = Database::from_json(&database.to_json()).expect("what was written is read");
    drop((again, option, asked, database));
    assert_eq!(traces(), 0, "of vsctl");
}
