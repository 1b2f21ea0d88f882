//! Configuration files.

use std::io;
use std::path::Path;

use adit::config::ConfigError;
use adit::config::plan::diff;
use adit::config::validate::{PskSource, Tolerance, read};
use zeroize::Zeroizing;

/// A world in which every file holds one key and no variable is set: the fuzzer reads no files.
pub(crate) struct NoFiles;

impl PskSource for NoFiles {
    fn file(&self, _path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
        Ok(Zeroizing::new(b"a pre-shared key".to_vec()))
    }

    fn variable(&self, _name: &str) -> Option<Zeroizing<String>> {
        None
    }
}

/// A configuration file.
pub fn toml_config(data: &[u8]) {
    match read(data, &NoFiles, Tolerance::FILE) {
        Ok((_, valid)) => assert!(diff(&valid.desired, &valid.desired).is_empty(), "differs from itself"),
        Err(errors) => {
            readable(&errors);
            assert!(errors.is_sorted_by_key(|error| error.line), "not in the order of lines");
        }
    }
}

/// Each error is one line that says something.
pub(crate) fn readable(errors: &[ConfigError]) {
    assert!(!errors.is_empty(), "refused without a reason");
    for error in errors {
        let line = error.to_string();
        assert!(!line.trim().is_empty() && !line.contains('\n'), "{line:?}");
    }
}
