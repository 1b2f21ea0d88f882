//! Checks a machine can make for the project.
fn main() {}
