#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tahoe::http::archive::fuzz::tar(data));
