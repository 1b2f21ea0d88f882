//! Published test vectors as data, and their runner.
//!
//! `vectors/<document>/*.toml` hold what the documents print; [`load`] reads it into types, [`run`] puts every
//! vector through our code on every backend there is, [`report`] makes a table of the outcome. The data is part
//! of the binary, so a user can ask any build to prove itself.
//!
//! ```
//! let outcomes: Vec<_> = adit_testvectors::load::all()?.iter().flat_map(adit_testvectors::run::document).collect();
//! let report = adit_testvectors::report::Report::new(&outcomes);
//! assert!(report.passed(), "{report}");
//! # Ok::<(), adit_testvectors::load::LoadError>(())
//! ```
#![forbid(unsafe_code)]

pub mod load;
pub mod report;
pub mod run;
