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
    let (code, out, err) = support::run(&["check", "--format", "json"], root());
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
            // Predefined, as in AWS: nobody has it by default.
            ("unused-policy", "AdministratorAccess.json"),
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
        ("orders:Get Order", order, "`orders:Get Order` is no action"),
        ("orders:GetOrder ", order, "`orders:GetOrder ` is no action"),
        ("orders:Get:Order", order, "`orders:Get:Order` is no action"),
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

#[test]
fn simulate_knows_federated_users_and_that_root_assumes_no_role() {
    let site = tempfile::tempdir().unwrap();
    copy(&root().join("policies"), &site.path().join("policies"));
    let session = site.path().join("session.json");
    std::fs::write(&session, r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"databases:*","Resource":"*"}}"#).unwrap();
    let ana = "arn:aws:iam::555566667777:user/break-glass/break-glass-ana";
    let simulate = |principal: &str, more: &[&str]| {
        let action = ["--action", "databases:DescribeDatabase", "--resource"];
        let about = "arn:aws:databases::555566667777:database/orders";
        let all = [
            &["simulate", "--principal", principal][..],
            &action,
            &[about],
            more,
        ]
        .concat();
        support::run(&all, site.path())
    };
    let federated = "arn:aws:sts::555566667777:federated-user/guest";
    let (code, _, err) = simulate(federated, &[]);
    assert_eq!(code, 2);
    assert!(err.contains("--session-of"), "{err}");
    let (code, out, err) = simulate(federated, &["--session-of", ana]);
    assert_eq!(code, 1, "{err}");
    assert!(
        out.starts_with("implicitDeny: ") && out.contains("session policy: none was passed"),
        "{out}"
    );
    let mfa = [
        "--context",
        "aws:MultiFactorAuthPresent=true",
        "--context",
        "aws:MultiFactorAuthAge=60",
    ];
    let own = [
        "--session-of",
        ana,
        "--session-policy",
        session.to_str().unwrap(),
    ];
    let (code, out, err) = simulate(federated, &[&own[..], &mfa].concat());
    assert_eq!(code, 0, "{out}{err}");
    for (principal, more) in [
        (ana, &["--session-of", ana][..]),
        (ana, &["--session-policy", session.to_str().unwrap()]),
        (
            federated,
            &["--session-of", "arn:aws:iam::555566667777:user/nobody"],
        ),
        (
            "arn:aws:sts::111111111111:federated-user/guest",
            &["--session-of", ana],
        ),
    ] {
        assert_eq!(simulate(principal, more).0, 2, "{principal} {more:?}");
    }

    let role = "arn:aws:iam::555566667777:role/deploy";
    let root = "arn:aws:iam::555566667777:root";
    let assumes = [
        "simulate",
        "--action",
        "sts:AssumeRole",
        "--resource",
        role,
        "--principal",
        root,
    ];
    let (code, out, _) = support::run(&assumes, site.path());
    assert_eq!(code, 1, "{out}");
    let (_, told, _) = support::run(&["who-can", "sts:AssumeRole", role], site.path());
    assert!(
        !told
            .lines()
            .any(|line| line.contains(&format!("{root} may sts"))),
        "{told}"
    );
}

#[test]
fn simulate_adds_the_groups_that_a_token_names() {
    let bea = "arn:aws:iam::555566667777:user/staff/bea";
    let simulate = |principal: &str, more: &[&str]| {
        let asked = [
            "simulate",
            "--principal",
            principal,
            "--action",
            "orders:GetOrder",
            "--resource",
            "arn:aws:orders::555566667777:order/1001",
        ];
        support::run(&[&asked[..], more].concat(), root())
    };
    assert_eq!(simulate(bea, &[]).0, 1);
    let (code, out, err) = simulate(bea, &["--group", "Security-Audit"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("policy/SecurityAudit, statement 0"), "{out}");
    // One that she is in already adds nothing, and several add up.
    assert_eq!(
        simulate(bea, &["--group", "Billing-ReadOnly"]),
        simulate(bea, &[])
    );
    let both = ["--group", "Billing-ReadOnly", "--group", "DevOps-Admin"];
    assert_eq!(simulate(bea, &both).0, 0);
    for (principal, group, told) in [
        (bea, "Security-Audits", "did you mean Security-Audit?"),
        (
            bea,
            "nobody",
            "the account 555566667777 has no group nobody",
        ),
        ("anonymous", "DevOps-Admin", "anonymous is no user"),
        (
            "arn:aws:iam::555566667777:role/deploy",
            "DevOps-Admin",
            "is no user",
        ),
    ] {
        let (code, out, err) = simulate(principal, &["--group", group]);
        assert_eq!((code, &*out), (2, ""), "{err}");
        assert!(err.contains(told), "{err}");
    }
}

#[test]
fn who_can_names_what_decides_with_a_claimed_group() {
    let order = "arn:aws:orders::555566667777:order/1001";
    let asked = ["who-can", "orders:GetOrder", order, "--format", "json"];
    let (_, out, _) = support::run(&asked, root());
    let answer: Value = serde_json::from_str(&out).unwrap();
    let of = |name: &str| -> Vec<(String, Value)> {
        let all = answer["principals"].as_array().unwrap().iter();
        all.filter(|who| who["principal"].as_str().unwrap().ends_with(name))
            .map(|who| {
                (
                    who["words"].as_str().unwrap().to_owned(),
                    who["claimed"]["group"].clone(),
                )
            })
            .collect()
    };
    let ana = of("/break-glass-ana");
    assert_eq!(ana.len(), 3, "{out}");
    for (words, group) in ana {
        match group.as_str() {
            None => assert!(words.ends_with(" under conditions"), "{words}"),
            Some(group) => assert!(
                !words.contains("break-glass,")
                    && words.contains(if group == "DevOps-Admin" {
                        "ReadOnlyAccess"
                    } else {
                        "SecurityAudit"
                    }),
                "{words}"
            ),
        }
    }
}

/// The same decision as a table and as data: the exhaustive comparison is a test of the engine.
#[test]
fn simulate_says_the_same_as_table_and_as_data() {
    for (principal, action, resource) in [
        (
            "arn:aws:iam::555566667777:user/break-glass/break-glass-ana",
            "databases:DescribeDatabase",
            "arn:aws:databases::555566667777:database/orders",
        ),
        (
            "arn:aws:iam::555566667777:user/break-glass/break-glass-ana",
            "databases:DeleteDatabase",
            "arn:aws:databases::555566667777:database/orders",
        ),
        (
            "arn:aws:iam::555566667777:root",
            "orders:GetOrder",
            "arn:aws:orders::555566667777:order/7",
        ),
        (
            "anonymous",
            "orders:GetOrder",
            "arn:aws:orders::555566667777:order/7",
        ),
    ] {
        let asked = [
            "simulate",
            "--principal",
            principal,
            "--action",
            action,
            "--resource",
            resource,
        ];
        let (code, table, err) = support::run(&asked, root());
        let (same, data, _) = support::run(&[&asked[..], &["--format", "json"]].concat(), root());
        assert_eq!(code, same, "{err}");
        let data: Value = serde_json::from_str(&data).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let words = format!(
            "{}: {}",
            text(&data["decision"]),
            text(&data["reason"]["words"])
        );
        assert_eq!(table.lines().next(), Some(&*words));
        for layer in data["layers"].as_array().unwrap() {
            for policy in layer["policies"].as_array().unwrap() {
                assert!(
                    table.contains(&text(&policy["policy"])),
                    "{policy}\n{table}"
                );
                for statement in policy["statements"].as_array().unwrap() {
                    let applies = statement["applies"] == true;
                    assert_eq!(
                        applies,
                        statement["failed"].as_array().is_none(),
                        "{statement}"
                    );
                }
            }
        }
        for missing in data["missing"].as_array().into_iter().flatten() {
            for lack in missing["nearest"]["lacks"].as_array().into_iter().flatten() {
                assert!(table.contains(&text(&lack["element"])), "{lack}\n{table}");
            }
        }
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
