//! What a simulation supplies, held against what the proxy supplies.

use serde_json::json;

use super::*;
use crate::authn::named;
use crate::bundle::{Files, Options};
use crate::gate::context::{DecisionContext, RequestFacts};

const ACCOUNT: &str = "555566667777";
const RESOURCE: &str = "arn:aws:orders::555566667777:order/7";

/// Every key that rests on more than what a client sends, with some that nobody supplies.
const KEYS: [&str; 35] = [
    "aws:assumedroot",
    "aws:calledvia",
    "aws:calledviafirst",
    "aws:calledvialast",
    "aws:currenttime",
    "aws:epochtime",
    "aws:federatedprovider",
    "aws:multifactorauthage",
    "aws:multifactorauthpresent",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalisawsservice",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalservicename",
    "aws:principalservicenameslist",
    "aws:principaltag/nosuch",
    "aws:principaltag/team",
    "aws:principaltype",
    "aws:requestedregion",
    "aws:requesttag/team",
    "aws:resourceaccount",
    "aws:resourceorgid",
    "aws:resourceorgpaths",
    "aws:resourcetag/kind",
    "aws:resourcetag/nosuch",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceidentity",
    "aws:sourceorgid",
    "aws:tagkeys",
    "aws:tokenissuetime",
    "aws:userid",
    "aws:username",
    "aws:viaawsservice",
];

fn snapshot() -> Snapshot {
    let mut files = Files::new();
    let account = format!("accounts/{ACCOUNT}-app");
    for (path, content) in [
        (
            "organization.yaml".to_owned(),
            json!({"partition": "aws", "id": "o-testtesttest", "management_account": "111111111111",
                "root": {"accounts": ["111111111111", ACCOUNT]}}),
        ),
        (
            "accounts/111111111111-main/account.yaml".to_owned(),
            json!({"id": "111111111111", "name": "main"}),
        ),
        (
            format!("{account}/account.yaml"),
            json!({"id": ACCOUNT, "name": "app"}),
        ),
        (
            format!("{account}/users/ann.yaml"),
            json!({"tags": {"Team": "a"}, "inline_policies": {"own": {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "orders:Get", "Resource": "*",
                 "Condition": {"Bool": {"aws:ViaAWSService": "false"}}}]}}}),
        ),
        (
            format!("{account}/roles/app.yaml"),
            json!({"tags": {"Team": "b"}, "trust_policy": {"Version": "2012-10-17", "Statement": {
                "Effect": "Allow", "Principal": {"Service": "jobs.example.com"}, "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:ResourceTag/team": "b"}}}}}),
        ),
        (
            format!("{account}/resources/orders.yaml"),
            json!({"resource": "arn:aws:orders::555566667777:order/*", "tags": {"Kind": "order"},
                "policy": {"Version": "2012-10-17", "Statement": {
                "Effect": "Allow", "Principal": "*", "Action": "orders:Get", "Resource": "arn:aws:orders::555566667777:order/*",
                "Condition": {"ForAnyValue:StringEquals": {"aws:PrincipalServiceNamesList": "jobs.example.com"}}}}}),
        ),
    ] {
        files.insert(&path, content.to_string().into_bytes());
    }
    crate::bundle::load(&files, &Options::default()).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn question<'a>(identity: &'a Identity, action: &'a str, resource: &'a str) -> Question<'a> {
    static NOTHING: std::sync::LazyLock<Map> = std::sync::LazyLock::new(Map::new);
    Question {
        identity,
        action,
        resource,
        resource_account: None,
        context: &NOTHING,
        now: Timestamp::from_seconds(1_800_000_000),
    }
}

#[test]
fn a_simulation_supplies_what_the_proxy_supplies() {
    let snapshot = snapshot();
    let directory = &snapshot.directory;
    let account = AccountId::parse(ACCOUNT).unwrap();
    let facts = directory.resources(RESOURCE);
    for principal in [
        "arn:aws:iam::555566667777:user/ann",
        "arn:aws:iam::555566667777:role/app",
        "arn:aws:sts::555566667777:assumed-role/app/s",
        "arn:aws:iam::555566667777:root",
        "jobs.example.com",
        "anonymous",
    ] {
        let mut identity = named(principal, None, directory).unwrap();
        identity.mfa_authenticated_at = Some(Timestamp::from_seconds(1_799_999_000));
        identity.mfa_present = Some(true);
        let question = question(&identity, "orders:Get", RESOURCE);
        let simulated = Simulated {
            question: &question,
            snapshot: &snapshot,
            directory,
            account: Some(account),
            tags: &facts.tags,
        };
        let known = (identity.principal != Principal::Anonymous).then_some(&identity);
        let supplied = DecisionContext {
            request: RequestFacts {
                now: question.now,
                source: "127.0.0.1".parse().unwrap(),
                secure: true,
                user_agent: None,
                referer: None,
                region: "eu-west-1",
            },
            identity: known,
            directory,
            resource_account: account,
            resource_tags: &facts.tags,
            route: &[],
        };
        let mut count = 0;
        for key in KEYS {
            // Without a service in the bundle there is no region.
            let open = key == "aws:requestedregion"
                || (known.is_none() && key.starts_with("aws:multifactor"));
            if !open {
                assert_eq!(simulated.get(key), supplied.get(key), "{principal} {key}");
                count += usize::from(supplied.get(key).is_some());
            }
        }
        assert!(count >= 9, "{principal} {count}");
    }
}

#[test]
fn what_every_request_has_is_simulated() {
    let snapshot = snapshot();
    let directory = &snapshot.directory;
    for (principal, action, resource) in [
        ("arn:aws:iam::555566667777:user/ann", "orders:Get", RESOURCE),
        ("jobs.example.com", "orders:Get", RESOURCE),
        (
            "jobs.example.com",
            "sts:AssumeRole",
            "arn:aws:iam::555566667777:role/app",
        ),
    ] {
        let identity = named(principal, None, directory).unwrap();
        let told = explain(&snapshot, &question(&identity, action, resource));
        assert_eq!(told.decision, Verdict::Allowed, "{}", told.table());
    }
}
