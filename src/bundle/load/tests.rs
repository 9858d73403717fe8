//! A small bundle that is sound, and what becomes of it when one thing is wrong.

mod faults;
mod sweep;
mod texts;
mod unused;

use super::*;
use crate::bundle::load;

const ACCOUNT: &str = "555566667777";

fn sound() -> Vec<(&'static str, &'static str)> {
    vec![
        (
            "organization.yaml",
            "id: o-example123\nmanagement_account: \"111111111111\"\nroot:\n  id: r-ex01\n  accounts: [\"111111111111\"]\n  organizational_units:\n    - name: workloads\n      scps: [FullAWSAccess, guard]\n      accounts: [{ id: \"555566667777\", rcps: [inside] }]\n",
        ),
        (
            "scps/guard.json",
            r#"{"Version":"2012-10-17","Statement":[{"Sid":"Guard","Effect":"Deny","Action":"db:Delete*","Resource":"*"}]}"#,
        ),
        (
            "rcps/inside.json",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"catalog:Delete*","Resource":"*"}]}"#,
        ),
        (
            "accounts/111111111111-management/account.yaml",
            "id: \"111111111111\"\nname: management\n",
        ),
        (
            "accounts/555566667777-production/account.yaml",
            "id: \"555566667777\"\nname: production\nalias: shop-prod\ntags: { stage: prod }\npassword_policy: { minimum_password_length: 14 }\n",
        ),
        (
            "managed/ReadOnlyAccess.json",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["catalog:Get*"],"Resource":"*"}]}"#,
        ),
        (
            "accounts/555566667777-production/policies/limits.json",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
        ),
        (
            "accounts/555566667777-production/policies/limits.yaml",
            "path: /team/\ndescription: What workloads may do at most.\n",
        ),
        (
            "accounts/555566667777-production/groups/readers.yaml",
            "managed_policies: [ReadOnlyAccess]\n",
        ),
        (
            "accounts/555566667777-production/users/alice.yaml",
            "path: /people/\ngroups: [readers]\npermissions_boundary: limits\ntags: { team: images }\nmfa_devices: [\"arn:aws:iam::555566667777:mfa/alice\"]\n",
        ),
        (
            "accounts/555566667777-production/roles/app.yaml",
            "trust_policy:\n  Version: \"2012-10-17\"\n  Statement:\n    - Effect: Allow\n      Principal: { Federated: \"arn:aws:iam::555566667777:oidc-provider/idp.example\" }\n      Action: sts:AssumeRoleWithWebIdentity\n      Condition: { StringEquals: { \"idp.example:aud\": shop } }\nmanaged_policies: [ReadOnlyAccess, \"arn:aws:iam::555566667777:policy/team/limits\"]\ninline_policies:\n  logs: { file: app-logs.json }\n",
        ),
        (
            "accounts/555566667777-production/roles/app-logs.json",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"logs:Put*","Resource":"*"}]}"#,
        ),
        (
            "accounts/555566667777-production/resources/images.yaml",
            "resource: arn:aws:catalog::555566667777:image/*\ntags: { classification: public }\npolicy:\n  Version: \"2012-10-17\"\n  Statement: { Effect: Allow, Principal: \"*\", Action: catalog:GetImage, Resource: \"*\" }\n",
        ),
        (
            "identity-providers/corp.yaml",
            "type: oidc\naccount: \"555566667777\"\nissuer: https://idp.example\naudiences: [shop]\nkeys: { discovery: true }\nmap: { role: \"{claim:role}\", groups: \"{claim:groups}\" }\n",
        ),
        (
            "permission-sets/Readers.yaml",
            "provider: corp\nmanaged_policies: [ReadOnlyAccess]\nassignments:\n  - { group: eng, account: \"555566667777\" }\n  - { group: ops, account: \"555566667777\" }\n",
        ),
        (
            "routes/catalog.yaml",
            "service: catalog\naccount: \"555566667777\"\nregion: us-east-1\nupstream: catalog\nroutes:\n  - match: GET /images/{id}\n    action: catalog:GetImage\n    resource: arn:{partition}:catalog::{account}:image/{id}\n",
        ),
        ("README.md", "# For people\n"),
    ]
}

fn files(all: &[(&str, &str)]) -> Files {
    let mut files = Files::new();
    for (path, text) in all {
        files.insert(path, text.as_bytes().to_vec());
    }
    files
}

/// The sound bundle with some files in place of others.
fn with(changes: &[(&'static str, &'static str)]) -> Files {
    let mut all = sound();
    for (path, text) in changes {
        all.retain(|(other, _)| other != path);
        all.push((path, text));
    }
    files(&all)
}

fn without(path: &str) -> Files {
    let mut all = sound();
    all.retain(|(other, _)| *other != path);
    files(&all)
}

/// The faults, as `id file:line:column`.
fn faults(files: &Files) -> Vec<String> {
    match load(files, &Options::default()) {
        Ok(snapshot) => snapshot.faults,
        Err(faults) => faults,
    }
    .iter()
    .filter(|fault| !is_finding(fault))
    .map(|fault| {
        let at = fault.span.start;
        format!("{} {}:{}:{}", fault.id, fault.file, at.line, at.column)
    })
    .collect()
}

/// A finding about a policy that is valid, not a fault of a file.
fn is_finding(fault: &Fault) -> bool {
    fault.severity == Severity::SecurityWarning || fault.id == "action-not-offered"
}

fn snapshot() -> Snapshot {
    match load(&files(&sound()), &Options::default()) {
        Ok(snapshot) => snapshot,
        Err(faults) => panic!("{faults:#?}"),
    }
}

#[test]
fn a_sound_bundle() {
    let snapshot = snapshot();
    // The example is drawn with a broad brush: findings about that are tested where they are made.
    assert!(
        snapshot.faults.iter().all(is_finding),
        "{:?}",
        snapshot.faults
    );
    assert_eq!(snapshot.digest.len(), 64);
    let directory = &snapshot.directory;
    let id = AccountId::parse(ACCOUNT).unwrap();
    let user = directory.user_named(id, "alice").unwrap();
    assert_eq!(&*user.arn, "arn:aws:iam::555566667777:user/people/alice");
    assert!(user.id.starts_with("AIDA") && user.id.len() == 21);
    assert_eq!(
        user.groups[0].policies.policies()[0].name(),
        "arn:aws:iam::aws:policy/ReadOnlyAccess"
    );
    assert_eq!(
        user.boundary.as_ref().unwrap().policies()[0].name(),
        "arn:aws:iam::555566667777:policy/team/limits"
    );
    let role = directory
        .role("arn:aws:iam::555566667777:role/app")
        .unwrap();
    let names: Vec<_> = role
        .policies
        .policies()
        .iter()
        .map(|policy| policy.name())
        .collect();
    assert_eq!(
        names,
        [
            "arn:aws:iam::aws:policy/ReadOnlyAccess",
            "arn:aws:iam::555566667777:policy/team/limits",
            "inline:logs"
        ]
    );
    assert_eq!(
        directory
            .account(id)
            .unwrap()
            .password_policy
            .minimum_length,
        14
    );
    assert_eq!(directory.organization_id(), Some("o-example123"));
    let path = directory.organization_path(id).unwrap();
    assert!(
        path.starts_with("o-example123/r-ex01/ou-ex01-") && path.ends_with('/'),
        "{path}"
    );
    let levels: Vec<Vec<_>> = directory
        .scps(id)
        .iter()
        .map(|level| {
            level
                .policies()
                .iter()
                .map(|policy| policy.name())
                .collect()
        })
        .collect();
    let full = "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess";
    let guard =
        "arn:aws:organizations::111111111111:policy/o-example123/service_control_policy/guard";
    assert_eq!(levels, [vec![full], vec![full, guard], vec![full]]);
    assert_eq!(directory.rcps(id).len(), 3);
    assert!(
        directory
            .scps(AccountId::parse("111111111111").unwrap())
            .is_empty()
    );
    let facts = directory.resources("arn:aws:catalog::555566667777:image/7");
    assert_eq!(facts.policies.len(), 1);
    assert_eq!(facts.tags[..], [("classification", "public")]);
    assert!(
        directory
            .resources("arn:aws:catalog::555566667777:price/7")
            .policies
            .is_empty()
    );
}

#[test]
fn a_permission_set_becomes_a_role_that_its_groups_open() {
    let snapshot = snapshot();
    let found: Vec<_> = snapshot.directory.permission_set_roles("corp").collect();
    assert_eq!(found.len(), 2);
    let (role, _) = found[0];
    assert_eq!(
        role.name.strip_prefix("AWSReservedSSO_Readers_").unwrap(),
        id::hex(&id::hash("Readers/555566667777"))
            .get(..16)
            .unwrap()
    );
    assert!(
        role.arn
            .contains(":role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Readers_")
    );
    let groups: Vec<_> = found.iter().map(|(_, group)| *group).collect();
    assert_eq!(groups, ["eng", "ops"]);
    assert!(
        role.trust
            .context_keys()
            .iter()
            .any(|key| **key == *"sidegate:mappedgroups")
    );
}

#[test]
fn all_faults_at_once_and_drawn() {
    let files = with(&[
        (
            "accounts/555566667777-production/users/alice.yaml",
            "gropus: [readers]\n",
        ),
        ("scps/guard.json", "{"),
        ("routes/catalog.yaml", "service: [catalog]\n"),
    ]);
    let faults = load(&files, &Options::default()).unwrap_err();
    let broken: std::collections::BTreeSet<&str> =
        faults.iter().map(|fault| &*fault.file).collect();
    assert_eq!(broken.len(), 3);
    let drawn = files.render(&faults[0]);
    assert_eq!(
        drawn,
        "error[unknown-key]: unknown key `gropus`\n  --> accounts/555566667777-production/users/alice.yaml:1:1\n   |\n 1 | gropus: [readers]\n   | ^^^^^^\n  = help: did you mean `groups`?\n"
    );
}

#[test]
fn missing_files() {
    assert_eq!(
        faults(&without("accounts/555566667777-production/account.yaml")),
        ["missing-file accounts/555566667777-production/groups/readers.yaml:1:1"]
    );
    let found = faults(&without("identity-providers/corp.yaml"));
    assert_eq!(
        found,
        [
            "dangling-reference accounts/555566667777-production/roles/app.yaml:5:31",
            "dangling-reference permission-sets/Readers.yaml:1:11",
        ]
    );
    assert_eq!(faults(&Files::new()), ["empty-bundle :0:0"]);
    // Whoever loses an organization loses what its policies forbid.
    let found = faults(&without("organization.yaml"));
    assert_eq!(
        found,
        [
            "missing-file rcps/inside.json:1:1",
            "missing-file scps/guard.json:1:1",
        ]
    );
    let found = faults(&with(&[("organization.yaml", "partition: aws\n")]));
    assert_eq!(
        found,
        [
            "missing-file rcps/inside.json:1:1",
            "missing-file scps/guard.json:1:1",
        ]
    );
    let mut alone = sound();
    alone.retain(|(path, _)| {
        !["organization.yaml", "rcps/inside.json", "scps/guard.json"].contains(path)
    });
    assert!(load(&files(&alone), &Options::default()).is_ok());
}

#[test]
fn upstreams_are_checked_where_they_are_known() {
    let options = |names: &[&str]| Options {
        known_upstreams: Some(names.iter().map(|name| (*name).to_owned()).collect()),
        strict: false,
    };
    assert!(load(&files(&sound()), &options(&["catalog", "x"])).is_ok());
    let faults = load(&files(&sound()), &options(&["catalogs"])).unwrap_err();
    assert_eq!(faults[0].help, "did you mean `catalogs`?");
}

#[test]
fn warnings_refuse_only_when_strict() {
    let files = with(&[(
        "accounts/555566667777-production/users/alice.yaml",
        "mfa_devices: [d12345678, d22345678, d32345678, d42345678, d52345678, d62345678, d72345678, d82345678, d92345678]\n",
    )]);
    let snapshot = load(&files, &Options::default()).unwrap();
    let of_files = snapshot.faults.iter().filter(|fault| !is_finding(fault));
    assert_eq!(of_files.count(), 1);
    let strict = Options {
        strict: true,
        ..Options::default()
    };
    assert!(load(&files, &strict).is_err());
}

/// The inline policy of a permission set becomes a role's, and is as long as that may be.
#[test]
fn a_permission_set_has_the_quota_of_a_role() {
    let told = |length: usize| {
        let text = format!(
            "provider: corp\ninline_policy: {{ Version: \"2012-10-17\", Statement: {{ Effect: Deny, Action: \"db:Drop\", Resource: \"arn:aws:db:::{}\" }} }}\nassignments:\n  - {{ group: eng, account: \"555566667777\" }}\n",
            "x".repeat(length)
        );
        let mut all = sound();
        all.retain(|(path, _)| *path != "permission-sets/Readers.yaml");
        all.push(("permission-sets/Readers.yaml", &text));
        faults(&files(&all))
    };
    assert!(told(10_000).is_empty(), "{:?}", told(10_000));
    assert_eq!(told(10_240), ["quota permission-sets/Readers.yaml:1:1"]);
}

#[test]
fn a_second_load_makes_anew_what_changed_and_keeps_the_rest() {
    let mut loader = Loader::default();
    let first = loader.load(&files(&sound()), &Options::default()).unwrap();
    let again = loader.load(&files(&sound()), &Options::default()).unwrap();
    assert_eq!((again.remade, &again.digest), (0, &first.digest));
    let id = AccountId::parse(ACCOUNT).unwrap();
    let user =
        |snapshot: &Snapshot| Arc::clone(snapshot.directory.user_named(id, "alice").unwrap());
    let role = |snapshot: &Snapshot| Arc::clone(snapshot.directory.role_named(id, "app").unwrap());
    assert!(Arc::ptr_eq(&user(&first), &user(&again)));

    let inline = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"logs:*","Resource":"*"}]}"#;
    let changed = with(&[(
        "accounts/555566667777-production/roles/app-logs.json",
        inline,
    )]);
    let third = loader.load(&changed, &Options::default()).unwrap();
    assert_eq!(third.remade, 1);
    assert!(Arc::ptr_eq(&user(&first), &user(&third)));
    assert!(!Arc::ptr_eq(&role(&first), &role(&third)));

    // A managed policy reaches the user through the group, which has to be made anew, too.
    let managed = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"catalog:*","Resource":"*"}]}"#;
    let fourth = loader
        .load(
            &with(&[("managed/ReadOnlyAccess.json", managed)]),
            &Options::default(),
        )
        .unwrap();
    assert!(!Arc::ptr_eq(&user(&third), &user(&fourth)));

    // A load that fails forgets nothing of the other files.
    let both = [
        ("managed/ReadOnlyAccess.json", managed),
        ("scps/guard.json", "{"),
    ];
    assert!(loader.load(&with(&both), &Options::default()).is_err());
    let fifth = loader
        .load(
            &with(&[("managed/ReadOnlyAccess.json", managed)]),
            &Options::default(),
        )
        .unwrap();
    assert_eq!(fifth.remade, 1);
    assert!(Arc::ptr_eq(&user(&fourth), &user(&fifth)));
}
