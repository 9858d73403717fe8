//! What a session's own policies ask of the token that it was made for: all of it is there, or there is no session.

use super::*;

const WATCHED: &str = "arn:aws:iam::555566667777:role/watched";

fn prepare(site: &Site) {
    let file = "policies/identity-providers/ci.yaml";
    let provider = std::fs::read_to_string(site.path(file)).unwrap();
    let trusted = "trusted_in: [\"111111111111\", \"555566667777\"]\nissuer:";
    site.write(file, &provider.replace("issuer:", trusted));
    let deny = |condition: Value| json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition});
    let role = json!({
        "trust_policy": document(&[statement(&json!("sts:AssumeRoleWithWebIdentity"), json!({
            "Principal": {"Federated": "arn:aws:iam::555566667777:oidc-provider/ci.example/x"},
            "Condition": {"StringEquals": {"ci.example/x:aud": "app"}},
        }))]),
        "inline_policies": {"use": document(&[
            statement(&json!("app:Use"), json!({"Resource": "*"})),
            deny(json!({"StringLike": {"ci.example/x:sub": "evil*"}})),
            deny(json!({"ForAnyValue:StringEquals": {"ci.example/x:amr": ["guest", "7"]}})),
        ])},
    });
    site.write(
        "policies/accounts/555566667777-app/roles/watched.yaml",
        &role.to_string(),
    );
}

#[test]
fn a_session_has_every_claim_or_is_none() {
    let world = world_prepared(&Upstream::start(), "", "", prepare);
    let ask = |claims: Value| {
        let token = world.jwt(claims);
        world.unsigned(&[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("RoleArn", WATCHED),
            ("RoleSessionName", "run-1"),
            ("WebIdentityToken", &token),
        ])
    };
    let many = |count: usize, last: &str| {
        let mut values: Vec<String> = (1..count).map(|number| format!("m{number}")).collect();
        values.push(last.to_owned());
        json!({"amr": values})
    };
    let of_length = |head: &str, length: usize| json!({"sub": format!("{head:x<length$}")});
    for (claims, status) in [
        (json!({}), 200),
        (of_length("good", 257), 200),
        (of_length("good", 2000), 200),
        (of_length("evil", 256), 403),
        (of_length("evil", 257), 403),
        (of_length("evil", 2000), 403),
        (many(9, "fine"), 200),
        (many(9, "guest"), 403),
        (many(64, "fine"), 200),
        (many(64, "guest"), 403),
        (json!({"amr": 8}), 200),
        (json!({"amr": 7}), 403),
    ] {
        let answer = ask(claims.clone());
        assert_eq!(answer.status, 200, "{claims}: {}", answer.text());
        let session = Credentials::of(&answer.text());
        assert_eq!(world.get("/a", &session.token).status, status, "{claims}");
    }
    for (claims, code, words) in [
        (of_length("evil", 2049), "InvalidIdentityToken", "`sub`"),
        (many(65, "guest"), "InvalidIdentityToken", "`amr`"),
        (
            json!({"amr": vec!["x".repeat(100); 40]}),
            "PackedPolicyTooLarge",
            "claims",
        ),
    ] {
        let told = refused(&ask(claims), 400, code);
        assert!(told.contains(words), "{told}");
    }
    for words in ["`sub` has 2049 bytes", "`amr` has 65 values"] {
        eventually("it is on record", || {
            let records = world.site.audit();
            let mut messages = records
                .iter()
                .map(|record| record["errorMessage"].to_string());
            messages
                .any(|message| message.contains(words))
                .then_some(())
        });
    }
}
