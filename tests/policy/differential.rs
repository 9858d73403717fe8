//! The engine and the naive evaluator agree on random cases.

use std::collections::HashMap;

use crate::{engine, generate, reference};

/// How many cases; `SIDEGATE_CASES` asks for more.
fn cases() -> u64 {
    std::env::var("SIDEGATE_CASES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(4_000)
}

#[test]
fn the_engine_agrees_with_the_naive_evaluator() {
    let mut seen: HashMap<&str, u64> = HashMap::new();
    let mut refused = 0;
    for seed in 0..cases() {
        let case = generate::case(seed);
        let answer = match engine::answer(&case) {
            Ok(answer) => answer,
            Err(error) => {
                // The one thing that the generator writes and a document of 2008 cannot hold.
                assert!(
                    error.contains("does not parse under") && error.contains("Bool"),
                    "{error}\n{case}"
                );
                refused += 1;
                continue;
            }
        };
        let expected = reference::decide(&case);
        assert_eq!(
            answer.verdict.as_str(),
            expected,
            "seed {seed}\n{case:#}\n{:#?}",
            answer.explanation
        );
        *seen.entry(expected).or_default() += 1;
    }
    assert!(refused * 20 < cases(), "{refused} refused");
    for verdict in ["allowed", "explicitDeny", "implicitDeny"] {
        let count = seen.get(verdict).copied().unwrap_or_default();
        assert!(count * 20 > cases(), "only {count} are {verdict}");
    }
}
