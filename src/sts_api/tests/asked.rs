//! What comes along with a call: second factors, tags, and parameters that mean nothing here.

use super::*;

#[tokio::test]
async fn second_factors() {
    let world = world();
    let assume = [
        ("Action", "AssumeRole"),
        ("RoleArn", ADMIN),
        ("RoleSessionName", "xy"),
    ];
    assert_eq!(world.refused(&alice(), &assume).await, DENIED);
    let with = |more: [(&'static str, &'static str); 2]| [&assume[..], &more[..]].concat();
    assert!(world.ask(&alice(), &with(MFA)).await.is_ok());
    for wrong in [
        [("SerialNumber", DEVICE), ("TokenCode", "654321")],
        [
            ("SerialNumber", "arn:aws:iam::555566667777:mfa/bob"),
            ("TokenCode", CODE),
        ],
    ] {
        assert_eq!(world.refused(&alice(), &with(wrong)).await, DENIED);
    }
    let half = [&assume[..], &MFA[..1]].concat();
    assert_eq!(world.refused(&alice(), &half).await, INVALID);
    // A session of a user who showed one may for an hour; one who showed none may not.
    let bare = world
        .session(&alice(), &[("Action", "GetSessionToken")])
        .await;
    assert_eq!(world.refused(&bare, &assume).await, DENIED);
    let shown = [&[("Action", "GetSessionToken")][..], &MFA[..]].concat();
    let shown = world.session(&alice(), &shown).await;
    let role = world.session(&shown, &assume).await;
    assert!(world.arn(&role).await.ends_with(":assumed-role/admin/xy"));
    // A factor is shown with the user's own keys.
    let (_, code, message) = world.ask(&shown, &with(MFA)).await.unwrap_err();
    assert_eq!(code, "AccessDenied");
    assert!(message.contains("not with those of a session"), "{message}");
    let later = world.clock.now().plus(Duration::from_secs(3601));
    world.clock.set(later);
    assert_eq!(world.refused(&shown, &assume).await, DENIED);
    assert_eq!(
        world
            .refused(&role, &[("Action", "GetCallerIdentity")])
            .await,
        (403, "ExpiredToken")
    );
}

#[tokio::test]
async fn a_root_users_second_factor() {
    let world = world();
    let root = own("AKIAROOTYROOTYROOTY1");
    let with = |serial| {
        [
            ("Action", "GetSessionToken"),
            ("SerialNumber", serial),
            ("TokenCode", CODE),
        ]
    };
    assert_eq!(world.refused(&root, &with(DEVICE)).await, DENIED);
    assert_eq!(world.refused(&alice(), &with(ROOT_DEVICE)).await, DENIED);
    let session = world.session(&root, &with(ROOT_DEVICE)).await;
    let token = session.2.as_deref().unwrap();
    let opened = world.sessions.open(token, world.clock.now()).unwrap();
    assert_eq!(opened.mfa_present, Some(true));
}

#[tokio::test]
async fn letters_of_tags_and_parameters_that_are_nothing_here() {
    let world = world();
    let ask = [("Action", "GetFederationToken"), ("Name", "guest")];
    // IAM's spaces are all of Unicode's separators.
    for (value, good) in [
        ("a b", true),
        ("a\u{a0}b\u{2003}c\u{3000}\u{2028}", true),
        ("é七", true),
        ("a\tb", false),
        ("a\u{85}b", false),
        ("a*", false),
    ] {
        let tag = [
            ("Tags.member.1.Key", "Team"),
            ("Tags.member.1.Value", value),
        ];
        let answer = world.ask(&alice(), &[&ask[..], &tag].concat()).await;
        assert_eq!(answer.is_ok(), good, "{value:?}: {answer:?}");
    }
    let assume = [
        ("Action", "AssumeRole"),
        ("RoleArn", ADMIN),
        ("RoleSessionName", "xy"),
    ];
    for (provider, words) in [
        (
            "arn:aws:iam::aws:contextProvider/IdentityCenter",
            "no context provider",
        ),
        ("short", "providerArn"),
    ] {
        let context = [
            ("ProvidedContexts.member.1.ProviderArn", provider),
            ("ProvidedContexts.member.1.ContextAssertion", "assertion"),
        ];
        let asked = [&assume[..], &MFA[..], &context[..]].concat();
        let (status, code, message) = world.ask(&alice(), &asked).await.unwrap_err();
        assert_eq!((status, code), INVALID);
        assert!(message.contains(words), "{message}");
    }
    let web = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("RoleArn", ADMIN),
        ("RoleSessionName", "xy"),
        ("WebIdentityToken", "Atza|token"),
        ("ProviderId", "www.amazon.com"),
    ];
    let (status, code, message) = world.ask(&alice(), &web).await.unwrap_err();
    assert_eq!((status, code), (400, "InvalidIdentityToken"));
    assert!(message.contains("www.amazon.com"), "{message}");
}

#[tokio::test]
async fn tokens_are_as_long_as_they_are_asked_to_be() {
    let world = world();
    for ask in [
        &[("Action", "GetSessionToken")][..],
        &[("Action", "GetFederationToken"), ("Name", "guest")],
        &[
            &[
                ("Action", "AssumeRole"),
                ("RoleArn", ADMIN),
                ("RoleSessionName", "xy"),
            ][..],
            &MFA[..],
        ]
        .concat(),
    ] {
        for (size, most) in [("", 600), ("0", 600), ("2048", 2050), ("4096", 4096)] {
            let size = [("MinimumSessionTokenSize", size)];
            let more = if size[0].1.is_empty() { &[][..] } else { &size };
            let answer = world.ask(&alice(), &[ask, more].concat()).await.unwrap();
            let length = element(&answer, "SessionToken").len();
            assert!(length <= most && length >= size[0].1.parse().unwrap_or(0));
            assert_eq!(element(&answer, "SessionTokenSize"), length.to_string());
            let used: usize = element(&answer, "SessionTokenUtilization").parse().unwrap();
            assert_eq!(used, (length * 100).div_ceil(4096));
            assert!(!world.arn(&key_of(&answer)).await.is_empty());
        }
        for (size, code) in [
            ("4097", "ValidationError"),
            ("-1", "MalformedInput"),
            ("x", "MalformedInput"),
        ] {
            let more = [("MinimumSessionTokenSize", size)];
            let refused = world.refused(&alice(), &[ask, &more].concat()).await;
            assert_eq!(refused, (400, code), "{size}");
        }
    }
    let who = [
        ("Action", "GetCallerIdentity"),
        ("MinimumSessionTokenSize", "0"),
    ];
    assert_eq!(world.refused(&alice(), &who).await, INVALID);
}

#[tokio::test]
async fn a_refusal_does_not_tell_which_roles_exist() {
    let world = world();
    let missing = "arn:aws:iam::555566667777:role/missing";
    for (key, words) in [
        ("AKIACAROLCAROLCAROL1", " with an explicit deny in "),
        ("AKIABOBBYBOBBYBOBBY1", "on resource"),
        ("AKIAALICEALICEALICE1", "on resource"),
    ] {
        let mut told = Vec::new();
        for role in [ADMIN, missing] {
            let assume = [
                ("Action", "AssumeRole"),
                ("RoleArn", role),
                ("RoleSessionName", "xy"),
            ];
            let (status, code, message) = world.ask(&own(key), &assume).await.unwrap_err();
            assert_eq!((status, code), DENIED);
            assert!(message.contains(words), "{message}");
            told.push(message.replace(role, "ROLE"));
        }
        assert_eq!(told[0], told[1]);
    }
}
