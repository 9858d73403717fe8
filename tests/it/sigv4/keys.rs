//! The keys themselves: API keys, and what happens to a key while the proxy runs.

use std::fs;

use super::signer::{KEY, Request, SECRET, sha256};
use super::{ALICE, API_SECRET, code, credentials, world, world_with};
use crate::support::{command, eventually, get, request};

#[test]
fn api_keys() {
    let world = world();
    let ask = |key: &str| {
        let headers = [
            ("host".to_owned(), "app.test".to_owned()),
            ("x-api-key".to_owned(), key.to_owned()),
        ];
        world.raw("GET", "/a", &headers, b"")
    };
    let answer = ask(&format!("sgk_robot_{API_SECRET}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let heard = world.last().head;
    assert!(heard.contains(&format!("x-sidegate-principal-arn: {ALICE}")));
    assert!(!heard.contains("x-api-key"), "{heard}");
    for (key, refusal) in [
        (format!("sgk_robot_{API_SECRET}x"), (401, "InvalidToken")),
        (format!("sgk_other_{API_SECRET}"), (401, "InvalidToken")),
        (format!("sgk_older_{API_SECRET}"), (401, "ExpiredToken")),
        (format!("sgk_nobody_{API_SECRET}"), (403, "AccessDenied")),
        ("sgk_robot".to_owned(), (401, "InvalidToken")),
        ("another".to_owned(), (401, "MissingAuthenticationToken")),
    ] {
        let (status, found) = code(&ask(&key));
        assert_eq!((status, &*found), refusal, "{key}");
    }
}

#[test]
fn credentials_are_followed() {
    let world = world();
    let signed = || Request::new("GET", "/a", "").in_head(&sha256(b""));
    let ask = || world.send("GET", &signed(), b"").status;
    let verbose = || get(world.sidegate.health, "/readyz?verbose").text();
    assert_eq!(ask(), 200);
    assert!(verbose().contains("credentials loaded\n"));
    world
        .site
        .write("credentials.yaml", &credentials("Inactive"));
    eventually("the key is inactive", || (ask() == 401).then_some(()));
    world.site.write("credentials.yaml", &credentials("Active"));
    eventually("the key is active", || (ask() == 200).then_some(()));
    world
        .site
        .write("credentials.yaml", "access_keys: [ { id: hunter2 } ]");
    eventually("the fault is told", || {
        verbose().contains("credentials stale\n").then_some(())
    });
    assert_eq!(ask(), 200, "the last good ones count");
    let failed = world.sidegate.metric("sidegate_credentials_reload_failed");
    assert_eq!(failed, Some(1.0));
    let log = world.sidegate.log();
    assert!(log.contains("credentials.yaml:1:"), "{log}");
    assert!(!log.contains("hunter2") && !log.contains(SECRET), "{log}");
    // Written without care for who reads it.
    assert!(log.contains("others can read the credentials"), "{log}");
}

#[test]
fn a_revoked_access_key_is_refused_and_its_last_use_known() {
    let world = world_with(
        "state: { path: ./state/ }\nadmin: { address: \"127.0.0.1:0\", token_file: ./admin-token }\n",
    );
    let ask = || {
        let signed = Request::new("GET", "/a/b", "").in_head(&sha256(b""));
        code(&world.send("GET", &signed, b""))
    };
    assert_eq!(ask().0, 200);
    let admin = world.sidegate.listener("admin");
    let token = fs::read_to_string(world.site.path("admin-token")).unwrap();
    let keys = || {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", &*bearer)];
        request(
            admin,
            "GET",
            &admin.to_string(),
            "/api/access-keys",
            &headers,
        )
        .text()
    };
    let told: serde_json::Value = serde_json::from_str(&keys()).unwrap();
    assert_eq!(told["access_keys"][0]["id"], KEY, "{told}");
    assert_eq!(told["access_keys"][0]["service"], "app", "{told}");
    let output = command()
        .args(["sessions", "revoke", "--access-key", KEY])
        .env("SIDEGATE_ADMIN__ADDRESS", admin.to_string())
        .current_dir(world.site.path("."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(ask(), (401, "InvalidToken".into()));
}
