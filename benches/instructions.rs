//! How many instructions a decision takes: the same on a quiet machine and on a busy one, unlike its time.
//!
//! `benches/instructions.sh` counts them with valgrind and compares with `benches/instructions.txt`. Without arguments
//! this only decides each case once, so that `cargo bench` needs no valgrind. `CASE COUNT` decides so many times; the
//! difference between two counts is the decisions alone, without what came before.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]
#![expect(clippy::print_stdout, reason = "the script reads the names")]

use std::collections::HashMap;
use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;

use sidegate::policy::context::Value;
use sidegate::policy::{
    Context, Kind, Layers, Policy, PolicySet, Principal, Request, Verdict, evaluate, parse,
};

struct Facts;

impl Context for Facts {
    fn get(&self, key: &str) -> Option<Value<'_>> {
        match key {
            "aws:sourceip" => Some(Value::Ip(IpAddr::from([203, 0, 113, 7]))),
            "aws:principaltag/team" => Some(Value::Text("images")),
            "aws:username" => Some(Value::Text("u7")),
            _ => None,
        }
    }
}

const CONDITION: &str = r#""Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"},"StringEquals":{"aws:PrincipalTag/team":"images"}}"#;
const FULL: &str = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;

fn policy(kind: Kind, statements: &str) -> Arc<Policy> {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    Arc::new(Policy::compile(&parse(&text, kind, "bench").unwrap(), "p"))
}

fn set(kind: Kind, policies: &[&str]) -> PolicySet {
    PolicySet::new(policies.iter().map(|text| policy(kind, text)).collect())
}

fn arn(number: usize) -> String {
    format!("arn:aws:iam::555566667777:user/u{number}")
}

/// Reads of orders under one prefix, from one range of addresses, by one team.
fn reads(prefix: &str, principal: &str) -> String {
    format!(
        r#"{{"Effect":"Allow",{principal}"Action":["orders:GetOrder","orders:ListOrders"],"Resource":"arn:aws:orders::555566667777:order/{prefix}/*",{CONDITION}}}"#
    )
}

/// Decides so many times, each time as wanted.
fn decide(number: usize, layers: &Layers<'_>, wanted: Verdict, count: u32) {
    let (arn, resource) = (
        arn(number),
        format!("arn:aws:orders::555566667777:order/{number}/42"),
    );
    let principal = Principal::User {
        account: "555566667777".into(),
        arn: arn.into(),
    };
    let request = Request {
        principal: &principal,
        action: "orders:GetOrder",
        resource: &resource,
        resource_account: Some("555566667777"),
        context: &Facts,
    };
    for _ in 0..count {
        let verdict = evaluate(black_box(&request), black_box(layers)).verdict;
        assert_eq!(verdict, wanted);
    }
}

/// Three attached policies, a boundary and two levels of SCPs.
fn layered(own: &str, guard: &str, wanted: Verdict, count: u32) {
    let identity = set(
        Kind::Identity,
        &[
            r#"{"Effect":"Allow","Action":"logs:*","Resource":"*"},{"Effect":"Deny","Action":"orders:Delete*","Resource":"*"}"#,
            r#"{"Effect":"Allow","Action":["s3:Get*","s3:List*"],"Resource":"arn:aws:s3:::images/*"}"#,
            own,
        ],
    );
    let boundary = set(
        Kind::Boundary,
        &[r#"{"Effect":"Allow","Action":["orders:*","s3:*","logs:*"],"Resource":"*"}"#],
    );
    let (first, second) = (set(Kind::Scp, &[FULL]), set(Kind::Scp, &[FULL, guard]));
    let layers = Layers {
        identity: &[&identity],
        boundary: Some(&boundary),
        scps: &[&first, &second],
        ..Layers::default()
    };
    decide(7, &layers, wanted, count);
}

fn spread(size: usize, count: u32) {
    let sets: HashMap<usize, PolicySet> = (0..size)
        .map(|number| {
            let own = set(Kind::Identity, &[&reads(&number.to_string(), "")]);
            (number, own)
        })
        .collect();
    let number = size / 2;
    let layers = Layers {
        identity: &[sets.get(&number).unwrap()],
        ..Layers::default()
    };
    decide(number, &layers, Verdict::Allowed, count);
}

fn together(size: usize, count: u32) {
    let statements: Vec<String> = (0..size)
        .map(|number| {
            let principal = format!(r#""Principal":{{"AWS":"{}"}},"#, arn(number));
            reads(&number.to_string(), &principal)
        })
        .collect();
    let all = set(Kind::Resource, &[&statements.join(",")]);
    let layers = Layers {
        resource: &[&all],
        ..Layers::default()
    };
    decide(size / 2, &layers, Verdict::Allowed, count);
}

const GUARD: &str =
    r#"{"Effect":"Deny","Action":["orders:DeleteDatabase","iam:*"],"Resource":"*"}"#;
const LOCK: &str = r#"{"Effect":"Deny","Action":"orders:*","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}"#;

const CASES: [&str; 11] = [
    "typical",
    "variables",
    "denied-by-scp",
    "spread-10",
    "spread-100",
    "spread-1000",
    "spread-10000",
    "together-10",
    "together-100",
    "together-1000",
    "together-10000",
];

fn run(case: &str, count: u32) {
    match case.split_once('-') {
        Some(("spread", size)) => spread(size.parse().unwrap(), count),
        Some(("together", size)) => together(size.parse().unwrap(), count),
        Some(("denied", _)) => layered(&reads("7", ""), LOCK, Verdict::ExplicitDeny, count),
        _ if case == "variables" => {
            let own = r#"{"Effect":"Allow","Action":"orders:Get*","Resource":"arn:aws:orders::555566667777:order/${aws:PrincipalTag/none, '7'}/*","Condition":{"StringLike":{"aws:username":"${aws:username}"}}}"#;
            layered(own, GUARD, Verdict::Allowed, count);
        }
        _ => layered(&reads("7", ""), GUARD, Verdict::Allowed, count),
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    if let [case, count] = &*arguments {
        run(case, count.parse().unwrap());
        return;
    }
    println!("{}", std::env::current_exe().unwrap().display());
    for case in CASES {
        run(case, 1);
        println!("{case}");
    }
}
