//! Rate limits, limits to requests under way, and whose address counts: the PROXY protocol.

use std::io::Read;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::support::{Answer, Client, Sidegate, Site, Upstream, eventually, get, request};

/// A site whose configuration has more in it, and something replaced.
fn site(upstream: &Upstream, more: &str, replace: (&str, &str)) -> Site {
    let site = Site::with_bundle(upstream, "a");
    let text = std::fs::read_to_string(site.path("sidegate.yaml")).unwrap();
    assert!(text.contains(replace.0), "{text}");
    let text = text.replace(replace.0, replace.1);
    site.write("sidegate.yaml", &format!("{text}{more}\n"));
    site
}

fn ask(sidegate: &Sidegate, target: &str) -> Answer {
    request(sidegate.ingress, "GET", "app.test", target, &[])
}

fn assert_throttled(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.head);
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body["code"], "Throttled");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
}

#[test]
fn an_address_that_asks_too_often_is_told_when_to_come_back() {
    let upstream = Upstream::start();
    let site = site(
        &upstream,
        "rate_limits: { address: 3/1m }",
        ("mode: proxy", "mode: proxy"),
    );
    let sidegate = Sidegate::start(&site);
    for _ in 0..3 {
        assert_eq!(ask(&sidegate, "/a").status, 200);
    }
    assert_throttled(&ask(&sidegate, "/./a?t=1"), 429);
    let record = eventually("its record", || site.audit().into_iter().nth(3));
    assert_eq!(record["additionalEventData"]["reason"], "throttled");
    assert_eq!(record["path"], "/a");
    assert_eq!(record["status"], 429);
    // The health listener has no limit.
    assert_eq!(get(sidegate.health, "/livez").status, 200);
}

#[test]
fn a_route_is_used_up_by_what_is_allowed_alone() {
    let upstream = Upstream::start();
    let site = site(
        &upstream,
        "rate_limits: { route: 2/1m }",
        ("mode: proxy", "mode: proxy"),
    );
    let sidegate = Sidegate::start(&site);
    for _ in 0..3 {
        assert_eq!(ask(&sidegate, "/b").status, 401);
    }
    for _ in 0..2 {
        assert_eq!(ask(&sidegate, "/a").status, 200);
    }
    assert_throttled(&ask(&sidegate, "/a"), 429);
}

/// One more than may be under way is refused within a second, whatever the others wait for.
#[test]
fn too_many_at_once_are_refused_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = Upstream {
        address: listener.local_addr().unwrap(),
    };
    std::thread::spawn(move || {
        // Takes requests and answers none.
        let mut kept = Vec::new();
        for stream in listener.incoming().map_while(Result::ok) {
            kept.push(stream);
        }
    });
    for (more, replace) in [
        ("limits: { requests: 2 }", ("app: {", "app: {")),
        ("", ("app: {", "app: { max_requests: 2,")),
    ] {
        let site = site(&upstream, more, replace);
        let sidegate = Sidegate::start(&site);
        let mut waiting: Vec<_> = (0..2).map(|_| Client::connect(sidegate.ingress)).collect();
        for client in &mut waiting {
            client.send(b"GET /a HTTP/1.1\r\nHost: app.test\r\n\r\n");
        }
        eventually("both under way", || (site.audit().len() == 2).then_some(()));
        let began = Instant::now();
        assert_throttled(&ask(&sidegate, "/a"), 503);
        assert!(began.elapsed() < Duration::from_secs(5));
        // Who goes away makes room, and whoever comes then is not refused.
        drop(waiting);
        let mut client = Client::connect(sidegate.ingress);
        eventually("room", || {
            client = Client::connect(sidegate.ingress);
            client.send(b"GET /a HTTP/1.1\r\nHost: app.test\r\n\r\n");
            client.quiet(Duration::from_millis(300)).then_some(())
        });
    }
}

#[test]
fn a_listed_peer_says_whose_connection_it_passes_on() {
    let upstream = Upstream::start();
    let site = site(
        &upstream,
        "",
        ("mode: proxy", "mode: proxy, proxy_protocol: [127.0.0.0/8]"),
    );
    let sidegate = Sidegate::start(&site);
    let get = "GET /a HTTP/1.1\r\nHost: app.test\r\n\r\n";
    let mut client = Client::connect(sidegate.ingress);
    client.send(format!("PROXY TCP4 192.0.2.7 10.0.0.1 1234 80\r\n{get}").as_bytes());
    assert_eq!(client.answer(false).unwrap().status, 200);
    // Only once, at the beginning.
    client.send(format!("PROXY TCP4 192.0.2.8 10.0.0.1 1234 80\r\n{get}").as_bytes());
    assert_eq!(client.answer(false).unwrap().status, 400);
    // Without it, nothing.
    let mut client = Client::connect(sidegate.ingress);
    client.send(get.as_bytes());
    assert_eq!(client.answer(false).unwrap().status, 400);
    let records = eventually("the records", || {
        Some(site.audit()).filter(|records| records.len() == 3)
    });
    assert_eq!(records[0]["sourceIPAddress"], "192.0.2.7");
    assert_eq!(records[2]["sourceIPAddress"], "127.0.0.1");
}

#[test]
fn whoever_is_not_listed_is_not_believed() {
    let upstream = Upstream::start();
    let site = site(
        &upstream,
        "",
        ("mode: proxy", "mode: proxy, proxy_protocol: [10.0.0.0/8]"),
    );
    let sidegate = Sidegate::start(&site);
    let v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\x04\xd2\0\x50";
    for header in [&b"PROXY TCP4 192.0.2.7 10.0.0.1 1234 80\r\n"[..], &v2[..]] {
        let mut client = Client::connect(sidegate.ingress);
        client.send(header);
        client.send(b"GET /a HTTP/1.1\r\nHost: app.test\r\n\r\n");
        assert_eq!(client.answer(false).unwrap().status, 400);
    }
    assert_eq!(ask(&sidegate, "/a").status, 200);
}

impl Client {
    /// Whether nothing comes for that long.
    fn quiet(&mut self, time: Duration) -> bool {
        let stream = self.stream();
        stream.set_read_timeout(Some(time)).unwrap();
        let mut byte = [0];
        matches!(
            stream.read(&mut byte),
            Err(error) if matches!(
                error.kind(),
                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
            )
        )
    }
}
