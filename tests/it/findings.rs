//! What is asked of a bundle offline: findings about its policies, and who may do what.

use std::path::Path;

use serde_json::Value;

use crate::support;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn planted_policies_are_found_at_their_place() {
    let site = tempfile::tempdir().unwrap();
    copy(&root().join("policies"), &site.path().join("policies"));
    let planted = "accounts/555566667777-production/policies/planted.json";
    let text = r#"{
  "Statement": [
    { "Effect": "Allow", "NotAction": "iam:*", "Resource": "arn:aws:s3:::a" },
    { "Effect": "Allow", "Action": "iam:Pass*", "Resource": "*" },
    { "Effect": "Allow", "Action": ["orders:GetOrders", "orders:Get*", "orders:GetOrder"], "Resource": "arn:aws:orders:::${aws:username}" },
    { "Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::b" },
    { "Effect": "Allow", "Action": "sqs:Get", "Resource": "*", "Condition": { "Null": { "a:b": "true" }, "StringEquals": { "a:b": "x" } } }
  ]
}"#;
    std::fs::write(site.path().join("policies").join(planted), text).unwrap();
    let arguments = ["check", "--format", "json"];
    let (code, out, err) = support::run(&arguments, site.path());
    assert_eq!(code, 0, "findings do not refuse a bundle: {out}\n{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    let findings = report["findings"].as_array().unwrap();
    for (id, line) in [
        ("allow-not-action", 3),
        ("pass-role-wildcard", 4),
        ("action-not-offered", 5),
        ("redundant-action", 5),
        ("variable-needs-version", 5),
        ("allow-not-resource", 6),
        ("condition-never", 7),
    ] {
        let found = findings.iter().find(|finding| {
            finding["id"] == id
                && finding["file"] == planted
                && finding["span"]["start"]["line"] == line
                && finding["span"]["start"]["column"].as_u64() > Some(1)
        });
        assert!(found.is_some(), "no {id} on line {line}: {out}");
    }
    let (code, out, _) = support::run(&["check", "--strict"], site.path());
    assert_eq!(code, 1, "{out}");
}

#[test]
fn the_example_has_deliberate_findings_only() {
    let (code, out, err) = support::run(&["check", "--strict", "--format", "json"], root());
    assert_eq!(code, 0, "{out}\n{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    let mut found: Vec<_> = (report["findings"].as_array().unwrap().iter())
        .map(|finding| {
            let file = finding["file"].as_str().unwrap().rsplit('/').next();
            (finding["id"].as_str().unwrap(), file.unwrap())
        })
        .collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            // Investigators are told by a group, not by name.
            ("open-federation", "investigator.trust.json"),
            // Both grant everything, on purpose; the second under MFA.
            ("pass-role-wildcard", "AdministratorAccess.json"),
            ("pass-role-wildcard", "break-glass.json"),
            // The public-picture story.
            ("public-principal", "public-images.yaml"),
        ]
    );
}

#[test]
fn who_can_names_them_and_says_so_in_its_exit_code() {
    let picture = "arn:aws:nothing::555566667777:at-all";
    let (code, out, err) = support::run(
        &["who-can", "nothing:Known", picture, "--format", "json"],
        root(),
    );
    let answer: Value = serde_json::from_str(&out).unwrap();
    let may = |answer: &Value| {
        let all = answer["principals"].as_array().unwrap();
        all.iter()
            .filter(|who| who["answer"] != "refusedByOneLayer")
            .map(|who| who["principal"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(code == 0, !may(&answer).is_empty(), "{out}\n{err}");

    let order = "arn:aws:orders:us-east-1:555566667777:order/7";
    let (code, out, err) = support::run(
        &["who-can", "orders:GetOrder", order, "--format", "json"],
        root(),
    );
    assert_eq!(code, 0, "{out}\n{err}");
    let answer: Value = serde_json::from_str(&out).unwrap();
    let names = may(&answer);
    assert!(
        names
            .iter()
            .any(|name| name == "arn:aws:iam::555566667777:root"),
        "{out}"
    );
    let (code, table, _) = support::run(&["who-can", "orders:GetOrder", order], root());
    assert_eq!(code, 0);
    for name in names {
        assert!(table.contains(&name), "{name} is missing:\n{table}");
    }
}

#[test]
fn who_can_answers_no_nonsense() {
    let order = "arn:aws:orders:us-east-1:555566667777:order/7";
    for (action, resource, told) in [
        ("nope", order, "`nope` is no action"),
        ("orders:", order, "`orders:` is no action"),
        (":GetOrder", order, "`:GetOrder` is no action"),
        ("orders:*", order, "`orders:*` is no action"),
        ("orders:Get?rder", order, "`orders:Get?rder` is no action"),
        ("orders:GetOrder", "x", "`x` is no resource"),
        ("orders:GetOrder", "arn:x", "`arn:x` is no resource"),
        ("orders:GetOrder", "", "`` is no resource"),
    ] {
        let (code, out, err) = support::run(&["who-can", action, resource], root());
        assert_eq!((code, &*out), (2, ""), "{action} {resource}: {err}");
        assert!(err.contains(told), "{err}");
        let simulated = ["simulate", "--principal", "anonymous", "--action", action];
        let simulated = [&simulated[..], &["--resource", resource]].concat();
        assert_eq!(support::run(&simulated, root()), (code, out, err));
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
