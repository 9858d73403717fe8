//! Small questions to the engine that several targets ask.

use std::sync::Arc;

use serde_json::{Value, json};
use sidegate::policy::context::Map;
use sidegate::policy::{
    Kind, Layers, Policy, PolicySet, Principal, Request, Verdict, evaluate, explain, parse,
};

/// The lines of an input, so many of them; `None` if it is no text or has fewer. The last takes the rest.
pub(crate) fn lines<const N: usize>(input: &[u8]) -> Option<[&str; N]> {
    let text = std::str::from_utf8(input).ok()?;
    let parts: Vec<&str> = text.splitn(N, '\n').collect();
    parts.try_into().ok()
}

pub(crate) fn ann() -> Principal {
    Principal::User {
        account: "111111111111".into(),
        arn: "arn:aws:iam::111111111111:user/ann".into(),
    }
}

/// What one identity policy says to a request of ann's; evaluating and explaining agree.
pub(crate) fn verdict(policies: &PolicySet, resource: &str, context: &Map) -> Verdict {
    let principal = ann();
    let request = Request {
        principal: &principal,
        action: "x:Y",
        resource,
        resource_account: Some("111111111111"),
        context,
    };
    let layers = Layers {
        identity: &[policies],
        ..Layers::default()
    };
    let verdict = evaluate(&request, &layers).verdict;
    assert_eq!(verdict, explain(&request, &layers).decision);
    verdict
}

/// A policy of one statement; `None` if it is refused.
pub(crate) fn statement(statement: &Value) -> Option<PolicySet> {
    let document = json!({"Version": "2012-10-17", "Statement": statement});
    let document = parse(&document.to_string(), Kind::Identity, "fuzz").ok()?;
    Some(PolicySet::new(vec![Arc::new(Policy::compile(
        &document, "fuzz",
    ))]))
}

/// What `{operator: {"k:v": wanted}}` says, in an Allow and in a Deny, to a request whose `k:v` is `found`;
/// `None` if the policy's value is refused.
pub(crate) fn condition(operator: &str, wanted: &str, found: &str) -> Option<[bool; 2]> {
    let mut context = Map::new();
    context.set("k:v", found);
    let mut applies = [false; 2];
    for (effect, applies) in ["Allow", "Deny"].into_iter().zip(&mut applies) {
        let policies = statement(&json!({
            "Effect": effect, "Action": "*", "Resource": "*",
            "Condition": {operator: {"k:v": wanted}},
        }))?;
        *applies = verdict(&policies, "*", &context) != Verdict::ImplicitDeny;
    }
    // What grounds an allow grounds a deny.
    assert!(applies[1] || !applies[0]);
    Some(applies)
}

/// Whether IAM stores all its characters in a policy.
pub(crate) fn storable(text: &str) -> bool {
    text.chars()
        .all(|character| matches!(character, '\t' | '\r' | '\u{20}'..='\u{ff}'))
}

/// A piece of a glob.
#[derive(Clone, Copy)]
pub(crate) enum Token {
    Run,
    Any,
    Literal(char),
}

/// The plainest matcher of globs there is.
pub(crate) fn naive(pattern: &[Token], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut row = vec![false; text.len() + 1];
    row[0] = true;
    for token in pattern {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            next[at] = match token {
                Token::Run => row[at] || (at > 0 && next[at - 1]),
                Token::Any => at > 0 && row[at - 1],
                Token::Literal(wanted) => at > 0 && row[at - 1] && text[at - 1] == *wanted,
            };
        }
        row = next;
    }
    row[text.len()]
}

/// The tokens of a text with wildcards.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    text.chars()
        .map(|character| match character {
            '*' => Token::Run,
            '?' => Token::Any,
            other => Token::Literal(other),
        })
        .collect()
}
