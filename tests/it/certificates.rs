//! Client certificates, from the handshake to the upstream: who they are, what is refused, and what changes under open
//! connections when authorities and revocation lists do.

use std::fs;
use std::io::Read;
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;

use crate::authorities::{Authority, Connection, Holder, client_of, connect, connect_as, get};
use crate::streams::endless;
use crate::support::{Answer, Sidegate, Site, Upstream, eventually};

const ACCOUNT: &str = "policies/accounts/555566667777-app";
const SERVER: u64 = 1;

/// A sidecar whose listener asks for certificates of one root.
pub(crate) struct World {
    pub(crate) site: Site,
    pub(crate) sidegate: Sidegate,
    pub(crate) root: Authority,
    _upstream: Upstream,
}

/// `asked` is optional or required; `lists` whether a revocation list is configured; `more` writes more of the bundle.
pub(crate) fn world(asked: &str, lists: bool, more: impl FnOnce(&Site)) -> World {
    world_before(Upstream::start(), asked, lists, more)
}

fn world_before(upstream: Upstream, asked: &str, lists: bool, more: impl FnOnce(&Site)) -> World {
    let root = Authority::root("root");
    let site = Site::with_bundle(&upstream, "a");
    bundle(&site);
    more(&site);
    let server = root.issue(SERVER, |params| {
        params.subject_alt_names = vec![rcgen::SanType::DnsName("localhost".try_into().unwrap())];
    });
    let (chain, key) = server.pem();
    site.write("tls.crt", &chain);
    site.write("tls.key", &key);
    site.write("clients.pem", &root.pem);
    site.write("revoked.pem", &root.revoked(&[]));
    let crl = if lists {
        ", client_crl: [revoked.pem]"
    } else {
        ""
    };
    site.write(
        "sidegate.yaml",
        &format!(
            "listeners:\n- name: ingress\n  address: 127.0.0.1:0\n  tls: {{ certificate: tls.crt, key: tls.key, client_certificates: {asked}, client_ca: [clients.pem]{crl} }}\n\
             upstreams:\n  app: {{ url: \"http://{}\" }}\n\
             bundle: {{ path: ./policies }}\n\
             health: {{ address: \"127.0.0.1:0\" }}\n\
             audit: {{ file: ./audit/ }}\n",
            upstream.address
        ),
    );
    let sidegate = Sidegate::start(&site);
    World {
        site,
        sidegate,
        root,
        _upstream: upstream,
    }
}

/// Workloads of prod.example are sessions of the role that their path names, machines with a DNS name services.
fn bundle(site: &Site) {
    site.write(
        "policies/identity-providers/mesh.yaml",
        "type: spiffe\naccount: \"555566667777\"\ntrust_domain: prod.example\n\
         map: { role: \"{claim:path|strip:/role/}\", session_name: \"{claim:sub}\" }\n",
    );
    site.write(
        "policies/identity-providers/machines.yaml",
        "type: x509\naccount: \"555566667777\"\nmap: { service: \"{claim:dns}\" }\n",
    );
    for (role, subject) in [
        ("backend", "spiffe://prod.example/role/*"),
        ("locked", "spiffe://prod.example/x"),
    ] {
        let trust = json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow",
            "Principal": {"Federated": "arn:aws:iam::555566667777:spiffe-provider/prod.example"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringLike": {"prod.example:sub": subject}},
        }});
        let allow = json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "app:Use", "Resource": "arn:aws:app::555566667777:b",
        }});
        site.write(
            &format!("{ACCOUNT}/roles/{role}.yaml"),
            &json!({"trust_policy": trust, "inline_policies": {"use": allow}}).to_string(),
        );
    }
    site.write(
        &format!("{ACCOUNT}/resources/b.yaml"),
        "resource: \"arn:aws:app::555566667777:b\"\n\
         policy:\n  Version: \"2012-10-17\"\n  Statement:\n  - Effect: Allow\n    Principal: { Service: billing.internal.example }\n    Action: \"app:Use\"\n    Resource: \"arn:aws:app::555566667777:b\"\n",
    );
}

impl World {
    pub(crate) fn connect(&self, client: Option<&Holder>) -> Connection {
        connect(self.sidegate.ingress, &self.root.pem, client)
    }

    /// One request on a connection of its own; `None` when there is no connection for this client.
    pub(crate) fn get(&self, client: Option<&Holder>, target: &str) -> Option<Answer> {
        get(&mut self.connect(client), target, &[])
    }

    fn status(&self, client: Option<&Holder>, target: &str) -> Option<u16> {
        self.get(client, target).map(|answer| answer.status)
    }

    /// Puts a file in the place of another at once, as whoever renews certificates does.
    fn replace(&self, name: &str, content: &str) {
        self.site.write("next", content);
        fs::rename(self.site.path("next"), self.site.path(name)).unwrap();
    }

    fn failed(&self) -> Option<f64> {
        self.sidegate
            .metric("sidegate_certificate_reload_failed{listener=\"ingress\"}")
    }
}

const BACKEND: &str = "spiffe://prod.example/role/backend";

#[test]
fn who_a_certificate_is() {
    let world = world("required", false, |_| {});
    let root = &world.root;
    let answer = world
        .get(Some(&root.workload(2, &[BACKEND])), "/b")
        .unwrap();
    let heard = answer.text().to_ascii_lowercase();
    assert_eq!(answer.status, 200, "{heard}");
    assert!(
        heard.contains(
            "x-sidegate-principal-arn: arn:aws:sts::555566667777:assumed-role/backend/spiffe---prod.example-role-backend-"
        ),
        "{heard}"
    );
    // The chain goes through an authority that the listener does not know.
    let below = root.below("issuing");
    assert_eq!(
        world.status(Some(&below.workload(2, &[BACKEND])), "/b"),
        Some(200)
    );
    let billing = root.issue(3, |params| {
        params.subject_alt_names = vec![rcgen::SanType::DnsName(
            "billing.internal.example".try_into().unwrap(),
        )];
    });
    let answer = world.get(Some(&billing), "/b").unwrap();
    let heard = answer.text().to_ascii_lowercase();
    assert_eq!(answer.status, 200, "{heard}");
    assert!(
        heard.contains("x-sidegate-principal-arn: billing.internal.example\r\n"),
        "{heard}"
    );
    // It is itself, where anonymous requests may, too.
    assert_eq!(world.status(Some(&billing), "/c"), Some(403));
    eventually("the service's record", || {
        let records = world.site.audit();
        let found = records
            .iter()
            .any(|record| record["userIdentity"]["type"] == "AWSService");
        found.then_some(())
    });
}

#[test]
fn what_is_refused() {
    let world = world("optional", false, |_| {});
    let root = &world.root;
    // Without a certificate a request is anonymous.
    assert_eq!(world.status(None, "/a"), Some(200));
    assert_eq!(world.status(None, "/b"), Some(401));
    // What does not verify is no connection, and not anonymous.
    let other = Authority::root("root");
    let expired = root.issue(4, |params| {
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        params.subject_alt_names = vec![rcgen::SanType::URI(BACKEND.try_into().unwrap())];
    });
    for (what, client) in [
        ("another authority", other.workload(2, &[BACKEND])),
        (
            "an unknown authority between",
            other.below("x").workload(2, &[BACKEND]),
        ),
        ("expired", expired),
    ] {
        assert_eq!(world.status(Some(&client), "/a"), None, "{what}");
    }
    // What verifies and is nobody is refused everywhere, also where anybody may.
    for (uris, status, said) in [
        (
            &[BACKEND, "spiffe://prod.example/role/locked"][..],
            401,
            "invalid_claims",
        ),
        (&["https://a.example", BACKEND], 401, "invalid_claims"),
        (
            &["spiffe://prod.example/role/%62ackend"],
            401,
            "invalid_claims",
        ),
        (&["spiffe://prod.example"], 401, "invalid_claims"),
        (
            &["spiffe://test.example/role/backend"],
            401,
            "unknown_issuer",
        ),
        (&["spiffe://prod.example/group/x"], 403, "no_principal"),
        (&["spiffe://prod.example/role/nobody"], 403, "no_principal"),
        (
            &["spiffe://prod.example/role/locked"],
            403,
            "role_not_trusted",
        ),
        (&["https://a.example/"], 403, "no_principal"),
        (&[], 403, "no_principal"),
    ] {
        let answer = world.get(Some(&root.workload(5, uris)), "/a").unwrap();
        assert_eq!(answer.status, status, "{uris:?}: {}", answer.text());
        let id = answer.header("x-sidegate-request-id").unwrap().to_owned();
        let record = eventually("the record", || {
            let records = world.site.audit();
            records
                .into_iter()
                .find(|record| record["requestID"] == *id)
        });
        assert_eq!(
            record["additionalEventData"]["reason"], said,
            "{uris:?}: {record}"
        );
    }
    let log = world.sidegate.log();
    for provider in ["mesh", "machines"] {
        let named = |line: &&str| {
            line.contains("no principal") && line.contains(&format!("\"{provider}\""))
        };
        assert!(log.lines().any(|line| named(&line)), "{provider}: {log}");
    }
}

/// On connections that are open, and in sessions that are resumed, of which no handshake verifies anything.
#[test]
fn a_chain_is_good_until_its_first_end() {
    let world = world("required", false, |_| {});
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let end = now.unwrap() + Duration::from_secs(12);
    let below = world.root.below_that("short", |params| {
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(end.as_secs());
    });
    let client = client_of(&world.root.pem, Some(&below.workload(2, &[BACKEND])));
    let connect = || connect_as(world.sidegate.ingress, &client);
    let mut open = connect();
    assert_eq!(get(&mut open, "/b", &[]).unwrap().status, 200);
    let mut resumed = connect();
    assert_eq!(get(&mut resumed, "/b", &[]).unwrap().status, 200);
    for (what, connection) in [("open", &mut open), ("resumed", &mut resumed)] {
        eventually(what, || {
            let status = get(connection, "/b", &[]).unwrap().status;
            (status == 401).then_some(())
        });
    }
    // A session of before is resumed still: a handshake of its own would fail.
    let answer = get(&mut connect(), "/b", &[]).unwrap();
    assert_eq!(answer.status, 401, "{}", answer.text());
    let id = answer.header("x-sidegate-request-id").unwrap().to_owned();
    let record = eventually("the record", || {
        let records = world.site.audit();
        records
            .into_iter()
            .find(|record| record["requestID"] == *id)
    });
    assert_eq!(
        record["additionalEventData"]["reason"], "expired_credential",
        "{record}"
    );
    assert_eq!(
        world.status(Some(&below.workload(3, &[BACKEND])), "/b"),
        None
    );
}

#[test]
fn a_revocation_reaches_open_connections() {
    let world = world("optional", true, |_| {});
    let root = &world.root;
    let (one, other) = (root.workload(7, &[BACKEND]), root.workload(8, &[BACKEND]));
    let mut connections = [world.connect(Some(&one)), world.connect(Some(&other))];
    for connection in &mut connections {
        assert_eq!(get(connection, "/b", &[]).unwrap().status, 200);
    }
    // An authority without a list: nobody knows what it has revoked.
    let below = root.below("issuing").workload(9, &[BACKEND]);
    assert_eq!(world.status(Some(&below), "/b"), None);

    world.replace("revoked.pem", &root.revoked(&[7, 99]));
    eventually("the revocation", || {
        (get(&mut connections[0], "/b", &[]).unwrap().status == 401).then_some(())
    });
    assert_eq!(get(&mut connections[0], "/a", &[]).unwrap().status, 401);
    assert_eq!(get(&mut connections[1], "/b", &[]).unwrap().status, 200);
    assert_eq!(world.status(Some(&one), "/b"), None);
    assert_eq!(world.status(Some(&other), "/b"), Some(200));

    // Half a list changes nothing, and is told.
    let next = root.revoked(&[8]);
    world.site.write("revoked.pem", &next[..next.len() / 2]);
    eventually("the fault", || (world.failed() == Some(1.0)).then_some(()));
    assert_eq!(get(&mut connections[1], "/b", &[]).unwrap().status, 200);
    assert_eq!(get(&mut connections[0], "/b", &[]).unwrap().status, 401);
    assert_eq!(world.status(Some(&one), "/b"), None);
    assert!(
        world.sidegate.log().contains("revoked.pem"),
        "{}",
        world.sidegate.log()
    );
    world.site.write("revoked.pem", &next);
    eventually("the mended list", || {
        (world.failed() == Some(0.0)).then_some(())
    });
    assert_eq!(get(&mut connections[1], "/b", &[]).unwrap().status, 401);
    assert_eq!(get(&mut connections[0], "/b", &[]).unwrap().status, 200);
}

/// A stream, which goes on and on, over a connection with this certificate.
fn stream(world: &World, client: &Holder) -> Connection {
    let mut connection = world.connect(Some(client));
    connection.send(b"GET /b HTTP/1.1\r\nHost: app.example\r\nAccept: text/event-stream\r\n\r\n");
    let mut start = [0; 15];
    connection.stream().read_exact(&mut start).unwrap();
    assert!(start.starts_with(b"HTTP/1.1 200"), "{start:?}");
    connection
}

/// How long it takes to its end, which may be a reset.
fn end_of(mut stream: Connection) -> Duration {
    let began = Instant::now();
    let _ = stream.stream().read_to_end(&mut Vec::new());
    began.elapsed()
}

#[test]
fn open_streams_end_with_their_certificate() {
    let world = world_before(endless(), "optional", true, |_| {});
    let root = &world.root;
    let (revoked, other) = (root.workload(7, &[BACKEND]), root.workload(8, &[BACKEND]));
    let (ends, mut lasts) = (stream(&world, &revoked), stream(&world, &other));
    world.replace("revoked.pem", &root.revoked(&[7]));
    let after = end_of(ends);
    assert!(after < Duration::from_secs(10), "revoked: {after:?}");
    lasts.stream().read_exact(&mut [0; 100]).unwrap();

    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let end = now.unwrap() + Duration::from_secs(5);
    let short = root.issue(9, |params| {
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + end;
        params.subject_alt_names = vec![rcgen::SanType::URI(BACKEND.try_into().unwrap())];
    });
    let after = end_of(stream(&world, &short));
    assert!(after < Duration::from_secs(12), "expired: {after:?}");
    lasts.stream().read_exact(&mut [0; 100]).unwrap();
    for reason in ["revoked_credential", "expired_credential"] {
        eventually(reason, || {
            let records = world.site.audit();
            let mut reasons = records
                .iter()
                .map(|record| &record["additionalEventData"]["reason"]);
            reasons.any(|found| found == reason).then_some(())
        });
    }
}

#[test]
fn a_revocation_list_past_its_time_counts_and_is_told_of() {
    let world = world("required", true, |_| {});
    let until = "sidegate_certificate_lists_next_update_timestamp_seconds{listener=\"ingress\"}";
    eventually("when the list ends", || {
        (world.sidegate.metric(until) == Some(4_039_372_800.0)).then_some(())
    });
    assert!(!world.sidegate.log().contains("nextUpdate"));
    world.replace("revoked.pem", &world.root.revoked_until(&[7], 2022));
    eventually("the warning", || {
        let log = world.sidegate.log();
        let told = log.contains("past its nextUpdate") && log.contains("2022-01-01T00:00:00Z");
        told.then_some(())
    });
    assert_eq!(world.sidegate.metric(until), Some(1_640_995_200.0));
    let [bad, good] = [7, 8].map(|serial| world.root.workload(serial, &[BACKEND]));
    assert_eq!(world.status(Some(&bad), "/b"), None);
    assert_eq!(world.status(Some(&good), "/b"), Some(200));
}

#[test]
fn a_certificate_ends_under_an_open_connection() {
    let world = world("required", false, |_| {});
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let end = now.unwrap() + Duration::from_secs(5);
    let short = world.root.issue(7, |params| {
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + end;
        params.subject_alt_names = vec![rcgen::SanType::URI(BACKEND.try_into().unwrap())];
    });
    let mut connection = world.connect(Some(&short));
    // On a machine that is too busy to get so far in time there is nothing to see before the end.
    if let Some(answer) = get(&mut connection, "/b", &[]) {
        assert!(matches!(answer.status, 200 | 401), "{}", answer.text());
        let answer = eventually("the certificate's end", || {
            get(&mut connection, "/b", &[]).filter(|answer| answer.status == 401)
        });
        assert!(answer.text().contains("ExpiredToken"), "{}", answer.text());
    }
    // A handshake still succeeds within the certificate's last second, which requests do not.
    eventually("no more connections", || {
        world.status(Some(&short), "/a").is_none().then_some(())
    });
}

#[test]
fn authorities_are_replaced_under_open_connections() {
    let world = world("required", false, |_| {});
    let old = world.root.workload(7, &[BACKEND]);
    let next = Authority::root("next");
    let new = next.workload(7, &[BACKEND]);
    assert_eq!(world.status(None, "/a"), None);
    let mut connection = world.connect(Some(&old));
    assert_eq!(get(&mut connection, "/b", &[]).unwrap().status, 200);
    assert_eq!(world.status(Some(&new), "/b"), None);

    // Both while they are being replaced.
    world.replace("clients.pem", &format!("{}{}", world.root.pem, next.pem));
    eventually("the new authority", || {
        (world.status(Some(&new), "/b") == Some(200)).then_some(())
    });
    assert_eq!(get(&mut connection, "/b", &[]).unwrap().status, 200);

    fs::rename(world.site.path("clients.pem"), world.site.path("kept")).unwrap();
    for broken in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n", "no certificate"] {
        world.site.write("clients.pem", broken);
        eventually("the fault", || (world.failed() == Some(1.0)).then_some(()));
        assert_eq!(world.status(Some(&new), "/b"), Some(200));
        assert_eq!(get(&mut connection, "/b", &[]).unwrap().status, 200);
    }
    // What was there before comes back as it was: nothing to read, and nothing wrong any more.
    fs::rename(world.site.path("kept"), world.site.path("clients.pem")).unwrap();
    eventually("the fault's end", || {
        (world.failed() == Some(0.0)).then_some(())
    });
    world.replace("clients.pem", &next.pem);
    eventually("the old authority's end", || {
        (get(&mut connection, "/b", &[]).unwrap().status == 401).then_some(())
    });
    assert_eq!(world.failed(), Some(0.0));
    assert_eq!(world.status(Some(&old), "/b"), None);
    assert_eq!(world.status(Some(&new), "/b"), Some(200));
    // The last one said it by SIGHUP, too.
    world.sidegate.signal("HUP");
    assert_eq!(world.status(Some(&new), "/b"), Some(200));
}
