//! Sessions as bytes and back.

use proptest::prelude::*;

use super::*;

/// A plain session of a role.
pub(in crate::sts) fn plain() -> Session {
    let now = Timestamp::from_seconds(1_800_000_000);
    let who = Who::Role {
        role: "arn:aws:iam::555566667777:role/deploy".into(),
        id: "AROAEXAMPLEEXAMPLE23".into(),
        name: "release-42".into(),
    };
    let end = Timestamp::from_seconds(1_800_003_600);
    Session::asked(who, now, end).with_key().unwrap()
}

fn words() -> impl Strategy<Value = Box<str>> {
    "[a-zA-Z0-9:/_.-]{1,40}".prop_map(Into::into)
}

fn who() -> impl Strategy<Value = Who> {
    let arn = "[a-z/]{1,30}".prop_map(|name| format!("arn:aws:iam::555566667777:x/{name}").into());
    (0..3, arn, words(), words()).prop_map(|(kind, arn, id, name)| match kind {
        0 => Who::Role {
            role: arn,
            id,
            name,
        },
        1 => Who::User { user: arn, id },
        _ => Who::Federated {
            user: arn,
            id,
            name,
        },
    })
}

fn mfa() -> impl Strategy<Value = Mfa> {
    prop_oneof![
        Just(Mfa::Unknown),
        Just(Mfa::No),
        Just(Mfa::Yes(None)),
        (0..2_000_000_000_i64).prop_map(|time| Mfa::Yes(Some(Timestamp::from_seconds(time)))),
    ]
}

fn federation() -> impl Strategy<Value = Federation> {
    let claims =
        proptest::collection::vec((words(), proptest::collection::vec(words(), 0..3)), 0..3);
    (words(), words(), claims).prop_map(|(provider, issuer, claims)| Federation {
        provider,
        issuer,
        claims,
    })
}

pub(in crate::sts) fn session() -> impl Strategy<Value = Session> {
    let tag = (words(), words(), any::<bool>()).prop_map(|(key, value, transitive)| Tag {
        key,
        value,
        transitive,
    });
    (
        (who(), mfa(), any::<bool>(), any::<bool>()),
        proptest::option::of(words()),
        proptest::collection::vec(tag, 0..6),
        proptest::option::of(words()),
        proptest::collection::vec(words(), 0..4),
        proptest::option::of(federation()),
    )
        .prop_map(
            |((who, mfa, bearer, chained), source_identity, tags, policy, arns, federation)| {
                let now = Timestamp::from_seconds(1_800_000_000);
                let end = Timestamp::from_seconds(1_800_003_600);
                let mut session = Session::asked(who, now, end).with_key().unwrap();
                session.mfa = mfa;
                session.bearer = bearer;
                session.chained = chained;
                session.source_identity = source_identity;
                session.tags = tags;
                session.policy = policy;
                session.policy_arns = arns;
                session.federation = federation;
                session
            },
        )
}

/// Everything that two sessions are the same in.
pub(in crate::sts) fn all(session: &Session) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        (
            session.who.clone(),
            session.access_key(),
            session.secret().map(|secret| secret.expose().clone()),
            session.mfa,
        ),
        (session.issued_at, session.expires_at),
        (session.bearer, session.chained),
        session.source_identity.clone(),
        session.tags.clone(),
        (session.policy.clone(), session.policy_arns.clone()),
        session.federation.clone(),
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(session in session()) {
        let (bytes, packed) = session.encode(0).unwrap();
        let read = Session::decode(&bytes).unwrap();
        prop_assert_eq!(all(&read), all(&session));
        prop_assert_eq!(read.encode(0).unwrap(), (bytes, packed));
    }

    #[test]
    fn cut_or_longer_bytes_are_refused(session in session(), cut in any::<prop::sample::Index>()) {
        let (mut bytes, _) = session.encode(0).unwrap();
        prop_assert!(Session::decode(&bytes[..cut.index(bytes.len())]).is_err());
        bytes.push(0);
        prop_assert!(Session::decode(&bytes).is_err());
    }

    #[test]
    fn padding_is_read_over_and_nothing_but_zeros(session in session(), more in 1_usize..300, at in any::<prop::sample::Index>()) {
        let (plain, packed) = session.encode(0).unwrap();
        let length = plain.len().saturating_add(more);
        let (mut bytes, padded) = session.encode(length).unwrap();
        prop_assert_eq!((bytes.len(), padded), (length, packed));
        prop_assert_eq!(all(&Session::decode(&bytes).unwrap()), all(&session));
        prop_assert!(Session::decode(&bytes[..plain.len()]).is_err());
        bytes[plain.len().saturating_add(at.index(more))] = 1;
        prop_assert!(Session::decode(&bytes).is_err());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Session::decode(&bytes);
    }
}

#[test]
fn policies_and_tags_must_fit() {
    let mut session = plain();
    let packed = |session: &Session| session.encode(0).map(|(_, packed)| packed);
    assert_eq!(packed(&session), Ok(0));
    session.policy = Some("x".repeat(2048).into());
    assert!(packed(&session).unwrap() < 10, "repetition packs well");
    // As good as random: does not pack.
    let noise = |seed: u64| {
        let mut state = seed.wrapping_add(1);
        let letters = std::iter::repeat_with(move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            char::from(b'!' + u8::try_from((state >> 33) % 90).unwrap())
        });
        letters.take(256).collect::<String>()
    };
    session.policy = Some((0..8).map(noise).collect::<String>().into());
    assert!((70..=100).contains(&packed(&session).unwrap()));
    // What did not pack leaves nothing behind in what packs the next.
    let (bytes, _) = session.encode(0).unwrap();
    assert_eq!(all(&Session::decode(&bytes).unwrap()), all(&session));
    let mut next = plain();
    next.policy = Some("x".repeat(2048).into());
    let (bytes, _) = next.encode(0).unwrap();
    assert!(bytes.len() < 300);
    assert_eq!(all(&Session::decode(&bytes).unwrap()), all(&next));
    let tag = |seed: u64| Tag {
        key: format!("key{seed}").into(),
        value: noise(seed).into(),
        transitive: false,
    };
    session.tags = (100..150).map(tag).collect();
    let TooLarge { percent } = session.encode(0).unwrap_err();
    assert!(percent > 300);
}

#[test]
fn what_inflates_beyond_measure_is_refused() {
    use std::io::Write;
    let mut encoder =
        flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&vec![0; 1 << 20]).unwrap();
    let mut packed = Writer::default();
    let mut body = vec![1];
    body.extend(encoder.finish().unwrap());
    packed.bytes(&body);
    assert!(Packed::read(&mut Reader(&packed.0)).is_err());
}

#[test]
fn a_secret_is_forty_letters_and_never_printed() {
    let session = plain();
    let secret = session.secret().unwrap();
    assert_eq!(secret.expose().len(), 40);
    let printed = format!("{session:?}");
    assert!(!printed.contains(&**secret.expose()), "{printed}");
    assert!(printed.contains("[redacted]"));
}
