//! cli

pub mod simulate_jsonl;
