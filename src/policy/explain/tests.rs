#![expect(clippy::arithmetic_side_effects, reason = "tests count small things")]

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use super::*;
use crate::policy::context::Map;
use crate::policy::{Kind, Policy, Principal, parse};

const THING: &str = "arn:aws:x::111111111111:a/ann";

fn set(kind: Kind, name: &str, statements: &str) -> PolicySet {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    let document = parse(&text, kind, "t").unwrap_or_else(|report| panic!("{:?}", report.faults()));
    PolicySet::new(vec![Arc::new(Policy::compile(&document, name))])
}

fn ann(account: &str) -> Principal {
    Principal::User {
        account: account.into(),
        arn: format!("arn:aws:iam::{account}:user/ann").into(),
    }
}

fn told(principal: &Principal, context: &Map, layers: &Layers<'_>) -> Explanation {
    let request = Request {
        principal,
        action: "x:Get",
        resource: THING,
        resource_account: None,
        context,
    };
    let whole = explain(&request, layers);
    let short = outline(&request, layers);
    assert_eq!(
        (short.decision, &short.reason),
        (whole.decision, &whole.reason)
    );
    let applying = |told: &Explanation| {
        let policies = told.layers.iter().flat_map(|report| &report.policies);
        let statements = policies.flat_map(|policy| &policy.statements);
        statements.map(|said| said.applies).collect::<Vec<_>>()
    };
    assert_eq!(applying(&short), applying(&whole));
    whole
}

fn elements(lacks: &[Mismatch]) -> Vec<&str> {
    lacks.iter().map(|mismatch| &*mismatch.element).collect()
}

#[test]
fn behind_an_explicit_deny_the_nearest_allow_is_told_too() {
    let deny = r#"{"Effect":"Deny","Action":"*","Resource":"*",
        "Condition":{"StringNotEquals":{"aws:RequestedRegion":"eu-west-1"}}}"#;
    let scps = set(
        Kind::Scp,
        "scp",
        &format!(r#"{{"Effect":"Allow","Action":"*","Resource":"*"}},{deny}"#),
    );
    let allowing = set(
        Kind::Identity,
        "own",
        r#"{"Sid":"Own","Effect":"Allow","Action":"x:Get","Resource":"*"}"#,
    );
    let nearly = set(
        Kind::Identity,
        "own",
        &format!(r#"{{"Effect":"Allow","Action":"x:Get","Resource":"*",{MFA}}}"#),
    );
    let mut context = Map::new();
    context.set("aws:RequestedRegion", "us-east-1");
    let judged = |identity: &PolicySet, context: &Map| {
        let layers = Layers {
            identity: &[identity],
            scps: &[&scps],
            ..Layers::default()
        };
        told(&ann("111111111111"), context, &layers)
    };
    let found = judged(&allowing, &context);
    assert_eq!(found.decision, Verdict::ExplicitDeny);
    let nearest = found.nearest.as_ref().unwrap();
    assert_eq!(nearest.layer, LayerKind::Identity);
    assert!(nearest.lacks.is_empty() && found.missing.is_empty());
    assert!(found.table().contains(
        "Nearest allow: identity-based policy own, statement 0 (Own). It lacks nothing: every DENIES above stands"
    ));
    let found = judged(&nearly, &context);
    assert_eq!(found.decision, Verdict::ExplicitDeny);
    assert_eq!(
        elements(&found.nearest.unwrap().lacks),
        ["Condition Bool aws:MultiFactorAuthPresent"]
    );
    assert_eq!(found.missing.len(), 1);
    // What a negated operator asks for is anything but its values.
    context.set("aws:RequestedRegion", "eu-west-1");
    let found = judged(&allowing, &context);
    assert_eq!(found.decision, Verdict::Allowed);
    let denying = &found.layers[0].policies[0].statements[1];
    assert_eq!(denying.failed[0].expected, "none of eu-west-1");
}

#[test]
fn a_root_user_behind_an_explicit_deny_needs_no_allow() {
    let deny = r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#;
    let scps = set(
        Kind::Scp,
        "scp",
        &format!(r#"{{"Effect":"Allow","Action":"*","Resource":"*"}},{deny}"#),
    );
    let shared = set(
        Kind::Resource,
        "shared",
        r#"{"Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":"x:Get","Resource":"*"}"#,
    );
    let judged = |account: &str| {
        let root = Principal::Root {
            account: account.into(),
            arn: format!("arn:aws:iam::{account}:root").into(),
        };
        let layers = Layers {
            scps: &[&scps],
            resource: &[&shared],
            ..Layers::default()
        };
        told(&root, &Map::new(), &layers)
    };
    let own = judged("111111111111");
    assert_eq!(own.decision, Verdict::ExplicitDeny);
    assert!(own.nearest.is_none() && own.missing.is_empty());
    assert!(own.table().ends_with(
        "\nThe account's root user needs no allow: every DENIES above stands against it.\n"
    ));
    // Of another account it needs one of the resource's policies.
    let other = judged("222222222222");
    assert_eq!(other.decision, Verdict::ExplicitDeny);
    let nearest = other.nearest.as_ref().unwrap();
    assert_eq!(
        (nearest.layer, &*nearest.policy),
        (LayerKind::Resource, "shared")
    );
    assert!(nearest.lacks.is_empty() && other.missing.is_empty());
    assert!(
        other
            .table()
            .contains("It lacks nothing: every DENIES above stands against it.")
    );
    let third = judged("333333333333");
    assert_eq!(third.missing.len(), 1);
    assert!(!third.table().contains("needs no allow"));
}

const MFA: &str = r#""Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#;

#[test]
fn the_nearest_allow_may_be_another_layers_than_the_reasons() {
    let identity = set(
        Kind::Identity,
        "own",
        r#"{"Effect":"Allow","Action":"y:*","Resource":"*"}"#,
    );
    let resource = set(
        Kind::Resource,
        "shared",
        &format!(
            r#"{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::111111111111:user/ann"}},"Action":"x:*","Resource":"*",{MFA}}}"#
        ),
    );
    let layers = Layers {
        identity: &[&identity],
        resource: &[&resource],
        ..Layers::default()
    };
    let found = told(&ann("111111111111"), &Map::new(), &layers);
    assert_eq!(found.reason.layer, LayerKind::Identity);
    let nearest = found.nearest.unwrap();
    assert_eq!(
        (nearest.layer, &*nearest.policy),
        (LayerKind::Resource, "shared")
    );
    assert_eq!(
        elements(&nearest.lacks),
        ["Condition Bool aws:MultiFactorAuthPresent"]
    );
    // Where the identity policy is as near, it is told: it is the layer that the reason names.
    let identity = set(
        Kind::Identity,
        "own",
        &format!(r#"{{"Effect":"Allow","Action":"x:*","Resource":"*",{MFA}}}"#),
    );
    let layers = Layers {
        identity: &[&identity],
        ..layers
    };
    let found = told(&ann("111111111111"), &Map::new(), &layers);
    assert_eq!(found.nearest.unwrap().layer, LayerKind::Identity);
    assert_eq!(found.missing.len(), 1);
}

#[test]
fn every_layer_whose_allow_is_missing_is_told() {
    let identity = set(
        Kind::Identity,
        "own",
        &format!(r#"{{"Effect":"Allow","Action":"x:*","Resource":"*",{MFA}}}"#),
    );
    let boundary = set(
        Kind::Boundary,
        "limit",
        r#"{"Effect":"Allow","Action":"y:*","Resource":"*"}"#,
    );
    let session = set(
        Kind::Session,
        "session",
        r#"{"Effect":"Allow","Action":"x:*","Resource":"arn:aws:x:::b"}"#,
    );
    let scps = set(
        Kind::Scp,
        "scp",
        r#"{"Effect":"Allow","Action":"z:*","Resource":"*"}"#,
    );
    let layers = Layers {
        identity: &[&identity],
        boundary: Some(&boundary),
        session: Some(&session),
        scps: &[&scps],
        ..Layers::default()
    };
    let found = told(&ann("222222222222"), &Map::new(), &layers);
    let missing: Vec<(LayerKind, bool)> = found
        .missing
        .iter()
        .map(|missing| (missing.layer, missing.nearest.is_some()))
        .collect();
    assert_eq!(
        missing,
        [
            (LayerKind::Scp, false),
            (LayerKind::Resource, false),
            (LayerKind::Identity, true),
            (LayerKind::Boundary, false),
            (LayerKind::Session, true),
        ]
    );
    assert_eq!(found.nearest.as_ref().unwrap().layer, LayerKind::Identity);
    let table = found.table();
    let also = "\
Also missing:
  service control policy, level 0: no statement allows x:Get
  resource-based policy: there is none
  permissions boundary: no statement allows x:Get
  session policy: session, statement 0 lacks:
    Resource: arn:aws:x:::b is asked for, and the request has arn:aws:x::111111111111:a/ann
";
    assert!(table.ends_with(also), "{table}");
}

#[test]
fn variables_are_told_with_what_they_stand_for() {
    let identity = set(
        Kind::Identity,
        "own",
        r#"{"Effect":"Allow","Action":"x:*","Resource":"arn:aws:x::111111111111:a/${aws:username}*",
            "Condition":{"StringEquals":{"x:team":"${aws:PrincipalTag/team}"},"StringLike":{"x:kind":"${aws:username, 'nobody'}-*"}}}"#,
    );
    let layers = Layers {
        identity: &[&identity],
        ..Layers::default()
    };
    let mut context = Map::new();
    context.set("aws:username", "bob").set("x:kind", "ann-1");
    let found = told(&ann("111111111111"), &context, &layers);
    let expected: Vec<&str> = (found.nearest.as_ref().unwrap().lacks.iter())
        .map(|mismatch| &*mismatch.expected)
        .collect();
    assert_eq!(
        expected,
        [
            "arn:aws:x::111111111111:a/${aws:username}* (here arn:aws:x::111111111111:a/bob*)",
            "${aws:PrincipalTag/team} (aws:principaltag/team has no value here)",
            "${aws:username, 'nobody'}-* (here bob-*)",
        ]
    );
}

#[test]
fn a_federated_session_without_session_policies_is_told_so() {
    let identity = set(
        Kind::Identity,
        "own",
        r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#,
    );
    let principal = Principal::FederatedUser {
        account: "111111111111".into(),
        arn: "arn:aws:sts::111111111111:federated-user/f".into(),
        user_arn: "arn:aws:iam::111111111111:user/ann".into(),
    };
    let layers = Layers {
        identity: &[&identity],
        ..Layers::default()
    };
    let found = told(&principal, &Map::new(), &layers);
    assert_eq!(found.missing.len(), 1);
    assert_eq!(found.missing[0].layer, LayerKind::Session);
    let table = found.table();
    assert!(
        table.contains("Missing:\n  session policy: none was passed"),
        "{table}"
    );
}

/// The cells of a line, cut where the columns of the heading begin.
fn cells(line: &str, starts: [usize; 4]) -> [String; 4] {
    let characters: Vec<char> = line.chars().collect();
    let cut = |from: usize, to: usize| {
        let to = to.min(characters.len());
        let cell: String = characters
            .get(from.min(to)..to)
            .unwrap_or_default()
            .iter()
            .collect();
        cell.trim().to_owned()
    };
    [
        cut(starts[0], starts[1]),
        cut(starts[1], starts[2]),
        cut(starts[2], starts[3]),
        cut(starts[3], characters.len()),
    ]
}

/// Holds a table against the same explanation as data.
fn agree(explanation: &Explanation) {
    let data = serde_json::to_value(explanation).unwrap();
    let table = explanation.table();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let words = format!(
        "{}: {}",
        text(&data["decision"]),
        text(&data["reason"]["words"])
    );
    let mut lines = table.lines().filter(|line| !line.is_empty());
    assert_eq!(lines.next(), Some(&*words));
    let layers = data["layers"].as_array().unwrap();
    if !layers.is_empty() {
        let heading = lines.next().unwrap();
        let starts =
            ["LAYER", "POLICY", "STATEMENT", "RESULT"].map(|word| heading.find(word).unwrap());
        let mut next = || cells(lines.next().unwrap(), starts);
        for layer in layers {
            let [name, _, _, says] = next();
            let told = match (&*text(&layer["says"]), &*text(&layer["layer"])) {
                ("allow", _) => "allows",
                ("deny", _) => "DENIES",
                (_, "rcp") => "denies nothing",
                _ => "is silent",
            };
            assert_eq!(says, told, "{table}");
            assert_eq!(
                name.ends_with(&format!(", level {}", layer["level"])),
                layer["level"].is_u64()
            );
            for policy in layer["policies"].as_array().unwrap() {
                let statements = policy["statements"].as_array().unwrap();
                let mut shown = 0;
                while shown < statements.len() {
                    let [_, name, label, result] = next();
                    assert_eq!(name, text(&policy["policy"]));
                    if let Some(count) = label.strip_suffix(" more") {
                        shown += count.parse::<usize>().unwrap();
                        continue;
                    }
                    shown += 1;
                    let number: usize = label.split(' ').next().unwrap().parse().unwrap();
                    let statement = &statements[number];
                    assert!(label.ends_with(&text(&statement["effect"])), "{table}");
                    assert_eq!(result.starts_with("matches"), statement["applies"] == true);
                    if statement["applies"] == false {
                        let failed = statement["failed"].as_array().unwrap();
                        let elements: Vec<String> =
                            failed.iter().map(|one| text(&one["element"])).collect();
                        let is_told = |one: &String| result.starts_with(&**one);
                        assert!(elements.iter().any(is_told), "{result} of {elements:?}");
                    }
                }
                assert_eq!(shown, statements.len(), "{table}");
            }
        }
    }
    let mut rest: Vec<&str> = lines.collect();
    let nearest = &data["nearest"];
    if data["decision"] == "explicitDeny" && data["missing"].is_array() {
        assert_eq!(
            rest.remove(0),
            "Every DENIES above stands against it. Without them it would be refused still:"
        );
    }
    assert_eq!(
        rest.first()
            .is_some_and(|line| line.starts_with("Nearest allow: ")),
        nearest.is_object(),
        "{table}"
    );
    for missing in data["missing"].as_array().into_iter().flatten() {
        let Some(lacks) = missing["nearest"]["lacks"].as_array() else {
            assert!(rest.iter().any(|line| line.ends_with("there is none")
                || line.contains("no statement allows")
                || line.contains("none was passed")));
            continue;
        };
        for lack in lacks {
            let (element, expected) = (text(&lack["element"]), text(&lack["expected"]));
            let actual = text(&lack["actual"]);
            let line = if element.ends_with("Principal") {
                format!("{element}: {expected} is named, and {actual} asks")
            } else {
                format!("{element}: {expected} is asked for, and the request has {actual}")
            };
            assert!(
                rest.iter().any(|found| found.trim() == line),
                "{line}\n{table}"
            );
        }
    }
    let missing = data["missing"].is_array();
    match data["decision"].as_str() {
        Some("implicitDeny") => assert!(missing, "{table}"),
        Some("explicitDeny") => assert!(missing || nearest.is_object(), "{table}"),
        _ => assert!(!missing && !nearest.is_object(), "{table}"),
    }
}

/// Some statements of a policy of a kind.
fn statements(kind: Kind, most: usize) -> impl Strategy<Value = String> {
    let sided = matches!(kind, Kind::Resource);
    let one = (
        select(vec!["Allow", "Allow", "Allow", "Deny"]),
        select(vec!["x:Get", "x:*", "y:*", "x:P*", "*"]),
        select(vec!["*", THING, "arn:aws:x::111111111111:b", "arn:aws:x::111111111111:a/${aws:username}"]),
        select(vec!["", MFA, r#""Condition":{"DateLessThan":{"x:when":"2026-01-01"}}"#]),
        select(vec!["*", "arn:aws:iam::111111111111:user/ann", "111111111111", "222222222222"]),
    )
        .prop_map(move |(effect, action, resource, condition, principal)| {
            let principal = if sided {
                format!(r#""Principal":{{"AWS":"{principal}"}},"#)
            } else {
                String::new()
            };
            let comma = if condition.is_empty() { "" } else { "," };
            format!(r#"{{"Effect":"{effect}",{principal}"Action":"{action}","Resource":"{resource}"{comma}{condition}}}"#)
        });
    prop::collection::vec(one, 1..most).prop_map(|all| all.join(","))
}

proptest! {
    #[test]
    fn table_and_data_agree(
        identity in statements(Kind::Identity, 24),
        boundary in prop::option::of(statements(Kind::Boundary, 4)),
        resource in prop::option::of(statements(Kind::Resource, 4)),
        scp in prop::option::of(statements(Kind::Scp, 4)),
        account in select(vec!["111111111111", "222222222222"]),
        when in prop::option::of(select(vec!["2025-01-01", "2027-01-01", "never"])),
    ) {
        let identity = set(Kind::Identity, "own", &identity);
        let boundary = boundary.map(|text| set(Kind::Boundary, "limit", &text));
        let resource = resource.map(|text| set(Kind::Resource, "shared", &text));
        let scp = scp.map(|text| set(Kind::Scp, "scp", &text));
        let (resource, scp): (Vec<_>, Vec<_>) = (resource.iter().collect(), scp.iter().collect());
        let layers = Layers {
            identity: &[&identity],
            boundary: boundary.as_ref(),
            resource: &resource,
            scps: &scp,
            ..Layers::default()
        };
        let mut context = Map::new();
        context.set("aws:username", "ann");
        if let Some(when) = when {
            context.set("x:when", when);
        }
        let principal = ann(account);
        let found = told(&principal, &context, &layers);
        agree(&found);
        // What is missing allows nothing yet; of a resource's policy, nothing that would do.
        for missing in &found.missing {
            let says = found.layers.iter().find(|report| report.layer == missing.layer && report.level == missing.level);
            prop_assert!(says.is_none_or(|report| !judge::allows(report) || report.layer == LayerKind::Resource));
        }
        match found.decision {
            Verdict::Allowed => prop_assert!(found.missing.is_empty()),
            Verdict::ImplicitDeny => prop_assert!(!found.missing.is_empty()),
            Verdict::ExplicitDeny => {}
        }
    }
}
