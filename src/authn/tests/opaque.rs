//! Opaque tokens: asked about once, believed for a while, and never refused for their endpoint's trouble.

mod endpoint;
mod flood;

use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::clock::monotonic;
use endpoint::{Endpoint, Mode};

const ISSUER: &str = "https://idp.example";

/// What an endpoint says of a good token, with `more` members.
fn good(more: &str) -> String {
    let (issued, ends) = (NOW - 60, NOW + 3600);
    format!(
        r#"{{"active":true,"sub":"alice","aud":"orders-api","iat":{issued},"exp":{ends},"scope":"read write"{more}}}"#
    )
}

fn inactive() -> Mode {
    Mode::Says(r#"{"active":false}"#.to_owned())
}

struct World {
    endpoint: Endpoint,
    authenticator: Arc<Authenticator>,
    providers: Vec<Arc<Provider>>,
    clock: Clock,
    folder: TempDir,
}

fn secret(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("secret");
    std::fs::write(&path, "s3cr:t/+\n").unwrap();
    path
}

/// A provider with opaque tokens, and keys in the bundle for its JWTs.
fn asking(
    name: &str,
    issuer: &str,
    url: &str,
    secret: &std::path::Path,
    more: &str,
) -> Arc<Provider> {
    let introspection = format!(
        r#","introspection":{{"url":"{url}/asked","client_id":"side gate","client_secret_file":"{}"{more}}}"#,
        secret.display()
    );
    let read = provider(name, issuer, r#"{"file":"k.json"}"#, &introspection);
    let mut provider = read.as_ref().clone();
    let mut report = crate::source::Report::on("k.json");
    provider.attach_keys(&signers().jwks(), &mut report);
    Arc::new(provider)
}

async fn world(says: Mode, more: &str) -> World {
    let endpoint = Endpoint::start(says).await;
    let folder = tempfile::tempdir().unwrap();
    let providers = vec![asking(
        "corp",
        ISSUER,
        &endpoint.url,
        &secret(&folder),
        more,
    )];
    let clock = Clock::fixed(now());
    let settings = Settings {
        timing: Timing {
            // A busy machine is no endpoint in trouble.
            wait: Duration::from_secs(20),
            ..timing()
        },
        ..Settings::default()
    };
    let authenticator = Authenticator::new(settings, clock.clone());
    authenticator.follow(&providers);
    World {
        endpoint,
        authenticator,
        providers,
        clock,
        folder,
    }
}

impl World {
    async fn ask(&self, token: &str) -> Result<Arc<VerifiedToken>, Reason> {
        try_token(&self.authenticator, &self.providers, token).await
    }

    async fn refused(&self, token: &str) -> Option<Reason> {
        self.ask(token).await.err()
    }

    /// Waits less long for the endpoint.
    fn impatient(&mut self) {
        let settings = Settings {
            timing: timing(),
            ..Settings::default()
        };
        self.authenticator = Authenticator::new(settings, self.clock.clone());
        self.authenticator.follow(&self.providers);
    }
}

#[tokio::test]
async fn a_token_is_asked_about_once() {
    let world = world(Mode::Says(good("")), "").await;
    for token in ["opaque", "a.b", "a.b.c.d", "a+b/c~d==", "x"] {
        let before = world.endpoint.asked();
        let first = world.ask(token).await.unwrap();
        let again = world.ask(token).await.unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(world.endpoint.asked(), before + 1, "{token}");
        assert_eq!(&*first.claims().issuer, ISSUER);
        assert_eq!(first.claims().subject(), Some("alice"));
        assert!(first.claims().get("active").is_none());
    }
    world.ask("a+b/c~d=").await.unwrap();
    let (head, body) = world.endpoint.last();
    assert!(head.starts_with("POST /asked HTTP/1.1\r\n"), "{head}");
    // `side%20gate:s3cr%3At%2F%2B`
    let basic = "Basic c2lkZSUyMGdhdGU6czNjciUzQXQlMkYlMkI=\r\n";
    assert!(head.contains(basic), "{head}");
    assert_eq!(body, "token=a%2Bb%2Fc%7Ed%3D&token_type_hint=access_token");
    let counted = world.authenticator.opaque_cache();
    assert_eq!((counted.hits, counted.misses), (5, 6));
}

#[tokio::test]
async fn a_token_goes_to_nobody_else() {
    let world = world(Mode::Says(good("")), "").await;
    let own = token_of(ISSUER);
    assert!(world.ask(&own).await.is_ok(), "a JWT proves itself");
    for (token, answer) in [
        (&*token_of("https://other.example"), Reason::UnknownIssuer),
        ("a.b.c", Reason::MalformedCredential),
        ("sgk_robot_secret", Reason::MalformedCredential),
    ] {
        assert_eq!(world.refused(token).await, Some(answer), "{token}");
    }
    let long = "x".repeat(jwt::MAX_BYTES + 1);
    assert_eq!(
        world.refused(&long).await,
        Some(Reason::MalformedCredential)
    );
    assert_eq!(world.endpoint.asked(), 0);
    // Where the route does not accept the provider, it is not asked either.
    let answer = try_token(&world.authenticator, &[], "opaque").await.err();
    assert_eq!(answer, Some(Reason::MalformedCredential));
    assert_eq!(world.endpoint.asked(), 0);
}

#[tokio::test]
async fn a_prefix_tells_whose_a_token_is() {
    let (one, two) = (
        Endpoint::start(Mode::Says(good(""))).await,
        Endpoint::start(Mode::Says(good(""))).await,
    );
    let folder = tempfile::tempdir().unwrap();
    let secret = secret(&folder);
    let named = |prefix: &str| format!(r#","token_prefix":"{prefix}""#);
    let providers = [
        asking("one", ISSUER, &one.url, &secret, &named("one_")),
        asking(
            "two",
            "https://two.example",
            &two.url,
            &secret,
            &named("two_"),
        ),
    ];
    let authenticator = authenticator(&Clock::fixed(now()), None);
    authenticator.follow(&providers);
    for (token, expected) in [("one_a", "one"), ("two_b", "two"), ("two_a.b.c", "two")] {
        let verified = try_token(&authenticator, &providers, token).await.unwrap();
        assert_eq!(&*verified.provider().name, expected);
    }
    assert_eq!((one.asked(), two.asked()), (1, 2));
    let answer = try_token(&authenticator, &providers, "three_c").await.err();
    assert_eq!(answer, Some(Reason::MalformedCredential));
    assert_eq!((one.asked(), two.asked()), (1, 2));
}

#[tokio::test]
async fn what_is_not_active_is_refused_and_remembered_for_a_moment() {
    let world = world(inactive(), "").await;
    for _ in 0..3 {
        assert_eq!(
            world.refused("gone").await,
            Some(Reason::InactiveCredential)
        );
    }
    assert_eq!(world.endpoint.asked(), 1);
    world.endpoint.set(Mode::Says(good("")));
    world.clock.set(Timestamp::from_seconds(NOW + 5));
    assert!(world.ask("gone").await.is_ok());
    assert_eq!(world.endpoint.asked(), 2);
}

#[tokio::test]
async fn an_answer_is_judged_as_a_token_is() {
    let world = world(Mode::Reset, r#","default_audience":"orders-api""#).await;
    let say = |text: String| world.endpoint.set(Mode::Says(text));
    for (at, (from, to, answer)) in [
        ("", "", None),
        (r#""aud":"orders-api""#, r#""token_type":"Bearer""#, None),
        (r#""aud":"orders-api""#, r#""token_type":"dpop""#, None),
        (
            r#""aud":"orders-api""#,
            r#""token_use":"access_token""#,
            None,
        ),
        // It may be a refresh token.
        (r#""aud":"orders-api","#, "", Some(Reason::InvalidClaims)),
        (
            r#""sub""#,
            r#""token_use":"refresh_token","sub""#,
            Some(Reason::InvalidClaims),
        ),
        (
            r#""sub""#,
            r#""token_type":"refresh","sub""#,
            Some(Reason::InvalidClaims),
        ),
        (
            r#""sub""#,
            r#""token_type":7,"sub""#,
            Some(Reason::InvalidClaims),
        ),
        (
            r#""aud":"orders-api""#,
            r#""aud":["x","billing-api"]"#,
            None,
        ),
        (r#""sub""#, r#""iss":"https://idp.example","sub""#, None),
        (
            r#""sub""#,
            r#""iss":"https://idp.example/","sub""#,
            Some(Reason::InvalidClaims),
        ),
        (r#""sub""#, r#""iss":7,"sub""#, Some(Reason::InvalidClaims)),
        (
            r#""aud":"orders-api""#,
            r#""aud":"other""#,
            Some(Reason::WrongAudience),
        ),
        (
            r#""aud":"orders-api""#,
            r#""aud":[]"#,
            Some(Reason::InvalidClaims),
        ),
        (
            r#""aud":"orders-api""#,
            r#""aud":null"#,
            Some(Reason::InvalidClaims),
        ),
        (
            &*format!(r#","exp":{}"#, NOW + 3600),
            "",
            Some(Reason::InvalidClaims),
        ),
        (
            &*format!(r#""exp":{}"#, NOW + 3600),
            &*format!(r#""exp":{}"#, NOW - 31),
            Some(Reason::ExpiredCredential),
        ),
        (
            r#""sub""#,
            &*format!(r#""nbf":{},"sub""#, NOW + 60),
            Some(Reason::InvalidClaims),
        ),
        (
            r#""sub""#,
            r#""cnf":{"kid":"x"},"sub""#,
            Some(Reason::InvalidClaims),
        ),
        (
            r#""sub""#,
            r#""cnf":{"jkt":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"},"sub""#,
            Some(Reason::UnboundCredential),
        ),
        (
            r#""active":true"#,
            r#""active":false"#,
            Some(Reason::InactiveCredential),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        say(good("").replacen(from, to, 1));
        let token = format!("token-{at}");
        assert_eq!(world.refused(&token).await, answer, "{from} {to}");
    }
}

#[tokio::test]
async fn without_an_audience_it_is_for_nobody() {
    let nobody = good("").replace(r#""aud":"orders-api""#, r#""token_type":"Bearer""#);
    let world = world(Mode::Says(nobody), "").await;
    assert_eq!(world.refused("x").await, Some(Reason::InvalidClaims));
}

#[tokio::test]
async fn an_endpoint_in_trouble_is_no_refusal() {
    let mut world = world(Mode::Says(good("")), "").await;
    world.impatient();
    assert!(world.ask("known").await.is_ok());
    let elsewhere = Endpoint::start(Mode::Says(good(""))).await;
    let mut modes = vec![
        Mode::Status(500),
        Mode::Status(401),
        Mode::Status(204),
        Mode::Status(429),
        Mode::Redirect(format!("{}/asked", elsewhere.url)),
        Mode::Reset,
        Mode::Silent,
        Mode::Slow(good("")),
        Mode::Endless,
    ];
    let wrong = [
        String::new(),
        "<html>".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        r#"{"active":"true"}"#.to_owned(),
        r#"{"active":1}"#.to_owned(),
        r#"{"active":false,"active":true}"#.to_owned(),
        good("") + "x",
        good(&format!(r#","x":"{}""#, "x".repeat(70_000))),
    ];
    modes.extend(wrong.map(Mode::Says));
    for mode in modes {
        // Not left alone because of the ones before.
        world.impatient();
        world.endpoint.set(Mode::Says(good("")));
        assert!(world.ask("known").await.is_ok());
        world.endpoint.set(mode.clone());
        let begun = monotonic();
        let answer = world.refused("new").await;
        assert_eq!(answer, Some(Reason::ProviderUnavailable), "{mode:?}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{mode:?}");
        // What is known waits for nothing, and other tokens of the provider prove themselves.
        assert!(world.ask("known").await.is_ok(), "{mode:?}");
        assert!(world.ask(&token_of(ISSUER)).await.is_ok(), "{mode:?}");
        world.endpoint.set(Mode::Says(good("")));
        assert!(world.ask("new").await.is_ok(), "at once: {mode:?}");
    }
    assert_eq!(elsewhere.asked(), 0, "no redirect is followed");
    std::fs::remove_file(world.folder.path().join("secret")).unwrap();
    assert_eq!(
        world.refused("more").await,
        Some(Reason::ProviderUnavailable)
    );
}

#[tokio::test]
async fn what_was_revoked_is_good_until_the_answer_is_old() {
    let world = world(Mode::Says(good("")), r#","max_age":20"#).await;
    let first = world.ask("token").await.unwrap();
    let until = Timestamp::from_seconds(NOW + 20);
    assert_eq!(first.believed_until(), Some(until));
    world.endpoint.set(inactive());
    world.clock.set(Timestamp::from_seconds(NOW + 19));
    assert!(world.ask("token").await.is_ok());
    world.clock.set(until);
    assert_eq!(
        world.refused("token").await,
        Some(Reason::InactiveCredential)
    );
    // The same with an endpoint that says nothing: nobody knows any more.
    world.endpoint.set(Mode::Says(good("")));
    assert!(world.ask("other").await.is_ok());
    world.endpoint.set(Mode::Reset);
    assert!(world.ask("other").await.is_ok());
    world.clock.set(Timestamp::from_seconds(NOW + 40));
    assert_eq!(
        world.refused("other").await,
        Some(Reason::ProviderUnavailable)
    );
    // And one whose end comes first.
    let short = good("").replace(&format!("{}", NOW + 3600), &format!("{}", NOW + 45));
    world.endpoint.set(Mode::Says(short));
    assert!(world.ask("short").await.is_ok());
    let asked = world.endpoint.asked();
    world.clock.set(Timestamp::from_seconds(NOW + 40 + 19));
    assert!(world.ask("short").await.is_ok(), "within the leeway");
    assert_eq!(world.endpoint.asked(), asked);
}

#[tokio::test]
async fn all_who_bring_one_token_wait_for_one_question() {
    let world = world(Mode::Later(Duration::from_millis(200), good("")), "").await;
    let all = (0..200).map(|_| world.ask("token"));
    let all = futures_util::future::join_all(all).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(world.endpoint.asked(), 1);
    world.endpoint.set(Mode::Later(
        Duration::from_millis(200),
        r#"{"active":false}"#.to_owned(),
    ));
    let all = (0..200).map(|_| world.refused("made-up"));
    let all = futures_util::future::join_all(all).await;
    assert!(
        all.iter()
            .all(|answer| *answer == Some(Reason::InactiveCredential))
    );
    assert_eq!(world.endpoint.asked(), 2);
}

#[tokio::test]
async fn an_endpoint_that_is_down_is_left_alone() {
    let world = world(Mode::Reset, "").await;
    for n in 0..300 {
        let answer = world.refused(&format!("t{n}")).await;
        assert_eq!(answer, Some(Reason::ProviderUnavailable));
    }
    // Three, and then one a second.
    assert!(world.endpoint.asked() < 20, "{}", world.endpoint.asked());
    world.endpoint.set(Mode::Says(good("")));
    eventually("it is asked again", async || world.ask("t0").await.is_ok()).await;
    assert!(world.ask("t1").await.is_ok());
}

#[tokio::test]
async fn the_issuer_itself_names_the_endpoint() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = Endpoint::start(Mode::Says(good(""))).await;
    let more = format!(
        r#","introspection":{{"client_id":"c","client_secret_file":"{}"}}"#,
        secret(&folder).display()
    );
    let own = provider("own", &endpoint.url, r#"{"discovery":true}"#, &more);
    let providers = [own];
    let authenticator = authenticator(&Clock::fixed(now()), None);
    authenticator.follow(&providers);
    for token in ["one", "two"] {
        assert!(try_token(&authenticator, &providers, token).await.is_ok());
    }
    assert_eq!(endpoint.asked(), 2);
    // A document that names none, or a stranger's: no secret goes there.
    let issuer = Issuer::start(super::Mode::Keys(signers().jwks())).await;
    let stranger = Endpoint::start(Mode::Says(good(""))).await;
    endpoint.name(&stranger.url);
    for url in [&issuer.url, &endpoint.url] {
        let providers = [provider("none", url, r#"{"discovery":true}"#, &more)];
        authenticator.follow(&providers);
        let answer = try_token(&authenticator, &providers, "one").await.err();
        assert_eq!(answer, Some(Reason::ProviderUnavailable));
    }
    assert_eq!((stranger.asked(), endpoint.asked()), (0, 2));
}
