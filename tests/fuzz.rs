//! The kept inputs of the fuzz targets, replayed; a crash that a fuzzer found is kept among them.

#[expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    unreachable_pub,
    reason = "a broken law panics, and the same functions are a library of the fuzzer's"
)]
#[path = "fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::path::Path;

/// All inputs together take no more of the repository than this.
const MOST_BYTES: u64 = 2 * 1024 * 1024;

#[test]
#[expect(
    clippy::print_stderr,
    reason = "the harness shows what a failing test printed: the input that broke a law"
)]
fn kept_inputs_break_no_law() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    let mut bytes = 0u64;
    for (name, _) in targets::TARGETS {
        let mut inputs = 0usize;
        for entry in fs::read_dir(corpus.join(name))? {
            let path = entry?.path();
            let input = fs::read(&path)?;
            eprintln!("{}", path.display());
            targets::run(name, &input);
            bytes = bytes.saturating_add(input.len() as u64);
            inputs = inputs.saturating_add(1);
        }
        assert!(inputs > 0, "no inputs for {name}");
    }
    assert!(bytes <= MOST_BYTES, "{bytes} bytes of inputs");
    Ok(())
}
