//! See `src/http2.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| sidegate_fuzz::run("http2", input));
