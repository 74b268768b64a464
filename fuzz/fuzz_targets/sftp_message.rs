#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tahoe::doors::fuzz::sftp_message(data));
