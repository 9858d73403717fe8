//! A resource pattern against a resource, and the same by the plainest matcher there is.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use sidegate::policy::context::Map;
use sidegate::policy::{Kind, Layers, Policy, PolicySet, Principal, Request, evaluate, parse};

fn naive(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut row = vec![false; text.len() + 1];
    row[0] = true;
    for wanted in pattern.chars() {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            next[at] = match wanted {
                '*' => row[at] || (at > 0 && next[at - 1]),
                '?' => at > 0 && row[at - 1],
                other => at > 0 && row[at - 1] && text[at - 1] == other,
            };
        }
        row = next;
    }
    row[text.len()]
}

fuzz_target!(|data: (&str, &str)| {
    let (pattern, resource) = data;
    if pattern.is_empty() || pattern.len() > 512 || resource.len() > 512 {
        return;
    }
    // Version 2008: no variables.
    let document =
        serde_json::json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": pattern}});
    let document =
        parse(&document.to_string(), Kind::Identity, "fuzz").expect("any text is a pattern");
    let policies = PolicySet::new(vec![Arc::new(Policy::compile(&document, "fuzz"))]);
    let principal = Principal::User {
        account: "111111111111".into(),
        arn: "arn:aws:iam::111111111111:user/ann".into(),
    };
    let request = Request {
        principal: &principal,
        action: "x:Y",
        resource,
        resource_account: Some("111111111111"),
        context: &Map::new(),
    };
    let layers = Layers {
        identity: &[&policies],
        ..Layers::default()
    };
    assert_eq!(
        evaluate(&request, &layers).is_allowed(),
        naive(pattern, resource)
    );
});
