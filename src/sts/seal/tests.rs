//! Tokens: what opens, and that nothing else does.

#![expect(clippy::string_slice, reason = "tokens are ASCII, and a test may end")]

use proptest::prelude::*;

use crate::clock::Timestamp;
use crate::sts::keyring::Keyring;
use crate::sts::token::tests::{all, plain, session};
use crate::sts::{Keys, OpenError};

use super::*;

fn now() -> Timestamp {
    Timestamp::from_seconds(1_800_000_100)
}

fn keys() -> Keys {
    Keys::new(Keyring::new(Timestamp::from_seconds(1_700_000_000)).unwrap())
}

fn token(keys: &Keys) -> String {
    keys.issue(plain(), now()).unwrap().token.expose().clone()
}

#[test]
fn a_plain_session_is_short_and_one_bearer_word() {
    let token = token(&keys());
    assert!(token.len() < 512, "{}", token.len());
    assert!(is_session_token(token.as_bytes()));
    assert!(!token.contains('.') && !token.starts_with("ey"));
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    assert!(token.chars().all(fits), "{token}");
}

#[test]
fn a_token_is_as_long_as_it_is_asked_to_be() {
    let keys = keys();
    let shortest = token(&keys).len();
    for least in (0..=MAX_TEXT).step_by(7).chain([MAX_TEXT - 1, MAX_TEXT]) {
        let issued = keys.issue_padded(plain(), now(), least).unwrap();
        let token = issued.token.expose();
        assert!(token.len() >= least && token.len() <= shortest.max(least + 2));
        assert!(token.len() <= MAX_TEXT, "{least}");
        keys.open(token, now()).unwrap();
    }
}

#[test]
fn every_changed_bit_is_refused() {
    let keys = keys();
    let token = token(&keys);
    keys.open(&token, now()).unwrap();
    for at in 0..token.len() {
        for bit in 0..8 {
            let mut bytes = token.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            if let Ok(text) = String::from_utf8(bytes) {
                assert!(keys.open(&text, now()).is_err(), "byte {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn every_other_letter_is_refused() {
    let keys = keys();
    let token = token(&keys);
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/. ";
    for (at, letter) in token.char_indices() {
        for other in letters.chars().filter(|other| *other != letter) {
            let mut text = token.clone();
            text.replace_range(at..=at, &other.to_string());
            assert!(keys.open(&text, now()).is_err(), "{other} at {at}");
        }
    }
}

#[test]
fn every_cut_and_every_addition_is_refused() {
    let keys = keys();
    let token = token(&keys);
    for length in 0..token.len() {
        assert!(keys.open(&token[..length], now()).is_err(), "{length}");
        assert!(keys.open(&token[length + 1..], now()).is_err(), "{length}");
    }
    for more in ["A", "=", "==", " ", "AAAA", "\n", &token] {
        assert!(keys.open(&format!("{token}{more}"), now()).is_err());
        assert!(keys.open(&format!("{more}{token}"), now()).is_err());
    }
    let long = format!("{PREFIX}aaaaaaaa_{}", "A".repeat(MAX_TEXT));
    assert_eq!(keys.open(&long, now()).unwrap_err(), OpenError::Malformed);
}

#[test]
fn swapped_parts_are_refused() {
    let keys = keys();
    let (one, two) = (token(&keys), token(&keys));
    let body = PREFIX.len() + 9;
    for at in (body..one.len().min(two.len())).step_by(7) {
        let mixed = format!("{}{}", &one[..at], &two[at..]);
        if mixed != one && mixed != two {
            assert!(keys.open(&mixed, now()).is_err(), "{at}");
        }
    }
}

#[test]
fn another_version_or_key_is_refused() {
    let (keys, others) = (keys(), keys());
    let token = token(&keys);
    let next = token.replacen(PREFIX, "sgs2_", 1);
    assert!(is_session_token(next.as_bytes()));
    assert_eq!(keys.open(&next, now()).unwrap_err(), OpenError::Malformed);
    assert_eq!(
        others.open(&token, now()).unwrap_err(),
        OpenError::UnknownKey
    );
    // The id of a key that is known, over what another sealed.
    let foreign = crate::sts::seal::tests::token(&others);
    let head = PREFIX.len() + 8;
    let forged = format!("{}{}", &token[..head], &foreign[head..]);
    assert_eq!(keys.open(&forged, now()).unwrap_err(), OpenError::NotOurs);
}

#[test]
fn who_can_open_cannot_issue() {
    let keyring = Keyring::new(Timestamp::from_seconds(0)).unwrap();
    let parts = keyring.entries[0].parts.clone().unwrap();
    let mut forging = parts.clone();
    // All that a verify-only keyring holds, and a signing key of one's own.
    let own = Keyring::new(Timestamp::from_seconds(0)).unwrap();
    let own = own.entries[0].parts.clone().unwrap();
    forging.signing_key = own.signing_key;
    forging.verifying_key = own.verifying_key;
    let stranger = Key::new(keyring.entries[0].id, &forging).unwrap();
    let (forged, _) = stranger.seal(&plain(), 0).unwrap().unwrap();
    let keys = Keys::new(keyring);
    assert_eq!(keys.open(&forged, now()).unwrap_err(), OpenError::NotOurs);
}

#[test]
fn expiry_is_exact() {
    let keys = keys();
    let token = token(&keys);
    let end = plain().expires_at;
    let before = Timestamp::from_milliseconds(end.milliseconds() - 1);
    assert!(keys.open(&token, before).is_ok());
    assert_eq!(keys.open(&token, end).unwrap_err(), OpenError::Expired);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_sealed_is_opened(session in session()) {
        let keys = keys();
        let issued = keys.issue(session, now()).unwrap();
        let token = issued.token.expose();
        prop_assert!(token.len() <= MAX_TEXT);
        let opened = keys.open(token, now()).unwrap();
        prop_assert_eq!(all(&opened.session), all(&issued.session));
    }

    #[test]
    fn nothing_else_is_opened(text in "(sgs1_)?[a-z0-9]{8}_[A-Za-z0-9_-]{0,200}") {
        prop_assert!(keys().open(&text, now()).is_err());
    }
}
