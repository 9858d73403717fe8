//! `sidegate keyring`: its files are for their owner alone, and nothing that it prints is a secret.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

fn keyring(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sidegate"))
        .current_dir(folder)
        .arg("keyring")
        .args(arguments)
        .output()
        .unwrap()
}

/// Everything printed, which holds no value of the file.
fn said(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = keyring(folder, arguments);
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    let text = fs::read_to_string(folder.join("keyring.yaml")).unwrap_or_default();
    for line in text
        .lines()
        .filter(|line| line.contains("_key: ") || line.contains("_secret: "))
    {
        let value = line.rsplit(' ').next().unwrap();
        assert!(!said.contains(value), "{said}");
    }
    said
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_keyring_from_its_first_key_to_an_export() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let file = folder.join("keyring.yaml");
    assert!(said(folder, &["list"], 2).contains("sidegate keyring new"));
    said(folder, &["new"], 0);
    assert_eq!(mode(&file), 0o600);
    let first = fs::read_to_string(&file).unwrap();
    said(folder, &["new"], 2);
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        first,
        "never overwritten"
    );
    said(folder, &["rotate"], 0);
    assert_eq!(mode(&file), 0o600);
    said(folder, &["rotate", "--after", "3600"], 0);
    let listed = said(folder, &["list"], 0);
    let rows: Vec<Vec<&str>> = listed
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect())
        .collect();
    let states: Vec<&str> = rows.iter().map(|row| row[1]).collect();
    assert_eq!(states, ["opening", "sealing", "coming"], "{listed}");
    assert!(said(folder, &["retire", rows[1][0]], 2).contains("rotate"));
    said(folder, &["retire", rows[0][0]], 0);
    said(folder, &["export", "sidecar.yaml"], 2);
    said(folder, &["export", "--verify-only", "sidecar.yaml"], 0);
    let exported = fs::read_to_string(folder.join("sidecar.yaml")).unwrap();
    assert_eq!(mode(&folder.join("sidecar.yaml")), 0o600);
    assert!(exported.contains("token_key:") && exported.contains("verifying_key:"));
    assert!(!exported.contains(" signing_key:") && !exported.contains(" message_secret:"));
    let json = said(
        folder,
        &["list", "--format", "json", "--keyring", "sidecar.yaml"],
        0,
    );
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["verify_only"], true);
    assert_eq!(json["keys"][0]["state"], "retired");
    assert_eq!(json["keys"].as_array().unwrap().len(), 3);
}

/// Two who rotate at once add two keys: one that is lost may have sealed something already.
#[test]
fn editors_at_once_lose_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    said(folder, &["new"], 0);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let output = keyring(folder, &["rotate"]);
                assert!(output.status.success(), "{output:?}");
            });
        }
    });
    assert_eq!(said(folder, &["list"], 0).lines().count(), 1 + 7);
    let names = fs::read_dir(folder).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["keyring.yaml"]);
}

/// A file that replicas share by a link is shared still, with its mode.
#[test]
fn a_link_stays_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    said(folder, &["new", "--keyring", "shared.yaml"], 0);
    let shared = folder.join("shared.yaml");
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("shared.yaml", folder.join("keyring.yaml")).unwrap();
    said(folder, &["rotate"], 0);
    assert!(folder.join("keyring.yaml").is_symlink());
    let listed = said(folder, &["list", "--keyring", "shared.yaml"], 0);
    assert_eq!(listed.lines().count(), 1 + 2, "{listed}");
    assert_eq!(mode(&shared), 0o640);
}
