//! Trouble at a key server is neither an outage nor a wrong 401.

use super::*;
use crate::clock::monotonic;

fn keys() -> Mode {
    Mode::Keys(signers().jwks())
}

async fn accepts(authenticator: &Authenticator, provider: &Arc<Provider>, token: &str) -> bool {
    try_token(authenticator, std::slice::from_ref(provider), token)
        .await
        .is_ok()
}

fn state_of(authenticator: &Authenticator, name: &str) -> State {
    authenticator
        .statuses()
        .into_iter()
        .find(|status| &*status.name == name)
        .unwrap()
        .state
}

/// Every way in which an issuer can be broken.
fn broken() -> Vec<Mode> {
    let other = Signer::ed().jwk("ed", "");
    vec![
        Mode::Status(500, format!(r#"{{"keys":[{other}]}}"#)),
        Mode::Status(204, String::new()),
        Mode::Keys("<html>maintenance</html>".into()),
        Mode::Keys(String::new()),
        Mode::Keys(r#"{"keys":[]}"#.into()),
        Mode::Keys(r#"{"keys":[{"kty":"oct","k":"AAAA","kid":"ed"}]}"#.into()),
        Mode::Keys(format!(r#"{{"keys":[{}]}}"#, vec![other; 101].join(","))),
        Mode::Reset,
        Mode::Silent,
        Mode::Slow(signers().jwks()),
        Mode::Endless,
        Mode::Redirect("https://evil.example/jwks".into()),
    ]
}

#[tokio::test]
async fn a_broken_issuer_leaves_known_keys_alone() {
    let mut drills = Vec::new();
    for mode in broken() {
        drills.push(async move {
            let issuer = Issuer::start(keys()).await;
            let clock = Clock::fixed(now());
            let authenticator = authenticator(&clock, None);
            let provider = discovered("corp", &issuer.url);
            let providers = [provider.clone()];
            authenticator.follow(&providers);
            assert!(accepts(&authenticator, &provider, &token_of(&issuer.url)).await);
            issuer.set(mode.clone());
            tokio::time::sleep(timing().refetch).await;
            // An unknown key: nobody knows whether it exists.
            let stranger = token_by(&Signer::ed(), "new", &issuer.url, "");
            let answer = try_token(&authenticator, &providers, &stranger).await;
            assert_eq!(answer.err(), Some(Reason::ProviderUnavailable), "{mode:?}");
            eventually("stale", async || {
                state_of(&authenticator, "corp") == State::Stale
            })
            .await;
            // Known keys, with tokens not seen before, wait for nothing.
            for n in 0..20 {
                let token = token_by(&signers().ed, "ed", &issuer.url, &format!(",\"n\":{n}"));
                let begun = monotonic();
                assert!(accepts(&authenticator, &provider, &token).await, "{mode:?}");
                assert!(begun.elapsed() < Duration::from_millis(100), "{mode:?}");
            }
            issuer.set(keys());
            eventually("fresh again", async || {
                state_of(&authenticator, "corp") == State::Fresh
            })
            .await;
        });
    }
    futures_util::future::join_all(drills).await;
}

#[tokio::test]
async fn started_with_the_issuer_down() {
    for mode in [Mode::Status(500, String::new()), Mode::Silent] {
        let issuer = Issuer::start(mode).await;
        let authenticator = authenticator(&Clock::fixed(now()), None);
        let provider = discovered("corp", &issuer.url);
        let providers = [provider.clone()];
        authenticator.follow(&providers);
        let begun = monotonic();
        let answer = try_token(&authenticator, &providers, &token_of(&issuer.url)).await;
        assert_eq!(answer.err(), Some(Reason::ProviderUnavailable));
        assert!(begun.elapsed() < timing().wait + Duration::from_millis(200));
        eventually("failed", async || {
            state_of(&authenticator, "corp") == State::Failed
        })
        .await;
        issuer.set(keys());
        eventually("recovery", async || {
            accepts(&authenticator, &provider, &token_of(&issuer.url)).await
        })
        .await;
    }
}

#[tokio::test]
async fn a_connection_refused() {
    let issuer = Issuer::start(keys()).await;
    let url = issuer.url.clone();
    drop(issuer);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let authenticator = authenticator(&Clock::fixed(now()), None);
    let providers = [discovered("corp", &url)];
    authenticator.follow(&providers);
    let answer = try_token(&authenticator, &providers, &token_of(&url)).await;
    assert_eq!(answer.err(), Some(Reason::ProviderUnavailable));
}

#[tokio::test]
async fn rotation_under_traffic() {
    let issuer = Issuer::start(keys()).await;
    let authenticator = authenticator(&Clock::fixed(now()), None);
    let provider = discovered("corp", &issuer.url);
    let providers = [provider.clone()];
    authenticator.follow(&providers);
    let old = token_of(&issuer.url);
    assert!(accepts(&authenticator, &provider, &old).await);
    // The new key comes beside the old one, then the old one goes.
    let next = Signer::ed();
    let (old_key, new_key) = (signers().ed.jwk("ed", ""), next.jwk("next", ""));
    issuer.set(Mode::Keys(format!(r#"{{"keys":[{old_key},{new_key}]}}"#)));
    let new = token_by(&next, "next", &issuer.url, "");
    tokio::time::sleep(timing().refetch).await;
    let (first, again) = tokio::join!(
        accepts(&authenticator, &provider, &new),
        accepts(&authenticator, &provider, &old)
    );
    assert!(first && again, "accepted within one fetch of first sight");
    issuer.set(Mode::Keys(format!(r#"{{"keys":[{new_key}]}}"#)));
    tokio::time::sleep(timing().refetch).await;
    let stranger = token_by(&Signer::ed(), "x", &issuer.url, "");
    assert!(!accepts(&authenticator, &provider, &stranger).await);
    // The withdrawn key is refused, although its token was verified and kept.
    let answer = try_token(&authenticator, &providers, &old).await;
    assert_eq!(answer.err(), Some(Reason::BadSignature));
    assert!(accepts(&authenticator, &provider, &new).await);
}

#[tokio::test]
async fn a_flood_of_key_names_causes_no_flood_of_fetches() {
    let issuer = Issuer::start(keys()).await;
    // A busy machine is no failed fetch here: requests wait as long as they must.
    let settings = Settings {
        timing: Timing {
            wait: Duration::from_secs(120),
            fetch: Duration::from_secs(120),
            ..timing()
        },
        ..Settings::default()
    };
    let authenticator = Authenticator::new(settings, Clock::fixed(now()));
    let provider = discovered("corp", &issuer.url);
    authenticator.follow(std::slice::from_ref(&provider));
    assert!(accepts(&authenticator, &provider, &token_of(&issuer.url)).await);
    let before = issuer.fetches();
    let begun = monotonic();
    let stranger = Signer::ed();
    let mut flood = Vec::new();
    for n in 0..10_000 {
        let token = token_by(&stranger, &format!("kid-{n}"), &issuer.url, "");
        let (authenticator, provider) = (authenticator.clone(), provider.clone());
        flood.push(tokio::spawn(async move {
            let providers = [provider];
            try_token(&authenticator, &providers, &token).await.err()
        }));
    }
    for answer in flood {
        assert_eq!(answer.await.unwrap(), Some(Reason::BadSignature));
    }
    let intervals = begun.elapsed().as_millis() / timing().refetch.as_millis() + 1;
    let caused = issuer.fetches() - before;
    assert!(caused as u128 <= intervals, "{caused} in {intervals}");
    assert!(accepts(&authenticator, &provider, &token_of(&issuer.url)).await);
    assert_eq!(authenticator.cached().0, 1, "bad tokens are not kept");
}

#[tokio::test]
async fn those_who_wait_for_a_silent_issuer_are_bounded_in_number() {
    let issuer = Issuer::start(keys()).await;
    let settings = Settings {
        timing: Timing {
            wait: Duration::from_secs(16),
            fetch: Duration::from_secs(60),
            ..timing()
        },
        ..Settings::default()
    };
    let authenticator = Authenticator::new(settings, Clock::fixed(now()));
    let provider = discovered("corp", &issuer.url);
    authenticator.follow(std::slice::from_ref(&provider));
    assert!(accepts(&authenticator, &provider, &token_of(&issuer.url)).await);
    issuer.set(Mode::Silent);
    tokio::time::sleep(timing().refetch).await;
    let stranger = Signer::ed();
    let mut flood = Vec::new();
    for n in 0..3000 {
        // Unknown names, and wrong signatures under a known one.
        let kid = if n % 2 == 0 { "ed" } else { "new" };
        let token = token_by(&stranger, kid, &issuer.url, &format!(",\"n\":{n}"));
        let (authenticator, provider) = (authenticator.clone(), provider.clone());
        flood.push(tokio::spawn(async move {
            try_token(&authenticator, &[provider], &token).await.err()
        }));
    }
    // The others are told, a quarter of the time after the fetch began, that nobody knows.
    tokio::time::sleep(Duration::from_secs(4)).await;
    eventually("the others are told", async || {
        flood.iter().filter(|one| !one.is_finished()).count() <= 1024
    })
    .await;
    assert!(accepts(&authenticator, &provider, &token_of(&issuer.url)).await);
    let mut waiting = 0;
    for one in flood {
        if !one.is_finished() {
            waiting += 1;
            one.abort();
            continue;
        }
        assert_eq!(one.await.unwrap(), Some(Reason::ProviderUnavailable));
    }
    assert_eq!(waiting, 1024);
}

#[tokio::test]
async fn one_broken_issuer_among_five() {
    let mut issuers = Vec::new();
    for n in 0..5 {
        let mode = if n == 2 { Mode::Silent } else { keys() };
        issuers.push(Issuer::start(mode).await);
    }
    let authenticator = authenticator(&Clock::fixed(now()), None);
    let providers: Vec<_> = issuers
        .iter()
        .enumerate()
        .map(|(n, issuer)| discovered(&format!("p{n}"), &issuer.url))
        .collect();
    authenticator.follow(&providers);
    let broken = {
        let (authenticator, providers) = (authenticator.clone(), providers.clone());
        let token = token_of(&issuers[2].url);
        tokio::spawn(async move { try_token(&authenticator, &providers, &token).await.err() })
    };
    for (n, issuer) in issuers.iter().enumerate() {
        if n != 2 {
            let begun = monotonic();
            let answer = try_token(&authenticator, &providers, &token_of(&issuer.url)).await;
            assert_eq!(answer.err(), None);
            assert!(begun.elapsed() < Duration::from_millis(200));
        }
    }
    assert_eq!(broken.await.unwrap(), Some(Reason::ProviderUnavailable));
}

#[tokio::test]
async fn a_cold_start_from_disk_with_the_issuer_down() {
    let state = tempfile::tempdir().unwrap();
    let issuer = Issuer::start(keys()).await;
    let provider = discovered("corp", &issuer.url);
    let clock = Clock::fixed(now());
    {
        let first = authenticator(&clock, Some(state.path()));
        first.follow(std::slice::from_ref(&provider));
        assert!(accepts(&first, &provider, &token_of(&issuer.url)).await);
        eventually("kept", async || {
            std::fs::read_dir(state.path().join("keys")).is_ok_and(|files| files.count() == 1)
        })
        .await;
    }
    issuer.set(Mode::Status(500, String::new()));
    let second = authenticator(&clock, Some(state.path()));
    second.follow(std::slice::from_ref(&provider));
    eventually("keys of the earlier run", async || {
        accepts(&second, &provider, &token_of(&issuer.url)).await
    })
    .await;
    assert_eq!(state_of(&second, "corp"), State::Stale);
    // Too old: refused with 503, also what was verified before; the file is no way around `max_stale`.
    clock.set(Timestamp::from_seconds(NOW + 86_401));
    let provider_again = provider.as_ref().clone();
    let provider_again = Arc::new(Provider {
        max_stale: Duration::from_secs(86_400),
        ..provider_again
    });
    let late = format!(r#","iat":{0},"exp":{1}"#, NOW + 86_300, NOW + 90_000);
    let claims = claims_of(&issuer.url, "").replace(
        &format!(r#","iat":{},"exp":{}"#, NOW - 60, NOW + 3600),
        &late,
    );
    let token = signers()
        .ed
        .token(Algorithm::EdDsa, &header(Algorithm::EdDsa, "ed"), &claims);
    for authenticator in [second, authenticator(&clock, Some(state.path()))] {
        authenticator.follow(std::slice::from_ref(&provider_again));
        tokio::time::sleep(Duration::from_millis(50)).await;
        let providers = [provider_again.clone()];
        let answer = try_token(&authenticator, &providers, &token).await;
        assert_eq!(answer.err(), Some(Reason::ProviderUnavailable));
        assert_eq!(state_of(&authenticator, "corp"), State::Failed);
    }
}

#[tokio::test]
async fn torn_and_foreign_files_on_disk_count_as_absent() {
    let state = tempfile::tempdir().unwrap();
    let issuer = Issuer::start(keys()).await;
    let provider = discovered("corp", &issuer.url);
    let clock = Clock::fixed(now());
    {
        let first = authenticator(&clock, Some(state.path()));
        first.follow(std::slice::from_ref(&provider));
        assert!(accepts(&first, &provider, &token_of(&issuer.url)).await);
        let folder = state.path().join("keys");
        eventually("kept", async || {
            std::fs::read_dir(&folder).is_ok_and(|files| files.count() == 1)
        })
        .await;
    }
    issuer.set(Mode::Reset);
    let folder = state.path().join("keys");
    let path = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
    let whole = std::fs::read_to_string(path.path()).unwrap();
    for text in [
        whole.split_at(whole.len() / 2).0,
        "",
        "{}",
        &whole.replacen("http://127", "http://128", 1),
        &whole.replace(r#""fetched_at":1"#, r#""fetched_at":9"#),
        &whole
            .replace("Ed25519", "X25519")
            .replace("RSA", "XXX")
            .replace("P-", "Q-"),
    ] {
        std::fs::write(path.path(), text).unwrap();
        let again = authenticator(&clock, Some(state.path()));
        again.follow(std::slice::from_ref(&provider));
        assert!(!accepts(&again, &provider, &token_of(&issuer.url)).await);
    }
}

#[tokio::test]
async fn keys_are_fetched_ahead_of_expiry_and_expire_alone() {
    let short = issuer_with_age("max-age=0").await;
    let long = issuer_with_age("max-age=3600").await;
    let authenticator = authenticator(&Clock::fixed(now()), None);
    let providers = [
        discovered("short", &short.url),
        discovered("long", &long.url),
    ];
    authenticator.follow(&providers);
    tokio::time::sleep(timing().min_refresh * 6).await;
    // Whatever the issuer says, not more often than `min_refresh`.
    assert!((3..=8).contains(&short.fetches()), "{}", short.fetches());
    assert_eq!(long.fetches(), 1);
}

async fn issuer_with_age(control: &'static str) -> Issuer {
    Issuer::start(Mode::Cached(signers().jwks(), control)).await
}

#[tokio::test]
async fn a_burst_of_unknown_keys_causes_one_fetch() {
    let issuer = Issuer::start(keys()).await;
    let authenticator = authenticator(&Clock::fixed(now()), None);
    let provider = discovered("corp", &issuer.url);
    authenticator.follow(std::slice::from_ref(&provider));
    assert!(accepts(&authenticator, &provider, &token_of(&issuer.url)).await);
    tokio::time::sleep(timing().refetch).await;
    let stranger = Signer::ed();
    let burst = (0..20).map(|n| {
        let token = token_by(&stranger, &format!("kid-{n}"), &issuer.url, "");
        let (authenticator, provider) = (&authenticator, &provider);
        async move { accepts(authenticator, provider, &token).await }
    });
    let answers = futures_util::future::join_all(burst).await;
    assert!(!answers.contains(&true));
    tokio::time::sleep(timing().refetch / 2).await;
    assert_eq!(issuer.fetches(), 2, "the first one, and one for them all");
}
