//! Federated users: whom users and root users vouch for.

use super::*;
use crate::gate::attached::Attached;
use crate::policy::context::Map;
use crate::policy::{Layers, Request, evaluate};

#[tokio::test]
async fn federated_users() {
    let world = world();
    let ask = [("Action", "GetFederationToken"), ("Name", "guest")];
    let answer = world.ask(&alice(), &ask).await.unwrap();
    let arn = "arn:aws:sts::555566667777:federated-user/guest";
    assert_eq!(element(&answer, "FederatedUserId"), "555566667777:guest");
    assert_eq!(world.lasts(&answer), 43_200);
    let guest = key_of(&answer);
    assert_eq!(world.arn(&guest).await, arn);
    for parameters in [
        &[
            ("Action", "AssumeRole"),
            ("RoleArn", ADMIN),
            ("RoleSessionName", "xy"),
        ][..],
        &[("Action", "GetSessionToken")],
        &ask,
        &[
            ("Action", "GetAccessKeyInfo"),
            ("AccessKeyId", "AKIAALICEALICEALICE1"),
        ],
    ] {
        assert_eq!(world.refused(&guest, parameters).await, DENIED);
    }
    assert_eq!(
        world.refused(&own("AKIABOBBYBOBBYBOBBY1"), &ask).await,
        DENIED
    );
    let bare = world
        .session(&alice(), &[("Action", "GetSessionToken")])
        .await;
    assert_eq!(world.refused(&bare, &ask).await, DENIED);
    for name in ["x", "a b", "abcdefghijklmnopqrstuvwxyz1234567"] {
        assert_eq!(
            world.refused(&alice(), &[ask[0], ("Name", name)]).await,
            INVALID
        );
    }
}

/// Whether the holder of a session may do something, as the proxy would decide it.
fn may(world: &World, session: &Key, action: &str, resource: &str) -> bool {
    let token = session.2.as_deref().unwrap();
    let opened = world.sessions.open(token, world.clock.now()).unwrap();
    let snapshot = world.store.load_full();
    let identity = Identity::of_session(&snapshot.directory, &opened).unwrap();
    let attached = Attached::of(Some(&identity), &snapshot.directory);
    let layers = Layers {
        identity: &attached.identity,
        boundary: attached.boundary,
        session: identity.session_policies.as_deref(),
        scps: &attached.scps,
        ..Layers::default()
    };
    let request = Request {
        principal: &identity.principal,
        action,
        resource,
        resource_account: Some("555566667777"),
        context: &Map::new(),
    };
    evaluate(&request, &layers).is_allowed()
}

#[tokio::test]
async fn a_root_user_hands_on_what_the_session_policies_say() {
    let world = world();
    let root = own("AKIAROOTYROOTYROOTY1");
    let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"app:Use","Resource":"arn:aws:app::555566667777:a"}}"#;
    let ask = [
        ("Action", "GetFederationToken"),
        ("Name", "guest"),
        ("DurationSeconds", "129600"),
    ];
    let answer = world.ask(&root, &ask).await.unwrap();
    // As AWS has it: an hour, whatever is asked for.
    assert_eq!(world.lasts(&answer), 3600);
    assert_eq!(element(&answer, "FederatedUserId"), "555566667777:guest");
    let bare = key_of(&answer);
    let arn = "arn:aws:sts::555566667777:federated-user/guest";
    assert_eq!(world.arn(&bare).await, arn);
    let narrowed = [&ask[..], &[("Policy", policy)]].concat();
    let narrowed = world.session(&root, &narrowed).await;
    let a = "arn:aws:app::555566667777:a";
    assert!(!may(&world, &bare, "app:Use", a));
    assert!(may(&world, &narrowed, "app:Use", a));
    assert!(!may(
        &world,
        &narrowed,
        "app:Use",
        "arn:aws:app::555566667777:b"
    ));
    // A user hands on nothing that it may not itself.
    let of_alice = [&ask[..], &[("Policy", policy)]].concat();
    let of_alice = world.session(&alice(), &of_alice).await;
    assert!(!may(&world, &of_alice, "app:Use", a));
    for action in ["AssumeRole", "GetSessionToken", "GetFederationToken"] {
        let more = [
            ("Action", action),
            ("Name", "guest"),
            ("RoleArn", ADMIN),
            ("RoleSessionName", "xy"),
        ];
        let known: &[usize] = match action {
            "AssumeRole" => &[0, 2, 3],
            "GetFederationToken" => &[0, 1],
            _ => &[0],
        };
        let more: Vec<_> = known.iter().map(|at| more[*at]).collect();
        assert_eq!(world.refused(&narrowed, &more).await, DENIED);
    }
}
