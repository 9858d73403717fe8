//! The library's answer to a case in the exchange format.

use std::sync::Arc;

use serde_json::Value;
use sidegate::policy::context::Map;
use sidegate::policy::{
    Explanation, Kind, Layers, Policy, PolicySet, Principal, Request, ResourceKind, Verdict,
    evaluate, explain, parse,
};

/// What evaluating and explaining say.
pub(crate) struct Answer {
    pub(crate) verdict: Verdict,
    pub(crate) explanation: Explanation,
}

fn set(documents: &[&Value], kind: Kind) -> Result<PolicySet, String> {
    let policies: Result<Vec<_>, String> = documents
        .iter()
        .enumerate()
        .map(|(number, document)| {
            let parsed = parse(&document.to_string(), kind, "case").map_err(|report| {
                let lines: Vec<String> = report.faults().iter().map(ToString::to_string).collect();
                lines.join("\n")
            })?;
            Ok(Arc::new(Policy::compile(&parsed, &format!("p{number}"))))
        })
        .collect();
    Ok(PolicySet::new(policies?))
}

fn optional(document: &Value, kind: Kind) -> Result<Option<PolicySet>, String> {
    match document {
        Value::Null => Ok(None),
        Value::Array(items) => set(&items.iter().collect::<Vec<_>>(), kind).map(Some),
        one => set(&[one], kind).map(Some),
    }
}

fn levels(value: &Value, kind: Kind) -> Result<Vec<PolicySet>, String> {
    let levels = value.as_array().map(Vec::as_slice).unwrap_or_default();
    levels
        .iter()
        .map(|level| set(&level.as_array().unwrap().iter().collect::<Vec<_>>(), kind))
        .collect()
}

fn principal(value: &Value) -> Principal {
    let field = |key: &str| -> Arc<str> { value[key].as_str().unwrap_or_default().into() };
    let (account, arn) = (field("account"), field("arn"));
    match value["type"].as_str().unwrap() {
        "root" => Principal::Root { account, arn },
        "user" => Principal::User { account, arn },
        "assumed-role" => Principal::RoleSession {
            account,
            arn,
            role_arn: field("roleArn"),
        },
        "role" => Principal::Role { account, arn },
        "federated-user" => Principal::FederatedUser {
            account,
            arn,
            user_arn: field("userArn"),
        },
        "federated" => Principal::Federated { provider: arn },
        "service" => Principal::Service {
            name: field("service"),
        },
        "anonymous" => Principal::Anonymous,
        other => panic!("principal {other}"),
    }
}

fn context(value: &Value) -> Map {
    let mut map = Map::new();
    for (key, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Array(items) => {
                map.set_many(key, items.iter().map(|item| item.as_str().unwrap()));
            }
            Value::String(text) => {
                map.set(key, text.as_str());
            }
            other => {
                map.set(key, other.to_string());
            }
        }
    }
    map
}

/// Evaluates and explains; an error if a policy is refused.
pub(crate) fn answer(case: &Value) -> Result<Answer, String> {
    let request = &case["request"];
    let policies = &case["policies"];
    let principal = principal(&request["principal"]);
    let context = context(&request["context"]);
    let resource_kind = match policies["resourceKind"].as_str() {
        Some("trust") => ResourceKind::Trust,
        Some("mandatory") => ResourceKind::Mandatory,
        _ => ResourceKind::Resource,
    };
    let sided = if resource_kind == ResourceKind::Trust {
        Kind::Trust
    } else {
        Kind::Resource
    };
    let documents: Vec<&Value> = policies["identity"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| &entry["document"])
        .collect();
    let identity = set(&documents, Kind::Identity)?;
    let boundary = optional(&policies["boundary"], Kind::Boundary)?;
    let session = optional(&policies["session"], Kind::Session)?;
    let resource = optional(&policies["resource"], sided)?;
    let scps = levels(&policies["scps"], Kind::Scp)?;
    let rcps = levels(&policies["rcps"], Kind::Rcp)?;
    let resource = resource.as_ref();
    let layers = Layers {
        identity: &[&identity],
        boundary: boundary.as_ref(),
        session: session.as_ref(),
        scps: &scps.iter().collect::<Vec<_>>(),
        rcps: &rcps.iter().collect::<Vec<_>>(),
        resource: resource.as_slice(),
        resource_kind,
    };
    let request = Request {
        principal: &principal,
        action: request["action"].as_str().unwrap(),
        resource: request["resource"].as_str().unwrap(),
        resource_account: request["resourceAccount"].as_str(),
        context: &context,
    };
    let decision = evaluate(&request, &layers);
    let explanation = explain(&request, &layers);
    Ok(Answer {
        verdict: decision.verdict,
        explanation,
    })
}

/// The verdict alone, as the exchange format writes it.
pub(crate) fn verdict(case: &Value) -> &'static str {
    answer(case)
        .unwrap_or_else(|error| panic!("{error}\n{case}"))
        .verdict
        .as_str()
}
