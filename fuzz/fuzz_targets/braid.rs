#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tahoe::link::fuzz::braid(data));
