//! Tokens, from the socket to the upstream: every algorithm, every place that keys come from, users and role sessions,
//! and what is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use sidegate::cli::demo::issuer;
use sidegate::cli::demo::keys::{ALGORITHMS, Keys, claims};
use sidegate::cli::demo::server::Server;
use sidegate::clock::Clock;
use tokio::runtime::Runtime;

use crate::support::{Answer, Sidegate, Site, Upstream, request};

pub(crate) const USER: &str = "arn:aws:iam::555566667777:user/alice";
const AUDIENCE: &str = "app";

/// One issuer: its keys are its own.
pub(crate) struct Issuer {
    name: &'static str,
    url: String,
    keys: Keys,
}

impl Issuer {
    pub(crate) fn claims(&self, subject: &str) -> Map<String, Value> {
        let now = Clock::machine().now();
        claims(&self.url, AUDIENCE, subject, now, 600)
    }

    pub(crate) fn sign(&self, algorithm: &str, claims: &Map<String, Value>) -> String {
        self.keys.sign(algorithm, claims).unwrap()
    }
}

/// A sidecar with three issuers: keys in a file of the bundle, by URL, and by discovery.
pub(crate) struct World {
    pub(crate) issuers: [Issuer; 3],
    pub(crate) sidegate: Sidegate,
    pub(crate) site: Site,
    _servers: [Server; 2],
    _runtime: Runtime,
}

pub(crate) fn world() -> World {
    world_with("", &[])
}

/// The same, with more in `sidegate.yaml`, and more files beside it.
pub(crate) fn world_with(more: &str, files: &[(&str, &str)]) -> World {
    let runtime = Runtime::new().unwrap();
    let keys = || Keys::make().unwrap();
    let [file, url, found] = [keys(), keys(), keys()];
    let serve = |keys| runtime.block_on(issuer::serve(keys)).unwrap();
    let servers = [serve(&url), serve(&found)];
    let [jwks, discovery] = [0, 1].map(|at: usize| servers[at].address());
    let upstream = Upstream::start();
    let site = Site::with_bundle(&upstream, "nothing");
    let issuers = [
        ("file", "https://file.example/realm".to_owned(), file),
        ("url", "https://url.example".to_owned(), url),
        ("found", format!("http://{discovery}/found"), found),
    ]
    .map(|(name, url, keys)| Issuer { name, url, keys });
    let sources = [
        "file: file.jwks.json".to_owned(),
        format!("url: \"http://{jwks}/url/jwks\""),
        "discovery: true".to_owned(),
    ];
    let maps = [
        "{ user: \"{claim:name}\", groups: \"{claim:groups}\" }",
        "{ role: url, session_name: \"{claim:sub}\" }",
        "{ role: \"{claim:role}\", session_name: \"{claim:sub}\" }",
    ];
    site.write(
        "policies/identity-providers/file.jwks.json",
        &issuers[0].keys.jwks().to_string(),
    );
    for ((issuer, source), map) in issuers.iter().zip(sources).zip(maps) {
        site.write(
            &format!("policies/identity-providers/{}.yaml", issuer.name),
            &format!(
                "type: oidc\naccount: \"555566667777\"\nissuer: \"{}\"\naudiences: [{AUDIENCE}]\nkeys: {{ {source} }}\n\
                 algorithms: [{}]\nmap: {map}\n",
                issuer.url,
                ALGORITHMS.join(", ")
            ),
        );
    }
    let account = "policies/accounts/555566667777-app";
    let allow = |name: &str| {
        json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "app:Use", "Resource": format!("arn:aws:app::555566667777:{name}"),
        }})
    };
    site.write(&format!("{account}/users/alice.yaml"), "path: /\n");
    site.write(
        &format!("{account}/groups/readers.yaml"),
        &json!({"inline_policies": {"read": allow("group")}}).to_string(),
    );
    for issuer in &issuers[1..] {
        let (_, place) = issuer.url.split_once("://").unwrap();
        let trust = json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow",
            "Principal": {"Federated": format!("arn:aws:iam::555566667777:oidc-provider/{place}")},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {
                (format!("{place}:aud")): AUDIENCE,
                (format!("{place}:sub")): "worker",
            }},
        }});
        site.write(
            &format!("{account}/roles/{}.yaml", issuer.name),
            &json!({"trust_policy": trust, "inline_policies": {"use": allow(issuer.name)}})
                .to_string(),
        );
    }
    let mut settings = std::fs::read_to_string(site.path("sidegate.yaml")).unwrap();
    settings.push_str(more);
    site.write("sidegate.yaml", &settings);
    for (name, content) in files {
        site.write(name, content);
    }
    let sidegate = Sidegate::start(&site);
    World {
        issuers,
        sidegate,
        site,
        _servers: servers,
        _runtime: runtime,
    }
}

impl World {
    pub(crate) fn get(&self, target: &str, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [
            ("Authorization", &*bearer),
            (
                "X-Sidegate-Principal-Arn",
                "arn:aws:iam::555566667777:user/evil",
            ),
            ("X-Sidegate-Session-Name", "evil"),
        ];
        request(self.sidegate.ingress, "GET", "app", target, &headers)
    }

    /// That the upstream hears of this principal, once, and of nothing else.
    fn reaches(&self, target: &str, token: &str, principal: &str, session: Option<&str>) {
        let answer = self.get(target, token);
        let heard = answer.text();
        assert_eq!(answer.status, 200, "{target}: {heard}");
        let fields: Vec<(String, &str)> = heard
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase().replace('_', "-"), value))
            .collect();
        let values = |wanted: &str| -> Vec<&str> {
            let found = fields.iter().filter(|(name, _)| name == wanted);
            found.map(|(_, value)| *value).collect()
        };
        assert_eq!(values("x-sidegate-principal-arn"), [principal]);
        assert_eq!(values("x-sidegate-principal-account"), ["555566667777"]);
        assert_eq!(
            values("x-sidegate-session-name"),
            Vec::from_iter(session),
            "{heard}"
        );
        assert!(values("authorization").is_empty(), "{heard}");
        assert!(!heard.contains("evil") && !heard.contains(token), "{heard}");
    }

    fn refuses(&self, what: &str, token: &str, error: &str) {
        let answer = self.get("/group", token);
        assert_eq!(answer.status, 401, "{what}: {}", answer.text());
        let challenge = answer.header("www-authenticate");
        let expected = format!("Bearer realm=\"sidegate\", error=\"invalid_token\"{error}");
        assert_eq!(challenge, Some(&*expected), "{what}");
    }
}

pub(crate) fn with(mut claims: Map<String, Value>, more: Value) -> Map<String, Value> {
    claims.extend(serde_json::from_value::<Map<_, _>>(more).unwrap());
    claims
}

/// A credential that is named away is none the less one: a bad one must not make its sender anonymous.
#[test]
fn no_credential_is_for_one_hop() {
    let world = world_with("tokens: { header: X-Token, cookie: sess }\n", &[]);
    let ask = |name, value| {
        let connection = format!("{name}, close");
        let headers = [(name, value), ("Connection", &*connection)];
        request(world.sidegate.ingress, "POST", "app", "/upload", &headers).status
    };
    assert_eq!(ask("X-Other", "x"), 200, "anybody may");
    for (name, value) in [
        ("Authorization", "Bearer bad"),
        ("X-Api-Key", "sgk_bad"),
        ("X-Token", "bad"),
        ("Cookie", "sess=bad"),
        ("DPoP", "bad"),
        ("X-Amz-Security-Token", "bad"),
    ] {
        assert_eq!(ask(name, value), 400, "{name}");
    }
}

#[test]
fn every_algorithm_from_every_place_of_keys() {
    let world = world();
    let [file, url, found] = &world.issuers;
    for algorithm in ALGORITHMS {
        let member = json!({"name": "alice", "groups": ["readers", "elsewhere"]});
        let token = file.sign(algorithm, &with(file.claims("1"), member));
        world.reaches("/group", &token, USER, None);
        let outsider = json!({"name": "alice", "groups": ["elsewhere"]});
        let token = file.sign(algorithm, &with(file.claims("1"), outsider));
        assert_eq!(world.get("/group", &token).status, 403, "{algorithm}");

        let token = url.sign(algorithm, &url.claims("worker"));
        let session = "arn:aws:sts::555566667777:assumed-role/url/worker";
        world.reaches("/url", &token, session, Some("worker"));
        assert_eq!(world.get("/found", &token).status, 403, "{algorithm}");

        let token = found.sign(
            algorithm,
            &with(found.claims("worker"), json!({"role": "found"})),
        );
        let session = "arn:aws:sts::555566667777:assumed-role/found/worker";
        world.reaches("/found", &token, session, Some("worker"));
    }
    // One token of each algorithm was sent a second time.
    let hits = "sidegate_cache_events_total{cache=\"tokens\",event=\"hit\"}";
    assert_eq!(world.sidegate.metric(hits), Some(5.0));
}

#[test]
fn what_a_trust_policy_does_not_let_in() {
    let world = world();
    let [_, url, found] = &world.issuers;
    for (what, issuer, subject, more) in [
        ("another subject", url, "intruder", json!({})),
        (
            "another provider's role",
            found,
            "worker",
            json!({"role": "url"}),
        ),
        ("no such role", found, "worker", json!({"role": "root"})),
        ("no role", found, "worker", json!({})),
    ] {
        let token = issuer.sign("ES256", &with(issuer.claims(subject), more));
        for target in ["/url", "/found"] {
            let answer = world.get(target, &token);
            assert_eq!(answer.status, 403, "{what}: {}", answer.text());
        }
    }
}

#[test]
fn what_is_no_credential() {
    let world = world();
    let [file, url, _] = &world.issuers;
    let alice = || {
        with(
            file.claims("1"),
            json!({"name": "alice", "groups": ["readers"]}),
        )
    };
    let good = file.sign("ES256", &alice());
    world.reaches("/group", &good, USER, None);

    let now = Clock::machine().now().seconds();
    let old = json!({"iat": now - 7200, "exp": now - 3600});
    let expired = file.sign("ES256", &with(alice(), old));
    world.refuses(
        "expired",
        &expired,
        ", error_description=\"The token expired\"",
    );
    let elsewhere = file.sign("RS256", &with(alice(), json!({"aud": "other"})));
    world.refuses("another audience", &elsewhere, "");
    let early = json!({"nbf": now + 3600});
    let early = file.sign("EdDSA", &with(alice(), early));
    world.refuses("not yet", &early, "");
    let stranger = file.sign(
        "ES256",
        &with(alice(), json!({"iss": "https://evil.example"})),
    );
    world.refuses("no such issuer", &stranger, "");
    let borrowed = url.sign("ES256", &alice());
    world.refuses("another issuer's key", &borrowed, "");

    let (message, signature) = good.rsplit_once('.').unwrap();
    let (_, payload) = message.split_once('.').unwrap();
    for algorithm in ["none", "None", "HS256", "RS256"] {
        let header = json!({"alg": algorithm, "kid": "demo-es256", "typ": "JWT"}).to_string();
        let header = URL_SAFE_NO_PAD.encode(header);
        for signature in ["", signature] {
            let token = format!("{header}.{payload}.{signature}");
            world.refuses(algorithm, &token, "");
        }
    }
}

/// What a client says of itself under our names is taken from it in every spelling, or the request is refused.
#[test]
fn a_client_names_no_principal() {
    let world = world();
    let [file, ..] = &world.issuers;
    let member = json!({"name": "alice", "groups": ["readers"]});
    let token = file.sign("ES256", &with(file.claims("1"), member));
    let bearer = format!("Bearer {token}");
    for name in [
        "x_sidegate_principal_arn",
        "X-Sidegate_Principal.Arn",
        "x-sidegate-anything",
    ] {
        let headers = [("Authorization", &*bearer), (name, "evil")];
        let ingress = world.sidegate.ingress;
        let answer = request(ingress, "GET", "app", "/group", &headers);
        let heard = answer.text().to_ascii_lowercase();
        assert_eq!(answer.status, 200, "{name}: {heard}");
        assert!(!heard.contains("evil"), "{name}: {heard}");
        let principal = format!("x-sidegate-principal-arn: {USER}\r\n");
        assert!(heard.contains(&principal), "{heard}");
        assert!(!heard.contains("authorization"), "{heard}");
    }
}
