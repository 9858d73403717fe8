//! Upstreams and clients that fail, and how that ends.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::support::*;
use crate::clock::monotonic;
use crate::net::{Limits, tls};
use crate::outcome::Reason;
use crate::proxy::upstream::Settings;

const GET: &str = "GET / HTTP/1.1\nHost: a\n";

fn quick(url: &str) -> Settings {
    Settings {
        response_timeout: Duration::from_millis(400),
        connect_timeout: Duration::from_millis(400),
        ..Settings::new("app", url)
    }
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("")
}

#[test]
fn an_upstream_that_is_not_there_is_502_at_once_and_served_when_it_is_back() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let proxy = proxy_to(&format!("http://{address}"));
    let began = monotonic();
    let answer = ask(proxy.address, GET);
    assert_eq!(status(&answer), "502", "{answer}");
    assert!(answer.contains("UpstreamUnavailable"));
    assert!(began.elapsed() < Duration::from_millis(500));

    let listener = TcpListener::bind(address).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1000]);
        let _ = stream.write_all(OK);
    });
    assert_eq!(status(&ask(proxy.address, GET)), "200");
}

#[test]
fn an_upstream_that_does_not_answer_is_504() {
    let (url, upstream) = silent_upstream();
    let proxy = proxy(quick(&url), |_| {}, Limits::default());
    let began = monotonic();
    let post = "POST / HTTP/1.1\nHost: a\nContent-Length: 0\n";
    assert_eq!(status(&ask(proxy.address, post)), "504");
    let took = began.elapsed();
    assert!(
        took >= Duration::from_millis(390) && took < Duration::from_secs(3),
        "{took:?}"
    );
    assert_eq!(received(&upstream).matches("POST").count(), 1);
    let all = outcomes(&proxy, 1);
    assert_eq!((all[0].0, all[0].1), (Reason::UpstreamTimeout, Some(504)));
}

#[test]
fn the_time_for_an_answer_runs_from_the_last_byte_of_a_body_and_once() {
    let (url, _) = silent_upstream();
    let limit = Duration::from_secs(2);
    let settings = Settings {
        response_timeout: limit,
        ..quick(&url)
    };
    let proxy = proxy(settings, |_| {}, Limits::default());
    let began = monotonic();
    let put = b"PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(status(&until_closed(proxy.address, put)), "504");
    let took = began.elapsed();
    assert!(took >= limit * 9 / 10 && took < limit * 9 / 5, "{took:?}");
}

#[test]
fn an_answer_that_can_be_read_in_two_ways_is_502_whoever_reads_it() {
    for lines in [
        "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "Transfer-Encoding: gzip\r\n\r\nok",
        "Content-Length: 2, 2\r\n\r\nok",
    ] {
        let (url, _) = raw_upstream(move |stream, _| {
            let _ = write!(stream, "HTTP/1.1 200 OK\r\n{lines}");
        });
        let proxy = proxy_to(&url);
        assert_eq!(status(&ask(proxy.address, GET)), "502", "{lines:?}");
        let by_hyper = format!("{GET}Connection: TE\nTE: trailers\n");
        assert_eq!(status(&ask(proxy.address, &by_hyper)), "502", "{lines:?}");
    }
}

#[test]
fn an_upstream_that_breaks_off_is_502_and_gets_a_post_once() {
    for answer in [
        "",
        "garbage\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    ] {
        let (url, upstream) = raw_upstream(move |stream, _| {
            let _ = stream.write_all(answer.as_bytes());
        });
        let proxy = proxy_to(&url);
        let post = "POST / HTTP/1.1\nHost: a\nContent-Length: 0\n";
        assert_eq!(status(&ask(proxy.address, post)), "502", "{answer:?}");
        let all = upstream.lock().unwrap();
        assert_eq!(all.len(), 1, "{answer:?}");
    }
}

#[test]
fn an_answer_that_breaks_off_never_looks_complete() {
    for (answer, framing) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
            "content-length: 9",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "chunked",
        ),
    ] {
        // Its end comes with it, or later.
        for later in [0, 200] {
            let (url, _) = raw_upstream(move |stream, _| {
                let _ = stream.write_all(answer.as_bytes());
                thread::sleep(Duration::from_millis(later));
            });
            let proxy = proxy_to(&url);
            let got = ask(proxy.address, GET);
            assert!(
                got.starts_with("HTTP/1.1 200") && got.contains(framing) && got.contains("abc"),
                "{later} {got}"
            );
            assert!(!got.ends_with("0\r\n\r\n"), "{got}");
        }
    }
}

/// The upstream closes its idle connection; the next request goes out on a new one.
#[test]
fn a_pooled_connection_that_died_is_not_noticed_by_clients() {
    let (url, upstream) = raw_upstream(|stream, _| {
        let _ = stream.write_all(OK);
    });
    let proxy = proxy_to(&url);
    for count in 1..=5 {
        let post = "POST / HTTP/1.1\nHost: a\nContent-Length: 0\n";
        assert_eq!(status(&ask(proxy.address, post)), "200");
        assert_eq!(upstream.lock().unwrap().len(), count);
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_body_that_stops_coming_is_408() {
    let (url, upstream) = silent_upstream();
    let proxy = proxy(
        Settings::new("app", &url),
        |settings| settings.body_idle = Duration::from_millis(300),
        Limits::default(),
    );
    let began = monotonic();
    let answer = until_closed(
        proxy.address,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc",
    );
    assert_eq!(status(&answer), "408", "{answer}");
    assert!(answer.contains("connection: close"));
    assert!(began.elapsed() < Duration::from_secs(3));
    assert!(received(&upstream).ends_with("abc"));
}

/// A slow but steady body is waited for, however long the upstream's own time is.
#[test]
fn a_slow_body_is_not_the_upstreams_fault() {
    let (url, _) = raw_upstream(|stream, keep| {
        let mut body = [0; 10];
        stream.read_exact(&mut body).unwrap();
        keep(&body);
        let _ = stream.write_all(OK);
    });
    let proxy = proxy(quick(&url), |_| {}, Limits::default());
    let mut client = connect(proxy.address);
    client
        .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
        .unwrap();
    for _ in 0..10 {
        thread::sleep(Duration::from_millis(100));
        client.write_all(b"x").unwrap();
    }
    let mut answer = [0; 12];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

#[test]
fn a_client_that_leaves_takes_its_request_along() {
    let (url, upstream) = raw_upstream(|stream, keep| {
        // Ends when the proxy closes the connection.
        keep_rest(stream, keep);
        keep(b"closed");
    });
    let proxy = proxy_to(&url);
    let mut client = connect(proxy.address);
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    assert!(received(&upstream).starts_with("GET /"));
    drop(client);
    for _ in 0..200 {
        if received(&upstream).ends_with("closed") {
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    assert!(received(&upstream).ends_with("closed"));
    assert_eq!(outcomes(&proxy, 1)[0].1, None);
}

#[test]
fn a_client_that_takes_nothing_is_cut() {
    let (url, _) = raw_upstream(|stream, _| {
        let piece = vec![b'x'; 64 * 1024];
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        while stream.write_all(&piece).is_ok() {}
    });
    let limits = Limits {
        write_stall: Duration::from_millis(500),
        ..Limits::default()
    };
    let proxy = proxy(Settings::new("app", &url), |_| {}, limits);
    let mut client = connect(proxy.address);
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    thread::sleep(Duration::from_secs(2));
    let mut length = 0_usize;
    let mut buffer = vec![0; 1 << 20];
    while let Ok(count @ 1..) = client.read(&mut buffer) {
        length = length.saturating_add(count);
    }
    assert!(length > 0 && length < 100_000_000, "{length}");
}

#[test]
fn unix_sockets_lead_to_upstreams_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1000]);
        let _ = stream.write_all(OK);
    });
    let proxy = proxy_to(&format!("unix:{}", path.display()));
    assert_eq!(status(&ask(proxy.address, GET)), "200");
}

struct Certificate {
    folder: tempfile::TempDir,
    files: tls::ServerFiles,
}

fn certificate() -> Certificate {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = tls::ServerFiles {
        certificate: folder.path().join("cert.pem"),
        key: folder.path().join("key.pem"),
        clients: None,
    };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    Certificate { folder, files }
}

/// One proxy with TLS behind another that speaks TLS to it, in both versions of HTTP.
#[test]
fn tls_on_both_sides() {
    let server = certificate();
    for (http2, via) in [(false, "via: 1.1"), (true, "via: 2.0")] {
        let (url, upstream) = plain_upstream();
        let inner = proxy_with(
            Settings::new("app", &url),
            |_| {},
            Limits::default(),
            Some(tls::Server::load(server.files.clone()).unwrap()),
        );
        let inner_url = format!("https://localhost:{}", inner.address.port());
        let through = Settings {
            http2,
            ca_file: Some(server.files.certificate.clone()),
            ..Settings::new("app", &inner_url)
        };
        let outer = proxy(through, |_| {}, Limits::default());
        let answer = ask(outer.address, GET);
        assert_eq!(status(&answer), "200", "http2 {http2}: {answer}");
        let got = received(&upstream);
        assert!(got.contains("via: 1.1 sidegate\r\n"), "{got}");
        assert!(got.contains(&format!("{via} sidegate\r\nx-")), "{got}");
        assert!(got.contains("x-forwarded-proto: https"), "{got}");
        // Bodies, too, longer than a record of TLS.
        let body = "x".repeat(300_000);
        let put = format!(
            "PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 300000\r\n\r\n{body}"
        );
        let (url, bodies) = raw_upstream(|stream, keep| {
            let mut body = vec![0; 300_000];
            stream.read_exact(&mut body).unwrap();
            keep(&body);
            let _ = stream.write_all(OK);
        });
        let inner = proxy_with(
            Settings::new("app", &url),
            |_| {},
            Limits::default(),
            Some(tls::Server::load(server.files.clone()).unwrap()),
        );
        let through = Settings {
            http2,
            ca_file: Some(server.files.certificate.clone()),
            ..Settings::new(
                "app",
                &format!("https://localhost:{}", inner.address.port()),
            )
        };
        let outer = proxy(through, |_| {}, Limits::default());
        assert_eq!(status(&until_closed(outer.address, put.as_bytes())), "200");
        assert!(received(&bodies).ends_with(&body));
        // A certificate that nobody vouches for is not accepted.
        let outer = proxy(Settings::new("app", &inner_url), |_| {}, Limits::default());
        assert_eq!(status(&ask(outer.address, GET)), "502");
    }
}

#[test]
fn certificates_are_read_again_and_broken_files_change_nothing() {
    let (url, _) = plain_upstream();
    let first = certificate();
    let server = tls::Server::load(first.files.clone()).unwrap();
    let proxy = proxy_with(
        Settings::new("app", &url),
        |_| {},
        Limits::default(),
        Some(server.clone()),
    );
    let offers = |expected: &Certificate| {
        let mut roots = rustls::RootCertStore::empty();
        let pem = std::fs::read(expected.folder.path().join("cert.pem")).unwrap();
        let trusted = <rustls::pki_types::CertificateDer<'_> as rustls::pki_types::pem::PemObject>::from_pem_slice(&pem).unwrap();
        roots.add(trusted).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = "localhost".try_into().unwrap();
        let mut tls = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        let mut socket = connect(proxy.address);
        tls.complete_io(&mut socket).is_ok()
    };
    assert!(offers(&first));
    std::fs::write(&first.files.key, "half a k").unwrap();
    assert!(server.reload().is_err());
    assert!(offers(&first));
    let second = certificate();
    std::fs::copy(&second.files.key, &first.files.key).unwrap();
    assert!(server.reload().is_err(), "a key that does not fit");
    assert!(offers(&first));
    std::fs::copy(&second.files.certificate, &first.files.certificate).unwrap();
    server.reload().unwrap();
    assert!(offers(&second));
}
