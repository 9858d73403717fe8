use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use http::HeaderMap;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::authn::{Authentication, Authenticator, Presented, Settings};
use crate::directory::provider::Provider;
use crate::source::{Report, yaml};

use client::Answer;
use story::{Expected, Request};

/// A provider whose tokens come from an issuer at `base`.
fn provider(base: &str) -> Arc<Provider> {
    let text = format!(
        "type: oidc\naccount: '222222222222'\ntrusted_in: ['222222222222']\nissuer: {base}/corp\naudiences: [orders-api]\n\
         keys: {{ discovery: true }}\nalgorithms: [RS256, PS256, ES256, ES384, EdDSA]\nmap: {{ user: '{{claim:sub}}' }}\n"
    );
    let mut report = Report::on("identity-providers/corp.yaml");
    let node = yaml::read(&text, &mut report).unwrap();
    let provider = Provider::read(&node, "corp", &mut report);
    Arc::new(provider.unwrap_or_else(|| panic!("{:?}", report.faults())))
}

fn permissions(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn wanted(algorithm: &str, seconds: i64) -> Wanted<'_> {
    Wanted {
        provider: Some("corp"),
        subject: "alice",
        audience: None,
        algorithm: Some(algorithm),
        seconds,
        claims: serde_json::Map::new(),
    }
}

#[tokio::test]
async fn tokens_of_every_algorithm_are_accepted_by_discovery_also_from_kept_keys() {
    let mut made = Issuer::new(Keys::make().unwrap());
    let server = issuer::serve(made.keys()).await.unwrap();
    let base = format!("http://{}", server.address());
    made.add(
        "corp",
        issuer::Provider {
            issuer: format!("{base}/corp"),
            audiences: vec!["orders-api".to_owned()],
            algorithms: vec!["ES256".to_owned()],
        },
    );
    let folder = tempfile::tempdir().unwrap();
    made.keep(folder.path()).unwrap();
    assert_eq!(permissions(&folder.path().join("issuer.json")), 0o600);
    let kept = Issuer::kept(folder.path()).unwrap();
    assert_eq!(kept.providers(), made.providers());

    let clock = Clock::machine();
    let providers = [provider(&base)];
    let authenticator = Authenticator::new(Settings::default(), clock.clone());
    authenticator.follow(&providers);
    let authenticate = async |token: String| {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        let presented = Presented::of_headers(&headers, &providers);
        authenticator
            .authenticate(&presented)
            .await
            .map(|found| matches!(found, Authentication::Verified(_)))
            .map_err(|failure| failure.detail)
    };
    for algorithm in keys::ALGORITHMS {
        for issuer in [&made, &kept] {
            let token = issuer.token(&wanted(algorithm, 60), &clock).unwrap();
            assert_eq!(authenticate(token.clone()).await, Ok(true), "{algorithm}");
            let (signed, _) = token.rsplit_once('.').unwrap();
            assert!(authenticate(format!("{signed}.AAAA")).await.is_err());
        }
    }
    let expired = made.token(&wanted("ES256", -3600), &clock).unwrap();
    assert!(authenticate(expired).await.is_err());
    let stranger = Issuer::new(Keys::make().unwrap());
    assert!(stranger.token(&wanted("ES256", 60), &clock).is_err());
    assert!(made.token(&wanted("HS256", 60), &clock).is_err());
}

#[test]
fn a_missing_issuer_says_how_to_get_one() {
    let folder = tempfile::tempdir().unwrap();
    let error = Issuer::kept(folder.path()).unwrap_err();
    assert!(format!("{error:#}").contains("sidegate demo"));
}

#[test]
fn a_folder_serves_one_demo_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = folder::prepare(folder.path()).unwrap();
    std::fs::create_dir(folder.path().join("policies")).unwrap();
    let error = folder::prepare(folder.path()).unwrap_err();
    let told = format!("{error:#}");
    assert!(told.starts_with("another demo runs in "), "{told}");
    assert!(told.ends_with(" with --folder"), "{told}");
    assert!(folder.path().join("policies").exists());
    drop(first);
    assert!(folder::prepare(folder.path()).is_ok());
}

#[test]
fn a_folder_that_cannot_be_made_is_not_blamed_on_another_demo() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    // A lock that is no file cannot be written.
    let taken = folder.path().join("taken");
    drop(folder::prepare(&taken).unwrap());
    std::fs::remove_file(taken.join("lock")).unwrap();
    std::fs::create_dir(taken.join("lock")).unwrap();
    for (path, cause) in [
        (file.join("below"), "below cannot be made: "),
        (file, "file cannot be read as a folder: "),
        (taken, "taken cannot be written to: "),
    ] {
        let error = folder::prepare(&path).unwrap_err();
        let told = format!("{error:#}");
        assert!(told.contains(cause), "{told}");
        assert!(told.contains("--folder"), "{told}");
    }
}

#[test]
fn a_folder_that_no_demo_made_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    std::fs::write(policies.join("precious.json"), "{}").unwrap();
    assert!(folder::prepare(folder.path()).is_err());
    assert!(policies.join("precious.json").exists());

    let own = folder.path().join("own");
    folder::prepare(&own).unwrap();
    let files = folder::Files::from([("a/b.yaml".into(), "x".into())]);
    folder::write_bundle(&own, &files, "{}").unwrap();
    folder::prepare(&own).unwrap();
    assert!(own.join("policies/a/b.yaml").exists());
    let env = folder::write_env(&own, &[("GATE".into(), "http://127.0.0.1:1".into())]).unwrap();
    assert_eq!(
        std::fs::read_to_string(&env).unwrap().lines().next(),
        Some("export GATE='http://127.0.0.1:1'")
    );
    assert_eq!(permissions(&env), 0o600);
}

#[test]
fn what_a_reader_changed_is_known_and_put_over_the_next_demos_files() {
    let folder = tempfile::tempdir().unwrap();
    let texts = |texts: &[(&str, &str)]| -> folder::Files {
        let texts = texts.iter();
        texts
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect()
    };
    assert!(Edits::of(folder.path()).unwrap().is_empty());
    let made = |port: &str| Made {
        addresses: texts(&[("issuer", port)]),
        files: texts(&[("a/b.yaml", port), ("c.json", "c"), ("d.json", "d")]),
        configuration: "x: 1\n".to_owned(),
    };
    let first = made("127.0.0.1:1");
    let write = |made: &Made, files: &folder::Files| {
        folder::write_bundle(folder.path(), files, &made.write()).unwrap();
        folder::write_configuration(folder.path(), &made.configuration).unwrap();
    };
    write(&first, &first.files);
    assert!(Edits::of(folder.path()).unwrap().is_empty());

    let policies = folder.path().join("policies");
    std::fs::write(policies.join("c.json"), "mine at 127.0.0.1:1").unwrap();
    std::fs::write(policies.join("a/new.yaml"), "new").unwrap();
    std::fs::write(policies.join(".c.json.swp"), "an editor's").unwrap();
    std::fs::remove_file(policies.join("d.json")).unwrap();
    let edits = Edits::of(folder.path()).unwrap();
    assert_eq!(
        edits.words(),
        "policies/a/new.yaml, policies/c.json, policies/d.json (removed)"
    );
    let second = made("127.0.0.1:2");
    let mut files = second.files.clone();
    edits.apply(&mut files, &second.addresses);
    let expected = [
        ("a/b.yaml", "127.0.0.1:2"),
        ("a/new.yaml", "new"),
        ("c.json", "mine at 127.0.0.1:2"),
    ];
    assert_eq!(files, texts(&expected));
    // The edits are still edits of the demo after that.
    write(&second, &files);
    std::fs::write(folder.path().join("sidegate.yaml"), "x: 2\n").unwrap();
    let again = Edits::of(folder.path()).unwrap();
    assert_eq!(again.files.len(), 2);
    assert_eq!(again.removed, edits.removed);
    assert_eq!(again.configuration.as_deref(), Some("x: 2\n"));

    std::fs::remove_file(policies.join(edits::RECORD)).unwrap();
    let error = Edits::of(folder.path()).unwrap_err();
    assert!(error.to_string().contains("--fresh"), "{error}");
}

#[test]
fn the_written_configuration_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let upstreams = [("orders".to_owned(), "http://127.0.0.1:81".to_owned())];
    let text = folder::configuration(&upstreams);
    let path = folder::write_configuration(folder.path(), &text).unwrap();
    let settings = crate::config::load(&path, []).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(settings.listeners.len(), 1);
    assert_eq!(&*settings.upstreams[0].name, "orders");
}

#[test]
fn the_program_carries_the_bundle_as_it_is_now() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let mut disk = folder::Files::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
                disk.insert(name.to_owned(), std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    assert_eq!(folder::example(), disk, "touch src/cli/demo/folder.rs");
}

#[test]
fn no_issuer_of_the_example_is_left_after_rewriting() {
    let mut files = folder::example();
    let before = folder::providers(&files);
    assert!(!before.is_empty());
    let after = folder::rewrite(&mut files, "http://127.0.0.1:9");
    assert_eq!(folder::providers(&files), after);
    for (name, provider) in before {
        let (_, bare) = provider.issuer.split_once("://").unwrap();
        assert!(files.values().all(|text| !text.contains(bare)), "{bare}");
        assert_eq!(after[&name].issuer, format!("http://127.0.0.1:9/{name}"));
        assert_eq!(after[&name].audiences, provider.audiences);
    }
}

#[test]
fn people_and_stories_fit_together() {
    let providers = folder::providers(&folder::example());
    for person in PEOPLE {
        assert!(
            providers.contains_key(person.provider),
            "{}",
            person.variable
        );
        let claims: serde_json::Value = serde_json::from_str(person.claims).unwrap();
        assert!(claims.is_object());
    }
    let mut names = std::collections::BTreeSet::new();
    for story in stories::stories() {
        assert!(names.insert(story.name), "{} is told twice", story.name);
        if let Scene::Request(Request { who: Some(who), .. }) = story.scene {
            // The session that the demo gets of its own STS is nobody's token.
            let known = PEOPLE.iter().any(|person| person.variable == who);
            assert!(known || who == "DEPLOY", "{who}");
        }
    }
}

const PLAIN: Request = Request {
    who: None,
    method: "POST",
    host: "orders.internal",
    target: "/a?b=c",
    headers: &[("x-request-id", "r1"), ("x-other", "x")],
    body: "{}",
    expected: Expected::Allowed {
        principal: "",
        target: None,
    },
};

#[tokio::test]
async fn upstreams_tell_what_they_received() {
    let upstream = Upstream::start("orders").await.unwrap();
    let headers = [
        ("host", "orders.internal"),
        ("x-sidegate-principal-arn", "arn:x"),
        ("x-other", "x"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let answer = client::send(
        upstream.server.address(),
        "POST",
        "/a?b=c",
        &headers,
        "body",
    )
    .await
    .unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        json!({
            "service": "orders", "method": "POST", "target": "/a?b=c", "bodyBytes": 4,
            "headers": {"x-sidegate-principal-arn": "arn:x"},
        })
    );
    assert_eq!(upstream.received(), 1);
}

/// A stand-in for the proxy, which answers everything alike.
async fn stand_in(status: u16, body: serde_json::Value) -> Server {
    Server::start(|_| {
        move |_| {
            let answer = server::json(status, &body);
            async move { answer }
        }
    })
    .await
    .unwrap()
}

async fn play(proxy: SocketAddr, upstreams: &[Upstream], expected: Expected) -> Result<String> {
    let stage = Stage {
        proxy,
        tokens: &BTreeMap::new(),
        signers: &BTreeMap::new(),
        upstreams,
    };
    let request = Request { expected, ..PLAIN };
    stage.play(&request).await
}

#[tokio::test]
async fn smoke_sees_what_goes_wrong() {
    let refused = Expected::Refused {
        status: 403,
        code: "AccessDenied",
        message: "explicit deny",
    };
    let upstream = [Upstream::start("orders").await.unwrap()];
    let open = upstream[0].server.address();
    // A proxy that lets everything through.
    let error = play(open, &upstream, refused).await.unwrap_err();
    assert!(error.to_string().contains("answered 200"), "{error}");
    // A proxy that passes on the request and no identity.
    assert!(play(open, &upstream, PLAIN.expected).await.is_err());
    let good = json!({"code": "AccessDenied", "message": "… with an explicit deny in …"});
    let closed = stand_in(403, good).await;
    assert!(play(closed.address(), &[], refused).await.is_ok());
    assert!(play(closed.address(), &[], PLAIN.expected).await.is_err());
    let other = stand_in(403, json!({"code": "AccessDenied", "message": "…"})).await;
    assert!(play(other.address(), &[], refused).await.is_err());
    let code = stand_in(403, json!({"code": "NoRoute", "message": "explicit deny"})).await;
    assert!(play(code.address(), &[], refused).await.is_err());
    // One that answers by itself without asking the upstream.
    let invented = stand_in(200, json!({"method": "POST", "target": "/a?b=c"})).await;
    assert!(play(invented.address(), &[], PLAIN.expected).await.is_err());
}

proptest! {
    #[test]
    fn no_answer_surprises(status in 100_u16..999, text in ".{0,40}") {
        let answer = Answer { status, body: json!({ "code": text }), text: String::new() };
        prop_assert!(smoke::told(&answer).starts_with(&status.to_string()));
    }
}
