//! Which route a request leads to.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::route::{CanonicalPath, MatchKind, PathError};

fn routes(patterns: &[&str]) -> String {
    patterns
        .iter()
        .enumerate()
        .map(|(at, pattern)| route(pattern, &format!("R{at}")))
        .collect()
}

#[test]
fn literal_before_parameter_before_rest_whatever_the_order() {
    let patterns = [
        "GET /{rest..}",
        "GET /a/{x}",
        "GET /{x}/b",
        "GET /a/b",
        "GET /a/{rest..}",
        "GET /a/{x}/c",
        "GET /",
        "GET /a/",
        "GET /{x}",
    ];
    let expected = [
        ("/a/b", "GET /a/b"),
        ("/a/x", "GET /a/{x}"),
        ("/x/b", "GET /{x}/b"),
        ("/x/c", "GET /{rest..}"),
        ("/a/x/c", "GET /a/{x}/c"),
        ("/a/x/d", "GET /a/{rest..}"),
        ("/a/b/c", "GET /a/{x}/c"),
        ("/a/b/d", "GET /a/{rest..}"),
        ("/", "GET /"),
        ("/a/", "GET /a/"),
        ("/a", "GET /{x}"),
        ("/a/b/", "GET /a/{rest..}"),
        ("/x/", "GET /{rest..}"),
        ("/x/y/z/", "GET /{rest..}"),
    ];
    for turn in 0..patterns.len() {
        let mut turned = patterns;
        turned.rotate_left(turn);
        let table = table("", &routes(&turned));
        for (path, wanted) in expected {
            let found = get(&table, path).unwrap().route.unwrap().label();
            assert_eq!(found, wanted, "{path}, turned by {turn}");
        }
    }
}

#[test]
fn a_way_that_leads_nowhere_is_left_again() {
    let table = table(
        "",
        &routes(&[
            "GET /a/b/c/d",
            "GET /a/{x}/c/e",
            "GET /{y}/b/{z}/f",
            "POST /a/b/c/g",
            "GET /a/{x}/{y}/g",
        ]),
    );
    for (method, path, wanted) in [
        ("GET", "/a/b/c/d", Ok("R0")),
        ("GET", "/a/b/c/e", Ok("R1")),
        ("GET", "/a/b/c/f", Ok("R2")),
        ("POST", "/a/b/c/g", Ok("R3")),
        ("GET", "/a/b/c/g", Ok("R4")),
        ("GET", "/a/b/c/h", Err(Refused::NoRoute)),
        ("GET", "/a/b/c", Err(Refused::NoRoute)),
        ("GET", "/a/b/c/d/", Err(Refused::NoRoute)),
        ("GET", "/A/b/c/d", Err(Refused::NoRoute)),
        ("HEAD", "/a/b/c/d", Err(Refused::NoRoute)),
        ("get", "/a/b/c/d", Err(Refused::NoRoute)),
    ] {
        let found = action(ask(&table, method, path));
        assert_eq!(found, wanted.map(str::to_owned), "{method} {path}");
    }
}

/// A query goes upstream as it came, so it holds nothing that servers read differently.
#[test]
fn a_query_is_visible_ascii() {
    let table = table("", &routes(&["GET /a"]));
    for (query, good) in [
        ("", true),
        ("a=%C3%A4&b=\"{}|^`\\", true),
        ("a=\u{e4}", false),
        ("a=\u{7f}", false),
        ("a b", false),
        ("a\u{0}", false),
    ] {
        let found = table.resolve(&Asked {
            method: "GET",
            host: None,
            path: "/a",
            query: Some(query),
            headers: &&[][..],
            grpc: false,
        });
        assert_eq!(found.is_ok(), good, "{query:?}");
        if !good {
            let reason = found.map(|_| ()).unwrap_err().reason();
            assert_eq!(reason.status(), 400, "{query:?}");
        }
    }
}

#[test]
fn what_a_left_way_had_taken_is_not_kept() {
    let text = "
  - { match: 'GET /{a}/{b}/x', action: 'orders:X', resource: 'arn:aws:orders:::{a}-{b}' }
  - { match: 'GET /{a}/{r..}', action: 'orders:R', resource: 'arn:aws:orders:::{a}-{r}' }
  - { match: 'GET /a/{b}/{c}/z', action: 'orders:Z', resource: 'arn:aws:orders:::{b}-{c}' }
";
    let table = table("", text);
    for (path, resource) in [
        ("/a/1/x", "a-1"),
        ("/a/1/y", "a-1/y"),
        ("/a/1/2/z", "1-2"),
        ("/a/1/2/y", "a-1/2/y"),
    ] {
        let found = get(&table, path).unwrap();
        assert_eq!(*found.resources, [format!("arn:aws:orders:::{resource}")]);
    }
}

#[test]
fn a_parameter_is_never_empty() {
    let table = table(
        "",
        &routes(&["GET /a/{x}", "GET /b/{rest..}", "GET /{x}/c"]),
    );
    for path in ["/a/", "/b/", "/b", "/a"] {
        assert_eq!(action(get(&table, path)), Err(Refused::NoRoute), "{path}");
    }
}

#[test]
fn spellings_of_one_path_lead_to_one_route() {
    let table = table(
        "",
        &routes(&["GET /admin!", "GET /{x}", "GET /caf%C3%A9/x"]),
    );
    for (path, wanted) in [
        ("/admin!", "R0"),
        ("/admin%21", "R0"),
        ("/%61dmin%21", "R0"),
        ("/x/../admin!", "R0"),
        ("/admin", "R1"),
        ("/caf%c3%a9/x", "R2"),
        ("/./caf%C3%A9/%78", "R2"),
    ] {
        assert_eq!(action(get(&table, path)).as_deref(), Ok(wanted), "{path}");
    }
}

#[test]
fn methods_and_grpc() {
    let table = table(
        "",
        &routes(&[
            "GET,PUT /a",
            "ANY /a",
            "grpc /a",
            "POST /b",
            "grpc /c",
            "HEAD /b",
        ]),
    );
    let ask = |method: &str, path: &str, grpc: bool| {
        action(table.resolve(&Asked {
            method,
            host: None,
            path,
            query: None,
            headers: &NO_HEADERS,
            grpc,
        }))
        .unwrap_or_else(|refused| refused.to_string())
    };
    assert_eq!(ask("GET", "/a", false), "R0");
    assert_eq!(ask("PUT", "/a", false), "R0");
    assert_eq!(ask("DELETE", "/a", false), "R1");
    assert_eq!(ask("POST", "/a", false), "R1");
    assert_eq!(ask("POST", "/a", true), "R2");
    assert_eq!(ask("GET", "/a", true), "R0");
    assert_eq!(ask("POST", "/b", true), "R3");
    assert_eq!(ask("HEAD", "/b", false), "R5");
    assert_eq!(ask("GET", "/b", false), "no route matches");
    assert_eq!(ask("POST", "/c", false), "no route matches");
    assert_eq!(ask("POST", "/c", true), "R4");
}

#[test]
fn hosts() {
    let services = [
        ("exact", "hosts: [a.internal, z.test]"),
        ("below", "hosts: ['*.internal']"),
        ("longer", "hosts: ['*.b.internal']"),
        ("any", "hosts: any"),
    ];
    let texts: Vec<_> = services
        .iter()
        .map(|(name, hosts)| {
            let own = route(&format!("GET /{name}"), name);
            (*name, file(hosts, &(route("GET /x", name) + &own)))
        })
        .collect();
    let files: Vec<_> = texts.iter().map(|(name, text)| (*name, &**text)).collect();
    let table = build(&files).unwrap();
    let ask = |host: Option<&str>, path: &str| {
        action(table.resolve(&Asked {
            method: "GET",
            host,
            path,
            query: None,
            headers: &NO_HEADERS,
            grpc: false,
        }))
    };
    for (host, wanted) in [
        ("a.internal", "exact"),
        ("A.Internal.:8080", "exact"),
        ("z.test", "exact"),
        ("b.internal", "below"),
        ("c.b.internal", "longer"),
        ("d.c.b.internal", "longer"),
        ("c.d.internal", "below"),
        ("internal", "any"),
        ("other", "any"),
        ("xinternal", "any"),
        ("[::1]:80", "any"),
    ] {
        assert_eq!(ask(Some(host), "/x").as_deref(), Ok(wanted), "{host}");
    }
    assert_eq!(ask(None, "/x").as_deref(), Ok("any"));
    // The host is chosen for good.
    assert_eq!(ask(Some("a.internal"), "/any"), Err(Refused::NoRoute));
    assert_eq!(ask(Some("a.internal"), "/below"), Err(Refused::NoRoute));
    assert_eq!(ask(Some("a,b"), "/x"), Err(Refused::Host));
}

#[test]
fn a_host_that_nobody_serves() {
    let table = table("hosts: [orders.internal]", &routes(&["GET /a"]));
    for host in [Some("other.internal"), Some("x.orders.internal"), None] {
        let found = table.resolve(&Asked {
            method: "GET",
            host,
            path: "/a",
            query: None,
            headers: &NO_HEADERS,
            grpc: false,
        });
        assert_eq!(action(found), Err(Refused::UnknownHost));
    }
    assert_eq!(action(get(&table, "/a")).as_deref(), Ok("R0"));
}

#[test]
fn services_may_share_a_host() {
    let one = file("hosts: [orders.internal]", &route("GET /a", "A"));
    let two = file("hosts: [orders.internal, b]", &route("GET /b", "B"));
    let table = build(&[("one.yaml", &one), ("two.yaml", &two)]).unwrap();
    assert_eq!(action(get(&table, "/a")).as_deref(), Ok("A"));
    assert_eq!(action(get(&table, "/b")).as_deref(), Ok("B"));
    let labels: Vec<_> = table
        .routes()
        .map(|row| (row.id, row.label().to_owned()))
        .collect();
    assert_eq!(labels, [(0, "GET /a".to_owned()), (1, "GET /b".to_owned())]);
}

#[test]
fn fallbacks() {
    let one = route("GET /a", "A");
    let deny = table("fallback: deny", &one);
    assert_eq!(action(get(&deny, "/b")), Err(Refused::Denied));
    assert_eq!(
        action(get(&deny, "/b%2Fc")),
        Err(Refused::Path(PathError::EncodedSlash))
    );
    let generic = table(
        "hosts: [orders.internal, '*.x.test']\nfallback: generic",
        &one,
    );
    let found = get(&generic, "/b/c%20d/%2e/e%C3%A9/").unwrap();
    assert_eq!(found.kind, MatchKind::Generic);
    assert_eq!(found.action, "http:GET");
    assert_eq!(
        *found.resources,
        ["arn:aws:http::555566667777:orders.internal/b/c d/eé/".to_owned()]
    );
    assert_eq!(found.path.as_str(), "/b/c%20d/e%C3%A9/");
    assert_eq!(generic.entry(found.route_id).unwrap().label(), "generic");
    assert_eq!(action(get(&generic, "/a")).as_deref(), Ok("A"));
    for path in ["/b%2Fc", "/b;c", "/b/..;/c", "/..", "//b"] {
        assert!(
            matches!(get(&generic, path), Err(Refused::Path(_))),
            "{path}"
        );
    }
    // Policy compares actions without case, so only methods in capitals have one.
    for method in ["get", "G*T", "GET?", "Get"] {
        assert_eq!(
            action(ask(&generic, method, "/b")),
            Err(Refused::NoRoute),
            "{method}"
        );
    }
    let found = generic
        .resolve(&Asked {
            method: "BREW",
            host: Some("A.X.Test:81"),
            path: "/",
            query: None,
            headers: &NO_HEADERS,
            grpc: false,
        })
        .unwrap();
    assert_eq!(found.action, "http:BREW");
    assert_eq!(
        *found.resources,
        ["arn:aws:http::555566667777:a.x.test/".to_owned()]
    );
}

/// A slow reading of the rules: every route that matches, the best by comparing segment by segment.
fn naive<'p>(patterns: &'p [String], path: &str) -> Option<&'p str> {
    let rank = |pattern: &str| -> Option<Vec<u8>> {
        let mut ranks = Vec::new();
        let mut given = path.split('/').skip(1);
        for segment in pattern.split('/').skip(1) {
            let next = given.next()?;
            match segment {
                "{r..}" if next.is_empty() => return None,
                "{r..}" => {
                    ranks.push(2);
                    return Some(ranks);
                }
                _ if segment.starts_with('{') && next.is_empty() => return None,
                _ if segment.starts_with('{') => ranks.push(1),
                _ if segment == next => ranks.push(0),
                _ => return None,
            }
        }
        given.next().is_none().then_some(ranks)
    };
    patterns
        .iter()
        .filter_map(|pattern| Some((rank(pattern)?, pattern)))
        .min()
        .map(|(_, pattern)| pattern.as_str())
}

proptest! {
    #[test]
    fn the_tree_agrees_with_the_rules(
        shapes in prop::collection::vec(
            prop::collection::vec(prop::sample::select(vec!["a", "b", "{}", "{r..}", ""]), 1..5), 1..12),
        asked in prop::collection::vec(
            prop::collection::vec(prop::sample::select(vec!["a", "b", "c", ""]), 1..6), 1..20),
    ) {
        let mut patterns = Vec::new();
        for shape in &shapes {
            let mut pattern = String::new();
            for (at, segment) in shape.iter().enumerate() {
                match *segment {
                    "{}" => write!(pattern, "/{{p{at}}}").unwrap(),
                    other => write!(pattern, "/{other}").unwrap(),
                }
                if *segment == "{r..}" {
                    break;
                }
            }
            if !pattern.contains("//") && !patterns.contains(&pattern) {
                patterns.push(pattern);
            }
        }
        prop_assume!(!patterns.is_empty());
        let entries = patterns.iter().map(|pattern| route(&format!("GET {pattern}"), "A"));
        let table = table("", &entries.collect::<String>());
        for segments in &asked {
            let path = format!("/{}", segments.join("/"));
            if CanonicalPath::new(&path).is_err() {
                continue;
            }
            let found = get(&table, &path).ok().and_then(|found| found.route);
            let label = found.map(|route| route.label().trim_start_matches("GET "));
            prop_assert_eq!(label, naive(&patterns, &path), "{} in {:?}", path, patterns);
        }
    }

    #[test]
    fn resolving_is_total(
        method in ".{0,8}",
        host in proptest::option::of(".{0,20}"),
        path in "/?.{0,60}",
        query in proptest::option::of(".{0,40}"),
    ) {
        let text = "  - { match: 'ANY /{r..}', action: 'orders:A', resource: 'arn:aws:orders:::{r}', \
            allow: [encoded_slash, params], context: { 'orders:a': '{query:a}{header:x-a}' } }";
        let table = table("", text);
        let found = table.resolve(&Asked {
            method: &method,
            host: host.as_deref(),
            path: &path,
            query: query.as_deref(),
            headers: &NO_HEADERS,
            grpc: false,
        });
        if let Ok(found) = found {
            prop_assert_eq!(found.resources.len(), 1);
        }
    }
}
