//! What each fuzz target asks of the engine, or of what reads HTTP/2, given any bytes. A broken law panics.
//!
//! The targets in `fuzz_targets` hand a fuzzer's inputs to these functions; `tests/fuzz.rs` replays the kept inputs
//! through the same ones in `cargo test`. Inputs are readable where they can be: texts, one a line.

mod arn;
mod condition;
mod date;
mod document;
mod evaluation;
#[cfg(feature = "server")]
mod http2;
mod ip;
mod judge;
mod pattern;
#[expect(dead_code, reason = "the tests that it is written for use more of it")]
#[path = "../../policy"]
mod policy {
    pub(crate) mod engine;
    pub(crate) mod generate;
    pub(crate) mod reference;
}
mod variable;

/// A target: it takes what the fuzzer made up.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: &[(&str, Target)] = &[
    ("arn", arn::target),
    ("condition", condition::target),
    ("date", date::target),
    ("document", document::target),
    ("evaluation", evaluation::target),
    #[cfg(feature = "server")]
    ("http2", http2::target),
    ("ip", ip::target),
    ("pattern", pattern::target),
    ("variable", variable::target),
];

/// Runs one target by its name.
///
/// # Panics
/// If there is none of that name, or a law is broken.
pub fn run(name: &str, input: &[u8]) {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = found.expect("a known target");
    target(input);
}
