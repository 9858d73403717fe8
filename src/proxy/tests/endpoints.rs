//! Several endpoints of one upstream, some of which fail.

use std::io::Write;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};

use super::support::*;
use crate::net::Limits;
use crate::proxy::upstream::Settings;

fn several(urls: &[String]) -> Settings {
    let mut settings = Settings::new("app", &urls[0]);
    settings.urls = urls.to_vec();
    settings
}

/// An address at which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// Says `ok` to one request on each connection, and closes it.
fn ok_upstream() -> (String, Received) {
    raw_upstream(|stream, _| {
        let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
        let _ = stream.write_all(answer);
    })
}

/// Closes every connection once it has a request.
fn breaking_upstream() -> (String, Received) {
    raw_upstream(|_, _| {})
}

fn count(received: &Received) -> usize {
    received.lock().unwrap().len()
}

#[test]
fn requests_are_spread_and_a_dead_endpoint_costs_none() {
    let (one, first) = ok_upstream();
    let (two, second) = ok_upstream();
    let settings = several(&[one, nobody(), two]);
    let proxy = proxy(settings, |_| {}, Limits::default());
    for _ in 0..30 {
        // A body: what was not sent yet may go elsewhere whatever it is.
        let answer = ask(
            proxy.address,
            "POST /a HTTP/1.1\nHost: a\nContent-Length: 0\n",
        );
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert!(count(&first) > 0 && count(&second) > 0);
}

#[test]
fn what_was_sent_is_sent_again_only_if_asked_for_and_idempotent() {
    for (retries, method, good) in [
        (0, "GET", false),
        (1, "GET", true),
        (1, "POST", false),
        (1, "DELETE", true),
    ] {
        let (broken, seen) = breaking_upstream();
        let (sound, _) = ok_upstream();
        let mut settings = several(&[broken, sound]);
        settings.retries = retries;
        let proxy = proxy(settings, |_| {}, Limits::default());
        // The broken one comes first.
        let answer = ask(proxy.address, &format!("{method} /a HTTP/1.1\nHost: a\n"));
        let expected = if good { "200" } else { "502" };
        assert_eq!(answer.get(9..12), Some(expected), "{method}: {answer}");
        assert_eq!(count(&seen), 1, "{method}");
    }
}

#[test]
fn an_endpoint_that_breaks_off_is_put_out() {
    let (broken, seen) = breaking_upstream();
    let (sound, served) = ok_upstream();
    let proxy = proxy(several(&[broken, sound]), |_| {}, Limits::default());
    let failed = (0..20)
        .map(|_| ask(proxy.address, "GET /a HTTP/1.1\nHost: a\n"))
        .filter(|answer| answer.starts_with("HTTP/1.1 502"))
        .count();
    // Three in a row; on a slow machine it may have been let in again, a time or two.
    assert!((1..=6).contains(&failed), "{failed}");
    assert_eq!(count(&seen), failed);
    assert!(count(&served) > 0);
}

#[test]
fn a_name_is_resolved_and_every_address_is_an_endpoint() {
    let (url, upstream) = ok_upstream();
    // Where ::1 is an address of localhost too, nobody listens there.
    let named = url.replace("127.0.0.1", "localhost");
    let proxy = proxy_to(&named);
    for _ in 0..5 {
        let answer = ask(proxy.address, "GET /a HTTP/1.1\nHost: a\n");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert!(count(&upstream) > 0);
    let proxy = proxy_to("http://name.invalid:1");
    let answer = ask(proxy.address, "GET /a HTTP/1.1\nHost: a\n");
    let status = answer.get(9..12);
    // A resolver that does not answer in time is a time-out.
    assert!(matches!(status, Some("502" | "504")), "{answer}");
}

#[test]
fn a_name_without_addresses_leaves_the_others() {
    let (url, upstream) = ok_upstream();
    let named = url.replace("127.0.0.1", "localhost");
    let missing = "http://name.invalid:1".to_owned();
    for urls in [[missing.clone(), named.clone()], [named, missing]] {
        let proxy = proxy(several(&urls), |_| {}, Limits::default());
        for _ in 0..5 {
            let answer = ask(proxy.address, "GET /a HTTP/1.1\nHost: a\n");
            assert!(answer.starts_with("HTTP/1.1 200"), "{urls:?}: {answer}");
        }
    }
    assert_eq!(count(&upstream), 10);
}

#[test]
fn what_is_sent_again_goes_to_another_endpoint() {
    let (broken, seen) = breaking_upstream();
    let first = AtomicBool::new(true);
    let (sound, served) = raw_upstream(move |stream, keep| {
        // The first keeps its place: the broken one is the less busy of both.
        if first.swap(false, Ordering::Relaxed) {
            keep_rest(stream, keep);
        }
        let _ = stream.write_all(OK);
        let _ = stream.shutdown(std::net::Shutdown::Both);
    });
    let mut settings = several(&[sound, broken]);
    settings.retries = 1;
    let proxy = proxy(settings, |_| {}, Limits::default());
    let mut held = connect(proxy.address);
    held.write_all(b"GET /held HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    while count(&served) == 0 && count(&seen) == 0 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let answer = ask(proxy.address, "GET /a HTTP/1.1\nHost: a\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(count(&seen), 1);
}
