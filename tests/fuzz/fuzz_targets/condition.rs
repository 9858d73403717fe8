//! Every operator with any policy value and any request value: dates, addresses, numbers, ARNs, base64, variables.
//! A value that does not parse never grounds an allow, so an Allow and a Deny of the same condition never both miss it.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use sidegate::policy::context::Map;
use sidegate::policy::{
    Kind, Layers, Policy, PolicySet, Principal, Request, Verdict, evaluate, explain, parse,
};

const OPERATORS: [&str; 16] = [
    "StringEquals",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "NumericEquals",
    "NumericLessThanIfExists",
    "DateGreaterThan",
    "DateNotEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnLike",
    "ArnNotEquals",
    "Null",
    "ForAllValues:DateLessThan",
    "ForAnyValue:ArnLike",
];

fuzz_target!(|data: (u8, &str, &str)| {
    let (choice, wanted, found) = data;
    let operator = OPERATORS[usize::from(choice) % OPERATORS.len()];
    let principal = Principal::User {
        account: "111111111111".into(),
        arn: "arn:aws:iam::111111111111:user/ann".into(),
    };
    let mut context = Map::new();
    context.set("k:v", found);
    let mut verdicts = Vec::new();
    for effect in ["Allow", "Deny"] {
        let document = serde_json::json!({"Version": "2012-10-17", "Statement": {
            "Effect": effect, "Action": "*", "Resource": "*", "Condition": {operator: {"k:v": wanted}}}});
        let Ok(document) = parse(&document.to_string(), Kind::Identity, "fuzz") else {
            return;
        };
        let policies = PolicySet::new(vec![Arc::new(Policy::compile(&document, "fuzz"))]);
        let request = Request {
            principal: &principal,
            action: "x:Y",
            resource: "*",
            resource_account: None,
            context: &context,
        };
        let layers = Layers {
            identity: &[&policies],
            ..Layers::default()
        };
        let verdict = evaluate(&request, &layers).verdict;
        assert_eq!(verdict, explain(&request, &layers).decision);
        verdicts.push(verdict);
    }
    // What grounds an allow grounds a deny.
    assert!(verdicts[0] != Verdict::Allowed || verdicts[1] == Verdict::ExplicitDeny);
});
