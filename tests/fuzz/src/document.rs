//! Any text as a policy of any kind: read, compiled, evaluated and explained without a panic, and with one answer.
//!
//! Input: one digit for the kind, then the text.

use std::sync::Arc;

use sidegate::policy::context::Map;
use sidegate::policy::lint::{Surroundings, lint};
use sidegate::policy::{Kind, Layers, Policy, PolicySet, Request, evaluate, explain, parse};
use sidegate::source::Report;

use super::judge::ann;

const KINDS: [Kind; 7] = [
    Kind::Identity,
    Kind::Boundary,
    Kind::Session,
    Kind::Resource,
    Kind::Trust,
    Kind::Scp,
    Kind::Rcp,
];

pub(crate) fn target(input: &[u8]) {
    let Some((choice, text)) = input.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let kind = KINDS[usize::from(*choice) % KINDS.len()];
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
    let surroundings = Surroundings {
        is_own_account: &|account| account == "111111111111",
        offered: None,
        organization: None,
        partition: None,
    };
    lint(&document, &surroundings, &mut Report::on("fuzz"));
    let policies = PolicySet::new(vec![Arc::new(Policy::compile(&document, "fuzz"))]);
    let principal = ann();
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
}
