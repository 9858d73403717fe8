//! The same decision by three engines, at 10 to 10,000 policies: one user may read orders under one prefix, from one
//! address range, as a member of one team.
//!
//! `cargo run --release` in this folder. Wall times, each given as min-median-max over batches: the spread is the
//! machine's noise. Sidegate: policies attached to each principal ("spread") and all in one resource policy
//! ("together"). Cedar: one policy set, which is how it is used. regorus: the grants are data, indexed by principal.

use std::collections::HashMap;
use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cedar_policy::{Authorizer, Decision, Entities};
use serde_json::json;
use sidegate::policy::context::Value;
use sidegate::policy::{
    Context, Kind, Layers, Policy, PolicySet, Principal, Request, evaluate, parse,
};

const BATCHES: usize = 15;
const BATCH_TIME: Duration = Duration::from_millis(40);

/// Prints what one call costs.
fn measure(name: &str, count: usize, mut call: impl FnMut() -> bool) {
    assert!(call(), "{name} at {count} does not allow");
    let start = Instant::now();
    black_box(call());
    let once = start.elapsed().max(Duration::from_nanos(20));
    let calls = (BATCH_TIME.as_nanos() / once.as_nanos()).clamp(1, 1_000_000) as u32;
    let mut times: Vec<f64> = (0..BATCHES)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..calls {
                black_box(call());
            }
            start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!(
        "{name:<22} {count:>6} policies  {:>12.0} - {:>12.0} - {:>12.0} ns",
        times[0],
        times[BATCHES / 2],
        times[BATCHES - 1]
    );
}

struct Facts;

impl Context for Facts {
    fn get(&self, key: &str) -> Option<Value<'_>> {
        match key {
            "aws:sourceip" => Some(Value::Ip(IpAddr::from([203, 0, 113, 7]))),
            "aws:principaltag/team" => Some(Value::Text("images")),
            _ => None,
        }
    }
}

const CONDITION: &str = r#""Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"},"StringEquals":{"aws:PrincipalTag/team":"images"}}"#;

fn policy(kind: Kind, statements: &str) -> PolicySet {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    let document = parse(&text, kind, "bench").expect("a valid policy");
    PolicySet::new(vec![Arc::new(Policy::compile(&document, "p"))])
}

fn arn(number: usize) -> String {
    format!("arn:aws:iam::555566667777:user/u{number}")
}

fn sidegate(count: usize, asked: usize) {
    let principal = Principal::User {
        account: "555566667777".into(),
        arn: arn(asked).into(),
    };
    let resource = format!("arn:aws:orders::555566667777:order/{asked}/42");
    let request = Request {
        principal: &principal,
        action: "orders:GetOrder",
        resource: &resource,
        resource_account: Some("555566667777"),
        context: &Facts,
    };
    let statement = |number: usize, principal: &str| {
        format!(
            r#"{{"Effect":"Allow",{principal}"Action":["orders:GetOrder","orders:ListOrders"],"Resource":"arn:aws:orders::555566667777:order/{number}/*",{CONDITION}}}"#
        )
    };
    let spread: HashMap<String, PolicySet> = (0..count)
        .map(|number| (arn(number), policy(Kind::Identity, &statement(number, ""))))
        .collect();
    measure("sidegate spread", count, || {
        let identity = &spread[principal.name()];
        let layers = Layers {
            identity: &[identity],
            ..Layers::default()
        };
        evaluate(black_box(&request), &layers).is_allowed()
    });
    let statements: Vec<String> = (0..count)
        .map(|number| {
            statement(
                number,
                &format!(r#""Principal":{{"AWS":"{}"}},"#, arn(number)),
            )
        })
        .collect();
    let together = policy(Kind::Resource, &statements.join(","));
    let sets = [&together];
    let layers = Layers {
        resource: &sets,
        ..Layers::default()
    };
    measure("sidegate together", count, || {
        evaluate(black_box(&request), &layers).is_allowed()
    });
}

fn cedar(count: usize, asked: usize) {
    let text: String = (0..count)
        .map(|number| {
            format!(
                r#"permit(principal == User::"u{number}", action in [Action::"GetOrder", Action::"ListOrders"], resource)
                when {{ context.path like "order/{number}/*" && context.ip.isInRange(ip("203.0.113.0/24")) && context.team == "images" }};"#
            )
        })
        .collect();
    let policies: cedar_policy::PolicySet = text.parse().expect("valid Cedar");
    let context = json!({
        "path": format!("order/{asked}/42"),
        "ip": {"__extn": {"fn": "ip", "arg": "203.0.113.7"}},
        "team": "images",
    });
    let context = cedar_policy::Context::from_json_value(context, None).expect("a valid context");
    let uid = |text: String| text.parse().expect("a valid uid");
    let request = cedar_policy::Request::new(
        uid(format!(r#"User::"u{asked}""#)),
        uid(r#"Action::"GetOrder""#.to_owned()),
        uid(format!(r#"Order::"{asked}/42""#)),
        context,
        None,
    )
    .expect("a valid request");
    let entities = Entities::empty();
    let authorizer = Authorizer::new();
    measure("cedar", count, || {
        authorizer
            .is_authorized(black_box(&request), &policies, &entities)
            .decision()
            == Decision::Allow
    });
}

fn regorus(count: usize, asked: usize) {
    let grants: serde_json::Map<String, serde_json::Value> = (0..count)
        .map(|number| {
            let grant = json!([{
                "actions": ["orders:GetOrder", "orders:ListOrders"],
                "prefix": format!("arn:aws:orders::555566667777:order/{number}/"),
                "cidr": "203.0.113.0/24",
                "team": "images",
            }]);
            (arn(number), grant)
        })
        .collect();
    let mut engine = regorus::Engine::new();
    let rego = r#"
        package authz
        import rego.v1
        default allow := false
        allow if {
            some grant in data.grants[input.principal]
            input.action in grant.actions
            startswith(input.resource, grant.prefix)
            net.cidr_contains(grant.cidr, input.ip)
            input.team == grant.team
        }"#;
    engine
        .add_policy("authz.rego".to_owned(), rego.to_owned())
        .expect("valid Rego");
    let data = json!({ "grants": grants }).to_string();
    engine
        .add_data(regorus::Value::from_json_str(&data).expect("data"))
        .expect("data");
    let input = json!({
        "principal": arn(asked),
        "action": "orders:GetOrder",
        "resource": format!("arn:aws:orders::555566667777:order/{asked}/42"),
        "ip": "203.0.113.7",
        "team": "images",
    });
    let input = regorus::Value::from_json_str(&input.to_string()).expect("input");
    measure("regorus by principal", count, || {
        engine.set_input(input.clone());
        engine
            .eval_rule("data.authz.allow".to_owned())
            .is_ok_and(|value| value == regorus::Value::from(true))
    });
}

fn main() {
    println!(
        "{:<22} {:>15}  {:>12} - {:>12} - {:>12}",
        "engine", "", "min", "median", "max"
    );
    for count in [10, 100, 1_000, 10_000] {
        let asked = count / 2;
        sidegate(count, asked);
        cedar(count, asked);
        regorus(count, asked);
    }
}
