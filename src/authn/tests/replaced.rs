//! A key that is replaced under its own name, and those who only pretend that one was.

use super::*;

/// A busy machine is no failed fetch here: requests wait as long as they must.
fn patient() -> Arc<Authenticator> {
    let settings = Settings {
        timing: Timing {
            wait: Duration::from_secs(120),
            fetch: Duration::from_secs(120),
            ..timing()
        },
        ..Settings::default()
    };
    Authenticator::new(settings, Clock::fixed(now()))
}

fn only(jwk: &str) -> Mode {
    Mode::Keys(format!(r#"{{"keys":[{jwk}]}}"#))
}

/// With a `kid`, or in a set and a token without any.
fn jwk(signer: &Signer, kid: Option<&str>) -> String {
    match kid {
        Some(kid) => signer.jwk(kid, ""),
        None => signer.jwk("x", "").replace(r#","kid":"x""#, ""),
    }
}

fn token(signer: &Signer, kid: Option<&str>, issuer: &str, n: usize) -> String {
    let algorithm = Algorithm::EdDsa;
    let header = match kid {
        Some(kid) => header(algorithm, kid),
        None => r#"{"alg":"EdDSA"}"#.to_owned(),
    };
    let claims = claims_of(issuer, &format!(",\"n\":{n}"));
    signer.token(algorithm, &header, &claims)
}

#[tokio::test]
async fn a_key_is_replaced_under_its_name_mid_traffic() {
    for kid in [Some("same"), None] {
        let [old, new] = [Signer::ed(), Signer::ed()];
        let issuer = Issuer::start(only(&jwk(&old, kid))).await;
        let authenticator = patient();
        let providers = [discovered("corp", &issuer.url)];
        authenticator.follow(&providers);
        let ask = |signer, n| {
            let token = token(signer, kid, &issuer.url, n);
            let (authenticator, providers) = (&authenticator, &providers);
            async move { try_token(authenticator, providers, &token).await.err() }
        };
        for n in 0..5 {
            assert_eq!(ask(&old, n).await, None, "{kid:?}");
        }
        issuer.set(only(&jwk(&new, kid)));
        tokio::time::sleep(timing().refetch).await;
        let before = issuer.fetches();
        let burst = futures_util::future::join_all((0..20).map(|n| ask(&new, n))).await;
        assert_eq!(burst, [None; 20], "{kid:?}: at first sight");
        assert_eq!(issuer.fetches(), before + 1, "one fetch for them all");
        // The one that is gone is refused, also with tokens that were verified and kept.
        for n in [0, 77] {
            assert_eq!(ask(&old, n).await, Some(Reason::BadSignature), "{kid:?}");
        }
        assert_eq!(ask(&new, 77).await, None, "{kid:?}");
    }
}

#[tokio::test]
async fn a_flood_of_wrong_signatures_causes_no_flood_of_fetches() {
    let issuer = Issuer::start(Mode::Keys(signers().jwks())).await;
    let authenticator = patient();
    let provider = discovered("corp", &issuer.url);
    let providers = [provider.clone()];
    authenticator.follow(&providers);
    let good = token_of(&issuer.url);
    assert!(try_token(&authenticator, &providers, &good).await.is_ok());
    let before = issuer.fetches();
    let begun = crate::clock::monotonic();
    let stranger = Signer::ed();
    let mut flood = Vec::new();
    for n in 0..10_000 {
        let token = token(&stranger, Some("ed"), &issuer.url, n);
        let (authenticator, provider) = (authenticator.clone(), provider.clone());
        flood.push(tokio::spawn(async move {
            try_token(&authenticator, &[provider], &token).await.err()
        }));
    }
    for answer in flood {
        assert_eq!(answer.await.unwrap(), Some(Reason::BadSignature));
    }
    let intervals = begun.elapsed().as_millis() / timing().refetch.as_millis() + 1;
    let caused = issuer.fetches() - before;
    assert!(
        caused > 0 && caused as u128 <= intervals,
        "{caused} in {intervals}"
    );
    assert!(try_token(&authenticator, &providers, &good).await.is_ok());
    assert_eq!(authenticator.cached().0, 1, "bad tokens are not kept");
}

#[tokio::test]
async fn nobody_with_a_known_key_waits_for_those_without() {
    let issuer = Issuer::start(Mode::Keys(signers().jwks())).await;
    let authenticator = patient();
    let provider = discovered("corp", &issuer.url);
    let providers = [provider.clone()];
    authenticator.follow(&providers);
    let good = token_of(&issuer.url);
    assert!(try_token(&authenticator, &providers, &good).await.is_ok());
    issuer.set(Mode::Silent);
    tokio::time::sleep(timing().refetch).await;
    let stranger = Signer::ed();
    let waiting: Vec<_> = (0..50)
        .map(|n| {
            let token = token(&stranger, Some("ed"), &issuer.url, n);
            let (authenticator, provider) = (authenticator.clone(), provider.clone());
            tokio::spawn(async move { try_token(&authenticator, &[provider], &token).await.err() })
        })
        .collect();
    eventually("the fetch has begun", async || issuer.fetches() == 2).await;
    for n in 0..50 {
        let fresh = token(&signers().ed, Some("ed"), &issuer.url, n);
        assert!(try_token(&authenticator, &providers, &fresh).await.is_ok());
    }
    assert!(waiting.iter().all(|one| !one.is_finished()), "they wait");
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn an_issuer_in_trouble_is_not_waited_for() {
    let issuer = Issuer::start(Mode::Keys(signers().jwks())).await;
    let authenticator = patient();
    let providers = [discovered("corp", &issuer.url)];
    authenticator.follow(&providers);
    let stranger = Signer::ed();
    let ask = |kid: &'static str, n| {
        let token = token(&stranger, Some(kid), &issuer.url, n);
        let (authenticator, providers) = (&authenticator, &providers);
        async move { try_token(authenticator, providers, &token).await.err() }
    };
    assert!(
        try_token(&authenticator, &providers, &token_of(&issuer.url))
            .await
            .is_ok()
    );
    issuer.set(Mode::Status(500, String::new()));
    tokio::time::sleep(timing().refetch).await;
    assert_eq!(ask("new", 0).await, Some(Reason::ProviderUnavailable));
    issuer.set(Mode::Silent);
    tokio::time::sleep(timing().refetch).await;
    let answer = tokio::time::timeout(Duration::from_secs(15), ask("ed", 1)).await;
    assert_eq!(answer, Ok(Some(Reason::BadSignature)), "at once");
    eventually("it is asked all the same", async || issuer.fetches() == 3).await;
}

#[tokio::test]
async fn what_would_be_refused_all_the_same_causes_no_fetch() {
    let issuer = Issuer::start(Mode::Keys(signers().jwks())).await;
    let authenticator = patient();
    let providers = [discovered("corp", &issuer.url)];
    authenticator.follow(&providers);
    let good = token_of(&issuer.url);
    assert!(try_token(&authenticator, &providers, &good).await.is_ok());
    tokio::time::sleep(timing().refetch).await;
    let (stranger, algorithm) = (Signer::ed(), Algorithm::EdDsa);
    let claims = claims_of(&issuer.url, "");
    for (header, claims) in [
        (
            header(algorithm, "ed"),
            claims.replace(&(NOW + 3600).to_string(), &(NOW - 31).to_string()),
        ),
        (
            header(algorithm, "ed"),
            claims.replace("orders-api", "else"),
        ),
        (
            r#"{"alg":"EdDSA","kid":"ed","typ":"dpop+jwt"}"#.to_owned(),
            claims.clone(),
        ),
    ] {
        let token = stranger.token(algorithm, &header, &claims);
        let answer = try_token(&authenticator, &providers, &token).await.err();
        assert_eq!(answer, Some(Reason::BadSignature), "{claims}");
    }
    assert_eq!(issuer.fetches(), 1);
}
