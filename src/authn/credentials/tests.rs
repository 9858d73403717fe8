use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::source::Fault;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const API_SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyz-_AB";

fn good() -> String {
    format!(
        r#"access_keys:
  - {{ id: AKIAIOSFODNN7EXAMPLE, secret: "{SECRET}", user: "arn:aws:iam::555566667777:user/ci/deployer", created: "2026-01-01T00:00:00Z" }}
  - {{ id: AKIAROOTROOTROOTROOT, secret: "{SECRET}", root: "111111111111", status: Inactive }}
api_keys:
  - {{ id: orders1, hash: "sha256:{}", user: "arn:aws:iam::555566667777:user/robot", expires: "2027-01-31T00:00:00Z" }}
sts_secrets:
  totp: [ {{ device: "arn:aws:iam::555566667777:mfa/alice", seed: JBSWY3DPEHPK3PXP }} ]
  passwords: [ {{ user: "arn:aws:iam::555566667777:user/alice", hash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA" }} ]
"#,
        crate::authn::hex(&sha256(API_SECRET.as_bytes()))
    )
}

fn read(text: &str) -> Result<Credentials, Vec<String>> {
    let files = [("credentials.yaml".to_owned(), text.to_owned())];
    super::read::read(&files).map_err(|faults| faults.iter().map(Fault::line).collect())
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

#[test]
fn what_stands_in_the_file() {
    let credentials = read(&good()).unwrap();
    let key = credentials.access_key("AKIAIOSFODNN7EXAMPLE").unwrap();
    assert_eq!(&**key.secret.expose(), SECRET);
    assert!(key.active && key.created.is_some());
    assert!(
        matches!(&key.owner, KeyOwner::User(arn) if **arn == *"arn:aws:iam::555566667777:user/ci/deployer")
    );
    let root = credentials.access_key("AKIAROOTROOTROOTROOT").unwrap();
    assert!(!root.active && matches!(root.owner, KeyOwner::Root(_)));
    assert!(credentials.access_key("AKIA").is_none());
    assert_eq!(credentials.count(), (2, 1));
    assert_eq!(credentials.sts().totp.len(), 1);
    assert_eq!(credentials.sts().passwords.len(), 1);
    let shown = format!("{credentials:?}");
    for secret in [SECRET, "JBSWY3DPEHPK3PXP", "argon2id"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn api_keys() {
    let text = good().replace(
        "api_keys:\n",
        &format!(
            "api_keys:\n  - {{ id: off00, status: Inactive, hash: \"sha256:{}\", user: \"arn:aws:iam::555566667777:user/robot\", expires: \"2027-01-31T00:00:00Z\" }}\n",
            crate::authn::hex(&sha256(API_SECRET.as_bytes()))
        ),
    );
    let credentials = read(&text).unwrap();
    let ask = |key: &str, now| {
        credentials
            .api_key(key.as_bytes(), at(now))
            .map(|key| key.user.to_string())
    };
    let end = 1_801_353_600;
    let good = format!("orders1_{API_SECRET}");
    let robot = Ok("arn:aws:iam::555566667777:user/robot".to_owned());
    assert_eq!(ask(&good, end - 1), robot);
    assert_eq!(ask(&good, end), Err(ApiKeyError::Expired));
    let inactive = ask(&format!("off00_{API_SECRET}"), 0);
    assert_eq!(inactive, Err(ApiKeyError::Inactive));
    for wrong in [
        format!("orders1_{API_SECRET}x"),
        format!("orders2_{API_SECRET}"),
        format!("orders1_{}", API_SECRET.to_uppercase()),
        format!("off00_{}", "x".repeat(40)),
    ] {
        assert_eq!(ask(&wrong, 0), Err(ApiKeyError::Unknown), "{wrong}");
    }
    for wrong in ["", "orders1", "orders1_", "orders1_short", "_x", "ä_x"] {
        assert_eq!(ask(wrong, 0), Err(ApiKeyError::Malformed), "{wrong}");
    }
    let long = format!("orders1_{}", "x".repeat(1000));
    assert_eq!(ask(&long, 0), Err(ApiKeyError::Malformed));
}

#[test]
fn faults_have_places_and_show_no_value() {
    let hidden = "hunter2hunter2hunter2";
    for (from, to, fault) in [
        (
            "AKIAIOSFODNN7EXAMPLE",
            "ASIAIOSFODNN7EXAMPLE",
            ":2:11: error[bad-access-key]",
        ),
        ("AKIAIOSFODNN7EXAMPLE", "AKIAshort", "bad-access-key"),
        (
            "AKIAROOTROOTROOTROOT",
            "AKIAIOSFODNN7EXAMPLE",
            ":3:11: error[duplicate-credential]",
        ),
        (SECRET, "short", "bad-secret"),
        (SECRET, "with space hunter2hunter2hunter2", "bad-secret"),
        (
            "user: \"arn:aws:iam::555566667777:user/ci",
            "uesr: \"arn:aws:iam::555566667777:user/ci",
            "unknown-key",
        ),
        ("secret: ", "hunter2hunter2hunter2: ", "unknown-key"),
        ("user/ci/deployer", "role/deployer", "bad-owner"),
        ("root: \"111111111111\"", "root: \"1111\"", "bad-owner"),
        ("root: \"111111111111\", ", "", "bad-owner"),
        (
            "root:",
            "user: \"arn:aws:iam::555566667777:user/x\", root:",
            "bad-owner",
        ),
        ("status: Inactive", "status: inactive", "wrong-type"),
        ("2026-01-01T00:00:00Z", "yesterday", "bad-time"),
        ("id: orders1", "id: ord", "bad-api-key"),
        ("id: orders1", "id: orders_1", "bad-api-key"),
        ("sha256:", "sha1:", "bad-api-key"),
        (", expires: \"2027-01-31T00:00:00Z\"", "", "missing-key"),
        ("JBSWY3DPEHPK3PXP", "hunter2hunter2hunter2", "bad-secret"),
        ("$argon2id$", "$2b$", "bad-secret"),
        ("api_keys:", "  hunter2hunter2hunter2 [", "invalid-yaml"),
        ("api_keys:", "access_keys:", "duplicate-key"),
        ("sts_secrets:", "hunter2hunter2hunter2:", "unknown-key"),
    ] {
        assert!(good().contains(from), "{from}");
        let faults = read(&good().replacen(from, to, 1)).unwrap_err().join("\n");
        assert!(faults.contains(fault), "{to}: {faults}");
        assert!(faults.starts_with("credentials.yaml:"), "{faults}");
        for secret in [hidden, SECRET, "JBSWY3DPEHPK3PXP", "aGFzaA"] {
            assert!(!faults.contains(secret), "{faults}");
        }
    }
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// As following does, twice a second.
fn look(store: &Store) {
    store.look(false);
    store.look(false);
}

#[test]
fn files_are_followed_and_faults_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials.yaml");
    write(&file, "access_keys: nonsense");
    let refused = Store::open(&file).unwrap_err().to_string();
    assert!(
        refused.contains("credentials.yaml:1:14: error"),
        "{refused}"
    );
    write(&file, "{}");
    let store = Store::open(&file).unwrap();
    let known = |store: &Store| store.current().count();
    look(&store);
    assert_eq!((known(&store), store.status()), ((0, 0), Status::default()));

    write(&file, &good());
    store.look(false);
    assert_eq!(known(&store), (0, 0), "not at rest yet");
    store.look(false);
    assert_eq!(known(&store), (2, 1));
    write(&file, "access_keys: [ {} ]");
    look(&store);
    assert_eq!(known(&store), (2, 1), "the last good ones");
    assert!(store.status().stale);
    fs::remove_file(&file).unwrap();
    look(&store);
    assert_eq!(known(&store), (2, 1));
    let failed = Status {
        succeeded: 1,
        failed: 2,
        stale: true,
    };
    assert_eq!(store.status(), failed);
    write(&file, "{}");
    look(&store);
    assert_eq!(known(&store), (0, 0), "keys that are gone are gone");
    assert!(!store.status().stale);
}

#[test]
fn a_folder_counts_as_one_file() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Store::open(folder.path()).is_err(), "nothing there");
    let (keys, more) = good()
        .split_once("sts_secrets:")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    write(&folder.path().join("keys.yaml"), &keys);
    write(
        &folder.path().join("sts.yaml"),
        &format!("sts_secrets:{more}"),
    );
    write(&folder.path().join(".hidden.yaml"), "nonsense");
    write(&folder.path().join("README"), "nonsense");
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.current().count(), (2, 1));
    assert_eq!(store.current().sts().totp.len(), 1);
    write(&folder.path().join("twice.yaml"), &keys);
    look(&store);
    assert!(store.status().stale, "the same keys twice");
}

#[test]
fn the_example_is_good() {
    let example = include_str!("../../../deploy/credentials.example.yaml");
    let credentials = read(example).unwrap();
    assert_eq!(credentials.count(), (2, 1));
    assert_eq!(credentials.sts().passwords.len(), 1);
}
