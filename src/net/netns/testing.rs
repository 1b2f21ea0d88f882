//! For the unit tests that need namespaces: with the rights to make them, or
//! the same test run again in a user namespace that has them.

use std::process::Command;

/// Runs `body` where namespaces can be made. `name` is the full path of the
/// calling test: without the rights, this test binary is run again for it
/// alone by unshare(1), and its result is this test's.
pub(crate) fn where_namespaces_can_be_made(name: &str, body: impl FnOnce()) {
    if super::can_make_namespaces() {
        return body();
    }
    let this = std::env::current_exe().expect("path of the test binary");
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net"])
        .arg(this)
        .args(["--exact", name, "--nocapture"])
        .output()
        .expect("unshare(1) of util-linux is needed to run this test without root");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "in a user namespace: {}\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}
