//! Which provider judges a token, and what is remembered of it.

use super::*;

/// A provider with keys of the bundle: nothing to fetch.
fn local(name: &str, issuer: &str, more: &str) -> Arc<Provider> {
    let read = provider(name, issuer, r#"{"file":"k.json"}"#, more);
    let mut provider = read.as_ref().clone();
    let mut report = crate::source::Report::on("k.json");
    provider.attach_keys(&signers().jwks(), &mut report);
    Arc::new(provider)
}

const CORP: &str = "https://idp.example";
const CLUSTER: &str = "https://cluster.example";

fn ready(providers: &[Arc<Provider>]) -> (Arc<Authenticator>, Clock) {
    let clock = Clock::fixed(now());
    let authenticator = authenticator(&clock, None);
    authenticator.follow(providers);
    (authenticator, clock)
}

async fn reason(
    authenticator: &Authenticator,
    providers: &[Arc<Provider>],
    token: &str,
) -> Option<Reason> {
    try_token(authenticator, providers, token).await.err()
}

#[tokio::test]
async fn the_issuer_names_the_provider_among_those_of_the_route() {
    let providers = [local("corp", CORP, ""), local("cluster", CLUSTER, "")];
    let (authenticator, _) = ready(&providers);
    for issuer in [CORP, CLUSTER] {
        let token = token_of(issuer);
        // Not seen before, then remembered: both answers are the same, also where the route takes another provider's.
        for _ in 0..2 {
            let verified = try_token(&authenticator, &providers, &token).await.unwrap();
            assert_eq!(&*verified.provider().issuer, issuer);
            let other = usize::from(issuer == CORP);
            let only = std::slice::from_ref(&providers[other]);
            assert_eq!(
                reason(&authenticator, only, &token).await,
                Some(Reason::UnknownIssuer)
            );
        }
    }
    let foreign = token_of("https://evil.example");
    assert_eq!(
        reason(&authenticator, &providers, &foreign).await,
        Some(Reason::UnknownIssuer)
    );
    assert_eq!(
        reason(&authenticator, &[], &token_of(CORP)).await,
        Some(Reason::UnknownIssuer)
    );
}

#[tokio::test]
async fn the_route_narrows_the_audiences() {
    let providers = [local("corp", CORP, "")];
    let (authenticator, _) = ready(&providers);
    let headers = bearer(&token_of(CORP));
    let billing: [Box<str>; 1] = ["billing-api".into()];
    let orders: [Box<str>; 2] = ["x".into(), "orders-api".into()];
    for (audiences, answer) in [
        (Some(&billing[..]), Some(Reason::WrongAudience)),
        (Some(&orders[..]), None),
        (Some(&billing[..]), Some(Reason::WrongAudience)),
        (None, None),
        (Some(&[][..]), Some(Reason::WrongAudience)),
    ] {
        let presented = Presented {
            audiences,
            ..Presented::of_headers(&headers, &providers)
        };
        let found = authenticator.authenticate(&presented).await;
        assert_eq!(found.err().map(|failure| failure.reason), answer);
    }
}

#[tokio::test]
async fn nobody_and_unreadable() {
    let providers = [local("corp", CORP, "")];
    let (authenticator, _) = ready(&providers);
    let none = HeaderMap::new();
    let presented = Presented::of_headers(&none, &providers);
    assert!(matches!(
        authenticator.authenticate(&presented).await,
        Ok(Authentication::Anonymous)
    ));
    for (token, answer) in [
        ("x", Reason::MalformedCredential),
        ("a.b.c", Reason::MalformedCredential),
        (
            &*"a".repeat(jwt::MAX_BYTES + 1),
            Reason::MalformedCredential,
        ),
        ("e30.e30.AAAA", Reason::MalformedCredential),
    ] {
        assert_eq!(
            reason(&authenticator, &providers, token).await,
            Some(answer)
        );
    }
}

#[tokio::test]
async fn remembered_tokens_expire() {
    let providers = [local("corp", CORP, "")];
    let (authenticator, clock) = ready(&providers);
    let token = token_of(CORP);
    let first = try_token(&authenticator, &providers, &token).await.unwrap();
    let again = try_token(&authenticator, &providers, &token).await.unwrap();
    assert!(Arc::ptr_eq(&first, &again), "verified once");
    let counted = Counts {
        hits: 1,
        misses: 1,
        evictions: 0,
    };
    assert_eq!(authenticator.token_cache(), counted);
    clock.set(Timestamp::from_seconds(NOW + 3630));
    for _ in 0..2 {
        assert_eq!(
            reason(&authenticator, &providers, &token).await,
            Some(Reason::ExpiredCredential)
        );
    }
    assert_eq!(authenticator.cached().0, 0);
}

#[tokio::test]
async fn a_changed_provider_judges_anew() {
    let before = [local("corp", CORP, "")];
    let (authenticator, _) = ready(&before);
    let token = token_of(CORP);
    let first = try_token(&authenticator, &before, &token).await.unwrap();
    // An equal one remembers.
    let same = [local("corp", CORP, "")];
    authenticator.follow(&same);
    let again = try_token(&authenticator, &same, &token).await.unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    // A stricter one does not, while a request begun before still reads the old one.
    let strict = [local("corp", CORP, r#","token_type":"at+jwt""#)];
    authenticator.follow(&strict);
    assert_eq!(
        reason(&authenticator, &strict, &token).await,
        Some(Reason::InvalidClaims)
    );
    assert!(try_token(&authenticator, &same, &token).await.is_ok());
    authenticator.follow(&strict);
    assert_eq!(
        reason(&authenticator, &same, &token).await,
        Some(Reason::ProviderUnavailable),
        "two reloads later it is gone"
    );
}

#[tokio::test]
async fn the_cache_is_bounded() {
    let settings = Settings {
        cache: Size {
            entries: 100,
            bytes: 256 * 1024,
        },
        ..Settings::default()
    };
    let providers = [local("corp", CORP, "")];
    let authenticator = Authenticator::new(settings, Clock::fixed(now()));
    authenticator.follow(&providers);
    for n in 0..1000 {
        let pad = "x".repeat(n % 7 * 1000);
        let more = format!(r#","n":{n},"pad":"{pad}""#);
        let token = token_by(&signers().ed, "ed", CORP, &more);
        assert_eq!(reason(&authenticator, &providers, &token).await, None);
    }
    let counts = authenticator.token_cache();
    assert_eq!((counts.hits, counts.misses), (0, 1000));
    assert!(counts.evictions >= 900, "{counts:?}");
    let (entries, bytes) = authenticator.cached();
    assert!(entries > 10 && entries <= 100, "{entries}");
    assert!(bytes <= 256 * 1024, "{bytes}");
}
