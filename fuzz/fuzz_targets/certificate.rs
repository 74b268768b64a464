#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tahoe::introducer::fuzz::certificate(data));
