//! Signatures, from the socket to the upstream: what is accepted, what the upstream gets, what is refused.

mod keys;
mod signer;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::support::{Answer, Client, Sidegate, Site, Upstream, eventually};
use signer::{KEY, Request, SECRET, Signed, chunks, sha256, trailed};

const API_SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyz-_AB";
const ALICE: &str = "arn:aws:iam::555566667777:user/alice";

/// What an upstream received: the head, the body so far, and whether that was all of it.
#[derive(Debug, Clone, Default)]
struct Heard {
    head: String,
    body: Vec<u8>,
    whole: bool,
}

/// Answers each request that came whole, and remembers all of them.
fn upstream() -> (SocketAddr, Arc<Mutex<Vec<Heard>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&heard);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let all = Arc::clone(&all);
            std::thread::spawn(move || while serve(&stream, &all).is_some() {});
        }
    });
    (address, heard)
}

fn serve(stream: &TcpStream, all: &Mutex<Vec<Heard>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut heard = Heard::default();
    while !heard.head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut heard.head).ok()? == 0 {
            return None;
        }
    }
    assert!(
        !heard.head.contains("transfer-encoding"),
        "lengths are known"
    );
    let length = heard
        .head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: u64 = length.map_or(0, |length| length.parse().unwrap());
    let read = reader.take(length).read_to_end(&mut heard.body);
    heard.whole = read.is_ok_and(|read| read as u64 == length);
    let whole = heard.whole;
    all.lock().unwrap().push(heard);
    let mut stream = stream;
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        .ok()?;
    whole.then_some(())
}

struct World {
    site: Site,
    sidegate: Sidegate,
    heard: Arc<Mutex<Vec<Heard>>>,
}

fn credentials(status: &str) -> String {
    format!(
        "access_keys:\n- {{ id: {KEY}, secret: \"{SECRET}\", user: \"{ALICE}\", status: {status} }}\n\
         api_keys:\n- {{ id: robot, hash: \"sha256:{0}\", user: \"{ALICE}\", expires: \"2100-01-01T00:00:00Z\" }}\n\
         - {{ id: older, hash: \"sha256:{0}\", user: \"{ALICE}\", expires: \"2020-01-01T00:00:00Z\" }}\n\
         - {{ id: nobody, hash: \"sha256:{0}\", user: \"{ALICE}2\", expires: \"2100-01-01T00:00:00Z\" }}\n",
        sha256(API_SECRET.as_bytes())
    )
}

fn world() -> World {
    world_with("")
}

/// With more in the configuration.
fn world_with(more: &str) -> World {
    let (address, heard) = upstream();
    let site = Site::with_bundle(&Upstream { address }, "nothing");
    site.write(
        "policies/accounts/555566667777-app/users/alice.yaml",
        "inline_policies:\n  use: { Version: \"2012-10-17\", Statement: [ { Effect: Allow, Action: \"app:Use\", Resource: \"*\" } ] }\n",
    );
    site.write(
        "policies/routes/app.yaml",
        "service: app\naccount: \"555566667777\"\nregion: us-east-1\nupstream: app\nroutes:\n\
         - { match: \"GET,PUT,POST /{rest..}\", action: \"app:Use\", resource: \"arn:{partition}:app::{account}:{rest}\" }\n",
    );
    site.write("credentials.yaml", &credentials("Active"));
    let config = fs::read_to_string(site.path("sidegate.yaml")).unwrap();
    let usual = "credentials: ./credentials.yaml\nlimits: { signed_body: 64KiB }\n";
    site.write("sidegate.yaml", &(config + usual + more));
    let sidegate = Sidegate::start(&site);
    World {
        site,
        sidegate,
        heard,
    }
}

impl World {
    fn send(&self, method: &str, signed: &Signed, body: &[u8]) -> Answer {
        let length = body.len().to_string();
        let mut headers = signed.headers.clone();
        if !body.is_empty() {
            headers.push(("content-length".into(), length));
        }
        self.raw(method, &signed.target, &headers, body)
    }

    fn raw(&self, method: &str, target: &str, headers: &[(String, String)], body: &[u8]) -> Answer {
        let mut text = format!("{method} {target} HTTP/1.1\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        let mut client = Client::connect(self.sidegate.ingress);
        client.send(&[text.as_bytes(), body].concat());
        client.answer(false).expect("an answer")
    }

    fn count(&self) -> usize {
        self.heard.lock().unwrap().len()
    }

    fn last(&self) -> Heard {
        self.heard.lock().unwrap().last().cloned().unwrap()
    }

    /// The status and the code of a refusal, of which the upstream learnt nothing.
    fn refused(&self, method: &str, signed: &Signed, body: &[u8]) -> (u16, String) {
        let before = self.count();
        let answer = self.send(method, signed, body);
        assert_eq!(self.count(), before, "nothing went upstream");
        code(&answer)
    }
}

fn code(answer: &Answer) -> (u16, String) {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    (
        answer.status,
        body["code"].as_str().unwrap_or_default().to_owned(),
    )
}

fn mismatch() -> (u16, String) {
    (401, "SignatureDoesNotMatch".into())
}

#[test]
fn signed_in_the_head() {
    let world = world();
    let good = || Request::new("GET", "/a/b", "z=1&a=%20x").with("x-amz-meta", "m");
    let answer = world.send("GET", &good().in_head(&sha256(b"")), b"");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let heard = world.last().head;
    assert!(
        heard.starts_with("GET /a/b?z=1&a=%20x HTTP/1.1\r\n"),
        "{heard}"
    );
    assert!(heard.contains(&format!("x-sidegate-principal-arn: {ALICE}")));
    assert!(!heard.contains("authorization") && heard.contains("x-amz-meta: m"));

    let wrong = Request {
        secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEx",
        ..good()
    };
    assert_eq!(
        world.refused("GET", &wrong.in_head(&sha256(b"")), b""),
        mismatch()
    );
    let changed = |change: &dyn Fn(&mut Signed)| {
        let mut signed = good().in_head(&sha256(b""));
        change(&mut signed);
        world.refused("GET", &signed, b"")
    };
    let rename = |from: &'static str, to: &'static str| {
        move |signed: &mut Signed| signed.target = signed.target.replacen(from, to, 1)
    };
    assert_eq!(changed(&rename("/a/b", "/a/c")), mismatch());
    assert_eq!(changed(&rename("z=1", "z=2")), mismatch());
    assert_eq!(changed(&rename("z=1&", "")), mismatch());
    let set = |name: &'static str, value: &'static str| {
        move |signed: &mut Signed| {
            signed.headers.retain(|(known, _)| known != name);
            signed.headers.push((name.into(), value.into()));
        }
    };
    for (name, value) in [
        ("x-amz-meta", "n"),
        ("host", "app.test:8081"),
        ("x-amz-target", "unsigned"),
        ("X_Amz_Target", "unsigned"),
    ] {
        assert_eq!(changed(&set(name, value)), mismatch(), "{name}");
    }
    assert_eq!(
        changed(&set("connection", "x-amz-meta")),
        (400, "InvalidRequest".into())
    );
    let twice = ("x-api-key", "sgk_robot_x");
    assert_eq!(
        changed(&set(twice.0, twice.1)),
        (400, "InvalidRequest".into())
    );
    assert_eq!(
        changed(&|signed| signed.target.push_str("&X-Amz-Signature=0")),
        (400, "InvalidRequest".into())
    );
    assert_eq!(
        world.refused("PUT", &good().in_head(&sha256(b"")), b""),
        mismatch()
    );
    for skew in [-310, 310] {
        let off = Request { skew, ..good() };
        let refused = world.refused("GET", &off.in_head(&sha256(b"")), b"");
        assert_eq!(refused, (401, "ExpiredToken".into()));
    }
    for (from, to) in [
        (KEY, "AKIAUNKNOWNUNKNOWN00"),
        ("us-east-1", "us-east-2"),
        ("/app/", "/other/"),
    ] {
        let refused = changed(&|signed| {
            let line = &mut signed.headers.last_mut().unwrap().1;
            *line = line.replace(from, to);
        });
        assert_eq!(refused, (401, "InvalidToken".into()), "{to}");
    }
    let counted = |result| {
        let name = format!(
            "sidegate_authentications_total{{method=\"sigv4\",provider=\"-\",result=\"{result}\"}}"
        );
        world.sidegate.metric(&name)
    };
    assert_eq!(counted("success"), Some(1.0));
    assert_eq!(counted("expired_credential"), Some(2.0));
    assert_eq!(counted("signature_mismatch"), Some(9.0));
}

#[test]
fn bodies_are_what_was_signed() {
    let world = world();
    let hash = sha256(b"hello");
    let declared = || {
        let request = Request::new("POST", "/a", "");
        request.with("x-amz-content-sha256", &hash).in_head(&hash)
    };
    let silent = || Request::new("POST", "/a", "").in_head(&hash);
    for signed in [declared(), silent()] {
        assert_eq!(world.send("POST", &signed, b"hello").status, 200);
        let heard = world.last();
        assert_eq!((&*heard.body, heard.whole), (&b"hello"[..], true));
        for other in [&b"hellp"[..], b"hello!", b""] {
            assert_eq!(world.refused("POST", &signed, other), mismatch());
        }
        let large = vec![b'x'; 64 * 1024 + 1];
        assert_eq!(
            world.refused("POST", &signed, &large),
            (413, "InvalidRequest".into())
        );
    }
    // Chunks, whose length nobody announced, and trailers, which nobody signed.
    let mut signed = declared();
    signed
        .headers
        .push(("transfer-encoding".into(), "chunked".into()));
    signed.headers.push(("trailer".into(), "x-t".into()));
    let body = b"2\r\nhe\r\n3\r\nllo\r\n0\r\nx-t: unsigned\r\n\r\n";
    let answer = world.raw("POST", &signed.target, &signed.headers, body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let heard = world.last();
    assert_eq!(heard.body, b"hello");
    assert!(!heard.head.contains("trailer"), "{}", heard.head);
    let many = format!("{0:x}\r\n{1}\r\n", 40_000, "x".repeat(40_000)).repeat(2) + "0\r\n\r\n";
    let answer = world.raw("POST", &signed.target, &signed.headers, many.as_bytes());
    assert_eq!(answer.status, 413);
    for payload in ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"] {
        let request = Request::new("POST", "/a", "").with("x-amz-content-sha256", payload);
        let refused = world.refused("POST", &request.in_head(payload), b"x");
        assert_eq!(refused, (401, "InvalidToken".into()), "{payload}");
    }
    // The audit log says what became of a body that was changed.
    eventually("the records are written", || {
        let records = world.site.audit();
        let changed = records
            .iter()
            .filter(|record| record["errorCode"] == "SignatureDoesNotMatch");
        (changed.count() >= 6).then_some(())
    });
}

/// A body that is read before anything goes on takes its time: what the upstream is told of it is told afterwards.
#[test]
fn what_a_slow_body_goes_with_is_fresh() {
    let world = world();
    let body = b"slow";
    let signed = Request::new("PUT", "/a", "").in_head(&sha256(body));
    let mut head = format!("PUT {} HTTP/1.1\r\ncontent-length: 4\r\n", signed.target);
    for (name, value) in &signed.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut client = Client::connect(world.sidegate.ingress);
    client.send(format!("{head}\r\n").as_bytes());
    std::thread::sleep(Duration::from_millis(2100));
    let late = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    client.send(body);
    assert_eq!(client.answer(false).unwrap().status, 200);
    let upstream = world.last().head;
    let token = upstream
        .lines()
        .find_map(|line| line.strip_prefix("x-sidegate-identity: "));
    let claims = token.unwrap().split('.').nth(1).unwrap();
    let claims: serde_json::Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert!(claims["iat"].as_u64().unwrap() >= late, "{claims}, {late}");
}

#[test]
fn signed_in_the_query() {
    let world = world();
    let good = |own| Request::new("GET", "/a", own).in_query(60);
    assert_eq!(world.send("GET", &good("&a=1"), b"").status, 200);
    let heard = world.last().head;
    assert!(heard.starts_with("GET /a?a=1 HTTP/1.1\r\n"), "{heard}");
    assert_eq!(world.send("GET", &good(""), b"").status, 200);
    assert!(world.last().head.starts_with("GET /a HTTP/1.1\r\n"));
    assert!(!world.last().head.contains("X-Amz"));
    let replayed = good("&a=1");
    assert_eq!(world.send("GET", &replayed, b"").status, 200);
    let late = Request {
        skew: -61,
        ..Request::new("GET", "/a", "")
    };
    let refused = world.refused("GET", &late.in_query(60), b"");
    assert_eq!(refused, (401, "ExpiredToken".into()));
    for (from, to) in [("a=1", "a=2"), ("Expires=60", "Expires=61"), ("/a?", "/b?")] {
        let mut changed = good("&a=1");
        changed.target = changed.target.replacen(from, to, 1);
        assert_eq!(world.refused("GET", &changed, b""), mismatch(), "{to}");
    }
    // A body that nobody signed.
    assert_eq!(world.refused("GET", &good(""), b"x"), mismatch());
}

#[test]
fn signed_chunks() {
    let world = world();
    let [first, second] = ["a".repeat(70_000), "b".repeat(30_000)];
    let data: [&[u8]; 2] = [first.as_bytes(), second.as_bytes()];
    let signed = || {
        let kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
        Request::new("PUT", "/a", "")
            .with("content-encoding", "aws-chunked")
            .with("x-amz-content-sha256", kind)
            .with("x-amz-decoded-content-length", "100000")
            .in_head(kind)
    };
    let good = signed();
    let answer = world.send("PUT", &good, &chunks(&good, &data).concat());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let heard = world.last();
    assert!(heard.whole && heard.body == data.concat());
    for gone in ["aws-chunked", "x-amz-decoded", "STREAMING", "authorization"] {
        assert!(!heard.head.contains(gone), "{}", heard.head);
    }
    for (chunk, at) in [(0, 100), (1, 100), (1, 30), (2, 20)] {
        let signed = signed();
        let mut wire = chunks(&signed, &data);
        wire[chunk][at] ^= 1;
        let answer = world.send("PUT", &signed, &wire.concat());
        assert!(matches!(answer.status, 400 | 401), "{}", answer.text());
    }
    // Without its last data, or without its end.
    for keep in [&[0, 2][..], &[0, 1]] {
        let signed = signed();
        let wire = chunks(&signed, &data);
        let wire: Vec<u8> = keep.iter().flat_map(|at| wire[*at].clone()).collect();
        let answer = world.send("PUT", &signed, &wire);
        assert!(matches!(answer.status, 400 | 401), "{}", answer.text());
    }
    let heard = world.heard.lock().unwrap();
    let whole = heard.iter().filter(|heard| heard.whole).count();
    assert_eq!(whole, 1, "only the good one ever looked complete");
}

#[test]
fn checksums_behind_signed_chunks() {
    let world = world();
    let data = "a".repeat(70_000);
    let mut crc = flate2::Crc::new();
    crc.update(data.as_bytes());
    let base64 = |sum: u32| {
        let engine = base64::engine::general_purpose::STANDARD;
        base64::Engine::encode(&engine, sum.to_be_bytes())
    };
    let (right, wrong) = (base64(crc.sum()), base64(!crc.sum()));
    let name = "x-amz-checksum-crc32";
    let send = |announced: &str, trailers: &[(&str, &str)]| {
        let kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
        let signed = Request::new("PUT", "/a", "")
            .with("content-encoding", "aws-chunked")
            .with("x-amz-content-sha256", kind)
            .with("x-amz-decoded-content-length", "70000")
            .with("x-amz-sdk-checksum-algorithm", "CRC32")
            .with("x-amz-trailer", announced)
            .in_head(kind);
        let mut wire = chunks(&signed, &[data.as_bytes()]);
        let last = wire.pop().unwrap();
        wire.push(trailed(&signed, &last, trailers));
        code(&world.send("PUT", &signed, &wire.concat()))
    };
    assert_eq!(send(name, &[(name, &right)]).0, 200);
    let heard = world.last();
    assert!(heard.whole && heard.body == data.as_bytes());
    assert!(!heard.head.contains("checksum") && !heard.head.contains("x-amz-trailer"));
    let bad = (400, "InvalidRequest".to_owned());
    for (what, announced, trailers) in [
        ("another checksum", name, &[(name, &*wrong)][..]),
        ("none", name, &[]),
        (
            "of another kind",
            name,
            &[("x-amz-checksum-crc32c", &*right)],
        ),
        ("twice", name, &[(name, &*right), (name, &*right)]),
        ("not announced", "x-amz-meta-a", &[(name, &*right)]),
    ] {
        assert_eq!(send(announced, trailers), bad, "{what}");
    }
    let unknown = "x-amz-checksum-xxhash3";
    assert_eq!(send(unknown, &[(unknown, &right)]), bad);
    let heard = world.heard.lock().unwrap();
    let whole = heard.iter().filter(|heard| heard.whole).count();
    assert_eq!(whole, 1, "only the good one ever looked complete");
}
