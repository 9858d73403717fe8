//! Calls and requests, signed as SDKs sign them.

use std::net::SocketAddr;

use sidegate::cli::demo::signer::{self, Credentials, Signed};
use sidegate::clock::Timestamp;

use crate::support::{Answer, Client, request};

/// A call to the STS or IAM: a form, signed for a service and a region.
pub(crate) fn call(
    sts: SocketAddr,
    credentials: &Credentials<'_>,
    (service, region): (&str, &str),
    body: &str,
    now: Timestamp,
) -> Answer {
    let host = sts.to_string();
    let signed = Signed {
        method: "POST",
        path: "/",
        host: &host,
        service,
        region,
        body,
    };
    post(sts, &signer::sign(&signed, credentials, now), body)
}

/// A form with these headers.
pub(crate) fn post(sts: SocketAddr, headers: &[(String, String)], body: &str) -> Answer {
    let mut text = "POST / HTTP/1.1\r\n".to_owned();
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!(
        "content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ));
    let mut client = Client::connect(sts);
    client.send(text.as_bytes());
    client.answer(false).unwrap()
}

/// `GET /a` of the service app, through the proxy.
pub(crate) fn get(proxy: SocketAddr, credentials: &Credentials<'_>, now: Timestamp) -> Answer {
    let signed = Signed {
        method: "GET",
        path: "/a",
        host: "app.test",
        service: "app",
        region: "us-east-1",
        body: "",
    };
    let headers = signer::sign(&signed, credentials, now);
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .filter(|(name, _)| name != "host")
        .map(|(name, value)| (&**name, &**value))
        .collect();
    request(proxy, "GET", "app.test", "/a", &headers)
}
