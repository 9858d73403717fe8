//! What a refusal keeps from its client, sealed for the STS (`encodedAuthorizationMessage`): the statements that matched,
//! every layer's verdict, the nearest allow.
//!
//! Only who has the secret half of the keyring reads it, and the STS tells it to the accounts concerned alone. Costs an
//! explanation and a key agreement for each refusal; without a keyring there is no such message.

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::policy::{Explanation, Verdict};
use crate::sts::Keys;

/// What was refused.
#[derive(Debug)]
pub(super) struct Refused<'a> {
    pub(super) explanation: &'a Explanation,
    /// Whose the resource is.
    pub(super) resource_account: &'a str,
    /// Whose the principal is.
    pub(super) principal_account: Option<&'a str>,
    pub(super) request_id: &'a str,
    pub(super) snapshot: &'a str,
    pub(super) now: Timestamp,
}

/// Seals it; what does not fit is left out, the nearest allow first. `None`: there is no key.
pub(super) fn seal(keys: &Keys, refused: &Refused<'_>) -> Option<String> {
    let mut whole = text(refused);
    let steps: [&[&str]; 4] = [&[], &["nearest"], &["matchedStatements"], &["layers"]];
    steps.iter().find_map(|without| {
        for name in *without {
            whole.as_object_mut()?.remove(*name);
        }
        keys.seal_message(&whole.to_string(), refused.now)
    })
}

fn text(refused: &Refused<'_>) -> Value {
    let explanation = refused.explanation;
    let statements = explanation.layers.iter().flat_map(|layer| {
        let policies = layer.policies.iter();
        policies.flat_map(move |policy| {
            let applying = policy.statements.iter().filter(|found| found.applies);
            applying.map(move |found| {
                json!({
                    "layer": layer.layer,
                    "policy": policy.policy,
                    "statement": found.statement,
                    "sid": found.sid,
                    "effect": found.effect,
                })
            })
        })
    });
    let statements: Vec<Value> = statements.collect();
    let layers = explanation.layers.iter();
    let layers: Vec<Value> = layers
        .map(|layer| json!({"layer": layer.layer, "level": layer.level, "says": layer.says}))
        .collect();
    json!({
        "allowed": false,
        "explicitDeny": explanation.decision == Verdict::ExplicitDeny,
        "accounts": [refused.resource_account, refused.principal_account],
        "reason": explanation.reason,
        "matchedStatements": {"items": statements},
        "layers": layers,
        "nearest": explanation.nearest,
        "context": {
            "principal": {"arn": explanation.principal},
            "action": explanation.action,
            "resource": explanation.resource,
        },
        "requestId": refused.request_id,
        "snapshot": refused.snapshot,
        "time": refused.now.rfc3339(),
    })
}
