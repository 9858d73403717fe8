use jsonwebtoken::{DecodingKey, Validation, decode};
use serde_json::Value;

use super::*;
use crate::authn::Identity;

const NOW: i64 = 1_800_000_000;

fn assertions() -> (Clock, Assertions) {
    let clock = Clock::fixed(Timestamp::from_seconds(NOW));
    let key = SigningKey::generate().unwrap();
    (clock.clone(), Assertions::new(key, clock))
}

fn identity(tags: &[(&str, &str)], expires: Option<i64>) -> Arc<Identity> {
    let mut identity = Identity::anonymous();
    let tags = tags.iter();
    identity.tags = tags.map(|(k, v)| ((*k).into(), (*v).into())).collect();
    identity.expires_at = expires.map(Timestamp::from_seconds);
    Arc::new(identity)
}

fn token(headers: &Headers) -> &str {
    let mut found = headers.iter().filter(|(name, _)| name == IDENTITY);
    let (_, value) = found.next().unwrap();
    assert!(value.is_sensitive() && found.next().is_none());
    value.to_str().unwrap()
}

fn claims(assertions: &Assertions, token: &str, upstream: &str) -> Value {
    let keys = assertions.keys.load();
    let key = DecodingKey::from_jwk(keys.current.public()).unwrap();
    let mut validation = Validation::new(jsonwebtoken::Algorithm::ES256);
    validation.set_audience(&[upstream]);
    validation.validate_exp = false;
    decode::<Value>(token, &key, &validation).unwrap().claims
}

#[test]
fn renewed_at_half_of_its_life() {
    let (clock, assertions) = assertions();
    let identity = identity(&[], None);
    let first = assertions.of(&identity, "app", clock.now());
    clock.set(Timestamp::from_seconds(NOW + 149));
    assert!(Arc::ptr_eq(
        &first,
        &assertions.of(&identity, "app", clock.now())
    ));
    clock.set(Timestamp::from_seconds(NOW + 150));
    let second = assertions.of(&identity, "app", clock.now());
    assert_ne!(token(&first), token(&second));
    let claims = claims(&assertions, token(&second), "app");
    assert_eq!(claims["iat"], NOW + 150);
    assert_eq!(claims["exp"], NOW + 450);
}

#[test]
fn never_longer_than_the_credential() {
    let (clock, assertions) = assertions();
    let identity = identity(&[], Some(NOW + 40));
    let first = assertions.of(&identity, "app", clock.now());
    assert_eq!(claims(&assertions, token(&first), "app")["exp"], NOW + 40);
    clock.set(Timestamp::from_seconds(NOW + 39));
    assert!(Arc::ptr_eq(
        &first,
        &assertions.of(&identity, "app", clock.now())
    ));
}

#[test]
fn one_for_each_upstream_and_content() {
    let (clock, assertions) = assertions();
    let one = identity(&[("team", "images")], None);
    let same = identity(&[("team", "images")], None);
    let other = identity(&[("team", "orders")], None);
    let first = assertions.of(&one, "app", clock.now());
    assert!(Arc::ptr_eq(
        &first,
        &assertions.of(&same, "app", clock.now())
    ));
    for (identity, upstream) in [(&other, "app"), (&one, "payments")] {
        let second = assertions.of(identity, upstream, clock.now());
        assert_ne!(token(&first), token(&second));
        claims(&assertions, token(&second), upstream);
    }
    assert_eq!(
        claims(&assertions, token(&first), "app")["tags"]["team"],
        "images"
    );
}

#[test]
fn bounded_in_size() {
    let (clock, assertions) = assertions();
    let long = "x".repeat(4000);
    let headers = assertions.of(&identity(&[("team", &long)], None), "app", clock.now());
    let claims = claims(&assertions, token(&headers), "app");
    assert_eq!(claims["tags_omitted"], true);
    assert!(claims.get("tags").is_none() && token(&headers).len() < 4096);
}

#[test]
fn what_is_no_key() {
    for text in [
        "",
        "x",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ] {
        assert!(SigningKey::from_pem(text.as_bytes()).is_err(), "{text}");
    }
    let key = SigningKey::generate().unwrap();
    assert_eq!(format!("{key:?}"), format!("SigningKey({:?})", key.id()));
}

#[test]
fn a_replaced_key_stays_published_for_a_while() {
    let (clock, assertions) = assertions();
    let before = assertions.keys.load().current.clone();
    assertions.replace(before.clone());
    assert!(assertions.keys.load().retired.is_empty());
    assertions.replace(SigningKey::generate().unwrap());
    assert!(assertions.jwks().contains(before.id()));
    clock.set(Timestamp::from_seconds(NOW + 601));
    assert!(!assertions.jwks().contains(before.id()));
    assert!(!assertions.jwks().contains("\"d\""));
}

#[test]
fn what_is_kept_is_bounded_in_bytes() {
    let (clock, assertions) = assertions();
    // All alive, as only then each has an address of its own.
    let identities: Vec<_> = (0..300)
        .map(|number| {
            let mut large = Identity::anonymous();
            large.user_id = format!("{number:0>60000}").into();
            Arc::new(large)
        })
        .collect();
    for identity in &identities {
        assertions.of(identity, "app", clock.now());
    }
    for weight in [assertions.seen.weight(), assertions.said.weight()] {
        assert!((BYTES / 2..=BYTES).contains(&weight), "{weight}");
    }
    assert!(assertions.seen.len() < identities.len());
}
