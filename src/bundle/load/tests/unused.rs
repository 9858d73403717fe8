//! What acts on nobody is told, and what does is not.

use super::{Files, Options, load, sound, with};

/// `id file`, of what is told about use.
fn told(files: &Files) -> Vec<String> {
    let found = match load(files, &Options::default()) {
        Ok(snapshot) => snapshot.faults,
        Err(faults) => panic!("{faults:#?}"),
    };
    let about = [
        "unattached-policy",
        "unused-policy",
        "unassigned-permission-set",
    ];
    (found.iter())
        .filter(|fault| about.contains(&fault.id))
        .map(|fault| format!("{} {}", fault.id, fault.file))
        .collect()
}

const DENY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"db:Drop","Resource":"*"}]}"#;
const RCP: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"db:Drop","Resource":"*"}]}"#;
const ORGANIZATION: &str = "id: o-example123\nmanagement_account: \"111111111111\"\nroot:\n  id: r-ex01\n  accounts: [{ id: \"111111111111\", scps: [FullAWSAccess, own], rcps: [own] }]\n  organizational_units:\n    - name: empty\n      scps: [FullAWSAccess, idle]\n    - name: workloads\n      scps: [FullAWSAccess, guard]\n      accounts: [{ id: \"555566667777\", rcps: [inside] }]\n";

#[test]
fn in_a_sound_bundle_all_is_used() {
    let none: [&str; 0] = [];
    assert_eq!(told(&super::files(&sound())), none);
}

#[test]
fn control_policies_that_limit_nobody() {
    let files = with(&[("scps/forgotten.json", DENY), ("rcps/forgotten.json", RCP)]);
    assert_eq!(
        told(&files),
        [
            "unattached-policy rcps/forgotten.json",
            "unattached-policy scps/forgotten.json",
        ]
    );
    // Attached, but no account is below that they act on.
    let files = with(&[
        ("organization.yaml", ORGANIZATION),
        ("scps/own.json", DENY),
        ("scps/idle.json", DENY),
        ("rcps/own.json", RCP),
    ]);
    assert_eq!(
        told(&files),
        [
            "unattached-policy rcps/own.json",
            "unattached-policy scps/idle.json",
            "unattached-policy scps/own.json",
        ]
    );
    let strict = Options {
        strict: true,
        ..Options::default()
    };
    let refused = load(&files, &strict).unwrap_err();
    assert!(refused.iter().any(|fault| fault.id == "unattached-policy"
        && fault.message.contains("below the levels")
        && fault.severity == crate::source::Severity::Error));
}

#[test]
fn managed_policies_and_permission_sets_of_nobody() {
    let own = "accounts/555566667777-production/policies/own.json";
    let files = with(&[
        (own, DENY),
        ("managed/Spare.json", DENY),
        (
            "permission-sets/Idle.yaml",
            "provider: corp\nmanaged_policies: [ReadOnlyAccess]\n",
        ),
    ]);
    assert_eq!(
        told(&files),
        [
            "unused-policy accounts/555566667777-production/policies/own.json",
            "unused-policy managed/Spare.json",
            "unassigned-permission-set permission-sets/Idle.yaml",
        ]
    );
    // A permission set has it, a boundary is it, an inline policy is its text.
    let files = with(&[
        (own, DENY),
        ("managed/Spare.json", DENY),
        ("managed/Limit.json", DENY),
        (
            "permission-sets/Readers.yaml",
            "provider: corp\nmanaged_policies: [Spare]\npermissions_boundary: Limit\nassignments:\n  - { group: eng, account: \"555566667777\" }\n",
        ),
        (
            "accounts/555566667777-production/groups/readers.yaml",
            "managed_policies: [ReadOnlyAccess]\ninline_policies: { x: { file: ../policies/own.json } }\n",
        ),
    ]);
    let none: [&str; 0] = [];
    assert_eq!(told(&files), none);
}
