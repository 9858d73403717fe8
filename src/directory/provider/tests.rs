use super::*;
use crate::source::{Severity, json};

const GOOD: &str = r#"{
  "type": "oidc",
  "account": "222222222222",
  "trusted_in": ["222222222222", "555566667777"],
  "issuer": "https://idp.securecart.example/realms/main",
  "audiences": ["orders-api"],
  "keys": { "discovery": true },
  "algorithms": ["RS256", "ES256", "EdDSA"],
  "map": {
    "role": "{claim:realm_access.roles}",
    "session_name": "{claim:sub}",
    "groups": "{claim:groups|strip:corp-}",
    "tags": { "team": "{claim:team}" },
    "source_identity": "{claim:email}",
    "mfa": { "claim": "amr", "any_of": ["mfa", "otp"], "time": "auth_time" }
  }
}"#;

fn read(text: &str) -> (Option<Provider>, Vec<String>) {
    let mut report = Report::on("identity-providers/corp.yaml");
    let node = json::read(text, &mut report).unwrap();
    let provider = Provider::read(&node, "corp", &mut report);
    assert!(
        report
            .faults()
            .iter()
            .all(|fault| fault.severity == Severity::Error)
    );
    let faults = report
        .faults()
        .iter()
        .map(crate::source::Fault::line)
        .collect();
    (provider, faults)
}

/// GOOD with one text replaced by another; the faults that come of it.
fn faults(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    read(&GOOD.replacen(from, to, 1)).1
}

#[test]
fn a_whole_provider() {
    let (provider, faults) = read(GOOD);
    assert_eq!(faults, Vec::<String>::new());
    let provider = provider.unwrap();
    let production = AccountId::parse("555566667777").unwrap();
    assert_eq!(
        provider.arn("aws", production),
        "arn:aws:iam::555566667777:oidc-provider/idp.securecart.example/realms/main"
    );
    assert!(provider.exists_in(production));
    assert_eq!(provider.leeway, Duration::from_secs(30));
    assert_eq!(
        provider.max_token_lifetime,
        Duration::from_secs(366 * 86_400)
    );
    assert_eq!(provider.keys.source, KeySource::Discovery);
    assert_eq!(
        provider.algorithms,
        [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa]
    );
    let Target::Role { roles, tags, .. } = &provider.map.target else {
        panic!("a role");
    };
    assert_eq!((roles.len(), tags.len()), (1, 1));
}

#[test]
fn every_fault_is_found_with_its_place() {
    for (from, to, id) in [
        ("\"oidc\"", "\"saml\"", "needs the key `metadata`"),
        ("\"oidc\"", "\"spiffe\"", "needs the key `trust_domain`"),
        ("\"oidc\"", "\"x509\"", "unknown key `issuer`"),
        (
            "\"audiences\"",
            "\"require_binding\": \"mtls\", \"audiences\"",
            "binds no token",
        ),
        (
            "\"role\"",
            "\"service\": \"a.b\", \"role\"",
            "unknown key `service`",
        ),
        ("\"oidc\"", "\"oidcc\"", "did you mean `oidc`?"),
        (
            "\"222222222222\"",
            "\"2222\"",
            "3:14: error[malformed-account]",
        ),
        (
            "\"222222222222\"",
            "222222222222",
            "(write \"222222222222\")",
        ),
        ("https://idp", "http://idp", "error[plain-http]"),
        ("https://idp", "https://x@idp", "error[malformed-url]"),
        ("realms/main", "realms?x", "an issuer has no query"),
        ("idp.securecart.example", "STS", "error[reserved-issuer]"),
        (
            "idp.securecart.example/realms/main",
            "aws:8443",
            "error[reserved-issuer]",
        ),
        ("[\"orders-api\"]", "[]", "at least one of `audiences`"),
        (
            "\"discovery\": true",
            "\"discovery\": false",
            "exactly one of",
        ),
        (
            "\"discovery\": true",
            "\"discovery\": true, \"url\": \"https://a.b/\"",
            "exactly one of",
        ),
        (
            "\"discovery\": true",
            "\"file\": \"../x.json\"",
            "malformed-path",
        ),
        (
            "\"discovery\": true",
            "\"url\": \"http://10.0.0.1/\"",
            "plain-http",
        ),
        (
            "\"discovery\": true",
            "\"discovery\": true, \"ca_file\": \"ca.pem\"",
            "absolute path",
        ),
        (
            "\"discovery\": true",
            "\"discovery\": true, \"refresh\": 86400, \"x\": 1",
            "unknown key `x`",
        ),
        ("\"RS256\"", "\"HS256\"", "unknown-algorithm"),
        ("\"RS256\"", "\"none\"", "unknown-algorithm"),
        (
            "\"algorithms\"",
            "\"algoritms\"",
            "did you mean `algorithms`?",
        ),
        ("{claim:team}", "{claims:team}", "malformed-template"),
        ("{claim:team}", "", "malformed-template"),
        ("\"team\":", "\"aws:team\":", "malformed-tag"),
        ("\"team\":", "\"Team\": \"x\", \"team\":", "duplicate-tag"),
        ("\"role\"", "\"user\"", "exclude each other"),
        ("\"amr\"", "\"am r\"", "malformed-claim"),
        ("[\"mfa\", \"otp\"]", "[]", "any_of"),
        (
            "\"audiences\"",
            "\"max_stale\": 60, \"audiences\"",
            "shorter than `refresh`",
        ),
        (
            "\"audiences\"",
            "\"leeway\": 301, \"audiences\"",
            "from 0 to 300",
        ),
    ] {
        let found = faults(from, to);
        assert!(
            found.iter().any(|fault| fault.contains(id)),
            "{from} -> {to}: {found:?}"
        );
    }
}

#[test]
fn defaults() {
    let (provider, faults) = read(
        r#"{ "type": "oidc", "account": "222222222222", "issuer": "http://127.0.0.1:9/",
             "audiences": ["a"], "keys": { "file": "keys/corp.json" } }"#,
    );
    assert_eq!(faults, Vec::<String>::new());
    let mut provider = provider.unwrap();
    assert_eq!(provider.trusted_in, [provider.account]);
    assert_eq!(provider.host_and_path(), "127.0.0.1:9/");
    assert_eq!(provider.key_file(), Some("keys/corp.json"));
    for (text, good) in [
        (r#"{"keys":[{"kty":"OKP"}]}"#, true),
        (r#"{"keys":[]}"#, false),
        (r#"{"keys":{}}"#, false),
        ("[]", false),
        ("nonsense", false),
    ] {
        let mut report = Report::on("keys/corp.json");
        provider.attach_keys(text, &mut report);
        assert_eq!(!report.has_errors(), good, "{text}");
    }
}

#[test]
fn providers_of_certificates() {
    let certificates = |more: &str| read(&format!(r#"{{"account":"222222222222",{more}}}"#));
    let (provider, faults) = certificates(
        r#""type":"spiffe","trust_domain":"prod.example","authorities":"ca.pem","map":{"role":"{claim:path|strip:/role/}"}"#,
    );
    assert_eq!(faults, Vec::<String>::new());
    let provider = provider.unwrap();
    assert_eq!(
        (provider.kind, &*provider.issuer),
        (Kind::Spiffe, "spiffe://prod.example")
    );
    assert_eq!(provider.key_file(), Some("ca.pem"));
    // Its content is not there yet: nobody's word is taken.
    assert_eq!(provider.authorities(), Some(""));
    assert_eq!(
        provider.arn("aws", provider.account),
        "arn:aws:iam::222222222222:spiffe-provider/prod.example"
    );
    let (provider, faults) = certificates(r#""type":"x509","map":{"service":"{claim:dns}"}"#);
    assert_eq!(faults, Vec::<String>::new());
    let provider = provider.unwrap();
    assert!(matches!(provider.map.target, Target::Service(_)));
    assert_eq!(provider.authorities(), None);
    for (text, id) in [
        (
            r#""type":"spiffe","trust_domain":"Prod.example""#,
            "no trust domain",
        ),
        (
            r#""type":"spiffe","trust_domain":"sts""#,
            "error[reserved-issuer]",
        ),
        (
            r#""type":"spiffe","trust_domain":"spiffe://prod.example""#,
            "no trust domain",
        ),
        (
            r#""type":"spiffe","trust_domain":"a","authorities":"/etc/ca.pem""#,
            "file of the bundle",
        ),
        (
            r#""type":"spiffe","trust_domain":"a","authorities":"../ca.pem""#,
            "malformed-path",
        ),
        (
            r#""type":"spiffe","trust_domain":"a","audiences":["x"]"#,
            "unknown key `audiences`",
        ),
        (
            r#""type":"x509","trust_domain":"a""#,
            "unknown key `trust_domain`",
        ),
        (
            r#""type":"x509","map":{"service":"billing"}"#,
            "no name of a service",
        ),
        (
            r#""type":"x509","map":{"service":"a.b","role":"c"}"#,
            "unknown key `role`",
        ),
    ] {
        let (_, faults) = certificates(text);
        assert!(
            faults.iter().any(|fault| fault.contains(id)),
            "{text}: {faults:?}"
        );
    }
}

#[test]
fn how_opaque_tokens_are_asked_about() {
    let with = |keys: &str, introspection: &str| {
        read(&format!(
            r#"{{ "type": "oidc", "account": "222222222222", "issuer": "https://idp.example",
                "audiences": ["a", "b"], "keys": {keys}, "introspection": {introspection} }}"#
        ))
    };
    let discovery = r#"{ "discovery": true, "ca_file": "/etc/ca.pem" }"#;
    let least = r#"{ "client_id": "c", "client_secret_file": "/run/secret" }"#;
    let (provider, faults) = with(discovery, least);
    assert_eq!(faults, Vec::<String>::new());
    let introspection = provider.unwrap().introspection.unwrap();
    assert_eq!(introspection.endpoint, None);
    assert_eq!(introspection.max_age, Duration::from_secs(30));
    assert_eq!(introspection.ca_file.as_deref(), Some("/etc/ca.pem"));
    let secret = ClientProof::Secret("/run/secret".into());
    assert_eq!(introspection.proof, secret);
    let by_key = r#"{ "client_id": "c", "client_key_file": "/run/key", "client_key_id": "k" }"#;
    let key = ClientProof::Key {
        file: "/run/key".into(),
        id: Some("k".into()),
    };
    let (provider, _) = with(discovery, by_key);
    assert_eq!(provider.unwrap().introspection.unwrap().proof, key);
    for (keys, more, fault) in [
        (
            discovery,
            "\"client_secret_file\": \"/s\"",
            "needs the key `client_id`",
        ),
        (
            discovery,
            "\"client_id\": \"c\"",
            "needs the key `client_secret_file`",
        ),
        (discovery, "\"client_secret_file\": \"s\"", "absolute path"),
        (
            discovery,
            r#""client_id": "c", "client_key_file": "k""#,
            "absolute path",
        ),
        (
            discovery,
            r#""client_id": "c", "client_secret_file": "/s", "client_key_file": "/k""#,
            "leave out the secret",
        ),
        (
            discovery,
            r#""client_id": "c", "client_secret_file": "/s", "client_key_id": "k""#,
            "leave out the secret",
        ),
        (discovery, "\"ca_file\": \"s\"", "absolute path"),
        (discovery, "\"url\": \"http://10.0.0.1/\"", "plain-http"),
        (discovery, "\"max_age\": 0", "from 1 to 3600"),
        (discovery, "\"token_prefix\": \"eyJ\"", "no JWT does"),
        (discovery, "\"token_prefix\": \"\"", "no JWT does"),
        (discovery, "\"token_prefix\": \"a b\"", "no JWT does"),
        (
            discovery,
            "\"default_audience\": \"c\"",
            "none of the provider's",
        ),
        (discovery, "\"secret\": \"c\"", "unknown key `secret`"),
        (
            r#"{ "url": "https://x.example/" }"#,
            "\"max_age\": 5",
            "needs the key `url`",
        ),
    ] {
        let whole = more.contains("client");
        let rest = r#", "client_id": "c", "client_secret_file": "/run/secret""#;
        let introspection = format!("{{ {more}{} }}", if whole { "" } else { rest });
        let (_, faults) = with(keys, &introspection);
        assert!(
            faults.iter().any(|found| found.contains(fault)),
            "{more}: {faults:?}"
        );
    }
}
