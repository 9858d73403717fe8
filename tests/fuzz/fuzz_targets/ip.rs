//! See `src/ip.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| sidegate_fuzz::run("ip", input));
