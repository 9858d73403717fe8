//! Listeners on a Unix socket: the same answers as over TCP.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use crate::support::{Client, PATIENCE, Sidegate, Site, Upstream, eventually};

#[test]
fn a_unix_socket_serves_and_refuses_as_tcp_does() {
    let upstream = Upstream::start();
    let site = Site::with_bundle(&upstream, "a");
    let path = site.path("ingress.sock");
    let text = std::fs::read_to_string(site.path("sidegate.yaml")).unwrap();
    let local = format!(
        "listeners: [ {{ name: local, address: \"unix:{}\", mode: proxy }}, {{ name: ingress,",
        path.display()
    );
    let text = text.replace("listeners: [ { name: ingress,", &local);
    site.write(
        "sidegate.yaml",
        &format!("{text}limits: {{ head_timeout: 500ms }}\n"),
    );
    let sidegate = Sidegate::start(&site);
    let connect = || {
        let stream = UnixStream::connect(&path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client::over(stream)
    };

    let mut kept = connect();
    for (target, headers, status) in [
        ("/a", &[][..], 200),
        ("/b", &[], 401),
        ("/no/route", &[], 404),
        ("/a", &[("Authorization", "Bearer x")], 401),
        ("/a", &[("Authorization", "Basic x")], 401),
        ("/a//b", &[], 400),
    ] {
        // What cannot be read in one way only ends the connection.
        let answer = kept.request("GET", "app.test", target, headers);
        assert_eq!(answer.status, status, "{target} {headers:?}");
    }
    for (bytes, status) in [
        (
            "GET /a HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n".to_owned(),
            400,
        ),
        (
            format!(
                "GET /a HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n",
                "v".repeat(70_000)
            ),
            431,
        ),
        ("GET /a HTTP/1.1\r\nHost:".to_owned(), 408),
    ] {
        let mut client = connect();
        client.send(bytes.as_bytes());
        let answer = client.answer(false).unwrap();
        assert_eq!(answer.status, status);
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let id = body["requestId"].as_str().unwrap();
        let record = eventually("its record", || {
            let all = site.audit();
            all.into_iter().find(|record| record["requestID"] == id)
        });
        assert_eq!(record["status"], status);
    }
    let mut http2 = UnixStream::connect(&path).unwrap();
    http2.set_read_timeout(Some(PATIENCE)).unwrap();
    http2
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .unwrap();
    // SETTINGS, at once.
    let mut head = [0; 9];
    http2.read_exact(&mut head).unwrap();
    assert_eq!(head[3], 4);
    assert!(sidegate.metric("sidegate_connections{listener=\"local\"}") >= Some(1.0));
}
