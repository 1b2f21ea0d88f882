//! Published test vectors as data, and their runner.
#![forbid(unsafe_code)]
