mod chunks;
mod readings;

use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// A request as it stands in a file or on the wire.
#[derive(Debug, Clone)]
struct Text {
    method: String,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Text {
    fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
        // A folded line belongs to the one before.
        let head = head.replace("\n ", " ");
        let mut lines = head.lines();
        let (method, rest) = lines.next().unwrap().split_once(' ').unwrap();
        let target = rest.strip_suffix(" HTTP/1.1").unwrap_or(rest);
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(':').unwrap();
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value.trim()).unwrap(),
            );
        }
        Self {
            method: method.into(),
            path: path.into(),
            query,
            headers,
            body: body.trim_end_matches('\n').into(),
        }
    }

    fn raw(&self) -> Raw<'_> {
        Raw {
            method: &self.method,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &self.headers,
            authority: None,
        }
    }

    fn verify(&self, expected: &Expected<'_>) -> Result<Proven, SignatureError> {
        self.verify_by(SECRET, expected)
    }

    fn verify_by(&self, secret: &str, expected: &Expected<'_>) -> Result<Proven, SignatureError> {
        let found = find(&self.raw())?.ok_or(SignatureError::Malformed("none"))?;
        let secret = Secret::new(secret.into());
        let body = sha256(&self.body);
        let keys = SigningKeys::new();
        let proven = found.verify(&self.raw(), expected, &secret, &keys, Some(&body))?;
        // The caller's part: what the signature says of the body.
        match proven.body {
            Body::Hash(hash) if hash != body => Err(SignatureError::Mismatch),
            Body::Hash(_) | Body::Anything | Body::Chunks(_) => Ok(proven),
        }
    }
}

fn at(stamp: &str) -> Timestamp {
    let stamp: jiff::Timestamp = stamp.parse().unwrap();
    Timestamp::from_seconds(stamp.as_second())
}

fn expected() -> Expected<'static> {
    Expected {
        region: "us-east-1",
        service: "service",
        style: PathStyle::Normalized,
        unsigned_payload: false,
        now: at("2015-08-30T12:36:00Z"),
    }
}

#[test]
fn the_public_test_suite() {
    let corpus = include_str!("../../../tests/vectors/sigv4.json");
    let corpus: serde_json::Value = serde_json::from_str(corpus).unwrap();
    let cases = corpus["cases"].as_array().unwrap();
    let mut verified = 0;
    for case in cases {
        let name = case["name"].as_str().unwrap();
        for form in ["header_signed_request", "query_signed_request"] {
            let Some(text) = case[form].as_str() else {
                continue;
            };
            let mut request = Text::read(text);
            let unproven = find(&request.raw()).unwrap().unwrap();
            let expected = Expected {
                region: unproven.scope.region(),
                service: unproven.scope.service(),
                style: match case["context"]["normalize"].as_bool() {
                    Some(false) => PathStyle::Encoded,
                    _ => PathStyle::Normalized,
                },
                now: unproven.time,
                ..expected()
            };
            // Added behind the signer's back: the suite takes it, Sidegate does not.
            if name == "post-sts-header-after" {
                assert!(request.verify(&expected).is_err());
                request.headers.remove("x-amz-security-token");
                let query = request.query.take();
                request.query = query.map(|query| {
                    let pairs = query.split('&');
                    let kept = pairs.filter(|pair| !pair.starts_with("X-Amz-Security-Token="));
                    kept.collect::<Vec<_>>().join("&")
                });
            }
            let secret = if unproven.access_key() == "ANOTREAL" {
                "notrealrnrELgWzOk3IfjzDKtFBhDby"
            } else {
                SECRET
            };
            let proven = request.verify_by(secret, &expected);
            assert!(proven.is_ok(), "{name} {form}: {proven:?}");
            // And the same with another secret, method, path or body is refused.
            let refused = request.verify_by("another", &expected).err();
            assert_eq!(refused, Some(SignatureError::Mismatch), "{name} {form}");
            let mut other = request.clone();
            other.method = "PUT".into();
            assert!(other.verify(&expected).is_err(), "{name} {form}");
            let mut other = request.clone();
            other.path.push('x');
            assert!(other.verify(&expected).is_err(), "{name} {form}");
            let mut other = request;
            other.body.push(b'x');
            assert!(other.verify(&expected).is_err(), "{name} {form}");
            verified += 1;
        }
    }
    assert_eq!((cases.len(), verified), (40, 78));
}

const SIGNED: &str = "GET / HTTP/1.1
Host:example.amazonaws.com
X-Amz-Date:20150830T123600Z
Authorization:AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31
";

const PRESIGNED: &str = "GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fservice%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-SignedHeaders=host&X-Amz-Expires=3600&X-Amz-Signature=e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d HTTP/1.1
Host:example.amazonaws.com
";

#[test]
fn scope_and_time() {
    let signed = Text::read(SIGNED);
    let presigned = Text::read(PRESIGNED);
    for request in [&signed, &presigned] {
        assert!(request.verify(&expected()).is_ok());
        for wrong in [
            Expected {
                region: "us-east-2",
                ..expected()
            },
            Expected {
                service: "orders",
                ..expected()
            },
        ] {
            let refused = request.verify(&wrong).unwrap_err();
            assert!(matches!(refused, SignatureError::Scope(_)));
        }
    }
    let expected_at = |stamp: &str| Expected {
        now: at(stamp),
        ..expected()
    };
    for (stamp, header, query) in [
        ("2015-08-30T12:31:00Z", None, None),
        (
            "2015-08-30T12:30:59Z",
            Some(SignatureError::Skew),
            Some(SignatureError::Skew),
        ),
        ("2015-08-30T12:41:00Z", None, None),
        ("2015-08-30T12:41:01Z", Some(SignatureError::Skew), None),
        ("2015-08-30T13:36:00Z", Some(SignatureError::Skew), None),
        (
            "2015-08-30T13:36:01Z",
            Some(SignatureError::Skew),
            Some(SignatureError::Expired),
        ),
    ] {
        assert_eq!(signed.verify(&expected_at(stamp)).err(), header, "{stamp}");
        assert_eq!(
            presigned.verify(&expected_at(stamp)).err(),
            query,
            "{stamp}"
        );
    }
}

#[test]
fn what_must_be_signed() {
    for header in ["x-amz-target", "x-amz-security-token", "x-amz-anything"] {
        for text in [SIGNED, PRESIGNED] {
            let mut request = Text::read(text);
            let name = HeaderName::from_static(header);
            request.headers.insert(name, HeaderValue::from_static("x"));
            let refused = request.verify(&expected()).unwrap_err();
            assert!(matches!(refused, SignatureError::Uncovered(_)), "{header}");
        }
    }
    let mut unsigned_host = Text::read(&SIGNED.replace("host;x-amz-date", "x-amz-date"));
    let refused = unsigned_host.verify(&expected()).unwrap_err();
    assert!(matches!(refused, SignatureError::Uncovered(_)));
    unsigned_host.headers.remove("host");
    let mut no_host = Text::read(SIGNED);
    let host = no_host.headers.remove("host").unwrap();
    assert!(no_host.verify(&expected()).is_err());
    // HTTP/2 has it as `:authority`.
    let raw = Raw {
        authority: host.to_str().ok(),
        ..no_host.raw()
    };
    let found = find(&raw).unwrap().unwrap();
    let secret = Secret::new(SECRET.into());
    let keys = SigningKeys::new();
    let empty = sha256(b"");
    for _ in 0..2 {
        let proven = found.verify(&raw, &expected(), &secret, &keys, Some(&empty));
        assert!(proven.is_ok(), "derived, then remembered");
    }
    assert_eq!(
        found.verify(&raw, &expected(), &secret, &keys, None).err(),
        Some(SignatureError::BodyNeeded)
    );
}

#[test]
fn unreadable_signatures() {
    for (from, to) in [
        ("Credential=AKIDEXAMPLE/20150830", "Credential=AKIDEXAMPLE"),
        ("aws4_request", "aws4_reques"),
        ("Signature=5f", "Signature=5F"),
        ("Signature=5f", "Signature="),
        ("Signature=5f", "Signature=5f5f"),
        ("Signature=", "signature="),
        (", Signature=", ", Signature=00, Signature="),
        (
            "SignedHeaders=host;x-amz-date",
            "SignedHeaders=x-amz-date;host",
        ),
        (
            "SignedHeaders=host;x-amz-date",
            "SignedHeaders=host;host;x-amz-date",
        ),
        (
            "SignedHeaders=host;x-amz-date",
            "SignedHeaders=Host;x-amz-date",
        ),
        ("SignedHeaders=host;x-amz-date", "SignedHeaders="),
        ("SignedHeaders=host;x-amz-date, ", ""),
        ("X-Amz-Date:20150830T123600Z\n", ""),
        (
            "X-Amz-Date:20150830T123600Z\n",
            "X-Amz-Date:20150830T123600Z\nX-Amz-Date:20150830T123600Z\n",
        ),
        ("X-Amz-Date:20150830T", "X-Amz-Date:20150831T"),
        ("X-Amz-Date", "X-Amz-Content-Sha256:x\nX-Amz-Date"),
        (
            "X-Amz-Date",
            "X-Amz-Content-Sha256:STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD\nX-Amz-Date",
        ),
        ("Authorization:", "Authorization:Bearer x\nAuthorization:"),
    ] {
        assert!(SIGNED.contains(from), "{from}");
        let request = Text::read(&SIGNED.replacen(from, to, 1));
        assert!(find(&request.raw()).is_err(), "{from} -> {to}");
    }
    for (from, to) in [
        ("X-Amz-Expires=3600", "X-Amz-Expires=604801"),
        ("X-Amz-Expires=3600", "X-Amz-Expires=0"),
        ("X-Amz-Expires=3600", "X-Amz-Expires=-1"),
        ("X-Amz-Expires=3600", "X-Amz-Expires=+3600"),
        ("X-Amz-Expires=3600&", ""),
        ("X-Amz-Expires=3600", "x-amz-expires=3600"),
        (
            "X-Amz-Expires=3600",
            "X-Amz-Expires=3600&X-Amz-Expires=3600",
        ),
        (
            "X-Amz-Expires=3600",
            "X-Amz-Expires=3600&X%2DAmz-Expires=3600",
        ),
        (
            "X-Amz-Algorithm=AWS4-HMAC-SHA256",
            "X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256",
        ),
        ("X-Amz-Algorithm=AWS4-HMAC-SHA256&", ""),
        ("X-Amz-SignedHeaders=host&", ""),
        ("X-Amz-Signature=e93c", "X-Amz-Signature=E93C"),
        ("X-Amz-Signature=e93c", "X-Amz-Signature=%ff"),
    ] {
        assert!(PRESIGNED.contains(from), "{from}");
        let request = Text::read(&PRESIGNED.replacen(from, to, 1));
        assert!(find(&request.raw()).is_err(), "{from} -> {to}");
    }
    for text in [
        "GET /?a=b HTTP/1.1\nHost:x\n",
        "GET / HTTP/1.1\nAuthorization:Bearer x\n",
    ] {
        assert!(find(&Text::read(text).raw()).unwrap().is_none());
    }
}

/// Signs as a client does, independently of how the verifier reads.
fn sign(request: &mut Text, payload: &str, style: PathStyle) -> [u8; 32] {
    request.headers.remove("authorization");
    let stamp = HeaderValue::from_static("20150830T123600Z");
    request.headers.insert("x-amz-date", stamp);
    let payload_value = HeaderValue::from_str(payload).unwrap();
    request.headers.insert(CONTENT_SHA256, payload_value);
    let mut names: Vec<Box<str>> = request
        .headers
        .keys()
        .map(|name| name.as_str().into())
        .collect();
    names.sort();
    let canonical = canonical::request(&request.raw(), style, false, &names, payload).unwrap();
    let scope = "20150830/us-east-1/service/aws4_request";
    let text = format!(
        "AWS4-HMAC-SHA256\n20150830T123600Z\n{scope}\n{}",
        hex(&sha256(&canonical))
    );
    let (_, scope_read) = Scope::read(&format!("AKIDEXAMPLE/{scope}")).unwrap();
    let key = SigningKeys::new().get(&Secret::new(SECRET.into()), &scope_read);
    let tag = hmac::sign(&key, text.as_bytes());
    let line = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, SignedHeaders={}, Signature={}",
        names.join(";"),
        hex(tag.as_ref())
    );
    let value = HeaderValue::from_str(&line).unwrap();
    request.headers.insert("authorization", value);
    let mut signature = [0; 32];
    signature.copy_from_slice(tag.as_ref());
    signature
}

#[test]
fn bodies() {
    let mut request = Text::read("POST /x HTTP/1.1\nHost:example.com\n\nhello");
    sign(&mut request, &hex(&sha256(b"hello")), PathStyle::Normalized);
    let proven = request.verify(&expected()).unwrap();
    assert!(matches!(proven.body, Body::Hash(hash) if hash == sha256(b"hello")));
    for payload in ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"] {
        sign(&mut request, payload, PathStyle::Normalized);
        assert_eq!(
            request.verify(&expected()).err(),
            Some(SignatureError::UnsignedPayload)
        );
        let allowed = Expected {
            unsigned_payload: true,
            ..expected()
        };
        let chunked = payload.starts_with("STREAMING");
        match request.verify(&allowed).unwrap().body {
            Body::Anything => assert!(!chunked),
            Body::Chunks(_) => assert!(chunked),
            Body::Hash(_) => panic!("nobody said so"),
        }
    }
    sign(
        &mut request,
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        PathStyle::Normalized,
    );
    assert!(matches!(
        request.verify(&expected()).unwrap().body,
        Body::Chunks(_)
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What a client signs is accepted; any change of one bit in what it signed is refused.
    #[test]
    fn signed_and_changed(
        path in "(/[a-z%._~-]{1,8}){1,4}/?",
        query in proptest::option::of("([a-c]{1,2}=?[a-z%+._-]{0,5}&?){0,4}"),
        value in "[ -~]{0,12}",
        bit in 0u8..7,
        at in any::<prop::sample::Index>(),
    ) {
        let mut request = Text::read("GET / HTTP/1.1\nHost:example.com\n");
        request.path = path;
        request.query = query.map(|query| query.replace('+', "%2B").replace('%', "%25"));
        request.headers.insert("x-amz-meta", HeaderValue::from_str(&value).unwrap());
        let empty = hex(&sha256(b""));
        sign(&mut request, &empty, PathStyle::Encoded);
        let expected = Expected { style: PathStyle::Encoded, ..expected() };
        prop_assert!(request.verify(&expected).is_ok());
        let mut line = request.headers["authorization"].as_bytes().to_vec();
        let at = at.index(line.len());
        line[at] ^= 1 << bit;
        // The scheme has no case, and white space between fields is free: neither is signed.
        let harmless = at < 16 && bit == 5 || request.headers["authorization"].as_bytes()[at] == b' ';
        if let (false, Ok(value)) = (harmless, HeaderValue::from_bytes(&line)) {
            request.headers.insert("authorization", value);
            // The key's name is not signed either: it names another secret.
            let passed = request.verify(&expected).is_ok_and(|proven| &*proven.access_key == "AKIDEXAMPLE");
            prop_assert!(!passed);
        }
    }

    /// No request makes the reader panic.
    #[test]
    fn any_signature_is_read_or_refused(line in "AWS4-HMAC-SHA256 [ -~]{0,120}", query in "[ -~]{0,120}") {
        let mut request = Text::read("GET / HTTP/1.1\nHost:example.com\n");
        request.query = Some(query);
        prop_assert!(find(&request.raw()).is_ok_and(|found| found.is_none()) || find(&request.raw()).is_err());
        request.headers.insert("authorization", HeaderValue::from_str(&line).unwrap());
        prop_assert!(request.verify(&expected()).is_err());
    }
}
