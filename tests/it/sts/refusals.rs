//! What the STS refuses, and what it tells of refusals.

use super::*;

#[test]
fn what_assume_role_refuses() {
    let world = world();
    let pipeline = world.pipeline();
    let refuses = |more: &[(&str, &str)], status: u16, code: &str| {
        refused(&world.assume(&pipeline, DEPLOY, more), status, code)
    };
    let words = refuses(&[("ExternalId", "secret-8")], 403, "AccessDenied");
    assert!(words.contains(
        "User: arn:aws:sts::111111111111:assumed-role/pipeline/run-1 is not authorized to perform: sts:AssumeRole on \
         resource: arn:aws:iam::555566667777:role/deploy"
    ));
    refuses(&[("ExternalId", "")], 403, "AccessDenied");
    // A role that does not exist is refused as one that trusts nobody.
    let missing = "arn:aws:iam::555566667777:role/no-such";
    refused(&world.assume(&pipeline, missing, &[]), 403, "AccessDenied");
    refused(
        &world.assume(&pipeline, "arn:aws:iam::555566667777:root/x", &[]),
        403,
        "AccessDenied",
    );
    refuses(&[("SourceIdentity", "mallory")], 403, "AccessDenied");
    let long = "x".repeat(65);
    for (name, value) in [
        ("RoleArn", "short"),
        ("RoleArn", "not-an-arn-but-long-enough"),
        ("RoleSessionName", ""),
        ("RoleSessionName", "x"),
        ("RoleSessionName", "a b"),
        ("RoleSessionName", &long),
        ("ExternalId", "x"),
        ("ExternalId", "a*b"),
        ("DurationSeconds", "899"),
        ("DurationSeconds", "43201"),
        // Chained, and longer than the role's own limit.
        ("DurationSeconds", "3601"),
        ("SerialNumber", "arn:aws:iam::1:mfa/x"),
        ("TokenCode", "123456"),
        ("TransitiveTagKeys.member.1", "absent"),
        ("Tags.member.1.Key", "aws:x"),
        ("Tags.member.1.Key", "a*b"),
        ("Nonsense", "1"),
    ] {
        refuses(&[(name, value)], 400, "ValidationError");
    }
    refuses(&[("DurationSeconds", "x")], 400, "MalformedInput");
    for policy in [
        "{",
        "{}",
        "[]",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#,
    ] {
        refuses(&[("Policy", policy)], 400, "MalformedPolicyDocument");
    }
    let arns = (
        "PolicyArns.member.1.arn",
        "arn:aws:iam::555566667777:policy/no-such",
    );
    refuses(&[arns], 400, "MalformedPolicyDocument");
    let code = [
        ("SerialNumber", "arn:aws:iam::111111111111:mfa/x"),
        ("TokenCode", "123456"),
    ];
    refuses(&code, 403, "AccessDenied");
    let tags: Vec<(String, String)> = (1..=50)
        .flat_map(|number| {
            let parts: Vec<String> = (0..64)
                .map(|at| format!("{:04x}", (number * 7919 + at * 104_729) % 65_521))
                .collect();
            let value = parts.concat();
            [
                (format!("Tags.member.{number}.Key"), format!("k{number}")),
                (format!("Tags.member.{number}.Value"), value),
            ]
        })
        .collect();
    let tags: Vec<(&str, &str)> = tags
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    refuses(&tags, 400, "PackedPolicyTooLarge");
    for action in ["GetSessionToken", "GetFederationToken"] {
        let answer = world.signed(
            &pipeline,
            &[("Action", action), ("Name", "xy")]
                [..if action == "GetSessionToken" { 1 } else { 2 }],
        );
        assert!(refused(&answer, 403, "AccessDenied").contains("session credentials"));
    }
}

#[test]
fn who_did_not_sign_is_refused() {
    let world = world();
    let pipeline = world.pipeline();
    let action = [("Action", "GetCallerIdentity")];
    refused(&world.unsigned(&action), 403, "MissingAuthenticationToken");
    let with = |change: fn(&mut Credentials)| {
        let mut changed = pipeline.clone();
        change(&mut changed);
        world.signed(&changed, &action)
    };
    refused(
        &with(|one| one.secret.push('x')),
        403,
        "SignatureDoesNotMatch",
    );
    refused(
        &with(|one| one.token.push('A')),
        403,
        "InvalidClientTokenId",
    );
    refused(&with(|one| one.token.clear()), 403, "InvalidClientTokenId");
    refused(
        &with(|one| one.access_key = "ASIAAAAAAAAAAAAAAAAA".into()),
        403,
        "InvalidClientTokenId",
    );
    refused(
        &with(|one| one.access_key = "AKIAIOSFODNN7EXAMPLE".into()),
        403,
        "InvalidClientTokenId",
    );
    for seconds in [-400, 400] {
        let now = Timestamp::from_seconds(World::now().seconds() + seconds);
        let answer = world.signed_at(&pipeline, &action, now);
        refused(&answer, 403, "SignatureDoesNotMatch");
    }
    // A body that is not the one that was signed.
    let body = form(&action);
    let host = world.sts.to_string();
    let request = Signed {
        method: "POST",
        path: "/",
        host: &host,
        service: "sts",
        region: "us-east-1",
        body: &body,
    };
    let credentials = signer::Credentials {
        access_key: &pipeline.access_key,
        secret: &pipeline.secret,
        token: Some(&pipeline.token),
    };
    let other = form(&[("Action", "GetSessionToken")]);
    let headers = signer::sign(&request, &credentials, World::now());
    refused(&world.post(&headers, &other), 403, "SignatureDoesNotMatch");
    for (service, region) in [("iam", "us-east-1"), ("sts", "eu-west-1")] {
        let request = Signed {
            service,
            region,
            ..request
        };
        let headers = signer::sign(&request, &credentials, World::now());
        refused(&world.post(&headers, &body), 403, "SignatureDoesNotMatch");
    }
    let garbled = [
        ("host".to_owned(), host.clone()),
        ("authorization".to_owned(), "AWS4-HMAC-SHA256 x".to_owned()),
    ];
    refused(&world.post(&garbled, &body), 400, "IncompleteSignature");
    let bearer = [
        ("host".to_owned(), host),
        (
            "authorization".to_owned(),
            format!("Bearer {}", pipeline.token),
        ),
    ];
    refused(
        &world.post(&bearer, &body),
        403,
        "MissingAuthenticationToken",
    );
}

#[test]
fn calls_that_are_none() {
    let world = world();
    refused(
        &world.unsigned(&[("Action", "AssumeRoot")]),
        400,
        "InvalidAction",
    );
    refused(&world.unsigned(&[]), 400, "MissingAction");
    let host = [("host".to_owned(), world.sts.to_string())];
    refused(
        &world.post(&host, "Action=GetCallerIdentity&Version=2011-06-16"),
        400,
        "InvalidAction",
    );
    refused(
        &world.post(&host, "Action=a&Action=b&Version=2011-06-15"),
        400,
        "MalformedInput",
    );
    refused(&world.post(&host, "Action=%ff"), 400, "MalformedInput");
    refused(
        &world.post(&host, &"a".repeat(300_000)),
        400,
        "MalformedInput",
    );
    let token = |more: Value| world.jwt(more);
    let web = |name: &str, arn: &str, token: &str| {
        world.unsigned(&[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("RoleArn", arn),
            ("RoleSessionName", name),
            ("WebIdentityToken", token),
        ])
    };
    let good = token(json!({}));
    assert_eq!(web("run-2", PIPELINE, &good).status, 200);
    refused(&web("run-3", PIPELINE, &good), 403, "AccessDenied");
    refused(&web("run-1", DEPLOY, &good), 400, "InvalidIdentityToken");
    refused(
        &web("run-1", PIPELINE, "nonsense"),
        400,
        "InvalidIdentityToken",
    );
    refused(
        &web("run-1", PIPELINE, &world.pipeline().token),
        400,
        "InvalidIdentityToken",
    );
    refused(
        &web("run-1", PIPELINE, &token(json!({"sub": "branch"}))),
        403,
        "AccessDenied",
    );
    refused(
        &web("run-1", PIPELINE, &token(json!({"aud": "other"}))),
        400,
        "InvalidIdentityToken",
    );
    let past = World::now().seconds() - 100;
    refused(
        &web(
            "run-1",
            PIPELINE,
            &token(json!({"iat": past - 100, "exp": past})),
        ),
        400,
        "ExpiredTokenException",
    );
    let changed = format!("{good}A");
    refused(
        &web("run-1", PIPELINE, &changed),
        400,
        "InvalidIdentityToken",
    );
}

#[test]
fn what_a_refusal_keeps_to_itself() {
    let world = world();
    let pipeline = world.pipeline();
    let answer = world.get("/a", &pipeline.token);
    assert_eq!(answer.status, 403);
    let refusal: Value = serde_json::from_slice(&answer.body).unwrap();
    let message = refusal["encodedAuthorizationMessage"].as_str().unwrap();
    assert!(message.len() <= 10_240);
    let ask = |credentials: &Credentials, message: &str| {
        let action = ("Action", "DecodeAuthorizationMessage");
        world.signed(credentials, &[action, ("EncodedMessage", message)])
    };
    let decoded = ask(&pipeline, message).text();
    let decoded = element(&decoded, "DecodedMessage").expect(&decoded);
    let decoded: Value = serde_json::from_str(&decoded.replace("&quot;", "\"")).unwrap();
    assert_eq!(decoded["allowed"], false);
    assert_eq!(decoded["explicitDeny"], false);
    assert_eq!(decoded["context"]["action"], "app:Use");
    assert_eq!(
        decoded["context"]["resource"],
        "arn:aws:app::555566667777:a"
    );
    assert_eq!(decoded["requestId"], refusal["requestId"]);
    assert_eq!(decoded["accounts"], json!(["555566667777", "111111111111"]));
    let invalid = "InvalidAuthorizationMessageException";
    refused(&ask(&pipeline, &message[..message.len() - 1]), 400, invalid);
    refused(&ask(&world.deploy(&[]), message), 403, "AccessDenied");
    let folder = world.site.path(".");
    let (code, out, said) = run(&["decode", message], &folder);
    assert_eq!(code, 0, "{said}");
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), decoded);
    run(
        &["keyring", "export", "--verify-only", "sidecar.yaml"],
        &folder,
    );
    let (code, _, said) = run(&["decode", message, "--keyring", "sidecar.yaml"], &folder);
    assert_eq!(code, 2, "{said}");
}
