use super::*;

fn fields(lines: &[(&str, &str)]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect()
}

#[test]
fn claimed_names_are_removed_in_every_spelling() {
    let strip = Strip::new(STRIPPED);
    for name in [
        "x-sidegate-principal-arn",
        "X-SIDEGATE-ANYTHING",
        "x_sidegate_principal_arn",
        "x.sidegate.role",
        "x~sidegate!identity",
        "x|remote^user",
        "x*auth*request*email",
        "transfer~encoding",
        "x-sidegate_",
        "x-remote-user",
        "x_remote_user",
        "x-forwarded_user",
        "x-auth-request-email",
        "x_auth.request-email",
        "x-amzn-oidc-data",
        "x_http_method_override",
        "x-accel-redirect",
        "transfer_encoding",
        "content.length",
        "X_Amz_Security_Token",
        "x.api-key",
        "authoriz_ation",
        "proxy",
    ] {
        let held = strip.holds(&HeaderName::from_bytes(name.as_bytes()).unwrap());
        assert_eq!(held, name != "authoriz_ation", "{name}");
    }
    for name in [
        "host",
        "authorization",
        "x-request-id",
        "x-sidegat",
        "x-api-key",
        "content-length",
        "x-user-identity",
        "my_header",
    ] {
        assert!(!strip.holds(&HeaderName::from_static(name)), "{name}");
    }
    // Nor is any name too usual to be listed.
    let strip = Strip::new(["Accept", "user-*"]);
    for (name, held) in [
        ("host", 0),
        ("accept", 1),
        ("user-agent", 1),
        ("accept-encoding", 0),
    ] {
        assert_eq!(
            strip.holds(&HeaderName::from_static(name)),
            held == 1,
            "{name}"
        );
    }
}

#[test]
fn a_configured_list_replaces_the_default_but_not_our_own_names() {
    let strip = Strip::new(["My-User", "Corp-*"]);
    assert!(strip.holds(&HeaderName::from_static("my_user")));
    assert!(strip.holds(&HeaderName::from_static("corp-x")));
    assert!(strip.holds(&HeaderName::from_static("x_sidegate_x")));
    assert!(!strip.holds(&HeaderName::from_static("x-remote-user")));
}

#[test]
fn fields_of_one_hop_go_no_further() {
    let mut map = fields(&[
        ("host", "a"),
        ("connection", "close, X-Secret"),
        ("connection", "Keep-Alive"),
        ("keep-alive", "5"),
        ("x-secret", "1"),
        ("te", "trailers, deflate"),
        ("transfer-encoding", "chunked"),
        ("proxy-authorization", "x"),
        ("upgrade", "h2c"),
        ("accept", "*/*"),
    ]);
    let hop = take_hop(&mut map, Version::HTTP_11, &[]).unwrap();
    assert!(hop.trailers && hop.upgrade.is_none());
    let mut left: Vec<_> = map.keys().map(HeaderName::as_str).collect();
    left.sort_unstable();
    assert_eq!(left, ["accept", "host"]);
}

#[test]
fn what_makes_the_request_cannot_be_named_away() {
    for value in [
        "host",
        "Authorization",
        "X-Api-Key, close",
        "close, DPoP",
        "x-amz-security-token",
        "X-Amz-Date",
        "x, content-length",
        "a b",
        "\u{7f}",
    ] {
        let Ok(value) = HeaderValue::from_str(value) else {
            continue;
        };
        let mut map = HeaderMap::new();
        map.insert(CONNECTION, value.clone());
        assert!(
            take_hop(&mut map, Version::HTTP_11, &[]).is_err(),
            "{value:?}"
        );
    }
    // Where tokens stand there.
    let places = [HeaderName::from_static("x-token"), header::COOKIE];
    for value in ["X-Token, close", "cookie"] {
        let map = fields(&[("connection", value), ("x-token", "t"), ("cookie", "c=t")]);
        for (places, refused) in [(&places[..], true), (&[], false)] {
            let answer = take_hop(&mut map.clone(), Version::HTTP_11, places);
            assert_eq!(answer.is_err(), refused, "{value}");
        }
    }
}

#[test]
fn an_upgrade_is_noticed_only_when_connection_names_it() {
    let mut map = fields(&[("connection", "Upgrade"), ("upgrade", "websocket")]);
    let hop = take_hop(&mut map.clone(), Version::HTTP_11, &[]).unwrap();
    assert_eq!(hop.upgrade.unwrap(), "websocket");
    let hop = take_hop(&mut map.clone(), Version::HTTP_10, &[]).unwrap();
    assert!(hop.upgrade.is_none());
    map.remove(CONNECTION);
    assert!(
        take_hop(&mut map, Version::HTTP_11, &[])
            .unwrap()
            .upgrade
            .is_none()
    );
}

#[test]
fn credentials_are_removed_and_an_applications_own_key_is_not() {
    let strip = Strip::new(STRIPPED);
    let left = |lines: &[(&str, &str)], credential, preflight| {
        let mut map = fields(lines);
        let cleaning = Cleaning {
            strip: &strip,
            believed: false,
            credential,
            preflight,
        };
        cleaning.remove(&mut map);
        map.len()
    };
    let lines = [
        ("authorization", "Bearer x"),
        ("x-api-key", "sgk_a_b"),
        ("dpop", "x"),
        ("x-amz-security-token", "x"),
        ("cookie", "c"),
    ];
    assert_eq!(left(&lines, false, false), 1);
    assert_eq!(left(&lines, true, false), 5);
    assert_eq!(left(&lines, true, true), 0);
    assert_eq!(left(&[("x-api-key", "app")], false, false), 1);
    assert_eq!(
        left(
            &[
                ("expect", "100-continue"),
                ("forwarded", "x"),
                ("x-real-ip", "x")
            ],
            true,
            false
        ),
        0
    );
}

#[test]
fn trailers_are_announced_only_when_they_may_come() {
    let strip = Strip::new(STRIPPED);
    let mut map = fields(&[
        ("trailer", "Digest,Other"),
        ("trailer", "A, X_Sidegate_Role, B,, C D, X-User-Id"),
        ("trailer", "X-Sidegate-Role"),
        (
            "trailer",
            "Authorization, X-Forwarded-For, Content-Length, Trailer, C",
        ),
        ("trailer", "Host"),
    ]);
    announce_trailers(&mut map, &strip);
    let left: Vec<_> = map.get_all(TRAILER).iter().collect();
    assert_eq!(left, ["Digest,Other", "a, b", "c"]);
    let mut none = fields(&[("trailer", "cookie"), ("trailer", "x-sidegate-role")]);
    announce_trailers(&mut none, &strip);
    assert!(none.is_empty(), "{none:?}");
}

/// What is announced is what goes on.
#[test]
fn what_may_not_trail_goes_no_further() {
    let strip = Strip::new(STRIPPED);
    let mut trailers = fields(&[
        ("digest", "x"),
        ("authorization", "Bearer x"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x_user_id", "ann"),
        ("x-amz-meta-owner", "eve"),
        ("x_amz~acl", "public-read"),
        ("transfer-encoding", "chunked"),
        ("grpc-status", "0"),
    ]);
    clean_trailers(&mut trailers, &strip);
    let left: Vec<_> = trailers.keys().collect();
    assert_eq!(left, ["digest", "grpc-status"]);
}

#[test]
fn a_token_cookie_is_taken_out_and_the_others_stay() {
    for (lines, left) in [
        (&["a=b; session=x.y; c=d"][..], &["a=b; c=d"][..]),
        (&["session=x"], &[]),
        (&["session=x; a=1", "b=2"], &["a=1", "b=2"]),
        (&[" session =x;a=1"], &["a=1"]),
        (&["sessions=1; a=session"], &["sessions=1; a=session"]),
    ] {
        let lines: Vec<_> = lines.iter().map(|line| ("cookie", *line)).collect();
        let mut map = fields(&lines);
        take_cookie(&mut map, "session");
        let seen: Vec<_> = map.get_all("cookie").iter().collect();
        assert_eq!(seen, left, "{lines:?}");
    }
}

#[test]
fn an_answer_is_framed_in_one_way_only() {
    for (lines, good) in [
        (&[("content-length", "2")][..], true),
        (&[("content-length", "2"), ("content-length", "2")], true),
        (&[("transfer-encoding", "Chunked")], true),
        (&[], true),
        (&[("content-length", "2"), ("content-length", "3")], false),
        (&[("content-length", "2, 2")], false),
        (&[("content-length", "+2")], false),
        (&[("content-length", "")], false),
        (&[("transfer-encoding", "gzip, chunked")], false),
        (&[("transfer-encoding", "gzip")], false),
        (&[("transfer-encoding", "")], false),
        (&[("transfer-encoding", "chunked, chunked")], false),
        (
            &[
                ("transfer-encoding", "gzip"),
                ("transfer-encoding", "chunked"),
            ],
            false,
        ),
    ] {
        let mut map = fields(lines);
        assert_eq!(one_framing(&mut map), good, "{lines:?}");
        let lengths = map.get_all("content-length").iter().count();
        assert!(!good || lengths <= 1, "{lines:?}");
    }
}
