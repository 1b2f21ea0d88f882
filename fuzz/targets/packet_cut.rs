//! libFuzzer binary; the body is in the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| adit_fuzz::packet_cut(data));
