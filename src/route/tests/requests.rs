//! What a matched request asks for: resources, tags, context, and what makes it ambiguous.

use super::*;
use crate::route::{MatchKind, PathError};

type Seen = (MatchKind, Vec<String>, Vec<String>);

fn full(
    table: &Table,
    method: &str,
    path: &str,
    query: &str,
    headers: &[(&str, &str)],
) -> Result<Seen, String> {
    let found = table
        .resolve(&Asked {
            method,
            host: Some("orders.internal"),
            path,
            query: Some(query),
            headers: &headers,
            grpc: false,
        })
        .map_err(|refused| refused.to_string())?;
    let values = found.tags.iter().chain(&found.context);
    Ok((
        found.kind,
        found.resources.to_vec(),
        values
            .map(|(key, value)| format!("{key}={value}"))
            .collect(),
    ))
}

const ROUTES: &str = "
  - match: GET /customers/{customer}/orders/{id}
    action: orders:GetOrder
    resource: ['arn:{partition}:{service}:{region}:{account}:order/{id}', 'arn:aws:orders:::all/*']
    resource_tags: { Customer: '{path:customer}', kind: order }
    context: { 'orders:Channel': 'via-{query:channel}', 'orders:Device': '{header:X-Device}', 'orders:Id': '{id}' }
";

#[test]
fn values_are_decoded_and_literal() {
    let table = table("", ROUTES);
    let (kind, resources, values) = full(
        &table,
        "GET",
        "/customers/c%20%c3%a9/orders/%2A%3F%24%7Baws:username%7D%25",
        "x&channel=w%2Ab",
        &[("X-DEVICE", "phone")],
    )
    .unwrap();
    assert_eq!(kind, MatchKind::Route);
    assert_eq!(
        resources,
        [
            "arn:aws:orders:us-east-1:555566667777:order/*?${aws:username}%",
            "arn:aws:orders:::all/*"
        ]
    );
    assert_eq!(
        values,
        [
            "customer=c é",
            "kind=order",
            "orders:channel=via-w*b",
            "orders:device=phone",
            "orders:id=*?${aws:username}%"
        ]
    );
}

#[test]
fn what_is_absent_sets_no_key() {
    let table = table("", ROUTES);
    let (_, _, values) = full(&table, "GET", "/customers/c/orders/7", "", &[]).unwrap();
    assert_eq!(values, ["customer=c", "kind=order", "orders:id=7"]);
    // There and empty is something else.
    let (_, _, values) = full(&table, "GET", "/customers/c/orders/7", "channel", &[]).unwrap();
    assert!(values.contains(&"orders:channel=via-".to_owned()));
}

#[test]
fn what_occurs_twice_is_refused() {
    let table = table("", ROUTES);
    let path = "/customers/c/orders/7";
    for query in [
        "channel=a&channel=b",
        "channel=a&chann%65l=a",
        "a;channel=b",
    ] {
        let refused = full(&table, "GET", path, query, &[]).unwrap_err();
        assert!(refused.starts_with("`channel`"), "{query}: {refused}");
    }
    for headers in [
        [("x-device", "a"), ("x-device", "a")],
        [("x-device", "a"), ("X_Device", "b")],
    ] {
        let refused = full(&table, "GET", path, "", &headers).unwrap_err();
        assert!(refused.starts_with("`x-device`"), "{refused}");
    }
    // What no route reads may be what it likes.
    assert!(full(&table, "GET", path, "a=1&a=2", &[("a", "1"), ("a", "2")]).is_ok());
}

const FILES: &str = "
  - match: GET /files/{path..}
    action: orders:GetFile
    resource: arn:aws:orders:::{path}
    context: { 'orders:Path': '{path}' }
    allow: [encoded_slash, params]
  - match: GET /slash/{path..}
    action: orders:GetFile
    resource: arn:aws:orders:::{path}
    allow: [encoded_slash]
  - match: GET /one/{id}
    action: orders:GetOne
    resource: arn:aws:orders:::{id}
    allow: [encoded_slash, params]
  - match: GET /one/a
    action: orders:GetA
    resource: arn:aws:orders:::a
  - match: GET /files/secret/{path..}
    action: orders:GetSecret
    resource: arn:aws:orders:::{path}
    allow: [encoded_slash, params]
";

#[test]
fn encoded_slashes_and_parameters_where_allowed() {
    let table = table("", FILES);
    for (path, resource) in [
        ("/files/a%2fb", Ok("a%2Fb")),
        ("/files/a/b/", Ok("a/b/")),
        ("/files/a;v=1/b%20c", Ok("a;v=1/b c")),
        ("/files/a;v=1%2Fb", Ok("a;v=1%2Fb")),
        ("/slash/a%2Fb/c", Ok("a%2Fb/c")),
        ("/slash/a;b", Err(PathError::Parameters)),
        ("/one/b;v=1", Ok("b;v=1")),
        // Decoded, it is two segments, and leads elsewhere.
        ("/one/a%2Fb", Err(PathError::EncodedSlash)),
        // Stripped, it is another route.
        ("/one/a;x", Err(PathError::Parameters)),
        ("/files/secret%2Fx", Err(PathError::EncodedSlash)),
        ("/files/secret;v/x", Err(PathError::Parameters)),
        ("/files/secret/x;y", Ok("x;y")),
        ("/files%2Fsecret/x", Err(PathError::EncodedSlash)),
        ("/files;a/secret/x", Err(PathError::Parameters)),
        ("/unknown/a%2Fb", Err(PathError::EncodedSlash)),
        ("/unknown;a", Err(PathError::Parameters)),
        ("/files/a%2F..%2Fb", Err(PathError::HiddenSegment)),
        ("/files/..;/b", Err(PathError::HiddenSegment)),
        ("/files/a%2F%2Fb", Err(PathError::HiddenSegment)),
        ("/files/;/b", Err(PathError::HiddenSegment)),
        ("/files/./a;b", Err(PathError::HiddenSegment)),
        ("/files/a%5cb", Err(PathError::Backslash)),
        // Decoded once this would be the same ARN as a kept slash.
        ("/files/a%252Fb", Err(PathError::EncodedSlash)),
        ("/files/a%252fb", Err(PathError::EncodedSlash)),
        ("/files/a%2520b", Ok("a%20b")),
    ] {
        let found = get(&table, path).map(|found| found.resources[0].clone());
        let wanted = resource
            .map(|resource| format!("arn:aws:orders:::{resource}"))
            .map_err(Refused::Path);
        assert_eq!(found, wanted, "{path}");
    }
    // Context holds what the upstream decodes.
    let found = get(&table, "/files/a%2Fb").unwrap();
    assert_eq!(found.context[0], ("orders:path", "a/b".to_owned()));
    assert_eq!(found.path.as_str(), "/files/a%2Fb");
}

#[test]
fn preflights() {
    let forward = table("preflight: forward", ROUTES);
    let refuse = table("", ROUTES);
    let path = "/customers/c/orders/7";
    let preflight = [
        ("Origin", "https://shop.example"),
        ("Access-Control-Request-Method", "GET"),
    ];
    // What only the request itself reads is no matter of its preflight.
    let query = "channel=a&channel=b";
    let (kind, _, values) = full(&forward, "OPTIONS", path, query, &preflight).unwrap();
    assert_eq!(kind, MatchKind::Preflight);
    assert_eq!(values, ["customer=c", "kind=order"]);
    let refused = Err("no route matches".to_owned());
    assert_eq!(full(&refuse, "OPTIONS", path, "", &preflight), refused);
    assert_eq!(
        full(&forward, "OPTIONS", path, "", &preflight[..1]),
        refused
    );
    assert_eq!(
        full(&forward, "OPTIONS", path, "", &preflight[1..]),
        refused
    );
    assert_eq!(full(&forward, "OPTIONS", "/other", "", &preflight), refused);
    assert_eq!(full(&forward, "DELETE", path, "", &preflight), refused);
    for asked in ["DELETE", "get", "", "GET, HEAD"] {
        let headers = [preflight[0], ("Access-Control-Request-Method", asked)];
        assert_eq!(full(&forward, "OPTIONS", path, "", &headers), refused);
    }
    for again in preflight {
        let headers = [preflight[0], preflight[1], again];
        assert_eq!(full(&forward, "OPTIONS", path, "", &headers), refused);
    }
    let encoded = "/customers/c%2Fd/orders/7";
    assert!(full(&forward, "OPTIONS", encoded, "", &preflight).is_err());
}

#[test]
fn a_route_that_matches_options_is_judged_unless_preflights_are_forwarded() {
    let any = "  - { match: 'ANY /a', action: 'orders:A', resource: 'arn:aws:orders:::a' }";
    let preflight = [("origin", "x"), ("access-control-request-method", "PUT")];
    let kind = |keys: &str, headers: &[(&str, &str)]| {
        full(&table(keys, any), "OPTIONS", "/a", "", headers)
            .unwrap()
            .0
    };
    assert_eq!(kind("", &preflight), MatchKind::Route);
    assert_eq!(kind("preflight: forward", &preflight), MatchKind::Preflight);
    assert_eq!(kind("preflight: forward", &[]), MatchKind::Route);
    // ANY matches every method, and these are none with which the request could come.
    for asked in ["", "GET, HEAD", "GET\t", "TRACE", "CONNECT", "é"] {
        let headers = [preflight[0], ("access-control-request-method", asked)];
        assert_eq!(
            kind("preflight: forward", &headers),
            MatchKind::Route,
            "{asked}"
        );
    }
}

#[test]
fn only_the_service_that_forwards_preflights_gets_them() {
    let one = file(
        "hosts: [orders.internal]\npreflight: forward",
        &route("GET /a", "A"),
    );
    let two = file("hosts: [orders.internal]", &route("GET /b", "B"));
    let table = build(&[("one.yaml", &one), ("two.yaml", &two)]).unwrap();
    let preflight = [("origin", "x"), ("access-control-request-method", "GET")];
    assert!(full(&table, "OPTIONS", "/a", "", &preflight).is_ok());
    assert!(full(&table, "OPTIONS", "/b", "", &preflight).is_err());
}
