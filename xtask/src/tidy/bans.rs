//! What may not be written: clocks, sockets and threads in a core (also in macros, where clippy does
//! not look), unsafe outside the files that talk to the kernel, tests that do not run.

use super::source::Source;

/// In the cores. Clippy knows types, this knows words: together they leave no gap.
const IN_CORES: [&str; 12] = [
    "Instant::now",
    "SystemTime",
    "thread::spawn",
    "thread::sleep",
    "std::fs",
    "std::env",
    "std::process",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "println!",
    "eprintln!",
];

/// Everywhere: what does not run proves nothing, what is not written is not there.
const EVERYWHERE: [&str; 5] =
    ["#[ignore", "todo!(", "unimplemented!(", "allow(dead_code)", "allow(clippy::too_many_lines"];

/// The only files that may hold `unsafe`.
const UNSAFE_FILES: [&str; 5] = [
    "src/dataplane/io/sys/alloc.rs",
    "src/dataplane/io/sys/ioctl.rs",
    "src/dataplane/io/sys/mmsg.rs",
    "src/net/sys.rs",
    "esp/tests/allocations.rs",
];

pub fn check(source: &Source) -> Vec<String> {
    if source.path.starts_with("xtask/") {
        return Vec::new(); // names them all
    }
    let mut findings = Vec::new();
    let mut in_tests = source.is_test();
    for (index, line) in source.text.lines().enumerate() {
        // Unit tests stand last in a file (`items_after_test_module` sees to that).
        in_tests |= line.trim() == "#[cfg(test)]";
        let code = line.split("//").next().unwrap_or("");
        let mut found = |what: &str, why: &str| {
            findings.push(format!("{}:{}: `{what}` {why}", source.path, index + 1));
        };
        for word in EVERYWHERE.iter().filter(|word| code.contains(**word)) {
            found(word, "is not allowed anywhere");
        }
        if source.core().is_some() && !in_tests {
            for word in IN_CORES.iter().filter(|word| code.contains(**word)) {
                found(word, "is not for a core: bytes, instants and randomness come in as arguments");
            }
        }
        let unsafe_here =
            code.contains("unsafe {") || code.contains("unsafe impl") || code.contains("unsafe fn");
        if unsafe_here && !UNSAFE_FILES.contains(&source.path.as_str()) {
            found("unsafe", "lives only in the files that talk to the kernel (xtask/src/tidy/bans.rs)");
        }
    }
    if source.core().is_some_and(|core| source.path == format!("{core}/src/lib.rs"))
        && !source.text.contains("#![forbid(unsafe_code)]")
    {
        findings.push(format!("{}: a core begins with `#![forbid(unsafe_code)]`", source.path));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        check(&Source { path: path.into(), text: text.into(), tree: syn::parse_file("").unwrap() })
    }

    #[test]
    fn a_core_may_not_look_at_the_clock_but_its_tests_may() {
        assert_eq!(findings("ike/src/a.rs", "let now = Instant::now();").len(), 1);
        assert!(findings("src/a.rs", "let now = Instant::now();").is_empty());
        assert!(findings("ike/src/a.rs", "// Instant::now").is_empty());
        assert!(findings("ike/src/a.rs", "#[cfg(test)]\nlet now = Instant::now();").is_empty());
    }

    #[test]
    fn unsafe_and_idle_tests_are_found() {
        assert_eq!(findings("src/a.rs", "unsafe { x() }").len(), 1);
        assert!(findings("src/net/sys.rs", "unsafe { x() }").is_empty());
        assert_eq!(findings("tests/a.rs", "#[ignore]").len(), 1);
        assert_eq!(findings("esp/src/lib.rs", "//! doc").len(), 1);
    }
}
