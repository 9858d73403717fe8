//! Whole cases: any requester, request and policies in every layer. Evaluating, explaining and the evaluator that was
//! written from the rules alone agree; an added Deny or SCP level never grants.
//!
//! Input: the rolls of the dice that make up the case (`tests/policy/generate.rs`).

use serde_json::{Value, json};
use sidegate::policy::Verdict;

use super::policy::generate::{self, Dice, Kind};
use super::policy::{engine, reference};

pub(crate) fn target(input: &[u8]) {
    let mut dice = Dice::of(input);
    let case = generate::thrown(&mut dice);
    let Ok(answer) = engine::answer(&case) else {
        return;
    };
    assert_eq!(answer.verdict, answer.explanation.decision, "{case:#}");
    assert_eq!(
        answer.verdict.as_str(),
        reference::decide(&case),
        "{case:#}"
    );
    if answer.verdict == Verdict::Allowed {
        return;
    }
    for stricter in [with_deny(&case, &mut dice), with_level(&case, &mut dice)] {
        if let Ok(answer) = engine::answer(&stricter) {
            assert_ne!(answer.verdict, Verdict::Allowed, "{stricter:#}");
        }
    }
}

fn with_deny(case: &Value, dice: &mut Dice) -> Value {
    let mut document = generate::document(dice, Kind::Plain);
    let mut statement = generate::statement(dice, Kind::Plain);
    statement["Effect"] = json!("Deny");
    document["Statement"] = statement;
    let mut case = case.clone();
    let identity = case["policies"]["identity"].as_array_mut();
    identity
        .expect("a list")
        .push(json!({"name": "deny", "document": document}));
    case
}

fn with_level(case: &Value, dice: &mut Dice) -> Value {
    let mut case = case.clone();
    let levels = case["policies"]["scps"].as_array_mut();
    levels
        .expect("a list")
        .push(json!([generate::document(dice, Kind::Plain)]));
    case
}
