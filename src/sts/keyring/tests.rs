//! The life of a keyring, and what its text may be.

use crate::sts::token::tests::plain;
use crate::sts::{Keys, OpenError};

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds.saturating_add(1_800_000_000))
}

fn again(keyring: &Keyring) -> Keyring {
    Keyring::read(keyring.text().expose(), "keyring.yaml").unwrap()
}

fn issue(keyring: &Keyring, now: Timestamp) -> String {
    let keys = Keys::new(keyring.clone());
    keys.issue(plain(), now).unwrap().token.expose().clone()
}

fn open(keyring: &Keyring, token: &str) -> Result<(), OpenError> {
    Keys::new(keyring.clone()).open(token, at(10)).map(|_| ())
}

#[test]
fn what_is_written_is_read() {
    let mut keyring = Keyring::new(at(0)).unwrap();
    keyring.rotate(at(1), at(60)).unwrap();
    let text = keyring.text();
    let read = again(&keyring);
    assert_eq!(read.text().expose(), text.expose());
    assert_eq!(read.entries.len(), 2);
    let exported = again(&keyring.verify_only());
    assert!(exported.is_verify_only() && !keyring.is_verify_only());
    for word in ["signing_key", "message_secret"] {
        assert!(!exported.text().expose().contains(&format!(" {word}:")));
    }
}

#[test]
fn keys_follow_each_other() {
    let mut keyring = Keyring::new(at(0)).unwrap();
    let first = keyring.entries[0].id;
    let old = issue(&keyring, at(1));
    let second = keyring.rotate(at(2), at(8)).unwrap();
    let states = |keyring: &Keyring, now| -> Vec<State> {
        let entries = keyring.entries.iter();
        entries.map(|entry| keyring.state(entry, now)).collect()
    };
    assert_eq!(states(&keyring, at(7)), [State::Sealing, State::Coming]);
    assert_eq!(states(&keyring, at(8)), [State::Opening, State::Sealing]);
    // A replica whose copy came before the new key seals opens what it seals.
    let new = issue(&keyring, at(9));
    assert!(new.starts_with(&format!("sgs1_{second}_")));
    assert_eq!(
        (open(&keyring, &old), open(&keyring, &new)),
        (Ok(()), Ok(()))
    );
    assert_eq!(
        keyring.retire(second.as_str(), at(9)),
        Err(ChangeError::Sealing(second))
    );
    assert_eq!(keyring.retire(first.as_str(), at(9)), Ok(first));
    assert_eq!(
        keyring.retire(first.as_str(), at(9)),
        Err(ChangeError::Retired(first))
    );
    assert!(matches!(
        keyring.retire("nosuchid", at(9)),
        Err(ChangeError::Unknown(_))
    ));
    let keyring = again(&keyring);
    assert_eq!(states(&keyring, at(10)), [State::Retired, State::Sealing]);
    assert_eq!(open(&keyring, &old), Err(OpenError::UnknownKey));
    assert_eq!(open(&keyring, &new), Ok(()));
    assert!(keyring.entries[0].parts.is_none(), "nothing is left of it");
}

#[test]
fn a_verify_only_keyring_opens_and_issues_nothing() {
    let keyring = Keyring::new(at(0)).unwrap();
    let token = issue(&keyring, at(1));
    let mut exported = again(&keyring.verify_only());
    assert_eq!(open(&exported, &token), Ok(()));
    let keys = Keys::new(exported.clone());
    assert!(!keys.can_issue(at(1)));
    assert!(keys.issue(plain(), at(1)).is_err());
    assert_eq!(exported.rotate(at(1), at(1)), Err(ChangeError::VerifyOnly));
}

#[test]
fn replicas_accept_each_other_and_strangers_do_not() {
    let keyring = Keyring::new(at(0)).unwrap();
    let token = issue(&keyring, at(1));
    assert_eq!(open(&again(&keyring), &token), Ok(()));
    let stranger = Keyring::new(at(0)).unwrap();
    assert_eq!(open(&stranger, &token), Err(OpenError::UnknownKey));
}

#[test]
fn messages_are_sealed_by_all_and_opened_by_the_sts() {
    let keyring = Keyring::new(at(0)).unwrap();
    let sidecar = Keys::new(again(&keyring.verify_only()));
    let sts = Keys::new(keyring);
    let message = sidecar.seal_message("{\"why\":\"ä\"}", at(1)).unwrap();
    assert_eq!(sts.open_message(&message).unwrap(), "{\"why\":\"ä\"}");
    assert_eq!(
        sidecar.open_message(&message),
        Err(message::MessageError::UnknownKey)
    );
    for at in 0..message.len() {
        let mut bytes = message.clone().into_bytes();
        bytes[at] ^= 1;
        if let Ok(text) = String::from_utf8(bytes) {
            assert!(sts.open_message(&text).is_err(), "{at}");
        }
    }
    assert!(sidecar.seal_message(&"x".repeat(8_000), at(1)).is_none());
    assert!(sidecar.seal_message(&"x".repeat(7_000), at(1)).is_some());
}

#[test]
fn faulty_texts_are_refused_and_never_shown() {
    let text = Keyring::new(at(0)).unwrap().text().expose().clone();
    let other = Keyring::new(at(0)).unwrap().text().expose().clone();
    let value = |text: &str, key: &str| {
        let line = text
            .lines()
            .find(|line| line.contains(&format!(" {key}: ")));
        line.unwrap().rsplit(' ').next().unwrap().to_owned()
    };
    let swap = |key: &str, by: &str| text.replace(&value(&text, key), by);
    let without = |key: &str| {
        let lines = text
            .lines()
            .filter(|line| !line.contains(&format!(" {key}: ")));
        lines.collect::<Vec<_>>().join(
            "
",
        )
    };
    for (faulty, kind) in [
        (String::new(), ""),
        ("version: 1\nkeys: []\n".to_owned(), "no-keys"),
        (text.replace("version: 1", "version: 2"), "wrong-type"),
        (text.replace("version: 1\n", ""), "missing-key"),
        (swap("id", "UPPERCAS"), "malformed-id"),
        (swap("token_key", "AAAA"), "malformed-key"),
        (
            swap("verifying_key", &value(&other, "verifying_key")),
            "mismatched-keys",
        ),
        (
            swap("message_key", &value(&other, "message_key")),
            "mismatched-keys",
        ),
        (without("token_key"), "missing-key"),
        (without("created"), "missing-key"),
        (format!("{text}    more: 1\n"), "unknown-key"),
        (
            format!("{text}{}", text.split_once("keys:\n").unwrap().1),
            "duplicate-key",
        ),
    ] {
        let faults = Keyring::read(&faulty, "keyring.yaml").unwrap_err();
        let shown: String = faults.iter().map(Fault::line).collect();
        assert!(
            kind.is_empty() || faults.iter().any(|fault| fault.id == kind),
            "{kind}: {shown}"
        );
        for key in ["token_key", "signing_key", "message_secret"] {
            assert!(!shown.contains(&value(&text, key)), "{shown}");
        }
    }
    let keyring = Keyring::new(at(0)).unwrap();
    let printed = format!("{keyring:?} {:?}", Keys::new(keyring.clone()));
    assert!(!printed.contains(&format!(
            "{:?}",
            keyring.entries[0]
                .parts
                .as_ref()
                .unwrap()
                .token_key
                .expose()
        )));
}
