//! A resource pattern against a resource, and the same by the plainest matcher there is.
//!
//! Input: the ends of a pattern and of a resource, behind the fifth colon; and a pattern of an action, and an action.

use serde_json::json;
use sidegate::policy::context::Map;
use sidegate::policy::{Kind, Layers, Policy, PolicySet, Request, Verdict, evaluate, parse};

use super::judge::{ann, lines, naive, storable, tokens, verdict};

pub(crate) fn target(input: &[u8]) {
    if input.len() > 1024 {
        return;
    }
    if let Some([pattern, text]) = lines(input)
        && storable(pattern)
    {
        resource(pattern, text);
        action(pattern, text);
    }
}

fn set(action: &str, resource: &str) -> Option<PolicySet> {
    // Version 2008: no variables.
    let document =
        json!({"Statement": {"Effect": "Allow", "Action": action, "Resource": resource}});
    let document = parse(&document.to_string(), Kind::Identity, "fuzz").ok()?;
    Some(PolicySet::new(vec![
        Policy::compile(&document, "fuzz").into(),
    ]))
}

fn resource(pattern: &str, text: &str) {
    let pattern = format!("arn:aws:x:::{pattern}");
    let text = format!("arn:aws:x:::{text}");
    let policies = set("*", &pattern).expect("any text is a pattern");
    let allowed = verdict(&policies, &text, &Map::new()) == Verdict::Allowed;
    assert_eq!(allowed, naive(&tokens(&pattern), &text));
}

fn action(pattern: &str, text: &str) {
    let (pattern, text) = (format!("x:{pattern}"), format!("X:{text}"));
    let Some(policies) = set(&pattern, "*") else {
        assert!(pattern == "x:" || pattern[2..].contains(':'), "{pattern}");
        return;
    };
    let principal = ann();
    let context = Map::new();
    let request = Request {
        principal: &principal,
        action: &text,
        resource: "*",
        resource_account: None,
        context: &context,
    };
    let layers = Layers {
        identity: &[&policies],
        ..Layers::default()
    };
    let expected = naive(&tokens(&pattern.to_lowercase()), &text.to_lowercase());
    assert_eq!(evaluate(&request, &layers).is_allowed(), expected);
}
