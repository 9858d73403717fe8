//! The cases under tests/corpus/policy: each file a topic, each case with what decides it.

use serde_json::Value;

use crate::{engine, reference};

#[test]
fn every_case_is_decided_as_documented() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/policy");
    let mut count = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let file: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for case in file["cases"].as_array().unwrap() {
            count += 1;
            let case = filled(&file["defaults"], case);
            let id = format!("{} {}", path.file_name().unwrap().display(), case["id"]);
            assert!(
                case["why"].as_str().is_some_and(|why| why.len() > 5),
                "{id} says no why"
            );
            let expected = case["expect"].as_str().unwrap();
            let found = match engine::answer(&case) {
                Ok(answer) => {
                    assert_eq!(answer.explanation.decision, answer.verdict, "{id}");
                    answer.verdict.as_str()
                }
                Err(_) => "error",
            };
            let line: Value =
                serde_json::from_str(&sidegate::cli::simulate_jsonl::judge(&case.to_string()))
                    .unwrap();
            assert_eq!(line["decision"].as_str().unwrap_or("error"), found, "{id}");
            if found != expected {
                wrong.push(format!(
                    "{id}: {found}, and {expected} is right: {}",
                    case["why"]
                ));
            }
            if expected != "error" && reference::decide(&case) != expected {
                wrong.push(format!(
                    "{id}: the naive evaluator says {}",
                    reference::decide(&case)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 100, "only {count} cases");
}

/// A case over the defaults of its file, member by member.
fn filled(defaults: &Value, case: &Value) -> Value {
    let (Value::Object(defaults), Value::Object(own)) = (defaults, case) else {
        return case.clone();
    };
    let mut all = defaults.clone();
    for (key, value) in own {
        let under = defaults.get(key);
        let merged = match under {
            // What names somebody or says what holds is replaced whole.
            Some(under) if matches!(key.as_str(), "request" | "policies") => filled(under, value),
            _ => value.clone(),
        };
        all.insert(key.clone(), merged);
    }
    Value::Object(all)
}
