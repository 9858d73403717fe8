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

/// Whether the key was replaced, nobody knows while the issuer is in trouble: that is no 401, and the first token of the
/// new key after it is good at first sight.
#[tokio::test]
async fn an_issuer_in_trouble_makes_no_wrong_signature() {
    let [old, new] = [Signer::ed(), Signer::ed()];
    let issuer = Issuer::start(only(&jwk(&old, Some("same")))).await;
    let authenticator = patient();
    let providers = [discovered("corp", &issuer.url)];
    authenticator.follow(&providers);
    let ask = |signer, more: &'static str| {
        let claims = claims_of(&issuer.url, more);
        let token = signer_token(signer, &claims);
        let (authenticator, providers) = (&authenticator, &providers);
        async move { try_token(authenticator, providers, &token).await.err() }
    };
    assert_eq!(ask(&old, "").await, None);
    issuer.set(Mode::Status(500, String::new()));
    tokio::time::sleep(timing().refetch).await;
    for more in [",\"n\":1", ",\"n\":2"] {
        let answer = ask(&new, more).await;
        assert_eq!(answer, Some(Reason::ProviderUnavailable), "{more}");
    }
    // Those with a known key are served, and what would be refused all the same is.
    assert_eq!(ask(&old, ",\"n\":3").await, None);
    let early = format!(",\"nbf\":{}", NOW + 3000);
    let early = signer_token(&new, &claims_of(&issuer.url, &early));
    let answer = try_token(&authenticator, &providers, &early).await;
    assert_eq!(answer.err(), Some(Reason::BadSignature));
    issuer.set(only(&jwk(&new, Some("same"))));
    tokio::time::sleep(timing().refetch).await;
    assert_eq!(ask(&new, ",\"n\":4").await, None, "at first sight");
    assert_eq!(ask(&old, "").await, Some(Reason::BadSignature));
}

fn signer_token(signer: &Signer, claims: &str) -> String {
    signer.token(Algorithm::EdDsa, &header(Algorithm::EdDsa, "same"), claims)
}

/// One that never answers is waited for like for an unknown key: never long.
#[tokio::test]
async fn a_silent_issuer_is_not_waited_for_long() {
    let issuer = Issuer::start(Mode::Keys(signers().jwks())).await;
    let settings = Settings {
        timing: Timing {
            fetch: Duration::from_secs(120),
            ..timing()
        },
        ..Settings::default()
    };
    let authenticator = Authenticator::new(settings, Clock::fixed(now()));
    let providers = [discovered("corp", &issuer.url)];
    authenticator.follow(&providers);
    eventually("its keys are there", async || {
        try_token(&authenticator, &providers, &token_of(&issuer.url))
            .await
            .is_ok()
    })
    .await;
    issuer.set(Mode::Silent);
    tokio::time::sleep(timing().refetch).await;
    let stranger = token(&Signer::ed(), Some("ed"), &issuer.url, 1);
    let asked = try_token(&authenticator, &providers, &stranger);
    let answer = tokio::time::timeout(Duration::from_secs(60), asked).await;
    let answer = answer.map(Result::err);
    assert_eq!(answer, Ok(Some(Reason::ProviderUnavailable)));
    assert_eq!(issuer.fetches(), 2);
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
