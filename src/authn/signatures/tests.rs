use http::{HeaderMap, HeaderValue};

use super::*;
use crate::authn::sigv4::Body;
use crate::authn::{SessionOf, hex, sha256};
use crate::clock::Clock;
use crate::secret::Secret;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const AKIA: &str = "AKIAIOSFODNN7EXAMPLE";
const ASIA: &str = "ASIAIOSFODNN7EXAMPLE";

fn now() -> Timestamp {
    Clock::fixed(Timestamp::from_seconds(1_440_938_160)).now()
}

/// Opens `open` and `bearer`.
#[derive(Debug)]
struct Opens;

impl Sessions for Opens {
    fn open(&self, token: &str, now: Timestamp) -> Result<Arc<Session>, Failure> {
        if !["open", "bearer", "over"].contains(&token) {
            return Err(bad("no session token"));
        }
        let life = if token == "over" { 0 } else { 900 };
        Ok(Arc::new(Session {
            id: "AROA1".into(),
            policy_arns: Vec::new(),
            claims: None,
            of: SessionOf::User {
                arn: "arn:aws:iam::555566667777:user/alice".into(),
            },
            access_key: ASIA.into(),
            secret: Secret::new(SECRET.into()),
            bearer: token == "bearer",
            policies: None,
            tags: Vec::new(),
            transitive_tags: Vec::new(),
            source_identity: None,
            federated_provider: None,
            mfa_present: Some(false),
            mfa_authenticated_at: None,
            issued_at: now,
            expires_at: now.plus(std::time::Duration::from_secs(life)),
        }))
    }
}

fn keys(folder: &tempfile::TempDir) -> Keys {
    let file = folder.path().join("credentials.yaml");
    let text = format!(
        r#"access_keys:
  - {{ id: {AKIA}, secret: "{SECRET}", user: "arn:aws:iam::555566667777:user/alice" }}
  - {{ id: AKIAINACTIVEINACTIVE, secret: "{SECRET}", user: "arn:aws:iam::555566667777:user/alice", status: Inactive }}
  - {{ id: AKIAROOTROOTROOTROOT, secret: "{SECRET}", root: "111111111111" }}
"#
    );
    std::fs::write(&file, text).unwrap();
    Keys::new(
        Some(Store::open(&file).unwrap()),
        Some(Arc::new(Opens)),
        Arc::default(),
    )
}

/// A GET of `/` by this key, signed in the head or in the query, with a session token if one is given.
struct Signed {
    headers: HeaderMap,
    query: Option<String>,
}

fn sign(key: &str, token: Option<&str>, presigned: bool) -> Signed {
    let stamp = "20150830T123600Z";
    let scope = "20150830/us-east-1/orders/aws4_request";
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("example.com"));
    let mut query = None;
    let mut canonical = vec![("host", "example.com".to_owned())];
    let mut text = String::new();
    if presigned {
        text = format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={key}%2F{}&X-Amz-Date={stamp}&X-Amz-Expires=60",
            scope.replace('/', "%2F")
        );
        if let Some(token) = token {
            text.push_str(&format!("&X-Amz-Security-Token={token}"));
        }
        text.push_str("&X-Amz-SignedHeaders=host");
    } else {
        canonical.push(("x-amz-date", stamp.to_owned()));
        headers.insert("x-amz-date", HeaderValue::from_static(stamp));
        if let Some(token) = token {
            canonical.push(("x-amz-security-token", token.to_owned()));
            headers.insert(
                "x-amz-security-token",
                HeaderValue::from_str(token).unwrap(),
            );
        }
    }
    let mut lines = String::new();
    for (name, value) in &canonical {
        lines.push_str(&format!("{name}:{value}\n"));
    }
    let names: Vec<&str> = canonical.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let request = format!("GET\n/\n{text}\n{lines}\n{names}\n{}", hex(&sha256(b"")));
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}",
        hex(&sha256(request.as_bytes()))
    );
    let mut secret = format!("AWS4{SECRET}").into_bytes();
    for part in scope.split('/').chain([&*to_sign]) {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &secret);
        secret = aws_lc_rs::hmac::sign(&key, part.as_bytes())
            .as_ref()
            .to_vec();
    }
    let signature = hex(&secret);
    if presigned {
        query = Some(format!("{text}&X-Amz-Signature={signature}"));
    } else {
        let line = format!(
            "AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"
        );
        headers.insert("authorization", HeaderValue::from_str(&line).unwrap());
    }
    Signed { headers, query }
}

fn ask(keys: &Keys, signed: &Signed, root: bool) -> Result<KeyOwner, (Reason, String)> {
    let nothing = sha256(b"");
    let presented = Presented {
        query: signed.query.as_deref(),
        body: Some(&nothing),
        signing: Some(Signing {
            region: "us-east-1",
            service: "orders",
            unsigned_payload: false,
            root,
        }),
        ..Presented::of_headers(&signed.headers, &[])
    };
    match keys.signature(&presented, now()) {
        Ok(Authentication::Verified(Verified::Signature(Signature {
            by,
            access_key,
            body,
            presigned,
        }))) => {
            assert!(matches!(body, Body::Hash(hash) if hash == nothing));
            assert_eq!(presigned, signed.query.is_some());
            assert!(access_key.starts_with("AKIA") || access_key.starts_with("ASIA"));
            Ok(by)
        }
        Ok(other) => panic!("{other:?}"),
        Err(failure) => {
            assert_eq!(failure.method, Some(Method::SigV4));
            Err((failure.reason, failure.detail))
        }
    }
}

#[test]
fn listed_keys() {
    let folder = tempfile::tempdir().unwrap();
    let keys = keys(&folder);
    for presigned in [false, true] {
        let by = ask(&keys, &sign(AKIA, None, presigned), false).unwrap();
        assert!(matches!(by, KeyOwner::User(arn) if arn.ends_with(":user/alice")));
        for (key, token, why) in [
            ("AKIAUNKNOWNUNKNOWN00", None, "no such access key"),
            ("AKIAINACTIVEINACTIVE", None, "inactive"),
            ("AKIAROOTROOTROOTROOT", None, "for the STS alone"),
            (
                AKIA,
                Some("open"),
                "a long-lived access key with a session token",
            ),
            (ASIA, None, "without a session token"),
            ("root", None, "another kind"),
        ] {
            let (reason, detail) = ask(&keys, &sign(key, token, presigned), false).unwrap_err();
            assert_eq!(reason, Reason::BadSignature, "{key}");
            assert!(detail.contains(why), "{detail}");
        }
        let root = ask(&keys, &sign("AKIAROOTROOTROOTROOT", None, presigned), true);
        assert!(matches!(root, Ok(KeyOwner::Root(_))));
    }
    let none = Keys::default();
    assert!(ask(&none, &sign(AKIA, None, false), false).is_err());
}

#[test]
fn session_keys() {
    let folder = tempfile::tempdir().unwrap();
    let keys = keys(&folder);
    for presigned in [false, true] {
        let by = ask(&keys, &sign(ASIA, Some("open"), presigned), false).unwrap();
        assert!(matches!(by, KeyOwner::Session(_)));
        let unknown = ask(&keys, &sign(ASIA, Some("unknown"), presigned), false);
        assert_eq!(unknown.unwrap_err().0, Reason::BadSignature);
        let over = ask(&keys, &sign(ASIA, Some("over"), presigned), false);
        assert_eq!(over.unwrap_err().0, Reason::ExpiredCredential);
        let other = ask(
            &keys,
            &sign("ASIAOTHEROTHEROTHER0", Some("open"), presigned),
            false,
        );
        assert_eq!(other.unwrap_err().0, Reason::BadSignature);
        // In a URL the token of a bearer session would be a credential for whoever sees the URL.
        let bearer = ask(&keys, &sign(ASIA, Some("bearer"), presigned), false);
        assert_eq!(bearer.is_ok(), !presigned);
    }
    let mut exchanged = sign(ASIA, Some("open"), false);
    let token = HeaderValue::from_static("bearer");
    exchanged.headers.insert("x-amz-security-token", token);
    assert_eq!(
        ask(&keys, &exchanged, false).unwrap_err().0,
        Reason::SignatureMismatch
    );
}
