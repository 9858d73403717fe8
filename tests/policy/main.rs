//! The policy engine held against a naive reading of the rules, against laws, and against a corpus of cases.
//!
//! - `reference`: an evaluator written from the rules alone, without looking at the engine, as plainly as can be
//! - `generate`: random cases in the exchange format of `simulate --jsonl`
//! - `engine`: the library's answer to such a case
//! - `differential`: both agree
//! - `properties`: order, splitting, added denies and added levels
//! - `corpus`: documented cases, each with its reason

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    clippy::wildcard_enum_match_arm,
    reason = "tests fail by panicking, and read small JSON values"
)]

mod corpus;
mod differential;
mod engine;
mod generate;
mod properties;
mod reference;
