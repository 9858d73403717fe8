//! Any text as a policy of any kind: read, compiled, evaluated and explained without a panic, and with one answer.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use sidegate::policy::context::Map;
use sidegate::policy::{
    Kind, Layers, Policy, PolicySet, Principal, Request, evaluate, explain, parse,
};

const KINDS: [Kind; 7] = [
    Kind::Identity,
    Kind::Boundary,
    Kind::Session,
    Kind::Resource,
    Kind::Trust,
    Kind::Scp,
    Kind::Rcp,
];

fuzz_target!(|data: (u8, &str)| {
    let (choice, text) = data;
    let kind = KINDS[usize::from(choice) % KINDS.len()];
    let document = match parse(text, kind, "fuzz") {
        Ok(document) => document,
        Err(report) => {
            // Every fault can be drawn.
            for fault in report.faults() {
                let _ = fault.render(text);
            }
            return;
        }
    };
    let policies = PolicySet::new(vec![Arc::new(Policy::compile(&document, "fuzz"))]);
    let principal = Principal::User {
        account: "111111111111".into(),
        arn: "arn:aws:iam::111111111111:user/ann".into(),
    };
    let mut context = Map::new();
    context
        .set("aws:username", "ann")
        .set_many("aws:TagKeys", ["a", "b"]);
    let request = Request {
        principal: &principal,
        action: "s3:GetObject",
        resource: "arn:aws:s3:::logs/ann/a.txt",
        resource_account: None,
        context: &context,
    };
    let one = [&policies];
    let mut layers = Layers::default();
    match kind {
        Kind::Identity => layers.identity = &one,
        Kind::Boundary => layers.boundary = Some(&policies),
        Kind::Session => layers.session = Some(&policies),
        Kind::Resource | Kind::Trust => layers.resource = &one,
        Kind::Scp => layers.scps = &one,
        Kind::Rcp => layers.rcps = &one,
    }
    assert_eq!(
        evaluate(&request, &layers).verdict,
        explain(&request, &layers).decision
    );
});
