//! Who is let in, and what an answer is read as.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;

use super::source::{Made, session_name};
use super::*;

fn container() -> Container {
    Container::new(Settings {
        roles: vec!["arn:aws:iam::555566667777:role/app/reader".into()],
        guard: Secret::new("right".into()),
        token_file: "token".into(),
        remote: None,
    })
}

fn head(path: &str, headers: &[(&str, &str)]) -> Head {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

#[test]
fn only_this_machine_with_the_token_is_let_in() {
    let container = container();
    let here: IpAddr = "127.0.0.1".parse().unwrap();
    let status = |peer: &str, path: &str, headers: &[(&str, &str)]| {
        let admitted = container.admit(peer.parse().unwrap(), &head(path, headers));
        admitted.map_or_else(|(_, refusal)| refusal.status, |_| 200)
    };
    let good = ("authorization", "right");
    let path = "/credentials/reader";
    for (host, wanted) in [
        ("127.0.0.1:9902", 200),
        ("127.0.0.1", 200),
        ("127.8.9.10:1", 200),
        ("LocalHost:9902", 200),
        ("[::1]:9902", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example:9902", 403),
        ("[2001:db8::1]:9902", 403),
        ("", 403),
    ] {
        assert_eq!(
            status("127.0.0.1", path, &[("host", host), good]),
            wanted,
            "{host}"
        );
    }
    let host = ("host", "127.0.0.1:9902");
    assert_eq!(status("::ffff:127.0.0.1", path, &[host, good]), 200);
    for (peer, wanted) in [("::1", 200), ("10.0.0.1", 403), ("2001:db8::1", 403)] {
        assert_eq!(status(peer, path, &[host, good]), wanted, "{peer}");
    }
    for headers in [
        &[host][..],
        &[host, ("authorization", "wrong")],
        &[host, ("authorization", "")],
        &[host, ("authorization", "Bearer right")],
        &[host, good, good],
    ] {
        assert_eq!(status("127.0.0.1", path, headers), 401, "{headers:?}");
    }
    assert_eq!(status("127.0.0.1", path, &[host, host, good]), 403);
    // A target that names a host says the same as the field.
    for (target, field, wanted) in [
        ("127.0.0.1:9902", "127.0.0.1:9902", 200),
        ("127.0.0.1:9902", "evil.example", 403),
        ("evil.example", "127.0.0.1:9902", 403),
        ("evil.example", "evil.example", 403),
    ] {
        let path = format!("http://{target}/credentials/reader");
        let headers = [("host", field), good];
        assert_eq!(status("127.0.0.1", &path, &headers), wanted, "{target}");
    }
    for path in [
        "/credentials/",
        "/credentials/writer",
        "/credentials/app/reader",
    ] {
        assert_eq!(status("127.0.0.1", path, &[host, good]), 404, "{path}");
    }
    let mut posted = head(path, &[host, good]);
    posted.method = Method::POST;
    assert_eq!(container.admit(here, &posted).unwrap_err().1.status, 405);
    assert!(!container.takes(&head("/", &[])));
}

#[test]
fn credentials_are_read_whole_or_not_at_all() {
    let parts = [
        ("AccessKeyId", "ASIAX"),
        ("SecretAccessKey", "se/cr+et"),
        ("SessionToken", "sgs1_x"),
        ("Expiration", "2026-11-23T09:00:00Z"),
    ];
    let xml = |leave: usize| -> String {
        let parts = parts.iter().enumerate().filter(|(at, _)| *at != leave);
        let texts: Vec<String> = parts
            .map(|(_, (name, value))| format!("<{name}>{value}</{name}>"))
            .collect();
        texts.concat()
    };
    let role = "arn:aws:iam::555566667777:role/app/reader";
    let made = Made::read(&xml(9), role).unwrap();
    assert!(!format!("{made:?}").contains("se/cr+et"));
    let json: serde_json::Value = serde_json::from_str(&made.json()).unwrap();
    assert_eq!(json["SecretAccessKey"], "se/cr+et");
    assert_eq!(json["Token"], "sgs1_x");
    assert_eq!(json["RoleArn"], role);
    assert_eq!(json["AccountId"], "555566667777");
    for leave in 0..4 {
        assert!(Made::read(&xml(leave), role).is_none(), "{leave}");
    }
}

#[test]
fn a_session_is_called_as_the_pod() {
    let token = |claims: &str| format!("x.{}.y", URL_SAFE_NO_PAD.encode(claims));
    let pod = token(r#"{"kubernetes.io":{"pod":{"name":"orders-7d9f /x"}}}"#);
    assert_eq!(session_name(&pod), "orders-7d9fx");
    for token in [
        "",
        "x",
        "x.!.y",
        &token("[]"),
        &token(r#"{"kubernetes.io":{"pod":{"name":"a"}}}"#),
    ] {
        assert_eq!(session_name(token), "sidegate");
    }
}

#[test]
fn credentials_are_renewed_ahead_of_their_end() {
    let now = Timestamp::from_seconds(1_800_000_000);
    let made = |seconds: u64| {
        let end = now.plus(Duration::from_secs(seconds)).rfc3339();
        let xml = format!(
            "<AccessKeyId>A</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
             <Expiration>{end}</Expiration>"
        );
        Made::read(&xml, "role").unwrap()
    };
    for (left, wanted) in [(3600, 1800), (900, 450), (1, 1), (0, 1)] {
        let rest = rest(Some(&made(left)), now, 0);
        assert_eq!(rest, Duration::from_secs(wanted), "{left}");
    }
    for (failures, wanted) in [(1, 2), (2, 4), (4, 16), (5, 30), (31, 30), (40, 30)] {
        let rest = rest(None, now, failures);
        assert_eq!(rest, Duration::from_secs(wanted), "{failures}");
    }
}
