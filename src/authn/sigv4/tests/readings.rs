//! What else than the signature itself keeps a signed request from being read as another one.

use super::*;

/// What stands between a signer and a reader must have one reading: the signature alone would allow several.
#[test]
fn what_is_signed_has_one_reading() {
    for (path, query) in [
        ("/", Some("a=b+c")),
        ("/", Some("a=b;c")),
        ("/", Some("a=%zz")),
        ("/", Some("a=%4")),
        ("/", Some("a=%")),
        ("/a/.", None),
        ("/a/b/..", None),
    ] {
        let mut request = Text::read("GET / HTTP/1.1\nHost:example.com\n");
        request.path = path.into();
        request.query = query.map(Into::into);
        let raw = request.raw();
        let names = ["host".into()];
        let style = PathStyle::Normalized;
        let canonical = canonical::request(&raw, style, false, &names, "x");
        assert!(
            matches!(canonical, Err(SignatureError::Ambiguous(_))),
            "{path} {query:?}"
        );
    }
    for (path, query) in [
        ("/", Some("a=b%2Bc%3B&&d=%20")),
        ("/..", Some("")),
        ("/a/../", None),
        ("/./", None),
    ] {
        let mut request = Text::read("GET / HTTP/1.1\nHost:example.com\n");
        request.path = path.into();
        request.query = query.map(Into::into);
        let names = ["host".into()];
        let style = PathStyle::Normalized;
        assert!(canonical::request(&request.raw(), style, false, &names, "x").is_ok());
    }
    for header in [
        "x_amz_target",
        "x.amz-meta",
        "x-amz_date",
        "x~amz~meta",
        "x-amz!a",
    ] {
        let mut request = Text::read(SIGNED);
        let name = HeaderName::from_static(header);
        request.headers.insert(name, HeaderValue::from_static("x"));
        let refused = request.verify(&expected()).unwrap_err();
        assert!(matches!(refused, SignatureError::Uncovered(_)), "{header}");
    }
}

#[test]
fn the_query_goes_on_without_a_presigned_credential() {
    let query = PRESIGNED
        .split_once('?')
        .unwrap()
        .1
        .split(' ')
        .next()
        .unwrap();
    assert_eq!(without_credential(query), None);
    let mixed = format!("a=1&{query}&b=%20&X-Amz-Content-Sha256=x&X-Amz-Meta=y&c");
    let left = without_credential(&mixed);
    assert_eq!(left.as_deref(), Some("a=1&b=%20&X-Amz-Meta=y&c"));
}

/// S3's clients presign without saying what the body is.
#[test]
fn presigned_for_s3() {
    let expected = Expected {
        service: "s3",
        style: PathStyle::Verbatim,
        now: at("2013-05-24T00:00:00Z"),
        ..expected()
    };
    // The example of the S3 API Reference, "Authenticating requests: using query parameters".
    let text = "GET /test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404 HTTP/1.1
Host:examplebucket.s3.amazonaws.com
";
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let request = Text::read(text);
    let proven = request.verify_by(secret, &expected).unwrap();
    assert!(matches!(proven.body, Body::Hash(hash) if hash == sha256(b"")));
    let mut with_body = request;
    with_body.body = b"x".to_vec();
    assert_eq!(
        with_body.verify_by(secret, &expected).err(),
        Some(SignatureError::UnsignedPayload),
        "a body that nobody signed"
    );
    let allowed = Expected {
        unsigned_payload: true,
        ..expected
    };
    let proven = with_body.verify_by(secret, &allowed).unwrap();
    assert!(matches!(proven.body, Body::Anything));
    // Said in the query it counts too, and is signed.
    let said = text.replace(
        "&X-Amz-Credential",
        "&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&X-Amz-Credential",
    );
    let request = Text::read(&said);
    assert_eq!(
        find(&request.raw()).unwrap().unwrap().payload(),
        Payload::Unsigned
    );
    assert_eq!(
        request.verify_by(secret, &expected).err(),
        Some(SignatureError::Mismatch)
    );
    let twice = said.replace("Host:", "X-Amz-Content-Sha256:UNSIGNED-PAYLOAD\nHost:");
    assert!(find(&Text::read(&twice).raw()).is_err());
}
