//! Floods of tokens, each new: made up ones, and such as the issuer vouches for.

use super::*;

#[tokio::test]
async fn a_flood_of_made_up_tokens_is_held_off() {
    let world = world(Mode::Says(good("")), "").await;
    assert!(world.ask("good").await.is_ok());
    let answer = r#"{"active":false}"#.to_owned();
    world
        .endpoint
        .set(Mode::Later(Duration::from_millis(5), answer));
    let mut flood = Vec::new();
    for n in 0..5000 {
        let (authenticator, providers) = (world.authenticator.clone(), world.providers.clone());
        flood.push(tokio::spawn(async move {
            try_token(&authenticator, &providers, &format!("made-up-{n}"))
                .await
                .err()
        }));
    }
    let begun = monotonic();
    assert!(
        world.ask("good").await.is_ok(),
        "what is known waits for nothing"
    );
    assert!(begun.elapsed() < Duration::from_secs(2));
    let mut refused = 0;
    for answer in flood {
        match answer.await.unwrap() {
            Some(Reason::InactiveCredential) => refused += 1,
            Some(Reason::ProviderUnavailable) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(refused > 1000, "those who waited were answered: {refused}");
    assert!(world.endpoint.peak() <= 32, "{}", world.endpoint.peak());
    assert_eq!(
        world.endpoint.asked(),
        refused + 1,
        "and nobody else was asked about"
    );
    assert!(world.ask("good").await.is_ok());
    let counts = world.authenticator.opaque_cache();
    assert_eq!(counts.evictions, 0, "no good token was pushed out");
}

#[tokio::test]
async fn a_flood_of_active_tokens_leaves_those_alone_who_were_let_in_before() {
    let world = world(Mode::Says(good("")), r#","max_age":30"#).await;
    assert!(world.ask("honest").await.is_ok());
    let slow = Mode::Later(Duration::from_millis(50), good(""));
    world.endpoint.set(slow);
    // What was said of it is too old now.
    world.clock.set(Timestamp::from_seconds(NOW + 31));
    let mut flood = Vec::new();
    for n in 0..5000 {
        let (authenticator, providers) = (world.authenticator.clone(), world.providers.clone());
        flood.push(tokio::spawn(async move {
            try_token(&authenticator, &providers, &format!("active-{n}"))
                .await
                .err()
        }));
    }
    eventually("the flood is there", async || world.endpoint.asked() > 20).await;
    assert_eq!(world.refused("honest").await, None, "asked about beside it");
    assert!(flood.iter().any(|one| !one.is_finished()), "and before it");
    let mut let_in = 0;
    for answer in flood {
        match answer.await.unwrap() {
            None => let_in += 1,
            Some(Reason::ProviderUnavailable) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(let_in > 1000, "those who waited were answered: {let_in}");
    assert!(world.endpoint.peak() <= 32, "{}", world.endpoint.peak());
}

#[tokio::test]
async fn a_token_is_not_let_in_for_its_past() {
    let world = world(Mode::Says(good("")), r#","max_age":30"#).await;
    assert!(world.ask("token").await.is_ok());
    world.clock.set(Timestamp::from_seconds(NOW + 31));
    world.endpoint.set(Mode::Status(500));
    assert_eq!(
        world.refused("token").await,
        Some(Reason::ProviderUnavailable)
    );
    world.endpoint.set(inactive());
    assert_eq!(
        world.refused("token").await,
        Some(Reason::InactiveCredential)
    );
    world.endpoint.set(Mode::Silent);
    assert_eq!(
        world.refused("token").await,
        Some(Reason::InactiveCredential)
    );
}

#[tokio::test]
async fn what_fails_of_made_up_tokens_keeps_nobody_out_who_is_in() {
    let world = world(Mode::Says(good("")), r#","max_age":30"#).await;
    assert!(world.ask("honest").await.is_ok());
    world.endpoint.set(Mode::Status(500));
    for n in 0..5 {
        let answer = world.refused(&format!("made-up-{n}")).await;
        assert_eq!(answer, Some(Reason::ProviderUnavailable));
    }
    world.endpoint.set(Mode::Says(good("")));
    world.clock.set(Timestamp::from_seconds(NOW + 31));
    assert_eq!(world.refused("honest").await, None, "asked about anew");
}

#[tokio::test]
async fn what_the_endpoint_does_not_like_is_no_trouble_of_its() {
    let world = world(Mode::Says(good("")), "").await;
    for status in [400, 413, 414, 422, 431] {
        world.endpoint.set(Mode::Status(status));
        for n in 0..5 {
            let answer = world.refused(&format!("{status}-{n}")).await;
            assert_eq!(answer, Some(Reason::ProviderUnavailable));
        }
        world.endpoint.set(Mode::Says(good("")));
        let honest = world.ask(&format!("honest-{status}")).await;
        assert!(honest.is_ok(), "{status}: asked about at once");
    }
}
