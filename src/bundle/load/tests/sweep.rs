//! The example bundle with one edit each: whatever is wrong is one fault, at its very place, drawn and with its mend.

#![expect(clippy::arithmetic_side_effects, reason = "tests count small things")]

use std::path::Path;

use super::super::*;
use crate::bundle::load;
use crate::source::Fault;

const PROD: &str = "accounts/555566667777-production";

/// A file (`P/` is production's folder), what stands in it, what is put there instead with `»` before the place of the
/// fault, and its id.
type Edit = (&'static str, &'static str, &'static str, &'static str);

/// What names something that is not there.
#[rustfmt::skip]
const DANGLING: &[Edit] = &[
    ("P/groups/DevOps-Admin.yaml", "[ReadOnlyAccess,", "[»ReadOnly,", "dangling-reference"),
    ("P/roles/image-service.yaml", "[\"arn:aws:iam::555566667777:policy/product-images\"]", "[»\"arn:aws:iam::555566667777:policy/product-image\"]", "dangling-reference"),
    ("P/roles/image-service.yaml", "boundary: workload-boundary", "boundary: »workload-bound", "dangling-reference"),
    ("P/users/bea.yaml", "groups: [Billing-ReadOnly]", "groups: [»Billing]", "dangling-reference"),
    ("P/roles/deploy.yaml", "max_session_duration: 3600", "permissions_boundary: »none", "dangling-reference"),
    ("organization.yaml", "no-destructive-actions, protect-audit", "»no-destruction, no-destructive-actions, protect-audit", "dangling-reference"),
    ("organization.yaml", "[secrets-stay-inside]", "[secrets-stay-inside, »secrets]", "dangling-reference"),
    ("organization.yaml", "[FullAWSAccess, only-home-region]", "[FullAWSAccess, »only-home]", "dangling-reference"),
    ("organization.yaml", "{ id: \"666666666666\" }", "{ id: \"666666666666\" }\n            - { id: »\"777777777777\" }", "dangling-reference"),
    ("organization.yaml", "management_account: \"111111111111\"", "management_account: »\"111111111110\"", "missing-account"),
    ("P/users/bea.yaml", "path: /staff/", "inline_policies: { x: { file: »none.json } }", "dangling-reference"),
    ("permission-sets/SecurityAudit.yaml", "provider: corp", "provider: »crop", "dangling-reference"),
    ("permission-sets/SecurityAudit.yaml", "[SecurityAudit]", "[»SecurityAudits]", "dangling-reference"),
    ("permission-sets/SecurityAudit.yaml", "account: \"555566667777\"", "account: »\"555566667770\"", "dangling-reference"),
    ("identity-providers/ci.yaml", "account: \"444444444444\"", "account: »\"444444444440\"", "dangling-reference"),
    ("identity-providers/corp.yaml", "\"666666666666\"]", "\"666666666666\", »\"666666666660\"]", "dangling-reference"),
    ("identity-providers/ci.yaml", "{ discovery: true }", "{ file: »keys.json }", "dangling-reference"),
    ("routes/orders.yaml", "upstream: orders", "upstream: »order", "dangling-reference"),
    ("routes/orders.yaml", "upstream: orders", "upstream: orders\nproviders: [»crop]", "dangling-reference"),
    ("routes/orders.yaml", "upstream: orders", "upstream: orders\naudiences: [»nobody]", "dangling-reference"),
    ("routes/orders.yaml", "account: \"555566667777\"", "account: »\"555566667770\"", "dangling-reference"),
    ("routes/orders.yaml", "upstream: orders", "upstream: orders\nopenapi: »api.yaml", "dangling-reference"),
];

/// What is unknown, said twice, of the wrong type or missing.
#[rustfmt::skip]
const SHAPE: &[Edit] = &[
    ("organization.yaml", "partition: aws", "»partitions: aws", "unknown-key"),
    ("organization.yaml", "id: ou-sc01-security", "id: ou-sc01-security\n      »scp: []", "unknown-key"),
    ("P/account.yaml", "alias:", "»aliaz:", "unknown-key"),
    ("P/account.yaml", "require_numbers", "»require_digits", "unknown-key"),
    ("P/users/bea.yaml", "tags:", "»tag:", "unknown-key"),
    ("P/groups/DevOps-Admin.yaml", "managed_policies: [", "»tags: {}\nmanaged_policies: [", "unknown-key"),
    ("P/roles/deploy.yaml", "max_session_duration", "»max_session_time", "unknown-key"),
    ("P/policies/workload-boundary.yaml", "description", "»descripton", "unknown-key"),
    ("P/resources/product-images.yaml", "tags:", "»tagz:", "unknown-key"),
    ("permission-sets/SecurityAudit.yaml", "session_duration", "»duration", "unknown-key"),
    ("permission-sets/SecurityAudit.yaml", "{ group:", "{ »user: x, group:", "unknown-key"),
    ("identity-providers/ci.yaml", "algorithms", "»algorithm", "unknown-key"),
    ("identity-providers/ci.yaml", "session_name", "»session", "unknown-key"),
    ("routes/orders.yaml", "preflight", "»prefligth", "unknown-key"),
    ("routes/orders.yaml", "    resource_tags:", "    »resource_tagz:", "unknown-key"),
    ("scps/no-destructive-actions.json", "\"Sid\"", "»\"Sit\"", "unknown-member"),
    ("scps/no-destructive-actions.json", "\"Version\"", "»\"Versions\"", "unknown-member"),
    ("organization.yaml", "partition: aws", "partition: aws\n»partition: aws", "duplicate-key"),
    ("P/users/bea.yaml", "path: /staff/", "path: /staff/\n»path: /staff/", "duplicate-key"),
    ("routes/orders.yaml", "action: orders:GetOrder", "action: orders:GetOrder\n    »action: orders:GetOrder", "duplicate-key"),
    ("scps/no-destructive-actions.json", "\"Effect\": \"Deny\",", "\"Effect\": \"Deny\",\n      »\"Effect\": \"Deny\",", "duplicate-key"),
    ("P/roles/deploy.trust.json", "\"StringEquals\": {", "\"StringEquals\": {}, »\"StringEquals\": {", "duplicate-key"),
    ("scps/only-home-region.json", "\"StringNotEquals\"", "»\"StringNotEqual\"", "unknown-operator"),
    ("P/roles/deploy.trust.json", "\"StringEquals\"", "»\"StringEqual\"", "unknown-operator"),
    ("scps/no-destructive-actions.json", "\"Deny\"", "»\"deny\"", "bad-effect"),
    ("P/account.yaml", "tags: { environment: production }", "tags: »[environment]", "wrong-type"),
    ("P/account.yaml", "minimum_password_length: 16", "minimum_password_length: »\"16\"", "wrong-type"),
    ("P/users/bea.yaml", "groups: [Billing-ReadOnly]", "groups: »Billing-ReadOnly", "wrong-type"),
    ("P/users/bea.yaml", "tags: { team: finance }", "tags: »*x", "invalid-yaml"),
    ("P/users/bea.yaml", "tags: { team: finance }", "tags: { team: »7 }", "wrong-type"),
    ("P/roles/deploy.yaml", "max_session_duration: 3600", "max_session_duration: »hour", "wrong-type"),
    ("identity-providers/ci.yaml", "audiences: [sidegate]", "audiences: »sidegate", "wrong-type"),
    ("permission-sets/SecurityAudit.yaml", "session_duration: 14400", "session_duration: »long", "wrong-type"),
    ("P/account.yaml", "id: \"555566667777\"\nname: SecureCart production\n", "»id: \"555566667777\"\n", "missing-key"),
    ("identity-providers/ci.yaml", "type: oidc\naccount: \"444444444444\"\ntrusted_in: [\"444444444444\"]\nissuer: https://ci.securecart.example\n", "»type: oidc\naccount: \"444444444444\"\ntrusted_in: [\"444444444444\"]\n", "missing-key"),
    ("P/resources/product-images.yaml", "resource: arn:aws:catalog::555566667777:image/*\ntags", "»tags", "missing-key"),
    ("permission-sets/SecurityAudit.yaml", "provider: corp\nsession_duration", "»session_duration", "missing-key"),
    ("routes/payments.yaml", "service: payments\naccount: \"555566667777\"\nregion: us-east-1\nhosts: [payments.securecart.internal]\nupstream: payments\n", "»service: payments\naccount: \"555566667777\"\nregion: us-east-1\nhosts: [payments.securecart.internal]\n", "missing-key"),
    ("routes/orders.yaml", "match: GET,HEAD /customers/{customer}/orders/{id}\n    action: orders:GetOrder\n", "»match: GET,HEAD /customers/{customer}/orders/{id}\n", "missing-key"),
];

/// ARNs that are none, and texts that cannot be read.
#[rustfmt::skip]
const TEXT: &[Edit] = &[
    ("P/roles/image-service.yaml", "\"arn:aws:iam::555566667777:policy/product-images\"", "»\"arn:aws:iam:555566667777:policy/product-images\"", "malformed-arn"),
    ("P/roles/image-service.yaml", "boundary: workload-boundary", "boundary: »arn:aws:iam::x", "malformed-arn"),
    ("P/users/break-glass-ana.yaml", "\"arn:aws:iam::555566667777:mfa/break-glass-ana\"", "»\"arn:aws:iam::5555:mfa/break-glass-ana\"", "malformed-arn"),
    ("P/resources/product-images.yaml", "resource: arn:aws:catalog::555566667777:image/*", "resource: »arn:aws:catalog:image", "malformed-arn"),
    ("P/roles/deploy.trust.json", "\"arn:aws:iam::444444444444:role/ci/pipeline\"", "»\"arn:aws:iam:444444444444:role/ci/pipeline\"", "bad-principal"),
    ("routes/orders.yaml", "resource: arn:{partition}:orders::{account}:order/{id}", "resource: »order/{id}", "bad-resource"),
    ("scps/no-destructive-actions.json", "\"secrets:DeleteSecret\"", "»\"secretsDeleteSecret\"", "bad-action"),
    ("scps/no-destructive-actions.json", "\"secrets:DeleteSecret\"\n", "\"secrets:DeleteSecret»\n", "invalid-json"),
];

fn example() -> Files {
    Files::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"))
}

fn errors(files: &Files) -> Vec<Fault> {
    let names = [
        "orders",
        "catalog",
        "payments",
        "deployments",
        "secrets",
        "databases",
    ];
    let options = Options {
        known_upstreams: Some(names.map(str::to_owned).to_vec()),
        ..Options::default()
    };
    let faults = load(files, &options).err().unwrap_or_default();
    let errors = faults
        .into_iter()
        .filter(|fault| fault.severity == Severity::Error);
    errors.collect()
}

fn edited(edits: &[(String, Vec<u8>)]) -> Files {
    let mut files = Files::new();
    for (path, text) in example().iter() {
        let edit = edits.iter().find(|(edited, _)| **edited == **path);
        let content = edit.map_or_else(|| text.as_bytes().to_vec(), |(_, bytes)| bytes.clone());
        files.insert(path, content);
    }
    files
}

/// The path, its new text, and line and column of the mark.
fn apply(edit: &Edit) -> (String, String, (u32, u32)) {
    let (path, old, new, _) = edit;
    let path = path.replace("P/", &format!("{PROD}/"));
    let text = example().text(&path).unwrap_or_default().to_owned();
    assert!(text.contains(old), "{path} has no {old:?}");
    let marked = text.replacen(old, new, 1);
    let (before, _) = marked.split_once('»').unwrap();
    let line = before.matches('\n').count() + 1;
    let last = before.rsplit('\n').next().unwrap_or_default();
    let at = (
        u32::try_from(line).unwrap(),
        u32::try_from(last.chars().count() + 1).unwrap(),
    );
    (path, marked.replace('»', ""), at)
}

#[test]
fn every_edit_is_one_fault_at_its_place() {
    assert!(errors(&example()).is_empty(), "{:?}", errors(&example()));
    let mut wrong = Vec::new();
    let mut count = 0;
    for edit in DANGLING.iter().chain(SHAPE).chain(TEXT) {
        let (path, text, at) = apply(edit);
        let files = edited(&[(path.clone(), text.into_bytes())]);
        let found = errors(&files);
        count += 1;
        let good = match &found[..] {
            [fault] => {
                let start = fault.span.start;
                let drawn = files.render(fault);
                *fault.file == *path
                    && fault.id == edit.3
                    && at == (start.line, start.column)
                    && drawn.contains('^')
                    && drawn.contains(&format!(":{}:{}", start.line, start.column))
                    && !fault.help.is_empty()
            }
            _ => false,
        };
        if !good {
            let found: Vec<String> = found
                .iter()
                .map(|fault| format!("{} {}", fault.id, fault.line()))
                .collect();
            wrong.push(format!(
                "{} {:?} -> {:?} at {at:?}, {}:\n    {found:#?}",
                edit.0, edit.1, edit.2, edit.3
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(count >= 60, "{count}");
}

/// What is no text, or empty, in every place where a file says something.
#[test]
fn no_text_and_no_content_are_one_fault() {
    let example = example();
    for (path, _) in example.iter().filter(|(path, _)| !path.ends_with(".md")) {
        for content in [&b"\xff"[..], b""] {
            let found = errors(&edited(&[(path.to_string(), content.to_vec())]));
            let own: Vec<_> = found.iter().filter(|fault| fault.file == *path).collect();
            assert!(!found.is_empty(), "{path} {content:?}");
            assert!(!own.is_empty(), "{path} {content:?}: {found:#?}");
        }
    }
}

#[test]
fn two_faults_in_two_files_are_both_told() {
    let (one, other) = (&DANGLING[0], &SHAPE[0]);
    let (first, second) = (apply(one), apply(other));
    let files = edited(&[
        (first.0.clone(), first.1.into_bytes()),
        (second.0.clone(), second.1.into_bytes()),
    ]);
    let mut found: Vec<_> = errors(&files)
        .iter()
        .map(|fault| fault.file.to_string())
        .collect();
    found.sort();
    assert_eq!(found, [first.0, second.0]);
}
