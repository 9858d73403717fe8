//! A token that was verified once is known by its bytes alone from then on; what it stands for is judged anew whenever
//! what that rests on has changed: the mapping, the trust policy, the audiences, the key, the groups, its own end.

use serde_json::{Value, json};
use sidegate::clock::Clock;

use crate::support::{Answer, eventually};
use crate::tokens::{World, with, world};

const PROVIDERS: &str = "policies/identity-providers";
const ACCOUNT: &str = "policies/accounts/555566667777-app";

impl World {
    /// Replaces one text of a file by another; what the file held before.
    fn edit(&self, file: &str, from: &str, to: &str) -> String {
        let text = std::fs::read_to_string(self.site.path(file)).unwrap();
        assert!(text.contains(from), "{file}: {text}");
        self.site.write(file, &text.replace(from, to));
        text
    }

    /// Until the token is refused so: the reason as it is recorded.
    fn refused(&self, target: &str, token: &str, status: u16, reason: &str) {
        let answer = eventually(reason, || {
            let answer = self.get(target, token);
            (answer.status != 200).then_some(answer)
        });
        assert_eq!(answer.status, status, "{reason}: {}", answer.text());
        assert_eq!(self.reason_of(&answer), reason);
    }

    fn reason_of(&self, answer: &Answer) -> Value {
        let id = answer.header("x-sidegate-request-id").unwrap();
        eventually("the record", || {
            let records = self.site.audit();
            let found = records.iter().find(|record| record["requestID"] == *id)?;
            Some(found["additionalEventData"]["reason"].clone())
        })
    }

    fn allowed(&self, target: &str, token: &str) {
        eventually("allowed", || {
            (self.get(target, token).status == 200).then_some(())
        });
    }
}

/// Of the provider whose keys are a file of the bundle.
fn alice(world: &World) -> String {
    let file = &world.issuers[0];
    let member = json!({"name": "alice", "groups": ["readers"]});
    file.sign("ES256", &with(file.claims("1"), member))
}

#[test]
fn a_user_is_judged_by_the_bundle_of_now() {
    let world = world();
    let token = alice(&world);
    let file = format!("{PROVIDERS}/file.yaml");
    for (name, from, to, status, reason) in [
        (&*file, "{claim:name}", "{claim:nick}", 403, "no_principal"),
        (
            &*file,
            "{claim:groups}",
            "{claim:teams}",
            403,
            "implicit_deny",
        ),
        (
            &*file,
            "audiences: [app]",
            "audiences: [other]",
            401,
            "wrong_audience",
        ),
        (&*file, "ES256, ", "", 401, "bad_signature"),
        (
            &format!("{PROVIDERS}/file.jwks.json"),
            "demo-es256",
            "another",
            401,
            "bad_signature",
        ),
        (
            &format!("{ACCOUNT}/groups/readers.yaml"),
            "Allow",
            "Deny",
            403,
            "explicit_deny",
        ),
    ] {
        world.allowed("/group", &token);
        let before = world.edit(name, from, to);
        world.refused("/group", &token, status, reason);
        world.site.write(name, &before);
    }
    world.allowed("/group", &token);
    // Whoever runs it is told whose mapping has no rule.
    let log = world.sidegate.log();
    let said = |line: &str| {
        line.contains("the provider has no rule for this credential")
            && line.contains(r#"provider="file""#)
            && line.contains("`map.user` makes no single name of this token")
    };
    assert!(log.lines().any(said), "{log}");
    assert!(!log.contains(&token), "{log}");
}

#[test]
fn a_session_is_judged_by_the_trust_policy_of_now() {
    let world = world();
    let url = &world.issuers[1];
    let token = url.sign("ES256", &url.claims("worker"));
    world.allowed("/url", &token);
    let role = format!("{ACCOUNT}/roles/url.yaml");
    for (from, to, reason) in [
        ("\"worker\"", "\"another\"", "role_not_trusted"),
        (
            "\"sts:AssumeRoleWithWebIdentity\"",
            "\"sts:AssumeRole\"",
            "role_not_trusted",
        ),
        (
            "app::555566667777:url",
            "app::555566667777:no",
            "implicit_deny",
        ),
    ] {
        let before = world.edit(&role, from, to);
        world.refused("/url", &token, 403, reason);
        world.site.write(&role, &before);
        world.allowed("/url", &token);
    }
}

#[test]
fn a_route_takes_the_tokens_of_its_own_providers() {
    let world = world();
    let token = alice(&world);
    world.allowed("/group", &token);
    let routes = "policies/routes/app.yaml";
    world.edit(routes, "service: app", "providers: [url]\nservice: app");
    world.refused("/group", &token, 401, "unknown_issuer");
    let url = &world.issuers[1];
    world.allowed("/url", &url.sign("ES256", &url.claims("worker")));
}

#[test]
fn trust_policies_see_the_audience_that_the_route_accepts() {
    let world = world();
    let url = &world.issuers[1];
    let both = json!({"aud": ["other", "app"]});
    let token = url.sign("ES256", &with(url.claims("worker"), both));
    world.allowed("/url", &token);
    // Now the first one is accepted too, and the role's trust policy wants the second.
    let file = format!("{PROVIDERS}/url.yaml");
    world.edit(&file, "audiences: [app]", "audiences: [app, other]");
    world.refused("/url", &token, 403, "role_not_trusted");
    let routes = "policies/routes/app.yaml";
    world.edit(routes, "service: app", "audiences: [app]\nservice: app");
    world.allowed("/url", &token);
    world.edit(routes, "audiences: [app]", "audiences: [other]");
    world.refused("/url", &token, 403, "role_not_trusted");
}

#[test]
fn a_token_ends_while_it_is_known() {
    let world = world();
    let file = &world.issuers[0];
    world.edit(&format!("{PROVIDERS}/file.yaml"), "map:", "leeway: 0\nmap:");
    let now = Clock::machine().now().seconds();
    let member = json!({"name": "alice", "groups": ["readers"], "iat": now, "exp": now + 4});
    let token = file.sign("ES256", &with(file.claims("1"), member));
    world.allowed("/group", &token);
    world.refused("/group", &token, 401, "expired_credential");
    assert!(Clock::machine().now().seconds() >= now + 4, "not before");
}
