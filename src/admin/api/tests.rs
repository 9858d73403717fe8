use std::sync::Mutex;

use super::*;

#[derive(Default)]
struct Notes(Mutex<Vec<Asked>>);

impl Desk for Notes {
    fn revocations(&self) -> Value {
        json!({ "revocations": self.0.lock().unwrap().len() })
    }

    fn revoke(&self, asked: &Asked) -> Result<Value, Refused> {
        self.0.lock().unwrap().push(asked.clone());
        Ok(json!({}))
    }

    fn access_keys(&self) -> Value {
        json!({})
    }
}

fn server() -> Server<Notes> {
    Server {
        desk: Arc::default(),
        token: Secret::new(sha256(b"secret")),
        hosts: hosts("127.0.0.1:9903".parse().unwrap()),
    }
}

const GOOD: [(&str, &str); 3] = [
    ("host", "localhost:9903"),
    ("authorization", "Bearer secret"),
    ("content-type", "application/json"),
];

/// A POST like the good one, with some headers in place of its own; an empty one is left out.
async fn post(server: &Server<Notes>, changed: &[(&str, &str)], body: &str) -> u16 {
    let mut request = Request::post(REVOCATIONS);
    for (name, value) in GOOD {
        if changed.iter().all(|(other, _)| *other != name) {
            request = request.header(name, value);
        }
    }
    for (name, value) in changed.iter().filter(|(_, value)| !value.is_empty()) {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned())));
    server.answer(request.unwrap()).await.status().as_u16()
}

const BODY: &str = r#"{"session": "ASIAIOSFODNN7EXAMPLE"}"#;

#[tokio::test]
async fn who_shows_the_token_is_answered() {
    let server = server();
    assert_eq!(post(&server, &[], BODY).await, 201);
    for same in [
        ("host", "127.0.0.1:9903"),
        ("host", "[::1]:9903"),
        ("origin", "http://localhost:9903"),
        ("content-type", "application/json; charset=utf-8"),
    ] {
        assert_eq!(post(&server, &[same], BODY).await, 201, "{same:?}");
    }
    assert_eq!(server.desk.0.lock().unwrap().len(), 5);
}

#[tokio::test]
async fn others_are_not() {
    let server = server();
    let long = format!(r#"{{"session": "{}"}}"#, "A".repeat(BODY_SIZE));
    for (changed, body, status) in [
        (("authorization", ""), BODY, 401),
        (("authorization", "Bearer"), BODY, 401),
        (("authorization", "Bearer "), BODY, 401),
        (("authorization", "Bearer secre"), BODY, 401),
        (("authorization", "Bearer secret2"), BODY, 401),
        (("authorization", "Basic secret"), BODY, 401),
        (("host", ""), BODY, 421),
        (("host", "localhost"), BODY, 421),
        (("host", "evil.example:9903"), BODY, 421),
        (("origin", "http://evil.example"), BODY, 403),
        (("origin", "null"), BODY, 403),
        (("origin", "http://127.0.0.1:9903"), BODY, 403),
        (("content-type", ""), BODY, 415),
        (("content-type", "text/plain"), BODY, 415),
        (
            ("content-type", "application/x-www-form-urlencoded"),
            BODY,
            415,
        ),
        (("x", "y"), &*long, 413),
        (("x", "y"), "{", 400),
        (("x", "y"), r#"{"sesion": "x"}"#, 400),
        (("x", "y"), "[]", 400),
    ] {
        assert_eq!(post(&server, &[changed], body).await, status, "{changed:?}");
    }
    assert!(server.desk.0.lock().unwrap().is_empty());
    // Two tokens are none.
    let two = Request::get(REVOCATIONS)
        .header("host", "localhost:9903")
        .header("authorization", "Bearer secret")
        .header("authorization", "Bearer secret")
        .body(Full::new(Bytes::new()));
    assert_eq!(server.answer(two.unwrap()).await.status(), 401);
}

#[tokio::test]
async fn there_is_nothing_else() {
    let server = server();
    for (method, path, status) in [
        ("GET", REVOCATIONS, 200),
        ("GET", ACCESS_KEYS, 200),
        ("DELETE", REVOCATIONS, 405),
        ("POST", ACCESS_KEYS, 405),
        ("GET", "/api", 404),
        ("GET", "/api/sessions/revocations/", 404),
        ("GET", "/metrics", 404),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost:9903")
            .header("authorization", "Bearer secret")
            .body(Full::new(Bytes::new()));
        let response = server.answer(request.unwrap()).await;
        assert_eq!(response.status(), status, "{method} {path}");
        assert_eq!(response.headers()["cache-control"], "no-store");
    }
}
