//! What sessions are good for, and until when.

use super::*;

#[test]
fn a_pipeline_deploys_to_another_account() {
    let world = world();
    let pipeline = world.pipeline();
    assert!(pipeline.access_key.starts_with("ASIA"));
    assert!(pipeline.token.len() < 1024, "{}", pipeline.token.len());
    let answer = world.signed(&pipeline, &[("Action", "GetCallerIdentity")]);
    let text = answer.text();
    assert_eq!(
        element(&text, "Arn").unwrap(),
        "arn:aws:sts::111111111111:assumed-role/pipeline/run-1"
    );
    assert_eq!(element(&text, "Account").unwrap(), "111111111111");
    assert!(element(&text, "UserId").unwrap().ends_with(":run-1"));
    // Only what the role of the other account may.
    assert_eq!(world.statuses(&pipeline, &["/a", "/b"]), [403, 403]);
    let answer = world.assume(&pipeline, DEPLOY, &[]);
    let text = answer.text();
    assert_eq!(answer.status, 200, "{text}");
    assert_eq!(element(&text, "SourceIdentity").as_deref(), Some("dana"));
    let deploy = Credentials::of(&text);
    assert_eq!(
        world.statuses(&deploy, &["/a", "/b", "/x"]),
        [200, 200, 403]
    );
    let heard = world.get("/a", &deploy.token).text().to_lowercase();
    for line in [
        "x-sidegate-principal-arn: arn:aws:sts::555566667777:assumed-role/deploy/release",
        "x-sidegate-session-name: release",
        "x-sidegate-source-identity: dana",
    ] {
        assert!(heard.contains(line), "{heard}");
    }
    assert!(!heard.contains(&deploy.token.to_lowercase()));
    // Both are on record, and nothing secret is.
    let records = eventually("the records", || {
        let records = world.site.audit();
        (records.len() >= 8).then_some(records)
    });
    let of = |name: &str| {
        records
            .iter()
            .find(|record| record["eventName"] == name)
            .unwrap()
    };
    let record = of("AssumeRole");
    assert_eq!(record["eventSource"], "sts");
    assert_eq!(record["resources"][0]["ARN"], DEPLOY);
    assert_eq!(
        record["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"],
        PIPELINE
    );
    assert_eq!(
        record["userIdentity"]["sessionContext"]["sourceIdentity"],
        "dana"
    );
    assert_eq!(
        of("AssumeRoleWithWebIdentity")["additionalEventData"]["provider"],
        "ci"
    );
    let written = std::fs::read_to_string(world.site.path("audit/audit.jsonl")).unwrap();
    for secret in [
        &deploy.token,
        &deploy.secret,
        &pipeline.secret,
        &pipeline.token,
    ] {
        assert!(!written.contains(&**secret) && !world.sidegate.log().contains(&**secret));
    }
}

#[test]
fn session_policies_only_take_away() {
    let world = world();
    let only_a = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"app:Use","Resource":["arn:aws:app::555566667777:a","arn:aws:app::555566667777:x"]}]}"#;
    let targets = ["/a", "/b", "/x"];
    let answer = world.assume(&world.pipeline(), DEPLOY, &[("Policy", only_a)]);
    let text = answer.text();
    let size: u32 = element(&text, "PackedPolicySize").unwrap().parse().unwrap();
    assert!((1..50).contains(&size), "{size}");
    let narrowed = Credentials::of(&text);
    assert_eq!(world.statuses(&narrowed, &targets), [200, 403, 403]);
    let said = world.get("/b", &narrowed.token).text();
    assert!(said.contains("no session policy allows"), "{said}");
    let arn = (
        "PolicyArns.member.1.arn",
        "arn:aws:iam::555566667777:policy/only-b",
    );
    assert_eq!(
        world.statuses(&world.deploy(&[arn]), &targets),
        [403, 200, 403]
    );
    let both = world.deploy(&[arn, ("Policy", only_a)]);
    assert_eq!(world.statuses(&both, &targets), [200, 200, 403]);
    // A policy that is gone grants nothing any more, and what it took away stays taken.
    std::fs::remove_file(
        world
            .site
            .path("policies/accounts/555566667777-app/policies/only-b.json"),
    )
    .unwrap();
    eventually("the policy is gone", || {
        let statuses = world.statuses(&both, &targets);
        assert!(statuses[2] == 403);
        (statuses[0] != 200 && statuses[1] != 200).then_some(())
    });
}

#[test]
fn tags_and_source_identity_go_down_the_chain() {
    let world = world();
    let tags = [
        ("Tags.member.1.Key", "Stage"),
        ("Tags.member.1.Value", "blue"),
        ("Tags.member.2.Key", "Own"),
        ("Tags.member.2.Value", "x"),
        ("TransitiveTagKeys.member.1", "Stage"),
    ];
    let deploy = world.deploy(&tags);
    assert_eq!(
        world.statuses(&deploy, &["/c-blue", "/c-green"]),
        [200, 403]
    );
    let chain = |more: &[(&str, &str)]| {
        let more: Vec<_> = [("ExternalId", "")]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        world.assume(&deploy, NEXT, &more)
    };
    let answer = chain(&[]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        element(&answer.text(), "SourceIdentity").as_deref(),
        Some("dana")
    );
    let next = Credentials::of(&answer.text());
    assert_eq!(world.statuses(&next, &["/c-blue", "/c-green"]), [200, 403]);
    for key in ["Stage", "STAGE"] {
        let more = [("Tags.member.1.Key", key), ("Tags.member.1.Value", "green")];
        refused(&chain(&more), 400, "ValidationError");
    }
    refused(
        &chain(&[("SourceIdentity", "mallory")]),
        403,
        "AccessDenied",
    );
    assert_eq!(chain(&[("SourceIdentity", "dana")]).status, 200);
    refused(
        &chain(&[("DurationSeconds", "3601")]),
        400,
        "ValidationError",
    );
    assert_eq!(chain(&[("DurationSeconds", "900")]).status, 200);
}

#[test]
fn tokens_live_and_die_with_their_key_role_and_permission() {
    let world = world();
    let deploy = world.deploy(&[]);
    assert_eq!(world.statuses(&deploy, &["/a"]), [200]);
    // A token of a role with `bearer: false` is no credential alone.
    let token = world.jwt(json!({}));
    let answer = world.unsigned(&[
        ("Action", "AssumeRoleWithWebIdentity"),
        ("RoleArn", "arn:aws:iam::111111111111:role/quiet"),
        ("RoleSessionName", "quiet"),
        ("WebIdentityToken", &token),
    ]);
    let quiet = Credentials::of(&answer.text());
    assert_eq!(world.statuses(&quiet, &["/a"]), [401]);
    assert_eq!(
        world
            .signed(&quiet, &[("Action", "GetCallerIdentity")])
            .status,
        200
    );
    let mut changed = deploy.clone();
    changed.token.pop();
    assert_eq!(world.statuses(&changed, &["/a"]), [401]);
    // Rotated: old tokens stay good, new ones have the new key.
    let folder = world.site.path(".");
    let keyring = |arguments: &[&str]| {
        let all: Vec<&str> = ["keyring"].iter().chain(arguments).copied().collect();
        let (code, out, said) = run(&all, &folder);
        assert_eq!(code, 0, "{said}");
        out
    };
    keyring(&["rotate"]);
    let old = deploy.token.split('_').nth(1).unwrap().to_owned();
    let rotated = eventually("a token with the new key", || {
        let token = world.deploy(&[]);
        (token.token.split('_').nth(1) != Some(&old)).then_some(token)
    });
    assert_eq!(world.statuses(&deploy, &["/a"]), [200]);
    keyring(&["retire", &old]);
    eventually("the old key's tokens are refused", || {
        (world.statuses(&deploy, &["/a"]) == [401]).then_some(())
    });
    assert_eq!(world.statuses(&rotated, &["/a"]), [200]);
    // A broken file changes nothing.
    let good = std::fs::read_to_string(world.site.path("keyring.yaml")).unwrap();
    world.site.write("keyring.yaml", "nonsense");
    eventually("the log says so", || {
        world
            .sidegate
            .log()
            .contains("the keyring in use stays")
            .then_some(())
    });
    assert_eq!(world.statuses(&rotated, &["/a"]), [200]);
    world.site.write("keyring.yaml", &good);
    // The role is gone, and its sessions with it.
    std::fs::remove_file(
        world
            .site
            .path("policies/accounts/555566667777-app/roles/deploy.yaml"),
    )
    .unwrap();
    std::fs::remove_file(
        world
            .site
            .path("policies/accounts/555566667777-app/roles/next.yaml"),
    )
    .unwrap();
    eventually("the session is nobody's", || {
        (world.statuses(&rotated, &["/a"]) == [403]).then_some(())
    });
    let answer = world.signed(&rotated, &[("Action", "GetCallerIdentity")]);
    refused(&answer, 403, "InvalidClientTokenId");
}

#[test]
fn replicas_share_sessions_by_the_keyring_alone() {
    let world = world();
    let deploy = world.deploy(&[]);
    let replica = |keyring: &str| {
        let upstream = Upstream::start();
        let site = Site::with_bundle(&upstream, "nothing");
        write_bundle(&site, &world.keys);
        let settings = std::fs::read_to_string(site.path("sidegate.yaml")).unwrap();
        site.write("sidegate.yaml", &format!("{settings}{keyring}"));
        let export = ["keyring", "export", "--verify-only"];
        let to = site.path("keyring.yaml");
        let (code, _, said) = run(
            &[&export[..], &[to.to_str().unwrap()]].concat(),
            &world.site.path("."),
        );
        assert_eq!(code, 0, "{said}");
        let sidegate = Sidegate::start(&site);
        let bearer = format!("Bearer {}", deploy.token);
        let headers = [("Authorization", &*bearer)];
        request(sidegate.ingress, "GET", "app", "/a", &headers).status
    };
    assert_eq!(replica("keyring: ./keyring.yaml\n"), 200);
    assert_eq!(replica(""), 401);
}
