//! Route files: what is read, and every fault that is told.

use super::*;
use crate::route::{Enforcement, Fallback};

#[test]
fn a_whole_file() {
    let text = "
service: orders
account: \"555566667777\"
region: eu-west-1
signing_name: s3
hosts: [orders.internal, '*.orders.internal']
upstream: app
providers: [corp, cluster]
audiences: [orders-api]
preflight: forward
fallback: deny
routes:
  - match: GET,HEAD /customers/{customer}/orders/{id}
    action: orders:GetOrder
    resource: arn:{partition}:orders::{account}:order/{id}
    resource_tags: { customer: '{path:customer}' }
    context: { 'orders:Channel': '{query:channel}' }
    enforcement: shadow
    upgrade: websocket
  - match: grpc /shop.v1.Orders/List
    action: orders:ListOrders
    resource: [ 'arn:{partition}:orders::{account}:order/*' ]
    allow: [params]
";
    let table = build(&[("routes/orders.yaml", text)]).unwrap();
    let service = &table.services()[0];
    assert_eq!(service.name(), "orders");
    assert_eq!(service.account().as_str(), "555566667777");
    assert_eq!(service.region(), "eu-west-1");
    assert_eq!(service.signing_name(), "s3");
    assert_eq!(&*service.upstream().name, "app");
    assert_eq!(service.upstream().span.start.line, 7);
    let providers = service.providers().unwrap().iter();
    assert_eq!(
        providers.map(|p| &*p.name).collect::<Vec<_>>(),
        ["corp", "cluster"]
    );
    assert_eq!(service.audiences().unwrap(), [Box::from("orders-api")]);
    assert_eq!(service.fallback(), Fallback::Deny);
    let [get, list] = service.routes() else {
        panic!("two routes were written")
    };
    assert_eq!(get.enforcement(), Some(Enforcement::Shadow));
    assert!(get.allows_upgrade("WebSocket") && !get.allows_upgrade("h2c"));
    assert!(!list.allows_upgrade("websocket"));
    assert_eq!(list.action(), "orders:ListOrders");
    assert_eq!(get.context_keys().collect::<Vec<_>>(), ["orders:channel"]);
}

#[test]
fn the_defaults() {
    let table = table("", &route("GET /a", "A"));
    let service = &table.services()[0];
    assert_eq!(service.signing_name(), "orders");
    assert!(service.providers().is_none() && service.audiences().is_none());
    assert_eq!(service.fallback(), Fallback::NotFound);
    assert_eq!(service.routes()[0].enforcement(), None);
}

#[test]
fn every_fault_is_told_at_once() {
    let text = "
service: or ders
account: 555566667777
region: 'us east'
hosts: [Orders.Internal]
upsteam: app
providers: []
preflight: maybe
fallback: generic?
routes:
  - match: GET /a/{id
    action: orders:*
    resource: nothing
  - match: GET /b/{id}
    action: orders:GetB
    resource: arn:{partition}:orders::{account}:order/{other}
    colour: blue
";
    let found = faults(text);
    for wanted in [
        "missing-key: a route file needs the key `upstream`",
        "unknown-key: unknown key `upsteam`",
        "wrong-type: `account` is digits in quotes, and these stand without: they are a number",
        "bad-name: `or ders` is no service",
        "bad-name: `us east` is no region",
        "bad-hosts: `Orders.Internal` is no host name",
        "bad-list: `providers`",
        "bad-preflight: ",
        "bad-fallback: ",
        "bad-match: `{id`: a parameter is a whole segment",
        "bad-action: `orders:*` is no action",
        "bad-value: the path has no parameter `other`",
        "unknown-key: unknown key `colour`",
    ] {
        assert!(
            found.iter().any(|fault| fault.starts_with(wanted)),
            "{wanted} is not in {found:#?}"
        );
    }
    assert_eq!(found.len(), 13, "{found:#?}");
}

#[test]
fn a_fault_knows_its_place() {
    let text = file(
        "",
        "  - match: GET /a/{id}\n    action: orders:A\n    resource: arn:aws:orders:::{x}\n",
    );
    let faults = build(&[("routes/orders.yaml", &text)]).unwrap_err();
    assert_eq!(
        faults[0].line(),
        "routes/orders.yaml:9:15: error[bad-value]: the path has no parameter `x` (it has id)"
    );
}

/// The faults of a file with one route of these keys.
fn with(keys: &str) -> Vec<String> {
    let mut entry = format!("  - match: GET /a/{{id}}\n    {keys}\n");
    if !keys.contains("action:") {
        entry.push_str("    action: orders:A\n");
    }
    if !keys.contains("resource:") {
        entry.push_str("    resource: arn:aws:orders:::a/{id}\n");
    }
    faults(&file("", &entry))
}

#[test]
fn faults_of_a_route() {
    for (keys, wanted) in [
        ("resource: arn:aws:orders:::{id}", ""),
        (
            "resource: arn:aws:orders:eu-west-1:555566667777:{path:id}",
            "",
        ),
        ("resource: arn:aws:orders:::a/*", ""),
        ("resource: ''", "bad-resource"),
        ("resource: []", "bad-resource"),
        ("resource: ['arn:aws:orders:::a', x]", "bad-resource"),
        ("resource: arn:aws:orders::a", "bad-resource"),
        ("resource: 'arn:aws:orders:::'", "bad-resource"),
        ("resource: 'arn:aws:orders:::a b'", "bad-resource"),
        ("resource: 'arn:aws:orders::{id}:a'", "bad-resource"),
        ("resource: 'arn:aws:{id}:::a'", "bad-resource"),
        ("resource: '{id}:aws:orders:::a'", "bad-resource"),
        ("resource: 'arn:aws:orders::{id}'", "bad-resource"),
        ("resource: 'arn:aws:orders::111111111111:a'", "bad-resource"),
        ("resource: 'arn:aws:orders:::{id'", "bad-value"),
        ("resource: 'arn:aws:orders:::id}'", "bad-value"),
        ("resource: 'arn:aws:orders:::{{id}}'", "bad-value"),
        ("resource: 'arn:aws:orders:::${aws:username}'", "bad-value"),
        ("resource: 'arn:aws:orders:::{query:id}'", "bad-value"),
        ("resource: 'arn:aws:orders:::{cookie:id}'", "bad-value"),
        ("action: GetOrder", "bad-action"),
        ("action: 'orders:'", "bad-action"),
        ("action: 'orders:Get*'", "bad-action"),
        ("action: 'or/ders:Get'", "bad-action"),
        ("action: 'a:b:c'", "bad-action"),
        ("resource_tags: { a: '{query:x}' }", "bad-value"),
        ("resource_tags: { a: '{header:x}' }", "bad-value"),
        ("resource_tags: { a: 1 }", "wrong-type"),
        ("resource_tags: { a: x, A: y }", "bad-key"),
        ("resource_tags: { '': x }", "bad-key"),
        ("context: { 'aws:SourceIp': '{header:x}' }", "bad-key"),
        ("context: { 'AWS:sourceip': '{header:x}' }", "bad-key"),
        ("context: { 'sts:ExternalId': '{header:x}' }", "bad-key"),
        ("context: { 'saml:aud': '{header:x}' }", "bad-key"),
        ("context: { 'idp.example:sub': '{header:x}' }", "bad-key"),
        ("context: { 'idp.example/a:sub': '{header:x}' }", "bad-key"),
        ("context: { channel: x }", "bad-key"),
        ("context: { 'orders:': x }", "bad-key"),
        ("context: { 'orders:a b': x }", "bad-key"),
        ("context: { 'orders:a': x, 'Orders:A': y }", "bad-key"),
        (
            "context: { 'orders:a': '{header:Authorization}' }",
            "bad-value",
        ),
        ("context: { 'orders:a': '{header:X_API_KEY}' }", "bad-value"),
        (
            "context: { 'orders:a': '{header:X-Sidegate-Principal-Arn}' }",
            "bad-value",
        ),
        ("context: { 'orders:a': '{header:x y}' }", "bad-value"),
        ("context: { 'orders:a': '{query:}' }", "bad-value"),
        ("context: { 'orders:a': '{env:HOME}' }", "bad-value"),
        ("allow: [everything]", "bad-allow"),
        ("enforcement: never", "bad-enforcement"),
        ("upgrade: h2c", "bad-upgrade"),
        ("upgrade: [websocket, '']", "bad-upgrade"),
        ("upgrade: true", "wrong-type"),
    ] {
        let found = with(keys);
        if wanted.is_empty() {
            assert!(found.is_empty(), "{keys}: {found:?}");
        } else {
            assert_eq!(found.len(), 1, "{keys}: {found:?}");
            assert!(found[0].starts_with(wanted), "{keys}: {found:?}");
        }
    }
    let post = "  - { match: 'POST /a', action: 'orders:A', resource: 'arn:aws:orders:::a', upgrade: websocket }";
    assert!(faults(&file("", post))[0].starts_with("bad-upgrade"));
}

#[test]
fn equal_routes() {
    for (one, two, equal) in [
        ("GET /a", "GET /a", true),
        ("GET /a/{x}", "GET /a/{y}", true),
        ("GET /a/{x..}", "GET /a/{y..}", true),
        ("GET,HEAD /a", "POST,HEAD /a", true),
        ("ANY /a", "ANY /a", true),
        ("grpc /a", "grpc /a", true),
        ("GET /admin!", "GET /admin%21", true),
        ("GET /a", "POST /a", false),
        ("GET /a", "ANY /a", false),
        ("POST /a", "grpc /a", false),
        ("GET /a", "GET /a/", false),
        ("GET /a/{x}", "GET /a/{x..}", false),
        ("GET /a/{x}", "GET /a/x", false),
        ("GET /a", "GET /A", false),
    ] {
        let found = faults(&file("", &(route(one, "A") + &route(two, "B"))));
        assert_eq!(found.len(), usize::from(equal), "{one}, {two}: {found:?}");
        assert!(found.iter().all(|fault| fault.starts_with("equal-routes")));
    }
    let one = file("hosts: [a, b]", &route("GET /x", "A"));
    let two = file("hosts: [b, a, '*.c']", &route("GET /x", "A"));
    let faults = build(&[("one.yaml", &one), ("two.yaml", &two)]).unwrap_err();
    assert_eq!(faults.len(), 1);
    assert_eq!(&*faults[0].file, "two.yaml");
    assert!(faults[0].message.contains("one.yaml:7"), "{}", faults[0]);
    let apart = file("hosts: [c]", &route("GET /x", "A"));
    assert!(build(&[("one.yaml", &one), ("two.yaml", &apart)]).is_ok());
}

#[test]
fn hosts_that_are_not_certain() {
    let any = route("GET /x", "A");
    let unsaid = file("", &any);
    let listed = file("hosts: [a]", &any);
    let said = file("hosts: any", &any);
    let faults = build(&[("listed.yaml", &listed), ("unsaid.yaml", &unsaid)]).unwrap_err();
    assert_eq!((faults.len(), faults[0].id), (1, "hosts-needed"));
    assert_eq!(&*faults[0].file, "unsaid.yaml");
    assert!(build(&[("listed.yaml", &listed), ("said.yaml", &said)]).is_ok());
    let other = file("", &route("GET /y", "B"));
    assert!(build(&[("unsaid.yaml", &unsaid), ("other.yaml", &other)]).is_ok());
    for (keys, wanted) in [
        ("fallback: generic", "generic-needs-hosts"),
        ("hosts: any\nfallback: generic", "generic-needs-hosts"),
        ("hosts: []", "bad-hosts"),
        ("hosts: all", "bad-hosts"),
        ("hosts: [a, a]", "bad-hosts"),
        ("hosts: ['a:80']", "bad-hosts"),
    ] {
        let found = super::faults(&file(keys, &any));
        assert!(
            found.len() == 1 && found[0].starts_with(wanted),
            "{keys}: {found:?}"
        );
    }
}

#[test]
fn fallbacks_of_a_shared_host_agree() {
    let built = |one: &str, two: &str| {
        let text = |said: &str, path: &str| {
            let hosts = "hosts: [orders.internal, b]\n";
            let said = if said.is_empty() {
                String::new()
            } else {
                format!("fallback: {said}")
            };
            file(&format!("{hosts}{said}"), &route(path, "A"))
        };
        let (one, two) = (text(one, "GET /x"), text(two, "GET /y"));
        let table = build(&[("one.yaml", &one), ("two.yaml", &two)]);
        table
            .map(|table| {
                action(get(&table, "/z"))
                    .unwrap_or_else(|refused| refused.reason().label().to_owned())
            })
            .map_err(|faults| faults[0].id)
    };
    let deny = "route_fallback_denied";
    for (one, two, answer) in [
        ("", "", Ok("no_route")),
        ("deny", "deny", Ok(deny)),
        // What one leaves unsaid the other may say.
        ("deny", "", Ok(deny)),
        ("", "deny", Ok(deny)),
        ("", "generic", Ok("http:GET")),
        ("generic", "", Ok("http:GET")),
        ("deny", "not_found", Err("fallback-conflict")),
        ("not_found", "generic", Err("fallback-conflict")),
        ("generic", "generic", Err("fallback-conflict")),
    ] {
        let found = built(one, two);
        assert_eq!(
            found.as_deref(),
            answer.as_ref().map(|text| *text),
            "{one}, {two}"
        );
    }
}

#[test]
fn a_service_without_routes_is_a_warning() {
    let text = file("", "").replace("routes:\n", "");
    let mut report = Report::on("r.yaml");
    let node = yaml::read(&text, &mut report).unwrap();
    assert!(Service::read(&node, "aws", &|_| None, &mut report).is_some());
    assert_eq!(report.faults()[0].id, "no-routes");
    assert!(!report.has_errors());
}
