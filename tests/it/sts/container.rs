//! Credentials for the application in the pod: who gets them, from this STS and through a sidecar that cannot issue.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::revocation::KEEPING;
use super::{Credentials, PIPELINE, World, element, world_of, world_sts};
use crate::support::{Answer, Sidegate, Site, Upstream, eventually, get, request, run};

const KEYS: &str = ", container_roles: [\"arn:aws:iam::111111111111:role/ci/pipeline\", \"arn:aws:iam::111111111111:role/closed\"], container_token_file: ./guard, web_identity_token_file: ./pod-token";

fn guard(site: &Site) -> String {
    std::fs::read_to_string(site.path("guard")).unwrap()
}

fn ask(sidegate: &Sidegate, role: &str, guard: &str) -> Answer {
    let sts = sidegate.listener("sts");
    let path = format!("/credentials/{role}");
    request(
        sts,
        "GET",
        &sts.to_string(),
        &path,
        &[("authorization", guard)],
    )
}

fn code(answer: &Answer) -> (u16, String) {
    let json: Value = serde_json::from_slice(&answer.body).unwrap();
    assert!(json["message"].is_string());
    (answer.status, json["code"].as_str().unwrap().to_owned())
}

fn credentials(answer: &Answer) -> Credentials {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let json: Value = serde_json::from_slice(&answer.body).unwrap();
    let one = |name: &str| json[name].as_str().unwrap().to_owned();
    assert_eq!(one("RoleArn"), PIPELINE);
    let left = one("Expiration").parse::<jiff::Timestamp>().unwrap() - jiff::Timestamp::now();
    assert!(left.total(jiff::Unit::Minute).unwrap() > 50.0);
    Credentials {
        access_key: one("AccessKeyId"),
        secret: one("SecretAccessKey"),
        token: one("Token"),
    }
}

/// The token of a pod whose name the role's trust policy asks for.
fn write_token(world: &World, site: &Site) {
    let token = world.jwt(json!({"who": "dana", "kubernetes.io": {"pod": {"name": "run-1"}}}));
    site.write("pod-token", &format!("{token}\n"));
}

#[test]
fn a_pod_gets_credentials_for_its_token() {
    let world = world_sts(KEYS);
    let site = &world.site;
    let mode = std::fs::metadata(site.path("guard"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let right = guard(site);
    assert!(right.len() >= 32 && !right.contains('\n'));
    let refused = |role: &str, guard: &str| code(&ask(&world.sidegate, role, guard));
    assert_eq!(refused("pipeline", "wrong"), (401, "Unauthorized".into()));
    assert_eq!(refused("admin", &right), (404, "NotFound".into()));
    assert_eq!(
        refused("pipeline", &right),
        (503, "TokenUnavailable".into())
    );
    // A pipe in its place is not waited for.
    let pipe = site.path("pod-token");
    let piped = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(piped.unwrap().success());
    eventually("the pipe is told", || {
        let answer = ask(&world.sidegate, "pipeline", &right);
        assert_eq!(code(&answer), (503, "TokenUnavailable".into()));
        answer.text().contains("no regular file").then_some(())
    });
    std::fs::remove_file(&pipe).unwrap();
    write_token(&world, site);
    let answer = eventually("the token is there now", || {
        let answer = ask(&world.sidegate, "pipeline", &right);
        (answer.status == 200).then_some(answer)
    });
    let first = credentials(&answer);
    let who = world.signed(&first, &[("Action", "GetCallerIdentity")]);
    assert_eq!(
        element(&who.text(), "Arn").unwrap(),
        "arn:aws:sts::111111111111:assumed-role/pipeline/run-1"
    );
    // Kept: whether or not the token is still there.
    std::fs::remove_file(site.path("pod-token")).unwrap();
    let again = credentials(&ask(&world.sidegate, "pipeline", &right));
    assert_eq!(again.access_key, first.access_key);
    let sts = world.sts;
    let rebound = request(
        sts,
        "GET",
        "evil.example",
        "/credentials/pipeline",
        &[("authorization", &right)],
    );
    assert_eq!(code(&rebound), (403, "AccessDenied".into()));
    // The API itself is served all the same.
    assert_eq!(
        get(sts, "/?Action=GetCallerIdentity&Version=2011-06-15").status,
        403
    );
    let records = eventually("the exchange is on record", || {
        let records = world.site.audit();
        let mut found = records.into_iter().filter(|record| {
            record["eventName"] == "AssumeRoleWithWebIdentity" && record["errorCode"].is_null()
        });
        found.next()
    });
    assert_eq!(records["resources"][0]["ARN"], PIPELINE);
    eventually("the call is on record with its key", || {
        let records = world.site.audit();
        let mut records = records.iter();
        let id = |record: &Value| record["userIdentity"]["accessKeyId"] == *first.access_key;
        records.any(id).then_some(())
    });
    let log = world.sidegate.log();
    for secret in [&first.secret, &first.token, &right] {
        assert!(!log.contains(&**secret));
    }
}

/// Waited for: an exchange takes longer than a client waits on a busy machine.
fn got(world: &World, right: &str) -> Credentials {
    eventually("a session", || {
        let answer = ask(&world.sidegate, "pipeline", right);
        (answer.status == 200).then(|| credentials(&answer))
    })
}

/// Credentials other than those that were handed out before, which are not handed out meanwhile.
fn others(world: &World, right: &str, before: &Credentials) -> Credentials {
    eventually("another session", || {
        let answer = ask(&world.sidegate, "pipeline", right);
        if answer.status != 200 {
            return None;
        }
        let got = credentials(&answer);
        assert_ne!(got.access_key, before.access_key);
        Some(got)
    })
}

#[test]
fn what_is_revoked_is_not_handed_out_again() {
    let world = world_of(&Upstream::start(), KEYS, KEEPING);
    write_token(&world, &world.site);
    let right = guard(&world.site);
    let first = got(&world, &right);
    world.revoke(&["--session", &first.access_key]);
    let second = others(&world, &right, &first);
    let who = world.signed(&second, &[("Action", "GetCallerIdentity")]);
    assert_eq!(who.status, 200, "{}", who.text());
    // The pod's own token is older than this revocation: it is good for no session.
    world.revoke(&["--principal", PIPELINE]);
    let answer = ask(&world.sidegate, "pipeline", &right);
    assert_ne!(answer.status, 200, "{}", answer.text());
    eventually("a token of a later second", || {
        write_token(&world, &world.site);
        let answer = ask(&world.sidegate, "pipeline", &right);
        (answer.status == 200).then(|| {
            assert_ne!(credentials(&answer).access_key, second.access_key);
        })
    });
}

#[test]
fn another_bundle_or_keyring_asks_for_another_session() {
    let world = world_sts(KEYS);
    let site = &world.site;
    write_token(&world, site);
    let right = guard(site);
    let first = got(&world, &right);
    let (code, _, said) = run(&["keyring", "rotate"], &site.path("."));
    assert_eq!(code, 0, "{said}");
    let second = eventually("a session under the new keyring", || {
        let got = got(&world, &right);
        (got.access_key != first.access_key).then_some(got)
    });
    // The role trusts others from now on.
    let file = "policies/accounts/111111111111-management/roles/pipeline.yaml";
    let role = std::fs::read_to_string(site.path(file)).unwrap();
    site.write(file, &role.replace("\"main\"", "\"another\""));
    eventually("the role is closed", || {
        let answer = ask(&world.sidegate, "pipeline", &right);
        (answer.status == 403).then_some(())
    });
    let still = ask(&world.sidegate, "pipeline", &right);
    assert_eq!(still.status, 403, "{}", still.text());
    site.write(file, &role);
    let third = got(&world, &right);
    assert_ne!(third.access_key, second.access_key);
}

/// Each refusal is a record.
#[test]
fn guessing_is_throttled_too() {
    let world = world_of(&Upstream::start(), KEYS, "rate_limits: { sts: 2/1h }\n");
    let status = |guard: &str| ask(&world.sidegate, "pipeline", guard).status;
    assert_eq!([status("a"), status("b"), status("c")], [401, 401, 429]);
    assert_eq!(status(&guard(&world.site)), 429);
    let last = eventually("the records", || {
        let all = world.site.audit();
        (all.len() == 4).then(|| all.last().cloned().unwrap())
    });
    assert_eq!(last["additionalEventData"]["reason"], "throttled");
    let first = &world.site.audit()[0]["additionalEventData"];
    assert_eq!(first["reason"], "malformed_credential");
}

#[test]
fn a_sidecar_that_cannot_issue_asks_the_sts() {
    let central = world_sts("");
    let site = Site::with_bundle(&Upstream::start(), "nothing");
    let out = site.path("keyring.yaml").display().to_string();
    let (status, _, said) = run(
        &["keyring", "export", "--verify-only", &out],
        &central.site.path("."),
    );
    assert_eq!(status, 0, "{said}");
    let settings = std::fs::read_to_string(site.path("sidegate.yaml")).unwrap();
    site.write(
        "sidegate.yaml",
        &format!(
            "{settings}keyring: ./keyring.yaml\nsts: {{ address: \"127.0.0.1:0\", remote: \"http://{}/\"{KEYS} }}\n",
            central.sts
        ),
    );
    let sidecar = Sidegate::start(&site);
    write_token(&central, &site);
    let right = guard(&site);
    let got = credentials(&ask(&sidecar, "pipeline", &right));
    let who = central.signed(&got, &[("Action", "GetCallerIdentity")]);
    assert_eq!(who.status, 200, "{}", who.text());
    // What the STS refuses is refused in its words.
    assert_eq!(
        code(&ask(&sidecar, "closed", &right)),
        (403, "AccessDenied".into())
    );
    let sts = sidecar.listener("sts");
    let api = request(sts, "GET", "127.0.0.1", "/?Action=GetCallerIdentity", &[]);
    assert_eq!(api.status, 401);
    let api = request(
        sts,
        "GET",
        "127.0.0.1",
        "/?Action=GetCallerIdentity",
        &[("authorization", &right)],
    );
    assert_eq!(code(&api), (404, "NotFound".into()));
}

#[test]
fn what_cannot_be_served_stops_the_start() {
    let site = Site::with_bundle(&Upstream::start(), "nothing");
    let settings = std::fs::read_to_string(site.path("sidegate.yaml")).unwrap();
    let (_, _, _) = run(&["keyring", "new"], &site.path("."));
    for (keys, words) in [
        (
            "container_roles: [\"arn:aws:iam::111111111111:role/a\"]",
            "container_token_file",
        ),
        ("remote: \"https://sts.example\"", "container_roles"),
        ("remote: \"http://sts.example\"", "https://"),
        ("container_roles: [reader]", "ARN of a role"),
        (
            "container_roles: [\"arn:aws:iam::111111111111:role/a\", \"arn:aws:iam::111111111111:role/x/a\"], container_token_file: g, web_identity_token_file: t",
            "two of",
        ),
        (
            "remote: \"https://sts.example\", container_roles: [\"arn:aws:iam::111111111111:role/a\"], container_token_file: g, web_identity_token_file: t",
            "verify-only",
        ),
    ] {
        site.write(
            "sidegate.yaml",
            &format!(
                "{settings}keyring: ./keyring.yaml\nsts: {{ address: \"127.0.0.1:0\", {keys} }}\n"
            ),
        );
        let (code, _, said) = run(&["run", "-c", "sidegate.yaml"], &site.path("."));
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(words), "{said}");
    }
}
