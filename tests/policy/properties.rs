//! Laws that hold whatever the policies say.

use proptest::prelude::*;
use serde_json::{Value, json};
use sidegate::policy::Verdict;

use crate::engine::{self, answer};
use crate::generate::{self, Dice, Kind};

/// The places of all documents in a case.
const DOCUMENTS: [&str; 3] = [
    "/policies/resource",
    "/policies/boundary",
    "/policies/session",
];

fn shuffle<T>(dice: &mut Dice, items: &mut [T]) {
    for at in (1..items.len()).rev() {
        items.swap(at, dice.roll(at + 1));
    }
}

/// Shuffles the statements of every document, and every list of policies.
fn shuffled(case: &Value, dice: &mut Dice) -> Value {
    let statements = |document: &mut Value, dice: &mut Dice| {
        if let Some(statements) = document["Statement"].as_array_mut() {
            shuffle(dice, statements);
        }
    };
    let mut case = case.clone();
    for place in DOCUMENTS {
        if let Some(document) = case
            .pointer_mut(place)
            .filter(|document| document.is_object())
        {
            statements(document, dice);
        }
    }
    let identity = case["policies"]["identity"].as_array_mut().unwrap();
    shuffle(dice, identity);
    for entry in identity {
        statements(&mut entry["document"], dice);
    }
    for key in ["scps", "rcps"] {
        for level in case["policies"][key].as_array_mut().unwrap() {
            let level = level.as_array_mut().unwrap();
            shuffle(dice, level);
            for document in level {
                statements(document, dice);
            }
        }
    }
    case
}

/// Makes one policy of every statement of the identity policies and SCPs.
fn split(case: &Value) -> Value {
    let pieces = |document: &Value| -> Vec<Value> {
        let statements = match &document["Statement"] {
            Value::Array(items) => items.clone(),
            one => vec![one.clone()],
        };
        statements
            .into_iter()
            .map(|statement| {
                let mut piece = document.clone();
                piece["Statement"] = statement;
                piece
            })
            .collect()
    };
    let mut case = case.clone();
    let identity = case["policies"]["identity"].as_array().unwrap();
    let identity: Vec<Value> = identity
        .iter()
        .flat_map(|entry| pieces(&entry["document"]))
        .map(|document| json!({"name": "piece", "document": document}))
        .collect();
    case["policies"]["identity"] = json!(identity);
    for level in case["policies"]["scps"].as_array_mut().unwrap() {
        let documents: Vec<Value> = level.as_array().unwrap().iter().flat_map(&pieces).collect();
        *level = json!(documents);
    }
    for place in [
        "/policies/boundary",
        "/policies/session",
        "/policies/resource",
    ] {
        let document = case.pointer_mut(place).unwrap();
        if document.is_object() {
            *document = json!(pieces(document));
        }
    }
    case
}

fn allowed(case: &Value) -> bool {
    answer(case).is_ok_and(|answer| answer.verdict == Verdict::Allowed)
}

/// A random case whose policies are all accepted.
fn valid_case() -> impl Strategy<Value = (Value, u64)> {
    any::<u64>().prop_map(|seed| {
        let mut at = seed;
        loop {
            let case = generate::case(at);
            if answer(&case).is_ok() {
                return (case, at);
            }
            at = at.wrapping_add(1);
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn explaining_never_lies((case, _) in valid_case()) {
        let found = answer(&case).unwrap();
        prop_assert_eq!(found.verdict, found.explanation.decision);
        // The statement it names is one that applies.
        if let Some(number) = found.explanation.reason.statement {
            let reason = &found.explanation.reason;
            let named = found.explanation.layers.iter()
                .filter(|layer| layer.layer == reason.layer)
                .flat_map(|layer| &layer.policies)
                .filter(|policy| Some(&policy.policy) == reason.policy.as_ref())
                .flat_map(|policy| &policy.statements)
                .any(|statement| statement.statement == number && statement.applies);
            prop_assert!(named);
        }
    }

    #[test]
    fn the_command_line_says_the_same((case, _) in valid_case()) {
        let line: Value = serde_json::from_str(&sidegate::cli::simulate_jsonl::judge(&case.to_string())).unwrap();
        prop_assert_eq!(line["decision"].as_str().unwrap(), engine::verdict(&case));
    }

    #[test]
    fn order_changes_nothing((case, seed) in valid_case()) {
        let other = shuffled(&case, &mut Dice::new(seed));
        prop_assert_eq!(engine::verdict(&case), engine::verdict(&other));
    }

    #[test]
    fn splitting_policies_changes_nothing((case, _) in valid_case()) {
        prop_assert_eq!(engine::verdict(&case), engine::verdict(&split(&case)));
    }

    #[test]
    fn many_other_statements_change_nothing((case, seed) in valid_case(), count in 10usize..60) {
        // Enough of them that the sets are indexed; none is about the action asked for.
        let mut dice = Dice::new(seed);
        let mut other = case.clone();
        let noise: Vec<Value> = (0..count).map(|n| {
            let mut document = generate::document(&mut dice, Kind::Plain);
            let mut statement = generate::statement(&mut dice, Kind::Plain);
            statement.as_object_mut().unwrap().remove("NotAction");
            statement["Action"] = json!([format!("n{}:Do{n}*", n % 3), "s3:List?"]);
            document["Statement"] = statement;
            json!({"name": "noise", "document": document})
        }).collect();
        other["policies"]["identity"].as_array_mut().unwrap().extend(noise);
        if let Ok(noisy) = answer(&other) {
            prop_assert_eq!(noisy.verdict.as_str(), engine::verdict(&case));
            prop_assert_eq!(noisy.explanation.decision, noisy.verdict);
        }
    }

    #[test]
    fn adding_a_deny_never_grants((case, seed) in valid_case()) {
        let mut dice = Dice::new(seed);
        let (place, kind) = dice.pick(&[
            ("identity", Kind::Plain), ("scps", Kind::Plain), ("rcps", Kind::Rcp), ("resource", Kind::Resource),
        ]);
        let mut document = generate::document(&mut dice, kind);
        let mut statement = generate::statement(&mut dice, kind);
        statement["Effect"] = json!("Deny");
        document["Statement"] = json!([statement]);
        let mut other = case.clone();
        match place {
            "identity" => other["policies"]["identity"].as_array_mut().unwrap().push(json!({"document": document})),
            "resource" => {
                if other["policies"]["resourceKind"] != "trust" {
                    let before = other["policies"]["resource"].take();
                    let mut documents = vec![document];
                    if !before.is_null() {
                        documents.push(before);
                    }
                    other["policies"]["resource"] = json!(documents);
                }
            }
            key => {
                if let Some(level) = other["policies"][key].get_mut(0) {
                    level.as_array_mut().unwrap().push(document);
                }
            }
        }
        prop_assert!(allowed(&case) || !allowed(&other));
    }

    #[test]
    fn adding_a_level_of_scps_never_grants((case, seed) in valid_case()) {
        let mut other = case.clone();
        let document = generate::document(&mut Dice::new(seed), Kind::Plain);
        other["policies"]["scps"].as_array_mut().unwrap().push(json!([document]));
        prop_assert!(allowed(&case) || !allowed(&other));
    }

    #[test]
    fn boundaries_and_session_policies_never_grant((case, _) in valid_case(), key in prop::sample::select(vec!["boundary", "session"])) {
        // A federated user's session has no permissions at all without a session policy.
        prop_assume!(key == "boundary" || case["request"]["principal"]["type"] != "federated-user");
        let mut other = case.clone();
        other["policies"][key] = Value::Null;
        prop_assert!(allowed(&other) || !allowed(&case));
    }
}
