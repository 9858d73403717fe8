//! What is revoked is refused: at once, by every way that it could be shown, and after a kill.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::*;
use crate::streams::endless;
use crate::support::{PATIENCE, command};

const ADMIN: &str = "admin: { address: \"127.0.0.1:0\", token_file: ./admin-token }\n";
pub(super) const KEEPING: &str = "state: { path: ./state/ }\n\
    admin: { address: \"127.0.0.1:0\", token_file: ./admin-token }\n";

impl World {
    /// `sidegate sessions`, of the process that runs or of the file that is left.
    fn sessions(&self, arguments: &[&str]) -> (i32, String, String) {
        let admin = self.sidegate.listener("admin").to_string();
        let output = command()
            .arg("sessions")
            .args(arguments)
            .env("SIDEGATE_ADMIN__ADDRESS", admin)
            .current_dir(self.site.path("."))
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().unwrap_or(-1);
        (code, text(&output.stdout), text(&output.stderr))
    }

    pub(super) fn revoke(&self, arguments: &[&str]) {
        let all: Vec<&str> = ["revoke"].iter().chain(arguments).copied().collect();
        let (code, _, said) = self.sessions(&all);
        assert_eq!(code, 0, "{said}");
    }

    fn restart(&mut self) {
        self.sidegate.signal("KILL");
        self.sidegate.wait();
        self.sidegate = Sidegate::start(&self.site);
        self.sts = self.sidegate.listener("sts");
    }

    fn recorded_as_revoked(&self, path: &str) {
        eventually("the record", || {
            let all = self.site.audit();
            let last = all.iter().rfind(|record| record["path"] == path)?;
            (last["additionalEventData"]["reason"] == "revoked_credential").then_some(())
        });
    }

    fn refused_as_revoked(&self, credentials: &Credentials) {
        let answer = self.get("/a", &credentials.token);
        assert_eq!(answer.status, 401, "{}", answer.text());
        assert!(
            answer.text().contains("\"InvalidToken\""),
            "{}",
            answer.text()
        );
        self.recorded_as_revoked("/a");
        let answer = self.signed(credentials, &[("Action", "GetCallerIdentity")]);
        assert_eq!(answer.status, 403, "{}", answer.text());
    }
}

#[test]
fn a_revoked_session_is_refused_at_once_and_after_a_kill() {
    let mut world = world_with(&Upstream::start(), KEEPING);
    let (stolen, other) = (world.deploy(&[]), world.deploy(&[]));
    assert_eq!(world.statuses(&stolen, &["/a"]), [200]);
    let chained = world.assume(&stolen, NEXT, &[("ExternalId", "")]);
    let chained = Credentials::of(&chained.text());
    world.revoke(&["--session", &stolen.access_key]);
    world.refused_as_revoked(&stolen);
    assert_eq!(world.statuses(&other, &["/a"]), [200]);
    // It makes no session any more; what it made before is another's, and revoked by its own name or time.
    let answer = world.assume(&stolen, NEXT, &[("ExternalId", "")]);
    refused(&answer, 403, "InvalidClientTokenId");
    assert_eq!(world.statuses(&chained, &["/a"]), [200]);
    assert_eq!(world.sidegate.metric("sidegate_revocations"), Some(1.0));
    eventually("its own record", || {
        let all = world.site.audit();
        let mut revoked = all
            .iter()
            .filter(|record| record["eventName"] == "RevokeSessions");
        revoked
            .find(|record| record["resources"][0]["ARN"] == *stolen.access_key)
            .cloned()
    });
    world.restart();
    world.refused_as_revoked(&stolen);
    assert_eq!(world.statuses(&other, &["/a"]), [200]);
    let (code, listed, _) = world.sessions(&["list", "--format", "json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((code, &listed[0]["id"]), (0, &json!(stolen.access_key)));
    // Nobody runs: the file is asked, and written.
    world.sidegate.signal("TERM");
    world.sidegate.wait();
    world.revoke(&["--session", &other.access_key]);
    let (_, listed, _) = world.sessions(&["list"]);
    assert!(listed.contains(&other.access_key) && listed.contains(&stolen.access_key));
    world.sidegate = Sidegate::start(&world.site);
    world.sts = world.sidegate.listener("sts");
    world.refused_as_revoked(&other);
}

#[test]
fn a_principal_is_revoked_up_to_now_and_may_come_again() {
    let world = world_with(&Upstream::start(), KEEPING);
    let (before, pipeline) = (world.deploy(&[]), world.pipeline());
    world.revoke(&["--principal", DEPLOY]);
    world.refused_as_revoked(&before);
    assert_eq!(
        world.get("/x", &pipeline.token).status,
        403,
        "another role's"
    );
    let again = eventually("sessions of a later second", || {
        let answer = world.assume(&pipeline, DEPLOY, &[]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let credentials = Credentials::of(&answer.text());
        (world.get("/a", &credentials.token).status == 200).then_some(credentials)
    });
    world.revoke(&[
        "--principal",
        "arn:aws:sts::555566667777:assumed-role/deploy/another",
    ]);
    assert_eq!(world.statuses(&again, &["/a"]), [200]);
    world.revoke(&[
        "--principal",
        "arn:aws:sts::555566667777:assumed-role/deploy/release",
    ]);
    world.refused_as_revoked(&again);
}

/// A token from before is not good for a session from after.
#[test]
fn what_everybody_was_issued_before_a_time_is_refused_tokens_too() {
    let world = world_with(&Upstream::start(), KEEPING);
    let (before, token) = (world.pipeline(), world.jwt(json!({})));
    let assume = |token: &str| {
        world.unsigned(&[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("RoleArn", PIPELINE),
            ("RoleSessionName", "run-1"),
            ("WebIdentityToken", token),
        ])
    };
    world.revoke(&["--issued-before", "2020-01-01T00:00:00Z"]);
    assert_eq!(assume(&token).status, 200);
    world.revoke(&["--issued-before", "now"]);
    refused(&assume(&token), 400, "InvalidIdentityToken");
    assert_eq!(world.get("/x", &before.token).status, 401);
    // One that does not say when it was issued was issued long ago.
    let undated = world.jwt(json!({"iat": null}));
    assert_ne!(assume(&undated).status, 200);
    eventually("tokens of a later second", || {
        (assume(&world.jwt(json!({}))).status == 200).then_some(())
    });
}

#[test]
fn an_open_stream_of_a_revoked_session_ends() {
    let world = world_with(&endless(), KEEPING);
    let session = world.deploy(&[]);
    let mut stream = TcpStream::connect(world.sidegate.ingress).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "GET /events HTTP/1.1\r\nHost: app\r\nAccept: text/event-stream\r\nAuthorization: Bearer {}\r\n\r\n",
        session.token
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut got = vec![0; 400];
    stream.read_exact(&mut got).unwrap();
    assert!(got.starts_with(b"HTTP/1.1 200 "));
    // Another's is no cause.
    world.revoke(&["--session", "ASIAIOSFODNN7EXAMPLE"]);
    let until = Instant::now() + Duration::from_secs(1);
    while Instant::now() < until {
        assert!(stream.read(&mut got).unwrap() > 0);
    }
    world.revoke(&["--session", &session.access_key]);
    let began = Instant::now();
    // The end of a stream in its middle may be a reset.
    let _ = stream.read_to_end(&mut got);
    // The bound that is promised is a second; the rest is for a busy machine.
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
    world.recorded_as_revoked("/events");
}

#[test]
fn without_a_place_to_keep_it_nothing_is_revoked() {
    let world = world_with(&Upstream::start(), ADMIN);
    let session = world.deploy(&[]);
    let revoke = ["revoke", "--session", &session.access_key];
    for running in [true, false] {
        let (code, _, said) = world.sessions(&revoke);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("aws:TokenIssueTime"), "{said}");
        if running {
            assert_eq!(world.statuses(&session, &["/a"]), [200]);
            world.sidegate.signal("TERM");
            eventually("its end", || {
                TcpStream::connect(world.sidegate.listener("admin")).err()
            });
        }
    }
}

#[test]
fn what_cannot_be_meant_is_said() {
    let world = world_with(&Upstream::start(), KEEPING);
    for (arguments, part) in [
        (
            vec!["--principal", "arn:aws:iam::555566667777:role/deploi"],
            "did you mean",
        ),
        (
            vec!["--principal", "arn:aws:iam::555566667777:role/*"],
            "no principal",
        ),
        (vec!["--session", "AKIAIOSFODNN7EXAMPLE"], "no session"),
        (vec!["--issued-before", "2100-01-01T00:00:00Z"], "ahead"),
        (
            vec!["--session", "ASIAIOSFODNN7EXAMPLE", "--principal", DEPLOY],
            "cannot be used with",
        ),
        (vec![], "required"),
    ] {
        let all: Vec<&str> = [&["revoke"], &*arguments].concat();
        let (code, _, said) = world.sessions(&all);
        assert!(code == 2 && said.contains(part), "{arguments:?}: {said}");
    }
    let (_, listed, _) = world.sessions(&["list", "--format", "json"]);
    assert_eq!(listed.trim(), "[]");
    // Another's token is none.
    world.site.write("admin-token", "0000");
    let (code, _, said) = world.sessions(&["list"]);
    assert!(
        code == 2 && said.contains("does not know the token"),
        "{said}"
    );
}
