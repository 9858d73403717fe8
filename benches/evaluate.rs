//! What a decision costs: a typical one, and how the cost grows from 10 to 10,000 policies in two layouts.
//!
//! `cargo bench --no-default-features --bench evaluate`. Beside Cedar and regorus it is measured in benches/compare, a
//! package of its own so that they are no dependencies of Sidegate; in instructions, in benches/instructions.rs.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use sidegate::policy::context::Value;
use sidegate::policy::{
    Context, Kind, Layers, Policy, PolicySet, Principal, Request, evaluate, explain, parse,
};

/// What a gateway has at hand, without a map.
struct Facts;

impl Context for Facts {
    fn get(&self, key: &str) -> Option<Value<'_>> {
        match key {
            "aws:sourceip" => Some(Value::Ip(IpAddr::from([203, 0, 113, 7]))),
            "aws:principaltag/team" => Some(Value::Text("images")),
            "aws:multifactorauthpresent" => Some(Value::Bool(true)),
            _ => None,
        }
    }
}

fn policy(kind: Kind, name: &str, statements: &str) -> Arc<Policy> {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    Arc::new(Policy::compile(&parse(&text, kind, name).unwrap(), name))
}

fn set(policies: Vec<Arc<Policy>>) -> PolicySet {
    PolicySet::new(policies)
}

fn user(number: usize) -> Principal {
    Principal::User {
        account: "555566667777".into(),
        arn: format!("arn:aws:iam::555566667777:user/u{number}").into(),
    }
}

/// A policy as it is written in the wild: reads on one prefix, with two conditions.
fn own(kind: Kind, number: usize) -> Arc<Policy> {
    policy(
        kind,
        "own",
        &format!(
            r#"{{"Effect":"Allow","Action":["orders:GetOrder","orders:ListOrders"],"Resource":"arn:aws:orders::555566667777:order/{number}/*",
            "Condition":{{"IpAddress":{{"aws:SourceIp":"203.0.113.0/24"}},"StringEquals":{{"aws:PrincipalTag/team":"images"}}}}}}"#
        ),
    )
}

fn typical(criterion: &mut Criterion) {
    let logs = policy(
        Kind::Identity,
        "logs",
        r#"{"Effect":"Allow","Action":"logs:*","Resource":"*"},{"Effect":"Deny","Action":"orders:Delete*","Resource":"*"}"#,
    );
    let reads = policy(
        Kind::Identity,
        "reads",
        r#"{"Effect":"Allow","Action":["s3:Get*","s3:List*"],"Resource":"arn:aws:s3:::images/*"}"#,
    );
    let identity = set(vec![logs, reads, own(Kind::Identity, 7)]);
    let boundary = set(vec![policy(
        Kind::Boundary,
        "boundary",
        r#"{"Effect":"Allow","Action":["orders:*","s3:*","logs:*"],"Resource":"*"}"#,
    )]);
    let full = set(vec![policy(
        Kind::Scp,
        "full",
        r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#,
    )]);
    let guard = set(vec![
        policy(
            Kind::Scp,
            "full",
            r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#,
        ),
        policy(
            Kind::Scp,
            "guard",
            r#"{"Effect":"Deny","Action":["orders:DeleteDatabase","iam:*"],"Resource":"*"}"#,
        ),
    ]);
    let principal = user(7);
    let request = Request {
        principal: &principal,
        action: "orders:GetOrder",
        resource: "arn:aws:orders::555566667777:order/7/42",
        resource_account: Some("555566667777"),
        context: &Facts,
    };
    let layers = Layers {
        identity: &[&identity],
        boundary: Some(&boundary),
        scps: &[&full, &guard],
        ..Layers::default()
    };
    assert!(evaluate(&request, &layers).is_allowed());
    criterion.bench_function("typical/evaluate", |bench| {
        bench.iter(|| evaluate(black_box(&request), black_box(&layers)).verdict);
    });
    criterion.bench_function("typical/explain", |bench| {
        bench.iter(|| explain(black_box(&request), black_box(&layers)).decision);
    });
}

fn growth(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("growth");
    for count in [10usize, 100, 1_000, 10_000] {
        let asked = count / 2;
        let principal = user(asked);
        let resource = format!("arn:aws:orders::555566667777:order/{asked}/42");
        let request = Request {
            principal: &principal,
            action: "orders:GetOrder",
            resource: &resource,
            resource_account: Some("555566667777"),
            context: &Facts,
        };
        // One policy attached to each principal, found by its ARN.
        let spread: std::collections::HashMap<String, PolicySet> = (0..count)
            .map(|number| {
                (
                    user(number).name().to_owned(),
                    set(vec![own(Kind::Identity, number)]),
                )
            })
            .collect();
        group.bench_function(BenchmarkId::new("spread", count), |bench| {
            bench.iter(|| {
                let identity = spread.get(principal.name()).unwrap();
                let layers = Layers {
                    identity: &[identity],
                    ..Layers::default()
                };
                evaluate(black_box(&request), &layers).is_allowed()
            });
        });
        // All of them attached to one principal.
        let together = set((0..count)
            .map(|number| own(Kind::Identity, number))
            .collect());
        let sets = [&together];
        let layers = Layers {
            identity: &sets,
            ..Layers::default()
        };
        assert!(evaluate(&request, &layers).is_allowed());
        group.bench_function(BenchmarkId::new("together", count), |bench| {
            bench.iter(|| evaluate(black_box(&request), black_box(&layers)).verdict);
        });
        // All of them in one resource policy, a statement for each principal.
        let statements: Vec<String> = (0..count)
            .map(|number| {
                format!(
                    r#"{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::555566667777:user/u{number}"}},"Action":"orders:Get*","Resource":"*",
                    "Condition":{{"IpAddress":{{"aws:SourceIp":"203.0.113.0/24"}},"StringEquals":{{"aws:PrincipalTag/team":"images"}}}}}}"#
                )
            })
            .collect();
        let resource_policy = set(vec![policy(
            Kind::Resource,
            "resource",
            &statements.join(","),
        )]);
        let sets = [&resource_policy];
        let layers = Layers {
            resource: &sets,
            ..Layers::default()
        };
        assert!(evaluate(&request, &layers).is_allowed());
        group.bench_function(BenchmarkId::new("resource", count), |bench| {
            bench.iter(|| evaluate(black_box(&request), black_box(&layers)).verdict);
        });
    }
    group.finish();
}

/// Patterns made to hurt: the goals are 50 µs without `?` and 1 ms with it.
fn hostile(criterion: &mut Criterion) {
    let stars = "*a".repeat(3_000);
    let text = "a".repeat(2_020);
    let long_any = format!("*{}b*", "a?".repeat(500));
    let wide = format!("*{}é*", "a?".repeat(500));
    let wide_text = format!("{}é", "a".repeat(2_000));
    for (name, pattern, text) in [
        ("stars", &stars, &text),
        ("any", &long_any, &text),
        ("any-beyond-ascii", &wide, &wide_text),
    ] {
        let identity = set(vec![policy(
            Kind::Identity,
            name,
            &format!(r#"{{"Effect":"Allow","Action":"x:Y","Resource":"arn:aws:x:::{pattern}"}}"#),
        )]);
        let principal = user(0);
        let resource = format!("arn:aws:x:::{text}");
        let request = Request {
            principal: &principal,
            action: "x:Y",
            resource: &resource,
            resource_account: None,
            context: &Facts,
        };
        let sets = [&identity];
        let layers = Layers {
            identity: &sets,
            ..Layers::default()
        };
        criterion.bench_function(&format!("hostile/{name}"), |bench| {
            bench.iter(|| evaluate(black_box(&request), black_box(&layers)).verdict);
        });
    }
}

criterion_group!(benches, typical, growth, hostile);
criterion_main!(benches);
