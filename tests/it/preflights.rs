//! Preflights that go on: what of a request's query may come along.

use crate::support::{Sidegate, Site, Upstream, request};

/// A browser asks with the very query that it is going to send, a presigned credential included.
#[test]
fn a_presigned_credential_stays_behind() {
    let upstream = Upstream::start();
    let site = Site::with_bundle(&upstream, "a");
    let path = site.path("policies/routes/app.yaml");
    let routes = std::fs::read_to_string(&path).unwrap();
    site.write(
        "policies/routes/app.yaml",
        &routes.replace("routes:\n", "preflight: forward\nroutes:\n"),
    );
    let sidegate = Sidegate::start(&site);
    let signed = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA0123456789ABCDEF%2F20260101%2Fus-east-1%2Fapp%2Faws4_request\
                  &X-Amz-Date=20260101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=0123&X-Amz-Security-Token=secret";
    let asks = [
        ("Origin", "https://app.test"),
        ("Access-Control-Request-Method", "GET"),
    ];
    for (target, expected) in [
        (format!("/a?{signed}"), "/a"),
        (format!("/a?one=1&{signed}&two=2"), "/a?one=1&two=2"),
        (
            format!("/a?one=1&x-amz-other=2&{signed}"),
            "/a?one=1&x-amz-other=2",
        ),
    ] {
        let answer = request(sidegate.ingress, "OPTIONS", "app.test", &target, &asks);
        assert_eq!(answer.status, 200, "{target}");
        let echoed = answer.text();
        let line = echoed.lines().next().unwrap();
        assert_eq!(line, format!("OPTIONS {expected} HTTP/1.1"), "{target}");
        assert!(!echoed.contains("secret"), "{echoed}");
    }
}
