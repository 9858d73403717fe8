//! Requests that go well: what the upstream receives and what comes back.

use std::io::{Read, Write};

use super::support::*;
use crate::outcome::Reason;

#[test]
fn a_request_is_cleaned_and_identified() {
    let (url, upstream) = plain_upstream();
    let proxy = proxy_to(&url);
    let answer = ask(
        proxy.address,
        "GET /a%2Fb?x=%zz HTTP/1.1
Host: shop.example:80
Authorization: Bearer secret
X-Sidegate-Principal-Arn: forged
x_sidegate_principal_account: forged
X-Sidegate-Request-Id: forged
X_Remote.User: forged
X-Forwarded-For: 6.6.6.6
Forwarded: for=6.6.6.6
X-Request-Id: mine
Keep-Alive: 5
TE: trailers
Accept: */*
",
    );
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let id = answer
        .lines()
        .find_map(|line| line.strip_prefix("x-sidegate-request-id: "))
        .unwrap();
    let got = received(&upstream);
    let mut lines: Vec<_> = got.trim_end().split("\r\n").collect();
    assert_eq!(lines.remove(0), "GET /a%2Fb?x=%zz HTTP/1.1");
    lines.sort_unstable();
    let own = format!("x-sidegate-request-id: {id}");
    assert_eq!(
        lines,
        [
            "accept: */*",
            "host: shop.example:80",
            "te: trailers",
            "via: 1.1 sidegate",
            "x-forwarded-for: 127.0.0.1",
            "x-forwarded-proto: http",
            "x-request-id: mine",
            "x-sidegate-principal-arn: arn:aws:iam::1:user/ann",
            own.as_str(),
        ]
    );
    let all = outcomes(&proxy, 1);
    assert_eq!(all, [(Reason::Allowed, Some(200), "127.0.0.1".to_owned())]);
}

#[test]
fn the_upstream_gets_the_permits_target() {
    let (url, upstream) = plain_upstream();
    let proxy = proxy_to(&url);
    ask(proxy.address, "GET /canonical?b HTTP/1.1\nHost: a\n");
    assert!(received(&upstream).starts_with("GET /other?a=%2F HTTP/1.1\r\n"));
}

#[test]
fn connections_are_kept_on_both_sides() {
    let (url, upstream) = raw_upstream(|stream, keep| {
        let mut buffer = [0; 4096];
        let _ = stream.write_all(OK);
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            keep(&buffer[..count]);
            if buffer[..count].ends_with(b"\r\n\r\n") {
                let _ = stream.write_all(OK);
            }
        }
    });
    let proxy = proxy_to(&url);
    let mut client = connect(proxy.address);
    for _ in 0..5 {
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"ok") {
            let mut byte = [0];
            client.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
    }
    assert_eq!(upstream.lock().unwrap().len(), 1);
    assert_eq!(received(&upstream).matches("GET / ").count(), 5);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let (url, _) = raw_upstream(|stream, _| {
        let mut buffer = [0; 4096];
        loop {
            let _ = stream.write_all(OK);
            if !matches!(stream.read(&mut buffer), Ok(1..)) {
                return;
            }
        }
    });
    let proxy = proxy_to(&url);
    let answer = until_closed(
        proxy.address,
        b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /denied HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    let statuses: Vec<_> = answer
        .split("HTTP/1.1 ")
        .skip(1)
        .filter_map(|rest| rest.split(' ').next())
        .collect();
    assert_eq!(statuses, ["200", "403", "200"]);
}

#[test]
fn refusals_reach_no_upstream_and_say_why() {
    let (url, upstream) = plain_upstream();
    let proxy = proxy_to(&url);
    let answer = ask(proxy.address, "GET /denied HTTP/1.1\nHost: a\n");
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
    assert!(answer.contains(r#"{"code":"AccessDenied","message":"no","requestId":""#));
    let answer = ask(proxy.address, "HEAD /denied HTTP/1.1\nHost: a\n");
    assert!(
        answer.starts_with("HTTP/1.1 403") && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );
    let answer = ask(
        proxy.address,
        "POST /denied HTTP/1.1\nHost: a\nContent-Type: application/grpc+proto\n",
    );
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("grpc-status: 7\r\n"),
        "{answer}"
    );
    let answer = ask(proxy.address, "GET /nowhere HTTP/1.1\nHost: a\n");
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    assert_eq!(upstream.lock().unwrap().len(), 0);
    let reasons: Vec<_> = outcomes(&proxy, 4).into_iter().map(|it| it.0).collect();
    let deny = Reason::ExplicitDeny;
    assert_eq!(reasons, [deny, deny, deny, Reason::Internal]);
}

#[test]
fn a_panic_ends_one_connection_with_500() {
    let (url, upstream) = plain_upstream();
    let proxy = proxy_to(&url);
    let answer = until_closed(proxy.address, b"GET /panic HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    assert_eq!(upstream.lock().unwrap().len(), 0);
    assert!(ask(proxy.address, "GET / HTTP/1.1\nHost: a\n").starts_with("HTTP/1.1 200"));
}

#[test]
fn one_hundred_continue_comes_only_after_the_request_is_allowed() {
    let (url, upstream) = raw_upstream(|stream, keep| {
        let mut body = [0; 3];
        stream.read_exact(&mut body).unwrap();
        keep(&body);
        let _ = stream.write_all(OK);
    });
    let proxy = proxy_to(&url);
    let expecting = |path: &str| {
        let mut client = connect(proxy.address);
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
        );
        client.write_all(head.as_bytes()).unwrap();
        let mut answer = [0; 12];
        client.read_exact(&mut answer).unwrap();
        (client, String::from_utf8(answer.to_vec()).unwrap())
    };
    assert_eq!(expecting("/denied").1, "HTTP/1.1 403");
    assert_eq!(upstream.lock().unwrap().len(), 0);
    let (mut client, answer) = expecting("/fine");
    assert_eq!(answer, "HTTP/1.1 100");
    client.write_all(b"abc").unwrap();
    let mut rest = String::new();
    while !rest.ends_with("ok") {
        let mut buffer = [0; 500];
        let count = client.read(&mut buffer).unwrap();
        rest.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    assert!(rest.contains("HTTP/1.1 200"), "{rest}");
    let got = received(&upstream);
    assert!(got.ends_with("abc") && !got.contains("expect"), "{got}");
}

#[test]
fn an_upgrade_passes_bytes_both_ways_where_the_route_allows_it() {
    let (url, upstream) = raw_upstream(|stream, keep| {
        let _ = stream.write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\nX-Key: k\r\n\r\nhello#\n",
        );
        let mut buffer = [0; 100];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            keep(&buffer[..count]);
            let _ = stream.write_all(&buffer[..count]);
        }
    });
    let proxy = proxy_to(&url);
    let asking = |path: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
    };
    let answer = until_closed(proxy.address, asking("/fine").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(upstream.lock().unwrap().len(), 0);

    let mut client = connect(proxy.address);
    client.write_all(asking("/up").as_bytes()).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello#\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    assert!(
        answer.contains("upgrade: echo\r\n") && answer.contains("x-key: k\r\n"),
        "{answer}"
    );
    client.write_all(b"\n# not HTTP\n").unwrap();
    let mut echoed = [0; 12];
    client.read_exact(&mut echoed).unwrap();
    assert_eq!(&echoed, b"\n# not HTTP\n");
    client.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(client.read(&mut echoed).unwrap(), 0);
}

#[test]
fn http2_in_clear_is_not_upgraded_to() {
    let (url, upstream) = plain_upstream();
    let proxy = proxy_to(&url);
    let answer = until_closed(
        proxy.address,
        b"GET /up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    );
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let got = received(&upstream);
    assert!(
        !got.contains("upgrade") && !got.contains("http2-settings"),
        "{got}"
    );
}

#[test]
fn a_preflight_takes_no_credential_and_no_body_along() {
    let (url, upstream) = plain_upstream();
    let proxy = proxy(
        crate::proxy::upstream::Settings::new("app", &url),
        |settings| settings.forward_credential = true,
        crate::net::Limits::default(),
    );
    let answer = ask(
        proxy.address,
        "OPTIONS /preflight HTTP/1.1\nHost: a\nOrigin: b\nAuthorization: x\nCookie: c\nContent-Length: 3\n",
    );
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let got = received(&upstream);
    for absent in ["authorization", "cookie", "content-length", "principal"] {
        assert!(!got.contains(absent), "{got}");
    }
    assert!(got.contains("origin: b"));
}
