#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tahoe::storage::fuzz::journal(data));
